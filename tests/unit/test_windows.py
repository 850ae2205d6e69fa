"""Windows and freezes: one decision for approvals, rule packs and roll-outs, each window in its own time zone."""

from datetime import datetime
from typing import Any

import pytest

from support.zone_project import ZONE
from zonewright.declare.checks.windows import window_faults
from zonewright.model import Zone
from zonewright.model.window import ChangeWindow, Freeze
from zonewright.seal.window import closed, zone_closed

SHANGHAI = "Asia/Shanghai"
WINDOWS = (
    ChangeWindow(days=("mon",), opens="22:00", closes="02:00", time_zone=SHANGHAI),
    ChangeWindow(days=("sat",), opens="08:00", closes="18:00", time_zone=SHANGHAI),
)
FREEZE = Freeze(first="2026-12-20", last="2027-01-06", time_zone=SHANGHAI, reason="end of the year")


@pytest.mark.parametrize(
    ("moment", "is_closed"),
    [
        ("2026-11-23T22:30+08:00", False),  # Monday night
        ("2026-11-23T14:30+00:00", False),  # the same, said in UTC
        ("2026-11-24T01:59+08:00", False),  # still Monday's window
        ("2026-11-24T02:00+08:00", True),
        ("2026-11-23T21:59+08:00", True),
        ("2026-11-22T23:00+08:00", True),  # Sunday
        ("2026-11-28T12:00+08:00", False),  # Saturday noon
        ("2026-12-28T23:00+08:00", True),  # a Monday within the freeze
        ("2027-01-06T17:00+00:00", True),  # already the 7th in Shanghai, a Thursday
    ],
)
def test_windows_and_freezes(moment: str, *, is_closed: bool) -> None:
    """A window past midnight belongs to the day on which it begins; a freeze closes it."""
    assert bool(closed(WINDOWS, (FREEZE,), datetime.fromisoformat(moment))) == is_closed


def test_days_of_a_freeze_are_those_of_its_time_zone() -> None:
    """A freeze ends when its last day ends where it holds, wherever the operator sits."""
    assert closed((), (FREEZE,), datetime.fromisoformat("2027-01-06T15:59+00:00"))
    assert not closed((), (FREEZE,), datetime.fromisoformat("2027-01-06T16:00+00:00"))


def _zone(**packs: dict[str, Any]) -> Zone:
    made = {
        name: {"title": name.title(), "valid_from": "2026-01-01", "valid_until": "2030-12-31", **more}
        for name, more in packs.items()
    }
    return Zone.model_validate({**ZONE, "rule_packs": made, "rule_pack": next(iter(packs))})


def test_each_pack_of_the_chain_must_let_it() -> None:
    """A pack that extends another one can only close more: both windows must be open, and no freeze of either holds."""
    night = {"days": ["mon"], "opens": "20:00", "closes": "04:00", "time_zone": "UTC"}
    late = {**night, "opens": "23:00"}
    zone = _zone(own={"extends": "base", "windows": [night]}, base={"windows": [late]})
    assert not zone_closed(zone, datetime.fromisoformat("2026-11-23T23:30+00:00"))
    why = zone_closed(zone, datetime.fromisoformat("2026-11-23T21:00+00:00"))
    assert why == "rule pack Base: changes are allowed only mon 23:00 to 04:00 UTC, not at mon 21:00 UTC"
    freeze = {"first": "2026-11-20", "last": "2026-11-30", "time_zone": "UTC", "reason": "the exchange is moved"}
    frozen = _zone(own={"extends": "base"}, base={"freeze": [freeze]})
    assert zone_closed(frozen, datetime.fromisoformat("2026-11-23T23:30+00:00")) == (
        "rule pack Base: changes are frozen from 2026-11-20 to 2026-11-30 (UTC): the exchange is moved"
    )
    assert not zone_closed(Zone.model_validate(ZONE), datetime.fromisoformat("2026-11-23T21:00+00:00"))


def test_faults_of_windows_are_told() -> None:
    """A time zone that there is not, a day that there is not and an end before the begin are three faults at once."""
    window = ChangeWindow(days=("mon",), opens="22:00", closes="02:00", time_zone="Mars/Base")
    backwards = Freeze(first="2026-12-20", last="2026-12-01", time_zone="UTC", reason="r")
    never = Freeze(first="2026-02-30", last="2026-12-01", time_zone="UTC", reason="r")
    found = [(fault.path, fault.what) for fault in window_faults("", ("rollout",), (window,), (backwards, never))]
    assert found == [
        (("rollout", "windows", "0", "time_zone"), "an unknown time zone"),
        (("rollout", "freeze", "0", "last"), "a freeze that ends before it begins"),
        (("rollout", "freeze", "1", "first"), "a day that does not exist"),
    ]

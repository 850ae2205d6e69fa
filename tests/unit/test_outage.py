"""Who goes down while something is out of service, who stays up on what, and what is said of it."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from support.zone_project import REPOSITORY, ZONE, cluster, facility
from zonewright.cli import main
from zonewright.declare.load import load_zone
from zonewright.model.expand import racks_of_row
from zonewright.model.site import Room, Row
from zonewright.model.works import minute_of
from zonewright.model.world import World
from zonewright.place import judge_declaration
from zonewright.rules.lost import Lost, UnknownSubjectError, lost_by, lost_with, to_drain, works_in
from zonewright.rules.outage import OutageReport, outage_of

REFERENCE = REPOSITORY / "stacks" / "zones" / "reference"
SINGLE = {**ZONE["node_types"]["one-u"], "power_supplies": 1, "power_supplies_required": 1}
WEAK = {**ZONE["node_types"]["one-u"], "power_supplies": 4, "power_supply_w": 65}
NIGHT = {"begins": "2026-12-01T22:00+08:00", "ends": "2026-12-02T02:00+08:00"}


def _write(folder: Path, site: dict[str, Any] | None = None, feeds: dict[str, Any] | None = None) -> Path:
    """A small zone with nodes of two supplies, of one on B, and of four that are too weak for half of them."""
    zone = {**ZONE, "node_types": {**ZONE["node_types"], "single": SINGLE, "weak": WEAK}}
    made = facility(2)
    made["sites"]["dc1"] |= site or {}
    for name, change in (feeds or {}).items():
        made["sites"]["dc1"]["rooms"]["a"]["rows"]["01"]["feeds"][name] |= change
    places = {"001": {"rack": "dc1/a/01/01", "position": 1}, "002": {"rack": "dc1/a/01/02", "position": 1}}
    tenant = {
        "owner": "tenant-a",
        "clusters": {
            "web": cluster(2, places=places),
            "old": cluster(1, node_type="single", feed="B", places={"001": {"rack": "dc1/a/01/01", "position": 2}}),
            "weak": cluster(1, node_type="weak", places={"001": {"rack": "dc1/a/01/01", "position": 3}}),
        },
    }
    for name, data in (("zone", zone), ("facility-operator", made), ("tenant-tenant-a", tenant)):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return folder


def _world(folder: Path) -> World:
    loaded = load_zone(folder, on="2026-07-01")
    assert loaded.declaration is not None, loaded.problems
    return judge_declaration(loaded.declaration, on="2026-07-01").world


def _fates(report: OutageReport) -> tuple[list[str], dict[str, str]]:
    return sorted(one.name for one in report.down), {one.name: one.feeds for one in report.stays}


CHAIN = {
    "power": {
        "ups-1": {"kind": "ups", "rated_kw": 1.0},
        "ups-2": {"kind": "ups", "rated_kw": 0.4},
    },
    "power_panels": {
        "pa": {"substation": "sub-1", "supplied_by": ["ups-1"]},
        "pb": {"substation": "sub-2", "supplied_by": ["ups-2"]},
    },
}
SUBJECTS: dict[str, tuple[list[str], dict[str, str]]] = {
    "dc1/a/01:A": (["weak-001"], {"web-001": "B", "web-002": "B"}),
    "dc1/a/01/01:A": (["weak-001"], {"web-001": "B"}),
    "dc1/a/01:B": (["old-001", "weak-001"], {"web-001": "A", "web-002": "A"}),
    "dc1/pb": (["old-001", "weak-001"], {"web-001": "A", "web-002": "A"}),
    "dc1/sub-1": (["weak-001"], {"web-001": "B", "web-002": "B"}),
    "dc1/a/01/02": (["web-002"], {}),
    "dc1/a/01": (["old-001", "weak-001", "web-001", "web-002"], {}),
    "dc1/a": (["old-001", "weak-001", "web-001", "web-002"], {}),
}


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("site", [{}, CHAIN], ids=["panels", "chain"])
def test_who_goes_down_and_who_stays(subject: str, site: dict[str, Any], tmp_path: Path) -> None:
    """A node with enough supplies on the other feed stays up, whether a chain is declared or not."""
    world = _world(_write(tmp_path, site))
    assert _fates(outage_of(world, lost_by(world, subject))) == SUBJECTS[subject]


def test_an_element_of_the_supply_takes_its_panel_and_burdens_the_other(tmp_path: Path) -> None:
    """The loss of a UPS is the loss of its feeds; the other UPS is said to carry more than it may."""
    world = _world(_write(tmp_path, CHAIN))
    report = outage_of(world, lost_by(world, "dc1/ups-1"))
    assert _fates(report) == SUBJECTS["dc1/a/01:A"]
    assert [(one.what, one.place, one.value_w, one.limit_w) for one in report.overloaded] == [
        ("ups ups-2", "dc1", 800, 400)
    ]


def test_what_is_down_already_does_not_go_down_again(tmp_path: Path) -> None:
    """Beside a feed that has failed, an outage of the other one takes down who is still up, and nobody twice."""
    world = _world(_write(tmp_path, feeds={"B": {"status": "failed"}}))
    down, stays = _fates(outage_of(world, lost_by(world, "dc1/a/01:A")))
    assert (down, stays) == (["web-001", "web-002"], {})


def test_works_of_the_window_count(tmp_path: Path) -> None:
    """A feed that is out while works have the other one is an outage of both; before and after it is not."""
    works = {"works": {"cleaning": {"what": "dc1/pb", **NIGHT}, "later": {"what": "dc1/a/01/02", **LATER}}}
    world = _world(_write(tmp_path, works))
    for begins, ends, down in (
        ("2026-12-01T14:30Z", None, ["old-001", "weak-001", "web-001", "web-002"]),
        ("2026-12-01T18:00Z", "2026-12-01T19:00Z", ["weak-001"]),
        ("2026-12-01T17:59Z", "2026-12-01T19:00Z", ["old-001", "weak-001", "web-001", "web-002"]),
    ):
        lost = lost_with(world, ["dc1/a/01:A"], works_in(world.zone, begins, ends))
        assert _fates(outage_of(world, lost))[0] == down


LATER = {"begins": "2026-12-05T22:00+08:00", "ends": "2026-12-06T02:00+08:00"}


def test_works_that_leave_a_part_of_a_rating(tmp_path: Path) -> None:
    """A derated feed takes nobody down and is said to be too weak for what hangs on it."""
    works = {"works": {"heat": {"what": "dc1/a/01:A", "derated_to": 0.015, **NIGHT}}}
    world = _world(_write(tmp_path, works))
    report = outage_of(world, lost_with(world, [], works_in(world.zone, NIGHT["begins"], None)))
    assert (report.down, report.stays) == ((), ())
    assert [(one.what, one.place, one.value_w, one.limit_w) for one in report.overloaded] == [
        ("feed A", "dc1/a/01/01", 200, 150)
    ]
    assert "1.5 % is left" in report.lost[0]


@pytest.mark.parametrize("subject", ["dc1/a/01:C", "dc1/a:A", "dc1/a/01/03", "dc1/nothing", "nothing", "", "a/b/c/d/e"])
def test_what_is_not_there_is_said(subject: str, tmp_path: Path) -> None:
    """An unknown subject is one sentence, in the folder and on the command line, without a traceback."""
    world = _world(_write(tmp_path))
    with pytest.raises(UnknownSubjectError, match="called"):
        lost_by(world, subject)


def test_two_losses_together() -> None:
    """What is out adds up, each once."""
    one = Lost(labels=("x",), elements={"dc1": frozenset({"pa"})})
    two = Lost(labels=("x", "y"), elements={"dc1": frozenset({"pb"})}, ducts=frozenset({"d"}))
    assert one.with_also(two) == Lost(
        labels=("x", "y"), elements={"dc1": frozenset({"pa", "pb"})}, ducts=frozenset({"d"})
    )


def test_a_duct_takes_its_links_and_connections_find_another_way() -> None:
    """On the reference zone a duct that is out sends connections over what is left, with its delay, or says none."""
    world = _world(REFERENCE)
    assert world.zone is not None
    for duct in world.zone.ducts:
        report = outage_of(world, lost_by(world, duct))
        assert set(report.links) == {name for name, held in world.zone.links.items() if duct in held.link.ducts}
        for one in report.connections:
            assert not set(report.links) & set(one.path.split(", "))
    bridge = outage_of(world, lost_by(world, "d-bridge-1"))
    assert bridge.lost == ("bridge d-bridge-1",) or bridge.links
    with pytest.raises(UnknownSubjectError, match="duct d-06 cannot be drained, for no node stands there"):
        to_drain(world, ["d-06"])


def test_the_command_fits_a_narrow_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """60 columns are enough; JSON has every node; the code says whether anybody goes down."""
    monkeypatch.setenv("COLUMNS", "60")
    folder = _write(tmp_path)
    assert main(["outage", "dc1/a/01:B", "--zone", str(folder)]) == 1
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 60
    assert "2 nodes: down" in text
    assert main(["outage", "dc1/a/01/02:A", "--zone", str(folder), "--format", "json"]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)["stays"]] == ["web-002"]
    for wrong in (["dc1/a/1", "--zone", str(folder)], ["--from", "now"], [], ["dc1/a/01", "--to", NIGHT["ends"]]):
        assert main(["outage", *wrong]) == 2
        assert "Traceback" not in capsys.readouterr().err


def test_works_name_what_is_there(tmp_path: Path) -> None:
    """A misspelt thing, a window that ends before it begins and a day that is none are faults of the file."""
    works = {
        "works": {
            "one": {"what": "dc1/a/01/03", **NIGHT},
            "two": {"what": "dc1/a:A", **NIGHT},
            "three": {"what": "dc1/pa", "begins": NIGHT["ends"], "ends": NIGHT["begins"]},
            "four": {"what": "dc1/pa", "begins": "2026-02-30T00:00Z", "ends": NIGHT["ends"]},
        }
    }
    problems = [str(one).partition(": ")[2] for one in load_zone(_write(tmp_path, works), on="2026-07-01").problems]
    assert sorted(text.split(":")[0].removeprefix("sites.dc1.works.") for text in problems) == [
        "four",
        "one.what",
        "three",
        "two.what",
    ]


@given(st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 30)), st.integers(-840, 840))  # noqa: DTZ001 - given a zone
def test_minutes_are_those_of_the_calendar(moment: datetime, offset: int) -> None:
    """Any minute of the century counts as Python's own calendar counts it, whatever its offset."""
    there = moment.replace(second=0, microsecond=0, tzinfo=timezone(timedelta(minutes=offset)))
    text = there.strftime("%Y-%m-%dT%H:%M%z")
    start = datetime(2000, 1, 1, tzinfo=UTC)
    assert minute_of(f"{text[:-2]}:{text[-2:]}") == (there - start) // timedelta(minutes=1)


def test_a_rack_that_is_derated_twice_has_the_least() -> None:
    """Whatever order its ranges are in: what may not be drawn is never counted."""
    feeds = {"A": {"power_panel": "pa", "rated_w": 10_000}}
    for parts in ({"01": 0.5, "01..02": 0.7}, {"01..02": 0.7, "01": 0.5}):
        row = Row.model_validate({"racks": 2, "feeds": feeds, "derated_racks": parts})
        racks = racks_of_row("dc1/a/01", row, owner="o", room=Room(), accepts=True)
        assert [rack.feeds["A"].derated for rack in racks] == [500, 700]

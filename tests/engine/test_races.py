"""Engines of several parties at once, each with a backend of its own: one ledger decides."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from support.ledger_party import Party, bring_up_racks
from support.ledger_sums import require_sums
from support.soak import rounds, seeded
from support.zone_project import LIMIT_S, PROVIDER, SmallZone, Stack, cluster
from zonewright.ledger.transport.client import LedgerClient

pytestmark = [pytest.mark.engine, pytest.mark.soak]
FIRST = {"rack": "dc1/a/01/01", "position": 1}
UNCHECKED = """\
import sys

from zonewright.provider.resources import RESOURCES
from zonewright.provider.resources.admission import AdmissionResource
from zonewright.provider.server import serve
from zonewright.provider.servicer import Servicer


class Unchecked(AdmissionResource):
    def check(self, session, urn, old, new, seed):
        return new


serve(sys.argv[1:], lambda address: Servicer(address, {**RESOURCES, AdmissionResource.token: Unchecked()}))
"""


@pytest.fixture(name="ledger")
def _ledger(zone: SmallZone) -> Iterator[LedgerClient]:
    with LedgerClient(zone.ledger_url) as client:
        yield client


@pytest.fixture(name="provider", params=["checked", "unchecked"])
def _provider(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Our provider, and one whose Admission skips Check: what Create decides must be enough."""
    return PROVIDER if request.param == "checked" else _unchecked(tmp_path)


def _unchecked(folder: Path) -> Path:
    folder = folder / "unchecked-provider"
    folder.mkdir()
    (folder / "PulumiPlugin.yaml").write_text("runtime: python\n", encoding="utf-8")
    (folder / "__main__.py").write_text(UNCHECKED, encoding="utf-8")
    return folder


def _all_up(stacks: Sequence[Stack]) -> list[str]:
    """Bring all up at once; gives the outputs of those that failed."""
    running = [stack.start("up", "--yes", "--skip-preview") for stack in stacks]
    codes = [process.wait(LIMIT_S) for process in running]
    outputs = [(stack.root / "output.txt").read_text(encoding="utf-8") for stack in stacks]
    assert not any("Traceback" in output for output in outputs)
    return [output for code, output in zip(codes, outputs, strict=True) if code != 0]


@pytest.mark.timeout(36_000)
def test_the_last_unit_goes_to_one(zone: SmallZone, ledger: LedgerClient, provider: Path) -> None:
    """Two engines want the last rack unit at once: one has it, the other is refused and holds nothing."""
    bring_up_racks(ledger, racks=1, u_height=1)
    stacks = [zone.stack(f"tenant-{letter}", provider=provider) for letter in "ab"]
    chance = seeded("last unit")
    for number in rounds("last unit", 500):
        places: dict[str, Any] = (
            {"places": {"001": {"rack": "dc1/a/01/01", "position": 1}}} if chance.random() < 0.5 else {}
        )
        for stack in stacks:
            stack.declare(clusters={f"c{number}": cluster(1, **places)})
        failed = _all_up(stacks)
        assert len(failed) == 1, f"round {number}: {failed}"
        assert "nothing was claimed or created" in failed[0]
        assert sorted(len(stack.places()) for stack in stacks) == [0, 1]
        for stack in stacks:
            stack.settled()
            stack.run("destroy", "--yes", "--skip-preview")
            assert stack.holdings() == []
        require_sums([zone.folder / "ledger.db"])


@pytest.mark.timeout(36_000)
def test_eight_stacks_into_four_racks_without_a_refusal(zone: SmallZone, ledger: LedgerClient, tmp_path: Path) -> None:
    """Eight engines place five 2U nodes each into four racks at once; as there is room, nobody is refused.

    Four of them skip Check.
    """
    bring_up_racks(ledger, racks=4)
    providers = [PROVIDER, _unchecked(tmp_path)] * 4
    stacks = [zone.stack(f"tenant-{letter}", provider=one) for letter, one in zip("abcdefgh", providers, strict=True)]
    for number in rounds("eight stacks", 50, least=1):
        for stack in stacks:
            if number:
                stack.run("destroy", "--yes", "--skip-preview")
            stack.declare(clusters={f"db{number}": cluster(5, node_type="two-u")})
        assert _all_up(stacks) == []
        units = [place for stack in stacks for place in stack.places().values()]
        assert len(set(units)) == len(units) == 40
        for stack in stacks:
            stack.settled()
        require_sums([zone.folder / "ledger.db"])


def test_moving_in_between_preview_and_up_is_said_or_refused(
    zone: SmallZone, ledger: LedgerClient, provider: Path
) -> None:
    """An automatic place that was taken after the preview changes and is said; a chosen one is refused."""
    bring_up_racks(ledger, racks=1)
    automatic, chosen = (zone.stack(f"tenant-{letter}", provider=provider) for letter in "ab")
    automatic.declare(clusters={"web": cluster(1)})
    chosen.declare(clusters={"web": cluster(1, places={"001": FIRST})})
    automatic.run("preview")
    Party(ledger, "stack-of-c", "tenant-c").bring_up(clusters={"db": cluster(1, places={"001": FIRST})})
    output = automatic.up()
    assert "1 places differ from the last preview" not in output
    assert "1 place differs from the last preview" in output
    assert "web-001: dc1/a/01/01 U1 -> dc1/a/01/01 U2" in output
    assert "unit-overlap" in chosen.refused("up", "--yes", "--skip-preview")
    assert chosen.holdings() == []
    for stack in (automatic, chosen):
        stack.settled()

"""Each row of the gate's table in the ledger, as a preview and an `up` ask it: what is refused has no claim.

The engine's part is shown in tests/engine/test_gate.py.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.gated_zone import GATED_ZONE, GatedLedger, blocks, data_centre
from support.ledger_party import Party
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.stack_messages import ReportRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone
from zonewright.provider.refusal import refusal_text


@dataclass
class Gated:
    """The zone with its data centres in the ledger, and a tenant."""

    ledger: GatedLedger
    tenant: Party

    def facility(self, *sites: str) -> None:
        """Bring the operator's sites in, each with 40 racks of 200 kW in use."""
        self.ledger.load({name: data_centre(40) for name in sites or ("dc1",)})

    def admitted(self, **clusters: Any) -> None:
        """Bring a declaration up that must pass."""
        self.tenant.bring_up(clusters=clusters)
        assert len(self.places()) == sum(one["count"] for one in clusters.values())

    def refused(self, level: str, *says: str, **clusters: Any) -> None:
        """A preview and an up of what must not pass, for the reasons given; nothing of it is held then."""
        held = self.places()
        self.tenant.enrol()
        proposal = self.tenant.propose(self.tenant.demand(clusters=clusters), reserve=False)
        with pytest.raises(LedgerRefusedError) as refusal:
            self.tenant.admit(proposal)
        for findings in (proposal.findings, refusal.value.findings):
            text = " ".join(refusal_text(findings, stack="tenant-a").split())
            assert "[pue-gate]" in text
            for part in says:
                assert part in text, text
            assert ("this change needs an approval" in text) == (level == "approval")
        assert self.places() == held

    def places(self) -> dict[str, str]:
        """The rack of each node that the tenant holds."""
        report = self.tenant.client.call(verbs.REPORT, ReportRequest(stack_id=self.tenant.stack_id))
        return {item.name: str(item.data["rack"]) for item in report.holdings if item.kind == "node"}


@contextmanager
def gated_by(folder: Path, zone: dict[str, Any]) -> Iterator[Gated]:
    """Such a zone in a folder."""
    (folder / "zone").mkdir()
    (folder / "zone" / "zone.yaml").write_text(yaml.safe_dump(zone, sort_keys=False), encoding="utf-8")
    ledger = GatedLedger(folder, f"sqlite:///{folder / 'ledger.db'}")
    ledger.command("ledger", "init", "zone")
    with LedgerClient(ledger.url) as client:
        yield Gated(ledger, Party(client, "stack-of-tenant-a", "tenant-a", zone=Zone.model_validate(zone)))


@pytest.fixture(name="gated")
def _gated(tmp_path: Path) -> Iterator[Gated]:
    with gated_by(tmp_path, GATED_ZONE) as made:
        yield made


def test_within_and_stays_within(gated: Gated) -> None:
    """A site measured at 1.24667 takes 600 kW in its open room."""
    gated.facility()
    gated.ledger.bring(9_000)
    gated.admitted(more=blocks(6))


def test_within_and_crosses_the_limit(gated: Gated) -> None:
    """At 8,760 kW a new room for 100 kW takes the site beyond the limit: refused."""
    gated.facility()
    gated.ledger.bring(8_760)
    gated.refused("mandatory", "+100.0 kW and opens room d", "from 1.24987", "beyond the limit", more=blocks(1, "d"))


def test_within_and_beyond_the_limit_either_way(gated: Gated) -> None:
    """By design within, with 8,000 kW claimed: what makes it better needs an approval, the worse is refused."""
    gated.facility()
    says = ("trigger: within by design; metering and load model declared", "from 1.26125 to 1.25210")
    gated.refused("approval", *says, more=blocks(6))
    gated.refused("mandatory", "this makes it worse", more=blocks(1, "d"))


def test_a_breach_and_a_change_inside_the_interval(gated: Gated) -> None:
    """What is neither better nor worse for certain needs an approval."""
    gated.facility()
    gated.ledger.bring(8_000)
    gated.refused(
        "approval", "the load model is too uncertain to tell better from worse", "between -0.0", more=blocks(6, "e")
    )


def test_a_pack_that_refuses_what_is_uncertain(tmp_path: Path) -> None:
    """Where the pack says so, the same is refused."""
    pack = {**GATED_ZONE["rule_packs"]["pack"], "uncertain": "refused"}
    with gated_by(tmp_path, {**GATED_ZONE, "rule_packs": {"pack": pack}}) as gated:
        gated.facility()
        gated.ledger.bring(8_000)
        gated.refused("mandatory", "the load model is too uncertain to tell better from worse", more=blocks(6, "e"))


def test_figures_that_are_undetermined(gated: Gated) -> None:
    """Registers that are too old are never taken as good, although they were within the limit."""
    gated.facility()
    gated.ledger.bring(9_000, months_ago=2)
    rests = ("trigger: undetermined", "the limit is 45 days")
    gated.refused("approval", *rests, more=blocks(6))
    gated.refused("mandatory", *rests, more=blocks(6, "d"))


def test_a_move_between_sites(gated: Gated) -> None:
    """Each site is judged on its own: leaving dc1 is free, but dc2 is in breach and would need an approval."""
    gated.facility("dc1", "dc2")
    gated.ledger.bring(9_000)
    gated.admitted(more=blocks(6))
    gated.ledger.bring(8_000, site="dc2")
    says = ("dc2: +600.0 kW", "from 1.26125 to 1.25210")
    gated.refused("approval", *says, more=blocks(6, site="dc2"))
    assert {place.split("/")[0] for place in gated.places().values()} == {"dc1"}

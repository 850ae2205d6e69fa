"""Leases of offers run by the ledger's clock: decided in the transaction, told ahead; nothing is freed by a date."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from support.ledger_party import ZONE_FILE, Party
from support.served_ledger import served_ledger
from support.zone_project import cluster, facility
from zonewright.cli import main
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.offer_messages import OffersRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.store.database import Database
from zonewright.ledger.transport.client import LedgerClient
from zonewright.ledger.verbs.offers import running_days
from zonewright.model.offer import Offer
from zonewright.model.offered import due_terms, ids_named

CAGE: dict[str, Any] = {
    "site": "dc1",
    "leases": [
        {"party": "tenant-a", "begins": "2026-11-30", "ends": "2026-12-31"},
        {"party": "tenant-b", "begins": "2026-01-01", "ends": "2099-12-31"},
    ],
}


class World:
    """A ledger with four racks that an operator leases out, and a clock that tests move."""

    def __init__(self, client: LedgerClient, now: list[datetime]) -> None:
        self.client, self._now = client, now
        self.operator = Party(client, "stack-of-operator", "operator")
        self.tenant = Party(client, "stack-of-tenant-a", "tenant-a")

    def on(self, day: str) -> None:
        """Let it be noon of a day."""
        self._now[0] = datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC)

    def operate(self, **offers: Any) -> list[str]:
        """The operator's next change, and the rules of its findings."""
        self.operator.enrol()
        proposal = self.operator.propose(self.operator.demand(sites=facility(4)["sites"], offers=offers))
        self.operator.admit(proposal)
        for name, state in self.operator.states():
            if state == "admitted":
                self.operator.confirm(name, kind="row" if "/" in name else "site")
        return [one.rule for one in proposal.findings]

    def wish(self, nodes: int) -> list[str]:
        """Findings, as text, on a tenant's wish for so many nodes."""
        demand = self.tenant.demand(clusters={"web": cluster(nodes)})
        return [f"{one.rule}: {one.message}" for one in self.tenant.propose(demand, reserve=False).findings]


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[World]:
    now = [datetime(2026, 11, 1, tzinfo=UTC)]
    with LedgerClient(f"sqlite:///{tmp_path / 'ledger.db'}", create=True, clock=lambda: now[0]) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        world = World(client, now)
        world.operate(cage=CAGE)
        yield world


def test_a_term_is_kept_by_the_clock_of_the_ledger(world: World) -> None:
    """Before its first and after its last day a party gets no place; what it has stays, and is told to both ahead."""
    assert world.wish(1)[0].startswith("placement: web-001 has no place"), "the term has not begun"
    world.on("2026-11-30")
    world.tenant.bring_up(clusters={"web": cluster(2)})
    assert world.wish(2) == world.operate(cage=CAGE) == [], "31 days before its end"
    world.on("2026-12-01")
    assert [world.wish(2)[0][-47:]] == ["ends on 2026-12-31, in 30 days; 2 nodes stand in it"[-47:]]
    world.on("2026-12-31")
    assert world.wish(3) == [
        "lease-term: the lease of offer dc1/offers/cage ends on 2026-12-31, today; 3 nodes stand in it"
    ]
    world.on("2027-01-02")
    (told,) = world.wish(2)
    assert told.endswith("ended on 2026-12-31, 2 days ago; 2 nodes still stand in it")
    assert world.operate(cage=CAGE) == ["lease-term"], "the operator is told too"
    assert [one.partition(":")[0] for one in world.wish(3)] == ["placement", "lease-term"]
    renewed = {"party": "tenant-a", "begins": "2027-01-01", "ends": "2099-12-31"}
    world.operate(cage={**CAGE, "leases": [*CAGE["leases"], renewed]})
    assert world.wish(3) == [], "the next term"
    assert len(world.tenant.states()) == 2


def test_the_term_may_end_between_proposal_and_admission(world: World) -> None:
    """A place that was found on the last day of a lease is refused by the transaction of the day after."""
    world.on("2026-12-31")
    world.tenant.enrol()
    proposal = world.tenant.propose(world.tenant.demand(clusters={"web": cluster(1)}))
    world.on("2027-01-01")
    with pytest.raises(LedgerRefusedError) as caught:
        world.tenant.admit(proposal)
    assert "offered-place" in [one.rule for one in caught.value.findings]
    assert world.tenant.states() == []


def test_each_sees_the_offers_that_concern_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The operator sees every term with what stands in it, a tenant its own, and the command says it in words."""
    with served_ledger(tmp_path, ZONE_FILE) as served:
        served.now[0] = datetime(2026, 12, 21, tzinfo=UTC)
        operator = Party(served.local, "stack-of-operator", "operator")
        operator.admit(operator.propose(operator.demand(sites=facility(2)["sites"], offers={"cage": CAGE})))
        seen = {
            party: served.client(served.grant(f"reader-{party}", party, role))
            .call(verbs.OFFERS, OffersRequest())
            .offers
            for party, role in (("operator", "facility-operator"), ("tenant-a", "tenant"), ("tenant-c", "tenant"))
        }
    (whole,), (own,) = seen["operator"], seen["tenant-a"]
    assert [(one.party, one.days_left, one.nodes, one.units, one.draw_w) for one in whole.uses] == [
        ("tenant-a", 10, 2, 2, 400), ("tenant-b", 26_673, 2, 2, 400),
    ]  # fmt: skip
    assert [one.may_use for one in whole.uses] == [True, True]
    assert (own.uses, seen["tenant-c"]) == (whole.uses[:1], [])
    assert (
        main(["ledger", "offers", "dc1", "--ending", "36500", "--ledger", f"sqlite:///{tmp_path / 'ledger.db'}"]) == 0
    )
    told = capsys.readouterr().out.splitlines()
    assert [told[0], told[4]] == ["dc1/offers/cage: offered by operator", "    2 nodes, 2 U, 400 W"]


def test_a_lease_that_was_taken_away_is_no_lease_without_an_end(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its party is shown with what it still has and without a term; one behind a gap is told with its first day."""
    world.on("2026-12-01")
    world.tenant.bring_up(clusters={"web": cluster(1)})
    later = {"party": "tenant-a", "begins": "2027-01-05", "ends": "2027-12-31"}
    world.operate(cage={**CAGE, "leases": [*CAGE["leases"], later]})
    assert world.wish(1)[0].endswith("1 node stands in it; the next term begins on 2027-01-05")
    assert told_in_words(tmp_path, capsys)[1].endswith("; the next term begins on 2027-01-05")
    with closing(Database(tmp_path / "ledger.db", lock_wait_s=5)) as database, database.reading() as connection:
        assert [list(running_days(connection, day)) for day in ("2026-12-30", "2027-01-01")] == [[1, 26_664], [26_662]]
    world.operate(cage={**CAGE, "leases": CAGE["leases"][1:]})
    assert told_in_words(tmp_path, capsys)[1] == "  tenant-a: no term: it may bring nothing in, and what it has stays"


def told_in_words(folder: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines of the command."""
    capsys.readouterr()
    assert main(["ledger", "offers", "--ledger", f"sqlite:///{folder / 'ledger.db'}"]) == 0
    return capsys.readouterr().out.splitlines()


def test_the_leases_of_an_offer_are_joined_once() -> None:
    """However many decisions read them, and they count among the ids that one owner's offers may name."""
    days = [f"2026-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 29, 2)]
    leases = [{"party": "tenant-a", "begins": day, "ends": day} for day in days]
    offer = Offer.model_validate({"site": "dc1", "leases": leases})
    assert len(offer.spans["tenant-a"]) == len(days)
    with mock.patch("zonewright.model.offer.spans_of") as joined:
        (term,) = due_terms(offer, "2026-03-04")
        assert offer.users_on("2026-03-04") == frozenset()
    assert (joined.called, term.ends, term.next_begins) == (False, "2026-03-03", "2026-03-05")
    assert ids_named(offer) == 1 + len(days)

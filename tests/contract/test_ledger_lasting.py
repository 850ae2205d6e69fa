"""Reservations for days hold places until their end, and the admission of exactly that change converts them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.ledger_party import ZONE_FILE, Party, bring_up_racks
from support.ledger_places import outside
from support.ledger_proxy import ledger_service
from support.zone_project import ZONE, cluster, facility
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.capacity_messages import CapacityRequest
from zonewright.ledger.protocol.journal_messages import HistoryRequest, JournalEntry
from zonewright.ledger.protocol.reservation_messages import (
    FreeRequest,
    RackWish,
    RenewRequest,
    ReservationRecord,
    ReservationsRequest,
    ReservedPlaces,
    ReserveRequest,
)
from zonewright.ledger.protocol.stack_messages import InitRequest, ReportRequest
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.state import verify_state
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone
from zonewright.model.demand import Demand
from zonewright.model.limits import LASTING

WEB = {"web": cluster(3)}
CARRIER = {"title": "Carrier", "roles": ["network-operator"]}
_ROUTE = {"crs": "WGS84", "points": [[31.0, 120.8], [31.0, 120.9]]}
DUCT = {"route": _ROUTE, "length_m": 10_000, "bores": 1, "a": "dc1", "b": "dc2"}
START = datetime(2026, 11, 24, tzinfo=UTC)


@dataclass
class World:
    """A ledger with four racks of 42 U and 10 kW, and a clock that tests move."""

    client: LedgerClient
    path: Path
    now: list[datetime]

    def stack(self, party: str = "tenant-a", number: int = 1) -> Party:
        """One of a party's stacks."""
        return Party(self.client, f"stack-{number:02}-of-{party}", party)

    def reserve(self, stack: Party, demand: Demand | None = None, *, days: int = 90, racks: int = 0) -> ReservedPlaces:
        """Reserve for a demand, or so many racks with 4 kW each."""
        wish = None if demand is not None else RackWish(site="dc1", racks=racks, watts=4_000 * racks)
        who = {"stack_id": stack.stack_id, "party": stack.party}
        request = ReserveRequest(**who, days=days, why="the budget is decided in spring", demand=demand, racks=wish)
        return self.client.call(verbs.RESERVE, request)

    def listed(self) -> list[ReservationRecord]:
        """What is reserved for days."""
        return self.client.call(verbs.RESERVATIONS, ReservationsRequest()).reservations

    def entries(self) -> list[JournalEntry]:
        """The journal's entries about reservations, and admissions."""
        found = self.client.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries
        return [one for one in found if one.kind.startswith("reserv") or one.kind == "admitted"]

    def free_u(self) -> int:
        """Units that are free in the site."""
        return self.client.call(verbs.CAPACITY, CapacityRequest()).sites["dc1"].free_u

    def faults(self) -> list[str]:
        """What the tables say otherwise than the journal."""
        database = Database(self.path, lock_wait_s=1)
        try:
            with database.reading() as connection:
                return verify_state(connection).faults
        finally:
            database.close()


@pytest.fixture(name="world", params=["in-process", "http"])
def _world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    path, now = tmp_path / "ledger.db", [START]
    with LedgerClient(f"sqlite:///{path}", create=True, clock=lambda: now[0]) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        bring_up_racks(client, 4)
        if request.param == "in-process":
            yield World(client, path, now)
            return
    with ledger_service(path, clock=lambda: now[0]) as service, LedgerClient(service.url) as client:
        yield World(client, path, now)


def test_a_reservation_holds_its_places_and_is_converted_by_exactly_its_change(world: World) -> None:
    """Others are placed around it for weeks; the change gets the places that were reserved, and the entry says so."""
    mine, other = world.stack(), world.stack("tenant-b")
    demand, free = mine.demand(clusters=WEB), world.free_u()
    held = world.reserve(mine, demand)
    assert (held.units, held.watts, held.until[:10]) == (3, 600, "2027-02-22")
    assert world.free_u() == free - 3
    world.now[0] += timedelta(days=60)
    other.bring_up(clusters={"db": cluster(40)})
    assert {data["position"] for data in _places(other)} == set(range(4, 43)) | {1}
    proposal = mine.propose(demand)
    assert {name: seat.position for name, seat in proposal.seats.items()} == {"web-001": 1, "web-002": 2, "web-003": 3}
    mine.enrol()
    mine.admit(proposal)
    assert world.listed() == []
    said = world.entries()[-1].payload["reservation"]
    assert said == {"until": held.until, "converted": 3, "left": 0}


def _places(stack: Party) -> list[dict[str, int]]:
    report = stack.client.call(verbs.REPORT, ReportRequest(stack_id=stack.stack_id))
    return [{"position": int(str(one.data["position"]))} for one in report.holdings]


@pytest.mark.parametrize("days", [90, 0])
def test_what_grows_in_place_is_held(world: World, days: int) -> None:
    """Reserved for days or minutes, the unit that a taller type takes more is nobody else's."""
    mine, other = world.stack(), world.stack("tenant-b")
    place = {"001": {"rack": "dc1/a/01/01", "position": 20}}
    mine.bring_up(clusters={"web": cluster(1, places=place)})
    taller = mine.demand(clusters={"web": cluster(1, node_type="two-u", places=place)})
    if days:
        held = world.reserve(mine, taller, days=days)
        assert (held.units, held.watts) == (2, 300)
    else:
        mine.propose(taller)
    above = {"001": {"rack": "dc1/a/01/01", "position": 21}}
    refused = other.propose(other.demand(clusters={"db": cluster(1, places=above)}), reserve=False)
    assert [(one.rule, one.excess) for one in refused.findings] == [("unit-overlap", 1)]
    stays = mine.propose(mine.demand(clusters={"web": cluster(1, places=place)}), reserve=False)
    assert (stays.findings, stays.seats["web-001"].position) == ([], 20)
    grown = mine.propose(taller)
    assert (grown.findings, grown.seats["web-001"].position) == ([], 20)
    if days:
        with pytest.raises(LedgerRefusedError, match="has all of this already"):
            world.reserve(mine, mine.demand(clusters={"web": cluster(1, places=place)}), days=days)


def _addresses(stack: Party) -> dict[str, object]:
    report = stack.client.call(verbs.REPORT, ReportRequest(stack_id=stack.stack_id))
    return {one.name: one.data["addresses"] for one in report.holdings}


def test_another_change_of_the_stack_leaves_its_reservation_alone(world: World) -> None:
    """Less than what was reserved is another change: it is placed beside it, and the reservation stays."""
    mine = world.stack()
    world.reserve(mine, mine.demand(clusters=WEB))
    mine.bring_up(clusters={"web": cluster(2)})
    assert {one["position"] for one in _places(mine)} == {4, 5}
    assert len(world.listed()) == 1
    assert "reservation" not in world.entries()[-1].payload
    proposal = mine.propose(mine.demand(clusters=WEB))
    assert sorted(seat.position for seat in proposal.seats.values()) == [1, 2, 3]


@pytest.mark.parametrize("chosen", [{}, {"001": {"rack": "dc1/a/01/01", "position": 1}}])
def test_a_rename_that_is_reserved_stands_in_nobodys_way(world: World, chosen: dict[str, dict[str, object]]) -> None:
    """Reserved for days or minutes over its own running nodes: others go on beside it, and the nodes stay put."""
    mine, other, operator = world.stack(), world.stack("tenant-b"), Party(world.client, "stack-of-operator", "operator")
    mine.bring_up(clusters=WEB)
    running = _addresses(mine)
    rename = mine.demand(clusters={"db": cluster(3, places=chosen)})
    world.reserve(mine, rename)
    for _ in ("for days", "and for minutes"):
        assert operator.propose(operator.demand(sites=facility(4)["sites"]), reserve=False).findings == []
        beside = other.propose(other.demand(clusters={"web": cluster(1)}), reserve=False)
        assert (beside.findings, beside.seats["web-001"].position) == ([], 4)
        own = mine.propose(mine.demand(clusters={"web": cluster(4)}), reserve=False)
        assert [own.seats[f"web-00{n}"].position for n in range(1, 5)] == [1, 2, 3, 4]
        assert own.findings == []
        assert {name: own.addresses[name] for name in running} == running
        assert mine.propose(rename).findings == []


def test_whole_racks_are_for_whatever_the_stack_wants_in_them(world: World) -> None:
    """Nobody else gets into them; the stack's nodes go there first, and each rack that it uses is converted."""
    mine, other = world.stack(), world.stack("tenant-b")
    other.bring_up(clusters={"db": cluster(1)})
    held = world.reserve(mine, racks=2)
    assert held.racks == ["dc1/a/01/02", "dc1/a/01/03"]
    with pytest.raises(LedgerRefusedError) as caught:
        other.client.call(verbs.RESERVE, _request(other, racks=2))
    assert "none of 4 racks" in caught.value.findings[0].message
    mine.bring_up(clusters=WEB)
    assert world.entries()[-1].payload["reservation"] == {"until": held.until, "converted": 1, "left": 1}
    (left,) = world.listed()
    assert (left.racks, left.units, left.watts, left.is_of_racks) == (["dc1/a/01/03"], 42, 4_000, True)
    refused = other.propose(other.demand(clusters={"db": cluster(1, places={"001": PLACE})}))
    (finding,) = refused.findings
    assert "a place that is reserved until 2027-02-22T00:00Z is there" in finding.message
    assert "tenant-a" not in str(finding)


PLACE = {"rack": "dc1/a/01/03", "position": 7}


def _request(stack: Party, *, racks: int) -> ReserveRequest:
    wish = RackWish(site="dc1", racks=racks, watts=1_000)
    return ReserveRequest(stack_id=stack.stack_id, party=stack.party, days=1, why="a try", racks=wish)


def test_a_reservation_ends_by_itself_and_nobody_waits_for_that(world: World) -> None:
    """At its end its places are free at once; the entry of its end comes with the next change of anybody."""
    mine, other, free = world.stack(), world.stack("tenant-b"), world.free_u()
    world.reserve(mine, mine.demand(clusters=WEB), days=7)
    world.now[0] = START + timedelta(days=7, seconds=-1)
    assert world.free_u() == free - 3
    world.now[0] = START + timedelta(days=7)
    assert (world.free_u(), world.listed()) == (free, [])
    with pytest.raises(LedgerRefusedError, match="has no reservation for days"):
        world.client.call(verbs.RENEW, RenewRequest(stack_id=mine.stack_id, days=7, why="late"))
    assert other.propose(other.demand(clusters=WEB)).seats["web-001"].position == 1
    ended = world.entries()[-1]
    assert (ended.kind, ended.party, ended.payload["until"][:10]) == ("reservation-ended", "tenant-a", "2026-12-01")


def test_a_reservation_is_renewed_and_freed_with_a_reason(world: World) -> None:
    """Each is journaled with its reason; what was freed is free, and cannot be freed twice."""
    mine, free = world.stack(), world.free_u()
    world.reserve(mine, mine.demand(clusters=WEB), days=7)
    world.now[0] += timedelta(days=6)
    renewed = world.client.call(verbs.RENEW, RenewRequest(stack_id=mine.stack_id, days=7, why="still waiting"))
    assert renewed.until[:10] == "2026-12-07"
    world.now[0] += timedelta(days=6)
    assert world.free_u() == free - 3
    give_up = FreeRequest(stack_id=mine.stack_id, why="the budget was refused")
    world.client.call(verbs.FREE, give_up)
    assert world.free_u() == free
    with pytest.raises(LedgerRefusedError, match="nothing was changed"):
        world.client.call(verbs.FREE, give_up)
    kinds = [(one.kind, one.payload.get("why")) for one in world.entries()[-3:]]
    assert kinds == [
        ("reserved", "the budget is decided in spring"),
        ("reservation-renewed", "still waiting"),
        ("reservation-freed", "the budget was refused"),
    ]


@pytest.mark.parametrize("taken_back", ["offer", "quota", "rack"])
@pytest.mark.parametrize("racks", [0, 1])
def test_what_is_no_longer_granted_is_not_renewed(tmp_path: Path, taken_back: str, racks: int) -> None:
    """A reservation goes on only as it could be made now; what was renewed before keeps its end."""
    with LedgerClient(f"sqlite:///{tmp_path / 'ledger.db'}", create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        operator, world = bring_up_racks(client, 2), World(client, tmp_path / "ledger.db", [])
        mine, sites = world.stack(), facility(2)["sites"]
        world.reserve(mine, None if racks else mine.demand(clusters=WEB), racks=racks)
        renew = RenewRequest(stack_id=mine.stack_id, days=366, why="later")
        client.call(verbs.RENEW, renew)
        (before,) = world.listed()
        if taken_back == "offer":
            offers = {"theirs": {"site": "dc1", "parties": ["tenant-b"]}}
            operator.admit(operator.propose(operator.demand(sites=sites, offers=offers)))
        elif taken_back == "quota":
            quotas = {"ours": {"party": "tenant-a", "it_kw": 0.5}}
            client.call(verbs.INIT, InitRequest(zone=Zone.model_validate({**ZONE, "quotas": quotas})))
        else:
            sites["dc1"]["rooms"]["a"]["rows"]["01"]["status"] = "planned"
            operator.admit(operator.propose(operator.demand(sites=sites)))
        rules = {"offer": "offered-place", "quota": "quota", "rack": "rack-exists"}
        with pytest.raises(LedgerRefusedError, match="was not renewed, and ends at") as caught:
            client.call(verbs.RENEW, renew)
        assert {one.rule for one in caught.value.findings} == {rules[taken_back]}
        assert world.listed() == [before]


def test_what_a_rule_refuses_is_not_reserved_and_the_reservation_before_stays(world: World) -> None:
    """A demand that does not fit reserves nothing, changes nothing, and is told with its findings."""
    mine = world.stack()
    world.reserve(mine, mine.demand(clusters=WEB))
    before = (world.listed(), len(world.entries()))
    with pytest.raises(LedgerRefusedError, match="nothing was reserved") as caught:
        world.reserve(mine, mine.demand(clusters={"web": cluster(500)}))
    assert caught.value.findings
    assert (world.listed(), len(world.entries())) == before
    world.reserve(mine, mine.demand(clusters={"web": cluster(168)}))
    assert [one.units for one in world.listed()] == [168], "the new one takes the place of the one before"


def test_a_reservation_leaves_an_up_that_runs_what_it_was_given(world: World) -> None:
    """What is reserved meanwhile is beside the places that the stack's `up` holds, and the `up` is admitted."""
    mine = world.stack()
    proposal = mine.propose(mine.demand(clusters=WEB))
    world.reserve(mine, mine.demand(clusters={"db": cluster(3)}))
    mine.enrol()
    assert mine.admit(proposal).admission_id
    found = mine.propose(mine.demand(clusters={"db": cluster(3)}), reserve=False)
    assert sorted(seat.position for seat in found.seats.values()) == [4, 5, 6]


def test_bores_and_cores_are_reserved(tmp_path: Path) -> None:
    """What a link will take is kept from all others until the end; its own admission gets it, and counts it once."""
    carriers = {name: {**CARRIER, "title": name} for name in ("carrier", "other")}
    zone = Zone.model_validate({**ZONE, "parties": {**ZONE["parties"], **carriers}})
    dc1 = facility(2)["sites"]["dc1"]
    dc2 = {**dc1, "title": "Second", "address_pools": {"v4": {"prefix": "10.81.0.0/20", "gateway": "10.81.0.1"}}}
    link = {"a": "dc1", "b": "dc2", "ducts": ["d-1"], "cores": 96}
    shared = {**link, "users": ["other"]}
    inside = {**link, "cores_of": ["l-1"], "cores": 60}
    with LedgerClient(f"sqlite:///{tmp_path / 'ledger.db'}", create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=zone))
        Party(client, "stack-of-operator", "operator", zone=zone).bring_up(sites={"dc1": dc1, "dc2": dc2})
        Party(client, "stack-of-ducts", "carrier", zone=zone).bring_up(ducts={"d-1": DUCT, "d-2": DUCT})
        mine, other = (Party(client, f"stack-of-{name}", name, zone=zone) for name in carriers)
        other.enrol()

        def reserve(party: Party, **fields: object) -> ReservedPlaces:
            who = {"stack_id": party.stack_id, "party": party.party}
            return client.call(verbs.RESERVE, ReserveRequest(**who, days=9, why="soon", demand=party.demand(**fields)))

        def against(party: Party, **fields: object) -> set[str]:
            found = party.propose(party.demand(**fields), reserve=False).findings
            return {one.rule for one in found if one.refuses}

        assert reserve(mine, links={"l-1": shared}).links == ["l-1"]
        assert against(other, links={"l-2": link}) == {"duct-bores"}
        assert against(mine, links={"l-3": link}) == {"duct-bores"}, "nor is it for another change of its own"
        with pytest.raises(LedgerRefusedError) as refused:
            reserve(other, links={"l-2": link})
        assert {one.rule for one in refused.value.findings} == {"duct-bores"}
        mine.bring_up(links={"l-1": shared})
        assert client.call(verbs.RESERVATIONS, ReservationsRequest()).reservations == []

        reserve(mine, links={"l-1": {**shared, "ducts": ["d-2"]}})
        more = {"l-4": {**link, "ducts": ["d-2"]}}
        assert against(other, links=more) == {"duct-bores"}
        client.call(verbs.FREE, FreeRequest(stack_id=mine.stack_id, why="not needed"))
        assert against(other, links=more) == set()

        reserve(other, links={"l-2": inside})
        assert against(mine, links={"l-1": shared, "l-3": inside}) == {"link-cores"}
        other.bring_up(links={"l-2": inside})
        reserve(other, links={"l-2": {**inside, "cores": 90}})
        assert against(mine, links={"l-1": {**shared, "cores_in_use": 7}}) == {"link-cores"}
        assert against(mine, links={"l-1": {**shared, "cores_in_use": 6}}) == set()
        (listed,) = client.call(verbs.RESERVATIONS, ReservationsRequest()).reservations
        assert (listed.site, listed.links) == ("names", ["l-2"])


def test_a_party_has_so_many_and_another_partys_stack_is_not_reserved_for(world: World) -> None:
    """The limit counts stacks; a stranger to a stack can neither reserve nor propose in its name."""
    for number in range(LASTING.most):
        stack = world.stack(number=number)
        world.reserve(stack, stack.demand(clusters={"web": cluster(1)}))
    one_more = world.stack(number=99)
    with pytest.raises(LedgerRefusedError, match=f"{LASTING.most} reservations for days, of at most {LASTING.most}"):
        world.reserve(one_more, one_more.demand(clusters={"web": cluster(1)}))
    other = Party(world.client, world.stack(number=0).stack_id, "tenant-b")
    calls: list[Callable[[], object]] = [
        lambda: world.reserve(other, other.demand(clusters=WEB)),
        lambda: other.propose(other.demand(clusters=WEB)),
    ]
    for call in calls:
        with pytest.raises(LedgerRefusedError, match="another party than 'tenant-b'"):
            call()


@pytest.mark.tampers
def test_a_row_that_nobody_recorded_is_told(world: World) -> None:
    """Whoever lengthens a reservation past the verbs is found by the verification of the state."""
    mine = world.stack()
    world.reserve(mine, mine.demand(clusters=WEB), days=7)
    with outside(world.path) as own:
        own.execute("UPDATE lasting SET expires_at = '2036-01-01T00:00:00.000000+00:00'")
    (fault,) = world.faults()
    assert "lasting stack-01-of-tenant-a: expires_at is" in fault

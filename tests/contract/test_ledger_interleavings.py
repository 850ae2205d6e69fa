"""Every order in which clients of a ledger can take their transactions, and what must hold after each of them."""

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from support.ledger_orders import Calls, OrderedLedger
from support.ledger_party import Party
from support.ledger_proxy import ledger_service
from support.schedules import Explored, Kind, Scheduler, explore
from support.zone_project import ZONE, cluster, facility
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import Proposal, SettleRequest
from zonewright.ledger.protocol.content_messages import ContentRequest
from zonewright.ledger.protocol.holding_messages import Confirmation, ConfirmManyRequest
from zonewright.ledger.protocol.journal_messages import SeenRequest
from zonewright.ledger.protocol.stack_messages import InitRequest, RecoverRequest, ReportRequest
from zonewright.ledger.store.database import Database
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone
from zonewright.model.rack_position import RackPosition

NOW = datetime(2026, 11, 24, tzinfo=UTC)
RACK = "dc1/a/01/01"
PARTIES = {
    **ZONE["parties"],
    "operator-2": {"title": "Second", "roles": ["facility-operator"]},
    "carrier": {"title": "Carrier", "roles": ["network-operator"]},
    "carrier-2": {"title": "Second carrier", "roles": ["network-operator"]},
}
BIG_ZONE = Zone.model_validate({**ZONE, "parties": PARTIES})
DUCT = {"route": {"crs": "WGS84", "points": [[31.0, 120.8], [31.0, 120.9]]}, "length_m": 10_000, "bores": 1}
LINK = {"a": "dc1", "b": "dc2", "ducts": ["d-1"], "cores": 96}


@pytest.fixture(name="ledger")
def _ledger(tmp_path: Path) -> Iterator[OrderedLedger]:
    store = Database(tmp_path / "ledger.db", create=True, lock_wait_s=5)
    ledger = OrderedLedger(store, lambda: NOW)
    ledger.call(verbs.INIT, InitRequest(zone=BIG_ZONE))
    yield ledger
    store.close()


def party(ledger: Calls, name: str, **more: Any) -> Party:
    """A stack of a party."""
    client = cast("LedgerClient", ledger)  # it has the one method that a party uses
    return Party(client, f"stack-of-{name}", name, **{"zone": BIG_ZONE, **more})


def operator(ledger: Calls, racks: int = 1, **site: Any) -> Party:
    """The operator with a small row, brought up; nodes have no addresses where a test does not give a pool."""
    shape = {key: site.pop(key) for key in ("rated_w", "u_height") if key in site}
    made = party(ledger, "operator")
    made.bring_up(sites={"dc1": {**facility(racks, **shape)["sites"]["dc1"], "address_pools": {}, **site}})
    return made


def tenant(ledger: Calls, letter: str) -> Party:
    """A tenant whose stack is enrolled."""
    made = party(ledger, f"tenant-{letter}")
    made.enrol()
    return made


def nodes(position: int | None = None, count: int = 1, *, rack: str = RACK, **more: Any) -> dict[str, Any]:
    """A cluster ``web`` at a place of its own choice, or where the ledger puts it."""
    if position is not None:
        more["places"] = {f"{number:03}": {"rack": rack, "position": position + number - 1} for number in (1, count)}
    return {"web": cluster(count, **more)}


def admitting(made: Party, **declared: Any) -> Callable[[], None]:
    """A client that admits what was proposed to it before all clients began, and was not reserved."""
    proposal = made.propose(made.demand(**declared), reserve=False)
    made.client.call(verbs.STORE, ContentRequest(texts=["{}"]))

    def program() -> None:
        with suppress(LedgerRefusedError):
            made.admit(proposal)

    return program


def proposing(made: Party, **declared: Any) -> Callable[[], None]:
    """A client that asks for a reservation."""
    demand = made.demand(**declared)
    return lambda: void(made.propose(demand))


def going_up(made: Party, **declared: Any) -> Callable[[], None]:
    """A client that proposes, and admits what was reserved for it."""
    made.client.call(verbs.STORE, ContentRequest(texts=["{}"]))
    demand = made.demand(**declared)

    def program() -> None:
        with suppress(LedgerRefusedError):
            proposal = made.propose(demand)
            if proposal.expires_at is not None:
                made.admit(proposal)

    return program


def told(explored: Explored, at_least: int) -> None:
    """Print how many orders there were; fewer than there must be is a scheduler that does not stop clients."""
    sys.stdout.write(f"{explored.orders} orders, and {explored.equal} that are equal to one of them\n")
    assert explored.orders >= at_least


def winners(ledger: OrderedLedger, verb: str = "admit") -> set[tuple[str, ...]]:
    """Whose calls of a verb were not refused, over all orders."""
    return {
        tuple(sorted({word.split()[0] for word in order if word.endswith(f" {verb}")})) for order in ledger.outcomes
    }


def test_all_orders_are_run_once() -> None:
    """Three clients that write twice have 90 orders, that read twice have one, and that read and write have 3! x 3!."""

    class Idle:
        def __init__(self, kinds: tuple[Kind, ...]) -> None:
            self.kinds, self.seen = kinds, list[tuple[tuple[str, Kind], ...]]()

        def reset(self) -> dict[str, Callable[[], None]]:
            def program() -> None:
                for kind in self.kinds:
                    scheduler.stop(kind)

            return dict.fromkeys("abc", program)

        def stepped(self, client: str, kind: Kind) -> None:
            pass

        def ended(self) -> None:
            self.seen.append(tuple(scheduler.taken))

    counts: dict[tuple[Kind, ...], int] = {
        ("writing", "writing"): 90,
        ("reading", "reading"): 1,
        ("reading", "writing"): 36,
    }
    for kinds, count in counts.items():
        scheduler, idle = Scheduler(), Idle(kinds)
        explore(scheduler, idle)
        assert len(idle.seen) == len(set(idle.seen)) == count, kinds


def test_two_for_the_last_unit(ledger: OrderedLedger) -> None:
    """Of two tenants that want one U, the first to be admitted gets it, in each order, whatever both have read."""
    operator(ledger)
    programs = {x: admitting(tenant(ledger, x), clusters=nodes(5)) for x in "ab"}
    told(ledger.run(programs), 4)
    assert winners(ledger) == {("a",), ("b",)}


def test_three_for_two_units(ledger: OrderedLedger) -> None:
    """One node of two U and two of one U at the same two U: either the one or the two others stand there at the end."""
    operator(ledger)
    programs = {
        "a": admitting(tenant(ledger, "a"), clusters=nodes(1, node_type="two-u")),
        "b": admitting(tenant(ledger, "b"), clusters=nodes(1)),
        "c": admitting(tenant(ledger, "c"), clusters=nodes(2)),
    }
    told(ledger.run(programs), 36)
    assert winners(ledger) == {("a",), ("b", "c")}


def test_two_that_reserve_the_last_unit(ledger: OrderedLedger) -> None:
    """What was reserved is admitted, in each order of two proposals and what follows from them."""
    operator(ledger)
    told(ledger.run({x: going_up(tenant(ledger, x), clusters=nodes(5)) for x in "ab"}), 12)
    assert winners(ledger) == {("a",), ("b",)}
    assert winners(ledger, "propose") == {("a", "b")}


def test_the_same_over_http(ledger: OrderedLedger) -> None:
    """The same scheduler and the same look at each state serve a service: there each call is one step."""
    with ledger_service(ledger.store.path, clock=lambda: NOW) as service, LedgerClient(service.url) as client:
        calls = OrderedLedger(ledger.store, lambda: NOW, road=client)
        operator(calls)
        told(calls.run({x: going_up(tenant(calls, x), clusters=nodes(5)) for x in "ab"}), 3)
    assert winners(calls) == {("a",), ("b",)}
    assert winners(calls, "propose") == {("a", "b")}


def test_a_reservation_against_an_admission(ledger: OrderedLedger) -> None:
    """Who reserved a U keeps it against one who admits without a reservation, whenever that one had read."""
    operator(ledger)
    programs = {
        "reserves": going_up(tenant(ledger, "a"), clusters=nodes(5)),
        "admits": admitting(tenant(ledger, "b"), clusters=nodes(5)),
    }
    told(ledger.run(programs), 9)
    assert winners(ledger) == {("reserves",), ("admits",)}


def test_two_for_the_last_watts(ledger: OrderedLedger) -> None:
    """Two that are placed by the ledger under a feed with watts for one: the feed is never oversold."""
    operator(ledger, rated_w=300)  # 240 W of it may be used, a node takes 200 W
    tenants = {x: tenant(ledger, x) for x in "ab"}
    told(ledger.run({x: proposing(tenants[x], clusters=nodes()) for x in "ab"}), 4)
    told(ledger.run({x: admitting(tenants[x], clusters=nodes(n)) for n, x in enumerate("ab", start=1)}), 4)
    assert winners(ledger) == {("a",), ("b",)}


def test_two_for_the_last_address(ledger: OrderedLedger) -> None:
    """Two at U of their own in a site with one free address: one of them gets it."""
    pools = {"v4": {"prefix": "10.80.0.0/29", "gateway": "10.80.0.1"}}
    operator(ledger, address_pools=pools, name_servers=[f"10.80.0.{host}" for host in (2, 3, 4, 5)])
    tenants = {x: tenant(ledger, x) for x in "ab"}
    told(ledger.run({x: admitting(tenants[x], clusters=nodes(n)) for n, x in enumerate("ab", start=1)}), 4)
    assert winners(ledger) == {("a",), ("b",)}
    told(ledger.run({x: proposing(tenants[x], clusters=nodes(n)) for n, x in enumerate("ab", start=1)}), 4)


def two_sites(ledger: OrderedLedger) -> tuple[Party, Party]:
    """Two operators with a site each, brought up."""
    pools = {"v4": {"prefix": "10.81.0.0/20", "gateway": "10.81.0.1"}}
    second = party(ledger, "operator-2")
    second.bring_up(sites={"dc2": {**facility(1)["sites"]["dc1"], "address_pools": pools}})
    return operator(ledger), second


def test_two_for_the_last_bore(ledger: OrderedLedger) -> None:
    """Two carriers that lead a link through a duct with one bore: one of them is admitted."""
    two_sites(ledger)
    first, second = party(ledger, "carrier"), party(ledger, "carrier-2")
    first.bring_up(ducts={"d-1": DUCT})
    second.enrol()
    programs = {
        "a": admitting(first, ducts={"d-1": DUCT}, links={"l-1": LINK}),
        "b": admitting(second, links={"l-2": LINK}),
    }
    told(ledger.run(programs), 4)
    assert winners(ledger) == {("a",), ("b",)}


def test_a_rack_that_goes_against_a_node_in_it(ledger: OrderedLedger) -> None:
    """A rack leaves, in whatever way, or a tenant's node comes to stand in it, never both."""
    owner = operator(ledger, racks=2)
    comes = admitting(tenant(ledger, "a"), clusters=nodes(1, rack="dc1/a/01/02"))
    told(ledger.run({"goes": admitting(owner, sites=facility(1)["sites"]), "comes": comes}), 4)
    assert winners(ledger) == {("goes",), ("comes",)}
    told(ledger.run({"goes": destroying(owner), "comes": comes}), 3)
    assert winners(ledger) == {("comes",), ()}
    assert winners(ledger, "guard-destroy") == {("goes",), ()}
    report = ledger.call(verbs.REPORT, ReportRequest(stack_id=owner.stack_id))
    settle = SettleRequest(stack_id=owner.stack_id, admission_id=report.admission_id or "")
    recover = RecoverRequest(stack_id=owner.stack_id, party=owner.party, state_is_empty=True)
    ways: dict[str, Callable[[], object]] = {
        "release": lambda: owner.release("dc1/a/01", 1, kind="row"),
        "settle": lambda: ledger.call(verbs.SETTLE, settle),
        "recover": lambda: ledger.call(verbs.RECOVER, recover),
    }
    for verb, way in ways.items():
        told(ledger.run({"goes": refusable(way), "comes": comes}), 3)
        assert winners(ledger) == {("comes",), ()}
        assert winners(ledger, verb) == ({("goes",), ()} if verb != "recover" else {("goes",)})


def refusable(way: Callable[[], object]) -> Callable[[], None]:
    """A client of one call, which may be refused."""

    def program() -> None:
        with suppress(LedgerRefusedError):
            way()

    return program


def destroying(owner: Party) -> Callable[[], None]:
    """An operator of one site that destroys its stack."""
    rows = [(name, "site" if "/" not in name else "row") for name, _ in reversed(owner.states())]

    def program() -> None:
        with suppress(LedgerRefusedError):
            owner.client.call(verbs.GUARD_DESTROY, SeenRequest(stack_id=owner.stack_id))
            for name, kind in rows:
                assert owner.release(name, 1, kind=kind)  # type: ignore[arg-type]

    return program


def moved(made: Party, position: int) -> Proposal:
    """What is proposed to a tenant whose one node is to stand at another U."""
    return made.propose(made.demand(clusters=nodes(position)), reserve=False)


def test_a_late_delete_against_a_move(ledger: OrderedLedger) -> None:
    """A delete of an old generation never frees what a confirm has raised; the place that was left is given once."""
    operator(ledger)
    first, second = tenant(ledger, "a"), tenant(ledger, "b")
    first.bring_up(clusters=nodes(1))
    away, comes = moved(first, 9), admitting(second, clusters=nodes(1))

    def moves(generation: int) -> Callable[[], None]:
        def program() -> None:
            first.admit(away)
            with suppress(LedgerRefusedError):
                first.confirm("web-001", generation, rack=RACK, position=9)

        return program

    told(ledger.run({"moves": moves(1), "comes": comes}), 7)  # in place: the confirm frees the old place
    assert winners(ledger) == {("moves",), ("comes", "moves")}
    programs = {"moves": moves(0), "deletes": lambda: void(first.release("web-001", 1)), "comes": comes}
    told(ledger.run(programs), 20)  # replaced: the delete does
    assert winners(ledger) == {("moves",), ("comes", "moves")}


def void(_answer: object) -> None:
    """A client's program answers nothing."""


def test_a_settling_against_the_next_admission(ledger: OrderedLedger) -> None:
    """A move that is taken back while the old admission is settled: what stands is not freed, nothing given twice."""
    operator(ledger)
    first, second = tenant(ledger, "a"), tenant(ledger, "b")
    old = first.bring_up(clusters=nodes(1))
    first.admit(moved(first, 9))
    programs = {"settles": lambda: first.settle(old), "returns": admitting(first, clusters=nodes(1))}
    told(ledger.run(programs), 3)
    assert winners(ledger) == {("returns",)}
    drops = admitting(first, clusters={})
    told(ledger.run({"settles": lambda: first.settle(old), "again": lambda: first.settle(old), "drops": drops}), 8)
    first.confirm("web-001", 1)
    programs = {
        "settles": lambda: first.settle(old),
        "returns": admitting(first, clusters=nodes(1)),
        "comes": admitting(second, clusters=nodes(1)),
    }
    told(ledger.run(programs), 12)
    assert winners(ledger) == {("returns",), ("comes",)}


def test_two_states_of_one_stack(ledger: OrderedLedger) -> None:
    """After a take-over only the new state's changes are admitted, also where the old one had begun before."""
    operator(ledger)
    old = tenant(ledger, "a")
    new = party(ledger, "tenant-a", lineage="lineage-2")
    goes_up = admitting(new, clusters=nodes(7))

    def takes_over() -> None:
        request = RecoverRequest(stack_id=old.stack_id, party=old.party, state_is_empty=True)
        ledger.call(verbs.RECOVER, request)
        with suppress(LedgerRefusedError):
            new.enrol()
            goes_up()

    def enrols_again() -> None:
        with suppress(LedgerRefusedError):
            old.enrol()

    told(ledger.run({"old": admitting(old, clusters=nodes(3)), "new": takes_over}), 8)
    assert winners(ledger) == {("new",), ("new", "old")}
    told(ledger.run({"again": enrols_again, "new": takes_over}), 3)
    assert winners(ledger, "enrol") == {("again", "new"), ("again",), ("new",)}


def test_another_zone_file_against_a_change(ledger: OrderedLedger) -> None:
    """A change that was made for the old file of the zone is neither reserved nor admitted under the new one."""
    operator(ledger)
    made = tenant(ledger, "a")
    changed = BIG_ZONE.model_copy(update={"title": "Another title"})

    def registers() -> None:
        ledger.call(verbs.INIT, InitRequest(zone=changed))

    told(ledger.run({"registers": registers, "up": going_up(made, clusters=nodes(1))}), 5)
    assert winners(ledger) == {(), ("up",)}
    told(ledger.run({"registers": registers, "admits": admitting(made, clusters=nodes(2))}), 3)
    assert winners(ledger) == {(), ("admits",)}


def test_a_late_confirm_against_the_next_admission(ledger: OrderedLedger) -> None:
    """A node that comes to stand while its claim is dropped keeps its watts until it is gone."""
    operator(ledger, rated_w=300)
    made = tenant(ledger, "a")
    made.admit(made.propose(made.demand(clusters=nodes(1))))
    other = {"db": cluster(1, places={"001": {"rack": RACK, "position": 2}})}

    def confirms() -> None:
        with suppress(LedgerRefusedError):
            made.confirm("web-001")

    told(ledger.run({"confirms": confirms, "admits": admitting(made, clusters=other)}), 3)
    assert winners(ledger) == {("admits",), ()}


def test_many_confirms_against_the_next_admission(ledger: OrderedLedger) -> None:
    """All nodes of a batch stand before one of them is dropped, or none is confirmed."""
    operator(ledger, rated_w=900)
    made = tenant(ledger, "a")
    made.admit(made.propose(made.demand(clusters=nodes(1, count=2))))
    batch = [Confirmation(kind="node", name=name, generation=0) for name in ("web-001", "web-002")]

    def confirms() -> None:
        with suppress(LedgerRefusedError):
            ledger.call(verbs.CONFIRM_MANY, ConfirmManyRequest(stack_id=made.stack_id, confirms=batch))

    told(ledger.run({"confirms": confirms, "admits": admitting(made, clusters=nodes(2))}), 3)
    assert winners(ledger, "confirm-many") == {("confirms",), ()}


def test_a_stack_that_comes_to_another_site_meanwhile(ledger: OrderedLedger) -> None:
    """A change that was looked at when its stack had nothing elsewhere takes no row there from under others."""
    owner, made = party(ledger, "operator"), tenant(ledger, "a")
    owner.enrol()
    site = {**facility(1)["sites"]["dc1"], "address_pools": {}}
    elsewhere = owner.propose(owner.demand(sites={"dc2": site}), reserve=False)
    place = {"001": {"rack": "dc2/a/01/01", "position": 1}}
    wanted = made.demand(clusters={"web": {**cluster(1, places=place), "site": "dc2"}})
    seats = {"web-001": RackPosition(rack="dc2/a/01/01", position=1)}  # there is no such site yet to propose them
    offered = made.propose(wanted, reserve=False).model_copy(update={"seats": seats})

    def grows() -> None:
        with suppress(LedgerRefusedError):
            owner.admit(elsewhere)
            owner.confirm("dc2", kind="site")
            owner.confirm("dc2/a/01", kind="row")
            made.admit(offered)

    told(ledger.run({"grows": grows, "replaces": admitting(owner, sites={"dc1": site})}), 8)
    assert winners(ledger) == {("grows",), ("grows", "replaces")}


def test_a_proposal_that_is_asked_for_twice(ledger: OrderedLedger) -> None:
    """A question that is asked again gets the answer of the first, also while a better place becomes free."""
    operator(ledger)
    made, other = tenant(ledger, "a"), tenant(ledger, "b")
    other.bring_up(clusters=nodes(1))
    demand = made.demand(clusters=nodes())
    answers: dict[str, Proposal] = {}

    def asks(name: str) -> Callable[[], None]:
        def program() -> None:
            answers[name] = made.propose(demand)
            if len(answers) > 1:
                one, two = answers.values()
                answers.clear()
                assert one.seats == two.seats, "the same demand was promised two places"

        return program

    programs = {
        "one": asks("one"),
        "two": asks("two"),
        "leaves": lambda: void(other.release("web-001", 1)),
    }
    told(ledger.run(programs), 10)


def test_a_duct_that_goes_against_a_link_through_it(ledger: OrderedLedger) -> None:
    """A duct, or a site, leaves or a link of another party comes to need it, never both."""
    _, far = two_sites(ledger)
    first, second = party(ledger, "carrier"), party(ledger, "carrier-2")
    first.bring_up(ducts={"d-1": DUCT})
    second.enrol()
    comes = admitting(second, links={"l-2": LINK})
    told(ledger.run({"goes": admitting(first, ducts={}), "comes": comes}), 4)
    assert winners(ledger) == {("goes",), ("comes",)}
    told(ledger.run({"goes": destroying(far), "comes": comes}), 3)
    assert winners(ledger) == {("comes",), ()}
    assert winners(ledger, "guard-destroy") == {("goes",), ()}

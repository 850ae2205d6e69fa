"""The verbs ``outage`` and ``drain``: who goes down without something, and who must move before."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import Connection, select

from zonewright.ledger.deciding.facts import world_of
from zonewright.ledger.deciding.zone_facts import zone_base
from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.protocol.outage_messages import DrainAnswer, DrainRequest, OutageAnswer, OutageRequest
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.tables import admission, asset
from zonewright.ledger.store.texts import get_content
from zonewright.model.asset import DUCTS, LINKS
from zonewright.model.demand import Demand
from zonewright.model.rack_position import RackPosition
from zonewright.model.world import Occupant, World
from zonewright.own_rules import evaluate_all
from zonewright.place.draining import DrainPlan, StandingStack, drain
from zonewright.rules.lost import UnknownSubjectError, lost_with, to_drain, works_in
from zonewright.rules.outage import outage_of
from zonewright.rules.outage_reader import outage_for


def outage(context: Context, request: OutageRequest) -> OutageAnswer:
    """Say who goes down while something is out of service, and who stays up on what; others' things stay hidden."""
    with context.database.reading() as connection:
        world = whole_world(context, connection)
    try:
        works = works_in(world.zone, request.begins, request.ends)
    except ValueError as error:
        raise LedgerRefusedError("no-moment", f"no such moment: {error}") from None
    with _known():
        lost = lost_with(world, request.subjects, works)
    report = outage_of(world, lost)
    if not context.caller.sees_all:
        report = outage_for(report, world, context.caller.party)
    return OutageAnswer(report=report)


def drain_racks(context: Context, request: DrainRequest) -> DrainAnswer:
    """Say who must move where so that racks are empty, in changes of which each is admissible; changes nothing."""
    with context.database.reading() as connection:
        world = whole_world(context, connection)
        stacks = standing_stacks(connection, world.everybody)
    with _known():
        lost = to_drain(world, request.subjects)
    found = drain(world, stacks, lost, judge=evaluate_all)
    return DrainAnswer(plan=found if context.caller.sees_all else _for_reader(found, world, context.caller.party))


def whole_world(context: Context, connection: Connection) -> World:
    """The whole zone as everybody has left it."""
    base = zone_base(connection, "")
    if base is None:
        raise LedgerRefusedError(
            "no-zone", "the ledger has no zone yet; the administrator registers one with: zonewright ledger init ZONE"
        )
    sites = set(connection.execute(select(asset.c.site).distinct()).scalars()) - {DUCTS, LINKS}
    return replace(world_of(connection, sites, context.shown_at(connection)), zone=base.before())


@contextmanager
def _known() -> Iterator[None]:
    """A refusal in the place of a subject that is not known."""
    try:
        yield
    except UnknownSubjectError as error:
        raise LedgerRefusedError("unknown-subject", str(error)) from None


def standing_stacks(connection: Connection, everybody: Iterable[Occupant]) -> list[StandingStack]:
    """The stacks whose declarations are at hand, as they stand."""
    seats: dict[str, dict[str, RackPosition]] = defaultdict(dict)
    for item in everybody:
        if item.stack and item.standing in ("admitted", "active"):
            seats[item.stack][item.name] = RackPosition(item.rack, item.position, item.face)
    query = select(admission.c.stack_id, admission.c.party, admission.c.demand_digest).where(
        admission.c.state == "current", admission.c.stack_id.in_(sorted(seats))
    )
    found = []
    for row in connection.execute(query.order_by(admission.c.stack_id)).all():
        text = get_content(connection, row.demand_digest)
        if text:
            demand = Demand.model_validate_json(text)
            found.append(StandingStack(party=row.party, stack=row.stack_id, demand=demand, seats=seats[row.stack_id]))
    return found


def _for_reader(plan: DrainPlan, world: World, party: str) -> DrainPlan:
    """The plan for a party: its own moves, and those out of racks that it operates."""

    def sees(owner: str, rack: str) -> bool:
        return party in (owner, world.racks[rack].owner)

    steps = [one for one in plan.steps if all(sees(one.party, move.old.rack) for move in one.moves)]
    stuck = [one for one in plan.stuck if sees(one.party, one.place.partition(" ")[0])]
    hidden = sum(len(one.moves) for one in plan.steps) - sum(len(one.moves) for one in steps)
    hidden += len(plan.stuck) - len(stuck)
    return replace(plan, steps=tuple(steps), stuck=tuple(stuck), hidden=hidden)

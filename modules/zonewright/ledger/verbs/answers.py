"""The verbs that answer a question and change nothing: where would it fit, and why does it stand there."""

from dataclasses import replace

from sqlalchemy import select

from zonewright.ledger.deciding.facts import gather, world_of
from zonewright.ledger.deciding.zone_facts import zone_base
from zonewright.ledger.protocol.capacity_messages import ExplainAnswer, ExplainRequest, FitAnswer, FitRequest
from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.protocol.outage_messages import OutageAnswer, OutageRequest
from zonewright.ledger.store.context import Context, require_zone
from zonewright.ledger.store.tables import asset
from zonewright.model.demand import DUCTS, LINKS
from zonewright.place import place
from zonewright.place.explaining import explain
from zonewright.place.fit import Wish, fit
from zonewright.rules.lost import UnknownSubjectError, lost_with, works_in
from zonewright.rules.outage import outage_of
from zonewright.rules.outage_reader import outage_for


def fit_rooms(context: Context, request: FitRequest) -> FitAnswer:
    """Give rooms in which so many watts and rack units would fit, without showing anybody's claim."""
    with context.database.reading() as connection:
        known = set(connection.execute(select(asset.c.site).distinct()).scalars())
        base = zone_base(connection, "")
        world = world_of(connection, known - {DUCTS, LINKS}, context.shown_at(connection))
    party = context.caller.for_offers
    open_ = {name: rack for name, rack in world.racks.items() if not party or rack.is_offered_to(party)}
    wish = Wish(**request.model_dump())
    found = fit(replace(world, racks=open_, zone=base.before() if base is not None else None), wish, party=party)
    return FitAnswer(rooms=list(found))


def outage(context: Context, request: OutageRequest) -> OutageAnswer:
    """Say who goes down while something is out of service, and who stays up on what; others' things stay hidden."""
    with context.database.reading() as connection:
        known = set(connection.execute(select(asset.c.site).distinct()).scalars())
        base = zone_base(connection, "")
        if base is None:
            raise LedgerRefusedError("no-zone", "the ledger has no zone yet; see: zonewright ledger init ZONE")
        zone = base.before()
        world = replace(world_of(connection, known - {DUCTS, LINKS}, context.shown_at(connection)), zone=zone)
    works = works_in(zone, request.begins, request.ends)
    try:
        lost = lost_with(world, request.subjects, works)
    except UnknownSubjectError as error:
        raise LedgerRefusedError("unknown-subject", str(error)) from None
    report = outage_of(world, lost)
    if not context.caller.sees_all:
        report = outage_for(report, world, context.caller.party)
    return OutageAnswer(report=report)


def explain_node(context: Context, request: ExplainRequest) -> ExplainAnswer:
    """Say why a node of a stack stands where it does, and what prevents it in each other rack of its site."""
    with context.database.reading() as connection:
        now = context.shown_at(connection)
        require_zone(connection, request.demand, party=request.party, on=now[:10])
        facts = gather(connection, stack_id=request.stack_id, demand=request.demand, now=now)
    found = place(facts.world, request.demand, stack=request.stack_id, sticky=facts.seats, standing=facts.standing)
    explained = explain(facts.world, request.demand, found.seats, request.node, stack=request.stack_id)
    return ExplainAnswer(explanation=explained)

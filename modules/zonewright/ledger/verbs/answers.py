"""The verbs that answer a question and change nothing: where would it fit, and why does it stand there."""

from dataclasses import replace

from sqlalchemy import select

from zonewright.ledger.deciding.facts import gather, world_of
from zonewright.ledger.deciding.zone_facts import zone_base
from zonewright.ledger.protocol.capacity_messages import ExplainAnswer, ExplainRequest, FitAnswer, FitRequest
from zonewright.ledger.store.context import Context, require_zone
from zonewright.ledger.store.tables import asset
from zonewright.ledger.verbs.renaming import as_named
from zonewright.model.asset import DUCTS, LINKS
from zonewright.place import place
from zonewright.place.explaining import explain
from zonewright.place.fit import Wish, fit


def fit_rooms(context: Context, request: FitRequest) -> FitAnswer:
    """Give rooms in which so many watts and rack units would fit, without showing anybody's claim."""
    with context.database.reading() as connection:
        known = set(connection.execute(select(asset.c.site).distinct()).scalars())
        base = zone_base(connection, "")
        world = world_of(connection, known - {DUCTS, LINKS}, context.shown_at(connection))
    party = request.party or context.caller.for_offers
    open_ = {name: rack for name, rack in world.racks.items() if not party or rack.is_offered_to(party)}
    wish = Wish(**request.model_dump(exclude={"party"}))
    found = fit(replace(world, racks=open_, zone=base.before() if base is not None else None), wish, party=party)
    return FitAnswer(rooms=list(found), party=party)


def explain_node(context: Context, request: ExplainRequest) -> ExplainAnswer:
    """Say why a node of a stack stands where it does, and what prevents it in each other rack of its site."""
    with as_named(context, request.stack_id, request.party, lambda _connection: request.demand) as view:
        now = context.shown_at(view.connection)
        demand = require_zone(view.connection, request.demand, party=request.party, on=now[:10])
        facts = gather(view.connection, stack_id=request.stack_id, demand=demand, now=now)
    found = place(facts.world, demand, stack=request.stack_id, sticky=facts.seats, standing=facts.standing)
    explained = explain(facts.world, demand, found.seats, request.node, stack=request.stack_id)
    return ExplainAnswer(explanation=explained)

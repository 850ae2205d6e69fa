"""The verb ``pack-impact``: what a rule pack would find in the zone as everybody has left it; changes nothing."""

from dataclasses import replace

from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.protocol.pack_messages import PackImpactAnswer, PackImpactRequest
from zonewright.ledger.store.context import Context
from zonewright.ledger.verbs.outages import standing_stacks, whole_world
from zonewright.own_rules.impact import findings_with
from zonewright.place.change import cluster_facts


def pack_impact(context: Context, request: PackImpactRequest) -> PackImpactAnswer:
    """Judge everything that is admitted by the pack in force, and by another one that is registered."""
    with context.database.reading() as connection:
        world = whole_world(context, connection)
        stacks = standing_stacks(connection, world.everybody)
        on = context.now(connection)[:10]
    zone = world.zone
    packs = zone.zone.rule_packs if zone is not None else {}
    if zone is None or request.pack not in packs:
        raise LedgerRefusedError(
            "unknown-pack",
            f"expected a rule pack of the registered zone.yaml ({', '.join(sorted(packs)) or 'it has none'}), got "
            f"'{request.pack}'; add it under rule_packs and register it, it need not be in force: "
            "zonewright ledger init ZONE",
        )
    clusters = tuple(fact for one in stacks for fact in cluster_facts(one.demand, one.stack))
    told = {one.stack for one in stacks}
    others = tuple(one for one in zone.connected if one.stack not in told)
    world = replace(world, clusters=clusters, zone=replace(zone, connected=others))
    in_force = zone.zone.rule_pack
    return PackImpactAnswer(
        now=list(findings_with(world, in_force, on=on)), then=list(findings_with(world, request.pack, on=on))
    )

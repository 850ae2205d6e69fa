"""The nodes of the reference zone as their templates see them: every tenant placed in turn, without a ledger."""

from collections import defaultdict
from collections.abc import Mapping
from functools import cache

from support.once import shared
from support.reference_sites import judged_reference, reference_files
from zonewright.changes.rendering import contexts_of
from zonewright.ledger.protocol.admission_messages import Proposal
from zonewright.model.demand import Demand, demand_of
from zonewright.model.rack_position import RackPosition
from zonewright.place import assign_addresses
from zonewright.render import render_all
from zonewright.render.formats.format import AnyContext
from zonewright.rules.surroundings import surroundings_of


@cache
def reference_proposals() -> Mapping[str, tuple[Demand, Proposal]]:
    """Demand and proposal of each tenant by party, with places and addresses as if they had come in order."""
    declaration, judged = judged_reference()
    world = judged.world
    assert world.zone is not None
    sites = {name: held.site for name, held in world.zone.sites.items()}
    taken: dict[tuple[str, str], set[str]] = defaultdict(set)
    found: dict[str, tuple[Demand, Proposal]] = {}
    for party in sorted(declaration.owners):
        own = [item for item in world.occupants if item.party == party and item.standing == "wanted"]
        if not own:
            continue
        addresses: dict[str, dict[str, str]] = {}
        for site_id in sorted({item.rack.split("/")[0] for item in own}):
            site = sites[site_id]
            names = [item.name for item in own if item.rack.startswith(f"{site_id}/")]
            made = assign_addresses(
                site.address_pools,
                names,
                sticky={},
                taken={pool: taken[site_id, pool] for pool in site.address_pools},
                fixed=site.fixed_addresses,
            )
            for name, of_node in made.assigned.items():
                addresses[name] = dict(of_node)
                for pool, text in of_node.items():
                    taken[site_id, pool].add(text)
        proposal = Proposal(
            demand_digest=f"sha256:{0:064}",
            revision=0,
            seats={item.name: RackPosition(rack=item.rack, position=item.position) for item in own},
            addresses=addresses,
            unplaced={},
            premises=[],
            findings=[],
            sites={
                site_id: sites[site_id].model_dump(mode="json", exclude_defaults=True, exclude={"rooms"})
                for site_id in {item.rack.split("/")[0] for item in own}
            },
            surroundings=surroundings_of(world.zone, frozenset()),
        )
        found[party] = (demand_of(declaration, party), proposal)
    return found


@cache
def reference_contexts() -> tuple[AnyContext, ...]:
    """Nodes and groups of all tenants."""
    return shared("reference-contexts", _contexts)


def _contexts() -> tuple[AnyContext, ...]:
    return tuple(one for demand, proposal in reference_proposals().values() for one in contexts_of(demand, proposal))


@cache
def zone_files() -> Mapping[str, str]:
    """Every file of the whole zone, by path."""
    return shared("zone-files", lambda: {**reference_files(), **render_all(reference_contexts())})

"""What the templates of a whole zone see, without a ledger: every tenant placed in turn, a folder as the world.

Places and addresses are as if the tenants had come in order. A ledger may have given others, so no file that is made
from this is ever deployed.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from zonewright.changes.rendering import contexts_of, site_contexts
from zonewright.ledger.protocol.admission_messages import Proposal
from zonewright.model import Declaration
from zonewright.model.demand import Demand, demand_of
from zonewright.model.rack_position import RackPosition
from zonewright.place import JudgedZone, assign_addresses
from zonewright.render import SiteContext
from zonewright.render.formats.format import AnyContext, sites_in
from zonewright.rules.surroundings import surroundings_of


def contexts_of_zone(declaration: Declaration, judged: JudgedZone) -> tuple[AnyContext, ...]:
    """Everything of a zone that files are rendered for: sites, nodes and groups of all parties.

    Args:
        declaration: of all owners.
        judged: the same with every node in its place.
    """
    tenants = (contexts_of(demand, proposal) for demand, proposal in proposals_of(declaration, judged).values())
    return (*views_of_sites(declaration, judged), *(one for found in tenants for one in found))


def sites_of(declaration: Declaration, judged: JudgedZone) -> Mapping[str, SiteContext]:
    """All sites by id, as their first routers see them.

    Args:
        declaration: of all owners.
        judged: the same with every node in its place.
    """
    return sites_in(views_of_sites(declaration, judged))


def views_of_sites(declaration: Declaration, judged: JudgedZone) -> Iterator[SiteContext]:
    """All sites as each of their routers sees them.

    Args:
        declaration: of all owners.
        judged: the same with every node in its place.
    """
    facts = judged.world.zone
    if facts is None:
        return
    for owner, file in declaration.owners.items():
        around = surroundings_of(facts, frozenset(file.sites))
        yield from site_contexts(demand_of(declaration, owner), around)


def proposals_of(declaration: Declaration, judged: JudgedZone) -> Mapping[str, tuple[Demand, Proposal]]:
    """Demand and proposal of each tenant by party, with places and addresses as if they had come in order.

    Args:
        declaration: of all owners.
        judged: the same with every node in its place.
    """
    world = judged.world
    if world.zone is None:
        return {}
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
            pools = site.pools_for(party)
            names = [item.name for item in own if item.rack.startswith(f"{site_id}/")]
            made = assign_addresses(
                pools,
                names,
                sticky={},
                taken={pool: taken[site_id, pool] for pool in pools},
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
                site_id: sites[site_id].seen_by(party).model_dump(mode="json", exclude_defaults=True, exclude={"rooms"})
                for site_id in {item.rack.split("/")[0] for item in own}
            },
            surroundings=surroundings_of(world.zone, frozenset()),
        )
        found[party] = (demand_of(declaration, party), proposal)
    return found

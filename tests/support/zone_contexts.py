"""What the templates of a whole zone see, without a ledger: every tenant placed in turn, a folder as the world."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from zonewright.changes.rendering import contexts_of, site_contexts
from zonewright.declare import load_zone
from zonewright.ledger.protocol.admission_messages import Proposal
from zonewright.model import Declaration
from zonewright.model.demand import Demand, demand_of
from zonewright.model.rack_position import RackPosition
from zonewright.place import JudgedZone, assign_addresses, judge_declaration
from zonewright.render import SiteContext
from zonewright.render.formats.format import AnyContext
from zonewright.rules.surroundings import surroundings_of

ON = "2026-07-01"


def judged_folder(folder: Path) -> tuple[Declaration, JudgedZone]:
    """The zone of a folder, and every node of it in its place."""
    declaration = load_zone(folder, on=ON).declaration
    assert declaration is not None
    return declaration, judge_declaration(declaration, on=ON)


def contexts_of_folder(folder: Path) -> tuple[AnyContext, ...]:
    """Everything of a zone that files are rendered for: sites, nodes and groups of all parties."""
    declaration, judged = judged_folder(folder)
    tenants = (contexts_of(demand, proposal) for demand, proposal in proposals_of(declaration, judged).values())
    return (*sites_of(declaration, judged).values(), *(one for found in tenants for one in found))


def sites_of(declaration: Declaration, judged: JudgedZone) -> Mapping[str, SiteContext]:
    """All sites by id."""
    facts = judged.world.zone
    assert facts is not None
    found: dict[str, SiteContext] = {}
    for owner, file in declaration.owners.items():
        around = surroundings_of(facts, frozenset(file.sites))
        found |= {one.name: one for one in site_contexts(demand_of(declaration, owner), around)}
    return found


def proposals_of(declaration: Declaration, judged: JudgedZone) -> Mapping[str, tuple[Demand, Proposal]]:
    """Demand and proposal of each tenant by party, with places and addresses as if they had come in order."""
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

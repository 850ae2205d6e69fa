"""Links that run in the cores of others: these are there, and their ducts are the same."""

from collections.abc import Iterator

from zonewright.model.world import LinkFacts, ZoneFacts
from zonewright.rules.link_breach import UNTIL_LINK, not_routed, unknown_part
from zonewright.rules.view import Breach, View


def within(link_id: str, held: LinkFacts, view: View) -> Iterator[Breach]:
    """What is wrong with the links in whose cores a link runs."""
    zone, is_ours = view.zone, view.acts(held.owner)
    if zone is None or not held.link.cores_of:
        return
    found = {one: zone.links.get(one) for one in held.link.cores_of}
    for name, carrier in found.items():
        was = view.before.links.get(name) if view.before else None
        if carrier is None and (was is None or is_ours):
            yield unknown_part(link_id, held, f"link {name}", "network operator")
        elif carrier is None or carrier.is_leaving:
            fix = "run it through others" if is_ours else f"keep {name} {UNTIL_LINK}"
            yield not_routed(link_id, held, f"runs in cores of link {name}, which is being removed", fix)
        elif carrier.link.cores_of:
            fix = "name that link" if is_ours else f"keep {name} in its own bores {UNTIL_LINK}"
            yield not_routed(link_id, held, f"runs in cores of link {name}, which runs in those of another", fix)
        elif carrier.link.status == "planned" and held.link.status == "active":
            fix = "keep it planned until that link is there" if is_ours else f"keep {name} active {UNTIL_LINK}"
            yield not_routed(link_id, held, f"is active and runs in cores of link {name}, which is only planned", fix)
    if None not in found.values() and not _are_theirs(held, zone):
        ways = "; ".join(f"{name}: {', '.join(zone.links[name].link.ducts) or 'none'}" for name in found)
        fix = "name these, in that order" if is_ours else f"keep the ducts of these links {UNTIL_LINK}"
        yield not_routed(link_id, held, f"runs through other ducts than the links in whose cores it runs ({ways})", fix)


def _are_theirs(held: LinkFacts, zone: ZoneFacts) -> bool:
    """Whether its ducts are those of these links, each from either end."""
    rest = held.link.ducts
    for name in held.link.cores_of:
        ducts = zone.links[name].link.ducts
        if not ducts or rest[: len(ducts)] not in (ducts, ducts[::-1]):
            return False
        rest = rest[len(ducts) :]
    return not rest

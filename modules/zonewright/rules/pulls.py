"""Where sharing and diversity pull against each other: what is to be shared would put two paths into one risk. Pure.

The rule on new ducts says: use the free bore that is there. Rings and disjoint paths say: not the same duct twice. Each
is right by itself. So a finding of the first kind that cannot be followed says which of the second kind stands against
it, and people decide between the two rules and not between a finding and its fix.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from zonewright.model.world import LinkFacts, ZoneFacts
from zonewright.rules.connections import srlg_disjoint
from zonewright.rules.view import Breach, View


def pulled_apart(view: View, breach: Breach, planned: str, others: Sequence[str]) -> Breach:
    """The finding on a new duct, with the finding on diversity that its fix would make, where it would make one.

    Args:
        view: what is judged.
        breach: the finding.
        planned: id of the new duct.
        others: ids of the ducts whose bores are to be used instead.
    """
    facts = view.zone
    through = [] if facts is None else sorted(name for name, held in facts.links.items() if planned in held.link.ducts)
    if facts is None or not through:
        return breach
    apart = {name: _active(facts.links[name]) for name in through}
    shared = {name: _instead(held, planned, others) for name, held in apart.items()}
    known = {(one.subject, one.message) for one in srlg_disjoint(_with(view, facts, apart))}
    against = [one for one in srlg_disjoint(_with(view, facts, shared)) if (one.subject, one.message) not in known]
    if not against:
        return breach
    first = against[0]
    more = f" (and {len(against) - 1} more)" if len(against) > 1 else ""
    return replace(
        breach,
        message=(
            f"{breach.message}; this pulls against srlg-disjoint: with {', '.join(through)} in "
            f"{' and '.join(others)}, {first.message}{more}"
        ),
        fix=(
            f"decide between the two: either ask the administrator for a waiver of reuse-first at {planned}, or use "
            f"{' and '.join(others)} and lead the other path elsewhere"
        ),
    )


def _active(held: LinkFacts) -> LinkFacts:
    return replace(held, link=held.link.model_copy(update={"status": "active"}))


def _instead(held: LinkFacts, planned: str, others: Sequence[str]) -> LinkFacts:
    ducts = [one for duct in held.link.ducts for one in (others if duct == planned else (duct,))]
    return replace(held, link=held.link.model_copy(update={"ducts": tuple(dict.fromkeys(ducts))}))


def _with(view: View, facts: ZoneFacts, links: Mapping[str, LinkFacts]) -> View:
    zone = replace(facts, links={**facts.links, **links})
    return replace(view, world=replace(view.world, zone=zone))

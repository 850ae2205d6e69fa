"""Rules about rings: they close, and no failure takes down two links of one."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from zonewright.model.rule_pack import Ring
from zonewright.model.world import LinkFacts, ZoneFacts
from zonewright.rules.finding import Participant
from zonewright.rules.paths import BLIND_KINDS, risks_of
from zonewright.rules.rule import Rule
from zonewright.rules.view import Breach, View
from zonewright.rules.words import count_of, listed

_OPEN_ENDS = 2
"""Loose ends of a line."""


def ring_closed(view: View) -> Iterator[Breach]:
    """The links of a ring make one way around, or one line where it is declared open."""
    if view.zone is None:
        return
    for ring_id, ring in sorted(view.zone.zone.rings.items()):
        present = {name: view.zone.links[name] for name in ring.links if name in view.zone.links}
        missing = [name for name in ring.links if name not in view.zone.links]
        if missing and present and not ring.is_open:
            yield _incomplete(view, ring_id, ring, missing)
        elif not missing:
            yield from _loose(view, ring_id, ring, present)


RING_CLOSED = Rule(
    id="ring-closed",
    title="The links of a ring make one way around.",
    level="no-worse",
    description=(
        "Each site of the ring has two links of it, and the ring is in one piece. A ring with `is_open` makes one "
        "line instead. Value is the number of loose ends: of a site with one link one, of a site with three "
        "links one, and two for each further piece. The limit is 0, or 2 where the ring is open. Planned links count. "
        "While a link of the ring has not been declared yet, the finding says `not decided` and is advisory. Whoever "
        "takes a link out of a complete ring is refused."
    ),
    unit="ends",
    reference="shared risk link groups, RFC 4202 section 2.3; ITU-T G.841, protection rings",
    function=ring_closed,
    reach="zone",
)


def _loose(view: View, ring_id: str, ring: Ring, links: Mapping[str, LinkFacts]) -> Iterator[Breach]:
    degrees = Counter(end for held in links.values() for end in (held.link.a, held.link.b))
    pieces = _pieces(links)
    value = sum(abs(degree - 2) for degree in degrees.values()) + 2 * (pieces - 1)
    limit = _OPEN_ENDS if ring.is_open else 0
    if value > limit:
        yield _breach(view, ring_id, list(links), _why(ring_id, degrees, pieces), value=value, limit=limit)


def _why(ring_id: str, degrees: Mapping[str, int], pieces: int) -> str:
    ends = sorted(site for site, degree in degrees.items() if degree == 1)
    forks = sorted(site for site, degree in degrees.items() if degree > 2)  # noqa: PLR2004 - one in, one out
    said = [f"it ends at {listed(ends)}"] if ends else []
    said += [f"more than two of its links meet at {listed(forks)}"] if forks else []
    said += [f"it is in {count_of(pieces, 'piece')}"] if pieces > 1 else []
    return f"the links of ring {ring_id} make no way around: {', and '.join(said)}"


def _pieces(links: Mapping[str, LinkFacts]) -> int:
    """Groups of links that hang together."""
    groups: list[set[str]] = []
    for held in links.values():
        ends = {held.link.a, held.link.b}
        groups = [*(group for group in groups if not group & ends), ends.union(*(g for g in groups if g & ends))]
    return len(groups)


def _incomplete(view: View, ring_id: str, ring: Ring, missing: Sequence[str]) -> Breach:
    """A ring without one of its links: it was never complete, or this change takes one out."""
    before = view.before.links if view.before is not None else {}
    gone = [name for name in missing if name in before]
    if gone and all(name in before for name in ring.links):
        what = f"ring {ring_id} loses {listed([f'link {name}' for name in gone])}, and then protects nothing"
        fix = "keep it until the administrator has taken it out of the ring or has written 'is_open: true'"
        return _breach(view, ring_id, gone, what, value=2 * len(gone), limit=0, fix=fix)
    links = listed([f"link {name}" for name in missing])
    return Breach(
        subject=ring_id,
        where=f"links.{next(name for name in ring.links if name not in missing)}",
        message=f"not decided: whether ring {ring_id} closes, for nobody has declared {links} yet",
        participants=_owners(view, [name for name in ring.links if name not in missing]),
        fix=f"ask for {links} to be declared",
        level="advisory",
    )


def _breach(
    view: View,
    ring_id: str,
    links: Sequence[str],
    why: str,
    *,
    value: int,
    limit: int,
    fix: str = "",
) -> Breach:
    return Breach(
        subject=ring_id,
        where=f"links.{links[-1]}",
        message=why,
        value=value,
        limit=limit,
        unit="ends",
        excess=value - limit,
        participants=_owners(view, list(reversed(links))),
        fix=fix or "correct the ends of its links, or ask the administrator to correct or to open ('is_open: true') it",
    )


def _owners(view: View, links: Sequence[str]) -> tuple[Participant, ...]:
    known = [facts.links for facts in (view.zone, view.before) if facts is not None]
    held = {name: one[name] for name in links for one in reversed(known) if name in one}
    return tuple(Participant(party=held[name].owner, name=name) for name in links)


def shared_in_rings(view: View) -> Iterator[Breach]:
    """Links of a ring that share a risk of the kinds that the ring names, or may do so for all that is known."""
    if view.zone is None:
        return
    for ring_id, ring in sorted(view.zone.zone.rings.items()):
        present = [name for name in ring.links if name in view.zone.links]
        for one, two in combinations(present, 2):
            yield from _shared(view, view.zone, ring_id, ring, (one, two))
        blind = sorted(BLIND_KINDS.intersection(ring.disjoint))
        for name in present if blind and len(present) > 1 else ():
            if view.zone.links[name].link.route == "unknown":
                yield _not_decided(view, ring_id, name, " or ".join(blind))


def _shared(view: View, facts: ZoneFacts, ring_id: str, ring: Ring, pair: tuple[str, str]) -> Iterator[Breach]:
    one, two = pair
    links = [facts.links[name] for name in pair]
    first, second = (risks_of(held.link, facts) for held in links)
    shared = sorted((kind, name) for kind, name in first & second if kind in ring.disjoint)
    if shared:
        yield Breach(
            subject=ring_id,
            where=f"links.{two}.ducts",
            message=(
                f"links {one} and {two} of ring {ring_id} share "
                f"{listed([f'{kind} {name}' for kind, name in shared])}{_shared_length(links, facts)}: "
                "one failure takes both"
            ),
            value=len(shared),
            limit=0,
            unit="risks",
            excess=len(shared),
            participants=(Participant(party=links[1].owner, name=two), Participant(party=links[0].owner, name=one)),
            fix=_apart(view, two, one),
        )


def _not_decided(view: View, ring_id: str, name: str, kinds: str) -> Breach:
    return Breach(
        subject=ring_id,
        where=f"links.{name}",
        message=(
            f"not decided: whether link {name} of ring {ring_id} shares a {kinds} with another link of it, for its "
            "route is unknown; what is not shown is not taken for granted"
        ),
        value=1,
        limit=0,
        unit="risks",
        excess=1,
        participants=_owners(view, [name]),
        fix=f"ask the lessor of {name} for its ducts, or ask the administrator to take another link into the ring",
    )


def _shared_length(links: Sequence[LinkFacts], facts: ZoneFacts) -> str:
    common = set(links[0].link.ducts) & set(links[1].link.ducts)
    metres = sum(facts.ducts[duct].duct.length_m for duct in common if duct in facts.ducts)
    return f" over {metres:,} m" if metres else ""


def _apart(view: View, two: str, one: str) -> str:
    """The remedy for two links of a ring, of those that can be carried out by whoever is told."""
    links = view.zone.links if view.zone is not None else {}
    able = [name for name in (two, one) if view.acts(links[name].owner)]
    if able:
        return f"route {' or '.join(able)} through other ducts and over another bridge"
    return "keep their risks apart, or ask the operators of the links to route them otherwise first"

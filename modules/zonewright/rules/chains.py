"""What each element of a site's supply carries: with all of them, and after the loss of any one.

All figures are integer watts. Where several elements supply one, they share its load evenly, rounded up; after a loss
those that are left do. What goes down with a loss counts on its other feed as before, so a loss never makes the load of
an element smaller that stays up.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from zonewright.model.power import FEEDS, Supply, other
from zonewright.model.rack import Rack
from zonewright.model.supply import FeedName
from zonewright.model.world import Occupant, SiteFacts
from zonewright.rules.loads import ALONE, EVEN, sums_of

_KILO = 1000
_Sources = tuple[str, str]
"""The elements next to feed A and feed B of racks; empty for a feed that they do not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """The most that an element carries.

    Attributes:
        element: its id.
        value: watts.
        limit: watts that it may carry.
        lost: the element that is lost then; empty where all are there.
    """

    element: str
    value: int
    limit: int
    lost: str


@dataclass(frozen=True, slots=True)
class _Load:
    """What racks with the same sources draw on one feed: now, and when the other one is lost."""

    live: int
    alone: int


Loads = Mapping[_Sources, Mapping[FeedName, _Load]]


def loads_of(racks: Iterable[Rack], in_rack: Mapping[str, Sequence[Occupant]]) -> Loads:
    """What racks draw from the elements next to them, summed up by those.

    Args:
        racks: the racks of one site, with the sources of their feeds.
        in_rack: what stands in each.
    """
    live: dict[_Sources, Counter[FeedName]] = defaultdict(Counter)
    alone: dict[_Sources, Counter[FeedName]] = defaultdict(Counter)
    for rack in racks:
        occupants = in_rack.get(rack.id, ())
        if occupants and not rack.has_failed:
            sums = sums_of(occupants, rack.wiring)
            sources = _sources(rack)
            for feed in rack.wiring.live:
                live[sources][feed] += sums[EVEN[feed]]
                alone[sources][feed] += max(sums[EVEN[feed]], sums[ALONE[feed]])
    return {key: {feed: _Load(sums[feed], alone[key][feed]) for feed in sums} for key, sums in live.items()}


def _sources(rack: Rack) -> _Sources:
    on_a, on_b = (rack.feeds[feed].source if feed in rack.feeds else "" for feed in FEEDS)
    return on_a, on_b


def carried(supply: Supply, loads: Loads, lost: str | None = None) -> dict[str, int]:
    """Watts that each element carries.

    Args:
        supply: the elements.
        loads: what the racks draw, as :func:`loads_of` gives it.
        lost: an element that is lost; None for none.
    """
    dead = supply.dead(lost)
    sums: Counter[str] = Counter()
    for sources, by_feed in loads.items():
        source = dict(zip(FEEDS, sources, strict=True))
        for feed, load in by_feed.items():
            if source[feed] not in dead:
                other_is_dead = source[other(feed)] in dead
                sums[source[feed]] += load.alone if other_is_dead else load.live
    for name in supply.downwards:
        behind = [one for one in supply.suppliers(name) if one not in dead]
        for one in behind:
            sums[one] += -(-sums[name] // len(behind))
    return {name: sums[name] for name in supply.elements}


def too_much(facts: SiteFacts, loads: Loads) -> Iterator[Carried]:
    """For each element that would carry more than it may the worst case, whichever element is lost."""
    supply = Supply(facts.site)
    limits = {
        name: round(one.carries_kw * _KILO) for name, one in supply.elements.items() if one.carries_kw is not None
    }
    worst: dict[str, Carried] = {}
    for lost in ("", *sorted(supply.losses())):
        for name, value in carried(supply, loads, lost or None).items() if limits else ():
            if name in limits and name != lost and value > max(limits[name], worst[name].value if name in worst else 0):
                worst[name] = Carried(element=name, value=value, limit=limits[name], lost=lost)
    for name in sorted(worst):
        yield worst[name]

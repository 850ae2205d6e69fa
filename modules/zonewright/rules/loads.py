"""What an occupant asks of a rack, as integers that rules, placement and read sets add up in the same way.

Eight figures: watts on A and on B while the power supplies share evenly, the same when they share at worst, watts
on B alone after the loss of A, on A alone after the loss of B, grams, and watts of heat. Grams, because a sum of
floating point kilograms depends on its order.
"""

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache

from zonewright.model.power import FEEDS, Draw, Wiring
from zonewright.model.rack import Rack
from zonewright.model.supply import PHASES, FeedName, Phase
from zonewright.model.world import Occupant

Figures = tuple[int, ...]
Key = tuple[str, str, str]
LegShare = tuple[int, int, int]
"""Watts on a phase: at worst while both feeds live, after the loss of the other feed, and evenly."""
LegShares = dict[tuple[FeedName, Phase], dict[Key, LegShare]]
"""By feed and phase, and by node."""

EVEN: Mapping[FeedName, int] = {"A": 0, "B": 1}
WORST: Mapping[FeedName, int] = {"A": 2, "B": 3}
ALONE: Mapping[FeedName, int] = {"B": 4, "A": 5}
GRAMS, HEAT = 6, 7
NOTHING: Figures = (0,) * 8
UNBOUND = 10**12
"""Of a rack that says no limit: more than anything there is."""
KILOGRAM = 1000


@lru_cache(maxsize=4096)
def watts(draw: Draw, wiring: Wiring) -> Figures:
    """The six figures in watts of one draw in a rack that has these feeds.

    In a rack without any feed the whole draw counts on A, whose limit is 0 there: a missing feed is never good. What
    is down because of a feed that has failed counts on that feed, whose limit is 0 too.
    """
    present, failed = wiring
    if failed or not present:
        on = "A" if not present else min((wiring.live if draw.is_up(wiring) else failed) or failed)
        one = tuple(draw.allocated_w if feed == on else 0 for feed in FEEDS)
        return (*one, *one, 0, 0)
    even, worst = draw.live(present), draw.live_at_worst(present)
    alone = (draw.after_loss("A", present), draw.after_loss("B", present)) if len(present) > 1 else (0, 0)
    return (even.get("A", 0), even.get("B", 0), worst.get("A", 0), worst.get("B", 0), *alone)


def grams(weight_kg: float) -> int:
    """Kilograms as whole grams."""
    return round(weight_kg * KILOGRAM)


def figures(item: Occupant, wiring: Wiring) -> Figures:
    """The eight figures of one occupant."""
    return (*watts(item.draw, wiring), grams(item.weight_kg), item.draw.allocated_w)


def larger(one: Figures, two: Figures) -> Figures:
    """The larger of each figure."""
    return tuple(map(max, one, two))


def by_key(occupants: Iterable[Occupant], wiring: Wiring) -> dict[Key, Figures]:
    """Figures by identity: who stands twice in one rack (a move within it) counts once, with the larger figures."""
    found: dict[Key, Figures] = {}
    alike: dict[tuple[int, float], Figures] = {}
    for item in occupants:
        key, of = item.key, (id(item.draw), item.weight_kg)  # nodes of a cluster have one draw
        asked = alike.get(of)
        if asked is None:
            asked = alike[of] = figures(item, wiring)
        known = found.get(key)
        found[key] = asked if known is None else larger(known, asked)
    return found


def sums_of(occupants: Collection[Occupant], wiring: Wiring) -> Figures:
    """The sum of the figures of occupants, who stands twice once, as :func:`by_key` has them.

    Args:
        occupants: what stands in a rack.
        wiring: its feeds.
    """
    return RackSums().of(occupants, wiring)


class RackSums:
    """Sums of many racks, one after the other: what so many like nodes come to is worked out once.

    Draws and wirings are known by identity, so they must stay as long as this does.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, int, float, int], Figures] = {}

    def of(self, occupants: Collection[Occupant], wiring: Wiring) -> Figures:
        """The sum of one rack, as :func:`sums_of`."""
        if len({item.name for item in occupants}) < len(occupants):
            return total(by_key(occupants, wiring).values())
        parts: list[Figures] = []
        draw, weight_kg, count = None, 0.0, 0
        for item in occupants:
            if item.draw is draw and item.weight_kg == weight_kg:  # nodes of a cluster have one draw
                count += 1
            else:
                if draw is not None:
                    parts.append(self._times(count, draw, weight_kg, wiring))
                draw, weight_kg, count = item.draw, item.weight_kg, 1
        if draw is not None:
            parts.append(self._times(count, draw, weight_kg, wiring))
        return parts[0] if len(parts) == 1 else total(parts)

    def _times(self, count: int, draw: Draw, weight_kg: float, wiring: Wiring) -> Figures:
        """The figures of so many occupants that are alike."""
        key = count, id(draw), weight_kg, id(wiring)
        found = self._known.get(key)
        if found is None:
            one = (*watts(draw, wiring), grams(weight_kg), draw.allocated_w)
            found = self._known[key] = tuple(map(count.__mul__, one))
        return found


def leg_shares(rack: Rack, occupants: Iterable[Occupant]) -> LegShares:
    """Watts of each node on each phase of each feed that says which units hang on which.

    Args:
        rack: the rack.
        occupants: what stands in it; who stands twice on one phase counts once, with the larger figures.
    """
    shares: LegShares = {}
    for name, feed in rack.feeds.items():
        for item in occupants if feed.legs else ():
            leg = item.leg or feed.leg_of(item.position)
            if leg is not None:
                asked = leg_share(watts(item.draw, rack.wiring), name)
                by_node = shares.setdefault((name, leg), {})
                by_node[item.key] = larger_share(by_node.get(item.key), asked)
    return shares


def larger_share(known: LegShare | None, asked: LegShare) -> LegShare:
    """The larger of each figure."""
    return asked if known is None else (max(asked[0], known[0]), max(asked[1], known[1]), max(asked[2], known[2]))


def leg_share(of_node: Figures, feed: FeedName) -> LegShare:
    """What a node has on a feed: watts at worst, alone, and evenly."""
    return of_node[WORST[feed]], of_node[ALONE[feed]], of_node[EVEN[feed]]


def full_phases(rack: Rack, shares: LegShares, of_node: Figures) -> int:
    """Bits of the units on phases that cannot carry one more node, whose lowest unit may not be one of them.

    Args:
        rack: the rack.
        shares: what its phases carry.
        of_node: the figures of the node.
    """
    mask = 0
    for name, feed in rack.feeds.items():
        limit, asked = feed.available_w // len(PHASES), leg_share(of_node, name)
        for leg, units in feed.legs:
            held = tuple(shares.get((name, leg), {}).values())
            if any(asked[index] and sum(one[index] for one in held) + asked[index] > limit for index in (0, 1)):
                mask |= units
    return mask


def total(all_figures: Iterable[Figures]) -> Figures:
    """Sum of figures."""
    return tuple(map(sum, zip(*all_figures, strict=True))) or NOTHING


def limits(rack: Rack) -> Figures:
    """What a rack allows for each figure; 0 for a feed that it does not have, or that has failed."""
    on_a = rack.feeds["A"].available_w if "A" in rack.feeds and "A" not in rack.failed_feeds else 0
    on_b = rack.feeds["B"].available_w if "B" in rack.feeds and "B" not in rack.failed_feeds else 0
    heat = UNBOUND if rack.cooling_w is None else rack.cooling_w
    return (on_a, on_b, on_a, on_b, on_b, on_a, rack.max_weight_kg * KILOGRAM, heat)

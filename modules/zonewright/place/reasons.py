"""Why a node has no place: which resource is short, in how many racks, and the nearest miss. One sentence."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from zonewright.place.rack_state import NodeShape, RackState
from zonewright.place.spread_count import SpreadCount
from zonewright.place.stops import StopsRack
from zonewright.rules.geometry import longest_free
from zonewright.rules.loads import ALONE, GRAMS, HEAT, KILOGRAM, WORST
from zonewright.rules.masking import STEPS
from zonewright.rules.words import amount, count_of, kilograms

_FIGURES = (
    (ALONE["B"], "on feed B after the loss of feed A"),
    (ALONE["A"], "on feed A after the loss of feed B"),
    (WORST["A"], "on feed A"),
    (WORST["B"], "on feed B"),
)


GIVEN_UP = "other arrangements of the whole change were tried and none held it, which is no proof that there is none"
"""Of a search that came to its end without a place for all."""
_THINGS = (
    ("W", "on feed A"),
    ("W", "on feed B"),
    ("W", "on feed A at worst"),
    ("W", "on feed B at worst"),
    ("W", "on feed B after the loss of feed A"),
    ("W", "on feed A after the loss of feed B"),
    ("kg", "of what they bear"),
    ("W", "of what their cooling takes away"),
    ("U", "on the front face"),
    ("U", "on the rear face"),
)
"""What counting counts, in the order of its numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """One resource that a rack is short of; ``part`` is the shortage relative to what is wanted."""

    resource: str
    part: float
    text: str


def why_no_rack(
    shape: NodeShape, spread: SpreadCount, states: Iterable[RackState], *, stops: StopsRack, closed: int, where: str
) -> str:
    """The sentence for a node that no rack can take.

    Args:
        shape: what was to be placed.
        spread: what the cluster's spread allows.
        states: the racks that were looked at, as they are now.
        stops: why a rack must not be taken because of who else is there.
        closed: racks that were not looked at because they do not take nodes of the party.
        where: the site and rooms that were looked at, for people.
    """
    counts: Counter[str] = Counter()
    nearest: tuple[int, float, str, str] | None = None
    looked = 0
    for state in states:
        looked += 1
        shortages = list(shortages_of(shape, spread, state, stops))
        counts.update({item.resource: 1 for item in shortages})
        texts = " and ".join(item.text for item in shortages)
        miss = (len(shortages), sum(item.part for item in shortages), state.rack.id, texts)
        nearest = miss if nearest is None or miss < nearest else nearest
    not_open = f"; {count_of(closed, 'rack')} there {'is' if closed == 1 else 'are'} not open for it" if closed else ""
    if nearest is None:
        return f"no rack at {where} accepts it{not_open}" if closed else f"there is no rack at {where}"
    short = ", ".join(f"{resource} in {count:,}" for resource, count in sorted(counts.items()))
    return (
        f"none of {count_of(looked, 'rack')} in {where} can take it: short of {short}{not_open}; the nearest is "
        f"{nearest[2]}, short of {nearest[3]}"
    )


def proven(short: Iterable[tuple[int, int, int]]) -> str:
    """What counting proves: that all racks together lack something. Rounded up, for it tells what others have.

    Args:
        short: number of the thing, how much is missing, in how many racks.
    """
    thing, missing, racks = max(short, key=lambda one: (one[2], one[1]))
    unit, text = _THINGS[thing]
    missing = -(-missing // KILOGRAM) if unit == "kg" else missing
    amount_ = amount(-(-missing // STEPS[unit]) * STEPS[unit], unit)
    return f"no arrangement can hold this change: the {count_of(racks, 'rack')} lack up to {amount_} {text} in all"


def shortages_of(shape: NodeShape, spread: SpreadCount, state: RackState, stops: StopsRack) -> Iterator[Shortage]:
    """Each resource that a rack is short of for one more node, and who else keeps it away."""
    if state.lacks_an_offer(shape):
        yield _offer_short(shape, state)
    elif state.lowest(shape) is None:
        longest = longest_free(state.taken_for(shape), rack_u=state.rack.u_height)
        missing = shape.u_height - longest
        if missing > 0:
            yield Shortage(resource="units", part=missing / shape.u_height, text=f"{amount(missing, 'U')} in one piece")
        else:
            yield Shortage(resource="phase watts", part=1.0, text="watts on each phase whose units are free")
    watts = _watts_short(shape, state)
    if watts is not None:
        yield watts
    asked = shape.figures(state.wiring)
    over = state.sums[GRAMS] + asked[GRAMS] - state.limits[GRAMS]
    if over > 0:
        yield Shortage(resource="weight", part=over / max(1, asked[GRAMS]), text=kilograms(over))
    hot = state.sums[HEAT] + asked[HEAT] - state.limits[HEAT]
    if hot > 0:
        text = f"{amount(hot, 'W')} of cooling"
        yield Shortage(resource="cooling watts", part=hot / max(1, asked[HEAT]), text=text)
    if spread.verdict(state.rack.id) != "now" and spread.spread is not None:
        scope = spread.spread.scope
        known = spread.why_not(state.rack.id)
        yield Shortage(resource="spread", part=1.0, text=f"spread: its {scope} {known}")
    stop = stops(state.rack)
    if stop is not None:
        yield Shortage(resource=stop.resource, part=1.0, text=stop.text)


def _offer_short(shape: NodeShape, state: RackState) -> Shortage:
    """What of an offer is missing; watts in steps, for they tell what others have in it."""
    watts = shape.draw.allocated_w
    missing = state.remaining.missing_w(state.rack, watts) if state.remaining is not None else None
    if missing is None:
        text = f"an offer of {amount(shape.u_height, 'U')} in one piece"
        return Shortage(resource="offered units", part=1.0, text=text)
    step = STEPS["W"]
    text = f"up to {amount(-(-missing // step) * step, 'W')} of the power that is offered with it"
    return Shortage(resource="offered power", part=missing / max(1, watts), text=text)


def _watts_short(shape: NodeShape, state: RackState) -> Shortage | None:
    """The worst shortage on a feed, or None; one that comes when a failed feed works again counts as well."""
    asked = shape.figures(state.wiring)
    over, place = max(
        (
            (state.sums[index] + asked[index] - state.limits[index], text)
            for index, text in _FIGURES
            if asked[index] or not state.rack.failed_feeds
        ),
        key=lambda item: item[0],
        default=(0, ""),
    )
    if over <= 0:
        later = None if state.mended is None else _watts_short(shape, state.mended)
        return None if later is None else replace(later, text=f"{later.text} when what has failed works again")
    return Shortage(
        resource="feed watts", part=over / max(1, shape.draw.allocated_w), text=f"{amount(over, 'W')} {place}"
    )

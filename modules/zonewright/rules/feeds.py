"""Rules about what a rack carries: watts on each feed, live and after the loss of one, and weight."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from zonewright.model.power import FEEDS, other
from zonewright.model.world import Occupant, Rack
from zonewright.rules.loads import ALONE, EVEN, GRAMS, KILOGRAM, WORST, Figures, Key, by_key, limits, total
from zonewright.rules.rule import Rule
from zonewright.rules.view import Breach, View, movable, participants_of, row_path
from zonewright.rules.words import amount, kilograms, listed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Load:
    """One rack with its sums.

    Attributes:
        rack: the rack.
        occupants: all that count in it.
        shares: figures by identity.
        sums: the sum of them.
        limits: what the rack allows.
    """

    rack: Rack
    occupants: Sequence[Occupant]
    shares: Mapping[Key, Figures]
    sums: Figures
    limits: Figures


def _loads(view: View) -> Iterator[_Load]:
    for rack_id, occupants in view.in_rack.items():
        rack = view.racks.get(rack_id)
        if rack is not None:
            shares = by_key(occupants, frozenset(rack.feeds))
            yield _Load(rack=rack, occupants=occupants, shares=shares, sums=total(shares.values()), limits=limits(rack))


def feed_capacity(view: View) -> Iterator[Breach]:
    """Live load of each feed, also when power supplies share at worst, is within its available watts."""
    for load in _loads(view):
        for feed in FEEDS:
            even, worst = load.sums[EVEN[feed]], load.sums[WORST[feed]]
            limit = load.limits[WORST[feed]]
            if worst > limit:
                message = (
                    f"feed {feed} of rack {load.rack.id} carries {amount(even, 'W')} when power supplies share evenly, "
                    f"{amount(worst, 'W')} at worst, of {amount(limit, 'W')}: {amount(worst - limit, 'W')} too much"
                )
                yield _over(load, WORST[feed], message, what=f"feed {feed}", unit="W")


FEED_CAPACITY = Rule(
    id="feed-capacity",
    title="A feed can carry its load, even if power supplies share the load unevenly.",
    level="mandatory",
    description=(
        "The limit is `rated_w` times `max_utilization`. Value is the load if each node puts its type's "
        "`power_supply_worst_share` on this feed. The message also states the load with even shares. Claims "
        "count with `allocated_draw`."
    ),
    unit="W",
    reference="NetBox, max_utilization of a power feed and allocated_draw of a power port",
    function=feed_capacity,
    is_sum=True,
)


def feed_failover(view: View) -> Iterator[Breach]:
    """After the loss of one feed the other carries what hangs on both."""
    for load in _loads(view):
        for lost in FEEDS:
            survivor = other(lost)
            value, limit = load.sums[ALONE[survivor]], load.limits[ALONE[survivor]]
            if value > limit:
                message = (
                    f"if feed {lost} of rack {load.rack.id} fails, feed {survivor} carries {amount(value, 'W')} of "
                    f"{amount(limit, 'W')}, {amount(value - limit, 'W')} too much"
                )
                yield _over(load, ALONE[survivor], message, what=f"feed {survivor}", unit="W")


FEED_FAILOVER = Rule(
    id="feed-failover",
    title="If feed A or B is lost, the other feed can carry the load of both.",
    level="mandatory",
    description=(
        "If enough of a node's power supplies hang on the remaining feed, the node counts there with its "
        "whole draw. Otherwise it goes down and does not count. Racks with a single feed have no failover to "
        "judge."
    ),
    unit="W",
    reference=(
        "the principle of redundant supply behind grades A and B of GB 50174-2017 (no clause of it is quoted); "
        "NetBox, max_utilization"
    ),
    function=feed_failover,
    is_sum=True,
)


def rack_weight(view: View) -> Iterator[Breach]:
    """The weight in each rack is within the load that it carries."""
    for load in _loads(view):
        value, limit = load.sums[GRAMS], load.limits[GRAMS]
        if value > limit:
            message = (
                f"rack {load.rack.id} carries {kilograms(value)} of {kilograms(limit)}: "
                f"{kilograms(value - limit)} too much"
            )
            yield _over(load, GRAMS, message, what="the rack", unit="kg")


RACK_WEIGHT = Rule(
    id="rack-weight",
    title="A rack carries no more than its permitted weight.",
    level="mandatory",
    description=(
        "Value is the sum of weights, including baseline, in whole grams. Value and excess are rounded up to "
        "kilograms. A node that moves to another rack counts in both racks until its old place is free. A "
        "node that moves within a rack counts once."
    ),
    unit="kg",
    reference="NetBox, max_weight of a rack; the rack maker's static load",
    function=rack_weight,
    is_sum=True,
)


def _over(load: _Load, index: int, message: str, *, what: str, unit: str) -> Breach:
    value, limit = load.sums[index], load.limits[index]
    scale = KILOGRAM if unit == "kg" else 1
    moving, fix = _remedy(load, index, what=what, unit=unit)
    acting = moving[0] if moving else None
    taking_part = [item for item in load.occupants if load.shares[item.key][index] > 0]
    return Breach(
        subject=load.rack.id,
        where=acting.path if acting is not None else row_path(load.rack.id),
        message=message,
        value=-(-value // scale),
        limit=limit // scale,
        unit=unit,
        excess=-(-(value - limit) // scale),
        participants=participants_of(taking_part),
        fix=fix,
        moving=moving,
    )


def _remedy(load: _Load, index: int, *, what: str, unit: str) -> tuple[tuple[Occupant, ...], str]:
    """Which nodes move, and the smallest remedy that can be told without naming another party's things."""
    excess = load.sums[index] - load.limits[index]
    leaving = {item.key for item in load.occupants if item.standing == "releasing"}
    able = movable(item for item in load.occupants if load.shares[item.key][index] > 0)
    able.sort(key=lambda item: load.shares[item.key][index])
    if not able:
        needed = _told(load.sums[index], unit)
        return (), f"raise {what} of {load.rack.id} to at least {needed}, or remove equipment from the rack"
    fresh = [item for item in able if item.key not in leaving]
    enough = next((item for item in fresh if load.shares[item.key][index] >= excess), None)
    if enough is not None:
        share = _told(load.shares[enough.key][index], unit)
        return (enough,), f"move {enough.name} ({share}) to another rack{_two_steps(load, index, enough)}"
    return _several(load, index, fresh or able, what=what, unit=unit)


def _several(
    load: _Load, index: int, able: Sequence[Occupant], *, what: str, unit: str
) -> tuple[tuple[Occupant, ...], str]:
    """Largest first, until the excess is gone, all of one party."""
    excess = load.sums[index] - load.limits[index]
    acting = able[-1]
    chosen: list[Occupant] = []
    freed = 0
    for item in reversed([item for item in able if item.party == acting.party]):
        if freed < excess:
            chosen.append(item)
            freed += load.shares[item.key][index]
    target = "another rack" if len(chosen) == 1 else "other racks"
    moved = f"move {listed(sorted(item.name for item in chosen))} ({_told(freed, unit)}) to {target}"
    if freed >= excess:
        return tuple(chosen), moved + _two_steps(load, index, acting)
    return tuple(chosen), f"{moved}; the remaining {_told(excess - freed, unit)} on {what} belongs to others"


def _two_steps(load: _Load, index: int, acting: Occupant) -> str:
    """A hint where the excess is only there until what leaves in the same change is gone."""
    own = (acting.party, acting.stack)
    staying = [item for item in load.occupants if item.standing != "releasing" or (item.party, item.stack) != own]
    after = total(by_key(staying, frozenset(load.rack.feeds)).values())
    if after[index] > load.limits[index]:
        return ""
    return "; or split the change in two, because a node that leaves this rack counts until it is gone"


def _told(value: int, unit: str) -> str:
    return kilograms(value) if unit == "kg" else amount(value, unit)

"""Rules about what a rack carries: watts on each feed and phase, with all there and after a loss, and weight."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import gt
from typing import cast

from zonewright.model.expand import FULL
from zonewright.model.power import FEEDS, Wiring, other
from zonewright.model.rack import Rack
from zonewright.model.supply import FeedName
from zonewright.model.world import Occupant
from zonewright.rules.loads import ALONE, EVEN, GRAMS, KILOGRAM, WORST, Figures, Key, RackSums, by_key, limits, sums_of
from zonewright.rules.rule import Rule
from zonewright.rules.view import Breach, View, movable, participants_of, row_path
from zonewright.rules.words import amount, count_of, kilograms, listed


@dataclass(kw_only=True)
class _Load:
    """One rack with its sums. Not changed once it is made; to freeze one takes as long as to make it.

    Attributes:
        rack: the rack.
        occupants: all that count in it.
        sums: the sum of their figures.
        limits: what the rack allows.
    """

    rack: Rack
    occupants: Sequence[Occupant]
    sums: Figures
    limits: Figures

    @cached_property
    def shares(self) -> Mapping[Key, Figures]:
        """Figures by identity, for those who are told what is too much."""
        return by_key(self.occupants, self.rack.wiring)


def rack_loads(view: View) -> Sequence[_Load]:
    """What each rack carries of its limits; worked out once for all rules that ask."""
    known = cast("list[_Load] | None", view.memo.get("rack loads"))
    if known is None:
        known = view.memo["rack loads"] = list(_loads(view))
    return known


def _loads(view: View) -> Iterator[_Load]:
    """Each rack with its load; racks of a row share their feeds, so what these allow is worked out once."""
    grounds: dict[tuple[object, ...], tuple[Wiring, Figures]] = {}
    sums = RackSums()
    for rack_id, occupants in view.in_rack.items():
        rack = view.racks.get(rack_id)
        if rack is not None:
            key = id(rack.feeds), rack.failed_feeds, rack.max_weight_kg, rack.cooling_w
            ground = grounds.get(key)
            if ground is None:
                ground = grounds[key] = rack.wiring, limits(rack)
            wiring, most = ground
            yield _Load(rack=rack, occupants=occupants, sums=sums.of(occupants, wiring), limits=most)


def racks_over_a_limit(view: View) -> Sequence[_Load]:
    """The racks with more than a limit of theirs, or with a feed that has failed: those that rules must look at."""
    known = cast("list[_Load] | None", view.memo.get("racks with too much"))
    if known is None:
        known = view.memo["racks with too much"] = [
            load for load in rack_loads(view) if load.rack.failed_feeds or any(map(gt, load.sums, load.limits))
        ]
    return known


def _load(rack: Rack, occupants: Sequence[Occupant]) -> _Load:
    return _Load(rack=rack, occupants=occupants, sums=sums_of(occupants, rack.wiring), limits=limits(rack))


def _also_mended(view: View) -> Iterator[tuple[_Load, str]]:
    """Each rack as it is, and one with failed feeds once more with what holds then: when they work again."""
    for load in racks_over_a_limit(view):
        yield load, ""
        if load.rack.failed_feeds:
            what = "the rack" if load.rack.has_failed else f"feed {' and '.join(sorted(load.rack.failed_feeds))}"
            yield _load(load.rack.mended, load.occupants), f"when {what} works again, "


def _is_derated(rack: Rack, feed: FeedName) -> bool:
    """Whether a feed has less than its rating for now: then what is too much for it is told, and may not grow."""
    return feed in rack.feeds and rack.feeds[feed].derated < FULL


def feed_capacity(view: View) -> Iterator[Breach]:
    """Live load of each feed, also when power supplies share at worst, is within its available watts."""
    for load, when in _also_mended(view):
        for feed in (feed for feed in FEEDS if feed not in load.rack.failed_feeds):
            even, worst = load.sums[EVEN[feed]], load.sums[WORST[feed]]
            limit = load.limits[WORST[feed]]
            if worst > limit:
                message = (
                    f"{when}feed {feed} of rack {load.rack.id} carries {amount(even, 'W')} when power supplies share "
                    f"evenly, {amount(worst, 'W')} at worst, of {amount(limit, 'W')}: "
                    f"{amount(worst - limit, 'W')} too much"
                )
                told_only = bool(when) or _is_derated(load.rack, feed)
                yield over_limit(load, WORST[feed], message, what=f"feed {feed}", unit="W", has_failed=told_only)


FEED_CAPACITY = Rule(
    id="feed-capacity",
    title="A feed can carry its load, even if power supplies share the load unevenly.",
    level="mandatory",
    description=(
        "The limit is `rated_w` times `max_utilization`. Of a feed or rack that is derated (`derated_to`, "
        "`derated_racks`) it is the part that is left, and the level is `no-worse`: to say so is always admitted, and "
        "to place more there is not. Value is the load if each node puts its type's "
        "`power_supply_worst_share` on this feed. The message also states the load with even shares. Claims "
        "count with `allocated_draw`. If the other feed has failed, what it carried counts here. The load when it "
        "works again is judged as well. The level is `no-worse` then."
    ),
    unit="W",
    reference="NetBox, max_utilization of a power feed and allocated_draw of a power port",
    function=feed_capacity,
    is_sum=True,
)


def feed_failover(view: View) -> Iterator[Breach]:
    """After the loss of one feed the other carries what hangs on both."""
    for load, when in _also_mended(view):
        failed = view.racks[load.rack.id].failed_feeds  # with the one that has failed lost the rack is as it is now
        for lost in (lost for lost in FEEDS if not load.rack.failed_feeds and failed != {lost}):
            survivor = other(lost)
            value, limit = load.sums[ALONE[survivor]], load.limits[ALONE[survivor]]
            if value > limit:
                message = (
                    f"{when}{'and' if when else 'if'} feed {lost} of rack {load.rack.id} fails, "
                    f"feed {survivor} carries {amount(value, 'W')} of "
                    f"{amount(limit, 'W')}, {amount(value - limit, 'W')} too much"
                )
                told_only = bool(when) or _is_derated(load.rack, survivor)
                yield over_limit(
                    load, ALONE[survivor], message, what=f"feed {survivor}", unit="W", has_failed=told_only
                )


FEED_FAILOVER = Rule(
    id="feed-failover",
    title="If feed A or B is lost, the other feed can carry the load of both.",
    level="mandatory",
    description=(
        "If enough of a node's power supplies hang on the remaining feed, the node counts there with its "
        "whole draw. Otherwise it goes down and does not count. A rack with a single feed has no failover to judge. "
        "One with a feed that has failed is judged as it is when that works again, at the level `no-worse`. So is one "
        "in which the remaining feed is derated."
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
    for load in racks_over_a_limit(view):
        value, limit = load.sums[GRAMS], load.limits[GRAMS]
        if value > limit:
            message = (
                f"rack {load.rack.id} carries {kilograms(value)} of {kilograms(limit)}: "
                f"{kilograms(value - limit)} too much"
            )
            yield over_limit(load, GRAMS, message, what="the rack", unit="kg")


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


def over_limit(load: _Load, index: int, message: str, *, what: str, unit: str, has_failed: bool = False) -> Breach:
    """A rack that carries more than a limit of it, with the nodes that the smallest remedy moves.

    Args:
        load: the rack.
        index: of the figure.
        message: what is said of it.
        what: has the limit, for people.
        unit: W or kg.
        has_failed: whether it is so because something has failed or is derated.
    """
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
        level="no-worse" if has_failed or (load.rack.failed_feeds and unit == "W") else None,
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
    after = sums_of(staying, load.rack.wiring)
    if after[index] > load.limits[index]:
        return ""
    return "; or split the change in two, because a node that leaves this rack counts until it is gone"


def _told(value: int, unit: str) -> str:
    return kilograms(value) if unit == "kg" else amount(value, unit)


def feed_kept(view: View) -> Iterator[Breach]:
    """No change takes a feed away from racks in which supplies of others hang on it."""
    going: dict[tuple[str, FeedName], list[Occupant]] = defaultdict(list)
    for rack_id, was in view.world.racks_before.items():
        rack = view.racks.get(rack_id)
        for feed in was.feeds.keys() - (rack.feeds.keys() if rack is not None else was.feeds.keys()):
            hanging = [
                item
                for item in view.in_rack.get(rack_id, ())
                if item.standing != "baseline" and item.draw.cords(feed, was.wiring.present)
            ]
            going[was.row, feed] += hanging
    for (row, feed), items in sorted(going.items()):
        nodes, racks = len({item.key for item in items}), len({item.rack for item in items})
        if nodes:
            yield Breach(
                subject=row,
                where=row_path(row),
                message=(
                    f"feed {feed} of row {row} would go from under {count_of(nodes, 'node')} in "
                    f"{count_of(racks, 'rack')}"
                ),
                value=nodes,
                limit=0,
                unit="nodes",
                excess=nodes,
                participants=participants_of(items),
                fix=(
                    f"keep feed {feed} until these nodes are gone; if it does not work any more, declare it with "
                    "status: failed"
                ),
            )


FEED_KEPT = Rule(
    id="feed-kept",
    title="A feed stays as long as nodes of others hang on it.",
    level="mandatory",
    description=(
        "The rule judges a change of the operator: a feed that its row had and does not have any more. Value is the "
        "number of nodes with a power supply on it. A feed that has failed is declared with `status: failed`, which "
        "is always admitted."
    ),
    unit="nodes",
    reference="NetBox, status of a power feed (offline, active, planned, failed)",
    function=feed_kept,
)


def feed_failed(view: View) -> Iterator[Breach]:
    """No node is down because of a feed or rack that has failed; each party's nodes count by themselves."""
    down: dict[tuple[str, str, str], list[Occupant]] = defaultdict(list)
    for rack_id, occupants in view.in_rack.items():
        rack = view.racks.get(rack_id)
        if rack is not None and rack.failed_feeds:
            what = "the rack has failed" if rack.has_failed else _failed_feeds(rack)
            for item in occupants:
                if item.standing not in {"baseline", "releasing"} and not item.draw.is_up(rack.wiring):
                    down[rack.row, item.party, what].append(item)
    for (row, _, what), items in sorted(down.items()):
        own = [item for item in items if item.path]
        racks = sorted({item.rack.rpartition("/")[2] for item in items})
        where = f"rack{'s' if len(racks) > 1 else ''} {listed(racks)} of row {row}"
        verb = "has" if len(items) == 1 else "have"
        yield Breach(
            subject=row,
            where=own[0].path if own else row_path(row),
            message=f"{count_of(len(items), 'node')} in {where} {verb} no power: {what}",
            value=len(items),
            limit=0,
            unit="nodes",
            excess=len(items),
            participants=participants_of(items),
            fix=(
                f"move {listed(sorted(item.name for item in own))} to another row, or wait until it is repaired"
                if own
                else f"repair row {row}, and take the status away"
            ),
        )


def _failed_feeds(rack: Rack) -> str:
    feeds = sorted(rack.failed_feeds)
    return f"feed {feeds[0]} has failed" if len(feeds) == 1 else f"feeds {' and '.join(feeds)} have failed"


FEED_FAILED = Rule(
    id="feed-failed",
    title="No node hangs on feeds or racks that have failed.",
    level="no-worse",
    description=(
        "A feed or row with `status: failed`, and a rack among `failed_racks`, supplies nothing. A node is down if "
        "fewer of its supplies are fed than it needs. Value is the number of such nodes of one party in one row. To "
        "declare a failure is always admitted. To place a node there is not."
    ),
    unit="nodes",
    reference="NetBox, status of a power feed and of a device (failed)",
    function=feed_failed,
)

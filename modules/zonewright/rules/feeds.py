"""Rules about what a rack carries: watts on each feed and phase, with all there and after a loss, and weight."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from zonewright.model.expand import FULL
from zonewright.model.power import FEEDS, other
from zonewright.model.supply import PHASES, FeedName
from zonewright.model.world import Occupant, Rack
from zonewright.rules.finding import Participant
from zonewright.rules.loads import (
    ALONE,
    EVEN,
    GRAMS,
    KILOGRAM,
    WORST,
    Figures,
    Key,
    by_key,
    leg_shares,
    limits,
    total,
)
from zonewright.rules.rule import Rule
from zonewright.rules.view import Breach, View, movable, participants_of, row_path
from zonewright.rules.words import amount, count_of, kilograms, listed


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


def rack_loads(view: View) -> Iterator[_Load]:
    """What each rack carries of its limits."""
    for rack_id, occupants in view.in_rack.items():
        rack = view.racks.get(rack_id)
        if rack is not None:
            yield _load(rack, occupants)


def _load(rack: Rack, occupants: Sequence[Occupant]) -> _Load:
    shares = by_key(occupants, rack.wiring)
    return _Load(rack=rack, occupants=occupants, shares=shares, sums=total(shares.values()), limits=limits(rack))


def _also_mended(view: View) -> Iterator[tuple[_Load, str]]:
    """Each rack as it is, and one with failed feeds once more with what holds then: when they work again."""
    for load in rack_loads(view):
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
    for load in rack_loads(view):
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
    after = total(by_key(staying, load.rack.wiring).values())
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


def phase_load(view: View) -> Iterator[Breach]:
    """No phase of a feed carries more than a third of what the feed may carry."""
    with_legs = {rack_id: rack for rack_id, rack in view.racks.items() if rack.has_legs}
    for load in rack_loads(replace(view, racks=with_legs)) if with_legs else ():
        shares = leg_shares(load.rack, load.occupants)
        for (feed, leg), by_node in sorted(shares.items()):
            limit = load.rack.feeds[feed].available_w // len(PHASES)
            live, alone = (sum(one[index] for one in by_node.values()) for index in (0, 1))
            if max(live, alone) > limit and feed not in load.rack.failed_feeds:
                what = f"if feed {other(feed)} is lost, phase {leg}" if alone > live else f"phase {leg}"
                taking_part = [item for item in load.occupants if any(by_node.get(item.key, ()))]
                yield _on_a_phase(load.rack.id, f"{what} of feed {feed}", max(live, alone), limit, taking_part)


PHASE_LOAD = Rule(
    id="phase-load",
    title="No phase of a three-phase feed carries more than its third.",
    level="no-worse",
    description=(
        "The rule judges feeds that say which rack units hang on which phase (`legs`). A node hangs on the phase of "
        "its lowest unit, and equipment that stands there already on the one that it names. The limit is a third of "
        "the feed's rating times `max_utilization`. Value is the load at worst, or after the loss of the other feed."
    ),
    unit="W",
    reference="NetBox, phase of a power feed and feed_leg of a power outlet",
    function=phase_load,
    is_sum=True,
)


def _on_a_phase(rack_id: str, what: str, value: int, limit: int, taking_part: list[Occupant]) -> Breach:
    able, over = movable(taking_part), value - limit
    return Breach(
        subject=rack_id,
        where=able[-1].path if able and able[-1].path else row_path(rack_id),
        message=(
            f"{what} of rack {rack_id} carries {amount(value, 'W')} of {amount(limit, 'W')}: "
            f"{amount(over, 'W')} too much"
        ),
        value=value,
        limit=limit,
        unit="W",
        excess=over,
        participants=participants_of(taking_part),
        fix=(
            f"move {able[-1].name} to units of another phase, or to another rack"
            if able
            else "connect equipment of the rack to another phase, and declare it"
        ),
    )


def phase_balance(view: View) -> Iterator[Breach]:
    """The phases of a panel carry about as much as each other."""
    limit = view.zone.zone.limit("phase-imbalance-percent") if view.zone is not None else None
    racks = [rack for rack in view.racks.values() if rack.has_legs]
    if limit is None or not racks:
        return
    in_rack: dict[str, list[Occupant]] = defaultdict(list)
    for item in view.world.everybody:
        in_rack[item.rack].append(item)
    loads: dict[tuple[str, str, str], dict[str, int]] = defaultdict(lambda: dict.fromkeys(PHASES, 0))
    rated: Counter[tuple[str, str, str]] = Counter()
    for rack in racks:
        for feed in rack.feeds.values():
            if feed.legs:
                rated[rack.site, feed.power_panel, rack.owner] += feed.available_w // len(PHASES)
        for (name, leg), by_node in leg_shares(rack, in_rack.get(rack.id, ())).items():
            panel = (rack.site, rack.feeds[name].power_panel, rack.owner)
            loads[panel][leg] += sum(even for _, _, even in by_node.values())
    for panel, by_leg in sorted(loads.items()):
        apart = max(by_leg.values()) - min(by_leg.values())
        if apart * 100 > round(limit.value * rated[panel]):
            yield _unbalanced(panel, by_leg, -(-apart * 100 // rated[panel]), int(limit.value))


PHASE_BALANCE = Rule(
    id="phase-balance",
    title="The phases of a panel carry about as much as each other.",
    level="advisory",
    description=(
        "Value is the difference between the most and the least loaded phase of a panel, in percent of what the racks "
        "behind it may draw from one phase. The limit is the rule pack's `phase-imbalance-percent`, 20 without one. "
        "The operator of the site is told."
    ),
    unit="percent",
    reference="NetBox, feed_leg of a power outlet; the limit is a default that the rule pack replaces",
    function=phase_balance,
)


def _unbalanced(panel: tuple[str, str, str], by_leg: Mapping[str, int], value: int, limit: int) -> Breach:
    site, name, owner = panel
    least = min(sorted(by_leg), key=by_leg.__getitem__)
    told = ", ".join(f"{leg} {amount(watts, 'W')}" for leg, watts in sorted(by_leg.items()))
    return Breach(
        subject=f"{site}/{name}",
        where=f"sites.{site}.power_panels.{name}",
        message=f"the phases of panel {name} of {site} are {value} % apart, of {limit} %: {told}",
        value=value,
        limit=limit,
        unit="percent",
        excess=value - limit,
        participants=(Participant(party=owner, name=site),),
        fix=f"connect equipment to {least}, which carries least",
    )

"""Rules about the phases of feeds and panels: what each carries, and how even they are."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from zonewright.model.power import other
from zonewright.model.supply import PHASES
from zonewright.model.world import Occupant
from zonewright.rules.feeds import rack_loads
from zonewright.rules.finding import Participant
from zonewright.rules.loads import leg_shares
from zonewright.rules.rule import Rule
from zonewright.rules.view import Breach, View, movable, participants_of, row_path
from zonewright.rules.words import amount


def phase_load(view: View) -> Iterator[Breach]:
    """No phase of a feed carries more than a third of what the feed may carry."""
    for load in rack_loads(view):
        if not load.rack.has_legs:
            continue
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
    if limit is None or not view.has_legs:
        return
    racks = [rack for rack in view.racks.values() if rack.has_legs]
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

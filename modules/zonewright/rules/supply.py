"""Rules about where power comes from: two sources, elements that carry it, nodes that survive one loss."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from zonewright.model.power import Draw, Supply, Wiring
from zonewright.model.rack import Rack
from zonewright.model.supply import FeedName
from zonewright.model.world import ClusterFacts, Occupant, SiteFacts
from zonewright.rules.counted import COUNTED, counted_nodes
from zonewright.rules.finding import Participant
from zonewright.rules.rule import Rule
from zonewright.rules.view import Breach, View, participants_of
from zonewright.rules.words import amount, count_of, listed

if TYPE_CHECKING:
    from zonewright.rules.chains import Carried


def feed_diversity(view: View) -> Iterator[Breach]:
    """The two feeds of a rack in a data centre come from two panels and two substations."""
    if view.zone is None:
        return
    pairs = Counter(
        (rack.site, rack.feeds["A"].power_panel, rack.feeds["B"].power_panel)
        for rack in view.racks.values()
        if len(rack.feeds) > 1
    )
    for (site_id, on_a, on_b), racks in sorted(pairs.items()):
        facts = view.zone.sites.get(site_id)
        if facts is None or facts.site.kind != "data-centre":
            continue
        panels = facts.site.power_panels
        substations = {panels[panel].substation for panel in (on_a, on_b) if panel in panels}
        if on_a == on_b:
            shared, fix = f"panel {on_a}", f"connect feed B of these racks to a panel other than {on_a}"
        elif len(substations) == 1:
            shared = f"substation {substations.pop()} (panels {on_a} and {on_b})"
            fix = f"supply {on_b} from another substation or bus section"
        else:
            continue
        yield Breach(
            subject=site_id,
            where=f"sites.{site_id}.power_panels.{on_b}",
            message=(
                f"feeds A and B of {count_of(racks, 'rack')} at {site_id} both come from {shared}: one failure "
                "takes both"
            ),
            value=1,
            limit=2,
            unit="sources",
            excess=1,
            participants=(Participant(party=facts.owner, name=site_id),),
            fix=fix,
        )


FEED_DIVERSITY = Rule(
    id="feed-diversity",
    title="The two feeds of a rack come from different panels and substations.",
    level="mandatory",
    description=(
        "The rule judges data centres, for each pair of panels that supply racks. Feeds of one panel, or of "
        "two panels of one substation, fail together."
    ),
    unit="sources",
    reference="GB 50174-2017, grade A: two supplies from different substations or bus sections",
    function=feed_diversity,
    reach="zone",
)


def lost_with(draw: Draw, rack: Rack) -> tuple[str, ...]:
    """What takes down a node all by itself: the names of such elements of its supply, its feeds first.

    Args:
        draw: the node's draw and supplies.
        rack: where it stands.

    Returns:
        Names such as ``feed A`` and ``ups ups-1``; empty where the node survives any one loss, and where it is down
        already. What takes a feed with it that is named is not named too.
    """
    return _lost_with(draw, rack.wiring, tuple(sorted((name, feed.depends_on) for name, feed in rack.feeds.items())))


@lru_cache(maxsize=4096)
def _lost_with(draw: Draw, wiring: Wiring, feeds: tuple[tuple[FeedName, frozenset[str]], ...]) -> tuple[str, ...]:
    if not draw.is_up(wiring):
        return ()
    draw = replace(draw, required=draw.needed) if draw.supply_w else draw
    alone = [name for name, _ in feeds if name in wiring.live and not draw.is_up(wiring, lost=(name,))]
    above = sorted({one for name, depends in feeds if name not in alone and name in wiring.live for one in depends})
    taken = {one: [name for name, depends in feeds if one in depends] for one in above}
    also = [one for one, lost in taken.items() if not set(alone) & set(lost) and not draw.is_up(wiring, lost=lost)]
    return (*(f"feed {name}" for name in alone), *also)


def dual_power(view: View) -> Iterator[Breach]:
    """No single loss takes down a node of a cluster with ``power: dual``; one that stood there already is advised."""
    for cluster in view.clusters:
        for rack_id, losses, items in _losing(view, cluster) if cluster.needs_dual_power else ():
            new = [item for item in items if _is_new(item, view)]
            there = [item for item in items if item not in new]
            if new:
                yield _not_dual(rack_id, cluster, losses, new, is_new=True)
            if there:
                yield _not_dual(rack_id, cluster, losses, there, is_new=False)


def _not_dual(
    rack_id: str, cluster: ClusterFacts, losses: tuple[str, ...], items: list[Occupant], *, is_new: bool
) -> Breach:
    names = listed([item.name for item in items])
    verb = "would go" if is_new else "goes" if len(items) == 1 else "go"
    return Breach(
        level=None if is_new else "advisory",
        subject=rack_id,
        where=items[0].path or cluster.path,
        message=f"{names} in rack {rack_id} {verb} down with {listed(list(losses))}; its power is dual",
        value=len(items),
        limit=0,
        unit="nodes",
        excess=len(items),
        participants=participants_of(items),
        fix=(
            f"choose a rack with two feeds of separate supply for {names}, or a node type with as many "
            "supplies on each feed as it needs"
        ),
    )


def _is_new(item: Occupant, view: View) -> bool:
    """Whether a node comes to its rack; one that stood there already, and is altered or slides, does not."""
    if item.standing != "wanted":
        return False
    there = (other for other in view.in_rack.get(item.rack, ()) if other.key == item.key)
    return not any(other.standing in {"active", "releasing"} for other in there)


DUAL_POWER = Rule(
    id="dual-power",
    title="A cluster that asks for dual power gets no rack where one loss takes a node down.",
    level="mandatory",
    description=(
        "The rule judges nodes of clusters with `power: dual`. With each feed lost, as many supplies as the node needs "
        "must still be fed. A new or moved node is refused. One that stood in its rack already, such as before a feed "
        "failed, is advised. Value is the number of nodes."
    ),
    unit="nodes",
    reference="GB 50174-2017, grade A: two supplies; NetBox, power ports of a device",
    function=dual_power,
)


def single_loss(view: View) -> Iterator[Breach]:
    """No node of a cluster goes down with one element of its supply; one of dual power is judged by that rule."""
    for cluster in view.clusters:
        if cluster.needs_dual_power:
            continue
        by_loss: dict[tuple[str, ...], list[Occupant]] = defaultdict(list)
        for _, losses, items in _losing(view, cluster):
            by_loss[losses] += items
        for losses, items in sorted(by_loss.items()):
            yield _with_one_loss(cluster, losses, items)


SINGLE_LOSS = Rule(
    id="single-loss",
    title="A node stays up when one element of its supply fails.",
    level="advisory",
    description=(
        "It goes down with a feed if fewer supplies are fed without it than the node needs. A rack with one feed has "
        "all supplies on that. Value is the number of nodes of one cluster. A cluster that must not have such nodes "
        "asks for `power: dual`."
    ),
    unit="nodes",
    reference="the principle of redundant supply behind grades A and B of GB 50174-2017 (no clause of it is quoted)",
    function=single_loss,
)


def supply_rating(view: View) -> Iterator[Breach]:
    """The supplies that a node needs to stay up carry its budget."""
    for cluster in view.clusters:
        if not any(_is_short(draw) for draw in counted_nodes(view, cluster).draws.values()):
            continue
        nodes = view.in_cluster.get((cluster.party, cluster.stack, cluster.name), ())
        short = [item for item in nodes if item.standing in COUNTED and _is_short(item.draw)]
        short.sort(key=lambda item: item.name)
        if short:
            draw = short[0].draw
            limit = draw.required * draw.supply_w
            supplies = "supply carries" if draw.required == 1 else "supplies carry"
            yield Breach(
                subject=cluster.name,
                where=cluster.path or short[0].path,
                message=(
                    f"each node of {cluster.name} has a budget of {amount(draw.allocated_w, 'W')}, and {draw.required} "
                    f"power {supplies} {amount(limit, 'W')}: {draw.needed} of {draw.supplies} are needed"
                ),
                value=draw.allocated_w,
                limit=limit,
                unit="W",
                excess=draw.allocated_w - limit,
                participants=participants_of(short),
                fix="correct allocated_draw or the rating of the supplies of its node type, or count them as required",
            )


SUPPLY_RATING = Rule(
    id="supply-rating",
    title="As many power supplies as a node requires carry its budget.",
    level="advisory",
    description=(
        "The rule judges node types that state `power_supply_w`. A device type of NetBox does so where half of its "
        "ports, rounded up, are rated below the budget of all. Such a node may go down when it loses one feed, and "
        "`single-loss` and `power: dual` count the supplies that it truly needs."
    ),
    unit="W",
    reference="NetBox, maximum_draw and allocated_draw of a power port",
    function=supply_rating,
)


def _is_short(draw: Draw) -> bool:
    """Whether as many supplies as it requires are rated below its budget."""
    return bool(draw.supply_w) and draw.required * draw.supply_w < draw.allocated_w


def _with_one_loss(cluster: ClusterFacts, losses: tuple[str, ...], items: list[Occupant]) -> Breach:
    items = sorted(items, key=lambda item: item.name)
    draw = items[0].draw
    verb = "goes" if len(items) == 1 else "go"
    return Breach(
        subject=cluster.name,
        where=cluster.path or items[0].path,
        message=(
            f"{listed([item.name for item in items])} {verb} down if {' or '.join(losses)} is lost: "
            f"each needs {draw.needed} of its {draw.supplies} power supplies"
        ),
        value=len(items),
        limit=0,
        unit="nodes",
        excess=len(items),
        participants=participants_of(items),
        fix=(
            "take a node type with two power supplies, in a rack with two feeds"
            if draw.supplies == 1
            else "ask for racks with two feeds by power: dual, or take a node type that half of its supplies keep up"
        ),
    )


def _losing(view: View, cluster: ClusterFacts) -> Iterator[tuple[str, tuple[str, ...], list[Occupant]]]:
    """Racks in which nodes of a cluster go down with one loss, with the losses that do it."""
    losing: dict[tuple[str, int], tuple[str, ...]] = {}
    known: dict[tuple[int, int, frozenset[FeedName]], tuple[str, ...]] = {}  # by object: racks of a row share feeds
    for place, draw in counted_nodes(view, cluster).draws.items():
        rack = view.racks.get(place[0])
        if rack is None:
            continue
        key = id(draw), id(rack.feeds), rack.failed_feeds
        losses = known.get(key)
        if losses is None:
            losses = known[key] = lost_with(draw, rack)
        if losses:
            losing[place] = losses
    found: dict[tuple[str, tuple[str, ...]], list[Occupant]] = defaultdict(list)
    everyone = view.in_cluster.get((cluster.party, cluster.stack, cluster.name), ()) if losing else ()
    for item in everyone:
        losses = losing.get((item.rack, id(item.draw)))
        if losses and item.standing in COUNTED:
            found[item.rack, losses].append(item)
    for (rack_id, losses), items in sorted(found.items()):
        yield rack_id, losses, sorted(items, key=lambda item: item.name)


def supply_capacity(view: View) -> Iterator[Breach]:
    """Each element of a declared supply carries its load, also when any one other element is lost."""
    chained = {name: one for name, one in view.zone.sites.items() if one.site.has_chain} if view.zone else {}
    racks = [rack for rack in view.racks.values() if rack.site in chained] if chained else []
    if not racks:
        return
    from zonewright.rules.chains import loads_of, too_much  # noqa: PLC0415 - for zones that declare a chain

    in_rack: dict[str, list[Occupant]] = defaultdict(list)
    for item in view.world.everybody:
        in_rack[item.rack].append(item)
    for site in sorted({rack.site for rack in racks}):
        here = [rack for rack in racks if rack.site == site]
        new = [item for rack in here for item in in_rack.get(rack.id, ()) if item.standing == "wanted"]
        for one in too_much(chained[site], loads_of(here, in_rack)):
            yield _overloaded(site, chained[site], one, sorted(new, key=lambda item: item.key))


SUPPLY_CAPACITY = Rule(
    id="supply-capacity",
    title="Each element of a site's supply carries its load, also if any one element is lost.",
    level="no-worse",
    description=(
        "The rule judges the elements of `power` and the panels that state `rated_kw`. With each element of class N "
        "lost, what hung on it moves to the other feeds, or to other suppliers of what is above. What goes down counts "
        "as before. Value is the largest load of all these cases."
    ),
    unit="W",
    reference="the redundancy classes N, N+1 and 2N of a supply; GB 50174-2017, grade A (no clause of it is quoted)",
    function=supply_capacity,
    is_sum=True,
)


def _overloaded(site: str, facts: SiteFacts, one: "Carried", new: list[Occupant]) -> Breach:
    name = Supply(facts.site).label(one.element)
    when = f"if {Supply(facts.site).label(one.lost)} is lost, " if one.lost else ""
    over = one.value - one.limit
    section = "power" if one.element in facts.site.power else "power_panels"
    acting = next((item.path for item in new if item.path), "")
    return Breach(
        subject=f"{site}/{one.element}",
        where=acting or f"sites.{site}.{section}.{one.element}",
        message=(
            f"{when}{name} of {site} carries {amount(one.value, 'W')} of {amount(one.limit, 'W')}, "
            f"{amount(over, 'W')} too much"
        ),
        value=one.value,
        limit=one.limit,
        unit="W",
        excess=over,
        participants=(*participants_of(new), Participant(party=facts.owner, name=site)),
        fix=(
            f"place {amount(over, 'W')} less behind {name}"
            if acting
            else f"raise rated_kw to at least {-(-one.value // 1000):,}, or move {amount(over, 'W')} to other elements"
        ),
    )

"""Rules about how the nodes of a cluster are spread over racks, rows and rooms."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from zonewright.model.cluster import Scope, Spread
from zonewright.model.world import ClusterFacts, Occupant
from zonewright.rules.counted import COUNTED, CountedNodes, counted_nodes
from zonewright.rules.rule import Rule
from zonewright.rules.view import Breach, View, participants_of
from zonewright.rules.words import count_of


def domain_of(rack_id: str, scope: Scope) -> str:
    """Id of the rack, row or room that a rack is in, also of a rack that is not in the world.

    Example:
        >>> domain_of("qp-dc1/c/01/07", "row")
        'qp-dc1/c/01'
    """
    return rack_id if scope == "rack" else rack_id.rsplit("/", 1 if scope == "row" else 2)[0]


def spread(view: View) -> Iterator[Breach]:
    """Each cluster uses as many domains as it asks for, with no more nodes in one than it allows."""
    for cluster in view.clusters:
        asked = cluster.spread
        if asked is not None and not _holds(asked, counted_nodes(view, cluster)):
            everyone = view.in_cluster.get((cluster.party, cluster.stack, cluster.name), ())
            nodes = sorted((item for item in everyone if item.standing in COUNTED), key=lambda item: item.name)
            yield from _too_few(cluster, asked, nodes)
            yield from _too_many(cluster, asked, nodes)
            yield from _skewed(cluster, asked, nodes)


def _holds(asked: Spread, nodes: CountedNodes) -> bool:
    """Whether all that is asked for holds, by the sums alone."""
    counts = _by_domain(nodes.by_rack, asked.scope)
    whole = len(nodes.names)
    most, fullest = asked.most(whole), max(counts.values(), default=0)
    is_even = asked.max_skew is None or fullest - min(counts.values(), default=0) <= asked.max_skew
    return len(counts) >= min(asked.at_least, whole) and (most is None or fullest <= most) and is_even


def _by_domain(by_rack: Mapping[str, int], scope: Scope) -> Mapping[str, int]:
    if scope == "rack":
        return by_rack
    counts: Counter[str] = Counter()
    for rack, count in by_rack.items():
        counts[domain_of(rack, scope)] += count
    return counts


SPREAD = Rule(
    id="spread",
    title="The nodes of a cluster are spread as declared.",
    level="mandatory",
    description=(
        "The cluster uses at least `at_least` racks, rows or rooms. If it has fewer nodes than that, each "
        "node needs one of its own. No domain holds more than `max_per_domain` of its nodes, or more than "
        "`max_share_percent` of them, rounded down; one node is always allowed. "
        "Of the domains that it uses, the fullest has at most `max_skew` nodes more than the emptiest."
    ),
    unit="racks, rows, rooms or nodes",
    reference="topology spread constraints of Kubernetes; host anti-affinity of OpenStack Nova, taken to racks",
    function=spread,
)


def _too_few(cluster: ClusterFacts, asked: Spread, nodes: list[Occupant]) -> Iterator[Breach]:
    limit = min(asked.at_least, len({item.key for item in nodes}))
    value = len({domain_of(item.rack, asked.scope) for item in nodes})
    if value < limit:
        missing = limit - value
        yield Breach(
            subject=cluster.name,
            where=cluster.path,
            message=(
                f"cluster {cluster.name} stands in {count_of(value, asked.scope)}; its spread asks for at least "
                f"{limit:,}: {missing:,} missing"
            ),
            value=value,
            limit=limit,
            unit=f"{asked.scope}s",
            excess=missing,
            participants=participants_of(nodes),
            fix=f"place {count_of(missing, 'node')} of {cluster.name} in {count_of(missing, 'other ' + asked.scope)}",
        )


def _too_many(cluster: ClusterFacts, asked: Spread, nodes: list[Occupant]) -> Iterator[Breach]:
    whole = len({item.key for item in nodes})
    limit = asked.most(whole)
    if limit is None:
        return
    is_share = limit != asked.max_per_domain
    allows = f"{limit:,}, {asked.max_share_percent} % of its {whole:,}" if is_share else f"{limit:,}"
    counts = Counter(domain_of(item.rack, asked.scope) for item in nodes)
    for domain, value in sorted(counts.items()):
        if value > limit:
            inside = [item for item in nodes if domain_of(item.rack, asked.scope) == domain]
            yield Breach(
                subject=cluster.name,
                where=inside[-1].path or cluster.path,
                message=(
                    f"cluster {cluster.name} has {count_of(value, 'node')} in {asked.scope} {domain}; its "
                    f"spread allows {allows}: {value - limit:,} too many"
                ),
                value=value,
                limit=limit,
                unit="nodes",
                excess=value - limit,
                participants=participants_of(inside),
                fix=f"move {_names(inside[limit:])} to {asked.scope}s that have fewer than {limit:,}",
            )


def skew_of(racks: Iterable[str], scope: Scope) -> int:
    """How many nodes the fullest domain in use has more than the emptiest.

    Args:
        racks: the rack of each node.
        scope: the domain.
    """
    counts = Counter(domain_of(rack, scope) for rack in racks).values()
    return max(counts, default=0) - min(counts, default=0)


def _skewed(cluster: ClusterFacts, asked: Spread, nodes: list[Occupant]) -> Iterator[Breach]:
    value, limit = skew_of((item.rack for item in nodes), asked.scope), asked.max_skew
    if limit is None or value <= limit:
        return
    counts = Counter(domain_of(item.rack, asked.scope) for item in nodes)
    fullest, emptiest = (choose(sorted(counts), key=counts.__getitem__) for choose in (max, min))
    inside = [item for item in nodes if domain_of(item.rack, asked.scope) == fullest]
    moving = inside[-((value - limit + 1) // 2) :]
    yield Breach(
        subject=cluster.name,
        where=inside[-1].path or cluster.path,
        message=(
            f"cluster {cluster.name} has {count_of(counts[fullest], 'node')} in {asked.scope} {fullest} and "
            f"{counts[emptiest]:,} in {emptiest}; its spread allows a difference of {limit:,}: "
            f"{value - limit:,} too many"
        ),
        value=value,
        limit=limit,
        unit="nodes",
        excess=value - limit,
        participants=participants_of(nodes),
        fix=f"move {_names(moving)} to {asked.scope} {emptiest}, or to another one with few of its nodes",
    )


def _names(nodes: list[Occupant]) -> str:
    first = nodes[0].name
    return first if len(nodes) == 1 else f"{count_of(len(nodes), 'node')} from {first} on"

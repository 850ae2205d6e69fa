"""The rule about what is left of a cluster when whole racks, rows, rooms, sites or districts fail."""

from collections import Counter
from collections.abc import Iterable, Iterator

from zonewright.model.cluster import Survival
from zonewright.model.world import ClusterFacts, Occupant
from zonewright.rules.counted import COUNTED
from zonewright.rules.neighbours import wide_domain
from zonewright.rules.rule import Rule
from zonewright.rules.view import Breach, View, participants_of
from zonewright.rules.words import count_of, listed


def n_minus(view: View) -> Iterator[Breach]:
    """A cluster keeps as many nodes as it asks for when the worst domains fail."""
    for cluster in view.clusters:
        asked = cluster.survives
        if asked is None:
            continue
        nodes = [
            item
            for name in dict.fromkeys((cluster.name, *asked.with_clusters))
            for item in view.in_cluster.get((cluster.party, cluster.stack, name), ())
            if item.standing in COUNTED
        ]
        lost, left = worst_loss((wide_domain(item.rack, asked.scope, view) for item in nodes), asked)
        least = asked.least(len(nodes))
        if left < least:
            inside = [item for item in nodes if wide_domain(item.rack, asked.scope, view) in lost]
            yield _breach(cluster, asked, nodes, inside, lost, left=left, least=least)


N_MINUS = Rule(
    id="n-minus",
    title="A cluster keeps as many nodes as it asks for when whole domains fail.",
    level="mandatory",
    description=(
        "`survives` names a scope, how many such domains fail at once, and the part of the nodes that must be left. "
        "The domains with the most nodes are taken away. Clusters of `with_clusters` do the same work, and their nodes "
        "count as its own."
    ),
    unit="nodes",
    reference="N minus k of power engineering; DisasterRecoveryCapacity of Meta's Rebalancer",
    function=n_minus,
)


def worst_loss(domains: Iterable[str], asked: Survival) -> tuple[frozenset[str], int]:
    """The domains whose failure hurts most, and how many nodes are left then.

    Args:
        domains: the domain of each node.
        asked: how many fail.

    Example:
        >>> worst_loss(["r1", "r1", "r2"], Survival(scope="rack", keeps_percent=50))
        (frozenset({'r1'}), 1)
    """
    counts = Counter(sorted(domains))
    worst = counts.most_common(asked.failures)
    return frozenset(name for name, _ in worst), counts.total() - sum(count for _, count in worst)


def _breach(
    cluster: ClusterFacts,
    asked: Survival,
    nodes: list[Occupant],
    inside: list[Occupant],
    lost: frozenset[str],
    *,
    left: int,
    least: int,
) -> Breach:
    who = listed([cluster.name, *asked.with_clusters])
    own = [item for item in inside if item.cluster == cluster.name]
    others = f"{asked.scope}s that have fewer of them, or add nodes there"
    failing = f"{asked.scope} {min(lost)} fails" if len(lost) == 1 else f"{asked.scope}s {listed(sorted(lost))} fail"
    return Breach(
        subject=cluster.name,
        where=next((item.path for item in own if item.path), cluster.path),
        message=(
            f"{who}: {count_of(left, 'node')} of {len(nodes):,} left when {failing}; "
            f"{least:,} must be left, {asked.keeps_percent} %: {least - left:,} missing"
        ),
        value=left,
        limit=least,
        unit="nodes",
        excess=least - left,
        participants=participants_of(nodes),
        fix=f"move {count_of(least - left, 'node')} of {who} to {others}",
    )

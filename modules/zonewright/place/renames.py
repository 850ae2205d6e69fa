"""Nodes that only get another name: which claims of a stack a demand means, and what is said of names that fit none.

A node whose name the stack has already stays that one. Another one is the node of its cluster, or of what its cluster
was, with the same number, if the demand does not want that node under its old name.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from zonewright.model.demand import Demand
from zonewright.model.expand import Node, nodes_of
from zonewright.model.world import Occupant
from zonewright.rules.finding import Finding, Participant
from zonewright.rules.words import count_of

RULE = "former-name"
REFERENCE = "zonewright, how-to: rename what is in use"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedClaim:
    """A claim of the stack that a demand may mean.

    Attributes:
        name: name of the node.
        cluster: id of its cluster.
        number: its number there.
    """

    name: str
    cluster: str
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Renames:
    """What gets another name.

    Attributes:
        nodes: new name by old name.
        clusters: new id by old id, of clusters with such nodes.
        unknown: former ids that the stack has nothing of, by cluster, which has nothing either.
        contested: clusters that have nodes already, as former ids with nodes of their own do.
        leaving: new names whose nodes of before are not gone yet, by cluster.
        into: the cluster that a node goes into, by its old name; of nodes that leave their cluster.
        unknown_nodes: former names of nodes that the stack has none of, by the cluster that they would go into.
    """

    nodes: Mapping[str, str] = field(default_factory=dict)
    clusters: Mapping[str, str] = field(default_factory=dict)
    unknown: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    contested: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    leaving: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    into: Mapping[str, str] = field(default_factory=dict)
    unknown_nodes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, name: str) -> str:
        """The name of a node after it."""
        return self.nodes.get(name, name)

    def occupant(self, item: Occupant) -> Occupant:
        """A claim of the stack as the change calls it."""
        cluster = self.into.get(item.name) or self.clusters.get(item.cluster or "", item.cluster)
        is_same = item.name not in self.nodes and cluster == item.cluster
        return item if is_same else replace(item, name=self.of(item.name), cluster=cluster)


NO_RENAMES = Renames()


def known_of(own: Iterable[Occupant], numbers: Mapping[str, str]) -> Iterator[NamedClaim]:
    """Claims of a stack as they are called.

    Args:
        own: the claims, but for those that leave.
        numbers: number by name, of nodes with a name of their own.
    """
    for one in own:
        cluster = one.cluster or ""
        number = numbers.get(one.name) or one.name.removeprefix(f"{cluster}-")
        yield NamedClaim(name=one.name, cluster=cluster, number=number)


def renames_of(
    demand: Demand | None, own: Iterable[Occupant], numbers: Mapping[str, str], leaving: Iterable[str] = ()
) -> Renames:
    """What a demand calls by another name than the stack has it.

    Args:
        demand: what the stack wants; None where no change is judged.
        own: its claims, but for those that leave.
        numbers: number by name, of nodes with a name of their own.
        leaving: names of its claims that leave: a late delete of one could free another that has its name by then.
    """
    parts = () if demand is None else demand.clusters.values()
    if demand is None or not (
        numbers or any(part.cluster.was or part.cluster.names or part.cluster.nodes_were for part in parts)
    ):
        return NO_RENAMES
    return _renames(demand, known_of(own, numbers), frozenset(leaving))


def _renames(demand: Demand, known: Iterable[NamedClaim], leaving: Collection[str]) -> Renames:
    present = {one.name: one for one in known}
    by_number = {(one.cluster, one.number): one.name for one in present.values()}
    ids = {one.cluster for one in present.values()}
    wanted = {name: list(nodes_of(name, part.cluster)) for name, part in demand.clusters.items()}
    names = {node.name for nodes in wanted.values() for node in nodes}
    into, strange = _into(demand, wanted, present)
    found = {old: node for old, (_, node) in into.items()}
    clusters: dict[str, str] = {}
    unknown: dict[str, tuple[str, ...]] = {}
    contested: dict[str, tuple[str, ...]] = {}
    waiting: dict[str, tuple[str, ...]] = {}
    for cluster_id, name in into.values():
        if name in leaving:
            waiting[cluster_id] = (*waiting.get(cluster_id, ()), name)
    taken = frozenset(found.values())
    for cluster_id, nodes in wanted.items():
        former = demand.clusters[cluster_id].cluster.was
        held = [one for one in former if one in ids]
        if len(held) + (cluster_id in ids) > 1:
            contested[cluster_id] = tuple(held)
            continue
        if former and not held and cluster_id not in ids:
            unknown[cluster_id] = former
        was = held[0] if held else cluster_id
        if was != cluster_id:
            clusters[was] = cluster_id
        for node in nodes:
            old = by_number.get((was, node.number))
            if (
                old is not None
                and old not in found
                and node.name not in taken
                and node.name not in present
                and old not in names
            ):
                found[old] = node.name
                if node.name in leaving:
                    waiting[cluster_id] = (*waiting.get(cluster_id, ()), node.name)
    return Renames(
        nodes=found,
        clusters=clusters,
        unknown=unknown,
        contested=contested,
        leaving=waiting,
        into={old: cluster_id for old, (cluster_id, _) in into.items()},
        unknown_nodes=_left(strange, frozenset(found.values())),
    )


def _into(
    demand: Demand, wanted: Mapping[str, Sequence[Node]], present: Collection[str]
) -> tuple[dict[str, tuple[str, str]], dict[str, tuple[str, str]]]:
    """Nodes that leave their cluster, as cluster and name by old name; and the same by old names that nobody has."""
    found: dict[str, tuple[str, str]] = {}
    unknown: dict[str, tuple[str, str]] = {}
    for cluster_id, nodes in wanted.items():
        were = demand.clusters[cluster_id].cluster.former_nodes
        for node in nodes if were else ():
            names = were.get(node.number, ())
            if not names or node.name in present:  # it has its new name already
                continue
            old = next((one for one in names if one in present), None)
            (unknown if old is None else found)[old or names[0]] = (cluster_id, node.name)
    return found, unknown


def _left(strange: Mapping[str, tuple[str, str]], kept: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Of names that nobody has those whose nodes are new, by cluster."""
    left: dict[str, tuple[str, ...]] = {}
    for old, (cluster_id, name) in strange.items():
        if name not in kept:
            left[cluster_id] = (*left.get(cluster_id, ()), old)
    return left


def rename_findings(renames: Renames, demand: Demand) -> Iterator[Finding]:
    """What is said of former ids that cannot be followed.

    Args:
        renames: what a demand calls by another name.
        demand: the demand.
    """
    for cluster_id, former in renames.unknown.items():
        yield _finding(
            demand.party,
            cluster_id,
            level="advisory",
            message=(
                f"cluster {cluster_id} was {' or '.join(former)}, of which this stack has nothing in the ledger; its "
                "nodes are new"
            ),
            fix="correct the former id if it is misspelt, or delete 'was' if the cluster is new",
        )
    for cluster_id, former in renames.unknown_nodes.items():
        yield _finding(
            demand.party,
            cluster_id,
            level="advisory",
            message=(
                f"nodes of cluster {cluster_id} were {', '.join(former)}, of which this stack has nothing in the "
                "ledger; they are new"
            ),
            fix="correct the former name if it is misspelt, or delete it if the node is new",
            key="nodes_were",
        )
    for cluster_id, former in renames.contested.items():
        yield _finding(
            demand.party,
            cluster_id,
            level="mandatory",
            message=(
                f"cluster {cluster_id} was {' and '.join(former)}, but the ledger has nodes of "
                f"{count_of(len(former) + 1 if len(former) == 1 else len(former), 'cluster')} for it: a rename would "
                "make them one"
            ),
            fix="declare both clusters and remove one when its nodes are free, or delete 'was' to let the old one go",
            excess=1,
        )
    for cluster_id, names in renames.leaving.items():
        shown = f"{', '.join(names[:3])}{', ...' if len(names) > 3 else ''}"  # noqa: PLR2004
        yield _finding(
            demand.party,
            cluster_id,
            level="mandatory",
            message=(
                f"{count_of(len(names), 'node')} of cluster {cluster_id} cannot be called {shown} yet: what this stack "
                "had under that name before is not gone"
            ),
            fix="declare the old names again and run: pulumi up; when what leaves is gone, rename",
            excess=1,
        )


def _finding(
    party: str, cluster_id: str, *, level: str, message: str, fix: str, excess: int = 0, key: str = "was"
) -> Finding:
    return Finding(
        rule=RULE,
        level="mandatory" if level == "mandatory" else "advisory",
        subject=cluster_id,
        where=f"clusters.{cluster_id}.{key}",
        message=message,
        value=1,
        limit=0 if excess else None,
        unit="clusters",
        excess=excess,
        participants=(Participant(party=party, name=cluster_id),),
        fix=fix,
        reference=REFERENCE,
    )

"""One joint repair of a refused change: few edits that make it admissible, checked by the same rules.

Chosen places that take part in a finding are given up, and their nodes placed anew together with all others; those of
nodes that stand there already come last. Where there is no room for some nodes, their cluster gets fewer, but none that
stands is given up so. Then each edit is taken back for a trial, and stays out if the change is admissible without it.
Nothing is shown that was not judged by the rules that judge the change itself. The work is counted, never timed.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pydantic import ConfigDict

from zonewright.model.cluster import Cluster, Place
from zonewright.model.demand import Demand
from zonewright.model.expand import Node, nodes_of
from zonewright.model.rack_position import RackPosition
from zonewright.rules.finding import Finding
from zonewright.rules.words import count_of

_ROUNDS = 12
_TRIALS, _LEAST_TRIALS = 60, 10
_NODES_TRIED = 100_000
"""Nodes that are placed in all trials of one repair, about."""
_LAST = 1
"""A trial that is kept for the places that are written down."""
PLACEMENT = "placement"
"""Of findings of nodes without a place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairEdit:
    """One change of a declaration.

    Attributes:
        cluster: id of the cluster.
        number: of the node whose chosen place changes; empty where the cluster gets another number of nodes.
        rack: the rack to choose for the node.
        position: its lowest unit there; 0 where the choice of a place is taken away.
        count: how many nodes the cluster gets; 0 where it keeps them.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    cluster: str
    number: str = ""
    rack: str = ""
    position: int = 0
    count: int = 0

    def __str__(self) -> str:
        """The edit in words.

        Example:
            >>> str(RepairEdit(cluster="core", number="003", rack="dc1/a/01/02", position=5))
            'clusters.core.places.003: rack dc1/a/01/02, position 5'
        """
        if self.count:
            return f"clusters.{self.cluster}.count: {self.count}"
        where = f"clusters.{self.cluster}.places.{self.number}"
        return f"{where}: rack {self.rack}, position {self.position}" if self.rack else f"{where}: remove it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What becomes of a change.

    Attributes:
        findings: what refuses it.
        seats: places by node name.
    """

    findings: Sequence[Finding]
    seats: Mapping[str, RackPosition]


def with_edits(cluster: Cluster, edits: Sequence[RepairEdit]) -> Cluster:
    """A cluster after its edits.

    Args:
        cluster: as it is declared.
        edits: those of this cluster.
    """
    places, count = dict(cluster.places), cluster.count
    for edit in edits:
        chosen = places.pop(edit.number, None)
        if edit.rack:
            addresses = chosen.addresses if chosen is not None else ()
            places[edit.number] = Place(rack=edit.rack, position=edit.position, addresses=addresses)
        count = edit.count or count
    return cluster.model_copy(update={"places": places, "count": count})


def with_repair(demand: Demand, edits: Iterable[RepairEdit]) -> Demand:
    """A demand after the edits of its clusters."""
    by_cluster: dict[str, list[RepairEdit]] = {}
    for edit in edits:
        by_cluster.setdefault(edit.cluster, []).append(edit)
    clusters = dict(demand.clusters)
    for name, mine in by_cluster.items():
        clusters[name] = clusters[name].model_copy(update={"cluster": with_edits(clusters[name].cluster, mine)})
    return demand.model_copy(update={"clusters": clusters})


def nodes_in(demand: Demand) -> list[Node]:
    """All nodes of a demand."""
    return [node for name, wanted in demand.clusters.items() for node in nodes_of(name, wanted.cluster)]


def joint_repair(
    demand: Demand, trial: Callable[[Demand], Trial], *, standing: Mapping[str, RackPosition] = MappingProxyType({})
) -> tuple[RepairEdit, ...] | None:
    """The edits that make a change admissible; None where none were found, which proves nothing.

    Args:
        demand: what the stack wants.
        trial: places and judges a demand as the change itself is placed and judged.
        standing: places of nodes that stand already, by name; none of them moves or goes without need.
    """
    return _Repair(demand, trial, standing).run()


class _Repair:
    def __init__(self, demand: Demand, trial: Callable[[Demand], Trial], standing: Mapping[str, RackPosition]) -> None:
        nodes = sum(wanted.cluster.count for wanted in demand.clusters.values())
        self._demand, self._trial, self._standing = demand, trial, standing
        self._left = max(_LEAST_TRIALS, min(_TRIALS, _NODES_TRIED // max(1, nodes)))
        self._seen = Counter[tuple[str, str]]()
        """How often each finding has come up: what stays gives up twice as many places each time."""
        self._released: dict[tuple[str, str], Place | None] = {}
        """The new place of each node whose chosen place is given up, by cluster and number."""
        self._counts: dict[str, int] = {}

    def run(self) -> tuple[RepairEdit, ...] | None:
        """Give up places until nothing refuses, choose the new ones, and take back what was not needed."""
        found = self._try()
        for _ in range(_ROUNDS):
            if not found.findings or self._left <= _LAST:
                break
            if not (self._release(found) or self._shorten(found)):
                return None
            found = self._try()
        if found.findings:
            return None
        self._choose(found)
        self._take_back()
        return tuple(self._edits()) or None

    def _try(self) -> Trial:
        self._left -= 1
        return self._trial(self._edited())

    def _edited(self) -> Demand:
        return with_repair(self._demand, self._edits())

    def _nodes(self) -> Mapping[str, Node]:
        return {node.name: node for node in nodes_in(self._edited())}

    def _release(self, found: Trial) -> bool:
        """Give up chosen places of each finding that has one: those in most findings, then the last ones.

        Nodes that stand where they are wanted give up theirs only where a finding has no others.
        """
        nodes = self._nodes()
        inside = [self._chosen(finding, nodes) for finding in found.findings]
        often = Counter(node.name for group in inside for node in group)
        self._seen.update({(finding.rule, finding.subject) for finding in found.findings})
        picked: dict[str, Node] = {}
        for finding, group in zip(found.findings, inside, strict=True):
            able = [node for node in group if not self._stays(node)] or group
            turn = sorted(able, key=lambda one: (often[one.name], one.cluster, one.number), reverse=True)
            most = 2 ** (self._seen[finding.rule, finding.subject] - 1) - sum(node.name in picked for node in group)
            left = [node for node in turn if node.name not in picked]
            picked |= {node.name: node for node in left[: max(0, most)]}
        self._released |= {(node.cluster, node.number): None for node in picked.values()}
        return bool(picked)

    def _stays(self, node: Node) -> bool:
        """Whether a node stands where its declaration wants it."""
        seat, chosen = self._standing.get(node.name), node.chosen
        if seat is None or chosen is None or seat.rack != chosen.rack:
            return False
        return chosen.position in (None, seat.position)

    def _chosen(self, finding: Finding, nodes: Mapping[str, Node]) -> list[Node]:
        mine = (item.name for item in finding.participants if item.party == self._demand.party)
        return [nodes[name] for name in mine if name in nodes and nodes[name].chosen is not None]

    def _shorten(self, found: Trial) -> bool:
        """Fewer nodes for the clusters that have no room for all; not for those whose last nodes chose a place."""
        nodes, short = self._nodes(), Counter[str]()
        for finding in found.findings:
            if finding.rule == PLACEMENT:
                short.update(nodes[item.name].cluster for item in finding.participants if item.name in nodes)
        changed = False
        for name, missing in short.items():
            cluster = self._edited().clusters[name].cluster
            count = self._fewer(name, cluster, missing)
            if count:
                self._counts[name], changed = count, True
        return changed

    def _fewer(self, name: str, cluster: Cluster, missing: int) -> int:
        """The count of a cluster with so many nodes less; 0 where it cannot have them, or one that stands would go."""
        count = cluster.count
        while missing and count:
            number = f"{count:03}"
            missing, count = missing - (number not in cluster.without), count - 1
        named = {*cluster.places, *cluster.names, *cluster.without}
        gone = nodes_of(name, cluster)[count - cluster.count :] if count else ()
        stands = any(node.name in self._standing and int(node.number) > count for node in gone)
        return 0 if missing or stands or any(int(number) > count for number in named) else count

    def _choose(self, found: Trial) -> None:
        """Write down where the nodes went, if the change stays admissible so; else the choice is left to the ledger."""
        nodes = {(node.cluster, node.number): node.name for node in self._nodes().values()}
        free, self._released = (
            self._released,
            {key: self._place(key, found.seats[nodes[key]]) for key in self._released if nodes.get(key) in found.seats},
        )
        if self._try().findings:
            self._released = free

    def _place(self, key: tuple[str, str], seat: RackPosition) -> Place:
        cluster, number = key
        chosen = self._demand.clusters[cluster].cluster.places.get(number)
        addresses = chosen.addresses if chosen is not None else ()
        return Place(rack=seat.rack, position=seat.position, addresses=addresses)

    def _take_back(self) -> None:
        """Leave out the edits without which the change is admissible too, until each that is left is needed."""
        names = {(node.cluster, node.number): node for node in nodes_in(self._demand)}
        is_settled = False
        while not is_settled:
            is_settled = True
            for key in sorted(self._released, key=lambda key: (not self._stays(names[key]), key)):
                kept = self._released.pop(key)
                if self._is_good():
                    is_settled = False
                else:
                    self._released[key] = kept
            for cluster, count in sorted(self._counts.items()):
                del self._counts[cluster]
                if self._is_good():
                    is_settled = False
                else:
                    self._counts[cluster] = self._most(cluster, count)

    def _most(self, cluster: str, count: int) -> int:
        """The count of a cluster, more where there is room."""
        self._counts[cluster] = count + 1
        while self._counts[cluster] < self._demand.clusters[cluster].cluster.count and self._is_good():
            self._counts[cluster] += 1
        return self._counts[cluster] - 1

    def _is_good(self) -> bool:
        """Whether the change is admissible now; never where no trial is left."""
        return self._left > 0 and not self._try().findings

    def _edits(self) -> list[RepairEdit]:
        """In order of clusters."""
        found = [RepairEdit(cluster=cluster, count=count) for cluster, count in self._counts.items()]
        for (cluster, number), place in self._released.items():
            rack, position = ("", 0) if place is None else (place.rack, place.position or 0)
            found.append(RepairEdit(cluster=cluster, number=number, rack=rack, position=position))
        return sorted(found, key=lambda edit: (edit.cluster, edit.number))


def repair_text(edits: Sequence[RepairEdit], *, left: int = 0) -> str:
    """The edits, one a line, below a line that says what they are.

    Args:
        edits: at least one.
        left: how many findings refuse all the same.
    """
    head = f"one repair, {count_of(len(edits), 'change')} of the declaration, "
    head += f"after which {count_of(left, 'finding')} will still refuse:" if left else "admissible by the same rules:"
    return "\n".join([head, *(f"  {edit}" for edit in edits)])

"""One joint repair of a refused change: few edits that make it admissible, checked by the same rules.

Chosen places that take part in a finding are given up, and their nodes placed anew together with all others. Where
there is no room for some nodes, their cluster gets fewer. Then each edit is taken back for a trial, and stays out if
the change is admissible without it. Nothing is shown that was not judged by the rules that judge the change itself.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from pydantic import ConfigDict

from zonewright.model.cluster import Cluster, Place
from zonewright.model.demand import Demand
from zonewright.model.expand import Node, nodes_of
from zonewright.model.rack_position import RackPosition
from zonewright.rules.finding import Finding
from zonewright.rules.words import count_of

_ROUNDS = 12
_TRIALS = 60
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


def joint_repair(demand: Demand, trial: Callable[[Demand], Trial]) -> tuple[RepairEdit, ...] | None:
    """The edits that make a change admissible; None where none were found, which proves nothing.

    Args:
        demand: what the stack wants.
        trial: places and judges a demand as the change itself is placed and judged.
    """
    return _Repair(demand, trial).run()


class _Repair:
    def __init__(self, demand: Demand, trial: Callable[[Demand], Trial]) -> None:
        self._demand, self._trial, self._left = demand, trial, _TRIALS
        self._released: dict[tuple[str, str], Place | None] = {}
        """The new place of each node whose chosen place is given up, by cluster and number."""
        self._counts: dict[str, int] = {}

    def run(self) -> tuple[RepairEdit, ...] | None:
        """Give up places until nothing refuses, choose the new ones, and take back what was not needed."""
        found = self._try()
        for _ in range(_ROUNDS):
            if not found.findings:
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
        clusters = dict(self._demand.clusters)
        for name, edits in groupby(self._edits(), key=lambda edit: edit.cluster):
            edited = with_edits(clusters[name].cluster, list(edits))
            clusters[name] = clusters[name].model_copy(update={"cluster": edited})
        return self._demand.model_copy(update={"clusters": clusters})

    def _nodes(self) -> Mapping[str, Node]:
        edited = self._edited()
        return {node.name: node for name, wanted in edited.clusters.items() for node in nodes_of(name, wanted.cluster)}

    def _release(self, found: Trial) -> bool:
        """Give up one chosen place for each finding that has one; the place that is in most findings, else the last."""
        nodes = self._nodes()
        inside = [self._chosen(finding, nodes) for finding in found.findings]
        often = Counter(node.name for group in inside for node in group)
        picked: dict[str, Node] = {}
        for group in inside:
            if group and not any(node.name in picked for node in group):
                node = max(group, key=lambda one: (often[one.name], one.cluster, one.number))
                picked[node.name] = node
        self._released |= {(node.cluster, node.number): None for node in picked.values()}
        return bool(picked)

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
            count = self._fewer(cluster, missing)
            if count:
                self._counts[name], changed = count, True
        return changed

    def _fewer(self, cluster: Cluster, missing: int) -> int:
        """The count of a cluster with so many nodes less; 0 where it cannot have them."""
        count = cluster.count
        while missing and count:
            number = f"{count:03}"
            missing, count = missing - (number not in cluster.without), count - 1
        named = {*cluster.places, *cluster.names, *cluster.without}
        return 0 if missing or any(int(number) > count for number in named) else count

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
        """Leave out the edits without which the change is admissible too."""
        for key in list(self._released):
            if self._left <= 0:
                return
            kept = self._released.pop(key)
            if self._try().findings:
                self._released[key] = kept

    def _edits(self) -> list[RepairEdit]:
        """In order of clusters."""
        found = [RepairEdit(cluster=cluster, count=count) for cluster, count in self._counts.items()]
        for (cluster, number), place in self._released.items():
            rack, position = ("", 0) if place is None else (place.rack, place.position or 0)
            found.append(RepairEdit(cluster=cluster, number=number, rack=rack, position=position))
        return sorted(found, key=lambda edit: (edit.cluster, edit.number))


def repair_text(edits: Sequence[RepairEdit]) -> str:
    """The edits, one a line, below a line that says what they are.

    Args:
        edits: at least one.
    """
    head = f"one repair, {count_of(len(edits), 'change')} of the declaration, admissible by the same rules:"
    return "\n".join([head, *(f"  {edit}" for edit in edits)])

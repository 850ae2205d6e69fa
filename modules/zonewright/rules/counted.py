"""The nodes of a cluster that count, summed up by rack: what rules of clusters add up before they look at each node.

What bystanders add to a cluster is worked out once for all that is asked beside them, for nothing in them changes.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast
from weakref import WeakKeyDictionary

from zonewright.model.power import Draw
from zonewright.model.world import Bystanders, ClusterFacts, Occupant
from zonewright.rules.loads import Key
from zonewright.rules.view import View

COUNTED = frozenset({"wanted", "admitted", "active"})
"""The standing of nodes that stand or will stand in a rack, without those that leave."""


@dataclass(frozen=True, slots=True)
class CountedNodes:
    """Those of a cluster's nodes that count.

    Attributes:
        names: what they are called.
        by_rack: how many of them are in each rack.
        draws: what they draw, each draw once for each rack, by rack and identity.
    """

    names: frozenset[str]
    by_rack: Mapping[str, int]
    draws: Mapping[tuple[str, int], Draw]

    def with_also(self, other: "CountedNodes") -> "CountedNodes":
        """Both together; a name that both have is one node in two places."""
        by_rack = Counter(self.by_rack)
        by_rack.update(other.by_rack)
        return CountedNodes(self.names | other.names, by_rack, {**self.draws, **other.draws})


_OF_BYSTANDERS: WeakKeyDictionary[Bystanders, dict[Key, CountedNodes]] = WeakKeyDictionary()


def counted_nodes(view: View, cluster: ClusterFacts) -> CountedNodes:
    """The sums of a cluster, worked out once for all rules that ask.

    Args:
        view: the world.
        cluster: one of those that are judged.
    """
    known = cast("dict[Key, CountedNodes]", view.memo.setdefault("counted nodes", {}))
    key = (cluster.party, cluster.stack, cluster.name)
    if key not in known:
        everyone = view.in_cluster.get(key, ())
        theirs = view.world.bystanders.by_cluster.get(key, ())
        known[key] = _sums(everyone[len(theirs) :])
        if theirs:
            known[key] = _of_bystanders(view.world.bystanders, key).with_also(known[key])
    return known[key]


def _of_bystanders(bystanders: Bystanders, key: Key) -> CountedNodes:
    known = _OF_BYSTANDERS.setdefault(bystanders, {})
    if key not in known:
        known[key] = _sums(bystanders.by_cluster[key])
    return known[key]


def _sums(items: Iterable[Occupant]) -> CountedNodes:
    nodes = [item for item in items if item.standing in COUNTED]
    return CountedNodes(
        names=frozenset([item.name for item in nodes]),
        by_rack=Counter([item.rack for item in nodes]),
        draws={(item.rack, id(item.draw)): item.draw for item in nodes},
    )

"""Rules about clusters, who stands beside whom and in which room, with their texts."""

from zonewright.rules import neighbours, rooms, spread
from zonewright.rules.rule import Rule

CLUSTER_RULES: tuple[Rule, ...] = (
    Rule(
        id="spread",
        title="The nodes of a cluster are spread as declared.",
        level="mandatory",
        description=(
            "The cluster uses at least `at_least` racks, rows or rooms. If it has fewer nodes than that, each "
            "node needs one of its own. No domain holds more than `max_per_domain` of its nodes."
        ),
        unit="racks, rows, rooms or nodes",
        reference="topology spread constraints of Kubernetes; host anti-affinity of OpenStack Nova, taken to racks",
        function=spread.spread,
    ),
    Rule(
        id="apart",
        title="Clusters that must be apart share no domain.",
        level="mandatory",
        description=(
            "Each entry of `apart_from` names another cluster of the same party and a scope: rack, row, room, "
            "site or district. Value is the number of the cluster's own nodes in a domain where the other "
            "cluster has a node."
        ),
        unit="nodes",
        reference="pod anti-affinity of Kubernetes with a topology key, taken to racks, rooms, sites and districts",
        function=neighbours.apart,
    ),
    Rule(
        id="together",
        title="Clusters that belong together share one domain.",
        level="mandatory",
        description=(
            "Each entry of `together_with` names another cluster of the same party and a scope. All nodes of "
            "both clusters stand in one rack, row, room, site or district. Value is the number of domains that "
            "they use."
        ),
        unit="racks, rows, rooms, sites or districts",
        reference="pod affinity of Kubernetes with a topology key; ColocateGroups of Meta's Rebalancer",
        function=neighbours.together,
    ),
    Rule(
        id="exclusive",
        title=("If a cluster wants a domain for its party alone, nothing of another party stands in it."),
        level="mandatory",
        description=(
            "`exclusive` of a cluster names a scope: rack, row or room. The rule applies to nodes that come "
            "later and to everything that already stands there, including baseline."
        ),
        unit="nodes",
        reference="ExclusiveGroups of Meta's Rebalancer; cage and private-suite contracts",
        function=neighbours.exclusive,
    ),
    Rule(
        id="class-separation",
        title="A rack does not mix protection levels across the limit.",
        level="mandatory",
        description=(
            "The rule pack's `separated-protection-level` names a level. Nodes and baseline of that level or "
            "above share no rack with any below it. Value is the number of nodes on the smaller side."
        ),
        unit="nodes",
        reference="MLPS 2.0, GB/T 22239-2019 (levels 1 to 5): zoned separation of level 3 systems",
        function=neighbours.class_separation,
    ),
    Rule(
        id="room-cooling",
        title="A node stands in a room with the cooling that its type needs.",
        level="mandatory",
        description=(
            "The `cooling` of the node type, air or liquid, equals the cooling of the room. The rule judges new nodes."
        ),
        unit="nodes",
        reference="the maker's specification of the node type",
        function=rooms.room_cooling,
    ),
    Rule(
        id="fill-before-open",
        title="No room is opened while the open rooms of its kind have space.",
        level="mandatory",
        description=(
            "A room is open when a claim or baseline draws power in it. A change that opens a room is refused if "
            "open rooms of the same site with the same cooling have units, weight and watts for all of its nodes "
            "there. Clusters that are spread over rooms, or that must be apart, together or alone, do not count. "
            "Value is the number of nodes."
        ),
        unit="nodes",
        reference=(
            "NDRC letter Fa Gai Gao Ji [2022] No. 211: average rack utilisation of at least 65 %; the fixed part of a "
            "room's overhead raises PUE"
        ),
        function=rooms.fill_before_open,
        reach="zone",
    ),
)

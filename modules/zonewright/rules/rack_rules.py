"""Rules about single racks, with their texts."""

from zonewright.rules import feeds, units
from zonewright.rules.rule import Rule

RACK_RULES: tuple[Rule, ...] = (
    Rule(
        id="rack-exists",
        title="A node stands in a rack that exists and is open to its party.",
        level="mandatory",
        description=(
            "A facility operator declares the rack. A new node needs an active row in an active room, or a "
            "planned room whose `may_open` names the party. A node that already stands there may stay, or move "
            "within the rack."
        ),
        unit="racks or nodes",
        reference="NetBox, status of racks and locations (planned, active, decommissioning)",
        function=units.rack_exists,
    ),
    Rule(
        id="unit-range",
        title="Everything stands within the height of its rack.",
        level="mandatory",
        description=("Rack units are counted from 1 at the bottom. The highest unit is the rack's `u_height`."),
        unit="U",
        reference="EIA-310 and IEC 60297 (1 U is 44.45 mm)",
        function=units.unit_range,
    ),
    Rule(
        id="unit-overlap",
        title="No rack unit of a face is taken twice.",
        level="mandatory",
        description=(
            "There is one finding for each pair. Equipment of full depth takes both faces. A place that the same "
            "stack leaves in the same change does not count, so swaps and slides work. For other stacks it "
            "counts until the resource is gone."
        ),
        unit="U",
        reference="EIA-310 and IEC 60297; NetBox, rack face and is_full_depth of a device type",
        function=units.unit_overlap,
    ),
    Rule(
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
        function=feeds.rack_weight,
    ),
    Rule(
        id="feed-capacity",
        title="A feed can carry its load, even if power supplies share the load unevenly.",
        level="mandatory",
        description=(
            "The limit is `rated_w` times `max_utilization`. Value is the load if each node puts its type's "
            "`power_supply_worst_share` on this feed. The message also states the load with even shares. Claims count "
            "with `allocated_draw`."
        ),
        unit="W",
        reference="NetBox, max_utilization of a power feed and allocated_draw of a power port",
        function=feeds.feed_capacity,
    ),
    Rule(
        id="feed-failover",
        title="If feed A or B is lost, the other feed can carry the load of both.",
        level="mandatory",
        description=(
            "If enough of a node's power supplies hang on the remaining feed, the node counts there with its "
            "whole draw. Otherwise it goes down and does not count. Racks with a single feed have no failover to "
            "judge."
        ),
        unit="W",
        reference=(
            "the principle of redundant supply behind grades A and B of GB 50174-2017 (no clause of it is quoted); "
            "NetBox, max_utilization"
        ),
        function=feeds.feed_failover,
    ),
)

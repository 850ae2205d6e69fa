"""Rules about single racks, with their texts."""

from zonewright.rules import feeds, units
from zonewright.rules.rule import Rule

RACK_RULES: tuple[Rule, ...] = (
    Rule(
        id="rack-exists",
        title="A node stands in a rack that exists and is open to its party.",
        level="mandatory",
        description=(
            "The rack is declared by a facility operator. A new node needs an active row in an active room, or a "
            "planned room whose `may_open` names the party; a node that stands there already may stay or slide."
        ),
        unit="racks or nodes",
        reference="NetBox, status of racks and locations (planned, active, decommissioning)",
        function=units.rack_exists,
    ),
    Rule(
        id="unit-range",
        title="Everything stands within the height of its rack.",
        level="mandatory",
        description="Rack units are counted from 1 at the bottom; the highest unit is the rack's `u_height`.",
        unit="U",
        reference="EIA-310 and IEC 60297 (1 U is 44.45 mm)",
        function=units.unit_range,
    ),
    Rule(
        id="unit-overlap",
        title="No rack unit of a face is taken twice.",
        level="mandatory",
        description=(
            "One finding for each pair. Equipment of full depth takes both faces. A place that the same stack leaves "
            "in the same change does not count, so that swaps and slides work; for other stacks it counts until the "
            "resource is gone."
        ),
        unit="U",
        reference="EIA-310 and IEC 60297; NetBox, rack face and is_full_depth of a device type",
        function=units.unit_overlap,
    ),
    Rule(
        id="rack-weight",
        title="A rack carries no more than it may.",
        level="mandatory",
        description=(
            "Sum of weights, baseline included, in whole grams; value and excess are rounded up to kilograms. A node "
            "that moves counts at both ends until its old place is free, once where it moves within a rack."
        ),
        unit="kg",
        reference="NetBox, max_weight of a rack; the rack maker's static load",
        function=feeds.rack_weight,
    ),
    Rule(
        id="feed-capacity",
        title="A feed carries its live load, also when power supplies share it unevenly.",
        level="mandatory",
        description=(
            "The limit is `rated_w` times `max_utilization`. Value is the load with every node at its type's "
            "`power_supply_worst_share`; the message states the even share too. Claims count with `allocated_draw`."
        ),
        unit="W",
        reference="NetBox, max_utilization of a power feed and allocated_draw of a power port",
        function=feeds.feed_capacity,
    ),
    Rule(
        id="feed-failover",
        title="After the loss of feed A or B the other one carries what hangs on both.",
        level="mandatory",
        description=(
            "A node counts with its whole draw on the feed that is left if as many of its supplies hang there as it "
            "needs, else with nothing, because it goes down. Racks with a single feed have no failover to judge."
        ),
        unit="W",
        reference=(
            "the principle of redundant supply behind grades A and B of GB 50174-2017 (no clause of it is quoted); "
            "NetBox, max_utilization"
        ),
        function=feeds.feed_failover,
    ),
)

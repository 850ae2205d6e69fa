"""Rules that look beyond racks: supply, energy and fill of sites, districts and the zone, with their texts."""

from zonewright.rules import energy, pue_gate, supply
from zonewright.rules.rule import Rule

ZONE_RULES: tuple[Rule, ...] = (
    Rule(
        id="feed-diversity",
        title="The two feeds of a rack come from different panels and substations.",
        level="mandatory",
        description=(
            "The rule judges data centres, for each pair of panels that supply racks. Feeds of one panel, or of "
            "two panels of one substation, fail together."
        ),
        unit="sources",
        reference="GB 50174-2017, grade A: two supplies from different substations or bus sections",
        function=supply.feed_diversity,
        reach="zone",
    ),
    Rule(
        id="design-pue",
        title=("A newly built large or mega data centre is designed within the limit of the energy ratio."),
        level="no-worse",
        description=(
            "The ratio is total power over IT power at full design load. Total power is IT, plant, the fixed "
            "part of each room that counts, and slope times IT. A data centre is large from 3,000 standard racks "
            "of 2.5 kW on, and mega from 10,000 on, counted by design IT power and not by cabinets. A site is "
            "newly built if it was commissioned on the limit's `applies_from` or later, or if it has no date. "
            "Whole watts are compared, never a rounded ratio. Planned rooms count after something draws power in "
            "them."
        ),
        unit="W",
        reference="NDRC letter Fa Gai Gao Ji [2022] No. 211 (PUE within 1.25); GB 40879-2021 (scope, standard rack)",
        function=energy.design_pue,
        reach="zone",
    ),
    Rule(
        id="pue-gate",
        title=(
            "A change does not take a site over the limit of its energy ratio, and does not make a site worse "
            "that is over it."
        ),
        level="mandatory",
        description=(
            "The rule judges changes at newly built large and mega data centres. The declared load model (plant, "
            "each open room, slope) gives the energy ratio of the next twelve months, without the change and "
            "with it. Before the site has readings, its design is the trigger. If the site is over the limit, a "
            "change that makes it better needs an approval, and a change that makes it worse is refused. Better "
            "or worse means that the difference keeps its sign while each declared parameter varies by a tenth. "
            "A change that adds no watt and opens no room is admitted. If the site is over the limit, the "
            "finding states the numbers."
        ),
        unit="millionths",
        reference="NDRC letter Fa Gai Gao Ji [2022] No. 211 (PUE within 1.25); ISO/IEC 30134-2 (annual energy ratio)",
        function=pue_gate.pue_gate,
        reach="zone",
    ),
    Rule(
        id="connection-capacity",
        title=("At full design load, a district's data centres take no more power than the grid grants."),
        level="no-worse",
        description=(
            "Value is the design IT power and overhead of the district's data centres. Edge sites have their own "
            "supply and do not count."
        ),
        unit="kW",
        reference="the grid connection of each district, `connection_capacity_kw` with its `source` in zone.yaml",
        function=energy.connection_capacity,
        reach="zone",
    ),
    Rule(
        id="energy-quota",
        title="With all claims, a district's data centres stay within its energy quota for a year.",
        level="no-worse",
        description=(
            "Value is the energy of 8,760 h: claims and baseline of the data centres with their budgeted draw, "
            "plant, the fixed part of each open room, and slope."
        ),
        unit="MWh",
        reference="the energy quota of each district, `energy_quota_mwh` with its `source` in zone.yaml",
        function=energy.energy_quota,
        reach="zone",
    ),
    Rule(
        id="zone-utilization",
        title="The zone uses what is built: claimed power over design IT power, weighted.",
        level="no-worse",
        description=(
            "Value is the sum of claims and baseline over the sum of design IT power of all data centres. A mean "
            "of the sites' percentages would be wrong. Only a change that adds design power to a site of the "
            "ledger is refused. A site that is new to the ledger is inventory."
        ),
        unit="per mille",
        reference="NDRC letter Fa Gai Gao Ji [2022] No. 211: average rack utilisation of at least 65 %",
        function=energy.zone_utilization,
        reach="zone",
    ),
)

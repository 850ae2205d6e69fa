"""Rules that look beyond racks: supply, energy and fill of sites, districts and the zone, with their texts."""

from zonewright.rules import energy, pue_gate, supply
from zonewright.rules.rule import Rule

ZONE_RULES: tuple[Rule, ...] = (
    Rule(
        id="feed-diversity",
        title="The two feeds of a rack come from different panels and substations.",
        level="mandatory",
        description=(
            "Judged for data centres, for each pair of panels that racks hang on. Feeds of one panel, or of two "
            "panels of one substation, fall together."
        ),
        unit="sources",
        reference="GB 50174-2017, grade A: two supplies from different substations or bus sections",
        function=supply.feed_diversity,
        reach="zone",
    ),
    Rule(
        id="design-pue",
        title="A newly built large or mega data centre is designed within the limit of its energy ratio.",
        level="no-worse",
        description=(
            "Total over IT power at full design load: IT, plant, the fixed part of each room that counts, and slope "
            "times IT. Large is from 3,000, mega from 10,000 standard racks of 2.5 kW by design IT power, not by "
            "cabinets. A site is newly built when commissioned on the limit's `applies_from` or later, or when it "
            "does not say when. Compared as whole watts, never as a rounded ratio. Planned rooms count once "
            "something draws power in them."
        ),
        unit="W",
        reference="NDRC letter Fa Gai Gao Ji [2022] No. 211 (PUE within 1.25); GB 40879-2021 (scope, standard rack)",
        function=energy.design_pue,
        reach="zone",
    ),
    Rule(
        id="pue-gate",
        title="A change does not take a site beyond its energy ratio, nor make one worse that is beyond it.",
        level="mandatory",
        description=(
            "Judged for changes, at newly built large and mega data centres: the energy ratio of the next twelve "
            "months by the declared load model (plant, each open room, slope), without and with the change. While "
            "the site's metering is declared, its design is the trigger. Beyond the limit, what makes it better "
            "needs an approval, what makes it worse is refused; better or worse means one sign of the difference "
            "when each declared parameter varies by a tenth. What adds no watt and opens no room is admitted, and "
            "told with its numbers where the site is beyond the limit."
        ),
        unit="millionths",
        reference="NDRC letter Fa Gai Gao Ji [2022] No. 211 (PUE within 1.25); ISO/IEC 30134-2 (annual energy ratio)",
        function=pue_gate.pue_gate,
        reach="zone",
    ),
    Rule(
        id="connection-capacity",
        title="A district's data centres are within what the grid grants, at full design load.",
        level="no-worse",
        description="IT and overhead by design of the district's data centres; edge sites have a supply of their own.",
        unit="kW",
        reference="the grid connection of each district, `connection_capacity_kw` with its `source` in zone.yaml",
        function=energy.connection_capacity,
        reach="zone",
    ),
    Rule(
        id="energy-quota",
        title="A district's data centres are within its energy for a year, with what is claimed.",
        level="no-worse",
        description=(
            "Claims and baseline of the data centres with their budgeted draw, plant, fixed part of each open room and "
            "slope, over 8,760 h."
        ),
        unit="MWh",
        reference="the energy quota of each district, `energy_quota_mwh` with its `source` in zone.yaml",
        function=energy.energy_quota,
        reach="zone",
    ),
    Rule(
        id="zone-utilization",
        title="The zone fills what is built: claimed over design IT power, weighted.",
        level="no-worse",
        description=(
            "Sum of claims and baseline over the sum of design IT power of all data centres; a mean of the sites' "
            "percentages would be wrong. Only a change that adds design power to a site of the ledger is refused; a "
            "site that is new to it is inventory."
        ),
        unit="per mille",
        reference="NDRC letter Fa Gai Gao Ji [2022] No. 211: average rack utilisation of at least 65 %",
        function=energy.zone_utilization,
        reach="zone",
    ),
)

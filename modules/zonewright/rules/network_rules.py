"""Rules about ducts and links, with their texts."""

from zonewright.rules import network
from zonewright.rules.rule import Rule

NETWORK_RULES: tuple[Rule, ...] = (
    Rule(
        id="link-route",
        title="A link runs between sites that exist, through ducts that exist and may be used.",
        level="mandatory",
        description="The duct is the operator's own or shared, built before the link is active, and not about to go.",
        unit="links",
        reference="NetBox, terminations and path of a cable",
        function=network.link_route,
        reach="zone",
    ),
    Rule(
        id="duct-bores",
        title="A duct has a bore for each link that runs through it.",
        level="mandatory",
        description="Bores in use by others and one bore for each link of the zone, planned ones included.",
        unit="bores",
        reference="duct survey of the network operator",
        function=network.duct_bores,
        reach="zone",
    ),
    Rule(
        id="reuse-first",
        title="No duct is built beside one that has a free bore.",
        level="mandatory",
        description=(
            "Judged for planned ducts. An active duct that is shared, or the operator's own, with a free bore is "
            "used instead when at least half of the new route lies within the pack's `duct-reuse-distance-m` of it. "
            "Value is the length beside it, limit half of the route."
        ),
        unit="m",
        reference=(
            "joint construction and sharing: what can be shared is not newly built (notice of 14 ministries, 2023; "
            "MIIT and SASAC opinions since 2008)"
        ),
        function=network.reuse_first,
        reach="zone",
    ),
    Rule(
        id="srlg-disjoint",
        title="Links of a ring, and the two paths of a connection, share no risk.",
        level="mandatory",
        description=(
            "Risks of a link are its ducts, the bridges that these cross on, its two sites, and the power panels "
            "without which it is down, with their substations. The ring or the connection names the kinds that "
            "count; the ends of a connection are shared by nature. Planned links carry no path, but count in a ring."
        ),
        unit="risks or paths",
        reference="shared risk link groups, RFC 4202 section 2.3; TIA-942, rated 2 and up: diverse routes",
        function=network.srlg_disjoint,
        reach="zone",
    ),
    Rule(
        id="latency-budget",
        title="A connection's paths are within its delay, in one direction.",
        level="mandatory",
        description=(
            "Length of the ducts times the delay of fibre, in one direction, without equipment. With two disjoint "
            "paths the slower one counts."
        ),
        unit="us or paths",
        reference="circles of 1, 5 and 20 ms (carrying-capacity index 2.0); about 4.9 us/km in single-mode fibre",
        function=network.latency_budget,
        reach="zone",
    ),
)

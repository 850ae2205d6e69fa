"""Rules about ducts and links, with their texts."""

from zonewright.rules import network
from zonewright.rules.rule import Rule

NETWORK_RULES: tuple[Rule, ...] = (
    Rule(
        id="link-route",
        title="A link runs between sites that exist, through ducts that exist and may be used.",
        level="mandatory",
        description=(
            "The duct is shared or belongs to the link's operator. It is built before the link is active, and it "
            "is not about to go."
        ),
        unit="links",
        reference="NetBox, terminations and path of a cable",
        function=network.link_route,
        reach="zone",
    ),
    Rule(
        id="duct-bores",
        title="A duct has one bore for each link that runs through it.",
        level="mandatory",
        description=(
            "Value is the number of bores that others use, plus one bore for each link of the zone, including "
            "planned links."
        ),
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
            "The rule judges planned ducts. It compares them with active ducts that have a free bore and are "
            "shared or belong to the operator. The new duct is refused if at least half of its route lies within "
            "the pack's `duct-reuse-distance-m` of such a duct: the operator uses the free bore instead. Value "
            "is the length of route beside that duct. The limit is half of the route."
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
            "The risks of a link are its ducts, the bridges that the ducts cross, its two sites, and the power "
            "panels without which it is down, with their substations. The ring or the connection names the kinds "
            "that count. The ends of a connection are always shared and do not count. Planned links carry no "
            "path, but count in a ring."
        ),
        unit="risks or paths",
        reference="shared risk link groups, RFC 4202 section 2.3; TIA-942, rated 2 and up: diverse routes",
        function=network.srlg_disjoint,
        reach="zone",
    ),
    Rule(
        id="latency-budget",
        title="The paths of a connection keep its one-way delay.",
        level="mandatory",
        description=(
            "Value is the length of the ducts times the delay of fibre, in one direction, without equipment. If "
            "two disjoint paths are needed, the slower one counts."
        ),
        unit="us or paths",
        reference="circles of 1, 5 and 20 ms (carrying-capacity index 2.0); about 4.9 us/km in single-mode fibre",
        function=network.latency_budget,
        reach="zone",
    ),
)

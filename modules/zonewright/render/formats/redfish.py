"""Settings of BMCs, for a party's nodes at a site."""

from zonewright.render.formats.format import File, Format, ValidatorCommand

REDFISH = Format(
    id="redfish",
    title="Redfish: settings of BMCs",
    description=(
        "Each node whose type says `bmc` has a file with bodies that its BMC takes with PATCH, by the path of the "
        "resource (DMTF Redfish). They say its name and place (row, rack, rack unit), what it does when the power is "
        "back, and its time servers. They switch off IPMI over the network, unless the type keeps it. With "
        "`holds_draw` the BMC holds the node to the watts of its claim (`allocated_draw`), so that a node cannot "
        "draw more than was admitted. The BMC's address, users and certificates are not in the file. "
        "See [configure switches and BMCs](../how-to/configure-switches.md)."
    ),
    subject="group",
    files=(File(template="redfish/bodies.json.j2", path="redfish/{key}.json", each="bmcs"),),
    filters=frozenset({"json", "word"}),
    check=ValidatorCommand(
        program="python3",
        package="zonewright",
        commands=(("-m", "zonewright.dialects", "redfish", "{root}/redfish"),),
        absent="No module named",
    ),
    needs="bmcs",
)

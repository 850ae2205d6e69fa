"""Switches that are configured by tables, as SONiC is: of each site, and of a party's nodes there."""

from zonewright.render.formats.format import File, Format, ValidatorCommand

_CHECK = ValidatorCommand(
    program="python3",
    package="zonewright",
    commands=(("-m", "zonewright.dialects", "sonic", "{root}/switches"),),
    absent="No module named",
)
SONIC = Format(
    id="sonic",
    title="SONiC: switches of a site",
    description=(
        "Each switch of a site with `platform: sonic` has a file with tables of `config_db.json`: host name, name "
        "servers, time servers, VLANs, LAGs (`PORTCHANNEL`), and which interface is in which VLAN. It says what the "
        "format eos says of the same site. An interface that is in no table of VLANs is a routed one without an "
        "address.\n\n"
        "Tables and fields that are not in the file, such as the lanes of a port, stay as the switch has them. So "
        "the file goes into the switch's own tables, it does not replace them: see "
        "[configure switches and BMCs](../how-to/configure-switches.md). Ports carry packets of up to 9,100 bytes."
    ),
    subject="site",
    files=(File(template="sonic/config_db.json.j2", path="switches/{key}.json", each="sonic_switches"),),
    filters=frozenset({"json"}),
    check=_CHECK,
    needs="sonic_switches",
)
SONIC_PORTS = Format(
    id="sonic-ports",
    title="SONiC: interfaces of a party's nodes",
    description=(
        "For each switch with `platform: sonic` that nodes of a stack are cabled to, a file has the interfaces to "
        "these nodes, with the same rules as the format eos-ports."
    ),
    subject="group",
    files=(File(template="sonic-ports/config_db.json.j2", path="switches/{key}.json", each="sonic_switches"),),
    filters=frozenset({"json"}),
    check=_CHECK,
    needs="sonic_switches",
)

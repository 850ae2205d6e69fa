"""Switches, as EOS and as SONiC have them, and BMCs by Redfish: of each site, and of a party's nodes there."""

from zonewright.render.formats.format import File, Format, ValidatorCommand

_LINES_CHECK = ValidatorCommand(
    program="python3",
    package="zonewright",
    commands=(("-m", "zonewright.dialects", "eos", "{root}/switches"),),
    absent="No module named",
)
EOS = Format(
    id="eos",
    title="EOS: switches of a site",
    description=(
        "Each switch of a site with `platform: eos` (`switches` of the site) has a file. It has the VLANs of the "
        "site, the cables to other switches and to the router, which carry VLANs with a tag, and the LAGs "
        "among them. The site's name servers and time servers are in it, in the VRF `default`, or in the one of the "
        "networks of administrators (`vrf`): the switch asks from its management interface then. A spine is the root "
        "of the spanning tree. Switches pass frames on and route nothing: the site's router has the gateways, and "
        "keeps tenants apart.\n\n"
        "The interfaces to nodes are in the files of the parties' stacks (next format), so a change of a node "
        "changes no file of the site. An interface that is in no file stays a routed one without an address "
        "(`switchport default mode routed`), so nothing that is plugged in there reaches anything.\n\n"
        "How the switch is managed (users, its own address, its image) is not in the file. See "
        "[configure switches and BMCs](../how-to/configure-switches.md)."
    ),
    subject="site",
    files=(File(template="eos/switch.cfg.j2", path="switches/{key}.cfg", each="eos_switches"),),
    filters=frozenset({"address", "comment", "name", "word"}),
    check=_LINES_CHECK,
    needs="eos_switches",
)
EOS_PORTS = Format(
    id="eos-ports",
    title="EOS: interfaces of a party's nodes",
    description=(
        "For each switch with `platform: eos` that nodes of a stack are cabled to, a file has the interfaces to these "
        "nodes. The VLAN of a node's pools is on its port without a tag. If its type has no ports for storage or "
        "management, the VLANs of these pools are on the ports for data with a tag, as in the node's netplan file. "
        "A bond with the mode `802.3ad` is a LAG, and all its ports must be at one switch. Its number is 999 and "
        "the number of the first of its interfaces among those to nodes, in the order declared. A port that speaks "
        "spanning tree is shut down. The files stand beside those of the site, and the site's operator installs them."
    ),
    subject="group",
    files=(File(template="eos-ports/ports.cfg.j2", path="switches/{key}.cfg", each="eos_switches"),),
    filters=frozenset({"comment", "word"}),
    check=_LINES_CHECK,
    needs="eos_switches",
)
_TABLES_CHECK = ValidatorCommand(
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
        "format eos says of the same site. SONiC's VRF for administrators is always named `mgmt`. An interface that is "
        "in no table of VLANs is a routed one without an address.\n\n"
        "Tables and fields that are not in the file, such as the lanes of a port, stay as the switch has them. So "
        "the file goes into the switch's own tables, it does not replace them: see "
        "[configure switches and BMCs](../how-to/configure-switches.md). Ports carry packets of up to 9,100 bytes."
    ),
    subject="site",
    files=(File(template="sonic/config_db.json.j2", path="switches/{key}.json", each="sonic_switches"),),
    filters=frozenset({"json"}),
    check=_TABLES_CHECK,
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
    check=_TABLES_CHECK,
    needs="sonic_switches",
)
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

"""Switches that are configured in lines, as EOS is: of each site, and of a party's nodes there."""

from zonewright.render.formats.format import File, Format, ValidatorCommand

_CHECK = ValidatorCommand(
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
        "among them. The site's name servers and time servers are in it, in the VRF `default`. A spine is the root of "
        "the spanning tree. Switches pass frames on and route nothing: the site's router has the gateways, and keeps "
        "tenants apart.\n\n"
        "The interfaces to nodes are in the files of the parties' stacks (next format), so a change of a node "
        "changes no file of the site. An interface that is in no file stays a routed one without an address "
        "(`switchport default mode routed`), so nothing that is plugged in there reaches anything.\n\n"
        "How the switch is managed (users, its own address, its image) is not in the file. See "
        "[configure switches and BMCs](../how-to/configure-switches.md)."
    ),
    subject="site",
    files=(File(template="eos/switch.cfg.j2", path="switches/{key}.cfg", each="eos_switches"),),
    filters=frozenset({"address", "comment", "name", "word"}),
    check=_CHECK,
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
    check=_CHECK,
    needs="eos_switches",
)

"""netplan, for each node."""

from zonewright.render.formats.format import File, Format, ValidatorCommand

NETPLAN = Format(
    id="netplan",
    title="netplan: addresses and routes of a node",
    description=(
        "The ports that the node's type names (`interfaces`) form a bond. If ports have `lag: uplink`, only these are "
        "taken; else all that have no `lag` and are not `mgmt_only`. Without `interfaces`, all wired ports (`en*`) are "
        "taken. The mode is active-backup, which needs no set-up on the switches, with the first port in use. `bonds` "
        "of the type may say another `primary`, or LACP (`802.3ad`). Ports with the role `storage` or `management` "
        "form a bond of their own, with the addresses of the pools of that role. If a type has no such ports, these "
        "addresses are on the bond for data, in a VLAN with its tag if the pool names one. Ports of a BMC are never "
        "taken. `interfaces` of a place name ports by their MAC addresses. A pool's `mtu` is that of the ports.\n\n"
        "A bond has one address from each of its pools that the tenant may use. So no address is on two ports, "
        "whatever names the kernel gives to the ports. The default route of each IP version goes to the gateway "
        "of the first pool for data of that version, in order of pool id. What has an address for storage or "
        "management as its source leaves by the gateway of that network, from a routing table of its own: the gateway "
        "for data would take it for a false source. With `name_servers`, short names are looked up in "
        "`<site>.internal`. Router advertisements are not accepted. A node of a site without pools asks the site's "
        "own DHCP."
    ),
    subject="node",
    files=(File(template="netplan/node.yaml.j2", path="etc/netplan/50-zonewright.yaml"),),
    filters=frozenset({"comment", "yaml"}),
    check=ValidatorCommand(
        program="netplan",
        package="netplan.io",
        commands=(("generate", "--root-dir", "{root}"),),
        core=("/usr/libexec/netplan/generate", "--root-dir", "{root}"),
    ),
)

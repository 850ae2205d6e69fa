"""netplan, for each node."""

from zonewright.render.formats.format import File, Format, ValidatorCommand

NETPLAN = Format(
    id="netplan",
    title="netplan: addresses and routes of a node",
    description=(
        "The ports that the node's type names (`interfaces`) form one bond in mode active-backup, and the first "
        "one is in use. If ports have `lag: uplink`, only these are taken; else all that have no `lag` and are "
        "not `mgmt_only`. Without `interfaces`, all wired ports (`en*`) are taken. This mode needs no set-up on "
        "the switches. The bond has one address from each pool of the site. So no address is on two ports, "
        "whatever names the kernel gives to the ports. The default route of each IP version goes to the gateway "
        "of the first pool of that version, in order of pool id. With `name_servers`, short names are looked up "
        "in `<site>.internal`. Router advertisements are not accepted. A node of a site without pools asks the "
        "site's own DHCP."
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

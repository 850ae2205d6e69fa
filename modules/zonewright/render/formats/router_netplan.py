"""netplan on the router, for each site with VLANs, VRFs or large packets."""

from zonewright.render.formats.format import File, Format, ValidatorCommand

ROUTER_NETPLAN = Format(
    id="router-netplan",
    title="netplan: VLANs and VRFs of a site's router",
    description=(
        "The file is for the router of a site whose pools or networks name a `vlan` or a `vrf`, or whose pools name an "
        "`mtu`. It makes an interface for each VLAN, such as `lan0.110` for the VLAN 110 at the interface `lan0`. "
        "Their addresses are in frr.conf. The interface `lan0` is an Ethernet port, not a bond. The ports "
        "of the switch to the router carry these VLANs tagged. The ports of nodes carry the VLAN of their tenant "
        "untagged, so a tenant cannot choose another one.\n\n"
        "Interfaces with a `vrf` are in that VRF, a routing table of its own. Its number comes from its name. Packets "
        "from a tenant's VRF to networks of the zone that the tenant's VLANs do not reach are refused as unreachable. "
        "All else goes by the main table, which has the routes to other sites.\n\n"
        "A VLAN with a `vni` is in a bridge, such as `br130` for VLAN 130, with a VXLAN interface (`vx<vni>`) whose "
        "frames begin and end at the router's IPv4 loopback."
    ),
    subject="site",
    of_routers=True,
    files=(File(template="router-netplan/router.yaml.j2", path="etc/netplan/60-zonewright-router.yaml"),),
    filters=frozenset({"comment", "yaml"}),
    check=ValidatorCommand(
        program="netplan",
        package="netplan.io",
        commands=(("generate", "--root-dir", "{root}"),),
        core=("/usr/libexec/netplan/generate", "--root-dir", "{root}"),
    ),
    needs="trunks",
)

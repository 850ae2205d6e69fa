"""Kea for IPv4 and for IPv6, for each site."""

from zonewright.render.formats.format import File, Format, ValidatorCommand

_FILTERS = frozenset({"address", "comment", "json"})
_ANY = (r'"interfaces": \[[^\]]*\]', '"interfaces": ["*"]')
"""Kea refuses interfaces that the machine has not, which judges it in an empty network."""

KEA = Format(
    id="kea",
    title="Kea: addresses for machines during set-up",
    description=(
        "Each IPv4 address pool of a site with `dynamic` addresses is a network. Kea leases these addresses for "
        "an hour, with the pool's gateway, the site's resolvers and time servers (those with an IPv4 "
        "address), and the domain `<site>.internal`. A machine whose MAC address is under `reservations` always gets "
        "the same address and its name. With `boot` machines start from the network, by a file for BIOS and another "
        "one for UEFI. With `interfaces` Kea answers there only. No node has one of these addresses, because a node's "
        "own addresses are in its netplan file. A network's number comes from its address, so leases stay "
        "with the network when pools come and go. A site without `dynamic` addresses gets no file.\n\n"
        "With a `second_dhcp_server` there are two servers (Kea's hook for high availability, hot standby). The second "
        "one has files of its own. Both know all leases. The first one answers. If the second one hears nothing of it "
        "for 5 seconds, it answers itself. When the first one is back, it takes the leases over and answers again. "
        "They talk over TLS, and each must have a certificate of `trust_anchor`. Whoever had no such certificate "
        "could delete leases."
    ),
    subject="site",
    of_servers=True,
    files=(File(template="kea/kea-dhcp4.conf.j2", path="etc/kea/kea-dhcp4.conf"),),
    filters=_FILTERS,
    check=ValidatorCommand(
        program="kea-dhcp4",
        package="kea-dhcp4-server",
        commands=(("-t", "{root}/etc/kea/kea-dhcp4.conf"),),
        stand_ins=(_ANY,),
        in_namespace=True,
    ),
    needs="leases",
)

KEA_V6 = Format(
    id="kea-v6",
    title="Kea: IPv6 addresses for machines during set-up",
    description=(
        "The same for IPv6 address pools with `dynamic` addresses. A pool names the one interface of the server in its "
        "network in `interfaces`, by which DHCPv6 knows the network. A machine is known by its MAC address, which it "
        "tells in its DUID or its link-local address. Machines with UEFI start from a URL of the TFTP server. The "
        "default route is no matter of DHCPv6: the site's router announces itself in these networks and says that "
        "addresses are leased (format `frr`). With a `second_dhcp_server` there are two servers here as well."
    ),
    subject="site",
    of_servers=True,
    files=(File(template="kea-v6/kea-dhcp6.conf.j2", path="etc/kea/kea-dhcp6.conf"),),
    filters=_FILTERS,
    check=ValidatorCommand(
        program="kea-dhcp6",
        package="kea-dhcp6-server",
        commands=(("-t", "{root}/etc/kea/kea-dhcp6.conf"),),
        stand_ins=(_ANY, (r'"interface": "[^"]*"', '"interface": "lo"')),
        in_namespace=True,
    ),
    needs="leases_v6",
)

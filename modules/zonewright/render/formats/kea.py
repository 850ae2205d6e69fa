"""Kea, for each site."""

from zonewright.render.formats.format import File, Format, ValidatorCommand

KEA = Format(
    id="kea",
    title="Kea: addresses for machines during set-up",
    description=(
        "Each address pool of a site with `dynamic` addresses is a network. Kea leases these addresses for "
        "an hour, with the pool's gateway, the site's resolvers and time servers (those with an IPv4 "
        "address), and the domain `<site>.internal`. A machine whose MAC address is under `reservations` always gets "
        "the same address and its name. With `boot` machines start from the network, by a file for BIOS and another "
        "one for UEFI. With `interfaces` Kea answers there only. No node has one of these addresses, because a node's "
        "own addresses are in its netplan file. A network's number comes from its address, so leases stay "
        "with the network when pools come and go. A site without `dynamic` addresses gets no file."
    ),
    subject="site",
    files=(File(template="kea/kea-dhcp4.conf.j2", path="etc/kea/kea-dhcp4.conf"),),
    filters=frozenset({"address", "comment", "json"}),
    check=ValidatorCommand(
        program="kea-dhcp4",
        package="kea-dhcp4-server",
        commands=(("-t", "{root}/etc/kea/kea-dhcp4.conf"),),
        in_namespace=True,
    ),
    needs="leases",
)

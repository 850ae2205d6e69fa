"""nftables on the router, for each site."""

from zonewright.render.formats.format import File, Format, ValidatorCommand

ROUTER_NFTABLES = Format(
    id="router-nftables",
    title="nftables: what a site's router takes and passes on",
    description=(
        "The file is for the router of a site that names the interfaces of its networks (`interface` of address "
        "pools and of `networks`). The router itself takes BGP and BFD from the neighbours at its links only, if "
        "they are one hop away. It takes SSH from the `management` networks, and 500 pings a second. It "
        "drops all else.\n\n"
        "It takes and passes on no packet with a false source. From an interface of the site come only addresses of "
        "that interface's networks. From a link come no addresses of the site. Into a network with the role "
        "`management` or `service` come answers, packets of administrators, and connections to the zone's service "
        "at its port. So a tenant does not reach administrators, whatever its own host lets out.\n\n"
        "A VLAN with a `tenant` is kept apart. Of the zone, only the tenant's own networks at all sites, the site's "
        "name servers and time servers, administrators, the zone's service and the VLAN's `also_reaches` exchange "
        "packets with it. So tenants do not reach each other, even if all their hosts let everything through. The "
        "nodes' own nftables is a second lock. At a site without such VLANs it is the only one. The kernel takes a "
        "packet from an interface in a VRF for one from the VRF, so the rules ask for the interface beneath (`meta "
        "sdifname`)."
    ),
    subject="site",
    of_routers=True,
    files=(File(template="router-nftables/nftables.conf.j2", path="etc/nftables.conf"),),
    filters=frozenset({"address", "addresses", "comment", "word"}),
    check=ValidatorCommand(
        program="nft", package="nftables", commands=(("-c", "-f", "{root}/etc/nftables.conf"),), in_namespace=True
    ),
    needs="ports",
)

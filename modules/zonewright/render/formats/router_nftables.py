"""nftables on the router, for each site."""

from zonewright.render.formats.format import File, Format, ValidatorCommand

ROUTER_NFTABLES = Format(
    id="router-nftables",
    title="nftables: what a site's router takes and passes on",
    description=(
        "The file is for the router of a site that names the interfaces of its networks (`interface` of address "
        "pools and of `networks`). The router itself takes BGP and BFD from the neighbours at its links only, if "
        "they are one hop away. It takes SSH from the `management` networks, and ping. It drops all else.\n\n"
        "It passes on no packet with a false source. From an interface of the site come only addresses of that "
        "interface's networks. From a link come no addresses of the site. Into a network with the role "
        "`management` or `service` come answers, packets of administrators, and connections to the zone's service "
        "at its port. So a tenant does not reach administrators, whatever its own host lets out. Isolation of "
        "tenants from each other at one site is in the nodes' own nftables."
    ),
    subject="site",
    files=(File(template="router-nftables/nftables.conf.j2", path="etc/nftables.conf"),),
    filters=frozenset({"address", "addresses", "comment", "word"}),
    check=ValidatorCommand(
        program="nft", package="nftables", commands=(("-c", "-f", "{root}/etc/nftables.conf"),), in_namespace=True
    ),
    needs="ports",
)

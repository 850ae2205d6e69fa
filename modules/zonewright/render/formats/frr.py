"""FRR, for each site."""

from zonewright.render.formats.format import File, Format, ValidatorCommand

FRR = Format(
    id="frr",
    title="FRR: routing between the sites",
    description=(
        "The file is for the router of each site that has an `as_number`. The site's facility operator renders "
        "it. Each link between this site and another site with an autonomous system has BGP sessions of its own. "
        "They run between the addresses at the two ends of the link, never between loopbacks. So two links that "
        "share no duct and no bridge do not share a session either, and a session goes down with exactly one "
        "link. The comment above a link says what takes the link down. The end that the link calls `a` has the "
        "lower address of each prefix, and `b` has the next one. IPv4 and IPv6 have a session each. A link "
        "without `prefixes` has one session for both, over link-local addresses (RFC 5549). The sessions of a "
        "planned link are configured and shut down. The interface of a link is named after the link's id. If the "
        "id is too long for an interface name (15 characters), the name is `l-` and ten characters of the id's "
        "digest.\n\n"
        "The router has the gateway's address of each address pool that names its `interface`, and of each of the "
        "site's `networks`. Its `loopbacks` do not go down with a link. A site announces the prefixes of its "
        "address pools, of its networks (except `upstream`) and of its loopbacks, and passes on those of the "
        "other sites. Networks in a `vrf` are reached from the main table by static routes (`nexthop-vrf`), which are "
        "announced. With a `second_router` the gateways' addresses and these routes are in keepalived.conf, and the "
        "router that has them announces the site's networks. So every site has routes to the zone's service and to "
        "administrators, if a site declares these networks. A prefix is accepted from a neighbour only if it is "
        "exactly one that a site of the zone announces, and comes from that site's autonomous system. A default route "
        "is announced only by sites with `default_gateways`, while the way to the next hop is there. A neighbour that "
        "sends more than twice as many prefixes as the zone has, and at least 20, is shut down for 30 minutes.\n\n"
        "VLANs with a `vni` are one network of layer 2 with those of other sites (EVPN, RFC 7432 and 8365). Each "
        "router announces them with the route target `65000:<vni>`. It takes them only from sites that it names in "
        "`sites`, that name it, and that say the same of tenant and prefixes. If any site has such a VLAN, all "
        "routers pass on what they hear of it.\n\n"
        "BFD finds a link that carries nothing within 450 ms, also if its carrier stays. Traffic then takes the "
        "other links. A link that is `drained` carries nothing while another way is left, however long: its "
        "routes say so (RFC 8326), and every site of the zone takes them last. A restarted bgpd keeps the routes "
        "meanwhile (graceful restart). Packets of a session must come from the link itself (RFC 5082). If the "
        "link's `password` refers to a password, they are signed with it (RFC 2385). The file holds the "
        "reference, and the value is put in where the file is installed. "
        "When a link or another site changes, the next run of the facility's stack shows the difference. Until "
        "then the deployed file stays as it is. The daemons are zebra, staticd, bgpd and bfdd. staticd holds the "
        "announced prefixes as static routes.\n\n"
        "Routes have their next hops in themselves (`no zebra nexthop kernel enable`). The kernel drops nexthop "
        "objects with the carrier and says nothing. FRR 8.4 then used them again when the link was back, and the "
        "kernel refused the routes.\n\n"
        "The lists have sequence numbers. If the host's name is the site's id, `frr-reload.py --test` of an "
        "unchanged file proposes nothing. The format router-sysctl switches forwarding on.\n\n"
        "`vtysh -C` checks only the syntax. zonewright computes over all sites that each session has two ends "
        "with matching addresses and numbers. If all sites are at hand, it computes what reaches what. A test "
        "boots two sites with the real daemons, cuts each link, and compares."
    ),
    subject="site",
    of_routers=True,
    files=(File(template="frr/frr.conf.j2", path="etc/frr/frr.conf"),),
    filters=frozenset({"address", "comment", "secret", "word"}),
    check=ValidatorCommand(
        program="vtysh",
        package="frr",
        commands=(("-C", "-f", "{root}/etc/frr/frr.conf"),),
        complaint=r"(?m)^line \d+:|^% (?!Can't open configuration file \S+/vtysh\.conf)",
    ),
    needs="as_number",
)

"""FRR, for each site."""

from zonewright.render.formats.format import File, Format, ValidatorCommand

FRR = Format(
    id="frr",
    title="FRR: routing between the sites",
    description=(
        "The file is for the router of each site that has an `as_number`. The site's facility operator "
        "renders it. Each link between this site and another site with an autonomous system has BGP sessions "
        "of its own. They run between the addresses at the two ends of the link, never between loopbacks. So "
        "two links that share no duct and no bridge do not share a session either, and a session goes down "
        "with exactly one link. The comment above a link says what takes the link down. The end that the "
        "link calls `a` has the lower address of each prefix, and `b` has the next one. IPv4 and IPv6 have a "
        "session each. A link without `prefixes` has one session for both, over link-local addresses (RFC "
        "5549). The sessions of a planned link are configured and shut down. The interface of a link is "
        "named after the link's id. If the id is too long for an interface name (15 characters), the name is "
        "`l-` and ten characters of the id's digest.\n\n"
        "A site announces only the prefixes of its address pools, and passes on the prefixes of the other "
        "sites. A prefix is accepted from a neighbour only if it is exactly a prefix of a site of the zone "
        "and comes from that site's autonomous system. Default routes are neither sent nor accepted. A "
        "neighbour that sends more than twice as many prefixes as the zone has, and at least 20, is shut "
        "down for 30 minutes. Packets of a session must come from the link itself (RFC 5082). If the link's "
        "`password` refers to a password, they are signed with it (RFC 2385). The file holds the reference, "
        "and the value is put in where the file is installed. When a link or another site changes, the next "
        "run of the facility's stack shows the difference. Until then the deployed file stays as it is. The "
        "daemons are zebra, staticd and bgpd. staticd holds the announced prefixes as static routes.\n\n"
        "`vtysh -C` checks only the syntax. zonewright computes over all sites that each session has two "
        "ends with matching addresses and numbers. In a test, real daemons of three sites exchange their "
        "prefixes."
    ),
    subject="site",
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

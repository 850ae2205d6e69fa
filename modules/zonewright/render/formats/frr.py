"""FRR, for each site."""

from zonewright.render.formats.format import Check, File, Format

FRR = Format(
    id="frr",
    title="FRR: routing between the sites",
    description=(
        "The router of each site that has an `as_number`, as its facility operator renders it. Each link that ends at "
        "the site and at another site with an autonomous system has BGP sessions of its own, between the addresses at "
        "its two ends, never between loopbacks: two links that share no duct and no bridge do not share a session "
        "either, and a session goes down with exactly one link. The comment above a link says what takes it down. The "
        "end that the link calls `a` has the lower address of each prefix, `b` the next one; IPv4 and IPv6 have a "
        "session each. A link without `prefixes` has one session for both over link-local addresses (RFC 5549). The "
        "sessions of a planned link are configured and shut down. The interface of a link has the link's id as its "
        "name, or `l-` and ten characters of its digest where an interface name can not be that long (15).\n\n"
        "A site announces the prefixes of its address pools, nothing else, and passes on those of the other sites: a "
        "prefix is accepted from a neighbour only if it is, exactly, one of a site of the zone and comes from that "
        "site's autonomous system. Default routes are neither sent nor taken. A neighbour that sends more than twice "
        "as many prefixes as the zone has, and at least 20, is shut down for 30 minutes. Packets of a session must "
        "come from the link itself (RFC 5082), and are signed with a password (RFC 2385) where the link's `password` "
        "refers to one: the file holds the reference, and its value is put in where the file is installed. When a link "
        "or another site changes, the next run of the facility's "
        "stack shows the difference; until then the deployed file stays as it is. The daemons are zebra, staticd (what "
        "the site announces stands as static routes) and bgpd.\n\n"
        "`vtysh -C` looks at the syntax only; that each session has two ends with matching addresses and numbers is "
        "computed over all sites, and real daemons of three sites exchange their prefixes in a test."
    ),
    subject="site",
    files=(File(template="frr/frr.conf.j2", path="etc/frr/frr.conf"),),
    filters=frozenset({"comment", "secret", "word"}),
    check=Check(
        program="vtysh",
        package="frr",
        commands=(("-C", "-f", "{root}/etc/frr/frr.conf"),),
        complaint=r"(?m)^line \d+:|^% (?!Can't open configuration file \S+/vtysh\.conf)",
    ),
    needs="as_number",
)

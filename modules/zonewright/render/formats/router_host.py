"""What the host of a router has besides routing and filter: forwarding, and which of two routers is the gateway."""

from zonewright.render.formats.format import File, Format, ValidatorCommand

ROUTER_SYSCTL = Format(
    id="router-sysctl",
    title="sysctl: forwarding on a site's router",
    description=(
        "The file is for the router of each site that has an `as_number`. It lets the kernel pass packets on. FRR "
        "could do it, but FRR does not show in its running configuration that forwarding is on. So each reload of "
        "an unchanged frr.conf would propose a change. After the file is installed, run `sysctl --system` once. "
        "The kernel's settings are read from it at each start. With VRFs it also lets the router's programs, such as "
        "sshd, answer in them."
    ),
    subject="site",
    of_routers=True,
    files=(File(template="router-sysctl/sysctl.conf.j2", path="etc/sysctl.d/60-zonewright.conf"),),
    filters=frozenset({"comment"}),
    check=ValidatorCommand(
        program="sysctl",
        package="procps",
        # A confined program sees no /proc, so no setting is there for it; the names are those of the template.
        commands=(("--dry-run", "--ignore", "-p", "{root}/etc/sysctl.d/60-zonewright.conf"),),
        complaint="invalid syntax",
    ),
    needs="as_number",
)

ROUTER_KEEPALIVED = Format(
    id="router-keepalived",
    title="keepalived: which of two routers is the gateway",
    description=(
        "The file is for both routers of a site with a `second_router`. One of them has the gateway's address of every "
        "network at the site (VRRP, RFC 5798). The other one takes all of them over within 0.8 seconds if it hears "
        "nothing any more. It also does if the first one loses an interface in one of these networks. The addresses "
        "do not go back by themselves. Stop keepalived on the router that is to give them up.\n\n"
        "The two routers hear each other at their `interconnect` only, so no node can take part. If that cable alone "
        "fails, both take the addresses: make it a bond of two. BGP between both (within the site's autonomous system) "
        "runs over it too. Only the router that is the gateway announces the networks of the site, so all packets of "
        "them pass one router, whose firewall knows the states. Connections of administrators go on after a take-over."
    ),
    subject="site",
    of_routers=True,
    files=(File(template="router-keepalived/keepalived.conf.j2", path="etc/keepalived/keepalived.conf"),),
    filters=frozenset({"comment", "word"}),
    check=ValidatorCommand(
        program="keepalived",
        package="keepalived",
        commands=(("--config-test", "-f", "{root}/etc/keepalived/keepalived.conf"),),
        in_namespace=True,
    ),
    needs="interconnect",
)

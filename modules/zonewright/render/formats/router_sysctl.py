"""The kernel's settings on the router, for each site."""

from zonewright.render.formats.format import File, Format, ValidatorCommand

ROUTER_SYSCTL = Format(
    id="router-sysctl",
    title="sysctl: forwarding on a site's router",
    description=(
        "The file is for the router of each site that has an `as_number`. It lets the kernel pass packets on. FRR "
        "could do it, but FRR does not show in its running configuration that forwarding is on. So each reload of "
        "an unchanged frr.conf would propose a change. After the file is installed, run `sysctl --system` once. "
        "The kernel's settings are read from it at each start."
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

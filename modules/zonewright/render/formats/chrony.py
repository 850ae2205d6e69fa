"""chrony, for each node."""

from zonewright.render.formats.format import Check, File, Format

CHRONY = Format(
    id="chrony",
    title="chrony: the time of a node",
    description=(
        "A node takes the time from the `time_servers` of its site; a node of a site without any gets no file. It "
        "serves nobody: neither NTP nor the command port is open. A clock that is far off is set at once in the first "
        "three updates after a start, later only slewed, so that readings of energy do not jump."
    ),
    subject="node",
    files=(File(template="chrony/chrony.conf.j2", path="etc/chrony/chrony.conf"),),
    filters=frozenset({"address", "comment"}),
    check=Check(program="chronyd", package="chrony", commands=(("-p", "-f", "{root}/etc/chrony/chrony.conf"),)),
    needs="time_servers",
)

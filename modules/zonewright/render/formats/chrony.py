"""chrony, for each node."""

from zonewright.render.formats.format import File, Format, ValidatorCommand

CHRONY = Format(
    id="chrony",
    title="chrony: the time of a node",
    description=(
        "A node takes the time from the `time_servers` of its site. If these are fewer than three, the next sites "
        "in order of id give one each, so that one wrong server is found out. If its own site has none, the node "
        "gets no file. The node serves nobody: neither NTP nor the command port is open. In the first three "
        "updates after a start, a clock that is far off is set at once. After that it is only slewed, so that "
        "readings of energy do not jump."
    ),
    subject="node",
    files=(File(template="chrony/chrony.conf.j2", path="etc/chrony/chrony.conf"),),
    filters=frozenset({"address", "comment"}),
    check=ValidatorCommand(
        program="chronyd", package="chrony", commands=(("-p", "-f", "{root}/etc/chrony/chrony.conf"),)
    ),
    needs="time_servers",
)

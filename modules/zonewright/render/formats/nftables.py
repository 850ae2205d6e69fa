"""nftables, for each node."""

from zonewright.render.formats.format import File, Format, ValidatorCommand

NFTABLES = Format(
    id="nftables",
    title="nftables: who can reach a node, and whom the node can reach",
    description=(
        "A node accepts answers, packets from all nodes of the same stack, and SSH and ping from the `management` "
        "networks of its site. It accepts nothing from other stacks of the same party. A node sends packets to "
        "the nodes of its stack, and DNS and NTP to its name servers and time servers. It sends the agent's "
        "reports to `service_addresses` of zone.yaml, ping to its gateways, and everything that leaves the zone. "
        "It sends nothing to the nodes of other parties, to administrators and to routers, so that separation "
        "does not depend on one side alone. It forwards nothing. Addresses are written as ranges, so a stack of "
        "thousands of nodes has few lines. The table is replaced in one transaction. Other tables are not "
        "touched.\n\n"
        "When a node joins the stack, the file of each node of the stack gets one more address. Without "
        "`management` nobody can log in from outside. `zonewright render --validate` computes from the rendered "
        "rules that each node can report."
    ),
    subject="node",
    files=(File(template="nftables/nftables.conf.j2", path="etc/nftables.conf"),),
    filters=frozenset({"addresses", "comment"}),
    check=ValidatorCommand(
        program="nft", package="nftables", commands=(("-c", "-f", "{root}/etc/nftables.conf"),), in_namespace=True
    ),
    needs="addresses",
)

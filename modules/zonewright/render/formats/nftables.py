"""nftables, for each node."""

from zonewright.render.formats.format import Check, File, Format

NFTABLES = Format(
    id="nftables",
    title="nftables: who reaches a node, and whom it reaches",
    description=(
        "Into a node come: answers, all nodes of the same stack (from the same party's other stacks nothing), and SSH "
        "and ping from the `management` networks of its site. Out of it go: packets to the nodes of its stack, DNS "
        "and NTP to the site's servers, the agent's reports to `service_addresses` of zone.yaml, and whatever leaves "
        "the zone; to the nodes of other parties nothing goes, so that separation does not rest on one side alone. It "
        "forwards nothing. Addresses stand as ranges, so that a stack of thousands of nodes has few lines. The table "
        "is replaced in one transaction; other tables are left alone.\n\n"
        "A node that joins the stack is one more address in the file of each node of it. Without `management` nobody "
        "logs in from outside. `zonewright render --validate` computes from the rendered rules that each node can "
        "report."
    ),
    subject="node",
    files=(File(template="nftables/nftables.conf.j2", path="etc/nftables.conf"),),
    filters=frozenset({"addresses", "comment"}),
    check=Check(
        program="nft", package="nftables", commands=(("-c", "-f", "{root}/etc/nftables.conf"),), in_namespace=True
    ),
    needs="addresses",
)

"""The agent's settings, for each node."""

from zonewright.render.formats.format import File, Format, ValidatorCommand

AGENT_SETTINGS = Format(
    id="agent-settings",
    title="agent: its settings on a node",
    description=(
        "The agent reports to the zone's `service` under the node's name. The nameplate of the node's type "
        "is the most that it can draw. The token is not in the file. A roll-out by `zonewright fleet` writes "
        "these settings itself, from fleet.yaml. This file is for hosts that are set up in another way."
    ),
    subject="node",
    files=(File(template="agent-settings/agent.toml.j2", path="etc/zonewright-agent/agent.toml"),),
    filters=frozenset({"comment", "toml"}),
    check=ValidatorCommand(
        program="python3",
        package="zonewright_agent",
        commands=(("-m", "zonewright_agent", "--config", "{root}/etc/zonewright-agent/agent.toml", "--check-config"),),
        absent="No module named",
        # Token and spool are on the node, not where the file is judged.
        machine=r"\S+: (?:token_file|spool|sys): .*",
    ),
    needs="addresses",
)

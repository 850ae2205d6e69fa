"""Where the agent lives on a host: as the system's, or below a folder of a user who is not root."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Supervisor = Literal["systemd", "runit"]
USER = "zonewright-agent"
UNIT = "zonewright-agent.service"
AGENTS = Path(".zonewright/agents.yaml")
"""The agents that the service lets report, from the project's folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The paths of one host.

    Attributes:
        prefix: folder of the releases and of the link ``current``.
        secrets: folder of the token and the key.
        spool: folder of what was not acknowledged yet.
        services: folder that runit watches.
        user: who the agent runs as; empty for the user who logs in.
    """

    prefix: str
    secrets: str
    spool: str
    services: str
    user: str

    @property
    def is_system(self) -> bool:
        """Whether changes are made as root."""
        return bool(self.user)

    @property
    def current(self) -> str:
        """The link to the release that runs."""
        return f"{self.prefix}/current"

    @property
    def token(self) -> str:
        """The file with the token."""
        return f"{self.secrets}/token"

    @property
    def key(self) -> str:
        """The file with the private key; its public half is beside it."""
        return f"{self.secrets}/agent_key"


def system_layout() -> Layout:
    """The agent as the system's own service."""
    return Layout(
        prefix="/opt/zonewright-agent",
        secrets="/etc/zonewright-agent",
        spool="/var/lib/zonewright-agent/spool",
        services="/etc/service",
        user=USER,
    )


def user_layout(prefix: str) -> Layout:
    """The agent of a user who is not root, all below one folder; runit watches ``service`` in it."""
    return Layout(
        prefix=prefix, secrets=f"{prefix}/secrets", spool=f"{prefix}/spool", services=f"{prefix}/service", user=""
    )

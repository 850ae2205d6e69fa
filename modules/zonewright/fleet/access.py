"""How the hosts of a fleet's file are reached over SSH."""

from pathlib import Path

from zonewright.fleet.agents.recipe import known_hosts_of
from zonewright.fleet.ssh.ssh_transport import SshSettings, SshTransport
from zonewright.model.fleet import FleetFile


def transport_of(file: FleetFile, *, folder: Path, root: Path, sudo_password: str | None) -> SshTransport:
    """A transport to the hosts of a fleet.

    Args:
        file: the fleet's file.
        folder: of that file, where relative paths start.
        root: the project's folder, where trusted keys are recorded.
        sudo_password: what sudo wants, or None.

    Raises:
        KnownHostsError: when a file of known hosts cannot be used.
        LoginError: when a key to log in with cannot be read.
    """
    return SshTransport(
        SshSettings(
            key_files=tuple(Path(key).expanduser() for key in file.login.keys),
            use_agent=file.login.use_agent,
            known_hosts=known_hosts_of(file, folder=folder, root=root),
            sudo_password=sudo_password,
        )
    )

"""What an operator declares of rendered configurations: which hosts get which, where, and how it is seen to work."""

from typing import Annotated

from pydantic import Field, StringConstraints

from zonewright.model.base import Declared, Identifier

HOST_PATH_PATTERN = r"^(?:/[A-Za-z0-9_-][A-Za-z0-9._+-]*)+$"
BELOW_PATH_PATTERN = r"^[A-Za-z0-9_-][A-Za-z0-9._+-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._+-]*)*$"
COMMAND_PATTERN = r"^[^\x00-\x1f\x7f]*$"
OWNER_PATTERN = r"^(?:[a-z_][a-z0-9_-]*(?::[a-z_][a-z0-9_-]*)?)?$"
MODE_PATTERN = r"^[0-7]{3}$"

HostPath = Annotated[str, StringConstraints(pattern=HOST_PATH_PATTERN, max_length=200, strict=True)]
"""An absolute path without hidden parts, so that none of it is `..`."""
BelowPath = Annotated[str, StringConstraints(pattern=BELOW_PATH_PATTERN, max_length=200)]
Command = Annotated[str, StringConstraints(pattern=COMMAND_PATTERN, max_length=1000, strict=True)]
"""One line for the host's shell."""
Names = Annotated[tuple[Identifier, ...], Field(max_length=500, strict=False)]


class Configuration(Declared):
    """The rendered files of one format on some hosts."""

    format: Identifier
    """The format of the files: frr, bind, netplan, or another format of the zone."""
    hosts: Names = ()
    """Hosts that get the files; without any, all hosts that `sites` and `labels` select."""
    sites: Names = ()
    """Only hosts of these sites."""
    labels: Names = ()
    """Only hosts that have all of these labels."""
    folder: HostPath | None = None
    """Folder on the host from which the files' paths start (default: the root)."""
    files: dict[BelowPath, HostPath] = Field(default_factory=dict)
    """Where single files go, as `etc/frr/frr.conf: /opt/frr/frr.conf`; if set, the other files are only validated."""
    owner: Annotated[str, StringConstraints(pattern=OWNER_PATTERN)] = ""
    """User, or user:group, that owns the files (default: the user who writes them)."""
    mode: Annotated[str, StringConstraints(pattern=MODE_PATTERN)] = "644"
    """Permission bits of the files."""
    as_root: bool = True
    """Whether everything runs as root, through sudo if another user logs in."""
    keep: HostPath = "/var/lib/zonewright/configurations"
    """Where the versions are kept on the host."""
    reload: Command = ""
    """Makes the programs read the new files, such as `systemctl reload frr`; it runs again after a rollback."""
    check: Command
    """Exits with 0 when the new configuration works; it is repeated until then."""
    within_s: Annotated[float, Field(ge=1, le=900, strict=False)] = 30.0
    """Seconds for the reload, and again for the check."""
    confirm_s: Annotated[float, Field(ge=5, le=900, strict=False)] = 60.0
    """Seconds in which a new connection must confirm the files; otherwise the host restores the old ones by itself."""

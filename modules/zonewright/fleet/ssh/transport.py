"""The seam between a roll-out and its hosts: what a session with one host can do, and how it can go wrong.

``FleetError`` and its kinds, each with a sentence in ``str()``::

    FleetError
      UnreachableError     no command was sent to the host
        SilentHostError    it accepts connections and says nothing, or does not answer
        RefusedPortError   it answers, and no SSH server does
        DroppedError       it closes the connection before the login: too many at once, or it is starting
        HostKeyError       its key is unknown, or another one than was trusted
        LoginError         it does not let this user in
          AccountError     it takes the key, and its PAM does not let the account in
        AlgorithmError     it has only algorithms that are no longer used
      LostError            the connection broke after a command was sent: what it did is unknown
      PrivilegeError       it does not let this user act as root
      CommandError         a command ended with another exit code than zero
        StorageError       it cannot store a file: disk full, read-only, damaged on the way
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from zonewright.errors import ZonewrightError

MAX_OUTPUT_BYTES = 4 * 1024 * 1024
"""More of what a command prints is not kept."""


class FleetError(ZonewrightError):
    """Something with one host did not work."""


class UnreachableError(FleetError, ConnectionError):
    """No command was sent to the host, so nothing on it is changed."""


class SilentHostError(UnreachableError, TimeoutError):
    """The host does not answer in time."""


class RefusedPortError(UnreachableError, ConnectionRefusedError):
    """No SSH server answers at this address and port."""


class DroppedError(UnreachableError, ConnectionResetError):
    """The host closes the connection before the login; trying again later may help."""


class HostKeyError(UnreachableError):
    """The host's key is not one that was trusted."""


class LoginError(UnreachableError, PermissionError):
    """The host does not let this user in."""


class AccountError(LoginError):
    """The host takes the key and refuses the account: expired, inactive, or nobody may log in now."""


class AlgorithmError(UnreachableError):
    """The host offers only algorithms that are no longer used, such as SHA-1."""


class LostError(FleetError, ConnectionError):
    """The connection broke after a command was sent; what the host did is unknown until it is looked at."""


class PrivilegeError(FleetError, PermissionError):
    """The host does not let this user act as root; the command did not run."""


class CommandError(FleetError):
    """A command ended with another exit code than zero.

    Attributes:
        code: its exit code.
        output: the last lines that it printed.
    """

    def __init__(self, sentence: str, *, code: int, output: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.output = output


class StorageError(CommandError):
    """The host cannot store a file; the file of this name is what it was."""


@dataclass(frozen=True, slots=True)
class CompletedCommand:
    """A command that ended.

    Attributes:
        code: its exit code; 128 where a signal ended it.
        stdout: what it printed, at most ``MAX_OUTPUT_BYTES``.
        stderr: what it complained of, at most as much.
    """

    code: int
    stdout: bytes
    stderr: bytes


class Session(Protocol):
    """An open connection to one host, for one thread. Every call ends by the deadline that the session was given."""

    def run(self, command: Sequence[str], *, stdin: bytes = b"", as_root: bool = False) -> CompletedCommand:
        """Run one program with its arguments; no shell reads them.

        Args:
            command: program and arguments.
            stdin: what it reads.
            as_root: with sudo where the user is another one.

        Raises:
            LostError: when the connection broke before it ended, or the deadline passed.
            PrivilegeError: when the host does not let the user act as root.
        """
        ...

    def put(self, path: str, content: bytes, *, mode: int, as_root: bool = False, owner: str = "") -> None:
        """Write a file whole: a temporary name beside it, its hash taken on the host, then one atomic rename.

        Args:
            path: absolute path in a folder that is there.
            content: all of it.
            mode: permission bits, set before the rename.
            as_root: write as root.
            owner: user whose file it is, as root only; empty for the one who writes.

        Raises:
            LostError: when the connection broke.
            PrivilegeError: when the host does not let the user act as root.
            StorageError: when the host cannot store it.
        """
        ...

    def close(self) -> None:
        """End the session; never raises."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """How to reach one host.

    Attributes:
        name: the node's name.
        address: host name or address.
        port: of its SSH server.
        user: who logs in.
        host_keys: public keys that its server may show, as ``ssh-ed25519 AAAA...``; empty asks the known hosts.
        jump: the bastion to go through, or None.
    """

    name: str
    address: str
    port: int = 22
    user: str
    host_keys: tuple[str, ...] = ()
    jump: "Target | None" = None


class Transport(Protocol):
    """Opens sessions; many threads may use one transport at once."""

    def connect(self, target: Target, *, deadline: float) -> Session:
        """A session with a host.

        Args:
            target: how to reach it.
            deadline: moment of ``time.monotonic()`` by which everything with this host has ended.

        Raises:
            UnreachableError: the kind that fits; nothing was sent to the host.
        """
        ...

    def close(self) -> None:
        """End what sessions share, such as the connection to a bastion."""
        ...

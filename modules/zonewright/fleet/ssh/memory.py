"""Hosts in memory that keep the contract of ``Transport``: for tests of what goes over it, and for users' own tests."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from zonewright.fleet.ssh.transport import CompletedCommand, FleetError, LostError, StorageError, Target

Program = Callable[["MemoryHost", Sequence[str], bytes], CompletedCommand]


def _cat(host: "MemoryHost", arguments: Sequence[str], stdin: bytes) -> CompletedCommand:
    if not arguments:
        return CompletedCommand(0, stdin, b"")
    path = arguments[-1]
    if path not in host.files:
        return CompletedCommand(1, b"", f"cat: {path}: No such file or directory\n".encode())
    return CompletedCommand(0, host.files[path][0], b"")


def _printf(_host: "MemoryHost", arguments: Sequence[str], _stdin: bytes) -> CompletedCommand:
    return CompletedCommand(0, " ".join(arguments[1:]).encode(), b"")


def _stat(host: "MemoryHost", arguments: Sequence[str], _stdin: bytes) -> CompletedCommand:
    """``stat -c %a PATH``."""
    path = arguments[-1]
    return (
        CompletedCommand(0, f"{host.files[path][1]:o}\n".encode(), b"")
        if path in host.files
        else CompletedCommand(1, b"", b"")
    )


PROGRAMS: Mapping[str, Program] = {
    "cat": _cat,
    "printf": _printf,
    "stat": _stat,
    "true": lambda _host, _arguments, _stdin: CompletedCommand(0, b"", b""),
    "false": lambda _host, _arguments, _stdin: CompletedCommand(1, b"", b""),
}


@dataclass(slots=True)
class MemoryHost:
    """One host.

    Attributes:
        folders: folders that files may be written to.
        files: content and permission bits by path.
        programs: what it can run, by name; a script (``sh -c SCRIPT NAME``) by the name that it is given.
        fault: what a new session, or the next call of an open one, raises.
        commands: what was run, in order.
    """

    folders: set[str] = field(default_factory=lambda: {"/tmp"})  # noqa: S108 - a folder of a host in memory
    files: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    programs: dict[str, Program] = field(default_factory=lambda: dict(PROGRAMS))
    fault: FleetError | None = None
    commands: list[tuple[str, ...]] = field(default_factory=list)


class MemorySession:
    """A session with a host in memory.

    Args:
        host: the host.
    """

    def __init__(self, host: MemoryHost) -> None:
        self._host = host
        self._closed = False

    def run(self, command: Sequence[str], *, stdin: bytes = b"", as_root: bool = False) -> CompletedCommand:  # noqa: ARG002
        """Run one program; see ``Session.run``."""
        self._answer()
        self._host.commands.append(tuple(command))
        is_script = command[0] == "sh" and len(command) > 3  # noqa: PLR2004 - sh -c script name
        name, arguments = (command[3], command[4:]) if is_script else (command[0], command[1:])
        program = self._host.programs.get(name)
        if program is None:
            return CompletedCommand(127, b"", f"sh: {name}: not found\n".encode())
        return program(self._host, arguments, stdin)

    def put(self, path: str, content: bytes, *, mode: int, as_root: bool = False, owner: str = "") -> None:  # noqa: ARG002
        """Write a file whole; see ``Session.put``."""
        self._answer()
        folder = str(PurePosixPath(path).parent)
        if folder not in self._host.folders:
            raise StorageError(f"{path} is not written: the folder is missing", code=1, output=folder)
        self._host.files[path] = (content, mode)

    def close(self) -> None:
        """End the session; never raises."""
        self._closed = True

    def _answer(self) -> None:
        if self._closed:
            raise LostError("the session is closed")
        if self._host.fault is not None:
            raise self._host.fault


class MemoryTransport:
    """Hosts in memory by name.

    Args:
        hosts: all there are.
    """

    def __init__(self, hosts: Mapping[str, MemoryHost]) -> None:
        self._hosts = hosts

    def connect(self, target: Target, *, deadline: float) -> MemorySession:  # noqa: ARG002 - memory is never late
        """A session with a host; see ``Transport.connect``."""
        host = self._hosts[target.name]
        if host.fault is not None:
            raise host.fault
        return MemorySession(host)

    def close(self) -> None:
        """There is nothing to end."""

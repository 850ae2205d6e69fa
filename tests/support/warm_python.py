"""A Python whose imports are done: language hosts, programs and providers of an engine, and our commands, fork from it.

An ``up`` of three nodes costs five seconds of CPU, four of them imports of the same modules in four processes. Under
this Python the same code runs in the same number of processes, each a fork of one that has imported it. ``bin/python``
of its folder is a small front: it hands its arguments, environment, folder and standard streams over, passes signals
on and ends as its fork does. What cannot be handed over it runs with the real Python. There are four in each ``up``, so
it is a program in C, of a millisecond, where there is a compiler, and elsewhere the same in Python, of fifteen.

Not for tests of processes (who is whose parent, who is killed) and of what is imported: those take the real Python.
"""

import functools
import os
import select
import shutil
import subprocess
import sys
from pathlib import Path

from support import warm_server
from support.once import SHARED, made_once, owner

_KEPT: list[subprocess.Popen[bytes]] = []
"""The server, in the process that has started it."""
_FRONT_IN_C = Path(__file__).with_name("warm_front.c")
_FRONT = """#!{python} -ISs
import posix, sys  # `os` and `socket` cost as much as Python's own start
import _signal as signal, _socket as socket
wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
wire.connect({address!r})
arguments = [one.encode(sys.getfilesystemencoding(), "surrogateescape") for one in sys.argv[1:]]
variables = [name + b"=" + value for name, value in posix.environ.items()]
texts = [b"%d" % len(arguments), *arguments, posix.getcwdb(), *variables]
request = b"".join(one + b"\\0" for one in texts)
signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
streams = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
wire.sendmsg([len(request).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
wire.sendall(request)
if int(wire.recv(16)) == 0:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
    posix.execv({python!r}, [{python!r}, *arguments])
for number in (0, 1):
    posix.close(number)  # their other ends are to feel when the fork has gone, and not this process
for number in signals:
    signal.signal(number, lambda number, _frame: wire.send(bytes([number])))
signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
answer = wire.recv(16)
status = int(answer) if answer else 255
if status < 0:
    if -status not in (9, 19):  # SIGKILL and SIGSTOP
        signal.signal(-status, signal.SIG_DFL)
    posix.kill(posix.getpid(), -status)
posix._exit(status)
"""


def _in_c(path: Path) -> None:
    """Compile the front, where there is a compiler with the headers of C."""
    compiler = shutil.which("cc")
    if compiler is not None:
        python = f'-DPYTHON="{sys.executable}"'
        command = [compiler, "-O2", "-Wall", "-Werror", python, "-o", str(path), str(_FRONT_IN_C)]
        subprocess.run(command, check=False)


def _in_python(path: Path, address: Path) -> None:
    """Write the front that needs no compiler."""
    path.write_text(_FRONT.format(python=sys.executable, address=str(address)), encoding="utf-8")
    path.chmod(0o755)


class WarmPython:
    """The warm Python of this run, started by the first test process that asks for it."""

    @functools.cached_property
    def _folder(self) -> Path:
        """Its folder, with the server behind the front."""
        return made_once("warm", _start)

    def path(self) -> str:
        """What stands for Python: `PATH -m zonewright.cli` runs one of our commands."""
        return str(self._folder / "bin" / "python")

    def variables(self) -> dict[str, str]:
        """What makes language hosts, providers and programs of an engine forks of the warm Python."""
        return {"ZONEWRIGHT_PYTHON": self.path(), "PULUMI_PYTHON_CMD": self.path()}

    def environment(self) -> Path:
        """A virtual environment with this one's commands, whose Python it is."""
        return made_once("warm-environment", self._make_environment)

    def _make_environment(self, folder: Path) -> None:
        (folder / "bin").mkdir()
        for command in Path(sys.prefix, "bin").iterdir():
            if not command.name.startswith("python"):
                (folder / "bin" / command.name).symlink_to(command)
        shutil.copy2(self.path(), folder / "bin" / "python")
        (folder / "socket").symlink_to(self._folder / "socket")  # where the front looks for it

    def path_in_python(self) -> str:
        """The same with the front that needs no compiler."""
        front = self._folder / "bin" / "python-in-python"
        _in_python(front, self._folder / "socket")
        return str(front)

    def used_s(self) -> float:
        """CPU seconds of the forks of this test process that have ended, and of the server if it was started here."""
        used = Path(os.environ[SHARED]) / "warm" / warm_server.used_by(os.environ)
        return float(used.read_text(encoding="utf-8") or 0) if used.exists() else 0.0


def _start(folder: Path) -> None:
    """Make the front and start the server, which ends with the run."""
    front, address = folder / "bin" / "python", folder / "socket"
    front.parent.mkdir()
    _in_c(front)
    if not front.exists():
        _in_python(front, address)
    base = {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "COV_"))}
    server = subprocess.Popen(
        [sys.executable, "-P", warm_server.__file__, str(address), str(owner())],
        env=base,
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C ends the run, and the server with it, not the server before
    )
    _KEPT.append(server)
    while not address.exists():
        assert server.poll() is None, "the warm Python did not start"
        select.select([], [], [], 0.01)


@functools.cache
def warm_python() -> WarmPython:
    """The one of this run."""
    return WarmPython()

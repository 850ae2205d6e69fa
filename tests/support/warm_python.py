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
from support.once import SHARED, made_once
from zonewright.engine.tether import tethered

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


def _in_c(folder: Path) -> None:
    """Compile the front, where there is a compiler with the headers of C."""
    compiler = shutil.which("cc")
    if compiler is not None:
        python = f'-DPYTHON="{sys.executable}"'
        command = [compiler, "-O2", "-Wall", "-Werror", python, "-o", str(folder / "python"), str(_FRONT_IN_C)]
        subprocess.run(command, check=False)


def _in_python(path: Path, address: Path) -> None:
    """Write the front that needs no compiler."""
    path.write_text(_FRONT.format(python=sys.executable, address=str(address)), encoding="utf-8")
    path.chmod(0o755)


class WarmPython:
    """The warm Python of this test process, started when it is first asked for."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._folder = Path(os.environ[SHARED]) / f"warm-{os.getpid()}"
        self._server: subprocess.Popen[bytes] | None = None

    def _started(self) -> Path:
        """The front that stands for Python, with the server behind it."""
        address = self._folder / "socket"
        if self._server is None:
            front = self._folder / "bin" / "python"
            front.parent.mkdir(parents=True)
            if (in_c := made_once("warm-front", _in_c) / "python").exists():
                shutil.copy2(in_c, front)
            else:
                _in_python(front, address)
            base = {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "COV_"))}
            self._server = subprocess.Popen(
                tethered([sys.executable, "-P", warm_server.__file__, str(address)]), env=base, stdin=subprocess.DEVNULL
            )
            while not address.exists():
                assert self._server.poll() is None, "the warm Python did not start"
                select.select([], [], [], 0.01)
        return self._folder / "bin" / "python"

    def path(self) -> str:
        """What stands for Python: `PATH -m zonewright.cli` runs one of our commands."""
        return str(self._started())

    def variables(self) -> dict[str, str]:
        """What makes language hosts, providers and programs of an engine forks of the warm Python."""
        return {"ZONEWRIGHT_PYTHON": self.path(), "PULUMI_PYTHON_CMD": self.path()}

    def path_in_python(self) -> str:
        """The same with the front that needs no compiler."""
        front = self._started().with_name("python-in-python")
        _in_python(front, front.parents[1] / "socket")
        return str(front)

    def used_s(self) -> float:
        """CPU seconds of the forks that have ended."""
        used = self._folder / warm_server.USED
        return float(used.read_text(encoding="utf-8") or 0) if used.exists() else 0.0


@functools.cache
def warm_python() -> WarmPython:
    """The one of this process."""
    return WarmPython()

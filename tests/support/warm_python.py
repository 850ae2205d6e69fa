"""A Python whose imports are done: language hosts, programs and providers of an engine, and our commands, fork from it.

An ``up`` of three nodes costs five seconds of CPU, four of them imports of the same modules in four processes. Under
this Python the same code runs in the same number of processes, each a fork of one that has imported it. ``bin/python``
of its folder is a small front: it hands its arguments, environment, folder and standard streams over, passes signals
on and ends as its fork does. What it cannot hand over it runs with the real Python.

Not for tests of processes (who is whose parent, who is killed) and of what is imported: those take the real Python.
"""

import functools
import os
import select
import subprocess
import sys
from pathlib import Path

from support import warm_server
from support.once import SHARED
from zonewright.engine.tether import tethered

_FRONT = """#!{python} -ISs
import marshal, posix, sys  # `os`, `json` and `socket` cost as much as Python's own start
import _signal as signal, _socket as socket
arguments = sys.argv[1:]
if arguments[:2] == ["-P", "-m"]:
    what = {{"module": arguments[2], "arguments": arguments[3:]}}
elif arguments[:2] == ["-P", "-c"]:
    what = {{"code": arguments[2], "arguments": arguments[3:]}}
elif arguments[:1] == ["-c"]:
    what = {{"code": arguments[1], "arguments": arguments[2:]}}
elif arguments[:1] == ["-m"]:
    what = {{"module": arguments[1], "arguments": arguments[2:], "path": posix.getcwd()}}
elif arguments[:1] == ["-u"] and len(arguments) > 1 and not arguments[1].startswith("-"):
    what = {{"script": arguments[1], "arguments": arguments[2:]}}
else:
    posix.execv({python!r}, [{python!r}, *arguments])
wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
wire.connect({address!r})
request = marshal.dumps({{**what, "folder": posix.getcwd(), "environment": posix.environ}})
signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
streams = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
wire.sendmsg([len(request).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
wire.sendall(request)
for number in (0, 1):
    posix.close(number)  # their other ends are to feel when the fork has gone, and not this process
pid = int(wire.recv(16))
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
            front.write_text(_FRONT.format(python=sys.executable, address=str(address)), encoding="utf-8")
            front.chmod(0o755)
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

    def used_s(self) -> float:
        """CPU seconds of the forks that have ended."""
        used = self._folder / warm_server.USED
        return float(used.read_text(encoding="utf-8") or 0) if used.exists() else 0.0


@functools.cache
def warm_python() -> WarmPython:
    """The one of this process."""
    return WarmPython()

"""The process that has imported all of ours and forks one for each front that asks.

Must not import anything of the tests: what it has imported, its forks have. Started by ``warm_python``.
"""

import atexit
import ctypes
import functools
import gc
import importlib
import io
import os
import pkgutil
import runpy
import select
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import NoReturn, get_args

_LATE = ("encodings.utf_8_sig", "grpc._channel", "grpc._simple_stubs", "grpc._utilities", "grpc.experimental")
"""What a program or a language host imports when it is about to speak."""


def used_by(environment: Mapping[str, str]) -> str:
    """Name of the file that says how many CPU seconds the forks of one test process have used."""
    return f"used_s-{environment.get('PYTEST_XDIST_WORKER', 'main')}"


@dataclass(frozen=True)
class _Request:
    """What a front was started for.

    Attributes:
        kind: ``module``, ``module here`` (looked for in the folder first), ``code``, ``script``, or nothing that a fork
            can be.
        what: name of the module, path of the script, or text of the code.
        code: what script or text are compiled to, unless the fork has to do that.
    """

    kind: str
    what: str
    arguments: list[str]
    folder: str
    environment: dict[str, str]
    code: CodeType | None


class _Fork:
    """One process that was forked for a front: it ends with the front, and the front with it."""

    def __init__(self, wire: socket.socket, pid: int, used_by: str) -> None:
        """Keep what tells that either of the two has ended, and for whom it runs."""
        self.wire = wire
        self.pid = pid
        self.used_by = used_by
        self.end = os.pidfd_open(pid)

    def watched(self) -> list[int]:
        """Files that are ready when there is something to do for it."""
        return [self.end, *([self.wire.fileno()] if self.wire.fileno() >= 0 else [])]

    def ended(self) -> float:
        """Tell the front how the fork ended; gives the CPU seconds that it used."""
        _, status, cost = os.wait4(self.pid, 0)
        with suppress(OSError):  # the front has gone
            self.wire.send(f"{os.waitstatus_to_exitcode(status):16}".encode())
        self.wire.close()
        os.close(self.end)
        return cost.ru_utime + cost.ru_stime

    def signalled(self) -> None:
        """Pass on the signal that the front got; where the front has gone, the fork goes too."""
        number = b""
        with suppress(ConnectionResetError):  # it was killed before it read which process is its fork
            number = self.wire.recv(1)
        os.kill(self.pid, number[0] if number else signal.SIGKILL)
        if not number:
            self.wire.close()


def serve(address: str, owner: int) -> None:
    """Import what is common, then fork a process for each front, as long as the owner runs.

    Args:
        address: path of the socket; it is there once the imports are done.
        owner: the process that began the run of tests.
    """
    run = os.pidfd_open(owner)
    # What is started from a fork as "this Python" is a fork again.
    sys.executable = str(Path(address).with_name("bin") / "python")
    _import_all(Path(f"{address}.zone"))
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(f"{address}.new")
    listener.listen(64)
    Path(f"{address}.new").rename(address)
    forks: dict[int, _Fork] = {}
    used_s = defaultdict(float, {used_by(os.environ): time.process_time()})
    while True:
        ready, _, _ = select.select(
            [run, listener.fileno(), *(one for fork in forks.values() for one in fork.watched())], [], []
        )
        if run in ready:
            return
        if listener.fileno() in ready:
            fork = _forked(listener, forks.values())
            if fork is not None:
                forks[fork.pid] = fork
        for fork in [one for one in forks.values() if one.end in ready]:
            used_s[fork.used_by] += fork.ended()
            told = Path(address).with_name(f"{fork.used_by}.new")
            with suppress(FileNotFoundError):  # the run ends
                told.write_text(str(used_s[fork.used_by]), encoding="utf-8")
                told.rename(told.with_suffix(""))  # whoever reads it has the whole
            del forks[fork.pid]
        for fork in [one for one in forks.values() if one.wire.fileno() in ready]:
            fork.signalled()


def _forked(listener: socket.socket, others: Iterable[_Fork]) -> _Fork | None:
    """Fork for the front that asks; None where it is to run the real Python."""
    wire, _ = listener.accept()
    request, streams = _received(wire)
    pid = os.fork() if request.kind else 0
    if request.kind and pid == 0:
        for one in (listener, wire, *(fork.wire for fork in others)):
            one.close()
        _become(request, streams)
    for stream in streams:
        os.close(stream)
    with suppress(BrokenPipeError):  # it was killed, which is seen next
        wire.send(f"{pid:16}".encode())
    if request.kind:
        return _Fork(wire, pid, used_by(request.environment))
    wire.close()
    return None


def _exercise(folder: Path) -> None:
    """Bring a small zone into a ledger, so that what is compiled when it is first used is compiled once for all.

    Most of it are SQLAlchemy's statements. No connection is left open, and no thread: a fork may have neither.
    """
    from zonewright.cli import main  # noqa: PLC0415 - with the other imports of ours
    from zonewright.declare.schema.shape import FileType, schema_of  # noqa: PLC0415

    for kind in get_args(FileType):
        schema_of(get_args(kind)[0])
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        done = [
            main(["init", str(folder)]),
            main(["ledger", "load", str(folder / "zone"), "--ledger", f"sqlite:///{folder / 'ledger.db'}"]),
        ]
    shutil.rmtree(folder)
    tempfile.tempdir = None  # where temporary files go is for the environment of a fork to say
    assert done == [0, 0], done
    assert threading.active_count() == 1, threading.enumerate()


_READS_AGENTS = "zonewright.fleet.agents.gateway"


def _import_all(folder: Path) -> None:
    import zonewright  # noqa: PLC0415 - the point of this process

    for module in pkgutil.walk_packages(zonewright.__path__, "zonewright."):
        if not module.name.endswith(("_main", "__main__")):
            importlib.import_module(module.name)
    for name in list(sys.modules):  # a test brings agents of its own, which a fork finds by its path
        if name.partition(".")[0] in ("zonewright_agent", "zonewright_gateway") or name == _READS_AGENTS:
            del sys.modules[name]
    from zonewright.render.formats.format_set import BUILT_IN  # noqa: PLC0415
    from zonewright.render.sandbox.templates import load  # noqa: PLC0415

    for one in BUILT_IN.formats:
        for file in one.files:
            load(one, file, BUILT_IN.source(file))  # its templates are compiled once in a process
    for name in _LATE:
        importlib.import_module(name)
    _exercise(folder)
    ctypes.CDLL(None)
    gc.collect()
    gc.set_threshold(200_000, 50, 1000)
    gc.freeze()  # so that a collection of a fork does not copy every page


def _received(wire: socket.socket) -> tuple[_Request, list[int]]:
    size, streams, _, _ = socket.recv_fds(wire, 4, 3)
    rest, content = int.from_bytes(size, "big"), b""
    while len(content) < rest:
        content += wire.recv(rest - len(content))
    count, *texts = content.split(b"\0")[:-1]
    arguments = [os.fsdecode(one) for one in texts[: int(count)]]
    folder, *variables = texts[int(count) :]
    kind, what, given = _asked(arguments)
    environment = dict(os.fsdecode(one).partition("=")[::2] for one in variables)
    return _Request(kind, what, given, os.fsdecode(folder), environment, _code(kind, what)), streams


def _asked(arguments: list[str]) -> tuple[str, str, list[str]]:
    """What kind of program Python is asked to run, which, and with which arguments; nothing that is not for a fork."""
    match arguments:
        case ["-P", "-m", name, *given]:
            return "module", name, given
        case ["-m", name, *given] | ["-u", "-m", name, *given]:
            return "module here", name, given
        case ["-P", "-c", text, *given] | ["-c", text, *given]:
            return "code", text, given
        case ["-u", path, *given] if not path.startswith("-"):
            return "script", path, given
    return "", "", []


def _code(kind: str, what: str) -> CodeType | None:
    """What a script or a text is compiled to, once for all forks; None where the fork does that, or complains."""
    with suppress(OSError, SyntaxError, ValueError):
        if kind == "code":
            return _compiled("<string>", what)
        if kind == "script" and Path(what).is_absolute():  # a folder cannot be read
            return _compiled(what, Path(what).read_bytes())
    return None


@functools.cache
def _compiled(name: str, content: str | bytes) -> CodeType:
    return compile(content, name, "exec")


def _become(request: _Request, streams: list[int]) -> NoReturn:
    """Be what the front was started for, in this fork; ends the process."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), encoding="utf-8", write_through=True)
    sys.stderr = io.TextIOWrapper(
        io.FileIO(2, "w", closefd=False), encoding="utf-8", errors="backslashreplace", write_through=True
    )
    _leave(lambda: _run(request))


def _run(request: _Request) -> None:
    """Run a module, a script or a line of code as a program of its own."""
    sys.path[:0] = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.argv = ["-c" if request.kind == "code" else request.what, *request.arguments]
    if request.kind.startswith("module"):
        if request.kind == "module here":
            sys.path.insert(0, request.folder)
        runpy.run_module(request.what, run_name="__main__", alter_sys=True)
    elif request.kind == "code":
        code = request.code or compile(request.what, "<string>", "exec")
        exec(code, {"__name__": "__main__"})
    elif request.code is None:  # a folder, or a file that cannot be read or compiled
        runpy.run_path(request.what, run_name="__main__")
    else:
        sys.path.insert(0, str(Path(request.what).parent))
        main = sys.modules["__main__"] = ModuleType("__main__")
        main.__file__ = request.what
        exec(request.code, main.__dict__)


def _leave(program: Callable[[], None]) -> NoReturn:
    """Run a program and end as Python does, but take nothing down: that would touch and copy all that was imported."""
    status: object = 0
    try:
        program()
    except SystemExit as end:
        status = end.code
    except BaseException:  # noqa: BLE001 - it is told as Python tells it
        traceback.print_exc()
        status = 1
    if status is not None and not isinstance(status, int):
        sys.stderr.write(f"{status}\n")
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads that are no daemons
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # closed, or nobody reads
            stream.flush()
    os._exit(status or 0)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))

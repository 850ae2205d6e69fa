"""Pulumi's SDK tells the engine five times for each resource what it does; a run sends that only if somebody asks.

Each message is a call that the program waits for, and the engine throws it away unless it was asked to debug. The
seam is the engine in the SDK's settings of the run: they end with it, so other programs in the same process lose
nothing. Must never hold back what the user's own code logs, nor a warning or an error.
"""

import inspect
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from pulumi.runtime import settings as sdk
from pulumi.runtime.proto import engine_pb2

VARIABLE = "ZONEWRIGHT_DEBUG_MESSAGES"
_PROCESSES = Path("/proc")
_ASKS = re.compile(r"--(debug|verbose)\b|-[A-Za-z]*[dv]")
"""Options of `pulumi`, short ones also in a group. A value that looks like one costs time and hides nothing."""
_LOG = "pulumi.log"
_RUNTIME = "pulumi.runtime"


class QuietEngine:
    """An engine that does not hear what the SDK's own code logs for debugging.

    Args:
        engine: hears all else.
    """

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        """All other calls are the engine's own."""
        return getattr(self._engine, name)

    def Log(self, request: engine_pb2.LogRequest) -> Any:  # noqa: N802 - the name of the call
        """Pass a message on, unless the SDK says it for debugging."""
        if request.severity == engine_pb2.DEBUG and _by_the_sdk(inspect.currentframe()):
            return None
        return self._engine.Log(request)


def leave_out_debug_messages() -> None:
    """Let the run that goes on send no debug messages of the SDK's own code, unless somebody asks for them."""
    engine = sdk.get_engine()
    if engine is None or isinstance(engine, QuietEngine) or asked(os.environ, command_of_engine(os.getpid())):
        return
    sdk.SETTINGS.engine = QuietEngine(engine)


def asked(environment: Mapping[str, str], command: list[str]) -> bool:
    """Whether somebody asks for debug messages.

    Args:
        environment: of the program; any text but `0` in ``VARIABLE`` asks, and `0` refuses.
        command: how the engine was called; it asks by `--debug`, or by `--verbose` for its own log.
    """
    if setting := environment.get(VARIABLE):
        return setting != "0"
    return any(_ASKS.match(argument) for argument in command[1:])


def command_of_engine(pid: int, processes: Path = _PROCESSES) -> list[str]:
    """How the `pulumi` was called that a process descends from.

    The engine tells a program nothing of its options. No text where there is no such folder (outside Linux), and where
    the program is no descendant, as an inline program of the Automation API.

    Args:
        pid: number of the process.
        processes: folder with a folder for each process.
    """
    while pid > 1:
        try:
            command = (processes / str(pid) / "cmdline").read_bytes().split(b"\0")[:-1]
            status = (processes / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
        except OSError:  # it has ended, or is not ours to read
            return []
        if command and Path(os.fsdecode(command[0])).name == "pulumi":
            return [os.fsdecode(argument) for argument in command]
        parent = re.search(r"^PPid:\s*(\d+)$", status, re.MULTILINE)
        pid = int(parent[1]) if parent else 0
    return []


def _by_the_sdk(frame: FrameType | None) -> bool:
    """Whether a module of the SDK's runtime called ``pulumi.log``, from which this frame is called."""
    frame = frame.f_back if frame else None
    while frame is not None and frame.f_globals.get("__name__") == _LOG:
        frame = frame.f_back
    return frame is not None and str(frame.f_globals.get("__name__")).startswith(f"{_RUNTIME}.")

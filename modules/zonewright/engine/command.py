"""Runs one long command with a time limit and a line of progress now and then.

Must not interpret what the command prints.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from zonewright.engine.cache import SayProgress
from zonewright.engine.tether import tethered

LINE_S = 15.0
"""Seconds between two lines of progress."""


@dataclass(frozen=True)
class CommandResult:
    """How a command ended.

    Attributes:
        status: Its exit status; None when it was ended at the time limit.
        output: What it printed to standard output and standard error.
        seconds: How long it took.
    """

    status: int | None
    output: str
    seconds: float


def run(
    command: Sequence[str | Path],
    *,
    folder: Path,
    environment: Mapping[str, str],
    limit_s: float,
    say: SayProgress,
    doing: str,
) -> CommandResult:
    """Run a command to its end.

    Args:
        command: The program and its arguments.
        folder: Where it runs.
        environment: Its whole environment.
        limit_s: Seconds after which it is killed with everything it started.
        say: Takes the lines of progress.
        doing: What the lines say, for example `building the engine`.

    Returns:
        How it ended; a command that does not start has status 1 and says why.
    """
    started = time.monotonic()
    process = subprocess.Popen(  # noqa: S603 - commands of this package
        tethered(command),
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        while True:
            left = started + limit_s - time.monotonic()
            try:
                output, _ = process.communicate(timeout=max(min(LINE_S, left), 0.01))
            except subprocess.TimeoutExpired:
                elapsed = time.monotonic() - started
                if elapsed >= limit_s:
                    _kill_group(process)
                    output, _ = process.communicate()
                    return CommandResult(None, output, elapsed)
                say(f"{doing}: {elapsed:.0f} s")
            else:
                return CommandResult(process.returncode, output, time.monotonic() - started)
    except BaseException:
        # Ctrl-C reaches us only: the command is in a session of its own, so that its children end with it.
        _kill_group(process)
        process.wait()
        raise


def last_line(output: str) -> str:
    """Give the last line that says something, cut to a length that fits a sentence."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it printed nothing"


def _kill_group(process: subprocess.Popen[str]) -> None:
    """Kill a command and everything it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)

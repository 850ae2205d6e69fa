"""The processes that the language host starts: a program for each run, a plugin for each provider or policy pack.

Each is tethered: the kernel kills it when the language host dies, however that happens. Must not decide what to
run; only how a process starts and ends.
"""

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress

from zonewright.engine.tether import tethered

END_GRACE_S = 2.0
"""Seconds between asking a process to end and killing it: less than the five that the engine waits for its host."""


class Children:
    """All processes of one language host.

    Call it from the main thread's event loop only: the tether follows the thread that started the process, and the
    main thread is the one that lives as long as the host.
    """

    def __init__(self) -> None:
        """Start with no process."""
        self._running: set[asyncio.subprocess.Process] = set()

    async def start(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: str | None = None,
        piped: bool,
        fed: bool = False,
    ) -> asyncio.subprocess.Process:
        """Start a command as the leader of its own process group.

        Args:
            command: The program and its arguments.
            environment: The whole environment of the process.
            folder: Where it starts; the host's own folder when None.
            piped: Give its output as pipes; otherwise it writes to the host's output, which the engine reads.
            fed: Give its input as a pipe too; otherwise it reads nothing.

        Returns:
            The running process.
        """
        pipe = asyncio.subprocess.PIPE if piped else None
        process = await asyncio.create_subprocess_exec(
            *tethered(command),
            stdin=pipe if fed else asyncio.subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            cwd=folder,
            env=dict(environment),
            process_group=0,
        )
        self._running.add(process)
        return process

    async def wait(self, process: asyncio.subprocess.Process) -> int:
        """Wait for a process and give its exit status; negative for a signal."""
        status = await process.wait()
        self._running.discard(process)
        return status

    async def end(self, process: asyncio.subprocess.Process, *, at_once: bool) -> None:
        """End a process with its group; does nothing to one that has ended.

        Args:
            process: What to end.
            at_once: Kill it, as for a program whose results nobody reads any more; otherwise ask first and kill it
                after `END_GRACE_S`, as for a provider that may hold a connection.
        """
        if not at_once:
            _signal_group(process, signal.SIGTERM)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), END_GRACE_S)
        _signal_group(process, signal.SIGKILL)
        await self.wait(process)

    async def end_all(self) -> None:
        """End every process that still runs."""
        await asyncio.gather(*(self.end(process, at_once=False) for process in tuple(self._running)))


def _signal_group(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Signal a process and what it started, unless it has ended and its number may be another's by now."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)

"""The service and the agent as processes of their own, as tests and benchmarks start them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.zone_project import REPOSITORY

AGENTS = REPOSITORY / "agents"


class Service:
    """`zonewright serve` as a process on a port of its own, started again at the same one; it logs to ``log``.

    Args:
        folder: where it runs.
        options: more of its command line.
        python: the Python that it runs under; one that is to be killed must be a real one, which dies at once.
    """

    def __init__(self, folder: Path, *options: str, python: str = sys.executable) -> None:
        self.folder, self._options, self._python = folder, options, python
        self.port = 0
        self.log = folder / "service.log"
        self.process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it listens."""
        command = [self._python, "-m", "zonewright.cli", "serve", "--ledger", "l.db", "--agents", "agents.yaml"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port), *self._options],
                cwd=self.folder,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1])

    def stop(self, number: int) -> int:
        """Send a signal and wait for the end."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.end()

    def end(self) -> int:
        """Wait for the end; gives the exit code."""
        assert self.process is not None
        assert self.process.stdout is not None
        code = self.process.wait(timeout=30)
        self.process.stdout.close()
        return code


def write_settings(folder: Path, port: int, **more: Any) -> Path:
    """The agent's settings for a service on this host; its token lies in the file ``token``."""
    lines = {
        "agent": "host-1",
        "url": f"http://127.0.0.1:{port}/v1/metrics",
        "token_file": str(folder / "token"),
        "spool": str(folder / "spool"),
        "sources": ["host"],
        "interval_s": 1,
        "timeout_s": 2,
        **more,
    }
    path = folder / "agent.toml"
    path.write_text("\n".join(f"{key} = {json.dumps(value)}" for key, value in lines.items()), encoding="utf-8")
    return path


def start_agent(settings: Path, stderr: int = subprocess.DEVNULL, **environment: str) -> subprocess.Popen[str]:
    """The agent, running on."""
    return subprocess.Popen(
        [sys.executable, "-m", "zonewright_agent", "--config", str(settings)],
        env={**os.environ, "PYTHONPATH": str(AGENTS), **environment},
        stderr=stderr,
        text=True,
    )


def wait_for(condition: Callable[[], object], *, seconds: float = 30) -> None:
    """Wait until something holds.

    Raises:
        TimeoutError: when it does not in time.
    """
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"not within {seconds:g} s")
        time.sleep(0.05)

"""Real Prometheus-compatible databases: Debian's Prometheus and VictoriaMetrics, on a free port of this host."""

import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.parts import require

UNTESTED = "a store of readings with hours in it"
_OUT_OF_ORDER = "storage:\n  tsdb:\n    out_of_order_time_window: 500d\n"


@contextmanager
def prometheus(folder: Path) -> Iterator[str]:
    """One that takes remote write, also of samples that are older than others."""
    program = require("prometheus", "prometheus", UNTESTED)
    (folder / "prometheus.yml").write_text(_OUT_OF_ORDER, encoding="utf-8")
    port = _free_port()
    options = [
        *(f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb"),
        *(f"--web.listen-address=127.0.0.1:{port}", "--web.enable-remote-write-receiver"),
        "--storage.tsdb.retention.time=10y",
    ]
    with _running([program, *options], folder, f"http://127.0.0.1:{port}", "/-/ready") as url:
        yield url


@contextmanager
def victoria_metrics(folder: Path) -> Iterator[str]:
    """One that keeps ten years."""
    program = require("victoria-metrics", "victoria-metrics", UNTESTED)
    port = _free_port()
    options = [f"-storageDataPath={folder}/vm", f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=10y"]
    with _running([program, *options], folder, f"http://127.0.0.1:{port}", "/health") as url:
        yield url


SERVERS = {"prometheus": prometheus, "victoria-metrics": victoria_metrics}


@contextmanager
def _running(command: list[str], folder: Path, url: str, path: str) -> Iterator[str]:
    """A server, from when it answers until the end of the block."""
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _wait(f"{url}{path}", process)
            yield url
        finally:
            process.kill()
            process.wait(timeout=30)


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"{url} does not answer")


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port

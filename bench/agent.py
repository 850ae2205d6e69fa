"""The agent at ten seconds beside node_exporter that is scraped as often, on this host at the same time."""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil

from bench.figures import Figure
from support.simulated_host import SimulatedHost
from support.telemetry_processes import Service, start_agent, wait_for, write_settings
from zonewright.server.agents import issue_token

INTERVAL_S = 10
_NAMES = ("prometheus-node-exporter", "node_exporter")
_SAME_SOURCES = ["cpu", "meminfo", "hwmon", "rapl"]


def figures(minutes: float) -> list[Figure]:
    """CPU and memory of the agent, of node_exporter as it comes, and of one that reads no more than the agent does."""
    binary = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if binary is None:
        sys.exit(
            "bench agent: node_exporter is missing; apt-get install --no-install-recommends prometheus-node-exporter"
        )
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        SimulatedHost(folder / "sys")
        (folder / "token").write_text(issue_token(folder / "agents.yaml", "host-1", "core-001"), encoding="ascii")
        service = Service(folder)
        service.start()
        same = [f"--path.sysfs={folder / 'sys'}", "--collector.disable-defaults"]
        started = {
            "agent": start_agent(
                write_settings(
                    folder,
                    service.port,
                    sys=str(folder / "sys"),
                    sources=["host", "hwmon", "rapl"],
                    interval_s=INTERVAL_S,
                )
            )
        }
        ports = {}
        for name, options in (
            ("node_exporter", []),
            ("node_exporter, same sources", [*same, *(f"--collector.{one}" for one in _SAME_SOURCES)]),
        ):
            ports[name] = _free_port()
            command = [binary, f"--web.listen-address=127.0.0.1:{ports[name]}", *options]
            started[name] = subprocess.Popen(command, stderr=subprocess.DEVNULL, text=True)
        try:
            return _measured(started, ports, rounds=round(60 * minutes / INTERVAL_S))
        finally:
            for process in started.values():
                process.terminate()
                process.wait()
            service.stop(15)


def _measured(started: dict[str, subprocess.Popen[str]], ports: dict[str, int], *, rounds: int) -> list[Figure]:
    for port in ports.values():
        wait_for(lambda port=port: _scrape(port))  # type: ignore[misc]
    time.sleep(INTERVAL_S)  # what a start costs is not what running costs
    processes = {name: psutil.Process(one.pid) for name, one in started.items()}
    before = {name: _cpu_s(one) for name, one in processes.items()}
    most = dict.fromkeys(processes, 0.0)
    begun = time.monotonic()
    for number in range(1, rounds + 1):
        for port in ports.values():
            _scrape(port)
        most = {name: max(most[name], one.memory_info().rss / 2**20) for name, one in processes.items()}
        time.sleep(max(0.0, begun + number * INTERVAL_S - time.monotonic()))
    cpu_s = {name: _cpu_s(one) - before[name] for name, one in processes.items()}
    elapsed = time.monotonic() - begun
    found = [Figure("length of the run", elapsed, "s")]
    for name in processes:
        found += [
            Figure(f"{name}: CPU", 1000 * cpu_s[name] / rounds, "ms/10s"),
            Figure(f"{name}: resident memory", most[name], "MiB", 25 if name == "agent" else None),
        ]
    found += [
        Figure(f"CPU against {name}", cpu_s["agent"] / cpu_s[name], "times", 1 if name == "node_exporter" else None)
        for name in ports
    ]
    return [*found, Figure("memory against node_exporter", most["agent"] / most["node_exporter"], "times")]


def _cpu_s(process: psutil.Process) -> float:
    """From the scheduler's nanoseconds where they can be read; the ticks of /proc/PID/stat are too coarse."""
    total = 0
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        total += int((task / "schedstat").read_text(encoding="ascii").split()[0])
    return total / 1e9


def _scrape(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return bool(answer.read())
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])

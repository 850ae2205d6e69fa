"""What goes wrong on a host, from a made-up /sys through the agent and the running service into the store."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from support.stepped_host import Host, show
from support.telemetry_processes import AGENTS, Service, start_agent, wait_for, write_settings
from support.warm_python import warm_python
from zonewright.server.agents import issue_token
from zonewright.telemetry.samples import Samples
from zonewright_agent.spool import Spool

HOUR_S = 3600


@pytest.fixture(name="service")
def _service(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Service]:
    (tmp_path / "token").write_text(issue_token(tmp_path / "agents.yaml", "host-1", "core-001"), encoding="ascii")
    is_real = request.node.get_closest_marker("real_python") is not None
    service = Service(tmp_path, python=sys.executable if is_real else warm_python().path())
    service.start()
    yield service
    if service.process is not None and service.process.poll() is None:
        service.stop(signal.SIGTERM)


@pytest.fixture(name="samples")
def _samples(tmp_path: Path) -> Iterator[Samples]:
    found = Samples(tmp_path / "l.samples.db")
    yield found
    found.close()


def test_quality_of_counters_and_clocks_reaches_the_store(tmp_path: Path, service: Service, samples: Samples) -> None:
    """Wrap, standstill, steps of the clock, several wraps, another boot, a jump: each is stored as what it is."""
    host = Host(tmp_path, service.port, wall_s=float(int(time.time())) - 5 * HOUR_S)
    host.read(64_000_000_000)
    host.read(65_000_000_000)
    host.read(65_000_000_000)  # stands still
    host.read(287_000_387)  # wraps: 1,000 J
    host.read(1_287_000_387, step_s=HOUR_S)
    host.read(2_287_000_387, step_s=-HOUR_S)
    host.read(3_287_000_387, after_s=200)  # 200 s at 500 W are more than the range
    host.read(4_287_000_387)
    host.read(9_287_000_387, after_s=5)  # 5,000 J in 5 s
    host.boot = "boot-2"
    host.read(100, range_uj=None)
    host.read(1_000_000_100, range_uj=None)
    host.read(500, range_uj=None)  # a decrease without a known range
    found = [one for one in samples.samples("host-1") if one.name == "hw.energy"]
    by_sequence = sorted(found, key=lambda one: (one.quality == "clock-stepped", one.time_ns))
    assert [(one.value, one.quality) for one in by_sequence] == [
        (1000.0, "good"),
        (0.0, "good"),
        (1000.0, "good"),
        (None, "ambiguous"),
        (1000.0, "good"),
        (None, "implausible"),
        (None, "reset"),
        (1000.0, "good"),
        (None, "unknown"),
        (1000.0, "clock-stepped"),
        (1000.0, "clock-stepped"),
    ]
    energy = samples.energy("host-1")["package-0"]
    assert (energy.energy_uj, energy.covered_ns, energy.unsure) == (6_000_000_000, 70 * 10**9, 6)
    assert samples.quarantined("host-1") == []


def test_a_clock_far_ahead_is_set_aside(tmp_path: Path, service: Service, samples: Samples) -> None:
    """What a host an hour ahead reports is acknowledged, set aside with its reason, and counts again later."""
    host = Host(tmp_path, service.port, wall_s=time.time() - 100)
    host.read(0)
    host.read(1_000_000_000, step_s=HOUR_S)
    assert {reason for _, reason in samples.quarantined("host-1")} == {"its time is in the future"}
    assert samples.energy("host-1") == {}
    host.read(2_000_000_000, step_s=-HOUR_S)
    host.read(3_000_000_000)
    energy = samples.energy("host-1")["package-0"]
    assert (energy.energy_uj, energy.unsure) == (2_000_000_000, 1)
    assert len(host.agent.spool) == 0


@pytest.mark.real_python  # the service is killed
def test_a_service_that_was_away_gets_all_in_order(tmp_path: Path, service: Service, samples: Samples) -> None:
    """While the service is away the agent spools; what comes afterwards is complete and in order of time."""
    agent = start_agent(write_settings(tmp_path, service.port))
    wait_for(lambda: samples.batches("host-1"))
    service.stop(signal.SIGKILL)
    wait_for(lambda: len(list((tmp_path / "spool").glob("0*"))) >= 4)
    service.start()
    wait_for(lambda: not list((tmp_path / "spool").glob("0*")))
    agent.terminate()
    assert agent.wait(timeout=5) == 0
    numbers = samples.batches("host-1")
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    with samples._home.opened() as connection:
        query = "select sequence from batch order by received_ns, sequence"
        assert [row[0] for row in connection.execute(query)] == numbers


def test_a_disk_that_takes_nothing_is_told_and_counted(tmp_path: Path, service: Service, samples: Samples) -> None:
    """While no file can be written each batch that is lost is counted; the next ones say how many there were."""
    agent = start_agent(write_settings(tmp_path, service.port), stderr=subprocess.PIPE)
    assert agent.stderr is not None
    wait_for(lambda: samples.batches("host-1"))
    process = psutil.Process(agent.pid)
    before = process.rlimit(resource.RLIMIT_FSIZE)
    process.rlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    lost = 0
    while lost < 3:
        event = json.loads(agent.stderr.readline())
        lost += event["event"] == "not-kept"
    process.rlimit(resource.RLIMIT_FSIZE, before)
    wait_for(lambda: samples.dropped("host-1"))
    agent.terminate()
    agent.stderr.close()
    assert agent.wait(timeout=5) == 0
    assert samples.dropped("host-1") >= lost
    assert Spool(tmp_path / "spool", 2**20).dropped == samples.dropped("host-1")


def test_a_full_disk_makes_room_from_the_oldest(tmp_path: Path) -> None:
    """On a disk without space the newest batch replaces the oldest ones, which are counted; nothing is left half."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    mounted = subprocess.run(mount, check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip(f"needs to mount a small tmpfs, which this user may not: {mounted.stderr.decode().strip()}")
    try:
        spool = Spool(disk / "spool", 10**6)
        for number in range(40):
            assert spool.put(bytes([number]) * 4000) == number + 1
        kept = dict(spool.pending())
        assert max(kept) == 40
        assert {len(batch) for batch in kept.values()} == {4000}
        assert spool.dropped == 40 - len(kept) > 20
        with pytest.raises(OSError, match="No space left"):
            (disk / "other").write_bytes(b"x" * 65536)  # somebody else takes what was left
        assert spool.put(b"y" * 8000) == 41
        assert max(dict(Spool(disk / "spool", 10**6).pending())) == 41
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_stop_waits_for_no_service_that_hangs(tmp_path: Path) -> None:
    """SIGTERM ends the agent within two seconds, whatever a service does; what was not acknowledged is still there."""
    (tmp_path / "token").write_text("secret", encoding="ascii")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        agent = start_agent(write_settings(tmp_path, silent.getsockname()[1], timeout_s=60))
        connection, _ = silent.accept()
        wait_for(lambda: len(list((tmp_path / "spool").glob("0*"))) >= 2)
        begun = time.monotonic()
        agent.terminate()
        assert agent.wait(timeout=10) == 0
        assert time.monotonic() - begun < 4  # two on a quiet machine
        connection.close()
    waiting = [path.read_bytes() for path in sorted((tmp_path / "spool").glob("0*"))]
    assert len(waiting) >= 2
    assert all(json.loads(batch)["resourceMetrics"] for batch in waiting)


def test_the_service_manager_hears_of_progress_only(tmp_path: Path, service: Service) -> None:
    """READY once the first batch is kept, WATCHDOG while batches are, silence while none can be, then STOPPING."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        path = write_settings(tmp_path, service.port)
        agent = start_agent(path, NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="1000000")
        assert manager.recv(100) == b"READY=1"
        assert manager.recv(100) == b"WATCHDOG=1"
        process = psutil.Process(agent.pid)
        process.rlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        time.sleep(5)  # longer than three intervals
        manager.settimeout(0)
        with suppress(BlockingIOError):  # what was told before it was late
            while manager.recv(100):
                pass
        manager.settimeout(2)
        with pytest.raises(TimeoutError):
            manager.recv(100)
        manager.settimeout(20)
        process.rlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert manager.recv(100) == b"WATCHDOG=1"
        agent.terminate()
        told = b""
        while told != b"STOPPING=1":
            told = manager.recv(100)
        assert agent.wait(timeout=5) == 0


def test_it_runs_with_psutil_alone(tmp_path: Path, service: Service, samples: Samples) -> None:
    """In an interpreter with nothing but the standard library and psutil on its path the agent reads and reports."""
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "psutil").symlink_to(Path(psutil.__file__).parent)
    (alone / "zonewright_agent").symlink_to(AGENTS / "zonewright_agent")
    path = write_settings(tmp_path, service.port)
    code = (
        f"import sys, runpy; sys.path.insert(0, {str(alone)!r}); sys.argv = ['a', '--config', {str(path)!r}, '--once'];"
        "assert not [one for one in sys.path if 'site-packages' in one], sys.path;"
        "runpy.run_module('zonewright_agent', run_name='__main__')"
    )
    result = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    names = {one.name for one in samples.samples("host-1")}
    assert names == {"system.cpu.utilization", "system.memory.utilization", "zonewright.source.up"}


def test_without_psutil_the_other_sources_go_on(tmp_path: Path, service: Service, samples: Samples) -> None:
    """A host without psutil still reports its counters, and says what is missing."""
    show(tmp_path / "sys", 5)
    path = write_settings(tmp_path, service.port, sys=str(tmp_path / "sys"), sources=["host", "rapl"])
    code = (
        f"import sys, runpy; sys.path.insert(0, {str(AGENTS)!r});"
        f"sys.argv = ['a', '--config', {str(path)!r}, '--once'];"
        "runpy.run_module('zonewright_agent', run_name='__main__')"
    )
    result = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "No module named 'psutil'" in result.stderr
    up = {one.part: one.value for one in samples.samples("host-1") if one.name == "zonewright.source.up"}
    assert up == {"host": 0.0, "rapl": 1.0}


def test_a_full_spool_is_drained_in_little_memory(tmp_path: Path, service: Service) -> None:
    """With ten thousand batches waiting the agent stays within 25 MiB while it sends them."""
    path = write_settings(tmp_path, service.port)
    (tmp_path / "spool").mkdir()
    content = b"x" * 2000  # the service refuses each one for good, which takes the same way through the agent
    for number in range(1, 10_001):
        (tmp_path / "spool" / f"{number:020}").write_bytes(content)
    process = start_agent(path)
    wait_for(lambda: len(os.listdir(tmp_path / "spool")) < 9_500, seconds=60)  # noqa: PTH208 - counted quickly
    lines = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii").splitlines()
    largest_kib = int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
    process.terminate()
    assert process.wait(timeout=5) == 0
    assert largest_kib <= 25 * 1024

"""Energy: ingest of reports over HTTP, and the memory of an agent that drains a full spool."""

import http.client
import json
import os
import signal
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from bench.figures import Figure, seconds
from support.telemetry_processes import Service, start_agent, write_settings
from zonewright.server.agents import issue_token
from zonewright.telemetry.samples import Samples
from zonewright_agent.otlp import encode
from zonewright_agent.points import Point

BATCHES, BATCH, SENDERS = 200, 1_000, 4
SPOOLED, DRAINED, SPOOL_BYTES = 16_000, 2_000, 64 * 2**20
_STEP_NS = 10**7


def figures(_runs: int, _nodes: Sequence[int]) -> list[Figure]:
    """Figures of the service and of an agent that comes back after a long outage."""
    with tempfile.TemporaryDirectory() as folder:
        return [*_ingest(Path(folder) / "ingest"), *_drain(Path(folder) / "drain")]


def body(sequence: int, count: int, now_ns: int, *, agent: str = "host-1") -> bytes:
    """One batch of energies of ten parts."""
    points = [
        Point(
            name="hw.energy",
            unit="J",
            kind="delta",
            value=12.345678 + number,
            time_ns=now_ns - (sequence * count + number + 1) * _STEP_NS,
            start_ns=now_ns - (sequence * count + number + 2) * _STEP_NS,
            attributes={"hw.id": f"package-{number % 10}", "hw.type": "cpu"},
        )
        for number in range(count)
    ]
    resource = {"service.instance.id": agent, "zonewright.boot": "b", "zonewright.sequence": str(sequence)}
    return encode(points, resource)


def _service(folder: Path) -> tuple[Service, str]:
    folder.mkdir()
    token = issue_token(folder / "agents.yaml", "host-1", "core-001")
    (folder / "token").write_text(token, encoding="ascii")
    service = Service(folder)
    service.start()
    return service, token


def _ingest(folder: Path) -> list[Figure]:
    service, token = _service(folder)
    now_ns = time.time_ns()
    bodies = [body(sequence + 1, BATCH, now_ns) for sequence in range(BATCHES)]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def send(part: list[bytes]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", service.port)
        for one in part:
            connection.request("POST", "/v1/metrics", one, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != http.HTTPStatus.OK:
                raise RuntimeError(f"the service answered {answer.status}")
        connection.close()

    with ThreadPoolExecutor(SENDERS) as pool:
        elapsed = seconds(lambda: list(pool.map(send, (bodies[number::SENDERS] for number in range(SENDERS)))))
    parse = seconds(lambda: [json.loads(one) for one in bodies])
    service.stop(signal.SIGTERM)
    samples = Samples(folder / "l.samples.db")
    stored = len(samples.samples("host-1"))
    samples.close()
    if stored != BATCHES * BATCH:
        raise RuntimeError(f"{stored:,} of {BATCHES * BATCH:,} samples are stored")
    return [
        Figure(f"HTTP, {BATCHES * BATCH:,} samples in batches of {BATCH:,}", elapsed, "s", BATCHES * BATCH / 50_000),
        Figure("that is, samples a second", BATCHES * BATCH / elapsed, "/s"),
        Figure("bytes of a sample on the wire", len(bodies[0]) / BATCH, "B"),
        Figure("against json.loads of the same bodies alone", elapsed / parse, "times"),
    ]


def _drain(folder: Path) -> list[Figure]:
    service, _ = _service(folder)
    path = write_settings(folder, service.port, spool_max_bytes=SPOOL_BYTES)
    now_ns = time.time_ns()
    (folder / "spool").mkdir()
    for sequence in range(1, SPOOLED + 1):  # as a spool names them, without a sync for each
        (folder / "spool" / f"{sequence:020}").write_bytes(body(sequence, 8, now_ns))
    agent = start_agent(path)
    begun, most = time.perf_counter(), 0.0
    process = psutil.Process(agent.pid)

    left = SPOOLED
    while left > SPOOLED - DRAINED:
        time.sleep(0.5)
        most = max(most, process.memory_info().rss / 2**20)
        left = len(os.listdir(folder / "spool"))  # noqa: PTH208 - counted quickly
    elapsed = time.perf_counter() - begun
    agent.terminate()
    agent.wait()
    service.stop(signal.SIGTERM)
    return [
        Figure(f"drain of a spool of {SPOOLED:,}, batches a second", (SPOOLED - left) / elapsed, "/s"),
        Figure("agent, largest resident memory meanwhile", most, "MiB", 25),
    ]

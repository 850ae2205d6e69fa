"""The agent: counters, sources on a faked /sys, settings, OTLP, and a spool that survives kills."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from support.soak import rounds
from support.zone_project import REPOSITORY
from zonewright.model.fleet import AGENT_SOURCES, AgentSettings
from zonewright_agent.agent import Agent
from zonewright_agent.configuration import SOURCES, USUAL_SOURCES, Configuration, ConfigurationError, from_text
from zonewright_agent.counters import CounterReading, Quality, delta
from zonewright_agent.otlp import encode
from zonewright_agent.points import Moment, Point
from zonewright_agent.running import MAKERS
from zonewright_agent.sources.amdgpu import Amdgpu
from zonewright_agent.sources.host import Host
from zonewright_agent.sources.hwmon import Hwmon
from zonewright_agent.sources.nvml import Nvml
from zonewright_agent.sources.rapl import Rapl
from zonewright_agent.spool import Spool

RANGE_UJ = 262_143_328_850
AGENTS = REPOSITORY / "agents"
GOLDEN = REPOSITORY / "tests" / "golden" / "agent-settings"


@pytest.mark.parametrize(
    ("before", "after", "elapsed_s", "boot", "range_uj", "expected"),
    [
        (262_000_000_000, 100_000_000, 1.0, "a", RANGE_UJ, (243_328_850, "good")),  # V4: a wrap
        (0, 187_856_670_000, 1800.0, "a", RANGE_UJ, (None, "ambiguous")),  # V5: may have wrapped twice
        (5_000, 5_000, 1.0, "a", RANGE_UJ, (0, "good")),  # V6: equal readings are no energy
        (9_000, 5_000, 1.0, "b", RANGE_UJ, (None, "reset")),  # V7: another boot is no wrap
        (9_000, 5_000, 1.0, "a", None, (None, "unknown")),  # a decrease without a known range
        (0, 421_000_000, 1.0, "a", RANGE_UJ, (None, "implausible")),  # 421 W of at most 350 x 1.2
        (0, 419_000_000, 1.0, "a", RANGE_UJ, (419_000_000, "good")),
        (0, 5_000, 0.0, "a", RANGE_UJ, (None, "unknown")),  # no time has passed
    ],
)
def test_energy_between_two_readings(
    *, before: int, after: int, elapsed_s: float, boot: str, range_uj: int | None, expected: tuple[int | None, Quality]
) -> None:
    """Wrap, reset, ambiguity and plausibility are told apart (facts of powercap counters, V4 to V7)."""
    one, two = CounterReading("a", 100.0, before), CounterReading(boot, 100.0 + elapsed_s, after)
    found = delta(one, two, range_uj=range_uj, power_max_w=350)
    assert (found.energy_uj, found.quality) == expected


def zone(root: Path, folder: str, name: str, energy_uj: int) -> None:
    """One powercap zone."""
    path = root / "class" / "powercap" / folder
    path.mkdir(parents=True, exist_ok=True)
    (path / "name").write_text(f"{name}\n", encoding="ascii")
    (path / "energy_uj").write_text(f"{energy_uj}\n", encoding="ascii")
    (path / "max_energy_range_uj").write_text(f"{RANGE_UJ}\n", encoding="ascii")


def moment(seconds: float, boot: str = "a") -> Moment:
    """A moment so many seconds after the begin."""
    return Moment(round(seconds * 1e9), seconds, boot)


def energies(points: list[Point]) -> dict[str, float | None]:
    """Joules by zone."""
    return {point.attributes["hw.id"]: point.value for point in points}


def test_packages_and_memory_count_once(tmp_path: Path) -> None:
    """Cores are part of their package, memory is not; a zone shown by two drivers counts once."""
    for energy in (0, 10_000_000):
        zone(tmp_path, "intel-rapl:0", "package-0", energy)
        zone(tmp_path, "intel-rapl:0:0", "core", energy)
        zone(tmp_path, "intel-rapl:0:1", "dram", energy // 2)
        zone(tmp_path, "intel-rapl:1", "package-1", energy)
        zone(tmp_path, "intel-rapl-mmio:0", "package-0", energy)
        if energy == 0:
            source = Rapl(tmp_path, 500)
            assert source.read(moment(0)) == []
    points = source.read(moment(1))
    assert energies(points) == {"package-0": 10.0, "package-0/dram": 5.0, "package-1": 10.0}
    assert {point.start_ns for point in points} == {0}
    assert source.read(moment(2, "b"))[0].quality == "reset"


def test_psys_stands_alone(tmp_path: Path) -> None:
    """Where psys is there it contains the rest."""
    zone(tmp_path, "intel-rapl:0", "package-0", 0)
    zone(tmp_path, "intel-rapl:1", "psys", 0)
    source = Rapl(tmp_path, 500)
    source.read(moment(0))
    zone(tmp_path, "intel-rapl:1", "psys", 20_000_000)
    assert energies(source.read(moment(1))) == {"psys": 20.0}


def test_what_is_no_number_is_said(tmp_path: Path) -> None:
    """A file with something else, or no zone at all, is an error of this source, never a zero."""
    source = Rapl(tmp_path, 500)
    with pytest.raises(ValueError, match="no powercap zone"):
        source.read(moment(0))
    zone(tmp_path, "intel-rapl:0", "package-0", 0)
    zone(tmp_path, "intel-rapl:1", "package-1", 0)
    assert source.read(moment(0)) == []
    (tmp_path / "class/powercap/intel-rapl:0/energy_uj").write_text("none", encoding="ascii")
    zone(tmp_path, "intel-rapl:1", "package-1", 5_000_000)
    found = {point.attributes["hw.id"]: (point.value, point.quality) for point in source.read(moment(1))}
    assert found == {"package-0": (None, "unreadable"), "package-1": (5.0, "good")}
    (tmp_path / "class/powercap/intel-rapl:1/energy_uj").unlink()
    with pytest.raises(ValueError, match="expected a whole number, got 'none'"):
        source.read(moment(2))
    zone(tmp_path, "intel-rapl:0", "package-0", 30_000_000)
    assert energies(source.read(moment(3))) == {"package-0": 30.0, "package-1": None}


@pytest.mark.parametrize(
    ("microwatts", "value", "quality"),
    [
        ("312000000", 312.0, "good"),
        ("0", None, "implausible"),
        ("4294967295000", None, "implausible"),
        ("9000000000", None, "implausible"),
        ("", None, "unknown"),
    ],
)
def test_a_power_meter_without_a_reading_is_unknown(
    tmp_path: Path, microwatts: str, value: float | None, quality: str
) -> None:
    """Marks of an invalid reading, and more than the host can draw, are no watts."""
    path = tmp_path / "class" / "hwmon" / "hwmon3"
    path.mkdir(parents=True)
    (path / "name").write_text("power_meter\n", encoding="ascii")
    (path / "power1_average").write_text(microwatts, encoding="ascii")
    (point,) = Hwmon(tmp_path, 2000).read(moment(1))
    assert (point.value, point.quality) == (value, quality)


def test_otlp_is_what_the_protocol_takes() -> None:
    """The JSON parses as an ExportMetricsServiceRequest; a missing value is flagged, never zero."""
    points = [
        Point("hw.energy", "J", "delta", 12.5, 20, 10, "good", {"hw.id": "psys"}),
        Point("hw.energy", "J", "delta", None, 20, 10, "reset", {"hw.id": "dram"}),
        Point("hw.host.power", "W", "gauge", 300.0, 20),
        Point("hw.energy", "Wh", "register", 81_230_000_000.0, 20, attributes={"hw.id": "incomer-a"}),
    ]
    parsed = json_format.Parse(encode(points, {"service.instance.id": "h-1"}), ExportMetricsServiceRequest())
    energy, register, power = parsed.resource_metrics[0].scope_metrics[0].metrics
    assert (register.sum.aggregation_temporality, register.sum.data_points[0].as_double) == (2, 81_230_000_000.0)
    assert (energy.sum.aggregation_temporality, energy.sum.is_monotonic) == (1, True)
    assert [(item.as_double, item.flags) for item in energy.sum.data_points] == [(12.5, 0), (0.0, 1)]
    assert energy.sum.data_points[1].WhichOneof("value") is None
    assert power.gauge.data_points[0].as_double == 300.0


def test_all_faults_of_settings_are_told() -> None:
    """Each wrong, unknown or missing setting has one sentence, in one go."""
    text = """# an agent
agent = "H 1"
url = "http://example.org/v1/metrics"
spool = 5
interval_s = 0.01
power_max_w = true
sources = [
  "host", "gpu",
]
intervall_s = 5
[labels]
"""
    with pytest.raises(ConfigurationError) as error:
        from_text(text, "a.toml")
    assert [sentence.partition(", got")[0][:52] for sentence in error.value.sentences] == [
        "a.toml:1: 'token_file' is missing; add a line 'token",
        "a.toml:2: agent: expected an id such as 'dc1-core-00",
        "a.toml:3: url: expected https://HOST/v1/metrics (htt",
        "a.toml:4: spool: expected text",
        "a.toml:5: interval_s: expected a number from 1 to 36",
        "a.toml:6: power_max_w: expected a number from 10 to ",
        "a.toml:7: sources: expected some of host, hwmon, rap",
        "a.toml:10: unknown setting 'intervall_s'; there are:",
        "a.toml:11: unknown setting 'labels'; there are: agen",
    ]


def test_a_spool_keeps_order_and_numbers(tmp_path: Path) -> None:
    """Batches come oldest first, and a number is never used twice, whatever was acknowledged before a restart."""
    spool = Spool(tmp_path, 10**6)
    assert [spool.put(b"1"), spool.put(b"2"), spool.put(b"3")] == [1, 2, 3]
    spool.acknowledge(1)
    again = Spool(tmp_path, 10**6)
    assert list(again.pending()) == [(2, b"2"), (3, b"3")]
    for number in (2, 3):
        again.acknowledge(number)
    assert Spool(tmp_path, 10**6).put(b"4") == 4


def test_a_full_spool_drops_the_oldest_and_counts(tmp_path: Path) -> None:
    """The spool never takes more of the disk than it may, and says how much it dropped, also after a restart."""
    spool = Spool(tmp_path, 3 * 4096)
    for number in range(10):
        spool.put(bytes([number]) * 30)
    assert [sequence for sequence, _ in spool.pending()] == [8, 9, 10]
    again = Spool(tmp_path, 3 * 4096)
    assert (again.dropped, again.put(b"x" * 4097)) == (7, 11)
    assert [sequence for sequence, _ in again.pending()] == [10, 11]
    assert sum(-(-path.stat().st_size // 4096) for path in tmp_path.iterdir() if path.name.isdigit()) == 3


KILLED = """
import sys
from pathlib import Path
from zonewright_agent.spool import Spool
spool = Spool(Path(sys.argv[1]), 10**8)
while True:
    print(spool.put(b"x" * 2000), flush=True)
"""


@pytest.mark.soak
def test_a_kill_loses_nothing_that_was_kept(tmp_path: Path) -> None:
    """Whatever `put` had returned before kill -9 is there afterwards, whole; what it had not is whole or not there."""
    kept = 0
    for _ in rounds("spool kills", 50):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(AGENTS)},
        )
        assert process.stdout is not None
        for _ in range(5):
            kept = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split()
        process.stdout.close()
        process.wait()
        kept = max([kept, *(int(line) for line in rest[:-1])])
        found = dict(Spool(tmp_path, 10**8).pending())
        assert set(range(1, kept + 1)) <= found.keys()
        assert {len(batch) for batch in found.values()} == {2000}


class _Service(BaseHTTPRequestHandler):
    """Takes OTLP with one token; remembers what it took."""

    batches: list[bytes] = []  # noqa: RUF012 - one for all requests, set again by the fixture
    answer = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        good = self.headers["Authorization"] == "Bearer secret"
        if good and self.answer == 200:
            _Service.batches.append(body)
        self.send_response(self.answer if good else 401)
        self.end_headers()

    def log_message(self, *_: object) -> None:  # quiet
        pass


@pytest.fixture(name="service")
def _service() -> Iterator[ThreadingHTTPServer]:
    _Service.batches, _Service.answer = [], 200
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def settings(tmp_path: Path, server: ThreadingHTTPServer, *, token: str = "secret") -> Path:
    """Settings for a host with one package."""
    zone(tmp_path / "sys", "intel-rapl:0", "package-0", 1_000)
    (tmp_path / "token").write_text(f"{token}\n", encoding="ascii")
    (tmp_path / "token").chmod(0o600)
    lines = {
        "agent": "host-1",
        "url": f"http://127.0.0.1:{server.server_address[1]}/v1/metrics",
        "token_file": str(tmp_path / "token"),
        "spool": str(tmp_path / "spool"),
        "sys": str(tmp_path / "sys"),
        "sources": ["host", "rapl", "hwmon"],
        "interval_s": 1,
    }
    path = tmp_path / "agent.toml"
    path.write_text("\n".join(f"{key} = {json.dumps(value)}" for key, value in lines.items()), encoding="utf-8")
    return path


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the agent to its end."""
    return subprocess.run(
        [sys.executable, "-m", "zonewright_agent", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(AGENTS)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_once_reports_and_one_silent_source_is_told(tmp_path: Path, service: ThreadingHTTPServer) -> None:
    """`--once` sends load and energy; a missing power meter is told on stderr and silences nothing."""
    result = run("--config", settings(tmp_path, service), "--once")
    assert result.returncode == 0, result.stderr
    assert '"source": "hwmon"' in result.stderr
    (batch,) = _Service.batches
    parsed = json_format.Parse(batch, ExportMetricsServiceRequest())
    resource = {item.key: item.value.string_value for item in parsed.resource_metrics[0].resource.attributes}
    assert (resource["service.instance.id"], resource["zonewright.dropped"]) == ("host-1", "0")
    names = [metric.name for metric in parsed.resource_metrics[0].scope_metrics[0].metrics]
    assert names == ["hw.energy", "system.cpu.utilization", "system.memory.utilization", "zonewright.source.up"]
    up = parsed.resource_metrics[0].scope_metrics[0].metrics[-1].gauge.data_points
    assert {item.attributes[0].value.string_value: item.as_double for item in up} == {"host": 1, "rapl": 1, "hwmon": 0}
    assert (tmp_path / "spool" / "sources").read_text(encoding="ascii") == "host up\nhwmon down\nrapl up\n"


def test_a_note_that_an_earlier_start_left_is_not_believed(tmp_path: Path) -> None:
    """A gateway that reads no source of its host any more says so, whatever its note said before it was restarted."""
    (tmp_path / "token").write_text("secret", encoding="ascii")
    (tmp_path / "token").chmod(0o600)
    spool = tmp_path / "spool"
    spool.mkdir(mode=0o700)
    (spool / "sources").write_text("hwmon up\n", encoding="ascii")
    url, token = "http://127.0.0.1:9/v1/metrics", str(tmp_path / "token")
    settings = Configuration(agent="gw-1", url=url, token_file=token, spool=str(spool), sources=())
    Agent(settings, [], clock=lambda: Moment(1, 1.0, "b")).sample()
    assert (spool / "sources").read_text(encoding="ascii") == ""


def test_a_service_that_is_away_is_waited_for(tmp_path: Path, service: ThreadingHTTPServer) -> None:
    """Refused or failing, the batch stays; the next run sends both, in order, each once."""
    path = settings(tmp_path, service, token="wrong")
    assert run("--config", path, "--once").returncode == 3
    assert _Service.batches == []
    (tmp_path / "token").write_text("secret", encoding="ascii")
    _Service.answer = 503
    assert run("--config", path, "--once").returncode == 3
    _Service.answer = 200
    assert run("--config", path, "--once").returncode == 0
    sent = [json.loads(batch)["resourceMetrics"][0]["resource"]["attributes"] for batch in _Service.batches]
    values = [{item["key"]: item["value"]["stringValue"] for item in attributes} for attributes in sent]
    numbers = [int(one["zonewright.sequence"]) for one in values]
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]


def test_it_runs_and_stops_when_told(tmp_path: Path, service: ThreadingHTTPServer) -> None:
    """The agent reports again and again, and SIGTERM ends it with nothing pending."""
    process = subprocess.Popen(
        [sys.executable, "-m", "zonewright_agent", "--config", str(settings(tmp_path, service))],
        env={**os.environ, "PYTHONPATH": str(AGENTS)},
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 30
    while len(_Service.batches) < 3 and time.monotonic() < until:
        time.sleep(0.05)
    process.terminate()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert len(_Service.batches) >= 3
    assert '"event": "stopped", "pending": 0' in err


def test_settings_are_checked_without_a_run(tmp_path: Path, service: ThreadingHTTPServer) -> None:
    """`--check-config` says that settings are good, or what is wrong with them."""
    result = run("--config", settings(tmp_path, service), "--check-config")
    assert (result.returncode, result.stdout[:44]) == (0, "good: agent host-1 reports host, rapl, hwmon")
    (tmp_path / "bad.toml").write_text("\nagent = ", encoding="utf-8")
    result = run("--config", tmp_path / "bad.toml", "--check-config")
    assert (result.returncode, "bad.toml:2: not valid TOML: Invalid value" in result.stderr) == (2, True)
    (tmp_path / "token").chmod(0o644)
    (tmp_path / "sys").rename(tmp_path / "sys2")
    result = run("--config", tmp_path / "agent.toml", "--check-config")
    assert result.returncode == 2
    assert [line.partition("agent.toml")[2].partition(f" {tmp_path}")[0] for line in result.stderr.splitlines()] == [
        ":3: token_file:",
        ":5: sys: there is no folder",
    ]
    assert run("--config", tmp_path / "none.toml", "--check-config").stderr.endswith("no such file or directory\n")


def test_it_imports_nothing_of_ours() -> None:
    """The agent runs with the standard library and psutil alone."""
    code = (
        "import sys, zonewright_agent.__main__, zonewright_agent.sources.host, zonewright_agent.sources.rapl;"
        "names = {name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names);"
        "print(sorted(name for name in names if not name.startswith('_')))"
    )
    result = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path += {sys.path!r}; {code}"],
        env={**os.environ, "PYTHONPATH": str(AGENTS)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "['psutil', 'zonewright_agent']"


def test_the_sources_have_the_same_names_everywhere() -> None:
    """What the agent can make and fleet files may ask for is one list; so is what is read where nobody names any."""
    rendered = [path.read_text(encoding="utf-8") for path in GOLDEN.rglob("agent.toml")]
    assert SOURCES == AGENT_SOURCES == tuple(MAKERS) == (Host.name, Hwmon.name, Rapl.name, Amdgpu.name, Nvml.name)
    usual = {USUAL_SOURCES, AgentSettings(url="https://zone.example:8480/v1/metrics").sources}
    assert {from_text(text, "agent.toml").sources for text in rendered} == usual == {SOURCES[:3]}

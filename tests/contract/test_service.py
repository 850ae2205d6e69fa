"""The service and the agent together: what was acknowledged is stored once, whoever is killed."""

import json
import math
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from starlette.types import ASGIApp

from support.asgi import Answer, call
from support.soak import rounds
from support.telemetry_processes import Service, start_agent, wait_for, write_settings
from support.warm_python import warm_python
from support.zone_project import REPOSITORY
from zonewright.cli import main
from zonewright.server.agents import AgentsFileError, issue_token, load_agents
from zonewright.server.application import service
from zonewright.telemetry.samples import Samples

NOW_NS = 1_800_000_000 * 10**9


class Client:
    """Calls the application in this process."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def call(self, method: str, path: str, **more: Any) -> Answer:
        """One request."""
        return call(self._app, method, path, **more)


def body(*, agent: str = "host-1", sequence: int = 1, boot: str = "b", value: Any = 12.5, **point: Any) -> bytes:
    """One batch with one energy."""
    attributes = {"service.instance.id": agent, "zonewright.boot": boot, "zonewright.sequence": str(sequence)}
    listed = [{"key": key, "value": {"stringValue": text}} for key, text in attributes.items()]
    data = {"timeUnixNano": str(NOW_NS), "startTimeUnixNano": str(NOW_NS - 10**10), "asDouble": value, **point}
    metric = {"name": "hw.energy", "unit": "J", "sum": {"dataPoints": [data]}}
    document = {"resourceMetrics": [{"resource": {"attributes": listed}, "scopeMetrics": [{"metrics": [metric]}]}]}
    return json.dumps(document).encode()


@pytest.fixture(name="samples")
def _samples(tmp_path: Path) -> Iterator[Samples]:
    found = Samples(tmp_path / "s.db")
    yield found
    found.close()


@pytest.fixture(name="client")
def _client(tmp_path: Path, samples: Samples) -> tuple[Client, str]:
    file = tmp_path / "agents.yaml"
    token = issue_token(file, "host-1", "core-001")
    issue_token(file, "host-2", "core-002")
    return Client(service(lambda: load_agents(file), samples, clock=lambda: NOW_NS)), token


def post(client: Client, token: str | None, content: bytes) -> int:
    """Send a batch; gives the status."""
    headers = {"authorization": f"Bearer {token}"} if token is not None else {}
    return client.call("POST", "/v1/metrics", content=content, headers=headers).status_code


def test_nothing_is_stored_without_the_token_of_that_agent(client: tuple[Client, str], samples: Samples) -> None:
    """Missing, wrong, or another agent's: 401, and nothing is stored."""
    http, token = client
    assert [post(http, one, body()) for one in (None, "", "wrong", f" {token}")] == [401] * 4
    assert post(http, token, body(agent="host-2")) == 401
    assert samples.batches("host-1") == samples.batches("host-2") == []
    assert http.call("GET", "/health").json() == {"status": "ok"}


def test_a_batch_counts_once(client: tuple[Client, str], samples: Samples) -> None:
    """The same batch again is acknowledged and changes nothing; the same number after another boot is another batch."""
    http, token = client
    assert [post(http, token, body(value=value)) for value in (12.5, 99.0)] == [200, 200]
    assert [(one.value, one.unit) for one in samples.samples("host-1")] == [(12.5, "J")]
    other: dict[str, Any] = {"timeUnixNano": str(NOW_NS + 1), "startTimeUnixNano": str(NOW_NS)}
    assert post(http, token, body(boot="c", **other)) == 200
    assert samples.batches("host-1") == [1, 1]


@pytest.mark.parametrize(
    ("point", "reason"),
    [
        ({"asDouble": -1.0}, "energy and power are not negative"),
        ({"asDouble": math.inf}, "it is not a number"),
        ({"asDouble": 1e12}, "no meter draws that much"),
        ({"timeUnixNano": str(NOW_NS + 10**12)}, "its time is in the future"),
        ({"startTimeUnixNano": str(NOW_NS)}, "it ends before it begins"),
    ],
)
def test_impossible_values_are_set_aside(
    client: tuple[Client, str], samples: Samples, point: dict[str, Any], reason: str
) -> None:
    """A value that cannot be is acknowledged, told, and kept apart from the others."""
    http, token = client
    answer = http.call("POST", "/v1/metrics", content=body(**point), headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert answer.json()["partialSuccess"]["rejectedDataPoints"] == "1"
    assert samples.samples("host-1") == []
    assert samples.quarantined("host-1") == [("hw.energy", reason)]


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{", body(sequence=0), body(value="x"), body(boot="b\0"), b"[" * 100_000],
)
def test_what_is_no_otlp_is_refused(client: tuple[Client, str], samples: Samples, content: bytes) -> None:
    """Anything else is one sentence and 400, and nothing is stored."""
    http, token = client
    answer = http.call("POST", "/v1/metrics", content=content, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("expected")
    assert samples.batches("host-1") == []


def test_a_missing_value_stays_missing(client: tuple[Client, str], samples: Samples) -> None:
    """A point without value is stored without one, with its quality; it is no zero."""
    http, token = client
    quality = [{"key": "zonewright.quality", "value": {"stringValue": "reset"}}]
    assert post(http, token, body(flags=1, attributes=quality)) == 200
    assert [(one.value, one.quality) for one in samples.samples("host-1")] == [(None, "reset")]


def test_too_many_at_once_are_asked_to_come_again(tmp_path: Path, samples: Samples) -> None:
    """One report too many is 429 with Retry-After before anything of it is read; a wrong token is still 401."""
    file = tmp_path / "agents.yaml"
    token = issue_token(file, "host-1", "core-001")
    http = Client(service(lambda: load_agents(file), samples, clock=lambda: NOW_NS, max_in_flight=0))
    answer = http.call("POST", "/v1/metrics", content=body(), headers={"authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert post(http, "wrong", body()) == 401
    assert samples.batches("host-1") == []


def test_a_file_that_takes_nothing_is_no_acknowledgement(client: tuple[Client, str], samples: Samples) -> None:
    """When the disk is full the answer is 503 with Retry-After, and the batch is taken later."""
    http, token = client
    with samples._home.writing() as writer:
        writer.execute(f"pragma max_page_count = {writer.execute('pragma page_count').fetchone()[0]}")
    filler = "x" * 8_000
    data = [{"timeUnixNano": str(NOW_NS + number), "asDouble": 1.0} for number in range(3)]
    metrics = [{"name": f"{number}{filler}", "unit": "1", "gauge": {"dataPoints": data}} for number in range(200)]
    document = json.loads(body())
    document["resourceMetrics"][0]["scopeMetrics"][0]["metrics"] = metrics
    large = json.dumps(document).encode()
    answer = http.call("POST", "/v1/metrics", content=large, headers={"authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    with samples._home.writing() as writer:
        writer.execute("pragma max_page_count = 100000")
    assert post(http, token, large) == 200
    assert samples.batches("host-1") == [1]


def test_tokens_are_kept_as_digests(tmp_path: Path) -> None:
    """The file holds no token, belongs to its owner, and a new token replaces the old one."""
    file = tmp_path / "a" / "agents.yaml"
    first = issue_token(file, "host-1", "core-001")
    second = issue_token(file, "host-1", "core-001")
    text = file.read_text(encoding="utf-8")
    assert first not in text
    assert second not in text
    assert file.stat().st_mode & 0o077 == 0
    assert load_agents(file).find(first) is None
    assert load_agents(file).find(second) == ("host-1", "core-001")
    with pytest.raises(AgentsFileError, match="not an agent's id"):
        issue_token(file, "Host One", "core-001")
    file.write_text("agents: [", encoding="utf-8")
    with pytest.raises(AgentsFileError, match="not a file of agents"):
        load_agents(file)


@pytest.mark.soak
def test_kills_of_either_side_lose_and_repeat_nothing(tmp_path: Path) -> None:
    """Agent and service are killed in turn: nothing acknowledged is missing, nothing counts twice, all of it drains."""
    (tmp_path / "token").write_text(issue_token(tmp_path / "agents.yaml", "host-1", "core-001"), encoding="utf-8")
    server = Service(tmp_path)
    server.start()
    settings = write_settings(tmp_path, server.port)
    reporting = start_agent(settings)
    for cycle in rounds("service kills", 1000, least=6):
        time.sleep(0.2 + 0.13 * (cycle % 7))
        if cycle % 2:
            server.stop(signal.SIGKILL)
            server.start()
        else:
            reporting.kill()
            reporting.wait()
            reporting = start_agent(settings)
    samples = Samples(tmp_path / "l.samples.db")
    time.sleep(1.5)
    wait_for(lambda: len(list((tmp_path / "spool").glob("0*"))) <= 1, seconds=300)  # it may be backing off
    reporting.terminate()
    assert reporting.wait(timeout=60) == 0
    waiting = sorted(int(path.name) for path in (tmp_path / "spool").iterdir() if path.name.isdigit())
    stored = samples.batches("host-1")
    assert stored == sorted(set(stored))
    assert sorted({*stored, *waiting}) == list(range(stored[0], max([*stored, *waiting]) + 1))
    assert len(waiting) <= 1
    times = [one.time_ns for one in samples.samples("host-1") if one.name == "system.cpu.utilization"]
    assert len(times) == len(set(times)) == len(stored)
    assert server.stop(signal.SIGTERM) == 0


def test_serve_answers_for_ledger_and_agents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One process serves the ledger's verbs and takes reports; SIGTERM ends it in good order."""
    zone = str(REPOSITORY / "stacks" / "zones" / "reference")
    assert main(["ledger", "init", zone, "--ledger", f"sqlite:///{tmp_path / 'l.db'}"]) == 0
    assert main(["serve", "--issue", "host-1", "--node", "core-001", "--agents", str(tmp_path / "agents.yaml")]) == 0
    token = capsys.readouterr().out.splitlines()[-1]
    ledger = ("--ledger", f"sqlite:///{tmp_path / 'l.db'}")
    assert main(["access", "grant", "me", "--party", "operator-a", "--role", "facility-operator", *ledger]) == 0
    mine = capsys.readouterr().out.strip()
    server = Service(tmp_path, python=warm_python().path())
    server.start()
    url = f"http://127.0.0.1:{server.port}"
    with urllib3.PoolManager(retries=False) as http:
        assert http.request("GET", f"{url}/health").json() == {"status": "ok"}
        asked = http.request(
            "POST", f"{url}/v1/capacity", json={"sites": []}, headers={"authorization": f"Bearer {mine}"}
        )
        assert asked.json() == {"sites": {}, "about": {}}
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        sent = http.request("POST", f"{url}/v1/metrics", body=body(), headers=headers)
        assert sent.status == 200
    assert server.stop(signal.SIGTERM) == 0
    assert Samples(tmp_path / "l.samples.db").batches("host-1") == [1]


def test_serve_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A token needs its node, and a file of agents that is none is one sentence."""
    assert main(["serve", "--issue", "host-1", "--agents", str(tmp_path / "a.yaml")]) == 2
    assert "name the node with --node" in capsys.readouterr().err
    (tmp_path / "a.yaml").write_text("- x", encoding="utf-8")
    assert main(["serve", "--agents", str(tmp_path / "a.yaml")]) == 2
    assert "not a file of agents" in capsys.readouterr().err

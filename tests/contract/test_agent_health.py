"""Reports of health: signed by ssh-keygen on the host, checked here without OpenSSH, taken by the service or not."""

import base64
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.asgi import Answer, call
from support.parts import keygen
from support.ssh_hosts import new_key
from support.zone_project import REPOSITORY
from zonewright.seal.ssh_signatures import SignatureError, verify_signature
from zonewright.server.agents import forget_agent, issue_token, issue_tokens, load_agents
from zonewright.server.application import service
from zonewright.server.health import NAMESPACE, HealthReports
from zonewright.telemetry.samples import Samples
from zonewright_agent.health import document, release_of, sign


def report_of(**changes: Any) -> dict[str, Any]:
    """A report of a healthy agent."""
    made = document(agent="core-001", version="1.2.3", boot_id="b", faults={"host": ""})
    return {**made, "time_ns": "1800000000000000000", **changes}


class World:
    """A service with one agent whose key is enrolled."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "agents.yaml"
        self.key = folder / "agent_key"
        self.token = issue_tokens(self.file, {"core-001": new_key(self.key)})["core-001"]
        self.reports = HealthReports(folder / "health")
        self._app = service(lambda: load_agents(self.file), Samples(folder / "s.db"), health_reports=self.reports)

    def call(self, method: str, body: bytes = b"", token: str | None = None, **headers: str) -> Answer:
        """One request, in an event loop of its own."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        given["authorization"] = f"Bearer {token or self.token}"
        return call(self._app, method, "/v1/agent-health", content=body, headers=given)


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> World:
    keygen()  # what agents sign with
    return World(tmp_path)


def test_a_signed_report_is_taken_and_read_back(world: World) -> None:
    """What the host's key signed is kept as it came, and whoever has the token reads it."""
    body = sign(report_of(), world.key)
    assert world.call("GET").status_code == 404
    assert world.call("POST", body).json() == {"kept": True, "ledger": ""}
    assert world.call("GET").content == body
    assert world.call("GET", token="x").status_code == 401


def test_reports_that_do_not_count_are_refused(world: World, tmp_path: Path) -> None:
    """Another key, another agent, an altered text, no signature and no enrolled key each have their sentence."""
    new_key(tmp_path / "other")
    good = json.loads(sign(report_of(), world.key))
    for body, sentence in (
        (sign(report_of(), tmp_path / "other"), "by another key"),
        (sign(report_of(agent="core-002"), world.key), "belongs to another agent than"),
        (json.dumps({**good, "report": good["report"].replace("1.2.3", "1.2.4")}).encode(), "does not match"),
        (json.dumps({**good, "signature": ""}).encode(), "cannot be read"),
        (b"[]", "expected a signed report"),
        (sign(report_of(), world.key).decode().encode("utf-16"), "expected a signed report"),
        (sign(report_of(time_ns=str(2**63)), world.key), "the report's time is none: 9223372036854775808"),
        (b"{" * 60_000, "expected a signed report"),
    ):
        answer = world.call("POST", body)
        assert (answer.status_code, sentence in answer.json()["message"]) == (400, True), answer.text
    assert world.call("POST", b" " * 70_000).status_code == 413
    world.token = issue_tokens(world.file, {"core-001": ""})["core-001"]
    assert "no key is enrolled" in world.call("POST", sign(report_of(), world.key)).json()["message"]
    forget_agent(world.file, "core-001")
    assert world.call("POST", sign(report_of(), world.key)).status_code == 401


def test_an_old_report_does_not_replace_a_later_one(world: World) -> None:
    """A report that is sent again after a later one came changes nothing."""
    old, new = sign(report_of(), world.key), sign(report_of(time_ns="1800000000000000001"), world.key)
    assert world.call("POST", old).json() == {"kept": True, "ledger": ""}
    assert world.call("POST", new).json() == {"kept": True, "ledger": ""}
    assert world.call("POST", old).json() == {"kept": False, "ledger": ""}
    assert world.call("GET").content == new


def test_who_knows_the_last_report_is_told_of_the_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One waits for the first report and one for another than the known one; each gets it as it comes."""
    monkeypatch.setattr("zonewright.server.health._LOOK_AGAIN_S", 60.0)
    monkeypatch.setattr("zonewright.server.health.MAX_WAIT_S", 60.0)
    first, second = sign(report_of(), world.key), sign(report_of(time_ns="1800000000000000001"), world.key)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(world.call, "GET", prefer="wait=60")
        time.sleep(0.3)
        assert not waiting.done()
        world.call("POST", first)
        got = waiting.result(20)
        assert got.content == first
        waiting = pool.submit(world.call, "GET", if_none_match=got.headers["etag"], prefer="wait=60")
        time.sleep(0.3)
        assert not waiting.done()
        assert world.call("POST", first).json() == {"kept": False, "ledger": ""}
        assert not waiting.done()
        world.call("POST", second)
        assert waiting.result(20).content == second
    assert world.call("GET", if_none_match=got.headers["etag"], prefer="wait=5").content == second


def test_a_report_that_another_process_took_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What only the folder shows is seen by who waits as well, before the wait is over."""
    monkeypatch.setattr("zonewright.server.health.MAX_WAIT_S", 60.0)
    body = sign(report_of(), world.key)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(world.call, "GET", prefer="wait=60")
        time.sleep(0.3)
        world.reports.keep("core-001", body, 1)
        assert waiting.result(20).status_code == 200


def test_a_wait_that_is_over_says_so(world: World) -> None:
    """With nothing new the answer is that nothing came, or nothing else than is known; without a wait, at once."""
    assert world.call("GET", prefer="wait=1").status_code == 404
    world.call("POST", sign(report_of(), world.key))
    tag = world.call("GET").headers["etag"]
    for wish in ("respond-async, wait=1", "wait=0", "wait=x", ""):
        answer = world.call("GET", if_none_match=tag, prefer=wish)
        assert (answer.status_code, answer.headers["etag"], answer.content) == (304, tag, b"")


def test_a_new_token_keeps_the_enrolled_key(world: World) -> None:
    """An agent that gets another token is still known by its key."""
    world.token = issue_token(world.file, "core-001", "core-001")
    assert world.call("POST", sign(report_of(), world.key)).status_code == 200


@pytest.fixture(name="signed", scope="module")
def _signed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes, str]:
    """A public key, a message, and its signature."""
    keygen()
    folder = tmp_path_factory.mktemp("signed")
    public = new_key(folder / "key")
    document = json.loads(sign(report_of(), folder / "key"))
    return public, document["report"].encode(), document["signature"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(position=st.integers(0, 10_000), change=st.integers(1, 255), of=st.sampled_from(["message", "signature"]))
def test_no_changed_byte_counts(signed: tuple[str, bytes, str], position: int, change: int, of: str) -> None:
    """Any changed byte of the message or of the signature's content voids it, with a sentence and nothing else."""
    public, message, armored = signed
    verify_signature(message, armored, public_key=public, namespace=NAMESPACE)
    blob = bytearray(message if of == "message" else armored.encode())
    index = position % len(blob)
    blob[index] ^= change
    text = blob.decode("latin-1")
    if of == "signature" and text.split() == armored.split():
        return  # white space between lines means nothing
    try:
        if of == "message":
            verify_signature(bytes(blob), armored, public_key=public, namespace=NAMESPACE)
        else:
            verify_signature(message, text, public_key=public, namespace=NAMESPACE)
    except SignatureError:
        return
    # base64 of the last line may carry bits that mean nothing; then the decoded signature is the same.
    assert of == "signature"
    assert _decoded(text) == _decoded(armored)


def _decoded(armored: str) -> bytes:
    return base64.b64decode("".join(armored.strip().splitlines()[1:-1]))


def test_another_purpose_does_not_count(signed: tuple[str, bytes, str]) -> None:
    """A signature for telemetry is none for health."""
    public, message, armored = signed
    with pytest.raises(SignatureError, match="for another purpose"):
        verify_signature(message, armored, public_key=public, namespace="file")
    with pytest.raises(SignatureError, match="not an Ed25519 key"):
        verify_signature(message, armored, public_key="ssh-rsa AAAA", namespace=NAMESPACE)


def test_openssh_agrees(signed: tuple[str, bytes, str], tmp_path: Path) -> None:
    """ssh-keygen itself finds the signature good."""
    public, message, armored = signed
    (tmp_path / "signers").write_text(f"core-001 {public}\n", encoding="ascii")
    (tmp_path / "signature").write_text(armored, encoding="ascii")
    command = [keygen(), "-Y", "verify", "-f", "signers", "-I", "core-001", "-n", NAMESPACE, "-s", "signature"]
    subprocess.run(command, cwd=tmp_path, input=message, check=True, capture_output=True)


def test_the_release_is_the_folder_that_the_program_lies_in(tmp_path: Path) -> None:
    """Through the link to the current one the report names the release itself."""
    (tmp_path / "0.1.0-abc").mkdir()
    (tmp_path / "0.1.0-abc" / "agent.pyz").write_bytes(b"")
    (tmp_path / "current").symlink_to("0.1.0-abc")
    assert release_of(tmp_path / "current" / "agent.pyz") == "0.1.0-abc"


def test_settings_without_tomllib_are_read_alike() -> None:
    """What the deployer writes is read the same by ``tomllib`` and by the reader for older Pythons."""
    code = (
        "import sys, tomllib; sys.path.insert(0, 'agents')\n"
        "from zonewright_agent import simple_toml\n"
        'text = \'# of core-001\\nagent = "core-001"  # "quoted" # twice\\ninterval_s = 10.0\\n'
        'sources = ["host", "rapl"]\\nkey_file = "/a # b"\\n\'\n'
        "assert simple_toml.loads(text) == tomllib.loads(text), simple_toml.loads(text)\n"
        "for bad in ('a', 'a = b', 'a = 1\\na = 2', '= 1'):\n"
        "    try:\n        simple_toml.loads(bad)\n"
        "    except ValueError as error:\n        assert 'at line' in str(error)\n"
        "    else:\n        raise SystemExit(bad)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY)

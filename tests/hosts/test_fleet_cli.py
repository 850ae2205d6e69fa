"""The commands of a fleet as an operator uses them, over real hosts, with a ledger and a service beside."""

import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from support.fleet_world import agents_service, installed_psutil, running_release
from support.golden import compare_golden
from support.ledger_party import ZONE_FILE
from support.ssh_hosts import SshHost, require_hosts, ssh_hosts
from support.warm_python import warm_python
from support.zone_project import REPOSITORY
from zonewright.ledger.protocol import rollout_messages, verbs
from zonewright.ledger.protocol.journal_messages import HistoryRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.store.journal import verify
from zonewright.ledger.transport.client import LedgerClient

BAD_MAIN = """
import sys

if "--check-config" in sys.argv:
    print("good")
    sys.exit(0)
raise SystemExit("this release crashes at start")
"""


@dataclass
class Project:
    """A project with a fleet of three hosts."""

    folder: Path
    hosts: list[SshHost]
    agents: Path

    def run(self, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
        """Run ``zonewright fleet`` in the project."""
        path = os.pathsep.join([str(self.agents), str(REPOSITORY / "modules")])
        return subprocess.run(
            [warm_python().path(), "-m", "zonewright.cli", "fleet", *arguments],
            cwd=self.folder,
            input=said,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "COLUMNS": "80", "PYTHONPATH": path},
            timeout=120,
        )

    def release(self, version: str, *, main: str | None = None) -> None:
        """Another version of the agent, from now on."""
        package = self.agents / "zonewright_agent"
        (package / "__init__.py").write_text(f'"""The agent."""\n\n__version__ = "{version}"\n', encoding="utf-8")
        original = (REPOSITORY / "agents" / "zonewright_agent" / "__main__.py").read_text(encoding="utf-8")
        (package / "__main__.py").write_text(main or original, encoding="utf-8")

    def settings(self, old: str, new: str) -> None:
        """Change the fleet's file."""
        path = self.folder / "fleet.yaml"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def ledger(self) -> LedgerClient:
        """The project's ledger."""
        return LedgerClient("sqlite:///.zonewright/ledger.db", root=self.folder)


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Iterator[Project]:
    require_hosts(has_runit=True)
    folder = tmp_path / "project"
    (folder / ".zonewright").mkdir(parents=True)
    (folder / "wheels").mkdir()
    shutil.copytree(REPOSITORY / "agents", tmp_path / "agents")
    with zipfile.ZipFile(folder / "wheels" / "psutil-7.0.0-cp36-abi3-manylinux2014_x86_64.whl", "w") as wheel:
        for name, content in installed_psutil().items():
            wheel.writestr(name, content)
    with LedgerClient("sqlite:///.zonewright/ledger.db", root=folder, create=True) as ledger:
        ledger.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
    with agents_service(folder / ".zonewright") as url, ssh_hosts(tmp_path, 3, has_runit=True) as (hosts, key):
        lines = [
            f"  {host.name}: {{address: {host.address}, port: {host.port}, host_keys: ['{host.public_key}'], "
            f"site: {'dc1' if number < 2 else 'edge1'}}}"
            for number, host in enumerate(hosts)
        ]
        text = (
            f"party: operator\nlogin: {{user: {hosts[0].user}, keys: [{key}]}}\nhosts:\n"
            + "\n".join(lines)
            + f"\nagent:\n  url: {url}\n  interval_s: 1\n  sources: [host]\n  power: none\n  psutil: wheels\n"
            "  prefix: /home/operator/agent\nrollout:\n  health_s: 8\n"
            "  waves: [{hosts: 1}, {percent: 100}]\n"
        )
        (folder / "fleet.yaml").write_text(text, encoding="utf-8")
        project = Project(folder, hosts, tmp_path / "agents")
        project.release("1.0.0")
        yield project


def test_the_life_of_a_fleet(project: Project) -> None:
    """Plan, deploy, nothing to do, drift, upgrade, roll-back and uninstall, each with its exit code and record."""
    plan = project.run("plan")
    assert plan.returncode == 0, plan.stderr
    assert "host-001: nothing -> 1.0.0-" in plan.stdout
    assert "  prepare  it has no key yet" in plan.stdout
    assert '+agent = "host-001"' in plan.stdout
    assert not (project.hosts[0].home / "agent" / "secrets").exists()

    done = project.run("deploy")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("  changed ") == 3
    assert "wave 1 of 2, hosts: 1\nwave 2 of 2, hosts: 2\n" in done.stderr
    assert project.run("deploy").stdout.count("  unchanged ") == 3
    assert project.run("verify").returncode == 0

    changed = project.hosts[1].home / "agent" / "current" / "run"
    changed.write_text("#!/bin/sh\n", encoding="ascii")
    drift = project.run("verify", "--format", "json")
    assert drift.returncode == 1
    rows = {row["host"]: row["drift"] for row in json.loads(drift.stdout)["hosts"]}
    assert (rows["host-001"], rows["host-003"]) == ("", "")
    assert "changed on the host: run" in rows["host-002"]
    assert project.run("deploy", "--dry-run", "host-002").stdout.count("+exec /usr/bin/python3") == 1
    assert project.run("deploy", "--site", "dc1").returncode == 0
    assert project.run("verify").returncode == 0

    project.release("1.1.0")
    assert project.run("deploy", "--site", "dc1").returncode == 0
    assert [running_release(host)[:5] for host in project.hosts] == ["1.1.0", "1.1.0", "1.0.0"]
    back = project.run("rollback", "host-002")
    assert (back.returncode, "1.0.0" in back.stdout) == (0, True), back.stdout + back.stderr
    assert [running_release(host)[:5] for host in project.hosts] == ["1.1.0", "1.0.0", "1.0.0"]

    gone = project.run("uninstall", "host-003")
    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert not (project.hosts[2].home / "agent").exists()
    assert "host-003" not in (project.folder / ".zonewright" / "agents.yaml").read_text(encoding="utf-8")
    status = project.run("status").stdout.splitlines()
    assert re.fullmatch(r"host-001  active       1\.1\.0-[0-9a-f]{12}", status[0])
    assert status[-1] == "host-003  none"
    fleet = project.folder / "fleet.yaml"
    fleet.write_text(fleet.read_text(encoding="utf-8").replace("  power: none\n", ""), encoding="utf-8")
    dark = project.run("status")
    assert (dark.returncode, dark.stderr.partition(";")[0]) == (1, "power is told by 0 of 2 hosts")

    with project.ledger() as ledger:
        entries = ledger.call(verbs.HISTORY, HistoryRequest()).entries
    runs = [entry.payload for entry in entries if entry.kind == "fleet-run"]
    assert [entry["what"] for entry in runs] == ["deploy"] * 4 + ["rollback", "uninstall"]
    assert runs[0]["counts"]["changed"] == 3
    assert verify(entries) is None
    folder = project.folder / ".zonewright" / "runs" / runs[0]["run"]
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [event["step"] for event in events if event.get("host") == "host-001"] == [
        "prepare",
        "token",
        "install",
        "switch",
        "verify",
        "accept",
        "done",
    ]


def test_keys_of_agents_are_on_record(project: Project) -> None:
    """The ledger has each key that was made on a host; one that was planted for the service is drift, and put right."""
    assert project.run("deploy", "host-001", "host-002").returncode == 0

    def keys() -> dict[str, str]:
        with project.ledger() as ledger:
            found = ledger.call(verbs.AGENT_KEYS, rollout_messages.AgentKeysRequest(party="operator")).agents
        return {name: one.fingerprint for name, one in found.items()}

    on_hosts = {
        host.name: fingerprint_of(host.home / "agent" / "secrets" / "agent_key.pub") for host in project.hosts[:2]
    }
    assert keys() == on_hosts
    assert project.run("verify", "host-001", "host-002").returncode == 0

    agents = project.folder / ".zonewright" / "agents.yaml"
    document = yaml.safe_load(agents.read_text(encoding="utf-8"))
    document["agents"]["host-002"]["public_key"] = document["agents"]["host-001"]["public_key"]
    agents.write_text(yaml.safe_dump(document), encoding="utf-8")
    verify_ = project.run("verify", "host-001", "host-002")
    said = " ".join(verify_.stdout.split())
    assert verify_.returncode == 1
    told = f"its key {on_hosts['host-001']} is not enrolled: the ledger has {on_hosts['host-002']}, by "
    assert said.index("host-002") < said.index(told)
    assert said.count("is not enrolled") == 1

    done = project.run("deploy", "host-001", "host-002")
    assert (done.returncode, done.stdout.count("  unchanged "), done.stdout.count("  changed ")) == (0, 1, 1)
    assert project.run("verify", "host-001", "host-002").returncode == 0
    assert project.run("uninstall", "host-002").returncode == 0
    assert keys() == {"host-001": on_hosts["host-001"]}


def test_without_a_ledger_one_may_only_look(project: Project) -> None:
    """Plan and status do without it; verify cannot tell whose the keys are, so nothing is decided."""
    assert project.run("deploy", "host-001").returncode == 0
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (project.folder / ".zonewright" / name).unlink(missing_ok=True)
    assert [project.run(word, "host-001").returncode for word in ("status", "plan", "verify")] == [0, 0, 3]


def fingerprint_of(key: Path) -> str:
    """What ssh-keygen says of a key."""
    return subprocess.run(["ssh-keygen", "-lf", key], capture_output=True, text=True, check=True).stdout.split()[1]


def test_a_bad_release_stops_at_the_canary(project: Project) -> None:
    """The recorded session of the documentation: the canary is rolled back, the others are not touched."""
    assert project.run("deploy").returncode == 0
    project.release("1.1.0", main=BAD_MAIN)
    done = project.run("deploy")
    assert done.returncode == 1
    assert {running_release(host)[:5] for host in project.hosts} == {"1.0.0"}
    status = project.run("status")
    said = (
        f"$ zonewright fleet deploy\n{done.stderr}{done.stdout}$ echo $?\n1\n$ zonewright fleet status\n{status.stdout}"
    )
    said = re.sub(r"-[0-9a-f]{12}\b", "-<digest>", said)
    said = re.sub(r"[0-9]{8}T[0-9]{6}-[0-9a-f]{6}", "<run>", said)
    compare_golden("fleet/bad-release.txt", said)
    assert said in (REPOSITORY / "docs" / "how-to" / "upgrade-the-agents.md").read_text(encoding="utf-8")


def test_the_second_deployer_is_told_who_is_at_work(project: Project) -> None:
    """While somebody holds the lease of the fleet, another run changes nothing and names him."""
    with project.ledger() as ledger:
        request = rollout_messages.FleetLockRequest(fleet="operator", holder="another run", who="ada@desk", seconds=60)
        ledger.call(verbs.LEASE, request)
    done = project.run("deploy")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ada@desk has been changing this fleet since ")
    assert not (project.hosts[0].home / "agent" / "current").exists()


def test_a_freeze_is_kept(project: Project) -> None:
    """On a frozen day no host is touched, and the reason is told; a plan may still be made."""
    freeze = "  freeze: [{first: '2020-01-01', last: '2099-12-31', time_zone: UTC, reason: the exchange is moved}]\n"
    project.settings("rollout:\n", f"rollout:\n{freeze}")
    done = project.run("deploy")
    assert (done.returncode, done.stderr) == (
        1,
        (
            "error: no host may be touched now: changes are frozen from 2020-01-01 to 2099-12-31 (UTC): the "
            "exchange is moved\n"
        ),
    )
    assert project.run("plan", "--limit", "1").returncode == 0


def test_unreachable_hosts_have_their_own_exit_code(project: Project) -> None:
    """A host that is off is neither failed nor changed; the others are, and the exit code is 3."""
    project.hosts[2].stop()
    done = project.run("deploy", "--format", "json")
    assert done.returncode == 3, done.stderr
    ended = [json.loads(line) for line in done.stdout.splitlines()]
    states = {event["host"]: event["state"] for event in ended if event["step"] == "done"}
    assert states == {"host-001": "changed", "host-002": "changed", "host-003": "unreachable"}


def test_one_command_on_many_hosts(project: Project) -> None:
    """Each host's output stands behind its name; a code other than 0 anywhere is exit code 1."""
    done = project.run("run", "--site", "dc1", "--command", "echo $((1 + 1)); echo '\033[31m'")
    assert done.returncode == 0
    assert done.stdout == "host-001: 2\nhost-001: '\\x1b[31m'\nhost-002: 2\nhost-002: '\\x1b[31m'\n"
    done = project.run("run", "host-003", "--command", "exit 7")
    assert (done.returncode, done.stdout) == (1, "host-003: [7]\n")


def test_only_the_first_waves(project: Project) -> None:
    """``--wave 1`` touches the canary and nothing else."""
    done = project.run("deploy", "--wave", "1")
    assert (done.returncode, done.stdout.count("  changed ")) == (0, 1), done.stdout + done.stderr
    assert not (project.hosts[1].home / "agent" / "current").exists()


def test_what_is_missing_is_told(project: Project) -> None:
    """A fleet's file without an agent, and a host that is not there, are misuse with a sentence."""
    done = project.run("deploy", "host-009", "nobody")
    assert (done.returncode, done.stderr) == (
        2,
        "error: there is no host 'host-009'\nerror: there is no host 'nobody'\n",
    )
    shutil.rmtree(project.folder / "wheels")
    done = project.run("deploy")
    assert done.returncode == 2
    assert "wheels holds no wheel of psutil for Linux" in done.stderr


def test_verify_compares_agents_and_configurations_together(project: Project) -> None:
    """One row for each host: drift of its configurations stands beside that of its agent."""
    assert project.run("deploy").returncode == 0
    text = (project.folder / "fleet.yaml").read_text(encoding="utf-8")
    more = "configurations:\n  names: {format: bind, hosts: [host-002], check: 'true', as_root: false}\n"
    (project.folder / "fleet.yaml").write_text(f"{text}{more}", encoding="utf-8")
    (project.hosts[1].home / "agent" / "current" / "run").write_text("#!/bin/sh\n", encoding="ascii")
    assert project.run("verify", "host-001").returncode == 0
    drift = project.run("verify", "--format", "json")
    assert drift.returncode == 1, drift.stderr
    rows = {row["host"]: row["drift"] for row in json.loads(drift.stdout)["hosts"]}
    assert (rows["host-001"], rows["host-003"]) == ("", "")
    assert rows["host-002"].startswith("changed on the host: run; ")
    assert rows["host-002"].endswith(
        "configuration names: the ledger has no deployed files of bind for host-002 at site dc1"
    )

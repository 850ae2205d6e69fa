"""Agents deployed by ``pulumi up``: real hosts, a real service, the real engine."""

import json
import shutil
import signal
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.fleet_world import agents_service, installed_psutil, running_release
from support.signing import policy, write_keys, zone_with
from support.ssh_hosts import PASSWORD, SshHost, ssh_hosts
from support.zone_project import SmallZone, Stack, facility
from zonewright.audit.evidence.bundle import read_bundle
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.rollout_messages import AgentKeysRequest, FleetLockRequest
from zonewright.ledger.transport.client import LedgerClient

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]


@dataclass
class Facility:
    """An operator's stack with a fleet of hosts, and the service that their agents report to."""

    stack: Stack
    hosts: list[SshHost]
    file: dict[str, Any]

    def write(self, **agent: Any) -> None:
        """Write the fleet's file, with some settings of the agent changed."""
        document = {**self.file, "agent": {**self.file["agent"], **agent}}
        (self.stack.root / "fleet.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")

    def reports(self) -> set[str]:
        """Hosts whose signed report of health the service has."""
        return {path.stem for path in (self.stack.root / ".zonewright" / "health").iterdir()}

    def enrolled(self) -> list[str]:
        """Hosts whose agents' keys the ledger has enrolled."""
        with LedgerClient(self.stack.ledger_url) as ledger:
            return sorted(ledger.call(verbs.AGENT_KEYS, AgentKeysRequest(party="operator")).agents)

    def releases(self) -> dict[str, str]:
        """The releases that the state has, by host."""
        (deployment,) = self.stack.resources("AgentDeployment")
        return dict(deployment["outputs"]["releases"])


@pytest.fixture(name="site")
def _site(zone: SmallZone, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Facility]:
    """Three hosts, or as many as a test asks for."""
    stack = zone.stack("operator")
    stack.declare(**{key: value for key, value in facility(1).items() if key != "owner"})
    (stack.root / "wheels").mkdir()
    with zipfile.ZipFile(stack.root / "wheels" / "psutil-7.0.0-cp36-abi3-manylinux2014_x86_64.whl", "w") as wheel:
        for name, content in installed_psutil().items():
            wheel.writestr(name, content)
    with (
        agents_service(stack.root / ".zonewright") as url,
        ssh_hosts(tmp_path, getattr(request, "param", 3), has_runit=True) as (hosts, key),
    ):
        file = {
            "party": "operator",
            "login": {"user": hosts[0].user, "keys": [str(key)]},
            "hosts": {
                host.name: {"address": host.address, "port": host.port, "host_keys": [host.public_key], "site": "dc1"}
                for host in hosts
            },
            "agent": {
                "url": url,
                "interval_s": 1,
                "sources": ["host"],
                "psutil": "wheels",
                "prefix": "/home/operator/agent",
            },
            "rollout": {"health_s": 20, "waves": [{"hosts": 1}, {"percent": 100}], "host_deadline_s": 60},
        }
        made = Facility(stack, hosts, file)
        made.write()
        stack.run("config", "set", "zone:fleet", "fleet.yaml")
        yield made


def test_the_life_of_agents_under_an_engine(site: Facility) -> None:
    """Preview, up, no-op, a changed setting, drift and its repair, and destroy, each seen on three hosts."""
    stack = site.stack
    preview = stack.run("preview").stdout
    assert "hosts: 3 to install" in preview
    assert not (site.hosts[0].home / "agent" / "secrets").exists()

    first = stack.up(variables={"ZONEWRIGHT_SUDO_PASSWORD": PASSWORD})
    assert "wave 1 of 2, hosts: 1" in first
    assert "host-003: nothing -> " in first
    assert "warning: power is told by 0 of 3 hosts" in first
    before = site.releases()
    assert before == {host.name: running_release(host) for host in site.hosts}
    assert len(site.reports()) == len(site.hosts)
    assert set(site.enrolled()) == set(before)

    sent = _received(site.hosts)
    stack.up("--expect-no-changes")
    assert site.releases() == before
    assert _received(site.hosts) == sent

    site.file["login"]["keys"].append(site.file["login"]["keys"][0])
    site.file["hosts"]["host-001"]["user"] = site.hosts[0].user
    site.write()
    stack.up("--expect-no-changes")

    site.write(interval_s=2)
    changed = stack.run("preview").stdout
    assert "hosts: 3 to upgrade" in changed
    assert "replace" not in changed
    stack.up()
    after = site.releases()
    assert all(after[name] != before[name] for name in after)
    assert after == {host.name: running_release(host) for host in site.hosts}

    damaged = site.hosts[1].home / "agent" / "current" / "run"
    damaged.write_text("#!/bin/sh\n", encoding="ascii")
    refresh = stack.run("refresh", "--yes", "--diff").stdout
    assert "changed on the host: run" in refresh
    mend = stack.run("preview", "--diff").stdout
    assert '"changed on the host: run" => "as declared"' in mend
    stack.up()
    assert "exec" in damaged.read_text(encoding="ascii")
    stack.run("refresh", "--yes", "--expect-no-changes")

    state = json.dumps(stack.state())
    for host in site.hosts:
        assert host.address not in state
        assert (host.home / "agent" / "secrets" / "token").read_text(encoding="ascii") not in state
    assert "PRIVATE KEY" not in state
    assert PASSWORD not in state
    for path in (stack.root / ".zonewright" / "runs").rglob("*.json*"):
        assert PASSWORD not in path.read_text(encoding="utf-8")

    stack.run("destroy", "--yes", "--skip-preview")
    assert [(host.home / "agent" / "current").exists() for host in site.hosts] == [False] * len(site.hosts)
    assert yaml.safe_load((stack.root / ".zonewright" / "agents.yaml").read_text(encoding="utf-8"))["agents"] == {}
    assert site.enrolled() == []


def _received(hosts: list[SshHost]) -> dict[str, set[tuple[str, int]]]:
    """Every file below the agents' releases with the moment of its last change."""
    return {
        host.name: {
            (str(path), path.lstat().st_ctime_ns)
            for path in (host.home / "agent").rglob("*")
            if "spool" not in path.parts and "supervise" not in path.parts and "__pycache__" not in path.parts
        }
        for host in hosts
    }


def test_one_silent_host_and_one_that_is_gone(site: Facility) -> None:
    """A host that is off is named and the others are done; the next up converges; destroy does without a gone one."""
    stack, silent = site.stack, site.hosts[1]
    silent.stop()
    assert "host-002: could not inspect it:" in stack.run("preview").stdout
    failed = stack.refused("up", "--yes", "--skip-preview")
    assert "host-002: unreachable: " in failed
    assert "completion" not in {item["urn"].split("::")[-1] for item in stack.state()["resources"]}
    assert sum(bool(release) for release in site.releases().values()) == len(site.hosts) - 1
    assert "host-002" in str(stack.resources("AgentDeployment")[0]["initErrors"])
    assert silent.address not in json.dumps(stack.state())

    silent.start()
    silent.wait()
    assert "hosts: 1 to install, 2 unchanged" in stack.run("preview").stdout
    converged = stack.up()
    assert "host-002: nothing -> " in converged
    assert "host-001:" not in converged
    assert "initErrors" not in stack.resources("AgentDeployment")[0]
    assert site.releases() == {host.name: running_release(host) for host in site.hosts}

    site.hosts[2].stop()
    gone = stack.run("destroy", "--yes", "--skip-preview").stdout
    assert "host-003 does not answer, so nothing was uninstalled" in gone
    assert [(host.home / "agent" / "current").exists() for host in site.hosts[:2]] == [False] * 2
    assert stack.state().get("resources", []) == []


@pytest.mark.parametrize("site", [5], indirect=True)
def test_sites_are_deployed_together_and_a_host_leaves(site: Facility) -> None:
    """Two sites share the lease of one run; a host that leaves the file is forgotten, another stack's is left alone."""
    stack = site.stack
    sites = facility(1)["sites"]
    sites["dc2"] = json.loads(json.dumps(sites["dc1"]).replace("10.80.", "10.81."))
    stack.declare(sites=sites)
    site.file["hosts"]["host-004"]["site"] = "dc2"
    site.file["hosts"]["host-005"]["site"] = "elsewhere"
    site.write()
    assert "other stacks deploy to hosts at their own sites: host-005" in stack.up()
    deployed = {one["inputs"]["site"]: sorted(one["outputs"]["releases"]) for one in stack.resources("AgentDeployment")}
    assert deployed == {"dc1": ["host-001", "host-002", "host-003"], "dc2": ["host-004"]}
    assert running_release(site.hosts[4]) == ""
    site.file["hosts"].pop("host-002")
    site.write()
    assert "1 to uninstall, 2 unchanged" in stack.run("preview").stdout
    assert "host-002 does not answer, so nothing was uninstalled" in stack.up()
    deployed = {one["inputs"]["site"]: sorted(one["outputs"]["releases"]) for one in stack.resources("AgentDeployment")}
    assert deployed == {"dc1": ["host-001", "host-003"], "dc2": ["host-004"]}
    agents = yaml.safe_load((stack.root / ".zonewright" / "agents.yaml").read_text(encoding="utf-8"))["agents"]
    assert "host-002" not in agents


def test_an_interrupt_ends_the_wave_at_the_next_host(site: Facility) -> None:
    """Ctrl-C lets no further host begin, keeps in the state what was done, and gives the lease back at once."""
    stack = site.stack
    site.file["rollout"] |= {"parallel": 1, "waves": [{"hosts": 1, "soak_s": 60}, {"percent": 100}]}
    site.write()
    process = stack.start("up", "--yes", "--skip-preview")
    output = stack.root / "output.txt"
    _until(lambda: "host-001: nothing -> " in output.read_text(encoding="utf-8"))
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) != 0
    done = [name for name, release in site.releases().items() if release]
    assert done == ["host-001"], output.read_text(encoding="utf-8")
    with LedgerClient(stack.ledger_url) as ledger:
        lease = ledger.call(
            verbs.LEASE, FleetLockRequest(fleet="operator", holder="somebody else", who="me", seconds=1)
        )
    assert lease.is_mine
    site.file["rollout"] = {"waves": [{"percent": 100}]}
    site.write()
    time.sleep(1.1)
    stack.up()
    assert site.releases() == {host.name: running_release(host) for host in site.hosts}


def _until(is_so: Any, within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_roll_out_is_evidence_of_its_change(site: Facility) -> None:
    """The run of an approved change's agents is in its bundle with every host's release, and the bundle verifies."""
    stack = site.stack
    known = stack.root.parent / "zone" / "zone.yaml"
    known.write_text(yaml.safe_dump(zone_with(north=policy({"safety": 1}))), encoding="utf-8")
    write_keys(stack.root)
    ledger = ("--ledger", stack.ledger_url)
    for arguments in (
        ("ledger", "init", str(known.parent), *ledger),
        ("change", "plan", "--stack", "operator", "--key", "ben.pem", "--reason", "the first agents"),
    ):
        done = stack.zonewright(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
    plan = done.stdout.split()[1]
    stack.zonewright("change", "approve", plan, "--key", "carl.pem", *ledger)
    site.hosts[2].stop()
    assert "host-003: unreachable" in stack.refused("up", "--yes", "--skip-preview")
    site.hosts[2].start()
    site.hosts[2].wait()
    stack.up()
    stack.zonewright("change", "export", plan, "--output", "change.tar", *ledger)
    said = stack.zonewright("audit", "verify", "change.tar")
    assert (said.returncode, "good         roll-outs: 2 runs on 3 hosts" in said.stdout) == (0, True), said.stdout
    files = read_bundle(stack.root / "change.tar")
    first, second = (json.loads(files[path]) for path in sorted(files) if path.startswith("rollouts/"))
    assert [one["state"] for one in first["hosts"]].count("unreachable") == 1
    assert {one["host"]: one["after"] for one in second["hosts"]} == site.releases()
    assert site.hosts[2].address not in files["journal.jsonl"].decode()
    shown = stack.zonewright("change", "show", plan, *ledger).stdout
    assert "pulumi up, site dc1" in shown
    assert "host-003 unreachable: host-003 refuses the connection" in " ".join(shown.split())


def test_faults_of_the_fleet_file_end_the_run(site: Facility) -> None:
    """All faults of the file are told, and nothing is registered."""
    site.file["hosts"]["host-001"].pop("site")
    site.file["hosts"]["host-002"].pop("site")
    site.write()
    said = site.stack.refused("preview")
    assert "host host-001 has no site" in said
    assert "host host-002 has no site" in said
    shutil.rmtree(site.stack.root / "wheels")
    (site.stack.root / "fleet.yaml").unlink()
    assert "fleet.yaml" in site.stack.refused("preview")

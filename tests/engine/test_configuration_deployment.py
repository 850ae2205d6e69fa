"""Configurations put in force by ``pulumi up``: real hosts, a real name server's checker, the real engine."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.config_world import CONFIGURATION, ONE, TWO, ZONE_FILE
from support.signing import policy, write_keys, zone_with
from support.ssh_hosts import SshHost, ssh_hosts
from support.zone_project import SmallZone, Stack, facility

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]


@dataclass
class Facility:
    """An operator's stack whose name server's files go to two hosts."""

    stack: Stack
    hosts: list[SshHost]
    file: dict[str, Any]

    def write(self, **configuration: Any) -> None:
        """Write the fleet's file, with some of the configuration changed."""
        document = {**self.file, "configurations": {"names": {**CONFIGURATION, **configuration}}}
        (self.stack.root / "fleet.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")

    def declare(self, name_server: str) -> None:
        """Declare a site with this name server."""
        sites = facility(1)["sites"]
        sites["dc1"]["name_servers"] = [name_server]
        self.stack.declare(sites=sites)

    def require_approvals(self) -> None:
        """Register the zone with a policy, which another party's person meets."""
        known = self.stack.root.parent / "zone"
        (known / "zone.yaml").write_text(yaml.safe_dump(zone_with(north=policy({"safety": 1}))), encoding="utf-8")
        write_keys(self.stack.root)
        self.said("ledger", "init", str(known), "--ledger", self.stack.ledger_url)

    def approve(self) -> str:
        """Plan what is declared and have it approved; gives the plan."""
        plan = self.said("change", "plan", "--stack", "operator", "--key", "ben.pem").split()[1]
        self.said("change", "approve", plan, "--key", "carl.pem", "--ledger", self.stack.ledger_url)
        return plan

    def said(self, *arguments: str) -> str:
        """What a command of ours prints."""
        done = self.stack.zonewright(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def servers(self) -> list[str]:
        """Which of the name servers each host's zone names."""
        paths = [host.home / ZONE_FILE for host in self.hosts]
        texts = [path.read_text(encoding="utf-8") if path.exists() else "" for path in paths]
        return ["".join(one for one in (ONE, TWO) if f"{one}\n" in text) for text in texts]

    def deployment(self) -> dict[str, Any]:
        """The resource in the state."""
        (found,) = self.stack.resources("ConfigurationDeployment")
        return dict(found)


@pytest.fixture(name="site")
def _site(zone: SmallZone, tmp_path: Path) -> Iterator[Facility]:
    stack = zone.stack("operator")
    with ssh_hosts(tmp_path, 2) as (hosts, key):
        file = {
            "party": "operator",
            "login": {"user": hosts[0].user, "keys": [str(key)]},
            "hosts": {
                host.name: {"address": host.address, "port": host.port, "host_keys": [host.public_key], "site": "dc1"}
                for host in hosts
            },
            "rollout": {"waves": [{"hosts": 1}, {"percent": 100}]},
        }
        made = Facility(stack, hosts, file)
        made.write()
        made.declare(ONE)
        stack.run("config", "set", "zone:configurations", "fleet.yaml")
        yield made


def test_the_life_of_configurations_under_an_engine(site: Facility) -> None:
    """Preview, up, no-op, drift, its repair, a version that does not work, the next, one host leaves, destroy."""
    stack = site.stack
    site.require_approvals()
    first = site.approve()
    assert "hosts: 2 get files of this update" in stack.run("preview").stdout
    assert site.servers() == ["", ""]
    said = stack.up()
    assert "wave 1 of 2, hosts: 1" in said
    assert site.servers() == [ONE, ONE]
    versions = site.deployment()["outputs"]["versions"]
    assert {name: version[:6] for name, version in versions.items()} == dict.fromkeys(versions, "names-")
    stack.up("--expect-no-changes")

    drifted = site.hosts[1].home / ZONE_FILE
    owner = drifted.stat()
    drifted.write_text("mine\n", encoding="utf-8")
    os.chown(drifted, owner.st_uid, owner.st_gid)
    preview = stack.run("preview", "--diff").stdout
    assert "hosts: 1 to change, 1 unchanged" in preview
    refresh = stack.run("refresh", "--yes", "--diff").stdout
    assert "changed: /home/operator/root/etc/bind/zones/site.zone" in refresh
    stack.up()
    assert site.servers() == [ONE, ONE]

    site.declare(TWO)
    second = site.approve()
    site.write(check=f"echo it is deaf; ! grep -q {TWO}$ ~/root/etc/bind/zones/site.zone")
    failed = stack.refused("up", "--yes", "--skip-preview")
    assert "host-001: rolled-back: names: the check did not pass within 2 s: it is deaf" in failed
    assert site.servers() == [ONE, ONE]
    assert site.deployment()["outputs"]["hosts"] == {"host-001": "rolled-back", "host-002": "skipped"}
    assert site.deployment()["outputs"]["versions"] == versions
    site.write()
    assert "hosts: 2 to change" in stack.run("preview").stdout
    stack.up()
    assert site.servers() == [TWO, TWO]
    assert site.deployment()["outputs"]["hosts"] == dict.fromkeys(versions, "as declared")
    assert not set(site.deployment()["outputs"]["versions"].values()) & set(versions.values())
    shown = [site.said("change", "show", plan, "--ledger", stack.ledger_url) for plan in (first, second)]
    assert [" ".join(one.split()).count("pulumi up, configurations of site dc1") for one in shown] == [2, 2]

    site.file["hosts"].pop("host-002")
    site.write()
    assert "the configurations of host-002 stay in force" in stack.up()
    assert list(site.deployment()["outputs"]["versions"]) == ["host-001"]
    assert site.servers() == [TWO, TWO]

    site.hosts[0].stop()
    assert "host-001: could not inspect it: " in stack.run("preview").stdout
    stack.run("destroy", "--yes", "--skip-preview")
    assert stack.state().get("resources", []) == []
    assert site.servers() == [TWO, TWO]


def test_what_nobody_has_approved_is_not_put_in_force(site: Facility) -> None:
    """Without a policy a change is carried out, and its files are handed over, but no host is touched."""
    said = site.stack.refused("up", "--yes", "--skip-preview")
    assert "no host was touched:" in said
    assert "configuration names: sites/dc1/etc/bind/groups/_none.conf (sha256 " in said
    assert "in no approved change" in said
    assert site.servers() == ["", ""]


def test_faults_of_the_file_end_the_run(site: Facility) -> None:
    """A file without configurations, and a host without a site, are told in a line each, and nothing is registered."""
    site.file["hosts"]["host-001"].pop("site")
    (site.stack.root / "fleet.yaml").write_text(yaml.safe_dump(site.file), encoding="utf-8")
    said = site.stack.refused("preview")
    assert "fleet.yaml: host host-001 has no site; declare it: host-001: {site: SITE}" in said
    assert "fleet.yaml: configurations is missing; declare which files go to which hosts" in said

"""The hosts of a fleet: declared, chosen, and as others' files."""

import json
import subprocess
from pathlib import Path

import pytest

from zonewright.fleet.fleet_file import FleetFileError, read_fleet_file
from zonewright.fleet.inventory import Selector, ansible_inventory, hosts_of, ssh_config
from zonewright.ledger.protocol.holding_messages import Holding

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE0VqYhJY/ug+QoY/H/ILyYWzApMSh1djsl1KNyRt5Bz"
TEXT = f"""\
party: operator
login:
  user: deploy
  jump: gate
bastions:
  gate: {{address: 192.0.2.1, port: 2222, host_keys: ["{KEY}"]}}
hosts:
  core-001: {{address: 10.0.0.1, site: dc1, rack: dc1/a/01/01, cluster: core, tenant: tenant-a, labels: [gpu, new]}}
  core-002: {{address: 10.0.0.2, site: dc1, rack: dc1/a/01/02, cluster: core, tenant: tenant-a, user: root}}
  edge-001: {{address: 10.0.1.1, site: edge1, labels: [gpu]}}
"""


def file(tmp_path: Path, text: str = TEXT) -> Path:
    """A fleet's file."""
    path = tmp_path / "fleet.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_selectors_narrow_together(tmp_path: Path) -> None:
    """Each selector narrows, several values of one widen, and the limit takes the first by name."""
    hosts = hosts_of(read_fleet_file(file(tmp_path)))
    for selector, names in (
        (Selector(), ["core-001", "core-002", "edge-001"]),
        (Selector(sites=("dc1",)), ["core-001", "core-002"]),
        (Selector(labels=("gpu",)), ["core-001", "edge-001"]),
        (Selector(labels=("gpu", "new")), ["core-001"]),
        (Selector(racks=("dc1/a/01/01", "dc1/a/01/02")), ["core-001", "core-002"]),
        (Selector(tenants=("tenant-a",), clusters=("core",), limit=1), ["core-001"]),
        (Selector(names=("edge-001",)), ["edge-001"]),
    ):
        assert [host.name for host in selector.choose(hosts)] == names


def test_a_receiver_that_cannot_be_is_told_and_its_password_is_not(tmp_path: Path) -> None:
    """Each with its line: a URL with a password, one that is none, a token without its receiver."""
    agent = "agent:\n  url: https//zone\n  also_url: https://me:hunter2@zone:443/v1\n"
    with pytest.raises(FleetFileError) as caught:
        read_fleet_file(file(tmp_path, TEXT + agent))
    lines = TEXT.count("\n") + 2
    assert [(one.line, one.got) for one in caught.value.problems] == [
        (lines, "'https//zone'"),
        (lines + 1, "a password in a URL, which is not shown"),
    ]
    assert "hunter2" not in str(caught.value)
    with pytest.raises(FleetFileError, match="a token without a receiver"):
        read_fleet_file(file(tmp_path, f"{TEXT}agent: {{url: 'https://zone/v1/metrics', also_token_file: /t}}\n"))


def test_what_meets_no_host_is_told(tmp_path: Path) -> None:
    """A name that is not there, and selectors that together meet nothing, are refused."""
    hosts = hosts_of(read_fleet_file(file(tmp_path)))
    with pytest.raises(ValueError, match=r"^there is no host 'core-003'; there is no host 'x'$"):
        Selector(names=("core-003", "x")).choose(hosts)
    with pytest.raises(ValueError, match="no host matches"):
        Selector(sites=("edge1",), clusters=("core",)).choose(hosts)


def test_nodes_of_the_ledger_come_beside_what_is_declared(tmp_path: Path) -> None:
    """A node of the ledger has its address, site, rack and cluster from there; the file's word on it wins."""
    data = {"rack": "dc1/a/01/09", "addresses": {"v4": "10.0.0.9/20"}}
    nodes = [
        (Holding(stack_id="stack-of-b", kind="node", name=name, state=state, generation=1, data=data), "tenant-b")
        for name, state in (("web-001", "active"), ("core-001", "active"), ("old-001", "freed"))
    ]
    hosts = {host.name: host for host in hosts_of(read_fleet_file(file(tmp_path)), nodes)}
    assert "old-001" not in hosts
    web = hosts["web-001"]
    assert (web.target.address, web.target.user, web.site, web.rack) == ("10.0.0.9", "deploy", "dc1", "dc1/a/01/09")
    assert (web.tenant, web.cluster) == ("tenant-b", "web")
    assert (hosts["core-001"].target.address, hosts["core-001"].tenant) == ("10.0.0.1", "tenant-a")


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    """Each fault of the file is one sentence with its line: types, unknown bastions, keys that are none, waves."""
    text = TEXT.replace("jump: gate\n", "jump: gaet\n").replace("port: 2222", "port: 70000") + (
        '  bad-001: {user: "Bad User", host_keys: ["ssh-rsa nonsense"], colour: red}\n'
        "rollout:\n  waves: [{hosts: 1, percent: 10}, {percent: 50}]\n"
    )
    with pytest.raises(FleetFileError) as caught:
        read_fleet_file(file(tmp_path, text))
    said = [(problem.line, problem.path) for problem in caught.value.problems]
    assert (6, "bastions.gate.port") in said
    assert (11, "hosts.bad-001.user") in said
    assert (11, "hosts.bad-001.colour") in said
    assert (13, "rollout.waves.0") in said
    assert (13, "rollout.waves.1") in said
    assert (4, "login.jump") in said
    assert all("expected" in str(problem) for problem in caught.value.problems)


def test_ansible_takes_the_inventory(tmp_path: Path) -> None:
    """Groups for site, tenant, cluster and label; the way through the bastion stands with each host."""
    document = json.loads(ansible_inventory(hosts_of(read_fleet_file(file(tmp_path)))))
    assert document["cluster_core"]["hosts"] == ["core-001", "core-002"]
    assert document["label_gpu"]["hosts"] == ["core-001", "edge-001"]
    own = document["_meta"]["hostvars"]["core-002"]
    assert own["ansible_user"] == "root"
    assert own["ansible_ssh_common_args"] == "-o ProxyJump=deploy@192.0.2.1:2222"


def test_openssh_takes_the_configuration(tmp_path: Path) -> None:
    """OpenSSH itself reads address, port, user and bastion from the exported file, and is strict about keys."""
    path = tmp_path / "config"
    path.write_text(ssh_config(hosts_of(read_fleet_file(file(tmp_path))), [tmp_path / "known"]), encoding="utf-8")
    done = subprocess.run(["ssh", "-G", "-F", str(path), "core-001"], capture_output=True, text=True, check=True)
    for line in ("hostname 10.0.0.1", "user deploy", "proxyjump gate", "stricthostkeychecking true"):
        assert line in done.stdout.splitlines()
    done = subprocess.run(["ssh", "-G", "-F", str(path), "gate"], capture_output=True, text=True, check=True)
    assert "port 2222" in done.stdout.splitlines()

"""Rendered configurations on real SSH hosts: approved, validated, switched, checked, confirmed, or put back."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.config_world import CONFIGURATION, ONE, TWO, ConfigWorld, config_world
from support.golden import compare_golden
from support.second_opinion import verified
from support.ssh_hosts import require_namespaces
from support.zone_project import REPOSITORY
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.change_messages import ChangesRequest
from zonewright.ledger.protocol.journal_messages import HistoryRequest

ZONES = Path("root/etc/bind/zones")


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[ConfigWorld]:
    with config_world(tmp_path) as world:
        yield world


def hand_over(world: ConfigWorld, path: Path) -> None:
    """Make a path below the user's home the user's own, with its folders."""
    home = world.hosts[0].home
    owner = home.stat()
    for one in (path, *path.parents):
        if one.is_relative_to(home):
            os.chown(one, owner.st_uid, owner.st_gid)


def test_the_life_of_a_configuration(world: ConfigWorld) -> None:
    """Differences, first installation, nothing to do, the next version, drift by file, and drift put right."""
    plan = world.run("deploy", "--configs", "--dry-run")
    assert plan.code == 0, plan.stderr
    assert "host-001: names nothing -> names-" in plan.stdout
    assert "    +++ b/home/operator/root/etc/bind/zones/site.zone\n" in plan.stdout
    assert not world.text()

    done = world.run("deploy", "--configs")
    assert done.code == 0, done.stdout + done.stderr
    assert ONE in world.text()
    assert world.run("deploy", "--configs").stdout.startswith("host-001  unchanged ")
    assert world.run("verify").code == 0

    world.facility.approved(TWO)
    verify = world.run("verify")
    assert verify.code == 1
    assert "    changed: /home/operator/root/etc/bind/zones/site.zone (sha256 " in verify.stdout
    assert world.state() == ("changed", "")
    assert TWO in world.text()
    assert world.text(name="reloads").splitlines() == [ONE, TWO]
    assert world.run("verify").code == 0
    status = world.run("status")
    assert (status.code, status.stderr) == (0, "")
    assert re.fullmatch(
        r"host-001  in force\n    names: names-[0-9a-f]{12}, before it names-[0-9a-f]{12}\n", status.stdout
    )

    kept = world.hosts[0].home / "kept" / "names"
    versions = [one.name for one in kept.iterdir() if (one / "MANIFEST").exists() and not one.is_symlink()]
    assert len(versions) == 2
    (kept / "names-0123456789ab").mkdir()
    (kept / "names-0123456789ab" / "MANIFEST").touch()
    hand_over(world, kept / "names-0123456789ab" / "MANIFEST")
    (world.hosts[0].home / ZONES / "site.zone").write_text("mine\n", encoding="utf-8")
    (world.hosts[0].home / "root" / "etc" / "bind" / "named.conf").unlink()
    drift = world.run("verify").stdout
    assert "    missing: /home/operator/root/etc/bind/named.conf\n" in drift
    assert "    changed: /home/operator/root/etc/bind/zones/site.zone (sha256 " in drift
    assert "    extra version: /home/operator/kept/names/names-0123456789ab\n" in drift
    assert world.state() == ("changed", "")
    assert world.run("verify").code == 0


@pytest.mark.parametrize(
    ("changes", "state", "reason"),
    [
        ({"reload": "echo no such unit; exit 3"}, "rolled-back", "names: the reload failed (3): no such unit"),
        ({"reload": "sleep 30"}, "rolled-back", "names: the reload did not end within 2 s"),
        ({"check": f"echo it is deaf; ! grep -q {TWO} ~/root/etc/bind/zones/site.zone"}, "rolled-back", "it is deaf"),
        ({"owner": "nobody-here"}, "failed", "install of names failed: chown: invalid user: 'nobody-here'"),
    ],
)
def test_what_does_not_work_is_put_back(world: ConfigWorld, changes: dict[str, str], state: str, reason: str) -> None:
    """A reload or check that fails leaves every file as it was before, and the reason is told."""
    assert world.state()[0] == "changed"
    before = world.text()
    world.facility.approved(TWO)
    world.write(**changes)
    found, why = world.state()
    assert (found, reason in why) == (state, True), why
    assert world.text() == before
    assert not list((world.hosts[0].home / ZONES).rglob(".zonewright*"))
    world.write()
    assert world.state() == ("changed", "")
    assert TWO in world.text()


def test_files_that_were_there_before_come_back(world: ConfigWorld) -> None:
    """A first configuration that fails gives back the operator's own file, with its mode, and takes away the others."""
    own = world.hosts[0].home / ZONES / "site.zone"
    own.parent.mkdir(parents=True)
    own.write_text("my own zone\n", encoding="utf-8")
    own.chmod(0o640)
    hand_over(world, own)
    world.write(check="false")
    assert world.state()[0] == "rolled-back"
    assert (own.read_text(encoding="utf-8"), own.stat().st_mode & 0o777) == ("my own zone\n", 0o640)
    assert not (world.hosts[0].home / "root" / "etc" / "bind" / "named.conf").exists()


def test_two_configurations_are_one_change(tmp_path: Path) -> None:
    """As root, by sudo: when the second one fails its check the first one, which was good, goes back too."""
    require_namespaces()
    with config_world(tmp_path, sudoers="operator ALL=(root) NOPASSWD: ALL") as world:
        home = world.hosts[0].home
        common = {"as_root": True, "folder": "/home/operator/system", "keep": "/home/operator/system-kept"}
        names = {**CONFIGURATION, **common, "owner": "operator:root", "mode": "640", "reload": ""}
        names["check"] = "test -s /home/operator/system/etc/bind/named.conf"
        collector = {**names, "format": "prometheus", "check": "echo no answer; false", "owner": ""}
        world.fleet["configurations"] = {"a-names": names, "b-collector": collector}
        world.save()
        state, reason = world.state()
        assert (state, reason) == (
            "rolled-back",
            "b-collector: the check did not pass within 2 s: no answer; the previous configuration runs again",
        )
        assert not [path for path in (home / "system").rglob("*") if path.is_file()]
        collector["check"] = "true"
        world.save()
        assert world.state() == ("changed", "")
        named = (home / "system" / "etc" / "bind" / "named.conf").stat()
        assert (named.st_uid, named.st_gid, named.st_mode & 0o777) == (home.stat().st_uid, 0, 0o640)
        assert (home / "system" / "etc" / "prometheus" / "prometheus.yml").stat().st_uid == 0
        assert world.run("verify").code == 0
        found = world.facility.client.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries
        entry = [one for one in found if one.kind == "fleet-run"][-1]
        plan = world.facility.client.call(verbs.CHANGES, ChangesRequest()).changes[-1].plan
        assert (entry.kind, entry.payload["what"]) == ("fleet-run", f"deploy --configs, approved by plan {plan[7:19]}")
        assert [name[:8] for name in sorted(entry.payload["releases"])] == ["a-names-", "b-collec"]


def test_a_run_is_evidence_of_the_changes_that_it_brought(world: ConfigWorld) -> None:
    """Each run stands in the bundle of the change that it installed, by its digest in the journal; show tells it."""
    first = world.facility.planner.bundle()
    assert world.state() == ("changed", "")
    world.facility.approved(TWO)
    world.write(check="echo it is deaf; false")
    assert world.state()[0] == "rolled-back"
    files = world.facility.planner.bundle()
    (path,) = (name for name in files if name.startswith("rollouts/"))
    record = json.loads(files[path])
    (host,) = record["hosts"]
    assert (host["host"], host["state"], host["before"][:6]) == ("host-001", "rolled-back", "names-")
    assert "it is deaf" in host["reason"]
    assert list(record["files"]) == [host["after"]]
    checks = {one.name: one for one in verified(files)}
    assert [one.line() for one in checks.values() if one.verdict == "wrong"] == []
    assert checks["roll-outs"].detail.startswith("1 run on 1 host")
    plans = [one.plan[7:19] for one in world.facility.client.call(verbs.CHANGES, ChangesRequest()).changes]
    said = [world.command_line("change", "show", plan) for plan in plans]
    assert "deploy --configs, approved by plan" in said[0].stdout
    assert "1 changed; versions: names-" in said[0].stdout
    assert "1 rolled-back; versions: names-" in said[1].stdout
    assert "host-001 rolled-back: names: the check did not pass" in said[1].stdout
    assert not [name for name in first if name.startswith("rollouts/")]


def test_what_is_wrong_with_the_declaration_is_told(world: ConfigWorld) -> None:
    """A format or file that there is not, and one path twice, are a sentence each, and no host is touched."""
    world.fleet["configurations"] = {
        "a": {**CONFIGURATION, "format": "bindd"},
        "b": {**CONFIGURATION, "files": {"etc/bind/name.conf": "/home/operator/x"}},
        "c": CONFIGURATION,
        "d": {**CONFIGURATION},
    }
    world.save()
    done = world.run("deploy", "--configs")
    assert done.code == 1
    lines = (world.folder / "fleet.yaml").read_text(encoding="utf-8").splitlines()
    faulty = ("    format: bindd", "      etc/bind/name.conf: /home/operator/x", "  d:")
    places = [lines.index(text) + 1 for text in faulty]
    said = done.stderr.splitlines()
    for number, path, fault in zip(
        places,
        ("a.format", "b.files.'etc/bind/name.conf'", "d"),
        (
            "an unknown format: expected agent-settings, bind, ",
            "an unknown file: expected etc/bind/groups/_none.conf, ",
            "a file that configuration c writes too: expected one configuration for each file of a host, got ",
        ),
        strict=True,
    ):
        begin = f"error: fleet.yaml:{number}: configurations.{path}: {fault}"
        assert any(line.startswith(begin) for line in said), (begin, done.stderr)
    assert "got 'bindd'; did you mean 'bind'?" in done.stderr
    assert "got 'etc/bind/name.conf'; did you mean 'etc/bind/named.conf'?" in done.stderr
    assert done.stderr.count("got /home/operator/root/etc/bind/named.conf; give it another folder") == 1
    world.fleet["configurations"] = {"a": {**CONFIGURATION, "labels": ["router"]}}
    world.save()
    done = world.run("deploy", "--configs")
    assert (done.code, done.stderr) == (
        2,
        "error: fleet.yaml: no configuration is for any of these hosts; see its hosts, sites and labels\n",
    )


def test_a_configuration_that_does_not_work(world: ConfigWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recorded session of the documentation: the host puts the files back, and verify shows what is to be done."""
    monkeypatch.setenv("COLUMNS", "80")
    assert world.state() == ("changed", "")
    world.facility.approved(TWO)
    world.write(check=f"echo no answer from {ONE}; ! grep -q {TWO} ~/root/etc/bind/zones/site.zone")
    done, verify = world.run("deploy", "--configs"), world.run("verify")
    assert (done.code, verify.code) == (1, 1)
    said = (
        f"$ zonewright fleet deploy --configs\n{done.stderr}{done.stdout}$ echo $?\n1\n"
        f"$ zonewright fleet verify\n{verify.stdout}"
    )
    said = re.sub(r"\b[0-9a-f]{12}\b", "<digest>", said)
    said = re.sub(r"[0-9]{8}T[0-9]{6}-[0-9a-f]{6}", "<run>", said)
    compare_golden("fleet/bad-configuration.txt", said)
    assert said in (REPOSITORY / "docs" / "how-to" / "deploy-configurations.md").read_text(encoding="utf-8")

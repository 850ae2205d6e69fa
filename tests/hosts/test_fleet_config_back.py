"""Hosts go back to the configurations that they had before: approved versions only, on trial as any other."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.config_world import ONE, TWO, ConfigWorld, config_world
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.change_messages import ChangesRequest
from zonewright.ledger.protocol.journal_messages import HistoryRequest

BACK = ("rollback", "--configs")


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[ConfigWorld]:
    """One host that got a first version and then a second one."""
    with config_world(tmp_path) as world:
        two_versions(world)
        yield world


def two_versions(world: ConfigWorld) -> None:
    """Deploy one version, and the next one."""
    assert {one["state"] for one in world.states().values()} == {"changed"}
    world.facility.approved(TWO)
    assert {one["state"] for one in world.states().values()} == {"changed"}


def kept(world: ConfigWorld, name: str) -> Path:
    """Something in the folder of versions on the first host."""
    return world.hosts[0].home / "kept" / "names" / name


def current(world: ConfigWorld) -> str:
    """The version in force on the first host."""
    return str(kept(world, "current").readlink())


def overwrite(path: Path, text: str) -> None:
    """Write a file of the host's user and leave it his."""
    owner = path.stat()
    path.write_text(text, encoding="utf-8")
    os.chown(path, owner.st_uid, owner.st_gid)


def test_back_and_forth(world: ConfigWorld) -> None:
    """The plan changes nothing; the host goes back; it is drift then, and the next deployment goes forward again."""
    second = current(world)
    plan = world.run(*BACK, "--dry-run")
    assert plan.code == 0, plan.stderr
    assert f"  back from {second} to the previous approved version\n" in plan.stdout
    lines = [line[4:] for line in plan.stdout.splitlines() if line.startswith(("    -", "    +"))]
    assert [line for line in lines if " SOA " not in line and line[1:3] not in ("--", "++", "; ")] == [
        "-3 IN PTR ns1.dc1.internal.",
        "+2 IN PTR ns1.dc1.internal.",
        f"-ns1 IN A {TWO}",
        f"+ns1 IN A {ONE}",
    ]
    assert TWO in world.text()

    done = world.run(*BACK)
    assert done.code == 0, done.stdout + done.stderr
    assert f"host-001  changed      {second} -> names-" in done.stdout
    assert ONE in world.text()
    assert world.text(name="reloads").splitlines() == [ONE, TWO, ONE]
    first = current(world)
    assert first != second
    assert world.run("verify").code == 1
    assert world.state() == ("changed", "")
    assert TWO in world.text()
    assert world.run(*BACK).code == 0
    assert current(world) == first


def test_a_step_without_files_ends_no_search(tmp_path: Path) -> None:
    """A stack that had nothing at the site for a while still gives the version from before that."""
    with config_world(tmp_path) as world:
        assert world.state() == ("changed", "")
        facility, at = world.facility, world.facility.clock
        plan, _ = facility.planner.plan(at=at(), sites={})
        facility.approve(plan)
        facility.planner.complete(facility.planner.admit(sites={}))
        facility.approved(TWO)
        assert world.state() == ("changed", "")
        done = world.run(*BACK)
        assert done.code == 0, done.stdout
        assert ONE in world.text()


def test_what_lies_on_the_host_is_not_trusted(world: ConfigWorld) -> None:
    """An altered file of the old version is not installed: the approved text is; another name of it is refused."""
    old = (kept(world, "previous") / "ID").read_text(encoding="utf-8").strip()
    overwrite(kept(world, old) / "root" / "etc" / "bind" / "zones" / "site.zone", "planted\n")
    overwrite(kept(world, "previous") / "ID", "names-0123456789ab\n")
    refused = world.run(*BACK)
    assert refused.code == 1
    assert "host-001  failed" in refused.stdout
    said = " ".join(refused.stdout.split())
    assert "the previous version names-0123456789ab is in no approved change that was carried out" in said
    assert TWO in world.text()
    assert world.run(*BACK, "--dry-run").code == 1
    overwrite(kept(world, "previous") / "ID", f"{old}\n")
    assert world.run(*BACK).code == 0
    assert ONE in world.text()
    assert "planted" not in world.text()


def test_an_old_version_that_does_not_work_is_put_back(world: ConfigWorld) -> None:
    """The trial of the old version fails its check: the present files stay, and the old version can be tried again."""
    world.write(check=f"echo it is deaf; ! grep -q {ONE}$ ~/root/etc/bind/zones/site.zone")
    done = world.run(*BACK)
    assert (done.code, "host-001  rolled-back" in done.stdout) == (1, True), done.stdout
    assert "it is deaf" in done.stdout
    assert TWO in world.text()
    world.write()
    assert world.run(*BACK).code == 0
    assert ONE in world.text()


def test_nothing_to_go_back_to(tmp_path: Path) -> None:
    """Never installed, installed once, drift put right, put back by its wave: each host says so and is left alone."""
    with config_world(tmp_path, 2) as world:
        world.fleet["rollout"] = {"waves": [{"percent": 100}]}
        world.save()
        assert "configuration names: it was never installed there" in world.run(*BACK, "host-001").stdout
        assert {one["state"] for one in world.states().values()} == {"changed"}
        assert "it has no version before names-" in " ".join(world.run(*BACK, "host-001").stdout.split())
        overwrite(world.hosts[0].home / "root/etc/bind/named.conf", "mine\n")
        assert world.states()["host-001"]["state"] == "changed"
        said = " ".join(world.run(*BACK, "host-001").stdout.split())
        assert "has the same content: the last run only repaired drift" in said

        world.facility.approved(TWO)
        world.write(check="test ! -e ~/deaf")
        (world.hosts[1].home / "deaf").touch()
        assert {one["state"] for one in world.states().values()} == {"rolled-back"}
        assert ONE in world.text()
        done = world.run(*BACK)
        assert done.code == 1
        assert " ".join(done.stdout.split()).count("it has no version before names-") == len(world.hosts)
        assert ONE in world.text()
        (world.hosts[1].home / "deaf").unlink()
        assert {one["state"] for one in world.states().values()} == {"changed"}
        assert world.run("verify").code == 0


def test_a_host_that_is_off_does_not_hold_the_others(tmp_path: Path) -> None:
    """It is unreachable, the other one goes back, and the exit code says that something was not decided."""
    with config_world(tmp_path, 2) as world:
        two_versions(world)
        world.hosts[0].stop()
        done = world.run(*BACK)
        assert done.code == 3, done.stdout
        assert "host-001  unreachable" in done.stdout
        assert "host-002  changed" in done.stdout
        assert ONE in world.text(1)


def test_what_is_wrong_is_told_and_what_is_done_is_recorded(world: ConfigWorld) -> None:
    """Options that do not fit, and other places or modes than then, touch nothing and are a sentence each.

    What goes back then is in journal and evidence under the plan by which the old version was approved.
    """
    done = world.run(*BACK, "--configuration", "name")
    assert (done.code, done.stderr) == (2, "error: fleet.yaml: there is no configuration 'name'; there are names\n")
    for option in (("--dry-run",), ("--configuration", "names")):
        done = world.run("rollback", *option)
        assert done.code == 2
        assert done.stderr.startswith(f"error: {option[0]} needs --configs; ")
    world.write(mode="640")
    done = world.run(*BACK)
    assert done.code == 1
    assert "its places, owner, mode or secrets have changed since" in " ".join(done.stdout.split())
    assert TWO in world.text()

    world.write()
    first, second = (one.plan for one in world.facility.client.call(verbs.CHANGES, ChangesRequest()).changes)
    assert world.run(*BACK, "--configuration", "names").code == 0
    found = world.facility.client.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries
    entries = [one for one in found if one.kind in ("fleet-run", "rolled-out")][-2:]
    what = f"rollback --configs, approved by plan {first[7:19]}"
    assert [(one.kind, one.payload["what"]) for one in entries] == [("fleet-run", what), ("rolled-out", what)]
    assert entries[1].payload["plan"] == first
    assert what in " ".join(world.command_line("change", "show", first[7:19]).stdout.split())
    assert f"approved by plan {first[7:19]}" not in world.command_line("change", "show", second[7:19]).stdout

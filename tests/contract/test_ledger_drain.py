"""Racks are emptied by changes that the ledger admits one after the other, and others see what they may."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.ledger_party import Party
from support.served_ledger import Served, served_ledger
from support.zone_project import ZONE, cluster, facility
from zonewright.cli import main
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.holding_messages import Holding
from zonewright.ledger.protocol.outage_messages import DrainRequest, OutageRequest
from zonewright.ledger.protocol.stack_messages import InitRequest, ReportRequest
from zonewright.ledger.protocol.who_messages import WhoRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone
from zonewright.place.draining import DrainPlan, step_text

SINGLE = {**ZONE["node_types"]["one-u"], "power_supplies": 1, "power_supplies_required": 1}
ZONE_FILE = Zone.model_validate({**ZONE, "node_types": {**ZONE["node_types"], "single": SINGLE}})
RACK = "dc1/a/01/01"


def _at(position: int, rack: str = RACK) -> dict[str, Any]:
    return {"rack": rack, "position": position}


@pytest.fixture(name="client")
def _client(tmp_path: Path) -> Iterator[LedgerClient]:
    with LedgerClient(f"sqlite:///{tmp_path / 'ledger.db'}", create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        yield client


def _party(client: LedgerClient, name: str) -> Party:
    return Party(client, f"stack-of-{name}", name, zone=ZONE_FILE)


def _racks(client: LedgerClient, racks: int = 3, **shape: Any) -> None:
    _party(client, "operator").bring_up(sites=facility(racks, **shape)["sites"])


def _drain(client: LedgerClient, *subjects: str) -> DrainPlan:
    return client.call(verbs.DRAIN, DrainRequest(subjects=list(subjects))).plan


def _carry_out(client: LedgerClient, plan: DrainPlan, declared: dict[str, dict[str, Any]]) -> None:
    """Each party puts the text of its step into its file and runs `up`; every state is admitted and sound."""
    for step in plan.steps:
        parts = yaml.safe_load("\n".join(step_text(step)))["clusters"]
        clusters = declared[step.party]
        for name, part in parts.items():
            clusters[name] = {**clusters[name], "places": {**clusters[name].get("places", {}), **part["places"]}}
        party = _party(client, step.party)
        party.admit(party.propose(party.demand(clusters=clusters)))
        for name, state in party.states():
            if state == "admitted":
                party.confirm(name, _generation(party, name))
        stands = {one.name: (one.data["rack"], one.data["position"]) for one in _held(party) if one.state == "active"}
        assert stands | {move.node: (move.new.rack, move.new.position) for move in step.moves} == stands


def _held(party: Party) -> list[Holding]:
    return party.client.call(verbs.REPORT, ReportRequest(stack_id=party.stack_id)).holdings


def _generation(party: Party, name: str) -> int:
    return max(one.generation for one in _held(party) if one.name == name)


def _left(client: LedgerClient, place: str) -> list[str]:
    return [one.name for one in client.call(verbs.WHO, WhoRequest(subject=place)).found if one.kind == "node"]


def test_a_rack_is_emptied(client: LedgerClient) -> None:
    """All nodes move, chosen and automatic ones; the plan's declarations are admitted in their order."""
    _racks(client)
    declared = {
        "tenant-a": {"web": cluster(4, places={"001": _at(40)}), "app": cluster(2, node_type="two-u")},
        "tenant-b": {"db": cluster(3)},
    }
    for name, clusters in declared.items():
        _party(client, name).bring_up(clusters=clusters)
    before = _left(client, RACK)
    assert before
    plan = _drain(client, RACK)
    assert plan.stuck == ()
    assert sorted(move.node for step in plan.steps for move in step.moves) == sorted(before)
    assert plan.states >= 2 * len(plan.steps)
    _carry_out(client, plan, declared)
    assert _left(client, RACK) == []
    assert _drain(client, RACK).steps == ()


def test_one_that_wants_a_rack_alone_keeps_others_out(client: LedgerClient) -> None:
    """Of two that have one rack left the first moves, and the other is said to be stuck, with what is short."""
    _racks(client, 3, u_height=2)
    declared = {
        "tenant-a": {"web": cluster(1, exclusive="rack", places={"001": _at(1)})},
        "tenant-b": {"db": cluster(1, places={"001": _at(1, "dc1/a/01/02")})},
    }
    for name, clusters in declared.items():
        _party(client, name).bring_up(clusters=clusters)
    plan = _drain(client, RACK, "dc1/a/01/02")
    assert [step.party for step in plan.steps] == ["tenant-a"]
    (stuck,) = plan.stuck
    assert (stuck.party, stuck.node, stuck.place) == ("tenant-b", "db-001", "dc1/a/01/02 U1")
    assert stuck.why
    _carry_out(client, plan, declared)
    assert _left(client, RACK) == []


def test_what_cannot_move_is_said_with_what_is_missing(client: LedgerClient) -> None:
    """A full zone says of each node what is short; what fits is moved all the same."""
    _racks(client, 2, u_height=3)
    declared = {"tenant-a": {"web": cluster(5)}}
    _party(client, "tenant-a").bring_up(clusters=declared["tenant-a"])
    plan = _drain(client, RACK)
    moved = [move.node for step in plan.steps for move in step.moves]
    assert len(moved) + len(plan.stuck) == 3
    assert len(moved) == 1
    assert all("U" in one.why or "rack" in one.why for one in plan.stuck)
    _carry_out(client, plan, declared)


def test_a_feed_is_drained_of_those_who_need_it(client: LedgerClient) -> None:
    """Of a rack whose feed goes only nodes with one supply on it move; those with two stay."""
    _racks(client)
    declared = {
        "tenant-a": {
            "web": cluster(1, places={"001": _at(1)}),
            "old": cluster(1, node_type="single", feed="B", places={"001": _at(2)}),
        }
    }
    _party(client, "tenant-a").bring_up(clusters=declared["tenant-a"])
    plan = _drain(client, f"{RACK}:B")
    assert [move.node for step in plan.steps for move in step.moves] == ["old-001"]
    _carry_out(client, plan, declared)
    report = client.call(verbs.OUTAGE, OutageRequest(subjects=[f"{RACK}:B"])).report
    assert report.down == ()
    assert [one.name for one in report.stays] == ["web-001"]


def test_baseline_is_nobodys_to_move(client: LedgerClient) -> None:
    """What stands there already is said to be the operator's own work."""
    sites = facility(2)["sites"]
    sites["dc1"]["rooms"]["a"]["rows"]["01"]["baseline"] = {
        "old": {"racks": "01", "position": 1, "u_height": 2, "allocated_draw": 100}
    }
    _party(client, "operator").bring_up(sites=sites)
    (stuck,) = _drain(client, RACK).stuck
    assert stuck.party == "operator"
    assert "moves it by hand" in stuck.why


def test_unknown_things_are_refused(client: LedgerClient) -> None:
    """A subject that is not there is one sentence of the ledger."""
    _racks(client)
    with pytest.raises(LedgerRefusedError, match="nothing is called"):
        client.call(verbs.DRAIN, DrainRequest(subjects=["dc1/a/01/1"]))
    with pytest.raises(LedgerRefusedError, match="nothing is called"):
        client.call(verbs.OUTAGE, OutageRequest(subjects=["dc1/zz"]))
    with pytest.raises(LedgerRefusedError, match="dc1 is a whole site: name its rooms one by one, such as dc1/a"):
        client.call(verbs.DRAIN, DrainRequest(subjects=["dc1"]))


@pytest.fixture(name="served")
def _served(tmp_path: Path) -> Iterator[Served]:
    with served_ledger(tmp_path, Zone.model_validate(ZONE)) as served:
        yield served


def test_a_party_sees_its_own_and_what_stands_in_its_racks(served: Served) -> None:
    """A tenant is told of its nodes and how many others there are; the operator of all in its racks."""
    tenant = served.client(served.grant("runner-a", "tenant-a", "tenant"))
    operator = served.client(served.grant("runner-o", "operator", "facility-operator"))
    report = tenant.call(verbs.OUTAGE, OutageRequest(subjects=["dc1/a/01"])).report
    assert {one.party for one in report.down} == {"tenant-a"}
    assert report.hidden == (("down", 2),)
    assert len(operator.call(verbs.OUTAGE, OutageRequest(subjects=["dc1/a/01"])).report.down) == 4
    plan, whole = _drain(tenant, RACK), _drain(operator, RACK)
    assert {step.party for step in plan.steps} <= {"tenant-a"}
    assert sum(len(step.moves) for step in whole.steps) == sum(len(step.moves) for step in plan.steps) + plan.hidden


def test_the_commands_write_and_track(
    client: LedgerClient, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan is written as declarations, fits 60 columns, and is tracked until all have moved.

    Nodes that cannot be moved for the same reason are told together.
    """
    monkeypatch.setenv("COLUMNS", "60")
    _racks(client)
    declared = {"tenant-a": {"web": cluster(2)}, "tenant-b": {"db": cluster(1)}}
    for name, clusters in declared.items():
        _party(client, name).bring_up(clusters=clusters)
    folder, where = tmp_path / "drained", ["--ledger", f"sqlite:///{tmp_path / 'ledger.db'}"]
    assert main(["drain", RACK, "--output", str(folder), *where]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 60
    assert sorted(path.name for path in folder.iterdir()) == ["01-tenant-a.yaml", "02-tenant-b.yaml", "plan.json"]
    assert main(["drain", "--track", str(folder), *where]) == 1
    assert "3 nodes left" in capsys.readouterr().out
    plan = _drain(client, RACK)
    first = DrainPlan(drained=plan.drained, steps=plan.steps[:1])
    _carry_out(client, first, declared)
    assert main(["drain", "--track", str(folder), "--format", "json", *where]) == 1
    assert [len(one["done"]) for one in json.loads(capsys.readouterr().out)["changes"]] == [2, 0]
    _carry_out(client, DrainPlan(drained=(), steps=plan.steps[1:]), declared)
    assert main(["drain", "--track", str(folder), *where]) == 0
    assert "all have moved" in capsys.readouterr().out
    assert main(["drain", RACK, *where]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "nobody has to move"
    assert main(["drain", "dc1/a/01", *where]) == 1
    assert "2 nodes of tenant-a, web-001 at dc1/a/01/" in capsys.readouterr().out
    (folder / "plan.json").write_text("[]", encoding="utf-8")
    for wrong in (["--track", str(folder)], ["--track", "nowhere"], [], [RACK, "--track", str(folder)]):
        assert main(["drain", *wrong, *where]) == 2
        assert "Traceback" not in capsys.readouterr().err

"""``ledger find``, ``found`` and ``reconcile``: machines and states beside what the ledger has."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.ledger_party import ZONE_FILE, Party
from support.served_ledger import OTHER, OWN, Served, served_ledger
from support.zone_project import REPOSITORY, ZONE, cluster, facility
from zonewright.changes.reconciling import StateError, mismatches, read_state
from zonewright.cli import main
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.found_messages import FindAnswer, FindRequest, FoundRecord, FoundRequest
from zonewright.ledger.protocol.journal_messages import HistoryRequest
from zonewright.ledger.protocol.stack_messages import InitRequest, ReportRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone

PARTIES = {**ZONE["parties"], "office": {"title": "Zone", "roles": ["zone-administrator", "auditor"]}}
WITH_AUDITOR = Zone.model_validate({**ZONE, "parties": PARTIES})


def record(client: LedgerClient, **fields: Any) -> FoundRecord:
    """What the operator found."""
    given = {"rack": "dc1/a/01/02", "position": 7, "why": "the label says so", "contact": "Ben, night shift"}
    return client.call(verbs.FOUND, FoundRequest(party="operator", **{"subject": "web-001", **given, **fields}))


def find(served: Served, party: str, role: str, subject: str = "") -> FindAnswer:
    """What a principal of a party is told."""
    token = served.grant(f"reader-{party}-{len(served.opened)}", party, role)
    return served.client(token).call(verbs.FIND, FindRequest(subject=subject))


def test_what_an_operator_found_is_told_to_whom_it_concerns(tmp_path: Path) -> None:
    """The operator, the claim's party and an auditor see the record; another tenant sees none, and no claim changes."""
    with served_ledger(tmp_path, WITH_AUDITOR) as served:
        before = served.local.call(verbs.REPORT, ReportRequest(stack_id=OWN))
        operator = served.client(served.grant("operator-1", "operator", "facility-operator"))
        address = address_of(served, OWN)
        made = record(operator, subject=address)
        assert (made.claim, made.stack_id) == ("web-001", OWN)
        for subject in (address, "web-001"):
            told = find(served, "tenant-a", "tenant", subject)
            assert [one.number for one in told.found] == [made.number], subject
            assert [one.stack_id for one in told.stands] == [OWN]
        assert find(served, "tenant-b", "tenant", address) == FindAnswer(stands=[], found=[])
        assert find(served, "tenant-b", "tenant").found == []
        assert find(served, "office", "auditor").found == [made]
        assert served.local.call(verbs.REPORT, ReportRequest(stack_id=OWN)) == before
        settle = FoundRequest(party="operator", settles=made.number, why="it was moved back")
        settled = operator.call(verbs.FOUND, settle)
        assert (settled.settled_why, settled.number) == ("it was moved back", made.number)
        assert find(served, "office", "auditor").found == [settled]
        with pytest.raises(LedgerRefusedError, match="has no open record"):
            operator.call(verbs.FOUND, settle)
        kinds = [one.kind for one in served.local.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries]
        assert (kinds.count("found-there"), kinds.count("found-settled")) == (1, 1)


def address_of(served: Served, stack: str) -> str:
    """The address of the first node of a stack."""
    data: dict[str, Any] = served.local.call(verbs.REPORT, ReportRequest(stack_id=stack)).holdings[0].data
    return str(data["addresses"]["v4"]).partition("/")[0]


def test_a_name_alone_opens_no_record_of_another_party(tmp_path: Path) -> None:
    """Nodes of one name, or one named as a label says, tell their party nothing of what was found of another's."""
    with served_ledger(tmp_path, WITH_AUDITOR) as served:
        operator = served.client(served.grant("operator-1", "operator", "facility-operator"))
        with pytest.raises(LedgerRefusedError, match=r"means 2 claims in racks of 'operator'.*name the machine by its"):
            record(operator)
        made = record(operator, subject=address_of(served, OTHER))
        labelled = record(operator, subject="label-001")
        assert (made.stack_id, made.claim_party, labelled.claim_party) == (OTHER, "tenant-b", "")
        mine = served.party(served.grant("runner-a", "tenant-a", "tenant"), stack_id="stack-with-a-label")
        mine.bring_up(clusters={"label": cluster(1)})
        for subject in ("web-001", "label-001", ""):
            assert find(served, "tenant-a", "tenant", subject).found == [], subject
        assert find(served, "tenant-b", "tenant", "web-001").found == [made]
        assert find(served, "tenant-b", "tenant").found == [made]
        assert find(served, "operator", "facility-operator").found == [made, labelled]


def test_only_the_racks_operator_records(tmp_path: Path) -> None:
    """A rack that is not the operator's, one that is not there, and a tenant are refused; nothing is journaled."""
    with served_ledger(tmp_path, WITH_AUDITOR) as served:
        operator = served.client(served.grant("operator-1", "operator", "facility-operator"))
        for rack in ("dc1/a/01/09", "dc1/a/01/00", "dc9/a/01/01", "nowhere"):
            with pytest.raises(LedgerRefusedError, match="nothing was recorded"):
                record(operator, rack=rack)
        with pytest.raises(LedgerRefusedError, match="may not call found"):
            record(served.client(served.grant("runner-b", "tenant-b", "tenant")))
        kinds = [one.kind for one in served.local.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries]
        assert "found-there" not in kinds


def exported(*resources: tuple[str, dict[str, Any]], stack_id: str = OWN, lineage: str = "lineage-of-tenant-a") -> Any:
    """What `pulumi stack export` gives for a stack."""
    enrolment = ("Enrolment", {"stackId": stack_id, "party": "tenant-a", "lineage": lineage})
    items = [{"type": f"zonewright:index:{kind}", "outputs": outputs} for kind, outputs in (enrolment, *resources)]
    return {"version": 3, "deployment": {"resources": [{"type": "pulumi:pulumi:Stack"}, *items]}}


def node(name: str, generation: int = 1) -> tuple[str, dict[str, Any]]:
    """A node of a state."""
    return "Node", {"claim": name, "generation": generation, "stackId": OWN}


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (exported(node("web-001"), node("web-002")), []),
        (
            exported(node("web-001")),
            ["node web-002 of stack stack-of-tenant-a: the ledger has the claim (active)"],
        ),
        (
            exported(node("web-001"), node("web-002"), node("web-003")),
            ["web-003 of stack stack-of-tenant-a: the state has a resource, and the ledger has no claim; run: pulumi"],
        ),
        (exported(node("web-001"), node("web-002", 7)), ["the ledger has generation 1, the state 7: another resource"]),
        (exported(lineage="another"), ["stack stack-of-tenant-a: the ledger knows it from another state"]),
        (exported(stack_id="stack-of-nobody"), ["stack stack-of-nobody: the ledger knows no such stack"]),
    ],
)
def test_states_are_compared_with_the_ledger(tmp_path: Path, state: Any, said: list[str]) -> None:
    """Each difference is told once, with its repair; a stack that is another one is told as a whole."""
    with LedgerClient(f"sqlite:///{tmp_path / 'ledger.db'}", create=True) as client:
        _fill(client)
        read = read_state(state, "a.json")
        found = list(mismatches(read, client.call(verbs.REPORT, ReportRequest(stack_id=read.stack_id))))
    assert len(found) == len(said)
    for one, part in zip(found, said, strict=True):
        assert part in str(one)
        assert "zonewright recover" in one.repair or "pulumi" in one.repair or "export" in one.repair


def _fill(client: LedgerClient) -> None:
    client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
    Party(client, "stack-of-operator", "operator").bring_up(sites=facility(2)["sites"])
    Party(client, OWN, "tenant-a", lineage="lineage-of-tenant-a").bring_up(clusters={"web": cluster(2)})
    Party(client, OTHER, "tenant-b").bring_up(clusters={"db": cluster(1)})


@pytest.mark.parametrize("is_in_state", [True, False])
def test_a_delete_that_the_ledger_did_not_hear_of_is_told(tmp_path: Path, *, is_in_state: bool) -> None:
    """A place that was left for a new resource of its name is compared too; one that is to be deleted is in order."""
    with LedgerClient(f"sqlite:///{tmp_path / 'ledger.db'}", create=True) as client:
        _fill(client)
        mine = Party(client, OWN, "tenant-a", lineage="lineage-of-tenant-a")
        moved = cluster(2, places={"001": {"rack": "dc1/a/01/02", "position": 20}})
        mine.admit(mine.propose(mine.demand(clusters={"web": moved})))
        now = mine.confirm("web-001")
        old = [node("web-001")] if is_in_state else []
        read = read_state(exported(*old, node("web-001", now), node("web-002")), "a.json")
        report = client.call(verbs.REPORT, ReportRequest(stack_id=OWN))
        assert ("web-001", "releasing", 1) in {(one.name, one.state, one.generation) for one in report.holdings}
        said = [str(one) for one in mismatches(read, report)]
    assert said == [] if is_in_state else len(said) == 1
    for one in said:
        assert "the ledger still has what left with generation 1, and the state has no resource of it" in one
        assert "run: zonewright recover" in one


NOT_A_LIST: dict[str, Any] = {"deployment": {"resources": 5}}
DOCUMENTS = [[], {}, {"deployment": {"resources": []}}, {"deployment": None}, {"deployment": 5}, "text"]


@pytest.mark.parametrize("document", [*DOCUMENTS, NOT_A_LIST, {"deployment": {"resources": [5]}}])
def test_what_is_no_state_is_a_sentence(document: Any) -> None:
    """A file that is no export, or of a stack without an Enrolment, is told, and nothing is compared."""
    with pytest.raises(StateError, match="nothing was compared"):
        read_state(document, "a.json")


def test_a_resource_with_odd_outputs_has_no_generation() -> None:
    """What is no mapping of outputs, or no number, is read as nothing."""
    document = exported(("Node", {"claim": "web-001", "generation": "x"}), ("Node", {"claim": "web-002"}))
    document["deployment"]["resources"].append({"type": "zonewright:index:Node", "outputs": [1]})
    held = read_state(document, "a.json").held
    assert held == {("node", "web-001"): (0,), ("node", "web-002"): (0,), ("node", ""): (0,)}


def test_the_commands_of_the_page_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each command of the page is carried out in its order, and says what it shows or did."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "zone", "runtime": "python"}))
    (tmp_path / ".zonewright").mkdir()
    with LedgerClient("sqlite:///.zonewright/ledger.db", root=tmp_path, create=True) as client:
        _fill(client)
        number = len(client.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries) + 1
    (tmp_path / "tenant-a.json").write_text(json.dumps(exported(node("web-001"))))
    page = (REPOSITORY / "docs" / "how-to" / "find-a-machine.md").read_text(encoding="utf-8")
    lines = (
        "".join(re.findall(r"```sh\n(.*?)```", page, flags=re.DOTALL))
        .replace("--settle 7", f"--settle {number}")
        .splitlines()
    )
    said = [(main(shlex.split(line)[1:]), capsys.readouterr().out) for line in lines if line.startswith("zonewright")]
    assert [code for code, _ in said] == [0, 0, 0, 0, 1]
    assert "node web-001 at dc1/a/01/01 U1: tenant-a" in said[0][1]
    assert f"record {number}: operator found web-001 at dc1/a/01/02 U7" in said[1][1]
    assert "claim web-001 of stack stack-of-tenant-a" in said[2][1]
    assert "; settled " in said[3][1]
    assert "run: zonewright recover" in said[4][1]

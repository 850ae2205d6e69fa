"""Who may call a ledger that is served: deny by default, and each right asked where the decision is made."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from urllib3 import request as http_request

from support.ledger_party import Party
from support.served_ledger import OTHER, OWN, Served, served_ledger
from support.verb_requests import FUNCTIONS_BY_NAME, least_request
from support.zone_project import ZONE, cluster
from zonewright.cli import access, main
from zonewright.ledger import LedgerError, LedgerMisuseError, LedgerRefusedError
from zonewright.ledger.protocol import access_messages as a
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.capacity_messages import CapacityRequest, ExplainRequest
from zonewright.ledger.protocol.change_messages import ChangesRequest
from zonewright.ledger.protocol.content_messages import ContentRequest
from zonewright.ledger.protocol.holding_messages import ReleaseRequest
from zonewright.ledger.protocol.journal_messages import HistoryRequest, SeenRequest
from zonewright.ledger.protocol.rights import DELIVER, EVERYBODY, OVERSEER, PARTY, RIGHTS, Asked, Caller, refusal
from zonewright.ledger.protocol.rollout_messages import AgentKeysRequest, FleetLockRequest, RecordRequest
from zonewright.ledger.protocol.stack_messages import EnrolRequest, InitRequest, RecoverRequest, ReportRequest
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.database import Database
from zonewright.ledger.transport import answering
from zonewright.model import Zone

ROLES = {
    "operator": ["facility-operator", "network-operator"],
    "tenant-a": ["tenant"],
    "tenant-b": ["tenant"],
    "office": ["zone-administrator", "auditor"],
}
PARTIES = {name: {"title": name, "roles": roles} for name, roles in ROLES.items()}
ZONE_FILE = Zone.model_validate({**ZONE, "parties": PARTIES})
PARTY_OF = {"facility-operator": "operator", "network-operator": "operator", "tenant": "tenant-a"}


@pytest.fixture(name="served")
def _served(tmp_path: Path) -> Iterator[Served]:
    with served_ledger(tmp_path, ZONE_FILE) as served:
        yield served


def status(url: str, verb: str, body: bytes, token: str | None) -> tuple[int, dict[str, Any]]:
    """What the service answers to a body."""
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    answer = http_request("POST", f"{url}/v1/{verb}", body=body, headers=headers, retries=False)
    return answer.status, json.loads(answer.data)


def about(verb: str, **things: str) -> bytes:
    """A request of a verb that is right as far as rights look at it, and asks for as little as there is."""
    return least_request(verb, ZONE_FILE, **things).model_dump_json(exclude_unset=True).encode()


def test_the_table_names_every_verb_and_no_party_gets_at_anothers() -> None:
    """Each verb has its row; on another party's things only those who oversee the zone may call, and what they may."""
    assert set(RIGHTS) == {*FUNCTIONS_BY_NAME, DELIVER}
    for verb, right in RIGHTS.items():
        assert right.other <= OVERSEER | {"approver"}, verb
        assert right.own <= EVERYBODY, verb
    changing = {"init", "grant", "rotate", "revoke", "free"}
    reading = {"read", "report", "deployed", "explain", "fit", "agent-keys", "plan-of", "evidence", "changes"}
    assert {verb for verb, right in RIGHTS.items() if right.other} == changing | reading
    assert all(RIGHTS[verb].other == {"zone-administrator"} for verb in changing)
    assert refusal(Caller(name="x", party="p", roles=EVERYBODY), Asked(verb="unheard-of")) is not None


def test_without_a_token_nothing_is_answered(served: Served) -> None:
    """Every verb, with no token, a wrong one, and one under another scheme: 401, and the ledger is as it was."""
    before = served.local.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries
    for verb in FUNCTIONS_BY_NAME:
        body = about(verb, party="tenant-a", stack_id=OWN, principal="x")
        for token in (None, "zwt_wrong", ""):
            code, said = status(served.url, verb, body, token)
            assert (code, said["code"]) == (401, "token"), verb
    with pytest.raises(LedgerMisuseError, match="set ZONEWRIGHT_LEDGER_TOKEN"):
        served.client(None).call(verbs.CAPACITY, CapacityRequest())
    assert served.local.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries == before


@pytest.mark.parametrize("role", sorted(EVERYBODY))
def test_every_route_as_every_role_on_own_and_other_things(served: Served, role: str) -> None:
    """The service forbids exactly what the table does not allow, whatever else is wrong with a call."""
    party = PARTY_OF.get(role, "office")
    token = served.grant("me", party, role)
    served.grant("you", "tenant-b", "tenant")
    own = {"party": party, "stack_id": "stack-of-nobody", "principal": "me"}
    other = {"party": "tenant-b", "stack_id": OTHER, "principal": "you"}
    for verb in sorted(FUNCTIONS_BY_NAME, key=lambda name: name in ("init", "grant", "rotate", "revoke")):
        fields = FUNCTIONS_BY_NAME[verb].request.model_fields
        for things, may in ((other, RIGHTS[verb].other), (own, RIGHTS[verb].own)):
            if things is other and not fields.keys() & {"party", "stack_id", "principal", "fleet"}:
                continue
            if verb in ("revoke", "rotate", "grant") and things is own:
                continue  # it would end the access that this test has
            code, said = status(served.url, verb, about(verb, **things), token)
            allowed = role in (may if fields.keys() & {"party", "stack_id", "principal", "fleet"} else RIGHTS[verb].own)
            assert (code != 403) == allowed, f"{verb} as {role}: {code} {said}"
            assert code in (200, 400, 403, 409, 503), f"{verb} as {role}: {code} {said}"


def test_a_tenant_gets_at_nothing_of_its_neighbour(served: Served) -> None:
    """It frees no claim of the other, takes no stack over, reads no claims, forges no keys, replaces no zone file."""
    token = served.grant("mallory", "tenant-a", "tenant")
    as_other = served.party(token, "tenant-b", OTHER)
    before = served.local.call(verbs.REPORT, ReportRequest(stack_id=OTHER))
    attempts: dict[str, Callable[[], object]] = {
        "release": lambda: as_other.release("web-001", 1),
        "recover": lambda: as_other.client.call(
            verbs.RECOVER, RecoverRequest(stack_id=OTHER, party="tenant-b", state_is_empty=True)
        ),
        "under its own name": lambda: as_other.client.call(
            verbs.RECOVER, RecoverRequest(stack_id=OTHER, party="tenant-a", state_is_empty=True)
        ),
        "report": as_other.states,
        "enrol": as_other.enrol,
        "destroy": lambda: as_other.client.call(verbs.GUARD_DESTROY, SeenRequest(stack_id=OTHER)),
        "keys": lambda: as_other.client.call(
            verbs.RECORD, RecordRequest(kind="fleet-enrolment", party="operator", entry={"agents": {}})
        ),
        "the turn of a fleet": lambda: as_other.client.call(
            verbs.LEASE, FleetLockRequest(fleet="operator", holder="h", who="mallory", seconds=60)
        ),
        "zone": lambda: as_other.client.call(verbs.INIT, InitRequest(zone=ZONE_FILE)),
    }
    for what, attempt in attempts.items():
        with pytest.raises(LedgerRefusedError, match="may not call") as refused:
            attempt()
        assert refused.value.code == "no-right", what
        assert "tenant-b" not in str(refused.value), what
    assert served.local.call(verbs.REPORT, ReportRequest(stack_id=OTHER)) == before


def test_a_party_does_its_own_work_and_its_entries_say_who(served: Served) -> None:
    """With its token a stack grows and shrinks as ever, and each entry of the journal names the principal."""
    tenant = served.party(served.grant("runner-a", "tenant-a", "tenant"))
    before = served.local.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries[-1].sequence
    tenant.bring_up(clusters={"web": cluster(3)})
    assert [name for name, _ in tenant.states()] == ["web-001", "web-002", "web-003"]
    entries = served.local.call(verbs.HISTORY, HistoryRequest(after=before)).entries
    assert {entry.payload.get("by") for entry in entries} == {"runner-a"}
    assert {entry.kind for entry in entries} >= {"admitted", "completed", "state"}


def test_a_token_ends_by_itself_by_rotation_and_at_once(served: Served) -> None:
    """After its days, after the overlap of a rotation, and when it is revoked, a token is nobody's."""

    def is_good(token: str) -> bool:
        try:
            served.client(token).call(verbs.CAPACITY, CapacityRequest())
        except LedgerMisuseError:
            return False
        return True

    first = served.grant("runner-a", "tenant-a", "tenant", days=2)
    rotated = served.local.call(verbs.ROTATE, a.RotateRequest(principal="runner-a", days=30, overlap_h=1))
    assert (is_good(first), is_good(rotated.token)) == (True, True)
    served.now[0] += timedelta(hours=1)
    assert (is_good(first), is_good(rotated.token)) == (False, True)
    third = served.local.call(verbs.ROTATE, a.RotateRequest(principal="runner-a", days=30)).token
    assert (is_good(rotated.token), is_good(third)) == (False, True)
    served.now[0] += timedelta(days=30)
    assert not is_good(third)
    last = served.grant("runner-a", "tenant-a", "tenant")
    assert is_good(last)
    served.local.call(verbs.REVOKE, a.RevokeRequest(principal="runner-a", why="the laptop is lost"))
    assert not is_good(last)
    with pytest.raises(LedgerRefusedError, match="has no access"):
        served.local.call(verbs.ROTATE, a.RotateRequest(principal="runner-a", days=1))
    with pytest.raises(LedgerRefusedError, match="has no access"):
        served.local.call(verbs.REVOKE, a.RevokeRequest(principal="runner-a", why="x"))
    (known,) = served.local.call(verbs.ACCESS, a.AccessRequest()).principals
    assert (known.revoked_at != "", known.why, known.expires_at) == (True, "the laptop is lost", "")
    kinds = [entry.kind for entry in served.local.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries]
    assert [kind for kind in kinds if kind.startswith("access")] == [
        "access-granted",
        "access-rotated",
        "access-rotated",
        "access-granted",
        "access-revoked",
    ]


def test_who_oversees_reads_no_lineage(served: Served) -> None:
    """An auditor sees what a stack holds and that it is bound, and not to what: that is the secret of its state."""
    request = ReportRequest(stack_id=OTHER)
    seen = served.client(served.grant("auditor", "office", "auditor")).call(verbs.REPORT, request)
    full = served.local.call(verbs.REPORT, request)
    assert (seen.lineage, full.lineage) == ("", "lineage-of-tenant-b")
    assert seen.holdings == full.holdings
    mine = served.client(served.grant("runner-b", "tenant-b", "tenant")).call(verbs.REPORT, request)
    assert mine == full


def test_no_token_is_in_the_ledger(served: Served) -> None:
    """Neither the file nor the journal holds a token that was given."""
    token = served.grant("runner-a", "tenant-a", "tenant")
    assert token.startswith("zwt_")
    with Database(served.path, lock_wait_s=5).writing() as connection:
        connection.exec_driver_sql("SELECT 1")
    for path in served.path.parent.iterdir():
        assert token.encode() not in path.read_bytes(), path.name


def test_access_to_some_stacks_or_verbs_is_for_these(served: Served) -> None:
    """A runner for one stack touches no other of its party; one that may only look changes nothing."""
    runner = served.party(served.grant("runner-x", "tenant-a", "tenant", stacks=["stack-000002"]))
    with pytest.raises(LedgerRefusedError, match="may not call report"):
        runner.states()
    other = served.party(
        served.grant("runner-y", "tenant-a", "tenant", stacks=["stack-000002"]), stack_id="stack-000002"
    )
    other.enrol()
    with pytest.raises(LedgerRefusedError, match="for what is not its own"):
        other.client.call(verbs.LEASE, FleetLockRequest(fleet="tenant-a", holder="h", who="x", seconds=60))
    with pytest.raises(LedgerRefusedError, match="for what is not its own"):
        other.client.call(verbs.RECORD, RecordRequest(kind="fleet-trust", party="tenant-a", entry={}))
    other.client.call(verbs.CAPACITY, CapacityRequest())
    viewer = served.party(served.grant("viewer", "tenant-a", "tenant", verbs=["report"]))
    assert len(viewer.states()) == 2
    with pytest.raises(LedgerRefusedError, match="its access is for report"):
        viewer.release("web-001", 1)


def test_who_may_only_preview_begins_no_change(served: Served) -> None:
    """A preview is answered; enrolling a stack or reserving for an update is refused before anything is kept."""
    review = served.party(served.grant("review", "tenant-a", "tenant", verbs=list(access.PREVIEW)))
    wants = review.demand(clusters={"web": cluster(3)})
    assert not review.propose(wants, reserve=False).findings
    assert len(review.states()) == 2
    review.client.call(verbs.STORE, ContentRequest(texts=["a gated file passed"]))
    new = EnrolRequest(stack_id="stack-of-review", party="tenant-a", lineage="l" * 32, label="x", dry_run=True)
    assert not review.client.call(verbs.ENROL, new).bound
    entries = len(served.local.call(verbs.HISTORY, HistoryRequest()).entries)
    with pytest.raises(LedgerRefusedError, match="may not change anything: its access is for previews only"):
        review.client.call(verbs.ENROL, new.model_copy(update={"dry_run": False}))
    with pytest.raises(LedgerRefusedError, match="may not change anything: its access is for previews only"):
        review.propose(wants, reserve=True)
    assert len(served.local.call(verbs.HISTORY, HistoryRequest()).entries) == entries


def test_what_cannot_be_is_not_granted(served: Served) -> None:
    """A party that the zone has not, a role that the party has not, and a verb that there is not, are told as such."""
    for wrong, sentence in (
        ({"party": "nobody"}, "has no party 'nobody'"),
        ({"roles": ["facility-operator"]}, "does not have the role facility-operator"),
        ({"verbs": ["fly"]}, "has no verb fly"),
    ):
        fields: dict[str, Any] = {
            "principal": "p",
            "party": "tenant-a",
            "kind": "person",
            "roles": ["tenant"],
            "days": 1,
        }
        with pytest.raises(LedgerRefusedError, match=sentence):
            served.local.call(verbs.GRANT, a.GrantRequest.model_validate({**fields, **wrong}))
    assert served.local.call(verbs.ACCESS, a.AccessRequest()).principals == []


def test_a_role_that_the_party_loses_is_lost(served: Served) -> None:
    """What the administrator takes from a party in zone.yaml its principals have no more, from that moment on."""
    token = served.grant("runner-a", "tenant-a", "tenant", "approver")
    served.party(token).enrol(dry_run=True)
    parties = {**PARTIES, "tenant-a": {"title": "was a tenant", "roles": ["auditor"]}}
    served.local.call(verbs.INIT, InitRequest(zone=Zone.model_validate({**ZONE, "parties": parties})))
    with pytest.raises(LedgerRefusedError, match="got approver;"):
        served.party(token).enrol(dry_run=True)
    parties = {name: party for name, party in PARTIES.items() if name != "tenant-a"}
    served.local.call(verbs.INIT, InitRequest(zone=Zone.model_validate({**ZONE, "parties": parties})))
    with pytest.raises(LedgerRefusedError, match="got none;"):
        served.client(token).call(verbs.CAPACITY, CapacityRequest())


def test_a_right_is_asked_again_in_the_transaction_that_writes(tmp_path: Path) -> None:
    """A call that may not be made by then writes nothing, though it was let in."""

    def no(_connection: Connection) -> None:
        raise LedgerRefusedError("no-right", "not any more")

    database = Database(tmp_path / "ledger.db", create=True, lock_wait_s=5)
    with pytest.raises(LedgerError, match="not any more"), Context(database=database, permit=no).writing():
        pytest.fail("the transaction went on")
    database.close()


def test_access_that_ends_while_a_call_is_under_way_has_ended(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that was let in before a revocation writes nothing after it."""
    tenant = served.party(served.grant("runner-a", "tenant-a", "tenant"))
    real = answering._permitted

    def permitted(context: Context, verb: str, request: object) -> Context:
        let_in = real(context, verb, request)
        if not context.caller.has_file:
            served.local.call(verbs.REVOKE, a.RevokeRequest(principal="runner-a", why="the laptop is lost"))
        return let_in

    monkeypatch.setattr(answering, "_permitted", permitted)
    before = tenant.client
    with pytest.raises(LedgerMisuseError, match="revoked"):
        before.call(verbs.RELEASE, ReleaseRequest(stack_id=OWN, kind="node", name="web-001", generation=1))
    report = served.local.call(verbs.REPORT, ReportRequest(stack_id=OWN))
    assert [one.state for one in report.holdings] == ["active", "active"]


def test_what_the_ledger_says_of_an_entry_nobody_else_says(served: Served) -> None:
    """An entry about a fleet names neither rows nor a principal of its own, and enrolled keys are read with them."""
    operator = served.client(served.grant("runner-o", "operator", "facility-operator"))
    for added in ({"rows": {"count": 1, "digest": "x"}}, {"by": "somebody"}):
        with pytest.raises(LedgerMisuseError, match="the ledger itself adds"):
            operator.call(
                verbs.RECORD, RecordRequest.model_construct(kind="fleet-trust", party="operator", entry=added)
            )
    entry = {"who": "anna", "agents": {"host-1": "SHA256:x"}}
    operator.call(verbs.RECORD, RecordRequest(kind="fleet-enrolment", party="operator", entry=entry))
    (last,) = served.local.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries[-1:]
    assert last.payload == {**entry, "by": "runner-o"}
    assert list(operator.call(verbs.AGENT_KEYS, AgentKeysRequest(party="operator")).agents) == ["host-1"]


def test_nothing_is_explained_in_anothers_name(served: Served) -> None:
    """A demand of another party under one's own name is refused."""
    tenant = served.client(served.grant("runner-a", "tenant-a", "tenant"))
    demand = Party(served.local, OTHER, "tenant-b", zone=ZONE_FILE).demand(clusters={"web": cluster(1)})
    with pytest.raises(LedgerRefusedError, match="belongs to another party"):
        tenant.call(
            verbs.EXPLAIN,
            ExplainRequest(stack_id="stack-000009", party="tenant-a", demand=demand, node="web-001"),
        )


def test_changes_are_told_to_their_party_and_to_who_approves(served: Served) -> None:
    """A tenant sees its own decisions among all; an approver and an auditor see everybody's."""

    def parties(token: str) -> set[str]:
        return {one.party for one in served.client(token).call(verbs.CHANGES, ChangesRequest()).changes}

    assert parties(served.grant("runner-a", "tenant-a", "tenant")) == {"tenant-a"}
    everybody = {"operator", "tenant-a", "tenant-b"}
    assert parties(served.grant("ben", "tenant-a", "approver")) == everybody
    assert parties(served.grant("auditor", "office", "auditor")) == everybody


def test_the_journal_holds_no_lineage(served: Served) -> None:
    """Whoever reads it learns that a state was bound, and not by which secret."""
    entries = served.local.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries
    assert "lineage-of-tenant" not in json.dumps([entry.model_dump() for entry in entries])


def test_parties_are_who_declares() -> None:
    """The three roles that declare something are those of the table's rows for stacks."""
    assert RIGHTS["admit"].own == PARTY


def test_the_commands_give_show_renew_and_end_access(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    """A token alone goes to standard output; the list says who may what until when, and why access ended."""
    assert set(access.ROLES) == EVERYBODY
    ledger = ("--ledger", f"sqlite:///{served.path}")
    party = ("--party", "tenant-a", "--role", "tenant")
    assert main(["access", "list", *ledger]) == 0
    assert capsys.readouterr().out.startswith("nobody has access; a ledger that is served refuses every call")
    for command in (["grant", "runner-a", *party, "--verb", "report"], ["rotate", "runner-a", "--overlap-h", "1"]):
        assert main(["access", *command, *ledger]) == 0
        said = capsys.readouterr()
        assert said.out.startswith("zwt_")
        assert said.out.count("\n") == 1
        assert "cannot be shown again" in said.err
    assert main(["access", "list", *ledger]) == 0
    assert capsys.readouterr().out.startswith("runner-a (runner of tenant-a): tenant, only report; until 20")
    with pytest.raises(SystemExit):
        main(["access", "grant", "review-a", *party, "--preview-only", "--verb", "admit", *ledger])
    assert "--verb: not allowed with argument --preview-only" in " ".join(capsys.readouterr().err.split())
    assert main(["access", "grant", "review-a", *party, "--preview-only", *ledger]) == 0
    capsys.readouterr()
    assert main(["access", "list", *ledger]) == 0
    assert capsys.readouterr().out.startswith("review-a (runner of tenant-a): tenant, only previews; until 20")
    assert main(["access", "revoke", "runner-a", "--why", "lost", *ledger]) == 0
    assert main(["access", "list", *ledger]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("Z: lost")


def test_a_token_goes_into_a_file_and_comes_from_one(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Asked of the service itself, it is on no terminal: only its owner may read it, and callers name the file."""
    ledger, kept, admin = ("--ledger", served.url), tmp_path / "runner.token", tmp_path / "admin.token"
    admin.write_text(f"{served.grant('admin', 'office', 'zone-administrator')}\n", encoding="ascii")
    monkeypatch.setenv("ZONEWRIGHT_LEDGER_TOKEN", "zwt_of_another")
    monkeypatch.setenv("ZONEWRIGHT_LEDGER_TOKEN_FILE", str(admin))
    grant = ["access", "grant", "runner-a", "--party", "tenant-a", "--role", "tenant", *ledger]
    tokens = []
    for command in (grant, ["access", "rotate", "runner-a", *ledger]):
        assert main([*command, "--out", str(kept)]) == 0
        said = capsys.readouterr()
        tokens.append(kept.read_text(encoding="ascii").strip())
        assert served.client(tokens[-1]).call(verbs.CAPACITY, CapacityRequest())
        assert tokens[-1] not in said.out + said.err
        assert "callers set ZONEWRIGHT_LEDGER_TOKEN_FILE to its path" in said.out
        assert kept.stat().st_mode & 0o777 == 0o600
    assert len(set(tokens)) == len(tokens)
    before = served.local.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries
    for words, sentence in (
        (["--out", str(kept)], "exists; nothing was changed"),
        (
            ["--out", str(tmp_path / "no" / "token")],
            "cannot be written: no such file or directory; nothing was changed",
        ),
        (["--out", "new", "--certificate", "DNS:a.example"], "has no token"),
    ):
        assert main([*grant, *words]) in {1, 2}
        assert sentence in " ".join(capsys.readouterr().err.split())
    assert main(["access", "rotate", "runner-a", *ledger, "--out", str(tmp_path)]) == 1
    assert f"{tmp_path} is no file of a token; nothing was changed" in " ".join(capsys.readouterr().err.split())
    (other := tmp_path / "zone.yaml").write_text("zone: small\n", encoding="ascii")
    for path in (other, Path(os.devnull)):
        assert main(["access", "rotate", "runner-a", *ledger, "--out", str(path)]) == 1
        assert "is no file of a token; nothing was changed" in " ".join(capsys.readouterr().err.split())
    assert other.read_text(encoding="ascii") == "zone: small\n"
    monkeypatch.setenv("ZONEWRIGHT_LEDGER_TOKEN_FILE", str(tmp_path / "nowhere"))
    assert main(grant) == 2
    assert "ZONEWRIGHT_LEDGER_TOKEN_FILE: expected a file with a token" in capsys.readouterr().err
    for text, fault in (("\n", "nothing in it"), (tokens[0] + "\n" + tokens[1], "something else"), ("é", "something")):
        monkeypatch.setenv("ZONEWRIGHT_LEDGER_TOKEN_FILE", str(other))
        other.write_text(text, encoding="utf-8")
        assert main(grant) == 2
        assert f"expected a file with a token, got {other}: {fault}" in " ".join(capsys.readouterr().err.split())
    assert served.local.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries == before
    assert sorted(path.name for path in tmp_path.iterdir() if "token" in path.name) == ["admin.token", "runner.token"]

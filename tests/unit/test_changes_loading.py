"""A declaration brought into the ledger without an engine: in batches, and again after a run that was broken off."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.ledger_party import ZONE_FILE, Party
from support.zone_project import cluster, facility
from zonewright.changes import storing
from zonewright.changes.loading import load_owner, unload_owner, unloading_order
from zonewright.ledger import LedgerMisuseError, LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import EvaluateRequest, SettleRequest
from zonewright.ledger.protocol.content_messages import ContentRequest
from zonewright.ledger.protocol.journal_messages import HistoryRequest, SeenRequest
from zonewright.ledger.protocol.messages import StackRequest
from zonewright.ledger.protocol.stack_messages import InitRequest, ReportRequest, stack_id_of
from zonewright.ledger.protocol.verbs import Answer, Request, Verb
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Declaration, OwnerFile

NODES = 9
SITES = facility(2)["sites"]


def declared(owner: str, **fields: Any) -> Declaration:
    """What one owner declares."""
    file = OwnerFile.model_validate({"owner": owner, **fields})
    return Declaration(zone=ZONE_FILE, owners={owner: file})


@pytest.fixture(name="client")
def _client(tmp_path: Path) -> Iterator[LedgerClient]:
    """A ledger in which an operator and a tenant are loaded."""
    with LedgerClient(f"sqlite:///{tmp_path / 'l.db'}", create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        load_owner(client, declared("operator", sites=SITES), "operator")
        load_owner(client, declared("tenant-a", clusters={"web": cluster(2)}), "tenant-a")
        yield client


def kinds(client: LedgerClient) -> list[str]:
    """The journal's entries."""
    entries = client.call(verbs.HISTORY, HistoryRequest()).entries
    return [entry.kind for entry in entries if entry.kind != "state"]


class Killed(BaseException):
    """The process ends here."""


class MortalClient(LedgerClient):
    """Counts the calls of each verb, and is killed before the call of one."""

    calls: Counter[str]
    dies_at: Verb[Any, Any] | None = None

    def call(self, verb: Verb[Request, Answer], request: Request) -> Answer:
        """Carry out one verb."""
        if verb is self.dies_at:
            raise Killed
        self.calls[verb.name] += 1
        return super().call(verb, request)


def test_an_admission_of_a_load_confirms_all_of_it(tmp_path: Path) -> None:
    """Nothing is confirmed by itself: who is killed behind the admission goes on, and the next run changes nothing."""
    url, declaration = f"sqlite:///{tmp_path / 'l.db'}", declared("tenant-a", clusters={"web": cluster(NODES)})
    with MortalClient(url, create=True) as client:
        client.calls = Counter()
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        load_owner(client, declared("operator", sites=SITES), "operator")
        client.dies_at = verbs.COMPLETE
        with pytest.raises(Killed):
            load_owner(client, declaration, "tenant-a")
        report = client.call(verbs.REPORT, ReportRequest(stack_id=stack_id_of("tenant-a")))
        assert [(one.state, one.generation) for one in report.holdings] == [("active", 1)] * NODES
        assert not report.completed
        client.dies_at = None
        loaded = load_owner(client, declaration, "tenant-a")
        assert loaded.report.completed
        assert loaded.counts == Counter(node=NODES)
        after = client.call(verbs.REPORT, ReportRequest(stack_id=stack_id_of("tenant-a")))
        assert [(one.name, one.generation) for one in after.holdings] == [(one.name, 1) for one in report.holdings]
        assert client.calls[verbs.CONFIRM.name] + client.calls[verbs.CONFIRM_MANY.name] == 0
        said = [one.payload for one in client.call(verbs.HISTORY, HistoryRequest(kinds=["admitted"])).entries]
        assert [one["confirmed"] for one in said] == [2, NODES, NODES]
    with closing(sqlite3.connect(tmp_path / "l.db")) as connection:
        unsaid = "SELECT count(*) FROM claim WHERE state = 'active' AND active_since IS NULL"
        assert connection.execute(unsaid).fetchone() == (0,)
        recorded = "SELECT count(*) FROM row_change WHERE \"table\" = 'claim'"
        assert connection.execute(recorded).fetchone() == (NODES,), "each claim is recorded once"


def test_a_load_confirms_what_moved_and_what_was_left_admitted(client: LedgerClient) -> None:
    """The place of before is free, nothing is left admitted, and no generation is used twice."""
    stack_id = stack_id_of("tenant-a")

    def present() -> list[tuple[str, str, int]]:
        report = client.call(verbs.REPORT, ReportRequest(stack_id=stack_id))
        return [(one.name, one.state, one.generation) for one in report.holdings]

    load_owner(client, declared("tenant-a", clusters={"web": cluster(2, node_type="two-u")}), "tenant-a")
    assert present() == [("web-001", "active", 2), ("web-002", "active", 2)]
    with closing(sqlite3.connect(client.url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("UPDATE claim SET state = 'admitted' WHERE name = 'web-001'")  # a kill of an older version
    load_owner(client, declared("tenant-a", clusters={"web": cluster(3, node_type="two-u")}), "tenant-a")
    assert present() == [("web-001", "active", 3), ("web-002", "active", 2), ("web-003", "active", 2)]
    loaded = load_owner(client, declared("tenant-a", clusters={"web": cluster(1, node_type="two-u")}), "tenant-a")
    assert present() == [("web-001", "active", 3)], "what leaves is let go"
    assert loaded.counts == Counter(node=1)


def test_texts_are_stored_in_as_many_requests_as_they_need(
    monkeypatch: pytest.MonkeyPatch, client: LedgerClient
) -> None:
    """Of more texts than a request may hold each is stored, once, in requests within the limits of number and size.

    A ledger of this process takes more at once; what is too long there after all, since it is escaped, in halves.
    """
    sent: list[list[str]] = []

    def call(_verb: object, request: ContentRequest) -> None:
        if request.texts[0] == "odd" and len(request.texts) > 1:
            raise LedgerMisuseError("bounds", "too long")
        sent.append(request.texts)

    monkeypatch.setattr(client, "call", call)
    monkeypatch.setattr(storing, "_BATCH", 3)
    monkeypatch.setattr(storing, "_BATCH_CHARACTERS", 10)
    monkeypatch.setattr(storing, "_CHARACTERS_HERE", 40)
    storing.store_texts(client, ["odd", "long" * 5, "a", "b", "a", "c", "d", "four", "fifteen"])
    assert sent == [["odd"], ["long" * 5], ["a", "b"], ["c", "d", "four", "fifteen"]]
    sent.clear()
    monkeypatch.setattr(client, "is_here", False)  # such as a service
    storing.store_texts(client, ["long" * 5, "a", "b", "a", "c", "d", "four", "fifteen"])
    assert sent == [["long" * 5], ["a", "b", "c"], ["d", "four"], ["fifteen"]]


def test_what_was_loaded_is_unloaded(client: LedgerClient) -> None:
    """Whoever stands on it goes first; then nothing is held, and the same can be loaded again under the same id."""
    with pytest.raises(LedgerRefusedError, match=r"^2 claims of other parties stand in 1 rack of this stack"):
        unload_owner(client, "operator")
    assert unloading_order(client, ["operator", "tenant-a"]) == ["tenant-a", "operator"]
    assert unload_owner(client, "tenant-a") == Counter(node=2)
    assert unload_owner(client, "tenant-a") == Counter()
    assert unload_owner(client, "operator") == Counter(site=1, row=1)
    assert kinds(client)[-3:] == ["destroy-begun", "settled", "left"]
    for owner in ("operator", "tenant-a"):
        report = client.call(verbs.REPORT, ReportRequest(stack_id=stack_id_of(owner)))
        assert (report.party, report.holdings) == (None, [])
        assert client.call(verbs.DEPLOYED, StackRequest(stack_id=stack_id_of(owner))).sites == {}
    other = Party(client, "stack-of-operator", "operator")
    other.bring_up(sites=SITES)


@pytest.mark.parametrize("last", [verbs.GUARD_DESTROY, verbs.SETTLE])
def test_an_unload_that_was_killed_goes_on(last: Verb[Any, Any], client: LedgerClient) -> None:
    """Run again after a kill behind any of its steps, it takes out the rest."""
    stack_id = stack_id_of("tenant-a")
    admission = client.call(verbs.REPORT, ReportRequest(stack_id=stack_id)).admission_id or ""
    client.call(verbs.GUARD_DESTROY, SeenRequest(stack_id=stack_id))
    if last is verbs.SETTLE:
        client.call(verbs.SETTLE, SettleRequest(stack_id=stack_id, admission_id=admission))
    unload_owner(client, "tenant-a")
    report = client.call(verbs.REPORT, ReportRequest(stack_id=stack_id))
    assert (report.party, report.holdings) == (None, [])


def test_a_real_stack_takes_over_what_was_loaded(client: LedgerClient) -> None:
    """Its first `up` with the same id binds its lineage, keeps what is declared, frees the rest, and is a step."""
    tenant = Party(client, stack_id_of("tenant-a"), "tenant-a")
    tenant.enrol(dry_run=True)
    offered = tenant.propose(tenant.demand(clusters={"web": cluster(1)}), reserve=False)
    wanted = EvaluateRequest(
        stack_id=tenant.stack_id,
        party=tenant.party,
        lineage=tenant.lineage,
        demand_digest=offered.demand_digest,
        seats=offered.seats,
        addresses=offered.addresses,
    )
    assert client.call(verbs.EVALUATE, wanted).findings == []
    assert kinds(client)[-1] == "completed", "a preview takes nothing over"
    before = client.call(verbs.HISTORY, HistoryRequest()).entries[-1].sequence
    tenant.bring_up(clusters={"web": cluster(1)})
    entries = client.call(verbs.HISTORY, HistoryRequest(after=before)).entries
    assert [(one.kind, one.payload.get("step")) for one in entries if one.kind not in ("completed", "state")] == [
        ("taken-over", 2),
        ("enrolled", None),
        ("admitted", 3),
    ]
    report = client.call(verbs.REPORT, ReportRequest(stack_id=tenant.stack_id))
    assert report.lineage == tenant.lineage
    assert [(one.name, one.state, one.generation) for one in report.holdings] == [("web-001", "active", 2)]
    with pytest.raises(LedgerRefusedError, match="a pulumi stack has taken it over"):
        load_owner(client, declared("tenant-a"), "tenant-a")
    with pytest.raises(LedgerRefusedError, match="a pulumi stack has taken it over"):
        unload_owner(client, "tenant-a")
    assert tenant.states() == [("web-001", "active")]


class OvertakenClient(LedgerClient):
    """A real stack takes over what was loaded, before the call with this number."""

    calls_left = 1_000
    tenant: Party

    def call(self, verb: Verb[Request, Answer], request: Request) -> Answer:
        """Carry out one verb."""
        self.calls_left -= 1
        if self.calls_left == 0:
            self.tenant.bring_up(clusters={"web": cluster(2)})
        return super().call(verb, request)


@pytest.mark.parametrize("before", range(1, 6))
def test_an_unload_that_a_real_stack_overtakes_takes_nothing_of_it(
    client: LedgerClient, tmp_path: Path, before: int
) -> None:
    """Between any two of its steps the stack's first `up` may come: what that one made stays."""
    with OvertakenClient(f"sqlite:///{tmp_path / 'l.db'}") as overtaken:
        overtaken.tenant = Party(client, stack_id_of("tenant-a"), "tenant-a")
        overtaken.calls_left = before
        with pytest.raises(LedgerRefusedError, match="a pulumi stack has taken it over"):
            unload_owner(overtaken, "tenant-a")
        assert overtaken.tenant.states() == [("web-001", "active"), ("web-002", "active")]


def test_only_its_party_takes_over_what_was_loaded(client: LedgerClient) -> None:
    """Another party's state is refused; after the first state, a second one is too."""
    stranger = Party(client, stack_id_of("tenant-a"), "tenant-b")
    for dry_run in (True, False):
        with pytest.raises(LedgerRefusedError, match="belongs to another party"):
            stranger.enrol(dry_run=dry_run)
    Party(client, stack_id_of("tenant-a"), "tenant-a", "first").enrol()
    with pytest.raises(LedgerRefusedError, match=r"was enrolled on .* from another state"):
        Party(client, stack_id_of("tenant-a"), "tenant-a", "second").enrol()

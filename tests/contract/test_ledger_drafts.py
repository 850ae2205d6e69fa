"""Previews and what is refused leave nothing that outlives them; what a plan or an admission names stays."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.change_world import WEB, World, change_world
from support.ledger_party import ZONE_FILE, Party, bring_up_racks
from support.ledger_places import outside
from support.zone_project import cluster
from zonewright.audit.evidence.gathering import each_entry, whole_bundle
from zonewright.audit.evidence.period import period_of
from zonewright.ledger import LedgerRefusedError, LedgerUnavailableError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.change_messages import PlanQuery
from zonewright.ledger.protocol.content_messages import ContentQuery, ContentRequest
from zonewright.ledger.protocol.journal_messages import HistoryRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.store.database import Database
from zonewright.ledger.transport.client import LedgerClient
from zonewright.ledger.verbs import admissions
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.limits import DRAFT

A_DAY = timedelta(seconds=DRAFT.most + 1)


@dataclass
class Drafting:
    """A ledger with racks, a tenant that has nothing yet, and a clock that tests move."""

    client: LedgerClient
    tenant: Party
    path: Path
    now: list[datetime]

    def counts(self) -> dict[str, int]:
        """Rows of the tables in which drafts lie."""
        with outside(self.path) as connection:
            return {
                table: connection.scalars(f"SELECT count(*) FROM {table}")[0]
                for table in ("content", "draft", "proposal", "reservation", "journal")
            }

    def texts(self, *texts: str) -> int:
        """How many of these texts the ledger has."""
        query = ContentQuery(digests=[digest_of(text) for text in texts])
        return len(self.client.call(verbs.FETCH, query).texts)


@pytest.fixture(name="drafting")
def _drafting(tmp_path: Path) -> Iterator[Drafting]:
    now = [datetime(2026, 11, 24, tzinfo=UTC)]
    path = tmp_path / "ledger.db"
    with LedgerClient(f"sqlite:///{path}", create=True, clock=lambda: now[0]) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        bring_up_racks(client, 2)
        now[0] += A_DAY  # what bringing up the racks left ends, too
        client.call(verbs.STORE, ContentRequest(texts=[]))
        yield Drafting(client, Party(client, "stack-of-tenant-a", "tenant-a"), path, now)


@pytest.mark.parametrize("reserve", [False, True], ids=["preview", "up"])
def test_what_a_preview_asked_for_is_gone_after_a_day(drafting: Drafting, reserve: bool) -> None:  # noqa: FBT001 - a case
    """Demands, places, reservations and texts of wishes that nobody carried out go with the next write of anybody."""
    before, tenant = drafting.counts(), drafting.tenant
    for count in (1, 2, 3):
        tenant.propose(tenant.demand(clusters={"web": cluster(count)}), reserve=reserve)
        drafting.client.call(verbs.STORE, ContentRequest(texts=[f"files {count}"]))
    assert drafting.counts()["content"] == before["content"] + 6
    assert drafting.texts("files 1") == 1
    drafting.now[0] += A_DAY
    drafting.client.call(verbs.STORE, ContentRequest(texts=[]))
    assert drafting.counts() == before


def test_what_an_admission_names_stays(drafting: Drafting) -> None:
    """The demand, the manifest and each file of an admitted change stay, whoever previews the same again."""
    tenant = drafting.tenant
    files = ["router", "switch"]
    manifest = canonical_json({f"sites/dc1/{name}.conf": digest_of(name) for name in files})
    tenant.enrol()
    offered = tenant.propose(tenant.demand(clusters={"web": cluster(1)}))
    drafting.client.call(verbs.STORE, ContentRequest(texts=[*files, "not named"]))
    tenant.admit(offered, rendered=manifest)
    tenant.propose(tenant.demand(clusters={"web": cluster(1)}), reserve=False)
    drafting.now[0] += A_DAY
    drafting.client.call(verbs.STORE, ContentRequest(texts=files))
    drafting.now[0] += A_DAY
    drafting.client.call(verbs.STORE, ContentRequest(texts=[]))
    assert drafting.texts(manifest, *files, "not named") == 3
    assert drafting.client.call(verbs.FETCH, ContentQuery(digests=[offered.demand_digest])).texts


def test_a_refused_up_leaves_its_evidence_only(drafting: Drafting) -> None:
    """Of a change that the ledger refuses its entry and the facts behind it stay; its demand and its files do not.

    The page of the period has the refusal with its rules.
    """
    tenant = drafting.tenant
    tenant.enrol()
    demand = tenant.demand(clusters={"web": cluster(1)})
    offered = tenant.propose(demand)
    other = Party(drafting.client, "stack-of-tenant-b", "tenant-b")
    drafting.now[0] += timedelta(hours=1)
    other.bring_up(clusters={"web": cluster(1)})
    with pytest.raises(LedgerRefusedError):
        tenant.admit(offered)
    refused = drafting.client.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries[-1]
    page = period_of(each_entry(drafting.client), (), lambda _wanted: {}, first=refused.at[:10], last=refused.at[:10])
    assert [(row.stack, row.what) for row in page.sections["Refused"]] == [
        (tenant.stack_id, "1 address-unique, 1 unit-overlap")
    ]
    drafting.now[0] += A_DAY
    drafting.client.call(verbs.STORE, ContentRequest(texts=[]))
    assert drafting.client.call(verbs.FETCH, ContentQuery(digests=[refused.payload["snapshot"]])).texts
    mine = ContentQuery(digests=[tenant.demand(clusters={"web": cluster(7)}).digest()])
    assert not drafting.client.call(verbs.FETCH, mine).texts


def test_a_text_that_is_stored_again_lives_longer(drafting: Drafting) -> None:
    """Whoever stores a text again has a day from then on, and a text that is kept for good stays so."""

    def later(part: float, *texts: str) -> int:
        drafting.now[0] += A_DAY * part
        drafting.client.call(verbs.STORE, ContentRequest(texts=texts))
        return drafting.texts("mine")

    assert [later(0.0, "mine"), later(0.6, "mine"), later(0.6), later(0.6)] == [1, 1, 1, 0]


def test_a_proposal_removes_what_has_ended(drafting: Drafting) -> None:
    """Nobody has to store anything: the preview of another stack takes the ended ones away."""
    drafting.client.call(verbs.STORE, ContentRequest(texts=["mine"]))
    drafting.tenant.propose(drafting.tenant.demand(clusters={"web": cluster(1)}))
    drafting.now[0] += A_DAY
    other = Party(drafting.client, "stack-of-tenant-b", "tenant-b")
    before = drafting.counts()
    other.propose(other.demand(clusters={"web": cluster(2)}), reserve=False)
    assert drafting.texts("mine") == 0
    assert drafting.counts() == {
        **before,
        "content": before["content"] - 1,
        "draft": before["draft"] - 1,
        "reservation": 0,
    }


def test_what_is_not_remembered_leaves_nothing_and_waits_for_nobody(
    drafting: Drafting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what a preview says, also while another process decides; what is reserved is remembered in any case."""
    monkeypatch.setenv("ZONEWRIGHT_LEDGER_WAIT_S", "0")
    before, demand = drafting.counts(), drafting.tenant.demand(clusters={"web": cluster(1)})
    with LedgerClient(f"sqlite:///{drafting.path}", clock=lambda: drafting.now[0]) as client:
        tenant = Party(client, drafting.tenant.stack_id, "tenant-a")
        with closing(Database(drafting.path, lock_wait_s=5)) as database, database.writing():
            told = tenant.propose(demand, reserve=False, remember=False)
            with pytest.raises(LedgerUnavailableError, match="locked for 0 s"):
                tenant.propose(demand, reserve=False)
        assert drafting.counts() == before
        assert tenant.propose(demand, reserve=False) == told
        assert tenant.propose(demand, remember=False).expires_at
    assert drafting.counts()["proposal"] == before["proposal"] + 1


@pytest.mark.parametrize("is_small", [True, False])
def test_a_demand_that_is_removed_while_it_is_decided_is_refused(
    drafting: Drafting, monkeypatch: pytest.MonkeyPatch, *, is_small: bool
) -> None:
    """An admission never names a demand that the ledger does not have, whether it was looked at before or not."""
    tenant = drafting.tenant
    tenant.enrol()
    request = tenant.admit_request(tenant.propose(tenant.demand(clusters={"web": cluster(1)})))
    function = "touching" if is_small else "looked_at"
    whole = getattr(admissions, function)

    def removed_then(*given: Any) -> Any:
        found = whole(*given)
        with outside(drafting.path) as connection:
            connection.execute(f"DELETE FROM content WHERE digest = '{request.demand_digest}'")
        return found

    monkeypatch.setattr(admissions, "is_small", lambda *_given: is_small)
    monkeypatch.setattr(admissions, function, removed_then)
    with pytest.raises(LedgerRefusedError) as caught:
        drafting.client.call(verbs.ADMIT, request)
    assert caught.value.code == "unknown-demand"
    assert tenant.states() == []


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[World]:
    with change_world(tmp_path, "in-process") as world:
        yield world


def test_what_a_plan_names_stays_until_it_is_decided(world: World) -> None:
    """A plan that waits for its approvals for a week has its whole evidence, and so has the change that came of it."""
    tenant = world.planner()
    plan, _ = tenant.plan(at=world.later(), **WEB)
    before = whole_bundle(world.client, PlanQuery(stack_id=plan.stack_id, plan=plan.digest()))
    world.now[0] += 7 * A_DAY
    world.client.call(verbs.STORE, ContentRequest(texts=["a week later"]))
    after = whole_bundle(world.client, PlanQuery(stack_id=plan.stack_id, plan=plan.digest()))
    assert set(before) - set(after) == set()
    for signer in ("ben", "bea"):
        tenant.verdict(plan, signer, at=world.later())
    tenant.complete(tenant.admit(**WEB))
    world.now[0] += A_DAY
    world.client.call(verbs.STORE, ContentRequest(texts=["a day later"]))
    assert whole_bundle(world.client, PlanQuery(stack_id=plan.stack_id, plan=plan.digest())).keys() >= after.keys()


@pytest.mark.parametrize("text", ["", "[]", '"x"', "7", '{"a":1}', "{", "null"])
def test_a_manifest_that_is_none_is_no_traceback(drafting: Drafting, text: str) -> None:
    """A text that is no manifest of files is refused as that, and is no fault of the service."""
    tenant = drafting.tenant
    tenant.enrol()
    offered = tenant.propose(tenant.demand(clusters={"web": cluster(1)}))
    with pytest.raises(LedgerRefusedError, match="of this change are no manifest: expected a JSON object"):
        tenant.admit(offered, rendered=text)

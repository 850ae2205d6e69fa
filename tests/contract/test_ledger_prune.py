"""Texts that nothing needs any more go when somebody says so: what is in force stays, and the journal tells it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from support.change_world import WEB, World, change_world
from support.ledger_party import ZONE_FILE, Party, bring_up_racks
from support.ledger_places import outside
from support.planner import Planner
from support.second_opinion import verified
from support.signing import policy
from support.zone_project import cluster
from zonewright.audit.evidence.fetching import texts_of
from zonewright.audit.evidence.gathering import each_entry, whole_bundle
from zonewright.audit.evidence.period import period_of
from zonewright.cli import main
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.change_messages import Plan, PlanQuery
from zonewright.ledger.protocol.content_messages import ContentRequest
from zonewright.ledger.protocol.rollout_messages import ConfigurationsRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.store.clock import utc_now
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.state import verify_state
from zonewright.ledger.transport.client import LedgerClient
from zonewright.ledger.verbs.text_pruning import PrunedTexts, prune_texts
from zonewright.model.canonical import canonical_json, digest_of

MORE: dict[str, Any] = {"clusters": {"web": cluster(3)}}
MOST: dict[str, Any] = {"clusters": {"web": cluster(4)}}
NODE = "stack-of-tenant-a"


@dataclass
class Past:
    """A stack with a change of long ago, one in force, and one that waits for its approvals.

    Attributes:
        world: the ledger.
        tenant: the stack.
        plans: the three plans, in this order.
        between: a moment after the first change and before the second.
    """

    world: World
    tenant: Planner
    plans: tuple[Plan, Plan, Plan]
    between: datetime

    def prune(self, before: datetime, *, dry_run: bool = False) -> PrunedTexts:
        """Remove what is not needed."""
        with closing(Database(self.world.path, lock_wait_s=5)) as database:
            context = Context(database=database, clock=lambda: self.world.now[0])
            return prune_texts(context, before, dry_run=dry_run)

    def bundle(self, plan: Plan) -> dict[str, bytes]:
        """What the ledger has on a plan, but for the journal and its head, which go on."""
        files = whole_bundle(self.world.client, PlanQuery(stack_id=plan.stack_id, plan=plan.digest()))
        going_on = ("journal.jsonl", "checkpoint.json", "manifest.json")
        return {name: one for name, one in files.items() if name not in going_on}

    def faults(self) -> list[str]:
        """What a verification of the state finds."""
        with closing(Database(self.world.path, lock_wait_s=5)) as database, database.reading() as connection:
            return verify_state(connection).faults

    def approved(self, **wish: Any) -> None:
        """Plan, approve and carry out."""
        plan, _ = self.tenant.plan(at=self.world.later(), **wish)
        for signer in ("ben", "bea"):
            self.tenant.verdict(plan, signer, at=self.world.later())
        self.tenant.deploy(**wish)

    def texts(self) -> int:
        """How many texts the ledger has."""
        with outside(self.world.path) as connection:
            return int(connection.scalars("SELECT count(*) FROM content")[0])


@pytest.fixture(name="past")
def _past(tmp_path: Path) -> Iterator[Past]:
    with change_world(tmp_path, "in-process") as world:
        tenant = world.planner()
        plans: list[Plan] = []
        moments: list[datetime] = []
        for wish in (WEB, MORE, MOST):
            plan, _ = tenant.plan(at=world.later(), **wish)
            plans.append(plan)
            if wish is MOST:
                break
            for signer in ("ben", "bea"):
                tenant.verdict(plan, signer, at=world.later())
            tenant.deploy(**wish)
            moments.append(world.later(24))
        first, second, third = plans
        world.client.call(verbs.STORE, ContentRequest(texts=["a draft"]))
        yield Past(world, tenant, (first, second, third), moments[0])


def test_what_is_in_force_stays_whole(past: Past) -> None:
    """The evidence of the change in force and of the plan that waits is the same; that of the first change is gone."""
    first, second, third = past.plans
    before, there = [past.bundle(plan) for plan in past.plans], past.texts()
    tried = past.prune(past.between, dry_run=True)
    assert past.texts() == there
    found = past.prune(past.between)
    assert (found.texts, found.size, found.kept) == (tried.texts, tried.size, tried.kept)
    assert (past.texts(), tried.sequence) == (there - found.texts, 0)
    assert 0 < found.texts < there
    assert [past.bundle(plan) for plan in (second, third)] == before[1:]
    with pytest.raises(
        LedgerRefusedError, match=rf"prune removed \d+ texts .* \(entry {found.sequence} of the journal"
    ):
        past.bundle(first)
    assert past.faults() == []
    assert past.prune(past.between) == PrunedTexts(texts=0, size=0, kept=found.kept)
    for signer in ("ben", "bea"):
        past.tenant.verdict(third, signer, at=past.world.later())
    past.tenant.deploy(**MOST)
    assert past.faults() == []


def test_what_was_exported_before_is_still_good(past: Past) -> None:
    """A bundle of a change whose texts are gone has all of them: no check of it is wrong, as before."""
    files = whole_bundle(past.world.client, PlanQuery(stack_id=NODE, plan=past.plans[0].digest()))
    before = [(one.name, one.verdict) for one in verified(files)]
    past.prune(past.between)
    assert [(one.name, one.verdict) for one in verified(files)] == before
    assert "wrong" not in {verdict for _, verdict in before}


def test_the_commands_know_what_was_removed(
    past: Past, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal is one chain, tables are its sum, the list of changes is complete, and a period tells of it."""
    monkeypatch.chdir(past.world.path.parent)
    url, day = "sqlite:///ledger.db", str(past.between.date())
    for word, more in (("would remove", ["--dry-run"]), ("removed", [])):
        assert main(["ledger", "prune", "--ledger", url, "--before", day, *more]) == 0
        said = capsys.readouterr().out
        assert said.startswith(f"{word} ")
        assert f"since {day}" in said
        assert ("of the journal has the digest" in said) == (word == "removed")
    for command, good in (
        (["ledger", "verify", "--state"], "each as the journal says"),
        (["audit", "complete"], "nothing is wrong"),
    ):
        assert main([*command, "--ledger", url]) == 0
        assert good in capsys.readouterr().out
    client = past.world.client
    page = period_of(each_entry(client), (), lambda wanted: texts_of(client, wanted), first="2026-01-01", last="2999")
    (gone,) = page.sections["Texts that were removed"]
    assert gone.what.endswith(f"that only decisions before {day} name")
    (row,) = page.sections["Decisions of which the facts are there no more"]
    assert (row.stack, row.what.partition(",")[0]) == (NODE, "admitted")


@pytest.mark.parametrize("day", ["2999-01-01", "soon", "2026-02-30"])
def test_a_day_that_is_none_of_the_past_is_said(past: Past, capsys: pytest.CaptureFixture[str], day: str) -> None:
    """A day to come, or a word, removes nothing."""
    there = past.texts()
    assert main(["ledger", "prune", "--ledger", f"sqlite:///{past.world.path}", "--before", day]) == 2
    assert f"--before: expected a day of the past such as 2026-01-31, got {day}" in capsys.readouterr().err
    assert past.texts() == there


def test_an_emergency_change_keeps_its_evidence_until_it_is_reviewed(past: Past) -> None:
    """A change that was carried out before its approvals is whole when somebody reviews it, however late."""
    world, tenant = past.world, past.tenant
    plan, _ = tenant.plan(at=world.later(), emergency=True, **MOST)
    tenant.complete(tenant.admit(**MOST))
    before = past.bundle(plan)
    past.approved(**WEB)
    assert past.prune(world.later(1)).texts > 0
    assert past.bundle(plan) == before
    for signer in ("ben", "bea"):
        tenant.verdict(plan, signer, at=world.later())
    past.prune(world.later(1))
    with pytest.raises(LedgerRefusedError, match="prune removed"):
        past.bundle(plan)


@pytest.mark.tampers
@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("DELETE FROM pruned WHERE digest = (SELECT max(digest) FROM pruned)", "the list of texts of entry "),
        ("INSERT INTO pruned SELECT sequence, 'sha256:x' FROM pruned LIMIT 1", "the list of texts of entry "),
        ("INSERT INTO pruned VALUES (1, 'sha256:x')", "the list of texts of entry 1 is not the one"),
        ("DELETE FROM content WHERE digest IN (SELECT snapshot FROM named)", "it is missing, entry "),
    ],
)
def test_what_no_entry_says_was_removed_is_damage(past: Past, statement: str, sentence: str) -> None:
    """A list that was altered is named, and so is a text that is missing although nobody pruned it."""
    past.prune(past.between)
    with closing(sqlite3.connect(past.world.path)) as connection, connection:
        named = "SELECT json_extract(payload, '$.snapshot') AS snapshot FROM journal WHERE kind = 'admitted'"
        connection.execute(f"CREATE TEMP VIEW named AS {named}")
        assert connection.execute(statement).rowcount > 0
    assert any(sentence in fault for fault in past.faults()), past.faults()


@pytest.mark.tampers
def test_a_text_that_came_back_and_went_again_is_damage(past: Past) -> None:
    """What an entry names after a removal has to be there: the removal of before is no excuse."""
    first, there = past.plans[0], past.texts()
    assert past.prune(past.between).texts < there
    past.approved(**WEB)
    assert past.faults() == []
    with outside(past.world.path) as connection:
        assert connection.execute("DELETE FROM content WHERE digest = ?", (first.demand_digest,)).rowcount == 1
    assert any(fault.startswith(f"content {first.demand_digest[7:19]}: it is missing") for fault in past.faults())


@pytest.mark.tampers
@pytest.mark.parametrize("text", ["x", "{}"])
def test_nothing_is_removed_while_a_text_is_damaged(past: Past, text: str) -> None:
    """What a damaged text names is not known, so all stays; a verification tells it without ending there."""
    with closing(sqlite3.connect(past.world.path)) as connection, connection:
        snapshots = "SELECT json_extract(payload, '$.snapshot') FROM journal WHERE kind = 'admitted'"
        changed = connection.execute(f"UPDATE content SET text = ? WHERE digest IN ({snapshots})", (text,))
        assert changed.rowcount > 0
    there = past.texts()
    with pytest.raises(LedgerRefusedError, match="its text does not have this digest; nothing was removed"):
        past.prune(past.between)
    assert past.texts() == there
    assert any("its text does not have this digest" in fault for fault in past.faults())


def test_deployed_files_stay_approved(past: Past) -> None:
    """What approves the files that sites have now is kept, also where later steps needed no approval."""

    def approved() -> dict[str, str]:
        answer = past.world.client.call(verbs.CONFIGURATIONS, ConfigurationsRequest(sites=["dc1"]))
        return dict(next(one for one in answer.stacks if one.stack_id == NODE).approved)

    past.tenant.party.zone = past.world.register(two=policy({"operators": 2}, parties=["tenant-b"]))
    past.tenant.deploy(**MOST)
    before = approved()
    assert set(before.values()) == {past.plans[1].digest()}, "the step in force was approved by nobody"
    past.prune(past.world.later(1))
    assert approved() == before


def test_a_change_whose_files_went_meanwhile_is_not_admitted(tmp_path: Path) -> None:
    """A text that was there when the files were stored, and is removed before the admission, is missed there."""
    text = "a file of an earlier change"
    files = canonical_json({"nodes/dc1/web-001/etc/x": digest_of(text)})
    with LedgerClient(f"sqlite:///{tmp_path / 'ledger.db'}", create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        bring_up_racks(client)
        tenant = Party(client, NODE, "tenant-a")
        tenant.enrol()
        client.call(verbs.STORE, ContentRequest(texts=[text]))
        tenant.admit(tenant.propose(tenant.demand(clusters={"web": cluster(1)})), files)
        tenant.admit(tenant.propose(tenant.demand(clusters={"web": cluster(2)})))
        proposal = tenant.propose(tenant.demand(clusters={"web": cluster(3)}))
        with closing(Database(tmp_path / "ledger.db", lock_wait_s=5)) as database:
            assert prune_texts(Context(database=database), utc_now(), dry_run=False).texts > 0
        with pytest.raises(LedgerRefusedError, match="the rendered files of this change are not in the ledger"):
            tenant.admit(proposal, files)
        client.call(verbs.STORE, ContentRequest(texts=[text]))
        tenant.admit(proposal, files)

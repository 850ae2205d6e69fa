"""The tables are the sum of the journal: what was written past the verbs is named, with what and since when."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import Connection

from support.change_world import WEB, World, change_world
from support.ledger_party import ZONE_FILE, Party, bring_up_racks
from support.ledger_places import Places, outside
from support.zone_project import REPOSITORY, cluster
from zonewright.cli import main
from zonewright.declare.private_file import make_private
from zonewright.ledger import LedgerUnavailableError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.content_messages import ContentRequest
from zonewright.ledger.protocol.journal_messages import Checkpoint, CheckpointRequest, HistoryRequest, JournalEntry
from zonewright.ledger.protocol.rollout_messages import FleetLockRequest
from zonewright.ledger.protocol.stack_messages import InitRequest, RecoverRequest
from zonewright.ledger.store import telemetry_tables
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.journal import verify_checkpoint
from zonewright.ledger.store.recording import COVERED, DERIVED, ROWS, all_rows, row_change
from zonewright.ledger.store.schema import MODULES
from zonewright.ledger.store.state import verify_state
from zonewright.ledger.store.state_root import _MEMORIES, older_root, root, state_digest
from zonewright.ledger.store.tables import metadata
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone
from zonewright.model.canonical import canonical_json, digest_of

NODE = "stack-of-tenant-a"
ANOTHER = (
    "INSERT INTO claim SELECT 99, 'x', 'tenant-b', kind, 'db-001', state, generation, holder, site, rack, room, "
    "draw_w, active_since, digest, data, changed_at FROM claim WHERE name = 'web-001'"
)


@contextmanager
def _changed(folder: Path) -> Iterator[World]:
    with change_world(folder, "in-process") as world:
        tenant = world.planner()
        plan, _ = tenant.plan(at=world.later(), **WEB)
        for signer in ("ben", "bea"):
            tenant.verdict(plan, signer, at=world.later())
        tenant.complete(tenant.admit(**WEB))
        yield world


@cache
def _carried_out() -> tuple[bytes, datetime, Zone]:
    """A ledger's file, made once in a process: most tests begin with it."""
    with TemporaryDirectory() as folder:
        with _changed(Path(folder)) as world:
            pass
        return world.path.read_bytes(), world.now[0], world.zone


@pytest.fixture(name="world")
def _world(tmp_path: Path, places: Places) -> Iterator[World]:
    """A zone with approvals, and a change of tenant-a that was planned, approved and carried out."""
    if places.server is not None:
        with _changed(tmp_path) as world:
            yield world
        return
    content, moment, zone = _carried_out()
    path, now = tmp_path / "ledger.db", [moment]
    make_private(path)
    path.write_bytes(content)
    with LedgerClient(f"sqlite:///{path}", clock=lambda: now[0]) as client:
        yield World(client, now, zone, path)


def faults(path: Path, checkpoint: Checkpoint | None = None) -> list[str]:
    """What a verification of the state finds."""
    with closing(Database(path, lock_wait_s=1)) as database, database.reading() as connection:
        return verify_state(connection, checkpoint).faults


def tamper(path: Path, *statements: str) -> None:
    """Write past the verbs."""
    with outside(path) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount != 0, statement


def test_a_journal_is_verified_by_nothing_but_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What history printed is judged without a ledger: an altered entry, a cut file and a line of another kind too."""
    monkeypatch.chdir(tmp_path)
    with LedgerClient("sqlite:///l.db", create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        bring_up_racks(client)

    def told(*more: str) -> tuple[int, str]:
        code = main(["ledger", "verify", "--journal", "journal.jsonl", "--checkpoint", "head.json", *more])
        said = capsys.readouterr()
        return code, said.out + said.err

    for verb, name in (("history", "journal.jsonl"), ("checkpoint", "head.json")):
        assert main(["ledger", verb, "--ledger", "sqlite:///l.db"]) == 0
        (tmp_path / name).write_text(capsys.readouterr().out)
    (tmp_path / "l.db").unlink()
    whole = (tmp_path / "journal.jsonl").read_text()
    lines = whole.splitlines(keepends=True)
    assert told() == (0, f"good: {len(lines)} entries form one chain\n")
    assert told("--state")[0] == 2
    for text, code, sentence in (
        (whole.replace("stack-of-operator", "stack-of-somebody"), 1, "wrong: entry 2 was altered"),
        ("".join(lines[:-1]), 1, "wrong: the journal is truncated"),
        ("".join([lines[0], lines[2]]), 1, "wrong: entry 2 is missing or out of order"),
        (f"{lines[0]}{{}}\n", 2, "journal.jsonl:2: expected an entry as zonewright ledger history prints it"),
    ):
        (tmp_path / "journal.jsonl").write_text(text)
        found = told()
        assert (found[0], sentence in found[1]) == (code, True), found
    (tmp_path / "journal.jsonl").unlink()
    assert told()[0] == 2


def test_every_table_is_covered_or_says_what_it_follows_from() -> None:
    """A table that is neither would be one that anybody may change unseen."""
    assert MODULES
    assert metadata.tables.keys() == COVERED.keys() | DERIVED.keys()
    assert not COVERED.keys() & DERIVED.keys()
    assert telemetry_tables.metadata.tables.keys() == telemetry_tables.PROVEN.keys()
    assert not telemetry_tables.PROVEN.keys() & metadata.tables.keys()
    for one in COVERED.values():
        assert [column.name for column in one.table.primary_key] in ([*one.key], []), one.table.name
    page = (REPOSITORY / "docs" / "how-to" / "verify-the-journal.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", page, re.MULTILINE))
    assert told == {**DERIVED, **telemetry_tables.PROVEN}


def test_of_what_the_verbs_wrote_nothing_is_named(world: World) -> None:
    """The ledger that the tests below tamper with has no fault before."""
    assert faults(world.path) == []


@pytest.mark.tampers
@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("UPDATE claim SET rack = 'dc1/hall-a/row-1/r9' WHERE name = 'web-001'", 'rack is "dc1/hall-a/row-1/r9", "'),
        ("UPDATE claim SET party = 'tenant-b' WHERE name = 'web-001'", 'party is "tenant-b", "tenant-a" was recorded'),
        ("DELETE FROM claim WHERE name = 'web-001'", "(node web-001 of stack stack-of-tenant-a): it is missing"),
        (
            ANOTHER,
            "claim 99 (node db-001 of stack x): nobody recorded it",
        ),
        ("UPDATE asset SET data = replace(data, 'row', 'ROW') WHERE kind = 'row'", "data is "),
        ("UPDATE zone SET document = replace(document, 'approval', 'xpproval')", "zone small: document is"),
        ("DELETE FROM verdict WHERE signer = 'ben'", "verdict 1: it is missing, it was there since entry"),
        ("DELETE FROM change", "change 1 of stack stack-of-tenant-a: it is missing"),
        ("DELETE FROM decided WHERE kind = 'admitted'", "it is missing"),
        ("UPDATE admission SET completed_at = NULL WHERE state = 'current'", "completed_at is nothing"),
        ("UPDATE enrolment SET lineage = 'mine' WHERE stack_id = 'stack-of-tenant-a'", 'lineage is "mine"'),
        ("UPDATE step SET number = 7", "step of stack stack-of-"),
        ("DELETE FROM prefix", "the networks of asset"),
        ("INSERT INTO meter_host SELECT min(id), 'm-1', 'x' FROM asset", "the hosts that read meters of asset"),
        ("UPDATE content SET text = text || ' '", "its text does not have this digest"),
        ("DELETE FROM content", "it is missing, admission adm-"),
        ("UPDATE row_change SET digest = '' WHERE \"table\" = 'claim'", "is not the one that the journal names"),
        ("UPDATE recorded SET record = '{}' WHERE \"table\" = 'claim'", "recorded claim [1]: it is not the last that"),
        ("UPDATE recorded SET digest = 'x' WHERE \"table\" = 'claim'", "recorded claim [1]: it is not the last that"),
        ("DELETE FROM recorded WHERE \"table\" = 'claim'", "recorded claim [1]: it is missing"),
        ("INSERT INTO recorded VALUES ('claim', '[9]', 'x', '{}')", "recorded claim [9]: it is not the last that"),
        ("DELETE FROM row_change WHERE \"table\" = 'claim'", "is not the one that the journal names"),
        ("DELETE FROM row_change", "the list of rows of entry 1 is missing"),
        ("UPDATE claim SET rack = CAST(rack AS BLOB)", "rack is "),
        ("UPDATE claim SET draw_w = 9e999", 'draw_w is "inf"'),
        ("UPDATE asset SET data = '{' WHERE kind = 'site'", "data is "),
        ("UPDATE journal SET payload = '{\"rows\":1}' WHERE sequence = 2", "entry 2: its payload is not as any verb"),
        ("UPDATE journal SET payload = '[' WHERE sequence = 2", "entry 2: its payload is not as any verb"),
        ("INSERT INTO identity VALUES ('mine')", "identity: the ledger has 2 ids"),
    ],
)
def test_what_is_written_past_the_verbs_is_named(world: World, statement: str, sentence: str) -> None:
    """A row that was moved, given away, deleted, added or made something else has a sentence of its own."""
    tamper(world.path, statement)
    found = faults(world.path)
    assert any(sentence in fault for fault in found), found


@pytest.mark.tampers
def test_a_generation_that_was_lowered_is_named(world: World) -> None:
    """Freed claims are there no more, and the highest generation of a stack that went is accounted for like a row."""
    tenant = Party(world.client, NODE, "tenant-a", zone=world.zone)
    assert tenant.release("web-002", 1)
    assert faults(world.path) == []
    tamper(world.path, "UPDATE generation SET highest = 0")
    (fault,) = faults(world.path)
    assert fault.startswith("generation stack-of-tenant-a: highest is 0, 1 was recorded since entry")


@pytest.mark.tampers
def test_a_long_text_is_not_the_digest_of_itself(world: World) -> None:
    """Who puts the digest that is recorded of a text into its place has changed the row."""
    with outside(world.path) as connection:
        (text,) = connection.execute("SELECT data FROM asset WHERE name = 'dc1'").fetchone()
        connection.execute("UPDATE asset SET data = ? WHERE name = 'dc1'", (digest_of(text),))
    assert any("asset 1 (site dc1" in fault for fault in faults(world.path))


@pytest.mark.tampers
def test_a_record_that_was_altered_with_its_row_is_named(world: World) -> None:
    """Whoever alters row, record and list alike still has the entry's digest against them."""
    tamper(
        world.path,
        "UPDATE claim SET party = 'tenant-b' WHERE name = 'web-001'",
        "UPDATE recorded SET record = replace(record, 'tenant-a', 'tenant-b') WHERE \"table\" = 'claim'",
    )
    assert "the record of what it was is altered" in " ".join(faults(world.path))


def test_each_change_has_one_entry_and_what_changes_nothing_has_none(world: World) -> None:
    """A decision's own entry says what it changed; confirm and release, which have none, get one; reading gets none."""

    def entries() -> list[JournalEntry]:
        return world.client.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries

    assert all(ROWS in entry.payload for entry in entries())
    before = entries()
    tenant = Party(world.client, "stack-of-tenant-b", "tenant-b", zone=world.zone)
    for call in (
        lambda: tenant.enrol(dry_run=True),
        lambda: tenant.propose(tenant.demand(clusters={"db": cluster(1)}), reserve=False),
        lambda: tenant.release("web-001", 1),
        lambda: world.client.call(verbs.STORE, ContentRequest(texts=["a text"])),
    ):
        call()
        assert entries() == before
    generation = Party(world.client, NODE, "tenant-a", zone=world.zone).confirm("web-001", 1)
    (one,) = entries()[len(before) :]
    assert (one.kind, one.payload[ROWS]["count"]) == ("state", 1)
    assert Party(world.client, NODE, "tenant-a", zone=world.zone).release("web-001", generation)
    assert [entry.kind for entry in entries()[len(before) :]] == ["state", "state"]


@pytest.mark.tampers
def test_a_refused_verb_leaves_nothing_to_the_next_one(world: World) -> None:
    """What a transaction that was taken back had touched is not told as the change of the next one."""
    tenant = Party(world.client, NODE, "tenant-a", zone=world.zone)
    tenant.enrol()  # who has written before knows the tables as they are
    with outside(world.path) as connection:
        connection.execute("ALTER TABLE row_change RENAME TO elsewhere")
    with pytest.raises(LedgerUnavailableError, match="row_change"):
        tenant.confirm("web-001", 1)
    with outside(world.path) as connection:
        connection.execute("ALTER TABLE elsewhere RENAME TO row_change")
    assert faults(world.path) == []
    tenant.confirm("web-001", 1)
    assert faults(world.path) == []


@pytest.mark.tampers
def test_a_checkpoint_says_what_was_held(world: World) -> None:
    """The digest of the state in a kept checkpoint is found again later, and not after its lists were rewritten."""
    kept = world.client.call(verbs.CHECKPOINT, CheckpointRequest())
    assert verify_checkpoint(kept) is None
    assert verify_checkpoint(kept.model_copy(update={"state": digest_of("other")})) is not None
    assert verify_checkpoint(kept.model_copy(update={"state": ""})) is not None
    assert verify_checkpoint(kept.model_copy(update={"ledger": "0" * 32})) is not None
    Party(world.client, NODE, "tenant-a", zone=world.zone).confirm("web-001", 1)
    now = world.client.call(verbs.CHECKPOINT, CheckpointRequest())
    assert (now.ledger, now.state != kept.state) == (kept.ledger, True)
    assert faults(world.path, kept) == faults(world.path, now) == []
    for other, said in (("ledger", "the ledger's id is "), ("zone", "the ledger's zone is small, the checkpoint of")):
        assert said in " ".join(faults(world.path, kept.model_copy(update={other: "0" * 32})))
    assert "do not have the digest" in " ".join(faults(world.path, kept.model_copy(update={"state": now.state})))


@pytest.mark.parametrize(
    ("count", "leaves"),
    [
        (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (1, None),
        (2, None),
        (3, None),
        (7, None),
        (8, None),
    ],
)
def test_the_root_is_the_tree_hash_of_rfc_6962(count: int, leaves: str | None) -> None:
    """It is the recursive definition, of the groups by the first byte of each row's name, and over them; in any order.

    The older root is that of one tree, whose hash of no leaf is in the RFC.
    """
    rows = [("claim", f"[{number}]", digest_of(str(number))) for number in range(count)]

    def tree(found: list[bytes]) -> bytes:
        if len(found) <= 1:
            return sha256(b"\0" + found[0]).digest() if found else sha256(b"").digest()
        split = 1 << (len(found) - 1).bit_length() - 1
        return sha256(b"\1" + tree(found[:split]) + tree(found[split:])).digest()

    def of(rows: list[tuple[str, str, str]]) -> bytes:
        return tree([canonical_json(list(row)).encode() for row in sorted(rows)])

    groups: list[list[tuple[str, str, str]]] = [[] for _ in range(256)]
    for row in rows:
        groups[sha256(f"{row[0]}{row[1]}".encode()).digest()[0]].append(row)
    wanted, older = tree([of(group) for group in groups]).hex(), leaves or of(rows).hex()
    Random(count).shuffle(rows)
    assert (root(rows), older_root(rows)) == (f"sha256:{wanted}", f"sha256:{older}")


def test_what_a_process_knows_of_the_state_is_what_the_journal_says(world: World) -> None:
    """The root that goes on from the last one is the root of all rows: after changes, for an earlier moment, and anew.

    One that was known of another journal, as of a file that was put in the place of this one, is not gone on with.
    """
    with closing(Database(world.path, lock_wait_s=5)) as database:

        def compared(connection: Connection) -> str:
            found = state_digest(connection)
            assert found == root(row[:3] for row in all_rows(connection))
            return found

        with database.reading() as earlier:
            roots = [compared(earlier)]
            assert compared(earlier) == roots[0]
            tenant = Party(world.client, NODE, "tenant-a", zone=world.zone)
            for verb in (tenant.confirm, tenant.release):
                verb(f"web-00{len(roots)}", 1)
                with database.reading() as connection:
                    roots.append(compared(connection))
            assert compared(earlier) == roots[0]
        assert len(set(roots)) == 3
        with database.reading() as connection:
            known = _MEMORIES[connection.engine].known
        known.last = digest_of("another journal")
        known.leaves[3]["claim", "[77]"] = b"x" * 32
        known.compute([3])
        with database.reading() as connection:
            assert compared(connection) == roots[-1]


def test_a_lease_that_is_renewed_is_no_change(tmp_path: Path) -> None:
    """Taking and giving back a lease is recorded; that it was renewed is not, since only its end moves."""
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    with LedgerClient(f"sqlite:///{tmp_path / 'ledger.db'}", create=True, clock=lambda: now[0]) as client:

        def lease(seconds: int) -> int:
            now[0] += timedelta(seconds=1)
            client.call(verbs.LEASE, FleetLockRequest(fleet="operator", holder="run-1", who="anna", seconds=seconds))
            return len(client.call(verbs.HISTORY, HistoryRequest()).entries)

        assert [lease(60), lease(60), lease(60), lease(0)] == [1, 1, 1, 2]
    assert faults(tmp_path / "ledger.db") == []


def test_all_that_a_busy_ledger_recorded_is_its_state(tmp_path: Path) -> None:
    """Enrol, move, grow, shrink, take over and leave: after each of them every row is accounted for, by few rows."""
    path = tmp_path / "ledger.db"
    with LedgerClient(f"sqlite:///{path}", create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=Party(client, "x", "operator").zone))
        bring_up_racks(client, 2)
        tenant = Party(client, NODE, "tenant-a")
        for count in (3, 1, 4):
            tenant.bring_up(clusters={"web": cluster(count)})
            assert faults(path) == []
        client.call(verbs.RECOVER, RecoverRequest(stack_id=NODE, party="tenant-a", state_is_empty=True))
        assert faults(path) == []
    with outside(path) as connection:
        (most,) = connection.execute(
            f"SELECT max(n) FROM (SELECT count(*) AS n FROM {row_change.name} GROUP BY sequence) AS counts"
        ).fetchone()
    assert most <= 12

"""A change on pruned readings: the evidence has hourly sums in their place, and verification finds what was altered."""

import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir, closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import independent_verifier
from support.changes import ZONE, databases, declared_with_people, ledger_of, rename_site
from support.ledger_party import Party
from support.once import made_once
from support.planner import Planner
from support.readings import METERS, START, drawn, month
from support.registers import METERS as REGISTERS
from support.registers import NOW
from support.second_opinion import verified as both_verified
from support.soak import is_full
from zonewright.audit.evidence.bundle import with_manifest
from zonewright.audit.evidence.checks import Check
from zonewright.audit.evidence.contents import read_contents
from zonewright.audit.evidence.gathering import each_entry
from zonewright.audit.evidence.layout import object_path
from zonewright.audit.evidence.period import period_of
from zonewright.audit.evidence.pruned import pruned_checks
from zonewright.audit.evidence.replay import put_site
from zonewright.cli import main
from zonewright.cli.output import NOT_DECIDED
from zonewright.ledger.deciding.snapshot import readings_of
from zonewright.ledger.protocol.errors import LedgerUnavailableError
from zonewright.ledger.protocol.journal_messages import JournalEntry
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.journal import GENESIS, entry_hash
from zonewright.ledger.transport.client import LedgerClient
from zonewright.ledger.verbs import renaming
from zonewright.ledger.verbs.pruning import KIND
from zonewright.ledger.verbs.pruning import prune as prune_of
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.server.running import Retention
from zonewright.telemetry import Store
from zonewright.telemetry.home import StoreFaultError
from zonewright.telemetry.noting import JournalNote
from zonewright.telemetry.registers import registers, window_of
from zonewright.telemetry.removing import Removal, removals_text
from zonewright.telemetry.samples import Samples
from zonewright.telemetry.summing import HOUR_US
from zonewright.telemetry.tables import readings_file

MORE = databases(8)
LEDGER = Path(".zonewright/ledger.db")
READINGS = Path(".zonewright/ledger.telemetry.db")
SHARES = {"utility-a": 63, "utility-b": 63, "generators": 0, "ups-a": 50, "ups-b": 50}


def registers_of(days: int) -> str:
    """Registers of qp-dc1 up to now, read once a day: 1.26, and so above the limit; generators stand still.

    Nothing in them is in doubt, so a figure comes from sums: what is in doubt is about evaluation, not about evidence.
    """
    rows = ["meter,start,time,value"]
    for step in range(days + 1):
        moment = (NOW - timedelta(days=days - step)).isoformat()
        values = {meter: SHARES[meter] and step * 1_920_000 * SHARES[meter] + step % 7 for meter in REGISTERS}
        rows += [f"{meter},,{moment},{value}" for meter, value in values.items()]
    return "\n".join(rows)


@contextmanager
def year_of_registers(folder: Path) -> Iterator[Planner]:
    """A tenant that wants 40 kW at a site with more than a year of registers, in the present folder."""

    def make(at: Path) -> None:
        ledger_of(at / ".zonewright", "operator-b")
        with chdir(at):
            Path("registers.csv").write_text(registers_of(430), encoding="utf-8")
            assert main(["pue", "import", "registers.csv", "--zone", str(ZONE), "--site", "qp-dc1"]) == 0

    shutil.copytree(made_once(f"year-of-registers-{NOW:%H}", make), folder, dirs_exist_ok=True)
    with LedgerClient("sqlite:///.zonewright/ledger.db", root=folder) as client:
        party = Party(client, "stack-of-fin", "tenant-fin", zone=declared_with_people().zone)
        party.enrol()
        yield Planner(party)


@pytest.fixture(name="tenant")
def _tenant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Planner]:
    monkeypatch.chdir(tmp_path)
    with year_of_registers(tmp_path) as tenant:
        yield tenant


@pytest.fixture(name="planned", scope="module")
def _planned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The bundle of a plan on readings of which those before the last 60 days were removed."""
    folder = tmp_path_factory.mktemp("planned")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with year_of_registers(folder) as tenant:
            prune()
            tenant.plan(at=NOW - timedelta(minutes=5), **MORE)
            return tenant.bundle()


def prune(days: int = 60) -> None:
    """Remove what is older, as an operator does."""
    assert main(["pue", "prune", "--keep-readings-days", str(days)]) == 0


def verified(files: Mapping[str, bytes]) -> dict[str, Check]:
    """The checks of a bundle by name."""
    return {check.name: check for check in both_verified(files)}


def told(files: Mapping[str, bytes]) -> tuple[str, str]:
    """Verdict and detail of the check of the sums that a change was planned on."""
    contents = read_contents(files)
    facts = contents.facts(contents.snapshot)
    (check,) = pruned_checks(facts, contents.snapshot.at, contents.journal, "when it was planned")
    return check.verdict, check.detail


def test_a_change_on_pruned_readings_is_approved_and_verified(tenant: Planner) -> None:
    """Figures are the same before and after a removal, and the bundle verifies from plan to admission, line by line."""
    before, _ = tenant.plan(at=NOW - timedelta(minutes=9), **MORE)
    whole = json.loads(tenant.bundle()["snapshot.json"])
    prune(200)
    prune(60)
    plan, answer = tenant.plan(at=NOW - timedelta(minutes=5), **MORE)
    assert (plan.digest() != before.digest(), answer.state) == (True, "missing")
    files = tenant.bundle()
    snapshot = json.loads(files["snapshot.json"])
    assert {**snapshot["figures"]["qp-dc1"], "age_days": 0} == {**whole["figures"]["qp-dc1"], "age_days": 0}
    found = verified(files)
    # What `change approve` asks before it signs.
    assert [check.line() for check in found.values() if check.verdict == "wrong"] == []
    tenant.verdict(plan, "ben", at=NOW)
    tenant.complete(tenant.admit(**MORE))
    found = verified(tenant.bundle())
    assert [check.line() for check in found.values() if check.verdict == "wrong"] == []
    for word in ("planned", "admitted"):
        line = found[f"pruned readings when it was {word}"]
        assert line.verdict == "good"
        assert " hours of 5 meters from " in line.detail
        assert " rest on hourly sums that replaced " in line.detail
        assert "everything else rests on registers" in line.detail
        assert found[f"energy ratio when it was {word}"].detail.endswith(" hourly sums")
    journal = [json.loads(line) for line in tenant.bundle()["journal.jsonl"].splitlines()]
    assert [one["kind"] for one in journal].count(KIND) == 2
    assert journal[0]["kind"] == KIND


def _stopped(*_: object) -> None:
    raise StoreFaultError("the disk is full")


def test_removals_are_found_after_their_site_was_renamed(tenant: Planner) -> None:
    """An entry has the site's name of its moment: a bundle of later verifies, and what it lacks is still missed."""
    prune(90)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(renaming, "move_readings", _stopped)
        rename_site(tenant.party.client, "qp-dc1", "hall")
    prune(60)  # of readings that are under the old id
    more = databases(8)
    more["clusters"]["more"]["site"] = "hall"
    tenant.plan(at=NOW - timedelta(minutes=6), **more)
    files = tenant.bundle()
    assert [check.line() for check in verified(files).values() if check.verdict == "wrong"] == []
    assert told(files)[0] == "good"
    lines = [json.loads(line) for line in files["journal.jsonl"].splitlines()]
    assert [list(one["payload"]["sites"]) for one in lines if one["kind"] == KIND] == [["qp-dc1"], ["hall"]]
    contents = read_contents(files)
    facts, at = contents.facts(contents.snapshot), contents.snapshot.at
    unnamed = [one for one in contents.journal if not one.payload.get("renamed")]
    taken_out = {name: text for name, text in facts.items() if not name.startswith(("pruned/", "sums/"))}
    for texts, journal, pending, expected in (
        (facts, unnamed, {}, "wrong"),
        (facts, unnamed, {"qp-dc1": "hall"}, "good"),  # as in the plan of the rename itself
        (facts | {"assets/qp-dc1.json": "[]"}, unnamed, {"qp-dc1": "hall"}, "wrong"),
        (facts, (), {}, "not-checked"),
        (taken_out, contents.journal, {}, "wrong"),
    ):
        (check,) = pruned_checks(texts, at, journal, "", pending)
        assert check.verdict == expected, check.detail
    missed = "a removal at qp-dc1, and the snapshot does not have it"
    assert missed in check.detail
    bundle = independent_verifier.Bundle(reworked(files, "pruned/", lambda _text: None), None, None)
    assert any(one.endswith("on a removal at qp-dc1") for one in independent_verifier.removed_readings(bundle))


def reworked(files: Mapping[str, bytes], begin: str, edit: Callable[[str], str | None]) -> dict[str, bytes]:
    """The bundle with a fact of its snapshot edited, or left out; all digests up to the snapshot's are made again."""
    snapshot = json.loads(files["snapshot.json"])
    names = sorted(name for name in snapshot["files"] if name.startswith(begin))
    name = names[len(names) // 2]
    found = dict(files)
    text = edit(found[object_path(snapshot["files"].pop(name))].decode())
    if text is not None:
        snapshot["files"][name] = digest_of(text)
        found[object_path(digest_of(text))] = text.encode()
    return with_manifest({**found, "snapshot.json": canonical_json(snapshot).encode()})


def more_energy(text: str) -> str:
    """One hour with one millijoule more."""
    lines = text.splitlines()
    meter, begin, energy = lines[-1].split(",")
    return "\n".join([*lines[:-1], f"{meter},{begin},{int(energy) + 1}"]) + "\n"


def of_other_entry(field: str, value: object) -> Callable[[str], str]:
    """The recorded entry with another field, its hash made again."""

    def edit(text: str) -> str:
        data: list[dict[str, Any]] = json.loads(text)
        data[0]["entry"][field] = value
        data[0]["entry"]["hash"] = entry_hash(data[0]["entry"])
        return canonical_json(data)

    return edit


def fewer_readings(text: str) -> str:
    """A removal that tells of one reading less than went."""
    data: list[dict[str, Any]] = json.loads(text)
    data[0]["removed"][-1]["readings"] -= 1
    return canonical_json(data)


@pytest.mark.parametrize(
    ("begin", "edit", "sentence"),
    [
        (
            "sums/qp-dc1/ups-a/",
            more_energy,
            r"the sums of ups-a at qp-dc1 from \S+ to \S+ differ from those of entry \d+",
        ),
        ("sums/qp-dc1/ups-a/", lambda _text: None, r"the sums of ups-a at qp-dc1 from \S+ to \S+ differ from those of"),
        ("pruned/", lambda _text: None, r"hours of generators of qp-dc1 from \S+ on are sums, but the journal has no"),
        ("pruned/", fewer_readings, r"entry \d+ recorded other removals at qp-dc1"),
        ("pruned/", lambda text: text.replace(KIND, "pruneD"), r"the snapshot's entry \d+ was altered"),
        ("pruned/", of_other_entry("at", "2001-01-01"), r"the journal does not have the snapshot's entry \d+"),
    ],
)
def test_what_is_altered_in_the_sums_is_found(
    planned: dict[str, bytes], begin: str, edit: Callable[[str], str | None], sentence: str
) -> None:
    """Another sum, a missing month, and another record are named, although all digests were made again."""
    assert told(planned)[0] == "good"
    verdict, detail = told(reworked(planned, begin, edit))
    assert verdict == "wrong"
    assert re.search(sentence, detail), detail


def test_a_changed_byte_in_the_sums_is_found(planned: dict[str, bytes]) -> None:
    """A byte of a file of sums is found by the manifest; with all digests made again by journal, figure and plan."""
    snapshot = json.loads(planned["snapshot.json"])
    path = object_path(next(digest for name, digest in snapshot["files"].items() if name.startswith("sums/")))
    changed = {**planned, path: planned[path][:-2] + bytes([planned[path][-2] ^ 1]) + b"\n"}
    assert f"{path} was altered" in verified(changed)["manifest"].detail
    found = verified(reworked(planned, "sums/qp-dc1/ups-a/", more_energy))
    for name in ("pruned readings when it was planned", "energy ratio when it was planned", "change"):
        assert found[name].verdict == "wrong", name


def test_what_the_bundle_does_not_hold_is_said(planned: dict[str, bytes]) -> None:
    """Without a journal, as in a plan that nobody has signed, it is left open whether the journal has the entries."""
    without = {path: text for path, text in planned.items() if path not in ("journal.jsonl", "checkpoint.json")}
    verdict, detail = told(with_manifest(without))
    assert verdict == "not-checked"
    assert detail.endswith("not checked: this bundle has no journal to find these entries in")


def test_a_sum_that_is_altered_in_the_store_is_found(tenant: Planner) -> None:
    """Who makes a sum smaller in the file of the readings after the removal is found by the journal."""
    prune()
    with closing(sqlite3.connect(READINGS)) as connection, connection:
        connection.execute(
            "update hourly set energy_mj = energy_mj - 1 where begin_us = (select min(begin_us) from removal where "
            "begin_us > ?) and meter = 1",
            (window_of(NOW - timedelta(days=300)),),
        )
    tenant.plan(at=NOW - timedelta(minutes=5), **MORE)
    verdict, detail = told(tenant.bundle(is_wrong=True))
    assert verdict == "wrong"
    assert "differ from those of entry" in detail


def test_a_removal_without_a_ledger_is_recorded_by_the_next_decision(
    tenant: Planner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A change that is planned after a removal that nobody recorded records it, and the bundle verifies."""
    (tmp_path / LEDGER).rename(tmp_path / "away.db")
    prune(90)
    assert "there is no ledger at" in capsys.readouterr().err
    (tmp_path / "away.db").rename(tmp_path / LEDGER)
    tenant.plan(at=NOW - timedelta(minutes=6), **MORE)
    assert told(tenant.bundle())[0] == "good"


def test_a_removal_between_two_records_refuses_a_decision(tmp_path: Path) -> None:
    """Where removals cannot be put into the journal nothing is decided: the evidence would be wrong for good."""
    store = Store(tmp_path / "t.db", create=True)
    store.append("dc1", METERS, month(), trust="imported")
    assert store.prune(START + 9 * 24 * HOUR_US) > 0
    facts = SimpleNamespace(measured={"dc1": None}, base=None)
    review: Any = SimpleNamespace(at="2026-02-01T00:00:00+00:00", facts=facts)
    for tell in (None, lambda: None):
        with pytest.raises(LedgerUnavailableError, match=r"readings of dc1 are being removed, .*; nothing was decided"):
            readings_of(review, readings_file(tmp_path / "t.db"), tell=tell)
    found = readings_of(review, readings_file(tmp_path / "t.db"), tell=lambda: store.tell_removals(entered))
    assert "pruned/dc1/2026-03.json" in found


def test_a_ledger_that_can_not_record_is_told_apart(
    tenant: Planner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Readings that went are told as gone where the journal could not take it, by the command and by the service."""
    lock = tmp_path / f"{LEDGER}.lock"
    lock.unlink()
    lock.mkdir()
    capsys.readouterr()
    assert main(["pue", "prune", "--keep-readings-days", "90"]) == NOT_DECIDED
    out, err = capsys.readouterr()
    assert "readings older" not in out
    assert re.fullmatch(
        r"error: [\d,]+ readings removed, but not all of it is in the journal yet: the ledger .* "
        r"cannot be used: .*; the next removal or decision records the rest\n",
        err,
    )
    said: list[str] = []
    with closing(Database(LEDGER, lock_wait_s=1)) as database, closing(Samples(tmp_path / "s.db")) as samples:
        context = Context(database=database, telemetry=readings_file(READINGS))
        service = Retention(partial(prune_of, context), samples, keep_days=1, keep_readings_days=60, say=said.append)
        service.once(NOW.timestamp())
    assert [re.sub(r"\d[\d,]*", "N", one).split(":")[0] for one in said] == [
        "N readings removed, but not all of it is in the journal yet"
    ]
    lock.rmdir()
    tenant.plan(at=NOW - timedelta(minutes=5), **MORE)
    assert told(tenant.bundle())[0] == "good"


def test_readings_come_in_and_go_while_removals_are_recorded(tmp_path: Path) -> None:
    """The store is free while the ledger is waited for, and whoever records at once with another records the same."""
    store = Store(tmp_path / "t.db", create=True)
    items = month()
    early = {name: [one for one in some if one.time_us < START + 20 * 24 * HOUR_US] for name, some in items.items()}
    store.append("dc1", METERS, early, trust="imported")
    assert store.prune(START + 9 * 24 * HOUR_US) > 0
    recorded: list[str] = []

    def record(found: Mapping[str, Sequence[Removal]], note: JournalNote) -> None:
        recorded.append(entry_of(found))
        note.keep(recorded[-1])

    def slowly(found: Mapping[str, Sequence[Removal]], note: JournalNote) -> None:
        assert store.append("dc1", METERS, items, trust="imported").added > 0
        assert store.prune(START + 15 * 24 * HOUR_US) > 0
        store.tell_removals(record)
        record(found, note)

    store.tell_removals(slowly)
    first, other, again = (json.loads(one)["payload"]["sites"]["dc1"] for one in recorded)
    assert first == again != other
    texts = registers(readings_file(tmp_path / "t.db"), "dc1", datetime(2026, 1, 1, tzinfo=UTC))
    entries = json.loads(texts["pruned/dc1/2026-03.json"])
    assert [digest_of(canonical_json(one["removed"])) for one in entries] == [first, other]
    assert [one["entry"]["payload"]["sites"]["dc1"] for one in entries] == [first, other]


def test_a_record_that_was_lost_is_made_again(tenant: Planner) -> None:
    """Who is killed between journal and store records the removals once more, and the bundle verifies."""

    def killed(found: object, _note: JournalNote) -> None:
        assert found
        raise KeyboardInterrupt

    store = Store(READINGS)
    assert store.prune((int(NOW.timestamp()) - 60 * 86_400) * 10**6) > 0
    with pytest.raises(KeyboardInterrupt):
        store.tell_removals(killed)
    prune()
    tenant.plan(at=NOW - timedelta(minutes=5), **MORE)
    assert told(tenant.bundle())[0] == "good"


def test_a_removal_that_was_recorded_twice_is_told_once(tenant: Planner) -> None:
    """Who is killed between journal and store records the same once more: good, and one line of a period."""
    prune()
    altered("update pruning set entry = ''")
    prune(50)
    tenant.plan(at=NOW - timedelta(minutes=5), **MORE)
    assert told(tenant.bundle())[0] == "good"
    entries = list(each_entry(tenant.party.client))
    one, again, other = (entry for entry in entries if entry.kind == KIND)
    assert one.payload == again.payload != other.payload
    for first, rows in (("2000-01-01", 2), ("2999-01-01", 0)):
        period = period_of(entries, (), lambda _digests: {}, first=first, last="2999-12-31")
        found = period.sections["Readings that were removed"]
        assert len(found) == rows
        if found:
            what = f" of qp-dc1; entry {one.sequence}, recorded again as {again.sequence}"
            assert [row.at for row in found] == [one.at, other.at]
            assert found[0].what.endswith(what)
            assert found[1].what.endswith(" of qp-dc1")


def altered(*statements: str) -> None:
    """Do with the file of the readings what whoever can write it can do."""
    with closing(sqlite3.connect(READINGS)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


HALVED = "update hourly set energy_mj = energy_mj / 2 where meter = 1"


@pytest.mark.parametrize(
    "statements",
    [
        (HALVED, "delete from removal"),
        (HALVED, "delete from removal", "delete from pruning", "delete from stretch"),
        ("delete from removal where begin_us = (select max(begin_us) from removal)",),
    ],
)
def test_what_is_taken_out_of_the_store_can_not_be_recorded_anew(tenant: Planner, statements: tuple[str, ...]) -> None:
    """Sums altered and then recorded by another removal are wrong: the journal has the older entry on their hours."""
    prune()
    altered(*statements)
    prune()
    tenant.plan(at=NOW - timedelta(minutes=5), **MORE)
    verdict, detail = told(tenant.bundle(is_wrong=True))
    assert verdict == "wrong"
    assert re.search(
        r"entry \d+ (of \S+ )?recorded (a removal at qp-dc1, and the snap|other removals at qp-dc1)", detail
    )


def test_sums_of_a_store_without_any_removal_are_missed(tenant: Planner) -> None:
    """A store from which all traces of a removal were taken is wrong, although the snapshot has no sums at all."""
    prune()
    altered("delete from removal", "delete from pruning", "delete from stretch")
    tenant.plan(at=NOW - timedelta(minutes=5), **MORE)
    files = tenant.bundle(is_wrong=True)
    assert not [name for name in json.loads(files["snapshot.json"])["files"] if name.startswith("sums/")]
    verdict, detail = told(files)
    assert verdict == "wrong"
    assert "and the snapshot does not have it" in detail


def test_what_went_before_the_figures_is_not_asked_for(tenant: Planner) -> None:
    """A bundle has the entries on hours of its figures: one on hours before them needs to be in no snapshot."""
    prune(429)
    tenant.plan(at=NOW - timedelta(minutes=6), **MORE)
    prune(60)
    plan, _ = tenant.plan(at=NOW - timedelta(minutes=5), **MORE)
    begin_us = window_of(datetime.fromisoformat(plan.planned_at) - timedelta(days=400))
    whole = [entry for entry in each_entry(tenant.party.client) if entry.kind == KIND]
    asked = [entry.sequence for entry in whole if entry.payload["until_us"]["qp-dc1"] > begin_us]
    files = tenant.bundle()
    assert told(files)[0] == "good"
    lines = [json.loads(line) for line in files["journal.jsonl"].splitlines()]
    assert [one["sequence"] for one in lines if one["kind"] == KIND] == asked
    altered("delete from removal where end_us <= 1 + (select min(end_us) from removal)")
    if len(asked) == 1:
        tenant.plan(at=NOW - timedelta(minutes=4), **MORE)
        assert told(tenant.bundle())[0] == "good"


def test_what_an_older_version_removed_is_never_good(tenant: Planner) -> None:
    """Sums whose readings went before removals were recorded stand for no known reading, and that is said."""
    store = Store(READINGS)
    assert store.prune((int(NOW.timestamp()) - 60 * 86_400) * 10**6) > 0
    altered("delete from removal")
    prune()
    tenant.plan(at=NOW - timedelta(minutes=5), **MORE)
    verdict, detail = told(tenant.bundle())
    assert verdict == "not-checked"
    assert re.search(r"[\d,]+ hours at qp-dc1 are sums, and the journal knows no readings that they replaced", detail)


def entry_of(found: Mapping[str, Sequence[Removal]]) -> str:
    """An entry of a journal on removals."""
    payload = {"readings": 0, "sites": {site: digest_of(removals_text(items)) for site, items in found.items()}}
    fields = {"sequence": 1, "at": "2026-03-01", "kind": KIND, "stack_id": "", "party": "", "payload": payload}
    fields |= {"previous": GENESIS}
    return canonical_json(JournalEntry(**fields, hash=entry_hash(fields)).model_dump())


def entered(found: Mapping[str, Sequence[Removal]], note: JournalNote) -> None:
    """The journal has an entry on removals."""
    note.keep(entry_of(found))


def assert_evidence_is_enough(folder: Path, store: Store) -> None:
    """What is recorded of a store makes another one with the same sums and figures, to the last millijoule."""
    store.tell_removals(entered)
    texts = registers(readings_file(folder / "t.db"), "dc1", datetime(2026, 1, 1, tzinfo=UTC))
    again = Store(folder / "again.db", create=True)
    put_site(again, "dc1", METERS, texts)
    assert again.trusts("dc1") == store.trusts("dc1")
    assert again.last("dc1") == store.last("dc1")
    for low, high in ((0, 24 * 60), (0, 95), (101, 333), (500, 24 * 25 + 1)):
        window = (START + low * HOUR_US, START + high * HOUR_US)
        assert again.sums("dc1", *window) == store.sums("dc1", *window)
        assert again.readings("dc1", *window).keys() == store.readings("dc1", *window).keys()
    assert [
        check.line() for check in pruned_checks(texts, "2027-01-01T00:00:00+00:00", (), "") if check.verdict == "wrong"
    ] == []


def test_gaps_and_all_kinds_of_meters(tmp_path: Path) -> None:
    """Registers with a roll-over, gauges and intervals with gaps, removed in two steps: the evidence is enough."""
    store = Store(tmp_path / "t.db", create=True)
    store.append("dc1", METERS, month(), trust="imported")
    for days in (9, 20):
        assert store.prune(START + days * 24 * HOUR_US) > 0
    assert_evidence_is_enough(tmp_path, store)


def test_the_documented_digests_are_enough(tmp_path: Path) -> None:
    """By the words of docs/reference/bundle.md, who has kept the readings finds them in the removals, and the sums."""
    store = Store(tmp_path / "t.db", create=True)
    store.append("dc1", METERS, month(), trust="imported")
    texts = [registers(readings_file(tmp_path / "t.db"), "dc1", datetime(2026, 1, 1, tzinfo=UTC))]
    store.prune(START + 20 * 24 * HOUR_US)
    store.tell_removals(entered)
    texts.append(registers(readings_file(tmp_path / "t.db"), "dc1", datetime(2026, 1, 1, tzinfo=UTC)))
    (told,) = json.loads(texts[1]["pruned/dc1/2026-03.json"])
    assert told["entry"]["payload"]["sites"]["dc1"] == digest_of(
        json.dumps(told["removed"], separators=(",", ":"), sort_keys=True)
    )
    for meter in METERS:
        had, has = [text[f"readings/dc1/{meter}/2026-01.csv"].splitlines() for text in texts]
        head, *sums = texts[1][f"sums/dc1/{meter}/2026-01.csv"].splitlines()
        gone = [line for line in had if line not in set(has)]
        for one in (item for item in told["removed"] if item["meter"] == meter):
            lines = [line for line in gone if int(line.split(",")[3]) <= one["end_us"]]
            gone = gone[len(lines) :]
            assert (len(lines), digest_of("\n".join([had[0], *lines, ""]))) == (one["readings"], one["digest"])
            hours = [line for line in sums if one["begin_us"] <= int(line.split(",")[1]) < one["end_us"]]
            assert digest_of("\n".join([head, *hours, ""])) == one["sums"]
        assert gone == []


@settings(
    max_examples=400 if is_full() else 12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_removal_leaves_enough_evidence(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever was read, removed and read later, before and after: the evidence gives the same sums again."""
    folder = tmp_path_factory.mktemp("store")
    store = Store(folder / "t.db", create=True)
    items = {name: drawn(data, name) for name in METERS}
    late = {name: one[:: data.draw(st.integers(2, 5))] for name, one in items.items()}
    early = {name: [item for item in one if item not in late[name]] for name, one in items.items()}
    for part in (early, late):
        store.append("dc1", METERS, part, trust="imported" if part is early else "authenticated")
        store.prune(START + data.draw(st.integers(0, 24 * 60)) * HOUR_US + 17)
    assert_evidence_is_enough(folder, store)

"""Are the tables the sum of the journal?

The sum is taken over the lists that the entries name: the last record of each row is what the row must say.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, select

from zonewright.ledger.protocol.journal_messages import Checkpoint
from zonewright.ledger.store.named_texts import named_by_entries
from zonewright.ledger.store.names import name_faults
from zonewright.ledger.store.paging import paged
from zonewright.ledger.store.pruned_texts import last_removals, list_faults
from zonewright.ledger.store.recording import COVERED, GONE, ROWS, Covered, all_rows, list_digest, recorded, row_change
from zonewright.ledger.store.schema import identity
from zonewright.ledger.store.state_root import older_root, root
from zonewright.ledger.store.steps import counted, step
from zonewright.ledger.store.tables import admission, content, deployed, journal, zone
from zonewright.model.canonical import canonical_json, digest_of

_NOBODY = "nobody recorded it"


@dataclass(slots=True)
class StateReport:
    """What a verification of the tables found.

    Attributes:
        rows: how many rows were compared.
        entries: how many entries of the journal account for rows.
        faults: a sentence for each thing that is not as the journal says.
    """

    rows: int = 0
    entries: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Last:
    """The last that the journal says of a row."""

    digest: str
    sequence: int


def verify_state(connection: Connection, checkpoint: Checkpoint | None = None) -> StateReport:
    """Compare every row with what the journal says of it.

    Args:
        connection: a transaction that sees one moment.
        checkpoint: of an earlier moment, with a signature that was checked; its digest of the state is compared too.

    Returns:
        Each row that differs, with what and since when; rows that nobody recorded; lists that were altered; and what
        tables that follow from others say otherwise.
    """
    report = StateReport()
    report.faults += _identity_faults(connection, checkpoint)
    held = _sum(connection, report, checkpoint)
    report.faults += _sum_faults(connection, held)
    for table, key, digest, text in all_rows(connection):
        report.rows += 1
        last = held.pop((table, key), None)
        if last is None or last.digest != digest:
            report.faults.append(_difference(connection, table, key, text or "", last))
    for (table, key), last in sorted(held.items()):
        report.faults.append(_difference(connection, table, key, "", last))
    report.faults += (*_step_faults(connection), *name_faults(connection))
    report.faults += (*list_faults(connection), *text_faults(connection))
    return report


def _sum(connection: Connection, report: StateReport, checkpoint: Checkpoint | None) -> dict[tuple[str, str], _Last]:
    """The last record of each row that is there, after every list was compared with its entry."""
    entries: dict[int, tuple[int, str]] = {}
    for row in connection.execute(select(journal.c.sequence, journal.c.payload)):
        try:
            said = json.loads(row.payload).get(ROWS)
            entries |= {row.sequence: (said["count"], said["digest"])} if said is not None else {}
        except (ValueError, TypeError, AttributeError, KeyError):
            report.faults.append(f"entry {row.sequence}: its payload is not as any verb writes it")
    held: dict[tuple[str, str], _Last] = {}
    columns = (row_change.c.sequence, row_change.c.table, row_change.c.key, row_change.c.digest)
    rows = connection.execute(select(*columns).order_by(*columns[:3]))  # sorted in a file when it is much
    pending = checkpoint if checkpoint is not None and checkpoint.state else None
    for sequence, group in groupby(rows, key=attrgetter("sequence")):
        if pending is not None and sequence > pending.sequence:
            report.faults += _other_state(held, pending)
            pending = None
        changes = [(row.table, row.key, row.digest) for row in group]
        entry = entries.pop(sequence, None)
        report.entries += 1
        if entry is None or entry[1] != list_digest(changes):
            report.faults.append(f"the list of rows of entry {sequence} is not the one that the journal names")
        for table, key, digest in changes:
            if digest == GONE:
                held.pop((table, key), None)
            else:
                held[table, key] = _Last(digest, sequence)
    if pending is not None:
        report.faults += _other_state(held, pending)
    report.faults += [
        f"the list of rows of entry {sequence} is missing" for sequence in sorted(entries) if entries[sequence][0]
    ]
    return held


def _sum_faults(connection: Connection, held: Mapping[tuple[str, str], _Last]) -> Iterator[str]:
    """Rows of which something else is kept as the last record than the lists have: a checkpoint would sign it."""
    missing = dict(held)
    for row in paged(connection, select(recorded), 400):
        table, key, digest = row["table"], row["key"], row["digest"]
        last = missing.pop((table, key), None)
        if last is None or last.digest != digest or digest_of(row["record"]) != digest:
            yield f"recorded {table} {key}: it is not the last that the lists of the entries say"
    for table, key in sorted(missing):
        yield f"recorded {table} {key}: it is missing"


def _identity_faults(connection: Connection, checkpoint: Checkpoint | None) -> Iterator[str]:
    """That the ledger has another id or zone than the checkpoint names, or more than one id."""
    ids = list(connection.execute(select(identity.c.id)).scalars())
    if len(ids) != 1:
        yield f"identity: the ledger has {len(ids)} ids, one was expected"
    zones = list(connection.execute(select(zone.c.id)).scalars())
    if checkpoint is None:
        return
    for name, found, wanted in (("id", ids, checkpoint.ledger), ("zone", zones, checkpoint.zone)):
        if wanted and found != [wanted]:
            has = ", ".join(found) or "none"
            yield f"the ledger's {name} is {has}, the checkpoint of {checkpoint.at} names {wanted}"


def _other_state(held: Mapping[tuple[str, str], _Last], checkpoint: Checkpoint) -> Iterator[str]:
    rows = [(*row, last.digest) for row, last in held.items()]
    if checkpoint.state not in (root(rows), older_root(rows)):
        at = f"the checkpoint of {checkpoint.at}"
        yield f"the rows at entry {checkpoint.sequence} do not have the digest that {at} names"


def _difference(connection: Connection, table: str, key: str, text: str, last: _Last | None) -> str:
    """A sentence on a row that is not as the journal says."""
    now: dict[str, Any] = json.loads(text) if text else {}
    if last is None:
        return f"{_named(table, key, now)}: {_NOBODY}"
    query = select(journal.c.at).where(journal.c.sequence == last.sequence)
    since = f"since entry {last.sequence} of {str(connection.execute(query).scalar())[:19]}Z"
    query = select(recorded.c.record).where(recorded.c.table == table, recorded.c.key == key)
    kept = connection.execute(query).scalar()
    if kept is None or digest_of(kept) != last.digest:
        return f"{_named(table, key, now)}: it is not what it was {since}, and the record of what it was is altered"
    before: dict[str, Any] = json.loads(kept)
    if not text:
        return f"{_named(table, key, before)}: it is missing, it was there {since}"
    parts = [
        f"{name} is {_shown(now, name)}, {_shown(before, name)} was recorded"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
    return f"{_named(table, key, now)}: {', '.join(parts)} {since}"


def _shown(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if isinstance(value, dict):  # a long text, by its digest
        value = value["digest"]
    if isinstance(value, str) and value.startswith("sha256:"):
        return f"{value[7:19]}…"
    return "nothing" if value is None else canonical_json(value)


def _named(table: str, key: str, row: Mapping[str, Any]) -> str:
    """A row as people know it."""
    known: Covered = COVERED[table]
    name = " ".join(str(row[column]) for column in ("kind", "name") if column in row and "name" in known.table.c)
    stack = f" of stack {row['stack_id']}" if "stack_id" in row and "stack_id" not in known.key else ""
    said = ", ".join(map(str, json.loads(key)))
    return f"{table} {said}" + (f" ({name}{stack})" if name else stack)


def _step_faults(connection: Connection) -> Iterator[str]:
    """Stacks whose step is not the one that the journal counts."""
    wanted = counted(connection)
    found = {row.stack_id: (row.number, row.kind) for row in connection.execute(select(step))}
    for stack in sorted(wanted.keys() | found.keys()):
        if wanted.get(stack) != found.get(stack):
            number, kind = found.get(stack, (0, "none"))
            right, named = wanted.get(stack, (0, "none"))
            yield f"step of stack {stack}: it is {number} ({kind}), the journal counts {right} ({named})"


def text_faults(connection: Connection) -> Iterator[str]:
    """Texts that are not what they are kept as, and those that are missing where a row or an entry names them.

    Args:
        connection: a transaction that sees one moment.
    """
    there = set()
    for kept in paged(connection, select(content.c.digest, content.c.text), 100):
        there.add(kept["digest"])
        if digest_of(kept["text"]) != kept["digest"]:
            yield f"content {kept['digest'][7:19]}: its text does not have this digest"
    current = connection.execute(select(admission).where(admission.c.state == "current"))
    named = [
        (one, f"admission {row.id} names it") for row in current for one in (row.demand_digest, row.rendered_digest)
    ]
    for row in connection.execute(select(deployed)):
        try:
            files = sorted(json.loads(row.files).items())
        except (ValueError, AttributeError):  # the row itself is told, since it is not what was recorded
            files = []
        named += [(digest, f"it is deployed as {path}") for path, digest in files]
    missing = {digest: why for digest, why in reversed(named) if digest not in there}
    gone = last_removals(connection)
    for one in named_by_entries(connection):
        for digest in sorted(one.digests - there - missing.keys()):
            if gone.get(digest, 0) < one.sequence:
                missing[digest] = f"entry {one.sequence} names it"
    for digest, why in missing.items():
        yield f"content {digest[7:19]}: it is missing, {why}"

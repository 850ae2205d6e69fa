"""Verification of a journal of 100,000 and of a million entries: entries in a second, and whether memory grows."""

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from bench.figures import Figure, seconds
from bench.zone import command_mb
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.journal import GENESIS, entry_hash
from zonewright.model.canonical import canonical_json

FEW, MANY, STACKS = 100_000, 1_000_000, 50
ENTRIES_PER_S = 20_000
_AT = "2026-11-24T12:00:00.000000+00:00"


def figures(_runs: int, _nodes: Sequence[int]) -> list[Figure]:
    """Figures of ``ledger verify``, each in a process of its own."""
    few_s, few_cpu_s, few_mb = _verified(FEW)
    many_s, many_cpu_s, many_mb = _verified(MANY)
    return [
        Figure(f"ledger verify of {FEW:,} entries", few_s, "s"),
        Figure("  the same of CPU time", few_cpu_s, "s"),
        Figure("  its memory", few_mb, "MB"),
        Figure(f"ledger verify of {MANY:,} entries", many_s, "s"),
        # On a busy machine it waits for its turn; what the processor does for an entry is not hidden by that.
        Figure("  the same of CPU time", many_cpu_s, "s", MANY / ENTRIES_PER_S),
        Figure("  its memory", many_mb, "MB"),
        Figure("  memory to that of the shorter journal", many_mb / few_mb, "times", 1.1),
        Figure("  CPU time to that of the shorter journal", many_cpu_s / few_cpu_s, "times", MANY / FEW),
    ]


def _verified(count: int) -> tuple[float, float, float]:
    """Wall and CPU time in seconds and largest memory in MB of verifying so many entries."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        write_journal(path, count)
        memory: list[float] = []
        before = getrusage(RUSAGE_CHILDREN)
        took = seconds(lambda: memory.append(command_mb("ledger", "verify", "--ledger", f"sqlite:///{path}")))
        after = getrusage(RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, memory[0]


def write_journal(path: Path, count: int) -> None:
    """Make a ledger whose journal has so many entries, of changes that were completed.

    Args:
        path: where; there must be none.
        count: how many.
    """
    Database(path, create=True, lock_wait_s=5).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _rows(count))


def _rows(count: int) -> Iterator[tuple[object, ...]]:
    previous = GENESIS
    for sequence in range(1, count + 1):
        fields = {
            "sequence": sequence,
            "at": _AT,
            "kind": "completed",
            "stack_id": f"stack-{sequence % STACKS:06}",
            "party": "tenant-a",
            "payload": {"admission_id": f"adm-{sequence:016x}", "change_digest": GENESIS},
            "previous": previous,
        }
        previous = entry_hash(fields)
        yield (*{**fields, "payload": canonical_json(fields["payload"])}.values(), previous)

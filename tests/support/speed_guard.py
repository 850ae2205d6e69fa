"""What a preview and an ``up`` cost in counts, and how that is held against the committed numbers."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.zone_project import REPOSITORY

GUARD = REPOSITORY / "tests" / "engine" / "speed_guard.json"
UPDATE_VARIABLE = "ZONEWRIGHT_UPDATE_SPEED_GUARD"
HOW = f"{UPDATE_VARIABLE}=1 .venv/bin/python -m pytest tests/engine/test_speed_guard.py"
ADVICE = (
    "Bring it down; or, where the change is worth it, say why in the commit and write tests/engine/speed_guard.json "
    f"again with: {HOW}"
)
TOLD_PERCENT = 10
OTHERS = "other modules"
Figures = dict[str, int]


class TightenWarning(UserWarning):
    """A figure is so much better than the committed one that the file is to be tightened."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What comparing says.

    Attributes:
        worse: a sentence for each figure beyond its limit.
        better: a sentence for each figure that is better by more than ten percent.
    """

    worse: list[str] = field(default_factory=list)
    better: list[str] = field(default_factory=list)


def compare(
    committed: Mapping[str, int], measured: Mapping[str, int], slack_percent: Mapping[str, float], *, action: str
) -> Verdict:
    """Hold measured figures of an action against the committed ones.

    Args:
        committed: by name; a figure that is not there was 0.
        measured: by name; one that is not there is 0.
        slack_percent: by how much a figure may be above, for those that are not the same in every run.
        action: ``preview`` or ``up``, for the sentences.
    """
    verdict = Verdict()
    for name in sorted(committed.keys() | measured.keys()):
        was, now = committed.get(name, 0), measured.get(name, 0)
        slack = slack_percent.get(name, 0)
        if now > was * (1 + slack / 100):
            limit = f", with {slack:g} % of slack" if slack else ""
            verdict.worse.append(f"{action}, {name}: was {was:,}, now {now:,}{limit}.")
        elif now < was * (1 - TOLD_PERCENT / 100):
            verdict.better.append(
                f"{action}, {name}: was {was:,}, now {now:,}. Tighten the file, so that it stays: {HOW}"
            )
    return verdict


def figures_of(folder: Path) -> Figures:
    """The figures of the tallies in a folder: sums over processes; of modules each name once for each role."""
    found: Counter[str] = Counter()
    modules: dict[str, set[str]] = {}
    for path in sorted(folder.iterdir()):
        role = path.name.rpartition("-")[0]
        found[f"{role} processes"] += 1
        for line in path.read_text(encoding="utf-8").splitlines():
            kind, _, name = line.partition(" ")
            if kind == "module":
                if name != "sitecustomize":  # of Debian's Python, and of no other
                    modules.setdefault(role, set()).add(name)
            elif kind == "call":
                found[f"{role} calls of {name}"] += 1
            else:
                found[f"{role} {kind}s of the ledger"] += 1
    for role, names in modules.items():
        own = {name for name in names if name.partition(".")[0] in ("zonewright", "zonewright_templates")}
        found[f"{role} own modules"] = len(own)
        found[f"{role} {OTHERS}"] = len(names - own)
    return dict(sorted(found.items()))


@contextmanager
def written_bytes(ledger: Path, figures: Figures) -> Iterator[None]:
    """Count what is written to a ledger's file meanwhile.

    A reader that stays keeps SQLite from copying its log into the file, so the log only grows: by every page that
    is written, with a header of 24 bytes for each.

    Args:
        ledger: the file.
        figures: gets ``bytes written to the ledger``.
    """
    log = ledger.with_name(f"{ledger.name}-wal")
    with closing(sqlite3.connect(ledger, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM journal").fetchall()
        yield
        figures["bytes written to the ledger"] = log.stat().st_size if log.exists() else 0
        connection.execute("ROLLBACK")


def state_bytes(resources: list[dict[str, Any]], folder: Path) -> int:
    """Size of a state's resources as compact JSON, as if it were made in the same folder of every machine.

    Without the moments of each, whose length varies, and the folders of source files and of the ledger.

    Args:
        resources: as exported.
        folder: where the zone of the test lies; a state names the ledger's file in it.
    """
    return len(json.dumps(_comparable(resources), separators=(",", ":")).replace(f"{folder}/", "").encode())


def _comparable(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: one for key, one in value.items() if key not in ("created", "modified")}
        return {
            key: one.rpartition("/")[2] if key == "sourcePosition" else _comparable(one) for key, one in kept.items()
        }
    return [_comparable(one) for one in value] if isinstance(value, list) else value

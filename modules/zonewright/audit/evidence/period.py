"""One page for the auditor: everything out of the ordinary in a period, what was refused, and what is not proved."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from zonewright.ledger.protocol.change_messages import ChangeRecord, Snapshot
from zonewright.ledger.protocol.journal_messages import JournalEntry
from zonewright.ledger.store.pruned_texts import KIND as TEXTS_PRUNED
from zonewright.ledger.store.recording import ROWS
from zonewright.ledger.verbs.pruning import KIND
from zonewright.model.canonical import canonical_json

Fetch = Callable[[set[str]], Mapping[str, str]]

NOT_PROVED = (
    "that a rack holds what the ledger says: the ledger has no inventory; walk through the racks with its list",
    "that a reading of trust class imported or authenticated is what the meter showed: only signed readings prove that",
    (
        "that the clock of the ledger's host was right: all times come from it, in UTC; keep checkpoints, "
        "because they carry its time"
    ),
    "that the journal was not rewritten between two checkpoints outside the ledger",
    (
        "that a host runs what was deployed: deployed means handed over, and the record of a roll-out is only "
        "the deployer's statement"
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodRow:
    """One thing that an auditor should look at: when, which stack, what."""

    at: str
    stack: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodPage:
    """What happened from one day to another, both included.

    Attributes:
        first: the first day.
        last: the last day.
        counts: entries of the journal by kind.
        sections: rows by title.
        clock: where the times come from.
        not_proved: what the tool does not prove.
    """

    first: str
    last: str
    counts: Mapping[str, int]
    sections: Mapping[str, tuple[PeriodRow, ...]]
    clock: str = "the ledger's host, in UTC; verdicts carry their signers' own times"
    not_proved: tuple[str, ...] = field(default=NOT_PROVED)

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def period_of(
    entries: Iterable[JournalEntry], changes: Sequence[ChangeRecord], fetch: Fetch, *, first: str, last: str
) -> PeriodPage:
    """Look through a period.

    Args:
        entries: the whole journal; it is gone through once, and only what the page needs is kept.
        changes: the whole population of changes.
        fetch: gives texts by digest.
        first: the first day, such as ``2026-01-01``.
        last: the last day.
    """
    mine: list[JournalEntry] = []
    removals: list[JournalEntry] = []
    for entry in entries:
        if entry.kind == KIND:
            removals.append(entry)
        if first <= entry.at[:10] <= last:
            mine.append(entry)
    decided = [entry for entry in mine if entry.kind in ("admitted", "refused")]
    digests = {str(entry.payload.get("snapshot", "")) for entry in decided} - {""}
    snapshots = {digest: Snapshot.model_validate_json(text) for digest, text in fetch(digests).items()}
    seen = [(entry, snapshots[digest]) for entry in decided if (digest := entry.payload.get("snapshot")) in snapshots]
    sections = {
        "Overrides: findings that an approval accepted": list(_overrides(seen)),
        "Waivers that were used": list(_waivers(seen)),
        "Emergency changes": list(_emergencies(changes, first, last)),
        "Taken over or given up by force": [
            PeriodRow(at=one.at, stack=one.stack_id, what=f"{one.kind} by {one.party}: {_said(one)}")
            for one in mine
            if one.kind in ("taken-over", "destroy-refused")
        ],
        "Figures that were undetermined": list(_undetermined(seen)),
        "Readings below trust class signed": list(_trust(seen, fetch)),
        "Texts that were removed": [
            PeriodRow(
                at=one.at,
                stack="",
                what=f"{one.payload['texts']:,} that only decisions before {one.payload['before'][:10]} name",
            )
            for one in mine
            if one.kind == TEXTS_PRUNED
        ],
        "Decisions of which the facts are there no more": [
            PeriodRow(at=one.at, stack=one.stack_id, what=f"{one.kind}, entry {one.sequence}")
            for one in decided
            if one.payload.get("snapshot") and one.payload["snapshot"] not in snapshots
        ],
        "Readings that were removed": [row for row in _removed(removals) if first <= row.at[:10] <= last],
        "Rule packs, signers and policies registered again": [
            PeriodRow(at=one.at, stack="", what=f"zone file {str(one.payload['zone_digest'])[7:19]}")
            for one in mine
            if one.kind == "zone-registered"
        ],
        "Refused": [
            PeriodRow(
                at=one.at, stack=one.stack_id, what=", ".join(f"{n} {rule}" for rule, n in one.payload["rules"].items())
            )
            for one in mine
            if one.kind == "refused"
        ],
    }
    return PeriodPage(
        first=first,
        last=last,
        counts=dict(sorted(Counter(entry.kind for entry in mine).items())),
        sections={title: tuple(rows) for title, rows in sections.items()},
    )


def _removed(entries: Sequence[JournalEntry]) -> Iterator[PeriodRow]:
    """Of each removal one row: one that was recorded again, after a process was killed in between, is the same."""
    same: dict[str, list[JournalEntry]] = {}
    for entry in entries:
        same.setdefault(canonical_json(entry.payload["sites"]), []).append(entry)
    for one, *again in same.values():
        what = f"{one.payload['readings']:,} of {', '.join(sorted(one.payload['sites']))}"
        numbers = " and ".join(str(entry.sequence) for entry in again)
        more = f"; entry {one.sequence}, recorded again as {numbers}" if again else ""
        yield PeriodRow(at=one.at, stack="", what=what + more)


def _said(entry: JournalEntry) -> str:
    said = [f"{key} {value}" for key, value in sorted(entry.payload.items()) if key != ROWS]
    return ", ".join(said) or "nothing else is recorded"


def _overrides(seen: Sequence[tuple[JournalEntry, Snapshot]]) -> Iterator[PeriodRow]:
    for entry, snapshot in seen:
        if entry.kind == "admitted":
            for item in snapshot.findings:
                if item.level == "approval" and item.waiver is None:
                    by = " and ".join(entry.payload.get("approved_by", ())) or "the emergency lane"
                    text = f"[{item.rule}] {item.subject}: {item.value} {item.unit}, by {by}"
                    yield PeriodRow(at=entry.at, stack=entry.stack_id, what=text)


def _waivers(seen: Sequence[tuple[JournalEntry, Snapshot]]) -> Iterator[PeriodRow]:
    for entry, snapshot in seen:
        if entry.kind == "admitted":
            for item in snapshot.findings:
                if item.waiver:
                    text = f"{item.waiver}: [{item.rule}] {item.subject}, +{item.excess} {item.unit}"
                    yield PeriodRow(at=entry.at, stack=entry.stack_id, what=text)


def _emergencies(changes: Sequence[ChangeRecord], first: str, last: str) -> Iterator[PeriodRow]:
    for one in changes:
        if one.emergency and one.admission_id and first <= one.decided_at[:10] <= last:
            state = f"review due by {one.review_by[:16]}" if one.review_by else "reviewed"
            yield PeriodRow(
                at=one.decided_at, stack=one.stack_id, what=f"by {one.author}: {one.reason or 'no reason'}; {state}"
            )


def _undetermined(seen: Sequence[tuple[JournalEntry, Snapshot]]) -> Iterator[PeriodRow]:
    for entry, snapshot in seen:
        for site, figure in snapshot.figures.items():
            names = [name for name in ("trailing", "projection") if figure[name] == "undetermined"]
            if names:
                reason = f": {figure['reason']}" if figure["reason"] else ""
                yield PeriodRow(at=entry.at, stack=entry.stack_id, what=f"{site} {' and '.join(names)}{reason}")


def _trust(seen: Sequence[tuple[JournalEntry, Snapshot]], fetch: Fetch) -> Iterator[PeriodRow]:
    """Of each decision the trust classes of the readings that its figures rest on, removed ones too."""
    told: set[tuple[str, str]] = set()
    trusts: dict[str, set[str]] = {}
    for entry, snapshot in seen:
        for site in sorted(snapshot.figures):
            prefixes = (f"readings/{site}/", f"trusts/{site}.json")
            files = [digest for name, digest in snapshot.files.items() if name.startswith(prefixes)]
            for digest, text in fetch({digest for digest in files if digest not in trusts}).items():
                trusts[digest] = _classes(text)
            found = {trust for digest in files for trust in trusts[digest]}
            below = ", ".join(sorted(found - {"signed"}))
            if below and (site, below) not in told:
                told.add((site, below))
                yield PeriodRow(at=entry.at, stack=entry.stack_id, what=f"{site}: {below}")


def _classes(text: str) -> set[str]:
    """The trust classes that are named by recorded readings, or by the list for removed ones too."""
    if text.startswith("{"):
        return {trust for of_meter in json.loads(text).values() for trust in of_meter}
    return {line.rsplit(",", 1)[1] for line in text.splitlines()[1:]}


def period_markdown(period: PeriodPage) -> str:
    """The page as Markdown."""
    lines = [f"# From {period.first} to {period.last}", "", f"Times: {period.clock}.", ""]
    lines += [f"- {count:,} {kind}" for kind, count in period.counts.items()] or ["- nothing was decided"]
    for title, rows in period.sections.items():
        lines += ["", f"## {title}", ""]
        lines += [f"- {row.at[:16]} {row.stack} {row.what}".replace("  ", " ") for row in rows] or ["None."]
    lines += ["", "## What is not proved", "", *(f"- {text}" for text in period.not_proved)]
    return "\n".join(lines) + "\n"

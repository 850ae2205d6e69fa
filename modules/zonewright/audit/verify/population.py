"""Is the list of changes complete? Every decision of the journal has its record, and every record its decisions.

The journal is read once, entry by entry: what is kept of it grows with the changes, and not with its length.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from zonewright.audit.evidence.checks import Check, all_or_wrong
from zonewright.audit.verify.steps import StepsSeen
from zonewright.audit.verify.zones import DECIDED, ZoneFiles, zone_file_check
from zonewright.ledger.protocol.change_messages import ChangeRecord, ChangesAnswer
from zonewright.ledger.protocol.journal_messages import Checkpoint, JournalEntry
from zonewright.ledger.store.journal import verify


def population_checks(
    entries: Iterable[JournalEntry], found: ChangesAnswer, checkpoint: Checkpoint | None = None
) -> tuple[Check, ...]:
    """Compare the population of changes with the journal.

    Args:
        entries: the whole journal, in order; it is gone through once.
        found: all changes, as ``change list`` gives them.
        checkpoint: one that was kept elsewhere, its signature checked.
    """
    seen = _Seen.beside(found)
    watched = seen.over(entries)
    fault = verify(watched, checkpoint)
    deque(watched, maxlen=0)  # the chain ends at its first fault, the other checks do not
    kinds, changes = seen.kinds, len(found.changes)
    detail = f"{changes:,} changes cover {kinds['admitted']:,} admissions and {kinds['refused']:,} refusals"
    return (
        all_or_wrong("journal", [fault] if fault else [], f"{seen.entries:,} entries form one chain"),
        all_or_wrong("population", seen.faults(found), detail),
        all_or_wrong(
            "steps",
            [*seen.wrong_steps, *seen.steps.twice()],
            "each rises by one, and no plan was admitted at another one or twice",
        ),
        zone_file_check(seen.zone_files, seen.wrong_zones),
    )


@dataclass
class _Seen:
    """What the checks keep of a journal while they go through it.

    Attributes:
        records: of the list, by the number of each entry that a record names.
        times: how many records name an entry.
        entries: how many there are.
        kinds: how many decisions of each kind.
        undecided: numbers that records name, and no decision has had so far.
        planned: entry by plan.
        unrecorded: decisions without a record, as sentences.
        otherwise: records that say of an admission what the journal does not say, as sentences.
        steps: the steps of stacks.
        wrong_steps: what is wrong with them.
        zone_files: the zone's files.
        wrong_zones: what is wrong with them.
    """

    records: dict[int, list[ChangeRecord]] = field(default_factory=dict)
    times: Counter[int] = field(default_factory=Counter)
    entries: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    undecided: dict[int, None] = field(default_factory=dict)
    planned: dict[str, int] = field(default_factory=dict)
    unrecorded: list[str] = field(default_factory=list)
    otherwise: list[str] = field(default_factory=list)
    steps: StepsSeen = field(default_factory=StepsSeen)
    wrong_steps: list[str] = field(default_factory=list)
    zone_files: ZoneFiles = field(default_factory=ZoneFiles)
    wrong_zones: list[str] = field(default_factory=list)

    @classmethod
    def beside(cls, found: ChangesAnswer) -> "_Seen":
        """Before the first entry."""
        seen = cls()
        for record in found.changes:
            seen.times.update(record.decisions)
            for number in record.decisions:
                seen.records.setdefault(number, []).append(record)
        seen.undecided = dict.fromkeys(seen.times)
        return seen

    def over(self, entries: Iterable[JournalEntry]) -> Iterator[JournalEntry]:
        """The same entries, each looked at as it passes."""
        for entry in entries:
            self._look_at(entry)
            yield entry

    def _look_at(self, entry: JournalEntry) -> None:
        self.entries += 1
        self.wrong_steps += self.steps.follow(entry)
        fault = self.zone_files.follow(entry)
        self.wrong_zones += [fault] if fault else []
        if entry.kind == "planned":
            self.planned[str(entry.payload["plan"])] = entry.sequence
        elif entry.kind in DECIDED:
            self.kinds[entry.kind] += 1
            self.undecided.pop(entry.sequence, None)
            records = self.records.get(entry.sequence, ())
            self.unrecorded += [] if records else [f"entry {entry.sequence} ({entry.kind}) has no record"]
            for record in records:
                self.otherwise += _told_otherwise(entry, record)

    def faults(self, found: ChangesAnswer) -> Iterator[str]:
        """At the end: what is wrong with the list of changes."""
        yield from self.unrecorded
        yield from (f"{count} records name entry {number}" for number, count in self.times.items() if count > 1)
        yield from (f"a record names entry {number}, which decided nothing" for number in self.undecided)
        recorded = {record.plan for record in found.changes if record.plan}
        yield from (f"entry {self.planned[one]} (planned) has no record" for one in self.planned.keys() - recorded)
        yield from (f"plan {one[7:19]} is not in the journal" for one in sorted(recorded - self.planned.keys()))
        yield from self.otherwise
        for kind, count in (("admitted", found.admissions), ("refused", found.refusals)):
            if self.kinds[kind] != count:
                yield f"the journal has {self.kinds[kind]} entries '{kind}', but the list covers {count}"


def _told_otherwise(entry: JournalEntry, record: ChangeRecord) -> Iterator[str]:
    """What a record says of a decision, and the journal does not."""
    number = entry.sequence
    if entry.stack_id != record.stack_id:
        yield f"entry {number} belongs to stack {entry.stack_id}, but its record belongs to {record.stack_id}"
    if entry.kind == "admitted" and record.admission_id != entry.payload["admission_id"]:
        yield f"entry {number} admitted {entry.payload['admission_id']}, but its record names another admission"

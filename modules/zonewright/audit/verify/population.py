"""Is the list of changes complete? Every decision of the journal has its record, and every record its decisions."""

from collections import Counter
from collections.abc import Sequence

from zonewright.audit.evidence.checks import Check, all_or_wrong
from zonewright.audit.verify.steps import step_faults
from zonewright.ledger.protocol.change_messages import ChangesAnswer
from zonewright.ledger.protocol.messages import Checkpoint, JournalEntry
from zonewright.ledger.store.journal import verify


def population_checks(
    entries: Sequence[JournalEntry], found: ChangesAnswer, checkpoint: Checkpoint | None = None
) -> tuple[Check, ...]:
    """Compare the population of changes with the journal.

    Args:
        entries: the whole journal.
        found: all changes, as ``change list`` gives them.
        checkpoint: one that was kept elsewhere, its signature checked.
    """
    fault = verify(entries, checkpoint)
    decided = {entry.sequence: entry for entry in entries if entry.kind in ("admitted", "refused")}
    planned = {str(entry.payload["plan"]): entry.sequence for entry in entries if entry.kind == "planned"}
    times = Counter(number for record in found.changes for number in record.decisions)
    faults = [f"entry {number} ({entry.kind}) has no record" for number, entry in decided.items() if not times[number]]
    faults += [f"{count} records name entry {number}" for number, count in times.items() if count > 1]
    faults += [f"a record names entry {number}, which decided nothing" for number in times if number not in decided]
    recorded = {record.plan for record in found.changes if record.plan}
    faults += [f"entry {planned[plan]} (planned) has no record" for plan in planned.keys() - recorded]
    faults += [f"plan {plan[7:19]} is not in the journal" for plan in sorted(recorded - planned.keys())]
    faults += _told_otherwise(decided, found)
    kinds = Counter(entry.kind for entry in decided.values())
    for kind, count in (("admitted", found.admissions), ("refused", found.refusals)):
        if kinds[kind] != count:
            faults.append(f"the journal has {kinds[kind]} entries '{kind}', but the list covers {count}")
    detail = f"{len(found.changes):,} changes cover {kinds['admitted']:,} admissions and {kinds['refused']:,} refusals"
    return (
        all_or_wrong("journal", [fault] if fault else [], f"{len(entries):,} entries form one chain"),
        all_or_wrong("population", faults, detail),
        all_or_wrong(
            "steps", step_faults(entries), "each rises by one, and no plan was admitted at another one or twice"
        ),
    )


def _told_otherwise(decided: dict[int, JournalEntry], found: ChangesAnswer) -> list[str]:
    """Records that say of an admission what the journal does not say."""
    faults = []
    for record in found.changes:
        for number in record.decisions:
            entry = decided.get(number)
            if entry is not None and entry.stack_id != record.stack_id:
                faults.append(
                    f"entry {number} belongs to stack {entry.stack_id}, but its record belongs to {record.stack_id}"
                )
            if entry is not None and entry.kind == "admitted" and record.admission_id != entry.payload["admission_id"]:
                faults.append(
                    f"entry {number} admitted {entry.payload['admission_id']}, but its record names another admission"
                )
    return faults

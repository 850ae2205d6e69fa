"""What witnesses outside the ledger's host have seen of its journal, compared with what it says now."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from zonewright.audit.evidence.checks import Check, good, open_, wrong
from zonewright.audit.evidence.contents import Contents
from zonewright.audit.evidence.trust import AuditTrust
from zonewright.ledger.protocol.journal_messages import Checkpoint
from zonewright.ledger.store.journal import verify_checkpoint


def heads_fault(heads: Sequence[Checkpoint], ledger_key: str | None) -> str | None:
    """What is wrong with the heads of one witness among themselves, as a sentence, or None.

    Args:
        heads: in the order in which it kept them.
        ledger_key: the ledger's public key as known from elsewhere, base64.
    """
    if not heads:
        return "it has kept no head"
    for head in heads:
        if fault := verify_checkpoint(head, public_key=ledger_key or heads[0].public_key):
            return fault
    for one, two in pairwise(heads):
        if one.ledger != two.ledger:
            return "its heads are of more than one ledger"
        if two.sequence < one.sequence or (two.sequence == one.sequence and two.hash != one.hash):
            return f"it saw entry {one.sequence} at {one.at[:19]}Z, and then another journal: it was rewritten"
    return None


def seen(
    name: str,
    heads: Sequence[Checkpoint],
    hashes: Mapping[int, str],
    last: int,
    *,
    is_of_now: bool = False,
    is_stamped: bool = False,
) -> Check:
    """What one witness says of a journal.

    One that saw entries after the last one says nothing good: of a bundle, they may have come later; of a ledger that
    was read after the witness's file, they are missing.

    Args:
        name: of the witness.
        heads: what it has kept, good among themselves.
        hashes: hashes of the journal's entries by number; those that are known.
        last: number of its last entry.
        is_of_now: whether the journal was read from the ledger, after the witness's file.
        is_stamped: whether the heads have time-stamps, which count.
    """
    stamped = ", with a time-stamp" if is_stamped else ""
    what, known = f"witness {name}", [head for head in heads if head.sequence in hashes]
    for head in known:
        if hashes[head.sequence] != head.hash:
            return wrong(what, f"entry {head.sequence} differs from the one that it saw: the journal was rewritten")
    newest = heads[-1]
    if newest.sequence > last and is_of_now:
        sentence = (
            f"it saw entry {newest.sequence} at {newest.at[:19]}Z, and the journal ends at entry {last}: it was cut"
        )
        return wrong(what, sentence)
    if newest.sequence > last and last in hashes and not (known and known[-1].sequence == last):
        return open_(what, f"it saw entry {newest.sequence}, which is after the last one here, {last}")
    if not known:
        return open_(what, f"it saw entries up to {newest.sequence}, none of which is here")
    latest = known[-1]
    if latest.sequence == last:
        return good(what, f"saw the head, entry {last}, at {latest.at[:19]}Z{stamped}")
    until = f"and not yet the head, entry {last}"
    return good(what, f"saw entry {latest.sequence} at {latest.at[:19]}Z{stamped}, {until}")


def witness_checks(contents: Contents, known: AuditTrust) -> Iterator[Check]:
    """One check for each witness of a bundle's journal.

    Args:
        contents: the bundle.
        known: what the auditor knows from elsewhere.
    """
    entries, held = contents.journal, contents.checkpoint
    hashes = {one.sequence: one.hash for one in entries}
    if entries and contents.partial is None:
        hashes.setdefault(entries[0].sequence - 1, entries[0].previous)
    for name, heads in known.witnesses.items():
        if fault := known.witness_faults.get(name) or heads_fault(heads, known.ledger_key):
            yield wrong(f"witness {name}", fault)
        elif not hashes:
            yield open_(f"witness {name}", "the bundle has no journal to compare")
        elif held is not None and held.ledger and heads[0].ledger != held.ledger:
            yield wrong(f"witness {name}", "it keeps heads of another ledger than the bundle's")
        else:
            yield seen(name, heads, hashes, max(hashes), is_stamped=name in known.witness_faults)

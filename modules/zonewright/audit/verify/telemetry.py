"""What an agent signed, judged again: the chain of its batches, its heads, and whether the journal knew them then."""

import json
from bisect import bisect_right
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from zonewright.audit.evidence.checks import Check, all_or_wrong, good, open_, wrong
from zonewright.audit.evidence.signed_file import FiledHead, FiledSeal, SignedBatch, SignedFile
from zonewright.ledger.protocol.journal_messages import WITHHELD, Checkpoint, JournalEntry
from zonewright.ledger.store.journal import entry_hash, verify_checkpoint
from zonewright.ledger.store.vouched import fault_of_vouched
from zonewright.ledger.verbs.rollouts import ENROLMENT
from zonewright.ledger.verbs.sealing import KIND
from zonewright.model.canonical import canonical_json
from zonewright.model.merkle import leaf_of, root_by
from zonewright.rules.words import count_of
from zonewright.seal.keys import key_id
from zonewright.telemetry.chain import ChainHead, Linked, fault_of_head, head_of, led_back
from zonewright.telemetry.otlp import OtlpError, read_batch

_TOLD = ("begun", "gap", "filled", "fork")
_ROW = [int, str, str]
"""Of a head its batch, digest and key; of an event its batch, kind and sentence."""


@dataclass(slots=True)
class ChainSum:
    """What the batches of a file are.

    Attributes:
        links: of each batch its number, the digest that it names, and its own; in order.
        first_ns: the time of the first reading.
        last_ns: the time of the last one.
        faults: batches that are none of the agent's.
    """

    links: list[Linked] = field(default_factory=list)
    first_ns: int = 2**62
    last_ns: int = 0
    faults: list[str] = field(default_factory=list)

    def breaks(self) -> Iterator[Linked]:
        """The batches that do not follow from the one before them; the first one is none."""
        for before, link in zip(self.links, self.links[1:], strict=False):
            if link.previous != before.digest:
                yield link

    def up_to(self, sequence: int) -> Iterator[Linked]:
        """The batches up to a number, back to the first; which of them is meant, its digest says."""
        return reversed(self.links[: bisect_right(self.links, sequence, key=lambda one: one.sequence)])


def chain_of(agent: str, batches: Iterable[SignedBatch]) -> ChainSum:
    """Go through batches once."""
    found = ChainSum()
    for one in batches:
        try:
            batch = read_batch(one.body)
        except OtlpError:
            found.faults.append(f"batch {one.sequence} is no batch")
            continue
        if batch.agent != agent or batch.sequence != one.sequence or batch.link is None:
            found.faults.append(f"batch {one.sequence} is another one than it says, or of another agent")
            continue
        if found.links and one.sequence <= found.links[-1].sequence:
            found.faults.append(f"batch {one.sequence} comes after batch {found.links[-1].sequence}")
            continue
        found.links.append(Linked(one.sequence, batch.link.previous, sha256(one.body).hexdigest()))
        times = [sample.time_ns for sample in batch.samples]
        found.first_ns, found.last_ns = min([found.first_ns, *times]), max([found.last_ns, *times])
    return found


def signed_checks(
    held: SignedFile,
    batches: Iterable[SignedBatch],
    *,
    known: Checkpoint | None,
    ledger_key: str | None,
    vouched: set[int] | None = None,
) -> Iterator[Check]:
    """Judge a file; one line for each check.

    Args:
        held: what it holds besides its batches.
        batches: its batches, in order.
        known: a checkpoint of the journal that the auditor has kept.
        ledger_key: the ledger's public key as known from elsewhere, base64.
        vouched: takes the numbers of the batches that are the host's own.
    """
    vouched = set() if vouched is None else vouched
    chain = chain_of(held.agent, batches)
    yield all_or_wrong("batches", chain.faults, f"{len(chain.links):,} of {held.agent}")
    yield from _journal(held, known, ledger_key)
    entries = {entry.sequence: entry for entry in held.journal}
    seals = {one.number: one for one in held.seals}
    faults = {number: _seal_fault(one, held.agent, entries) for number, one in seals.items()}
    wrong_seals = [f"seal {number}: {fault}" for number, fault in faults.items() if fault]
    yield all_or_wrong("record", wrong_seals, f"the journal names its heads in {len(seals):,} of its entries")
    told = {number: json.loads(one.text) for number, one in seals.items() if not faults[number]}
    yield _gaps(chain, told)
    faulty, late = list[str](), list[str]()
    for head in held.heads:
        if fault := _head_fault(head, held, told, seals):
            faulty.append(fault)
        elif fault := _late(head, held.agent, seals, entries):
            late.append(fault)
        else:
            said = head_of(head.text)
            vouched |= set(_new(chain, said, vouched))
    detail = f"{len(held.heads) - len(late):,} count"
    yield all_or_wrong("heads", faulty, detail + (f", {len(late):,} do not: {late[0]}" if late else ""))
    yield _signed(chain, vouched)


def _new(chain: ChainSum, head: ChainHead, vouched: Container[int]) -> Iterator[int]:
    """The batches that a head vouches for, and none before it did."""
    for one in led_back(chain.up_to(head.sequence), head.digest):
        if one.sequence in vouched:
            return
        yield one.sequence


def _signed(chain: ChainSum, vouched: set[int]) -> Check:
    """Which of the batches are proved to be the host's."""
    if not chain.links:
        return open_("signed", "there are no batches")
    if not vouched:
        return wrong("signed", "no head that counts leads to any of the batches")
    span = f"readings from {_moment(chain.first_ns)} to {_moment(chain.last_ns)}"
    left = [one.sequence for one in chain.links if one.sequence not in vouched]
    if not left:
        return good("signed", f"all {len(chain.links):,} batches are the host's own, {span}")
    since = f"the last {len(left):,}, since batch {left[0]}" if left[0] > max(vouched) else f"{len(left):,} of them"
    return good(
        "signed",
        f"{len(vouched):,} of {len(chain.links):,} batches are the host's own, {span}; {since}, are authenticated only",
    )


def _moment(time_ns: int) -> str:
    return f"{datetime.fromtimestamp(time_ns // 10**9, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _journal(held: SignedFile, known: Checkpoint | None, ledger_key: str | None) -> Iterator[Check]:
    faults, before, withheld = list[str](), None, 0
    for entry in held.journal:
        if _is_withheld(entry):
            withheld += 1  # its hash is what the next one follows, and nothing else counts of it
        elif entry.hash != entry_hash(entry.model_dump()):
            faults.append(f"entry {entry.sequence} was altered")
        if before is not None and (entry.previous, entry.sequence) != (before.hash, before.sequence + 1):
            faults.append(f"entry {entry.sequence} does not follow entry {before.sequence}")
        before = entry
    head = held.checkpoint
    if head is not None and before is not None and (head.sequence, head.hash) != (before.sequence, before.hash):
        faults.append("the last entry is not the one that the signed head names")
    faults += _unproved(held, ledger_key)
    if not held.journal:
        yield open_("journal", "the file has no entries of the journal")
        return
    told = f", of {withheld:,} of them the file has the hash alone" if withheld else ""
    yield all_or_wrong("journal", faults, f"{len(held.journal):,} entries form one chain{told}")
    if withheld:
        detail = f"the {withheld:,} entries are said to be about other things; a file with --whole-journal shows it"
        yield open_("revocations", detail)
    if head is None:
        yield open_("head", "there is no signed head, so nobody vouches for the journal")
        return
    fault = verify_checkpoint(head, public_key=ledger_key)
    if not fault and head.ledger != held.ledger:
        fault = "it is of another ledger than the batches are for"
    yield wrong("head", fault) if fault else good("head", f"signed at {head.at[:19]}")
    yield _kept(held, head, known, ledger_key)


def _is_withheld(entry: JournalEntry) -> bool:
    return entry.kind == WITHHELD and not (entry.at or entry.stack_id or entry.party or entry.payload)


def _unproved(held: SignedFile, ledger_key: str | None) -> Iterator[str]:
    """Entries that may be anybody's, one sentence each.

    An entry is the ledger's where the one after it is and covers its hash, or where the ledger signed it. One that is a
    hash alone covers nothing: who writes a file may let it follow whatever comes before. What the ledger signed was
    whole in the file, so nobody hides one of these afterwards.
    """
    signed: set[tuple[int, str]] = set()
    if held.vouched is not None:
        head_key = ledger_key if held.checkpoint is None else held.checkpoint.public_key
        if fault := fault_of_vouched(held.vouched, ledger=held.ledger, public_key=head_key):
            yield fault
        else:
            signed = set(held.vouched.entries)
    is_covered = True  # the last one by the signed head, of which another check tells
    for entry in reversed(held.journal):
        is_signed, is_withheld = (entry.sequence, entry.hash) in signed, _is_withheld(entry)
        is_proved = is_covered or is_signed
        if is_signed and is_withheld:
            yield f"entry {entry.sequence} is a hash alone here, and was whole where the ledger signed it"
        elif not is_proved and not is_withheld:
            yield f"nothing shows that entry {entry.sequence} is the ledger's: the one after it is a hash alone"
        is_covered = not is_withheld and is_proved


def _kept(held: SignedFile, head: Checkpoint, known: Checkpoint | None, ledger_key: str | None) -> Check:
    if known is None:
        return open_("kept checkpoint", "give one that you kept; only that rules out that all was written again later")
    named = next((one for one in held.journal if one.sequence == known.sequence), None)
    if fault := verify_checkpoint(known, public_key=ledger_key):
        return wrong("kept checkpoint", fault)
    if named is None:
        return open_("kept checkpoint", f"it names entry {known.sequence}, which is not in this file")
    if named.hash != known.hash or known.public_key != head.public_key:
        return wrong("kept checkpoint", f"entry {named.sequence} differs from the one that was signed at {known.at}")
    if any(_is_withheld(entry) for entry in held.journal if entry.sequence <= known.sequence):
        return open_(
            "kept checkpoint",
            f"it names entry {known.sequence} of this file, but some before it are hashes alone; only a file with "
            "--whole-journal rules out that what stands before these was written again later",
        )
    return good("kept checkpoint", f"names entry {known.sequence} of this file")


def _seal_fault(seal: FiledSeal, agent: str, entries: Mapping[int, JournalEntry]) -> str:
    """Why the journal does not name what a seal says; empty where it does."""
    entry = entries.get(seal.entry)
    if entry is None or entry.kind != KIND:
        return f"entry {seal.entry} of the journal is not in the file, or another one"
    try:
        root = root_by(leaf_of(seal.text.encode()), seal.index, seal.count, [bytes.fromhex(one) for one in seal.path])
        said = json.loads(seal.text)
        rows = [*said["heads"], *said["events"]]
        is_whole = all(isinstance(row, list) and [type(one) for one in row] == _ROW for row in rows)
        is_own = (said["agent"], said["seal"]) == (agent, seal.number) and canonical_json(said) == seal.text
    except (ValueError, KeyError, TypeError, RecursionError):
        return "it cannot be read"
    if root is None or f"sha256:{root.hex()}" != entry.payload.get("root") or seal.count != entry.payload.get("agents"):
        return f"entry {seal.entry} of the journal has another root"
    return "" if is_own and is_whole else "it is of another agent or seal"


def _gaps(chain: ChainSum, told: Mapping[int, Mapping[str, Sequence[Sequence[object]]]]) -> Check:
    """Whether each place at which the chain does not go on is one that the service told when it came."""
    known = {row[0] for said in told.values() for row in said["events"] if row[1] in _TOLD}
    broken = list(chain.breaks())
    untold = [
        f"batch {one.sequence} does not follow from the one before it, and no event says so"
        for one in broken
        if one.sequence not in known
    ]
    detail = "each batch names the one before it"
    if broken:
        detail = (
            f"{count_of(len(broken), 'gap')} that the journal has on record, first before batch {broken[0].sequence}"
        )
    return all_or_wrong("chain", untold, detail)


def _head_fault(
    head: FiledHead,
    held: SignedFile,
    told: Mapping[int, Mapping[str, Sequence[Sequence[object]]]],
    seals: Mapping[int, FiledSeal],
) -> str:
    """Why a head is none that the journal names, as a sentence; empty where it is one, or waits for it."""
    fault = fault_of_head(head.text, head.signature, agent=held.agent, ledger=held.ledger, public_key=head.key)
    if fault or head.seal is None:
        return fault
    said = head_of(head.text)
    if head.seal not in told:
        return f"the head of batch {said.sequence} is part of no entry of the journal"
    if [said.sequence, said.digest, head.key] not in [list(row) for row in told[head.seal]["heads"]]:
        return f"entry {seals[head.seal].entry} of the journal does not name the head of batch {said.sequence}"
    return ""


def _late(head: FiledHead, agent: str, seals: Mapping[int, FiledSeal], entries: Mapping[int, JournalEntry]) -> str:
    """Why a head that is one does not count: its key must be the agent's when the journal gets it.

    What is revoked later still counts.
    """
    said = head_of(head.text)
    if head.seal is None:
        return f"the journal does not name the head of batch {said.sequence} yet"
    sealed, own = seals[head.seal].entry, key_id(" ".join(head.key.split()[:2]))
    named = ((one.sequence, one.payload.get("agents")) for one in entries.values() if one.kind == ENROLMENT)
    enrolled = [
        (sequence, str(agents[agent]))
        for sequence, agents in named
        if isinstance(agents, dict) and agent in agents and sequence < sealed
    ]
    sequence, last = max(enrolled, default=(0, ""))
    if last == own:
        return ""
    when = f"when entry {sealed} named the head of batch {said.sequence}"
    if own in {key for _, key in enrolled}:
        return f"the key {own} was revoked by entry {sequence} already {when}"
    return f"no entry had enrolled the key {own} {when}"

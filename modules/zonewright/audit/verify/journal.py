"""The journal of a bundle: its entries follow from each other up to a signed head, and say what the bundle says."""

from collections.abc import Iterator

from zonewright.audit.evidence.checks import Check, all_or_wrong, good, open_, wrong
from zonewright.audit.evidence.contents import Contents
from zonewright.ledger.protocol.journal_messages import Checkpoint
from zonewright.ledger.protocol.rollout_messages import ROLLED_OUT
from zonewright.ledger.store.journal import entry_hash, verify_checkpoint
from zonewright.model.canonical import digest_of


def journal_checks(contents: Contents, known: Checkpoint | None, ledger_key: str | None) -> Iterator[Check]:
    """Chain, head, inclusion, and agreement with the signatures.

    Args:
        contents: the bundle.
        known: a checkpoint that the auditor has kept.
        ledger_key: the ledger's public key as known from elsewhere, base64.
    """
    if contents.partial is not None:
        yield from _partial(contents)
        return
    if not contents.journal:
        yield open_("journal", "the bundle was written before the plan was registered; export it from the ledger")
        return
    end = "" if contents.checkpoint is None else " up to the signed head"
    yield all_or_wrong("journal", _chain(contents), f"{_span(contents)} form one chain{end}")
    yield _head(contents.checkpoint, ledger_key)
    yield _kept(contents, known, ledger_key)
    yield all_or_wrong("record", _record(contents), _story(contents))


def _head(head: Checkpoint | None, ledger_key: str | None) -> Check:
    if head is None:
        return open_("head", "the bundle has no signed head, so nobody vouches for its journal; export it again")
    if fault := verify_checkpoint(head, public_key=ledger_key):
        return wrong("head", fault)
    whose = "the key that you gave" if ledger_key else f"key {head.public_key[:12]}..."
    return good("head", f"signed at {head.at[:19]} with {whose}")


def _partial(contents: Contents) -> Iterator[Check]:
    """A party has the entries on its plan without the chain: the hash of an entry would tell of the one before it."""
    if not contents.journal:
        yield open_("journal", "the bundle was written before the plan was registered; export it from the ledger")
        return
    why = "the entries between also belong to other parties, so only the zone's bundle has them"
    yield open_("journal", f"not checked that {_span(contents)} form one chain up to a signed head: {why}")
    yield open_("kept checkpoint", "it is compared with the journal's chain, which only the zone's bundle has")
    yield all_or_wrong(
        "record", _record(contents), f"{_story(contents)}, according to the zone's export; see the check 'journal'"
    )


def _span(contents: Contents) -> str:
    return f"entries {contents.journal[0].sequence:,} to {contents.journal[-1].sequence:,}"


def _chain(contents: Contents) -> Iterator[str]:
    head, last, previous = contents.checkpoint, contents.journal[-1], None
    for entry in contents.journal:
        if entry.hash != entry_hash(entry.model_dump()):
            yield f"entry {entry.sequence} was altered"
        if previous is not None and (entry.previous != previous.hash or entry.sequence != previous.sequence + 1):
            yield f"entry {entry.sequence} does not follow entry {previous.sequence}"
        previous = entry
    if head is not None and (head.sequence, head.hash) != (last.sequence, last.hash):
        yield (
            f"the head names entry {head.sequence}, but the last entry here is {last.sequence}, or its content differs"
        )


def _ledger(one: Checkpoint, other: Checkpoint) -> tuple[str, str, str]:
    """Which ledger a checkpoint is of; one of an older version does not say its id, so then it is not compared."""
    return one.public_key, one.zone, one.ledger if other.ledger else ""


def _kept(contents: Contents, known: Checkpoint | None, ledger_key: str | None) -> Check:
    name = "kept checkpoint"
    if known is None:
        return open_(
            name,
            (
                "give a checkpoint that you kept outside the ledger; only that rules out that "
                "the whole journal was rewritten"
            ),
        )
    fault = verify_checkpoint(known, public_key=ledger_key)
    if fault:
        return wrong(name, fault)
    held = contents.checkpoint
    if held is not None and _ledger(known, held) != _ledger(held, known):
        return wrong(name, "it belongs to another ledger than the bundle's head")
    entry = next((one for one in contents.journal if one.sequence == known.sequence), None)
    if entry is not None:
        same = entry.hash == known.hash
        return good(name, f"names entry {known.sequence} of this bundle") if same else wrong(name, _rewritten(known))
    first, last = contents.journal[0], contents.journal[-1]
    if known.sequence == first.sequence - 1:
        same = first.previous == known.hash
        return good(name, "names the entry before this bundle") if same else wrong(name, _rewritten(known))
    where = "before" if known.sequence < first.sequence else "after"
    return open_(
        name,
        f"it names entry {known.sequence}, which is {where} entries {first.sequence} to {last.sequence} of "
        "this bundle; export the bundle again to get a later checkpoint, or verify the journal itself: "
        "zonewright ledger verify",
    )


def _rewritten(known: Checkpoint) -> str:
    return f"entry {known.sequence} differs from the one that was signed at {known.at}: the journal was rewritten"


def _record(contents: Contents) -> Iterator[str]:
    """What the journal says of the plan is what the bundle holds."""
    plan, digest = contents.plan, contents.plan.digest()
    mine = [entry for entry in contents.journal if entry.payload.get("plan") == digest]
    planned = [entry for entry in mine if entry.kind == "planned"]
    if len(planned) != 1:
        yield "the journal must have the plan exactly once"
    said = [str(entry.payload.get("envelope")) for entry in mine if entry.kind in ("approved", "rejected")]
    if said != [digest_of(text) for text in contents.verdicts]:
        yield "the verdicts in the journal differ from those in the bundle"
    for entry in mine:
        if (entry.stack_id, entry.payload.get("change_digest", plan.change_digest)) != (
            plan.stack_id,
            plan.change_digest,
        ):
            yield f"entry {entry.sequence} belongs to another change"
        if entry.kind == "planned" and entry.payload.get("envelope") != digest_of(contents.author or ""):
            yield "the journal has another signature of the author"
        if entry.kind == "admitted" and entry.payload.get("rendered_digest") != plan.rendered_digest:
            yield f"entry {entry.sequence} admitted other files"


def _story(contents: Contents) -> str:
    digest = contents.plan.digest()
    admitted = contents.admitted()
    mine = [one for one in contents.journal if one.payload.get("plan") == digest and one.kind != ROLLED_OUT]
    steps = [f"{entry.kind} {entry.at[:16]}" for entry in mine]
    if admitted is not None:
        steps += [
            f"{entry.kind} {entry.at[:16]}"
            for entry in contents.journal
            if entry.kind == "completed" and entry.payload.get("admission_id") == admitted.payload["admission_id"]
        ]
    return ", ".join(steps)

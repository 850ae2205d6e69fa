"""Is this the ledger that a stack knows? A copy, a restored backup and a new one lack an entry that its state saw."""

import json

from sqlalchemy import Connection, bindparam, select

from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.protocol.journal_messages import JournalEntry, JournalHead, SeenRequest
from zonewright.ledger.store.journal import GENESIS, head_of
from zonewright.ledger.store.loaded import require_lineage
from zonewright.ledger.store.prepared import LINEAGE, STACK
from zonewright.ledger.store.schema import identity, ledger_id
from zonewright.ledger.store.tables import journal
from zonewright.model.canonical import digest_of

ACCEPTED = "ledger-accepted"
"""Of an entry by which a stack goes on with a ledger that lacks what its state saw; ``seen`` is what that was."""
ENROLLED = "enrolled"
"""Of an entry that binds a stack to the state whose lineage has the digest ``lineage``, or is it in older entries."""
CODE = "another-ledger"
_WAYS_OUT = (
    "nothing was changed; correct zone:ledger in Pulumi.NAME.yaml; if the ledger itself was restored or made again, "
    "run: zonewright recover --stack NAME --ledger-restored"
)
_HASH = select(journal.c.hash).where(journal.c.sequence == bindparam("number")).scalar_subquery()
_SEEN = select(identity.c.id, _HASH.label("hash"))
_ACCEPTED = select(journal.c.payload).where(journal.c.kind == ACCEPTED, journal.c.stack_id == STACK)
_ENROLLED = (
    select(journal.c.payload)
    .where(journal.c.kind == ENROLLED, journal.c.stack_id == STACK, journal.c.sequence <= bindparam("number"))
    .order_by(journal.c.sequence.desc())
    .limit(1)
)


def present_head(connection: Connection, entry: JournalEntry | None = None) -> JournalHead:
    """The last entry of this ledger, where it is not known yet."""
    sequence, last = head_of(connection) if entry is None else (entry.sequence, entry.hash)
    return JournalHead(ledger=ledger_id(connection), sequence=sequence, hash=last)


def has(connection: Connection, seen: JournalHead) -> bool:
    """Whether the ledger is the one, and its journal has the entry."""
    known = connection.execute(_SEEN, {"number": seen.sequence}).one()
    return (seen.ledger, seen.hash) == (known.id, known.hash if seen.sequence else GENESIS)


def accepted(connection: Connection, stack_id: str) -> list[JournalHead]:
    """What a stack took as seen, in recoveries."""
    found = [json.loads(text)["seen"] for text in connection.execute(_ACCEPTED, {"stack": stack_id}).scalars()]
    return [JournalHead.model_validate(one) for seen in found for one in seen]


def require_same(connection: Connection, request: SeenRequest) -> None:
    """Let a stack pass that saw nothing yet, or what this ledger has, or what it said is lost, and is whose it was.

    Raises:
        LedgerRefusedError: for any other, with both ways out; or for a stack that another state has taken over.
    """
    seen, stack_id = request.seen, request.stack_id
    require_lineage(connection, stack_id, request.lineage)
    if seen is None or has(connection, seen) or seen in accepted(connection, stack_id):
        return
    own = ledger_id(connection)
    if seen.ledger != own:
        raise _another(seen.ledger, own)
    raise LedgerRefusedError(
        CODE,
        f"the state of stack {stack_id} has seen entry {seen.sequence} ({seen.hash[7:19]}) of ledger {own[:12]}, and "
        f"this ledger's journal, which has {head_of(connection)[0]} entries, does not have it: it is a copy, or was "
        f"restored from an older backup; {_WAYS_OUT}",
    )


def require_not_replaced(connection: Connection, request: SeenRequest) -> None:
    """Refuse a state whose stack another state took over: the stack is bound to another lineage than this one saw.

    Raises:
        LedgerRefusedError: when it did.
    """
    seen, stack_id = request.seen, request.stack_id
    bound = connection.execute(LINEAGE, {"stack": stack_id}).scalar()
    if seen is None or bound is None or not has(connection, seen):
        return
    known = connection.execute(_ENROLLED, {"stack": stack_id, "number": seen.sequence}).scalar()
    # Entries of the first version have the lineage itself.
    if known is not None and json.loads(known)["lineage"] not in {bound, digest_of(bound)}:
        raise LedgerRefusedError(
            "another-lineage",
            f"another state has taken over stack {stack_id} since this one was brought up; nothing was deleted; remove "
            "what is left of this state with: pulumi stack rm --force",
        )


def require_ledger(connection: Connection, known: str, stack_id: str) -> str:
    """The same by the ledger's id alone, which is what an enrolment knows; empty where it knows none.

    Returns:
        The id of this ledger.

    Raises:
        LedgerRefusedError: when it is another ledger.
    """
    own = ledger_id(connection)
    if known not in ("", own) and all(one.ledger != known for one in accepted(connection, stack_id)):
        raise _another(known, own)
    return own


def _another(known: str, own: str) -> LedgerRefusedError:
    return LedgerRefusedError(
        CODE, f"this state belongs to ledger {known[:12]}, and this is ledger {own[:12]}; {_WAYS_OUT}"
    )

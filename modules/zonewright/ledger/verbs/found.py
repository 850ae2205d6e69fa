"""The verbs ``find`` and ``found``: where a machine is, and what operators found where the ledger says otherwise.

What was found is in the journal, and nowhere else: it changes no claim and keeps no place. The number of its entry
names it, and a later entry settles it.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, select

from zonewright.ledger.protocol.errors import LedgerMisuseError, LedgerRefusedError
from zonewright.ledger.protocol.found_messages import FindAnswer, FindRequest, FoundRecord, FoundRequest
from zonewright.ledger.protocol.rights import OVERSEER, Caller
from zonewright.ledger.protocol.who_messages import WhoRequest
from zonewright.ledger.store import journal
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.tables import asset
from zonewright.ledger.store.tables import journal as entries
from zonewright.ledger.verbs.who import in_racks_of, who
from zonewright.rules.words import listed

FOUND, SETTLED = "found-there", "found-settled"
"""Kinds of the entries."""


def found(context: Context, request: FoundRequest) -> FoundRecord:
    """Record what an operator found in one of its racks, or that such a record is settled; for the journal.

    Raises:
        LedgerRefusedError: when the rack, or the record, is not the operator's.
    """
    with context.writing() as connection:
        now = context.now(connection)
        if request.settles:
            return _settle(connection, request, now)
        if not (request.subject and request.rack and request.position and request.contact):
            raise LedgerMisuseError("request", "expected subject, rack, position and contact; nothing was recorded")
        row, _, number = request.rack.rpartition("/")
        _require_own_rack(connection, request.party, row, number)
        seen = _the_only(connection, request)
        said = {
            "subject": request.subject,
            "rack": request.rack,
            "position": request.position,
            "why": request.why,
            "contact": request.contact,
            "claim": seen.get("name", ""),
            "stack_id": seen.get("stack_id", ""),
            "claim_party": seen.get("party", ""),
        }
        entry = journal.append(connection, at=now, kind=FOUND, stack_id="", party=request.party, payload=said)
        return _record(entry.sequence, now, request.party, said)


def _the_only(connection: Connection, request: FoundRequest) -> Mapping[str, Any]:
    """The claim in the operator's racks that the subject means, empty where none is; several are refused."""
    seen = {(one["stack_id"], one["name"]): one for one in in_racks_of(connection, request.party, request.subject)}
    if len(seen) > 1:
        claims = [f"{name} of {one['party']}" for (_, name), one in sorted(seen.items())]
        raise LedgerRefusedError(
            "several-claims",
            f"'{request.subject}' means {len(seen)} claims in racks of '{request.party}': "
            f"{listed(claims)}; nothing was recorded; name the machine by its address",
        )
    return next(iter(seen.values()), {})


def _require_own_rack(connection: Connection, party: str, row: str, number: str) -> None:
    held = connection.execute(
        select(asset.c.party, asset.c.data).where(asset.c.kind == "row", asset.c.name == row)
    ).first()
    racks = json.loads(held.data)["row"]["racks"] if held is not None and held.party == party else 0
    if number not in {f"{rack:02}" for rack in range(1, racks + 1)}:
        raise LedgerRefusedError(
            "not-its-rack",
            f"party '{party}' has no rack {row}/{number} in the ledger; nothing was recorded; name one of its own "
            "racks, such as dc1/a/01/02",
        )


def _settle(connection: Connection, request: FoundRequest, now: str) -> FoundRecord:
    known = next((one for one in _records(connection) if one.number == request.settles), None)
    if known is None or known.party != request.party or known.settled_at:
        raise LedgerRefusedError(
            "no-record",
            f"party '{request.party}' has no open record {request.settles}; nothing was changed; list them with: "
            "zonewright ledger found --list",
        )
    said = {"settles": known.number, "why": request.why}
    journal.append(connection, at=now, kind=SETTLED, stack_id="", party=request.party, payload=said)
    return known.model_copy(update={"settled_at": now, "settled_why": request.why})


def find(context: Context, request: FindRequest) -> FindAnswer:
    """Give where a host or an address stands, and what operators found of it; without a subject all that they found.

    An operator sees what it found, who oversees the zone sees all, and a party what was found of its own claims.
    """
    stands = who(context, WhoRequest(subject=request.subject, limit=request.limit)).found if request.subject else []
    with context.database.reading() as connection:
        every = list(_records(connection))
    claims = {(one.stack_id, one.name): one.party for one in stands}
    told = [
        one
        for one in every
        if (not request.subject or one.subject == request.subject or (one.stack_id, one.claim) in claims)
        and _may_see(context.caller, one, claims.get((one.stack_id, one.claim), ""))
    ]
    return FindAnswer(stands=stands, found=told[-request.limit :])


def _may_see(caller: Caller, one: FoundRecord, claimant: str) -> bool:
    """Whether a caller may see a record; the claimant is the party that has its claim now, empty where none has.

    A name alone opens nothing: two parties may have nodes of one name, and anybody may name a node as a label says.
    """
    return caller.has_file or bool(caller.roles & OVERSEER) or caller.party in {one.party, one.claim_party, claimant}


def _records(connection: Connection) -> Iterator[FoundRecord]:
    """All records in order, each as it is now."""
    columns = (entries.c.sequence, entries.c.at, entries.c.kind, entries.c.party, entries.c.payload)
    query = select(*columns).where(entries.c.kind.in_((FOUND, SETTLED))).order_by(entries.c.sequence)
    records: dict[int, FoundRecord] = {}
    for row in connection.execute(query):
        said = json.loads(row.payload)
        if row.kind == FOUND:
            records[row.sequence] = _record(row.sequence, row.at, row.party, said)
        elif said["settles"] in records:
            settled = {"settled_at": row.at, "settled_why": said["why"]}
            records[said["settles"]] = records[said["settles"]].model_copy(update=settled)
    yield from records.values()


def _record(number: int, at: str, party: str, said: Mapping[str, Any]) -> FoundRecord:
    names = ("subject", "rack", "position", "why", "contact", "claim", "stack_id")
    claim_party = said.get("claim_party", "")
    return FoundRecord(
        number=number, at=at, party=party, claim_party=claim_party, **{name: said[name] for name in names}
    )

"""The verbs of files and records: content by digest, deployed configurations, the journal and its checkpoints."""

import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from pydantic_core import from_json
from sqlalchemy import Connection, CursorResult, Select, delete, select

from zonewright.ledger.deciding.readable import own_entries, readable_digests, withheld
from zonewright.ledger.protocol.content_messages import (
    ContentAnswer,
    ContentQuery,
    ContentRequest,
    DeployAnswer,
    DeployedAnswer,
    DeployRequest,
    SiteFilesRequest,
)
from zonewright.ledger.protocol.errors import LedgerRefusedError, LedgerUnavailableError
from zonewright.ledger.protocol.journal_messages import (
    Checkpoint,
    CheckpointRequest,
    HistoryAnswer,
    HistoryRequest,
    VouchedEntries,
)
from zonewright.ledger.protocol.messages import Done, StackRequest
from zonewright.ledger.protocol.rights import Caller
from zonewright.ledger.store.brought import forget_brought, note_brought, of_party
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.journal import sign_checkpoint
from zonewright.ledger.store.loaded import require_lineage
from zonewright.ledger.store.prepared import PRESENT
from zonewright.ledger.store.pruned_texts import removed
from zonewright.ledger.store.schema import ledger_id
from zonewright.ledger.store.scopes import Touch, touching
from zonewright.ledger.store.state_root import state_digest
from zonewright.ledger.store.tables import content, deployed, journal, zone
from zonewright.ledger.store.texts import drafted, manifest_of, put_digested, sweep
from zonewright.model.canonical import canonical_json, digest_of


def store(context: Context, request: ContentRequest) -> Done:
    """Keep texts under their digests for a day, and those that a plan or an admission names for longer."""
    texts = {digest_of(text): text for text in request.texts}  # before others wait
    with context.writing(Touch(party="" if context.caller.has_file else context.caller.party)) as connection:
        moment = context.moment(connection)
        sweep(connection, moment)
        forget_brought(connection, moment)
        put_digested(connection, texts, until=drafted(moment))
        if not context.caller.has_file:
            note_brought(connection, texts, of_party(context.caller.party), until=drafted(moment))
    return Done()


def fetch(context: Context, request: ContentQuery) -> ContentAnswer:
    """Give texts by digest, and which were removed. Unknown digests, and those of others' texts, are left out."""
    texts: dict[str, str] = {}
    with context.database.reading() as connection:
        wanted = readable_digests(connection, context.caller, set(request.digests), plan=request.plan)
        digests = sorted(wanted)
        for start in range(0, len(digests), 500):
            rows = connection.execute(select(content).where(content.c.digest.in_(digests[start : start + 500])))
            texts |= {row.digest: row.text for row in rows}
        gone = removed(connection, wanted - texts.keys())
    return ContentAnswer(texts=texts, pruned=gone)


def deploy(context: Context, request: DeployRequest) -> DeployAnswer:
    """Mark the files of one site as deployed: those of the stack's present change, which are read by their digest."""
    with context.writing(touching(request.stack_id)) as connection:
        present = connection.execute(PRESENT, {"stack": request.stack_id}).first()
        parts = manifest_of(connection, present.rendered_digest).parts if present is not None else {}
        files = parts.get(request.site, {})
        is_all = present is not None and present.rendered_digest == request.files_digest and [*parts] == [request.site]
        if not is_all and digest_of(canonical_json(files)) != request.files_digest:
            raise LedgerRefusedError(
                "not-admitted",
                f"the configuration files of site {request.site} are not those of the change that was admitted last; "
                "nothing was deployed; run pulumi up without --target",
            )
        query = select(deployed.c.files).where(deployed.c.stack_id == request.stack_id, deployed.c.site == request.site)
        before: dict[str, str] = json.loads(connection.execute(query).scalar() or "{}")
        _withdraw(connection, request.stack_id, request.site)
        connection.execute(
            deployed.insert().values(
                stack_id=request.stack_id,
                site=request.site,
                files=json.dumps(files, sort_keys=True),
                deployed_at=context.now(connection),
            )
        )
    kept = before.keys() & files.keys()
    return DeployAnswer(
        added=len(files) - len(kept),
        changed=sum(before[path] != files[path] for path in kept),
        removed=len(before) - len(kept),
    )


def _withdraw(connection: Connection, stack_id: str, site: str) -> None:
    connection.execute(delete(deployed).where(deployed.c.stack_id == stack_id, deployed.c.site == site))


def withdraw(context: Context, request: SiteFilesRequest) -> Done:
    """Mark the files of one site as no longer deployed."""
    with context.writing(touching(request.stack_id)) as connection:
        require_lineage(connection, request.stack_id, request.lineage)
        _withdraw(connection, request.stack_id, request.site)
    return Done()


def list_deployed(context: Context, request: StackRequest) -> DeployedAnswer:
    """Give the deployed files of one stack: by site, the digest of each path."""
    with context.database.reading() as connection:
        rows = connection.execute(select(deployed).where(deployed.c.stack_id == request.stack_id))
        return DeployedAnswer(sites={row.site: json.loads(row.files) for row in rows})


def history(context: Context, request: HistoryRequest) -> HistoryAnswer:
    """Give a page of the journal, in order, or of its entries of some kinds; of others' entries hashes only.

    Of some kinds a party gets its own entries: how many others there are of a kind it is not told.
    """
    with context.database.reading() as connection:
        query = select(journal).where(journal.c.sequence > request.after).order_by(journal.c.sequence)
        if request.kinds:
            query = query.where(journal.c.kind.in_(request.kinds))
        if context.caller.sees_all:
            found = _entries(connection.execute(query.limit(request.limit)))
        else:
            found = _entries_for(connection, context.caller, request, query)
    return HistoryAnswer.model_validate({"entries": found, "is_partial": not context.caller.sees_all})


def _entries(rows: CursorResult[Any]) -> list[dict[str, Any]]:
    names = tuple(rows.keys())
    entries = [dict(zip(names, row, strict=True)) for row in rows.all()]
    for entry in entries:
        entry["payload"] = from_json(entry["payload"])
    return entries


def _entries_for(
    connection: Connection, caller: Caller, request: HistoryRequest, query: Select[Any]
) -> list[dict[str, Any]]:
    """A page for a party: of some kinds only its own entries, else every entry, those of others withheld."""
    if request.kinds:
        return _entries(connection.execute(query.where(own_entries(caller)).limit(request.limit)))
    page = _entries(connection.execute(query.limit(request.limit)))
    numbers = [entry["sequence"] for entry in page]
    own = select(journal.c.sequence).where(journal.c.sequence.in_(numbers), own_entries(caller))
    told = set(connection.execute(own).scalars())
    return [entry if entry["sequence"] in told else withheld(entry) for entry in page]


def checkpoint(context: Context, _request: CheckpointRequest) -> Checkpoint:
    """Give the journal's head, signed with the ledger's key. Keep it where the ledger's host cannot change it."""
    key = _signing_key(context.database.path.with_suffix(".key"))
    with context.database.reading() as connection:
        zone_id = connection.execute(select(zone.c.id)).scalar()
        return sign_checkpoint(
            connection,
            zone=zone_id or "",
            ledger=ledger_id(connection),
            state=state_digest(connection),
            at=context.now(connection),
            key=key,
        )


def vouch_for(context: Context, numbers: Collection[int]) -> VouchedEntries:
    """Sign with the ledger's key which hashes entries of the journal have.

    Args:
        context: the ledger.
        numbers: of the entries.
    """
    from zonewright.ledger.store.vouched import sign_entries  # noqa: PLC0415 - no verb needs it

    key = _signing_key(context.database.path.with_suffix(".key"))
    with context.database.reading() as connection:
        return sign_entries(connection, numbers, ledger=ledger_id(connection), key=key)


def _signing_key(path: Path) -> Ed25519PrivateKey:
    """The ledger's Ed25519 key, made on first use, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)  # of a ledger on PostgreSQL nothing else may lie there
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise LedgerUnavailableError("key", f"{path} is not an Ed25519 private key") from None
        return key
    fresh = Ed25519PrivateKey.generate()
    with os.fdopen(handle, "wb") as file:
        file.write(fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return fresh

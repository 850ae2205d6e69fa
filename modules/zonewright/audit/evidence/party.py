"""The export of a bundle for one party: its own data, and salted digests in place of everything else.

The facts of others, the journal and what later decisions looked at are left out. Their salted digests let the zone
open one of them later, and let nobody guess what is in it; verification says what it cannot check without them.
"""

from collections.abc import Collection, Mapping

from zonewright.audit.evidence.bundle import object_path, with_manifest
from zonewright.audit.evidence.contents import (
    EXPORTER,
    PARTIAL,
    Contents,
    Opened,
    OwnEntry,
    Partial,
    places_before,
    read_contents,
)
from zonewright.audit.evidence.gathering import CHECKPOINT, JOURNAL, ROLLOUTS, VERDICTS
from zonewright.audit.evidence.planning import AUTHOR, PLAN, SNAPSHOT
from zonewright.audit.evidence.signing import signed_export, signer_of
from zonewright.audit.evidence.withheld import items_of, salt_of
from zonewright.changes.errors import BundleError
from zonewright.ledger.deciding.snapshot import SALT
from zonewright.ledger.protocol.change_messages import Snapshot
from zonewright.ledger.protocol.journal_messages import JournalEntry
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.seal.keys import SigningKey

SHOWN = frozenset({"zone.json", "present.json", "remembered.json"})
"""Facts that are the party's own, or everybody's."""


def for_party(files: Mapping[str, bytes], opened: Collection[str] = ()) -> dict[str, bytes]:
    """A bundle with the party's own data; the same one comes out each time.

    Args:
        files: the zone's bundle, with its manifest; a party's bundle stays what it is.
        opened: names of further facts of the plan that are shown.

    Raises:
        BundleError: when there is no such fact, or the salt is asked for.
    """
    if PARTIAL in files:
        if opened:
            raise BundleError("a party's bundle leaves out these facts; only the zone's bundle has them")
        return dict(files)
    contents = read_contents(files)
    known = contents.snapshot.files
    for name in sorted(opened):
        if name not in known or name == SALT:
            raise BundleError(f"the plan has no fact '{name}' to show; 'files' in snapshot.json lists its facts")
    shown = {name: known[name] for name in sorted({*SHOWN, *opened}) if name in known}
    salt = contents.object(known[SALT])
    partial = Partial(
        party=contents.plan.party,
        at=contents.snapshot.at,
        until=contents.checkpoint.at if contents.checkpoint is not None else contents.plan.planned_at,
        opened={name: Opened(digest=digest, salt=salt_of(salt, name)) for name, digest in shown.items()},
        items=items_of(_others(contents), salt),
        before=places_before(contents),
        entries=[
            OwnEntry(sequence=one.sequence, at=one.at, kind=one.kind, payload=one.payload) for one in _own(contents)
        ],
    )
    kept = {AUTHOR, PLAN, *contents.plan.files} - {SNAPSHOT} | {object_path(digest) for digest in shown.values()}
    kept |= {object_path(digest_of(text)) for texts in contents.changed() for text in texts.values()}
    kept |= {path for path in files if path.startswith((f"{VERDICTS}/", f"{ROLLOUTS}/"))}
    rest = {path: text for path, text in files.items() if path in kept}
    return with_manifest({**rest, PARTIAL: canonical_json(partial.model_dump()).encode()})


def signed_for_party(files: Mapping[str, bytes], key: SigningKey) -> dict[str, bytes]:
    """A party's bundle with the signature of whoever exported it, in the place of an earlier one.

    Raises:
        SealError: when the key is that of no signer of the zone.
    """
    contents = read_contents(files)
    envelope = signed_export(
        contents.plan,
        key,
        signer=signer_of(contents.zone, key),
        party=digest_of(files[PARTIAL]),
        at=Partial.model_validate_json(files[PARTIAL]).until,
    )
    return with_manifest({**files, EXPORTER: envelope.encode()})


def _own(contents: Contents) -> list[JournalEntry]:
    """Entries on the plan, and the completion of what it was admitted as."""
    plan, admitted = contents.plan, contents.admitted()
    return [
        entry
        for entry in contents.journal
        if entry.payload.get("plan") == plan.digest()
        or (
            admitted is not None
            and entry.kind == "completed"
            and entry.payload.get("admission_id") == admitted.payload["admission_id"]
        )
    ]


def _others(contents: Contents) -> dict[str, str]:
    """What is left out and is no fact of the plan, by name: the journal, and what its decisions looked at."""
    texts = contents.texts
    found = {path: digest_of(texts[path]) for path in (SNAPSHOT, JOURNAL, CHECKPOINT) if path in texts}
    for entry in contents.decisions():
        snapshot = Snapshot.model_validate_json(contents.object(str(entry.payload["snapshot"])))
        prefix = f"decisions/{entry.sequence}"
        found |= {f"{prefix}/{name}": digest for name, digest in snapshot.files.items() if name != SALT}
    return found

"""The bundle for one party: its own data, and salted digests in place of everything else.

The facts of others, the journal and what later decisions looked at are left out. Their salted digests let the zone
open one of them later, and let nobody guess what is in it; verification says what it cannot check without them.
A party gets it from the ledger itself; who may read all facts makes it from the zone's bundle.
"""

from collections.abc import Collection, Iterable, Mapping

from zonewright.audit.evidence.bundle import with_manifest
from zonewright.audit.evidence.contents import Contents, Partial, places_before, read_contents
from zonewright.audit.evidence.fetching import fetch
from zonewright.audit.evidence.gathering import plan_texts, recorded_plan, rollout_texts, signatures, whole_bundle
from zonewright.audit.evidence.layout import (
    AUTHOR,
    CHECKPOINT,
    EXPORTER,
    JOURNAL,
    PARTIAL,
    PLAN,
    ROLLOUTS,
    VERDICTS,
    changed_digests,
    object_path,
)
from zonewright.audit.evidence.planning import Material, bundle_files
from zonewright.audit.evidence.signing import signed_export, signer_of
from zonewright.changes.errors import BundleError
from zonewright.ledger.deciding.party_facts import SALT, SHOWN, SNAPSHOT, items_of, opened_facts
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.change_messages import Plan, PlanQuery, Snapshot
from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.protocol.evidence_messages import OwnEntry, PartyFacts
from zonewright.ledger.protocol.journal_messages import JournalEntry
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.seal.keys import SigningKey


def planned_bundle(ledger: LedgerClient, made: Material, plan: Plan, envelope: str | None) -> dict[str, bytes]:
    """The bundle of a change that is planned, for its party; the ledger is asked for the files that it replaces.

    Args:
        ledger: the ledger.
        made: what the plan was made from.
        plan: the plan.
        envelope: the author's signature, or None.
    """
    texts, shown = made.texts, made.snapshot.shown
    wanted = changed_digests(texts)
    objects = {digest: text for path, text in made.new.items() if (digest := made.digests[path]) in wanted}
    objects |= fetch(ledger, wanted - objects.keys()) | shown.texts
    files = bundle_files(plan, texts, objects, envelope)
    return _with_partial(files, plan, shown, until=plan.planned_at, entries=())


def bundle_of(ledger: LedgerClient, query: PlanQuery) -> dict[str, bytes]:
    """The bundle of a plan as the ledger has it now: the zone's for who may read all facts, else the party's.

    Raises:
        LedgerRefusedError: when there is no such plan.
    """
    record, plan = recorded_plan(ledger, query)
    if not record.is_partial:
        return whole_bundle(ledger, query)
    answer = ledger.call(verbs.EVIDENCE, PlanQuery(plan=plan.digest(), stack_id=plan.stack_id))
    if answer.shown is None:
        raise LedgerRefusedError("no-plan", f"the ledger has no plan {plan.digest()[7:19]} any more")
    texts = plan_texts(ledger, plan, but=frozenset({SNAPSHOT}))
    objects = fetch(ledger, changed_digests(texts), plan=plan.digest()) | answer.shown.texts
    files = bundle_files(plan, texts, objects, record.envelope)
    files |= signatures(record) | rollout_texts(ledger, answer.entries)
    return _with_partial(files, plan, answer.shown, until=answer.until, entries=answer.entries)


def _with_partial(
    files: Mapping[str, bytes], plan: Plan, shown: PartyFacts, *, until: str, entries: Iterable[OwnEntry]
) -> dict[str, bytes]:
    partial = Partial(
        party=plan.party,
        at=shown.at,
        until=until,
        opened=shown.opened,
        items=shown.items,
        before=shown.before,
        entries=list(entries),
    )
    return with_manifest({**files, PARTIAL: canonical_json(partial.model_dump()).encode()})


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
        opened=opened_facts(known, salt, shown),
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

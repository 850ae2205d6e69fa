"""From the ledger to bundles: what a plan is made from, and everything that the zone's bundle of a plan holds."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from zonewright.audit.evidence.bundle import with_manifest
from zonewright.audit.evidence.fetching import fetch
from zonewright.audit.evidence.layout import (
    CHECKPOINT,
    DEMAND,
    JOURNAL,
    PROPOSAL,
    VERDICTS,
    digests_behind,
    rollout_path,
)
from zonewright.audit.evidence.planning import Material, bundle_files
from zonewright.audit.evidence.pruned import late_sites, names_at, removals_at
from zonewright.audit.evidence.site_renames import own_renames
from zonewright.changes.storing import store_texts
from zonewright.changes.validated import Validated
from zonewright.declare.device_types import type_texts
from zonewright.declare.load import ZONE_FILE
from zonewright.declare.yaml_text.regular import read_regular
from zonewright.declare.yaml_text.text import MAX_BYTES
from zonewright.ledger.deciding.party_facts import SNAPSHOT
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import Proposal
from zonewright.ledger.protocol.change_messages import Plan, PlanQuery, PlanRecord, Snapshot
from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.protocol.evidence_messages import OwnEntry, SnapshotRequest
from zonewright.ledger.protocol.journal_messages import WITHHELD, CheckpointRequest, HistoryRequest, JournalEntry
from zonewright.ledger.protocol.messages import StackRequest
from zonewright.ledger.protocol.rollout_messages import ROLLED_OUT
from zonewright.ledger.store.steps import ADMITTED
from zonewright.ledger.transport.client import LedgerClient
from zonewright.ledger.verbs.pruning import KIND as REMOVAL
from zonewright.model.canonical import canonical_json
from zonewright.model.demand import Demand
from zonewright.model.format_file import TEMPLATES as FOLDER

_PAGE = 1000


def material(
    ledger: LedgerClient,
    *,
    stack_id: str,
    demand: Demand,
    proposal: Proposal,
    rendered: Mapping[str, str],
    inputs: Mapping[str, str],
    validated: Validated | None = None,
    keep: bool = True,
) -> Material:
    """Ask the ledger for what else a plan is made from: deployed files, and the facts as its party may read them.

    Args:
        ledger: the ledger.
        stack_id: whose change it is.
        demand: what the declaration wants.
        proposal: what the ledger offers for it.
        rendered: text of each rendered file by path.
        inputs: text of each declaration file by name.
        validated: what validators said of the rendered files; None where nothing was asked.
        keep: whether the ledger keeps the facts, so that a plan can name them.
    """
    deployed = ledger.call(verbs.DEPLOYED, StackRequest(stack_id=stack_id)).sites
    before = {path: digest for files in deployed.values() for path, digest in files.items()}
    request = SnapshotRequest(
        stack_id=stack_id,
        party=demand.party,
        demand_digest=proposal.demand_digest,
        seats=proposal.seats,
        addresses=proposal.addresses,
        keep=keep,
    )
    return Material(
        stack_id=stack_id,
        demand=demand,
        proposal=proposal,
        rendered=rendered,
        before=before,
        inputs=inputs,
        snapshot=ledger.call(verbs.SNAPSHOT, request),
        validated=validated or Validated(),
    )


def store(ledger: LedgerClient, made: Material) -> None:
    """Give the ledger what a plan names and it does not have yet, so that others can look at it.

    The files that are deployed are there: they were stored before they were admitted.
    """
    store_texts(ledger, [*made.texts.values(), *made.new.values()])


def inputs_of(declaration: Path, node_types: Collection[str]) -> dict[str, str]:
    """The texts that a stack's declaration was read from and the zone's own formats, by name.

    Args:
        declaration: the owner's file.
        node_types: ids of the zone's node types; of a device type's file only the fields that count are there.
    """
    folder = declaration.parent
    return _texts(folder, (declaration, folder / ZONE_FILE)) | type_texts(folder, node_types) | formats_of(folder)


def formats_of(zone: Path) -> dict[str, str]:
    """The texts of a zone's own formats and templates, by name below its folder.

    Args:
        zone: the zone's folder.
    """
    folders = sorted(one for one in (zone / FOLDER).glob("*") if not one.name.startswith((".", "_")))
    return _texts(zone, (path for folder in folders for path in sorted(folder.glob("[!.]*"))))


def _texts(folder: Path, paths: Iterable[Path]) -> dict[str, str]:
    found = {path.relative_to(folder).as_posix(): path for path in paths if path.is_file()}
    return {name: read_regular(path, MAX_BYTES).decode("utf-8") for name, path in found.items()}


def whole_bundle(ledger: LedgerClient, query: PlanQuery) -> dict[str, bytes]:
    """The bundle of a plan as the ledger has it now: with all facts and verdicts, and the journal from the plan on.

    Raises:
        LedgerRefusedError: when there is no such plan.
    """
    record, plan = recorded_plan(ledger, query)
    texts = plan_texts(ledger, plan)
    digest = plan.digest()
    head = ledger.call(verbs.CHECKPOINT, CheckpointRequest())
    entries = list(each_entry(ledger, head.sequence, after=max(record.sequence - 1, 0)))
    named = digests_behind(texts)
    later = {str(entry.payload.get("snapshot", "")) for entry in entries if _is_of(entry, digest)} - {""}
    index = fetch(ledger, later)
    named |= later | {digest for text in index.values() for digest in _named(text)}
    objects = fetch(ledger, named)
    files = bundle_files(plan, texts, objects, record.envelope)
    files |= signatures(record)
    files |= rollout_texts(ledger, [entry for entry in entries if _is_of(entry, digest)])
    own = own_renames(Demand.model_validate_json(texts[DEMAND]), json.loads(texts[PROPOSAL]).get("renamed", {}))
    needed = _needed(ledger, entries, digest, (texts[SNAPSHOT], *index.values()), objects, own=own)
    first = min(needed, default=head.sequence + 1)
    if entries and first < entries[0].sequence:
        entries = list(each_entry(ledger, head.sequence, after=first - 1))
    lines = [canonical_json(entry.model_dump()) for entry in entries if entry.sequence >= first]
    files[JOURNAL] = ("\n".join(lines) + "\n").encode()
    files[CHECKPOINT] = canonical_json(head.model_dump()).encode()
    return with_manifest(files)


def recorded_plan(ledger: LedgerClient, query: PlanQuery) -> tuple[PlanRecord, Plan]:
    """A plan with its signatures, as the ledger has it.

    Raises:
        LedgerRefusedError: when there is no such plan.
    """
    record = ledger.call(verbs.PLAN_OF, query)
    if record.plan is None:
        name = query.plan or f"stack {query.stack_id}"
        raise LedgerRefusedError("no-plan", f"the ledger has no plan of {name}; see: zonewright change list")
    return record, Plan.model_validate_json(record.plan)


def plan_texts(ledger: LedgerClient, plan: Plan, *, but: frozenset[str] = frozenset()) -> dict[str, str]:
    """Text of each file that a plan names, by path.

    Args:
        ledger: the ledger.
        plan: the plan.
        but: paths that are left out.
    """
    wanted = {path: digest for path, digest in plan.files.items() if path not in but}
    by_digest = fetch(ledger, set(wanted.values()), plan=plan.digest())
    return {path: by_digest[digest] for path, digest in wanted.items()}


def _named(text: str) -> set[str]:
    return set(Snapshot.model_validate_json(text).files.values())


def _needed(
    ledger: LedgerClient,
    entries: Iterable[JournalEntry],
    plan: str,
    snapshots: Iterable[str],
    objects: Mapping[str, str],
    *,
    own: Mapping[str, str],
) -> set[int]:
    """Numbers of the entries on a plan, and on removals of hours that one of its snapshots rests on."""
    read = [Snapshot.model_validate_json(text) for text in snapshots]
    first = min(one.at for one in read)
    removals = [one for one in each_entry(ledger, kinds=(REMOVAL,)) if late_sites(one, first)]
    # Since then the bundle may have the whole journal, so this is no more than it.
    since = removals[0].sequence if removals else None
    renames = [] if since is None else list(each_entry(ledger, after=since, kinds=(ADMITTED,)))
    found = {entry.sequence for entry in entries if _is_of(entry, plan)}
    for snapshot in read:
        facts = {name: objects[digest] for name, digest in snapshot.files.items()}
        names = names_at(renames, facts, snapshot.at, own)
        found |= {entry.sequence for _, _, entry in removals_at(removals, facts, snapshot.at, names)}
    return found


def signatures(record: PlanRecord) -> dict[str, bytes]:
    """The verdicts on a plan, in order, by path in its bundle."""
    return {
        f"{VERDICTS}/{number:03}.dsse.json": envelope.encode() for number, envelope in enumerate(record.verdicts, 1)
    }


def rollout_texts(ledger: LedgerClient, entries: Iterable[JournalEntry | OwnEntry]) -> dict[str, bytes]:
    """The records of roll-outs among some entries, by path in the bundle."""
    runs = [entry for entry in entries if entry.kind == ROLLED_OUT]
    texts = fetch(ledger, {str(entry.payload["record"]) for entry in runs})
    return {rollout_path(entry): texts[str(entry.payload["record"])].encode() for entry in runs}


def _is_of(entry: JournalEntry, plan: str) -> bool:
    return bool(entry.payload.get("plan") == plan)


def each_entry(
    ledger: LedgerClient, until: int | None = None, *, after: int = 0, kinds: Sequence[str] = ()
) -> Iterator[JournalEntry]:
    """All entries in order, or some of them: read page by page, as they are asked for.

    Args:
        ledger: the ledger.
        until: number of the last entry that is wanted; without kinds only.
        after: number of the entry before the first one.
        kinds: of the entries that are wanted; empty for all.
    """
    while until is None or after < until:
        limit = _PAGE if until is None else min(_PAGE, until - after)
        page = ledger.call(verbs.HISTORY, HistoryRequest(after=after, limit=limit, kinds=list(kinds))).entries
        yield from page
        if len(page) < limit:
            return
        after = page[-1].sequence


def whole_journal(ledger: LedgerClient) -> Iterator[JournalEntry]:
    """All entries in order, for what is right about the whole journal only.

    Raises:
        LedgerRefusedError: when the ledger withholds some of them.
    """
    for entry in each_entry(ledger):
        if entry.kind == WITHHELD:
            raise LedgerRefusedError(
                "withheld",
                f"the ledger withholds entry {entry.sequence} of its journal, which is about another party: expected "
                "the role auditor; ask the zone's administrator to run: zonewright access grant --role auditor",
            )
        yield entry

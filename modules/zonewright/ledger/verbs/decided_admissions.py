"""An admission before it is written: a change is looked at, and decided in the transaction that will write it."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection

from zonewright.ledger.deciding.authority import OWN_EMERGENCIES, Authority, authorise
from zonewright.ledger.deciding.facts import have_moved
from zonewright.ledger.deciding.gated_files import gated_findings
from zonewright.ledger.deciding.plans import present
from zonewright.ledger.deciding.readable import foreign
from zonewright.ledger.deciding.review import PROPOSED, Review, review_change
from zonewright.ledger.deciding.site_claims import ALL_VERSIONS, REVISIONS, SITES, VERSIONS
from zonewright.ledger.deciding.snapshot import readings_of, take
from zonewright.ledger.deciding.zone_facts import CONNECTED, zone_base
from zonewright.ledger.deciding.zone_parts import NUMBERS
from zonewright.ledger.protocol.admission_messages import AdmitRequest
from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.store.asking import AskedQuestion, asking_once
from zonewright.ledger.store.brought import asked_brought, of_party
from zonewright.ledger.store.clock import stamp
from zonewright.ledger.store.context import Context, require_enrolment, require_zone
from zonewright.ledger.store.documents import zone_in_force
from zonewright.ledger.store.held import all_held, end_lasting
from zonewright.ledger.store.journal import LAST_ENTRY
from zonewright.ledger.store.prepared import ENROLLED, PRESENT_ADMISSION
from zonewright.ledger.store.scopes import Touch, touching
from zonewright.ledger.store.texts import FEW, asked_lacking, hold, lacking, manifest_of
from zonewright.ledger.verbs.admitted_rows import WantedRows
from zonewright.ledger.verbs.pruning import tell_removals
from zonewright.ledger.verbs.renaming import ends_a_use, pending, rename_assets, require_followed, require_unread
from zonewright.model.asset import former_assets
from zonewright.model.canonical import digest_of
from zonewright.model.demand import Demand
from zonewright.model.former_names import FormerNames
from zonewright.rules.finding import Finding, worst_first

_SMALL = 32
"""Most nodes of a change that is looked at only once."""


def is_small(context: Context, said: Demand) -> bool:
    """Whether to look at a change takes so little that others may wait meanwhile."""
    nodes = sum(part.cluster.count for part in said.clusters.values())
    return not said.assets and nodes <= _SMALL and (context.telemetry is None or not context.telemetry.is_there())


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedAt:
    """A change as it was looked at, with what its figures rest on, and the rows that it would write."""

    review: Review
    readings: Mapping[str, str]
    rows: WantedRows


def looked_at(context: Context, request: AdmitRequest, said: Demand) -> tuple[LookedAt | None, Touch | None]:
    """Look at a change before others wait for it, unless it renames assets; gives what its transaction touches, too."""
    with context.database.reading() as connection:
        _require_enrolled(context, connection, request)
        found = None
        if not former_assets(said.assets) or not pending(connection, request.stack_id, said).steps:
            review = review_change(connection, request, context.now(connection), context.telemetry, demand=said)
            readings = readings_of(review, context.telemetry, tell=partial(tell_removals, context))
            found = review, readings
        touch = _touch(connection, request, said, None if found is None else found[0])
    if found is None:
        return None, touch
    review, readings = found
    return LookedAt(review=review, readings=readings, rows=WantedRows.of(request, review.demand)), touch


def _touch(connection: Connection, request: AdmitRequest, said: Demand, review: Review | None) -> Touch | None:
    """What the transaction touches; None where it must be alone, as one that may end the use of a former name."""
    former = review.facts.base.former if review is not None and review.facts.base is not None else FormerNames()
    if former.now and ends_a_use(connection, request.stack_id, former, said):
        return None
    return touching(request.stack_id, request.party, review.demand if review else said)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedAdmission:
    """A decision before anything of it is written, apart from names of assets.

    Attributes:
        review: the change.
        rows: what it writes.
        authority: who may carry it out.
        against: findings that refuse it.
        texts: what was looked at, by digest.
        named: digests of its demand and its files.
        replaces: whether the stack has an admission.
        rests_on: what its entry names of all that.
        renames: names of assets that are others now.
        former: names that were in use.
        now: the moment.
    """

    review: Review
    rows: WantedRows
    authority: Authority
    against: tuple[Finding, ...]
    texts: Mapping[str, str]
    named: frozenset[str]
    replaces: bool
    rests_on: Mapping[str, Any]
    renames: Mapping[str, str]
    former: FormerNames
    now: str


def decided(
    context: Context, connection: Connection, request: AdmitRequest, said: Demand, before: LookedAt | None
) -> DecidedAdmission:
    """Decide, in the transaction that writes; a refused change's names of assets are put back."""
    files = _files_named(connection, request)
    hold(connection, files | {request.demand_digest})
    renames = pending(connection, request.stack_id, said).steps if former_assets(said.assets) else {}
    if not renames:
        with asking_once(connection, *(_asked(context, request, said, files) if before is None else ())):
            return _judged(context, connection, request, said, before, renames={})
    now = context.now(connection)
    require_unread(context, connection, renames)
    end_lasting(connection, all_held(connection, but=request.stack_id, sites=()), now)
    savepoint = connection.begin_nested()
    rename_assets(connection, renames)
    made = _judged(context, connection, request, said, before, renames=renames)
    if made.against:
        savepoint.rollback()
    return made


def _asked(context: Context, request: AdmitRequest, said: Demand, files: Collection[str]) -> Iterator[AskedQuestion]:
    """What is asked about a change for sure, as long as it is no large one."""
    own = {"stack": request.stack_id}
    sites = {"sites": sorted({part.cluster.site for part in said.clusters.values()})}
    yield AskedQuestion(LAST_ENTRY)
    if len(files) < FEW:
        yield asked_lacking({*files, request.demand_digest})
        if not context.caller.sees_all:
            yield asked_brought(files, of_party(context.caller.party))
    for question in (ENROLLED, SITES, PROPOSED, PRESENT_ADMISSION, OWN_EMERGENCIES):
        yield AskedQuestion(question, own)
    for question in (VERSIONS, REVISIONS):
        yield AskedQuestion(question, sites)
    for question in (ALL_VERSIONS, NUMBERS, CONNECTED):
        yield AskedQuestion(question)


def _judged(
    context: Context,
    connection: Connection,
    request: AdmitRequest,
    said: Demand,
    before: LookedAt | None,
    *,
    renames: Mapping[str, str],
) -> DecidedAdmission:
    is_whole = _require_enrolled(context, connection, request, holds=True)
    moment = context.moment(connection)
    now = stamp(moment)  # earlier than the review's where the clock was set back meanwhile
    review = None if before is None else before.review
    wanted = require_zone(connection, said, party=request.party, on=(review.at if review else now)[:10])
    require_followed(connection, (seat.rack for seat in request.seats.values()))
    if (
        before is None
        or review is None
        or renames
        or review.demand != wanted
        or now < review.at
        or have_moved(connection, review.facts, stack_id=request.stack_id, demand=review.demand)
        or not is_whole
    ):
        # A demand that was removed meanwhile is asked for, and so is refused.
        demand = said if is_whole else None
        review = review_change(connection, request, now, context.telemetry, demand=demand)
        readings: Mapping[str, str] = readings_of(review, context.telemetry)
        rows, base = None, review.facts.base
    else:
        # The sites' own rules were run before; sums over the zone are read again, because a change at any other site
        # moves them.
        readings, rows = before.readings, before.rows
        base = zone_base(connection, request.stack_id, now=review.at)
    zone = base.zone if base is not None else None
    findings = review.findings(base)
    authority = authorise(connection, zone, review, findings, rendered_digest=request.rendered_digest, now=moment)
    snapshot, texts = take(connection, review, findings, readings=readings)
    gated = gated_findings(
        connection, context.caller, zone, rendered_digest=request.rendered_digest, party=request.party, now=now
    )
    return DecidedAdmission(
        review=review,
        rows=rows or WantedRows.of(request, review.demand),
        authority=authority,
        against=worst_first(finding for finding in (*authority.findings, *gated) if finding.refuses),
        texts=texts,
        named=frozenset({request.demand_digest, *_files_named(connection, request)}),
        replaces=present(connection, request.stack_id) is not None,
        rests_on={
            "snapshot": digest_of(snapshot.text()),
            "plan": authority.plan,
            "risk": authority.risk,
            "zone_digest": zone_in_force(connection),
        },
        renames=renames,
        former=base.former if base is not None else FormerNames(),
        now=now,
    )


def _files_named(connection: Connection, request: AdmitRequest) -> set[str]:
    """Digests of the files of a change, and of their manifest."""
    return {request.rendered_digest, *manifest_of(connection, request.rendered_digest).files.values()}


def _require_enrolled(context: Context, connection: Connection, request: AdmitRequest, *, holds: bool = False) -> bool:
    """Let a stack pass that is enrolled, and whose files are there; gives whether its demand is.

    Each file is looked for with ``holds``: then nobody removes them any more before the transaction ends.
    """
    manifest, named = manifest_of(connection, request.rendered_digest), _files_named(connection, request)
    asked = named | {request.demand_digest} if holds else {request.rendered_digest}  # twice for all is too dear
    missing = set(lacking(connection, asked))
    if foreign(connection, context.caller, named, now=context.shown_at(connection)) or missing & named:
        raise LedgerRefusedError(
            "not-rendered", "the rendered files of this change are not in the ledger; run pulumi up without --target"
        )
    if not manifest.is_whole:
        raise LedgerRefusedError(
            "not-rendered",
            "the rendered files of this change are no manifest: expected a JSON object with the digest of each path",
        )
    require_enrolment(connection, stack_id=request.stack_id, party=request.party, lineage=request.lineage, bound=True)
    return not missing

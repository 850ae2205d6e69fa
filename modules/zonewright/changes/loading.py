"""A declaration's owner brought into the ledger without an engine: what a stack's program and provider do, at once.

For demonstrations and tests, where the other parties of a zone must stand somewhere. Safe to run again, also after a
change of the declaration or a run that was broken off. What was loaded can be unloaded, or taken over by a real stack.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from zonewright.changes.ahead import Ahead
from zonewright.changes.bringing import bring_files
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import AdmitRequest, CompleteRequest, ProposeRequest, SettleRequest
from zonewright.ledger.protocol.content_messages import DeployRequest, SiteFilesRequest
from zonewright.ledger.protocol.holding_messages import HoldingKind, ReleaseRequest
from zonewright.ledger.protocol.journal_messages import SeenRequest
from zonewright.ledger.protocol.messages import StackRequest
from zonewright.ledger.protocol.stack_messages import (
    LOADED,
    EnrolRequest,
    LeaveRequest,
    ReportRequest,
    StackReport,
    stack_id_of,
)
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Declaration, OwnerFile
from zonewright.model.demand import demand_of
from zonewright.place import placing_order
from zonewright.render.formats.format_set import BUILT_IN, FormatSet
from zonewright.rules.finding import Finding

ORDER: tuple[HoldingKind, ...] = ("site", "row", "duct", "link", "node")
"""Sites before their rows, ducts before links, nodes last; what leaves goes in the other order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedOwner:
    """What a load left.

    Attributes:
        report: what the ledger says of the owner's loaded stack, without what that holds.
        counts: how much it holds, by kind.
        findings: what the owner should know: advisory ones, and those that a waiver covers.
    """

    report: StackReport
    counts: Counter[HoldingKind]
    findings: tuple[Finding, ...]


def loading_order(owners: Mapping[str, OwnerFile], only: Collection[str]) -> list[str]:
    """Owners in an order in which each finds what it needs: sites before links, links before nodes.

    Args:
        owners: files by party id.
        only: those that are wanted; empty for all.
    """
    wanted = [owner for owner in placing_order(owners) if owner in only or not only]
    return sorted(wanted, key=lambda owner: (not owners[owner].sites, not owners[owner].links))


def load_owner(
    ledger: LedgerClient,
    declaration: Declaration,
    owner: str,
    formats: FormatSet = BUILT_IN,
    *,
    root: Path | None = None,
    ahead: Ahead | None = None,
) -> LoadedOwner:
    """Propose, admit and complete everything that one owner declares; its admission confirms all that it holds.

    Args:
        ledger: where the zone is registered.
        declaration: a checked declaration.
        owner: party id, a key of ``declaration.owners``.
        formats: the zone's formats.
        root: folder whose ``.zonewright`` has signed verdicts on files of gated formats; None where there is none.
        ahead: who may have rendered the owner's files already.

    Raises:
        LedgerRefusedError: with the findings; nothing of this change was claimed.
        LedgerUnavailableError: when the ledger could not be asked.
    """
    stack_id, demand = stack_id_of(owner), demand_of(declaration, owner)
    mine = ReportRequest(stack_id=stack_id, holdings=False, lineage=LOADED)
    is_new = ledger.call(verbs.REPORT, mine).party is None
    ledger.call(verbs.ENROL, EnrolRequest(stack_id=stack_id, party=owner, lineage=LOADED, label="ledger load"))
    before = ledger.call(verbs.REPORT, mine).admission_id
    sources = declaration.sources_of(owner)
    proposal = ledger.call(
        verbs.PROPOSE,
        ProposeRequest(stack_id=stack_id, party=owner, demand=demand, sources=sources, reserve=True),
    )
    if ahead is not None and not demand.assets:
        ahead.begin_after(owner)
    files = ahead.files(owner, proposal) if ahead is not None else None
    files = files or bring_files(ledger, demand, proposal, formats, declaration.zone, root)
    admission = ledger.call(
        verbs.ADMIT,
        AdmitRequest(
            stack_id=stack_id,
            party=owner,
            lineage=LOADED,
            demand_digest=proposal.demand_digest,
            seats=proposal.seats,
            addresses=proposal.addresses,
            rendered_digest=files.manifest,
        ),
    )
    if ahead is not None and demand.assets:  # who comes next may stand on them
        ahead.begin_after(owner)
    counts: Counter[HoldingKind] = Counter(item.kind for item in demand.assets.values())
    counts["node"] = len(proposal.seats)
    if not is_new:  # something may leave
        counts = _let_go(ledger, stack_id)
    for site, digest in files.parts.items():
        ledger.call(verbs.DEPLOY, DeployRequest(stack_id=stack_id, site=site, files_digest=digest))
    done = CompleteRequest(stack_id=stack_id, change_digest=admission.change_digest, free=False)
    ledger.call(verbs.COMPLETE, done)
    if before is not None and before != admission.admission_id:
        ledger.call(verbs.SETTLE, SettleRequest(stack_id=stack_id, admission_id=before))
    return LoadedOwner(report=ledger.call(verbs.REPORT, mine), counts=counts, findings=tuple(proposal.findings))


def unload_owner(ledger: LedgerClient, owner: str) -> Counter[HoldingKind]:
    """Take out of the ledger what a load of one owner brought in. Safe to run again, also after one that was killed.

    Args:
        ledger: where it was loaded.
        owner: party id.

    Returns:
        How many of each kind are gone; nothing where nothing was loaded.

    Raises:
        LedgerRefusedError: when others stand on it, or a state has taken it over; nothing was taken out.
        LedgerUnavailableError: when the ledger could not be asked.
    """
    stack_id = stack_id_of(owner)
    report = _held(ledger, stack_id)
    if report.party is None:
        return Counter()
    ledger.call(verbs.GUARD_DESTROY, SeenRequest(stack_id=stack_id, lineage=LOADED))
    for site in ledger.call(verbs.DEPLOYED, StackRequest(stack_id=stack_id)).sites:
        ledger.call(verbs.WITHDRAW, SiteFilesRequest(stack_id=stack_id, site=site, lineage=LOADED))
    if report.admission_id is not None:
        settle = SettleRequest(stack_id=stack_id, admission_id=report.admission_id, lineage=LOADED)
        ledger.call(verbs.SETTLE, settle)
    ledger.call(verbs.LEAVE, LeaveRequest(stack_id=stack_id, lineage=LOADED))
    return Counter(item.kind for item in report.holdings)


def unloading_order(ledger: LedgerClient, owners: Iterable[str]) -> list[str]:
    """Owners in an order in which nobody stands on what goes: nodes before links, and both before sites.

    Args:
        ledger: where they were loaded.
        owners: party ids.
    """

    def stands_deep(owner: str) -> tuple[bool, bool, str]:
        request = ReportRequest(stack_id=stack_id_of(owner), data=False)
        kinds = {item.kind for item in ledger.call(verbs.REPORT, request).holdings}
        return "site" in kinds, "link" in kinds, owner

    return sorted(owners, key=stands_deep)


def _held(ledger: LedgerClient, stack_id: str) -> StackReport:
    """What the loaded stack holds, each without its data: nothing here looks at them."""
    return ledger.call(verbs.REPORT, ReportRequest(stack_id=stack_id, data=False, lineage=LOADED))


def _let_go(ledger: LedgerClient, stack_id: str) -> Counter[HoldingKind]:
    """Free what leaves, rows before their site; gives how many of each kind are left."""
    held = _held(ledger, stack_id).holdings
    leaving = [item for item in held if item.state == "releasing"]
    for item in sorted(leaving, key=lambda item: ORDER.index(item.kind), reverse=True):
        freed = ReleaseRequest(stack_id=stack_id, kind=item.kind, name=item.name, generation=item.generation)
        ledger.call(verbs.RELEASE, freed)
    return Counter(item.kind for item in (_held(ledger, stack_id).holdings if leaving else held))

"""A declaration's owner brought into the ledger without an engine: what a stack's program and provider do, at once.

For demonstrations and tests, where the other parties of a zone must stand somewhere. Safe to run again, also after a
change of the declaration or a run that was broken off.
"""

from zonewright.changes.rendering import files_by_site, rendered_files
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.messages import (
    AdmitRequest,
    CompleteRequest,
    Confirmation,
    ConfirmManyRequest,
    ContentRequest,
    DeployRequest,
    EnrolRequest,
    ProposeRequest,
    ReleaseRequest,
    ReportRequest,
    SettleRequest,
    StackReport,
)
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Declaration
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.demand import demand_of
from zonewright.model.limits import CONFIRMS
from zonewright.render.formats.format_set import BUILT_IN, FormatSet

LINEAGE = "loaded"
BATCH = CONFIRMS.most
"""Claims that are confirmed in one transaction; a load that is killed between two goes on when it is run again."""
_ORDER = ("site", "row", "duct", "link", "node")


def stack_id_of(owner: str) -> str:
    """Id of the stack under which an owner is loaded; an engine's stack of the same owner has another."""
    return f"loaded-{owner}"


def load_owner(
    ledger: LedgerClient, declaration: Declaration, owner: str, formats: FormatSet = BUILT_IN
) -> StackReport:
    """Propose, admit, confirm and complete everything that one owner declares.

    Args:
        ledger: where the zone is registered.
        declaration: a checked declaration.
        owner: party id, a key of ``declaration.owners``.
        formats: the zone's formats.

    Returns:
        What the ledger then holds for the owner's loaded stack; without the data of each claim and asset.

    Raises:
        LedgerRefusedError: with the findings; nothing of this change was claimed.
        LedgerUnavailableError: when the ledger could not be asked.
    """
    stack_id, demand = stack_id_of(owner), demand_of(declaration, owner)
    ledger.call(verbs.ENROL, EnrolRequest(stack_id=stack_id, party=owner, lineage=LINEAGE, label="ledger load"))
    before = ledger.call(verbs.REPORT, ReportRequest(stack_id=stack_id, holdings=False)).admission_id
    sources = declaration.sources_of(owner)
    proposal = ledger.call(
        verbs.PROPOSE,
        ProposeRequest(stack_id=stack_id, party=owner, demand=demand, sources=sources, reserve=True),
    )
    files = rendered_files(demand, proposal, formats)
    manifest = {path: digest_of(text) for path, text in files.items()}
    ledger.call(verbs.STORE, ContentRequest(texts=[canonical_json(manifest), *files.values()]))
    admission = ledger.call(
        verbs.ADMIT,
        AdmitRequest(
            stack_id=stack_id,
            party=owner,
            lineage=LINEAGE,
            demand_digest=proposal.demand_digest,
            seats=proposal.seats,
            addresses=proposal.addresses,
            rendered_digest=digest_of(canonical_json(manifest)),
        ),
    )
    _carry_out(ledger, stack_id)
    for site, of_site in files_by_site(demand, manifest).items():
        ledger.call(verbs.DEPLOY, DeployRequest(stack_id=stack_id, site=site, files=of_site))
    ledger.call(verbs.COMPLETE, CompleteRequest(stack_id=stack_id, change_digest=admission.change_digest))
    if before is not None and before != admission.admission_id:
        ledger.call(verbs.SETTLE, SettleRequest(stack_id=stack_id, admission_id=before))
    return _held(ledger, stack_id)


def _held(ledger: LedgerClient, stack_id: str) -> StackReport:
    """What the stack holds, each without its data: nothing here looks at them."""
    return ledger.call(verbs.REPORT, ReportRequest(stack_id=stack_id, data=False))


def _carry_out(ledger: LedgerClient, stack_id: str) -> None:
    """Sites before their rows, ducts before links, nodes last; what leaves goes last, rows before their site."""
    held = sorted(_held(ledger, stack_id).holdings, key=lambda item: _ORDER.index(item.kind))
    generations: dict[tuple[str, str], int] = {}
    for item in held:
        key = (item.kind, item.name)
        generations[key] = max(item.generation, generations.get(key, 0))
    wanted = [
        Confirmation(kind=item.kind, name=item.name, generation=generations[item.kind, item.name])
        for item in held
        if item.state == "admitted"
    ]
    for start in range(0, len(wanted), BATCH):
        batch = ConfirmManyRequest(stack_id=stack_id, confirms=wanted[start : start + BATCH])
        ledger.call(verbs.CONFIRM_MANY, batch)
    for item in reversed(held):
        if item.state == "releasing":
            ledger.call(
                verbs.RELEASE,
                ReleaseRequest(stack_id=stack_id, kind=item.kind, name=item.name, generation=item.generation),
            )

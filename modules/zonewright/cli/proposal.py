"""What ``check``, ``diff``, ``render`` and ``change plan`` share: a stack's file, and a read-only proposal for it."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zonewright.declare.load import Loaded
    from zonewright.declare.stack_file import StackFile
    from zonewright.ledger.protocol.admission_messages import Proposal
    from zonewright.ledger.transport.client import LedgerClient
    from zonewright.render.formats.format_set import FormatSet
    from zonewright.rules.finding import Finding


def load_and_propose(
    root: Path, stack: "StackFile", ledger: "LedgerClient", *, repair: bool = False
) -> "tuple[Loaded, Proposal | None]":
    """Load the stack's own file and ask the ledger; no proposal where the file has faults."""
    from zonewright.declare.load import load_stack
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.admission_messages import ProposeRequest
    from zonewright.model.demand import demand_of

    loaded = load_stack(root / stack.declaration)
    if loaded.declaration is None or loaded.problems:
        return loaded, None
    owner = next(iter(loaded.declaration.owners))
    request = ProposeRequest(
        stack_id=stack.stack_id,
        party=owner,
        demand=demand_of(loaded.declaration, owner),
        sources=loaded.declaration.sources_of(owner),
        repair=repair,
    )
    return loaded, ledger.call(verbs.PROPOSE, request)


def load_with_formats(
    root: Path, stack: "StackFile", ledger: "LedgerClient", *, repair: bool = False
) -> "tuple[Loaded, Proposal | None, FormatSet]":
    """The same with the zone's formats, whose faults are told with those of the file; the ledger is then not asked."""
    from zonewright.declare.load import load_stack
    from zonewright.render.user_formats import load_formats

    formats, problems = load_formats((root / stack.declaration).parent)
    if problems:
        loaded = load_stack(root / stack.declaration)
        return replace(loaded, problems=(*loaded.problems, *problems)), None, formats
    return *load_and_propose(root, stack, ledger, repair=repair), formats


def file_findings(loaded: "Loaded", proposal: "Proposal", formats: "FormatSet", root: Path) -> "Sequence[Finding]":
    """What stands against the files of a proposal: one that cannot be rendered, or has no pass that the zone wants."""
    from zonewright.changes.gating import judge_gated
    from zonewright.changes.rendering import rendered_files
    from zonewright.model.demand import demand_of
    from zonewright.render.errors import RenderError
    from zonewright.render.validators.gate import unrendered

    declaration = loaded.declaration
    if declaration is None:
        return ()
    demand = demand_of(declaration, next(iter(declaration.owners)))
    try:
        files = rendered_files(demand, proposal, formats)
    except RenderError as error:
        return (unrendered(error),)
    return judge_gated(files, formats, declaration.zone, root)


def note_refusal(proposal: "Proposal", stack: str) -> None:
    """Say on standard error when the change would be refused as it is declared."""
    if any(item.refuses for item in proposal.findings):
        print(f"note: as declared, the change is refused; see: zonewright check --stack {stack}", file=sys.stderr)

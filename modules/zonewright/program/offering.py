"""From a declaration to what is to be registered: demand, proposal, rendered files, as plain values.

Nothing is registered here. A preview leaves the change as a bundle in its folder.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pulumi

from zonewright.audit.evidence import gathering
from zonewright.audit.evidence.bundle import changes_folder, write_folder
from zonewright.audit.evidence.party import planned_bundle
from zonewright.audit.evidence.scanning import scanned_plan
from zonewright.changes.gating import judge_gated, passed_of, recorded
from zonewright.changes.rendering import files_by_site, rendered_files
from zonewright.changes.sizes import FormatSize, sizes_by_format
from zonewright.changes.storing import store_texts
from zonewright.changes.validated import Validated
from zonewright.declare.checks.references import check
from zonewright.declare.load import load_stack
from zonewright.declare.problem import Problem
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import Proposal, ProposeRequest
from zonewright.ledger.transport.client import LedgerClient, token_for
from zonewright.model import Declaration
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.demand import Demand, demand_of
from zonewright.model.former_names import FormerNames
from zonewright.model.secret_scan import suspicions
from zonewright.program.agents import DeclaredAgents, read_agents
from zonewright.program.configurations import DeclaredConfigurations, read_configurations
from zonewright.program.settings import Settings
from zonewright.render.formats.format_set import FormatSet
from zonewright.render.user_formats import load_formats
from zonewright.rules.alike import alike

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFiles:
    """The files of a stack at one site.

    Attributes:
        digests: content digest by path.
        sizes: number of files and bytes by format.
        news: in a preview, how many files are new, changed and gone; empty where that is not known, or nothing is.
    """

    digests: Mapping[str, str]
    sizes: Mapping[str, FormatSize]
    news: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedChange:
    """All that is to be registered for one stack.

    Attributes:
        demand: what the stack wants.
        proposal: what the ledger offers for it.
        manifest: content digest by path, of all files.
        files: the files of each site.
        agents: agents that the stack brings to hosts, where it does.
        configurations: configurations that it brings to hosts, where it does.
    """

    demand: Demand
    proposal: Proposal
    manifest: Mapping[str, str]
    files: Mapping[str, SiteFiles]
    agents: DeclaredAgents | None
    configurations: DeclaredConfigurations | None


def offered(options: Settings, declaration: Declaration | None) -> OfferedChange:
    """Ask the ledger for places and addresses, once, and render the files.

    Args:
        options: the stack's settings.
        declaration: one that was built in Python; None reads the file that the settings name.

    Raises:
        pulumi.RunError: with all that is wrong with the declaration.
        ZonewrightError: what the ledger, a template or a fleet's file says.
    """
    is_from_file = declaration is None
    declaration = _read(options) if declaration is None else _checked(declaration)
    formats = _formats(options)
    owner = next(iter(declaration.owners))
    demand = demand_of(declaration, owner)
    if suspicions({"": demand.canonical()}):  # one that was built in Python; a file was looked at while it was read
        raise pulumi.RunError(
            "the declaration holds a value that looks like a secret, so the ledger was not asked. Write a "
            "reference in a field that accepts one; see docs/how-to/keep-secrets-out.md"
        )
    before: Mapping[str, str] | None = None
    with LedgerClient(options.ledger, root=options.root, token=token_for(options.ledger)) as ledger:
        proposal = ledger.call(
            verbs.PROPOSE,
            ProposeRequest(
                stack_id=options.stack_id,
                party=owner,
                demand=demand,
                sources=declaration.sources_of(owner),
                reserve=not pulumi.runtime.is_dry_run(),
            ),
        )
        said, demand = demand, FormerNames(proposal.former).demand(demand)
        files, passed = _rendered(options, declaration, demand, proposal, formats)
        manifest = {path: digest_of(text) for path, text in files.items()}
        if passed:
            store_texts(ledger, [passed])
        if pulumi.runtime.is_dry_run():
            validated = recorded(files, formats, declaration.zone, options.root)
            inputs = _inputs(options, declaration.zone.node_types if is_from_file else None)
            before = _write_bundle(ledger, options, said, proposal, files, inputs, validated)
        else:
            store_texts(ledger, [canonical_json(manifest), *files.values()])
    _write_findings(options, proposal)
    racks = {name: seat.rack for name, seat in proposal.seats.items()}
    by_site = files_by_site(demand, manifest)
    old = files_by_site(demand, before) if before is not None else None
    return OfferedChange(
        demand=demand,
        proposal=proposal,
        manifest=manifest,
        files={
            site: SiteFiles(
                digests=digests,
                sizes=sizes_by_format({path: files[path] for path in digests}, formats),
                news=_news(digests, old[site]) if old is not None else "",
            )
            for site, digests in by_site.items()
        },
        agents=read_agents(options, by_site.keys(), racks),
        configurations=read_configurations(options, by_site.keys(), racks),
    )


def _news(files: Mapping[str, str], before: Mapping[str, str]) -> str:
    kept = before.keys() & files.keys()
    changed = sum(before[path] != files[path] for path in kept)
    added, removed = len(files) - len(kept), len(before) - len(kept)
    return f"{added:,} new, {changed:,} changed, {removed:,} gone" if added or changed or removed else ""


def _formats(options: Settings) -> FormatSet:
    formats, problems = load_formats((options.root / options.declaration).parent)
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise pulumi.RunError(f"faults in the zone's own formats; nothing was rendered:\n{lines}")
    return formats


def _inputs(options: Settings, node_types: Collection[str] | None) -> dict[str, str]:
    """The texts that a bundle keeps; of a declaration that was built in Python only the zone's own formats."""
    path = options.root / options.declaration
    return gathering.formats_of(path.parent) if node_types is None else gathering.inputs_of(path, node_types)


def _rendered(
    options: Settings, declaration: Declaration, demand: Demand, proposal: Proposal, formats: FormatSet
) -> tuple[Mapping[str, str], str]:
    """Every file, and what tells the ledger that those of gated formats passed; empty where none are, or one did not.

    In an ``up`` that is an error. A preview says what stands against it, and then the ledger refuses the change.
    """
    files = rendered_files(demand, proposal, formats)
    findings = alike(judge_gated(files, formats, declaration.zone, options.root))
    if findings:
        shown = "\n".join(f"  [{one.rule}] {one.message}; {one.fix}" for one in findings[:_SHOWN])
        more = f"\n  and {len(findings) - _SHOWN} more" if len(findings) > _SHOWN else ""
        count = f"{len(findings)} finding{'s' if len(findings) != 1 else ''} on gated formats"
        if not pulumi.runtime.is_dry_run():
            raise pulumi.RunError(f"{count}; nothing was admitted:\n{shown}{more}")
        pulumi.log.warn(f"{count}; 'up' would refuse this:\n{shown}{more}")
    return files, "" if findings else passed_of(files, declaration.zone)


def _read(options: Settings) -> Declaration:
    loaded = load_stack(options.root / options.declaration)
    require(loaded.problems)
    if loaded.declaration is None:
        raise pulumi.RunError(f"{options.declaration} holds no declaration")
    return loaded.declaration


def _checked(declaration: Declaration) -> Declaration:
    """A declaration that was built in Python, when all that it names is there."""
    if len(declaration.owners) != 1:
        got = ", ".join(sorted(declaration.owners)) or "none"
        raise pulumi.RunError(f"deploy: expected a declaration of one owner, got {got}; call it for the stack's party")
    require(check(declaration, whole=False))
    return declaration


def require(problems: Sequence[Problem]) -> None:
    """End the run with all that is wrong with a declaration.

    Raises:
        pulumi.RunError: where there is anything.
    """
    if problems:
        count = f"{len(problems)} fault{'s' if len(problems) != 1 else ''} in the declaration; the ledger was not asked"
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise pulumi.RunError(f"{count}:\n{lines}")


def _write_bundle(  # noqa: PLR0917 - private
    ledger: LedgerClient,
    options: Settings,
    demand: Demand,
    proposal: Proposal,
    files: Mapping[str, str],
    inputs: Mapping[str, str],
    validated: Validated,
) -> Mapping[str, str]:
    """The change as a bundle in its folder, unsigned; ``zonewright change plan`` signs and registers one.

    Returns:
        Content digest by path of the files that are deployed now.
    """
    made = gathering.material(
        ledger,
        stack_id=options.stack_id,
        demand=demand,
        proposal=proposal,
        rendered=files,
        inputs=inputs,
        validated=validated,
        keep=False,
    )
    plan = made.plan(reason="", emergency=False, planned_at=datetime.now(UTC).isoformat())
    found = scanned_plan(plan, made.inputs, made.new)
    if found:
        pulumi.log.warn(
            "no bundle was written, because the change seems to hold secrets: " + "; ".join(map(str, found))
        )
        return made.before
    bundle = planned_bundle(ledger, made, plan, envelope=None)
    write_folder(changes_folder(options.root, pulumi.get_stack()) / "preview", bundle)
    return made.before


def _write_findings(options: Settings, proposal: Proposal) -> None:
    """All findings as JSON in the change's folder; the engine's display shows the worst five."""
    folder = changes_folder(options.root, pulumi.get_stack())
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "version": 1,
        "demand_digest": proposal.demand_digest,
        "findings": [item.to_data() for item in proposal.findings],
    }
    _replace(folder / "findings.json", json.dumps(document, indent=2, sort_keys=True) + "\n")


def _replace(path: Path, text: str) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)

"""``deploy()``: from a declaration to registered resources, through one proposal of the ledger.

Proposal, rendering and digests come first, as plain values; only then resources are registered, so that a preview
shows everything and a plan binds everything.
"""

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pulumi

from zonewright.audit.evidence import gathering
from zonewright.audit.evidence.bundle import changes_folder, write_folder
from zonewright.audit.evidence.party import planned_bundle
from zonewright.audit.evidence.scanning import scanned_plan
from zonewright.changes.gating import judge_gated, recorded
from zonewright.changes.rendering import files_by_site, rendered_files
from zonewright.changes.validated import Validated
from zonewright.declare import Problem, check, load_stack
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import Proposal, ProposeRequest
from zonewright.ledger.protocol.change import change_digest, place_text
from zonewright.ledger.protocol.content_messages import ContentRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Declaration
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.demand import Demand, demand_of
from zonewright.model.expand import nodes_of
from zonewright.model.secret_scan import suspicions
from zonewright.program.agents import DeclaredAgents, read_agents
from zonewright.program.components import FacilitySite, TenantCluster, network
from zonewright.program.configurations import DeclaredConfigurations, read_configurations
from zonewright.program.ending import ending_the_run
from zonewright.program.resources import (
    Admission,
    AgentDeployment,
    Completion,
    ConfigurationDeployment,
    Enrolment,
    Provider,
    SiteConfig,
)
from zonewright.program.settings import Settings, settings
from zonewright.program.source import StackFrames, stack_traces, user_frame
from zonewright.render.formats.format_set import FormatSet
from zonewright.render.user_formats import load_formats
from zonewright.rules.alike import alike

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class OnHosts:
    """What a stack brings to hosts, where it does."""

    agents: DeclaredAgents | None
    configurations: DeclaredConfigurations | None


TOKEN_VARIABLE = "ZONEWRIGHT_LEDGER_TOKEN"  # noqa: S105 - a variable's name


def deploy(declaration: Declaration | None = None) -> None:
    """Register everything that a declaration stands for, as soon as the program has run to its end.

    It is the program's entry point in the sense of ``pulumi.run``, of which a program has one; faults end the run
    with one or more sentences, and then nothing was registered.

    Args:
        declaration: one zone file and one owner, built in Python; None reads the file that the stack's
            configuration names.

    Raises:
        pulumi.RunError: when it is called twice.
    """
    called_from = user_frame()

    async def run() -> None:
        with ending_the_run():
            completion = _deploy(declaration, called_from)
        # The SDK waits for outputs in steps that cost as much as there are outputs; the last resource is registered
        # when all others are, and then hardly any is left. A failure is the SDK's to tell, so it is not raised here.
        await asyncio.wait([asyncio.ensure_future(completion.urn.future())])

    pulumi.run(run)


def _deploy(declaration: Declaration | None, called_from: StackFrames) -> Completion:
    options = settings()
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
    with LedgerClient(options.ledger, root=options.root, token=os.environ.get(TOKEN_VARIABLE)) as ledger:
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
        files = _rendered(options, declaration, demand, proposal, formats)
        manifest = {path: digest_of(text) for path, text in files.items()}
        if pulumi.runtime.is_dry_run():
            validated = recorded(files, formats, declaration.zone, options.root)
            _write_bundle(
                ledger, options, demand, proposal, files, _inputs(options, is_from_file=is_from_file), validated
            )
        else:
            ledger.call(verbs.STORE, ContentRequest(texts=[canonical_json(manifest), *files.values()]))
    _write_findings(options, proposal)
    racks = {name: seat.rack for name, seat in proposal.seats.items()}
    sites = files_by_site(demand, manifest).keys()
    on_hosts = OnHosts(
        agents=read_agents(options, sites, racks), configurations=read_configurations(options, sites, racks)
    )
    with stack_traces(called_from):
        return _register(options, demand, proposal, manifest, on_hosts)


def _formats(options: Settings) -> FormatSet:
    formats, problems = load_formats((options.root / options.declaration).parent)
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise pulumi.RunError(f"faults in the zone's own formats; nothing was rendered:\n{lines}")
    return formats


def _inputs(options: Settings, *, is_from_file: bool) -> dict[str, str]:
    """The texts that a bundle keeps; of a declaration that was built in Python only the zone's own formats."""
    path = options.root / options.declaration
    return gathering.inputs_of(path) if is_from_file else gathering.formats_of(path.parent)


def _rendered(
    options: Settings, declaration: Declaration, demand: Demand, proposal: Proposal, formats: FormatSet
) -> Mapping[str, str]:
    """Every file, when the zone lets it be deployed; a preview only says what would stand against it."""
    files = rendered_files(demand, proposal, formats)
    findings = alike(judge_gated(files, formats, declaration.zone, options.root))
    if findings:
        shown = "\n".join(f"  [{one.rule}] {one.message}; {one.fix}" for one in findings[:_SHOWN])
        more = f"\n  and {len(findings) - _SHOWN} more" if len(findings) > _SHOWN else ""
        count = f"{len(findings)} finding{'s' if len(findings) != 1 else ''} on gated formats"
        if not pulumi.runtime.is_dry_run():
            raise pulumi.RunError(f"{count}; nothing was admitted:\n{shown}{more}")
        pulumi.log.warn(f"{count}; 'up' would refuse this:\n{shown}{more}")
    return files


def _read(options: Settings) -> Declaration:
    loaded = load_stack(options.root / options.declaration)
    _require(loaded.problems)
    if loaded.declaration is None:
        raise pulumi.RunError(f"{options.declaration} holds no declaration")
    return loaded.declaration


def _checked(declaration: Declaration) -> Declaration:
    """A declaration that was built in Python, when all that it names is there."""
    if len(declaration.owners) != 1:
        got = ", ".join(sorted(declaration.owners)) or "none"
        raise pulumi.RunError(f"deploy: expected a declaration of one owner, got {got}; call it for the stack's party")
    _require(check(declaration, whole=False))
    return declaration


def _require(problems: Sequence[Problem]) -> None:
    """End the run with all that is wrong with a declaration."""
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
) -> None:
    """The change as a bundle in its folder, unsigned; ``zonewright change plan`` signs and registers one."""
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
        return
    bundle = planned_bundle(ledger, made, plan, envelope=None)
    write_folder(changes_folder(options.root, pulumi.get_stack()) / "preview", bundle)


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


def _register(
    options: Settings, demand: Demand, proposal: Proposal, manifest: Mapping[str, str], on_hosts: OnHosts
) -> Completion:
    stack_id = options.stack_id
    provider = Provider("ledger", ledger=options.ledger)
    top = pulumi.ResourceOptions(provider=provider)
    enrolment = Enrolment("enrolment", stack_id=stack_id, party=demand.party, opts=top)
    rendered_digest = digest_of(canonical_json(manifest))
    admission = Admission(
        "admission",
        stack_id=stack_id,
        party=demand.party,
        lineage=enrolment.lineage,
        demand_digest=proposal.demand_digest,
        places={name: place_text(seat, proposal.addresses.get(name, {})) for name, seat in proposal.seats.items()},
        rendered_digest=rendered_digest,
        opts=pulumi.ResourceOptions(provider=provider, depends_on=[enrolment]),
    )
    _say_what_changed(proposal, admission)
    registered = _facilities(stack_id, demand, admission, provider)
    registered += network(stack_id=stack_id, assets=demand.assets, admission=admission, provider=provider)
    registered += _clusters(stack_id, demand, proposal, (admission, *registered), provider)
    for site_id, files in files_by_site(demand, manifest).items():
        options_ = pulumi.ResourceOptions(provider=provider, depends_on=[admission])
        registered.append(SiteConfig(site_id, stack_id=stack_id, site=site_id, files=files, opts=options_))
    registered += _agents(options, on_hosts.agents, (admission, *registered), provider)
    files_of = files_by_site(demand, manifest)
    registered += _configurations(options, on_hosts.configurations, files_of, (admission, *registered), provider)
    return Completion(
        "completion",
        stack_id=stack_id,
        change_digest=change_digest(proposal.demand_digest, proposal.seats, proposal.addresses, rendered_digest),
        opts=pulumi.ResourceOptions(provider=provider, depends_on=[admission, *registered]),
    )


def _facilities(
    stack_id: str, demand: Demand, admission: pulumi.Resource, provider: pulumi.ProviderResource
) -> list[pulumi.Resource]:
    registered: list[pulumi.Resource] = []
    for site_id in sorted(name for name in demand.assets if "/" not in name):
        own = {path: asset for path, asset in demand.assets.items() if path.split("/", 1)[0] == site_id}
        site = FacilitySite(
            site_id,
            stack_id=stack_id,
            assets=own,
            admission=admission,
            opts=pulumi.ResourceOptions(providers=[provider]),
        )
        registered += site.resources
    return registered


def _clusters(
    stack_id: str,
    demand: Demand,
    proposal: Proposal,
    waits: tuple[pulumi.Resource, ...],
    provider: pulumi.ProviderResource,
) -> list[pulumi.Resource]:
    registered: list[pulumi.Resource] = []
    for cluster_id, wanted in sorted(demand.clusters.items()):
        names = [node.name for node in nodes_of(cluster_id, wanted.cluster)]
        cluster = TenantCluster(
            cluster_id,
            stack_id=stack_id,
            node_type=wanted.cluster.node_type,
            seats={name: proposal.seats[name] for name in names if name in proposal.seats},
            addresses=proposal.addresses,
            after_resources=waits,
            opts=pulumi.ResourceOptions(providers=[provider]),
        )
        registered += cluster.resources
    return registered


def _agents(
    options: Settings,
    agents: DeclaredAgents | None,
    waits: tuple[pulumi.Resource, ...],
    provider: pulumi.ProviderResource,
) -> list[pulumi.Resource]:
    if agents is None:
        return []
    return [
        AgentDeployment(
            site,
            stack_id=options.stack_id,
            fleet=options.fleet,
            release=agents.release,
            hosts=hosts,
            opts=pulumi.ResourceOptions(provider=provider, depends_on=list(waits)),
        )
        for site, hosts in agents.hosts.items()
    ]


def _configurations(
    options: Settings,
    found: DeclaredConfigurations | None,
    files: Mapping[str, Mapping[str, str]],
    waits: tuple[pulumi.Resource, ...],
    provider: pulumi.ProviderResource,
) -> list[pulumi.Resource]:
    """Files in force on hosts: after they were handed over, and not while agents are rolled out to the same hosts."""
    if found is None:
        return []
    return [
        ConfigurationDeployment(
            site,
            stack_id=options.stack_id,
            fleet=options.configurations,
            zone=Path(options.declaration).parent.as_posix(),
            files=files[site],
            settings_digest=found.settings_digest,
            hosts=hosts,
            opts=pulumi.ResourceOptions(provider=provider, depends_on=list(waits)),
        )
        for site, hosts in found.hosts.items()
    ]


def _say_what_changed(proposal: Proposal, admission: pulumi.Resource) -> None:
    if proposal.changed:
        lines = [
            f"  {name}: {old or 'no place'} -> {new or 'no place'}" for name, (old, new) in proposal.changed.items()
        ]
        count = "1 place differs" if len(lines) == 1 else f"{len(lines)} places differ"
        pulumi.log.warn(
            f"{count} from the last preview, because others took places since then:\n" + "\n".join(lines),
            resource=admission,
        )

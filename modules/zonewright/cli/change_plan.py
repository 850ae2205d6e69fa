"""``zonewright change plan``: what a change would do, as a bundle that can be signed and approved."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zonewright.changes.validated import Validated
    from zonewright.ledger.protocol.admission_messages import Proposal
    from zonewright.ledger.protocol.change_messages import PlanAnswer
    from zonewright.model import Zone
    from zonewright.model.demand import Demand
    from zonewright.render.formats.format_set import FormatSet


def plan_change(arguments: argparse.Namespace) -> int:
    """``change plan``: propose, render, judge, write the bundle; sign and register it where a key is given."""
    from datetime import UTC, datetime

    from zonewright.audit.evidence import gathering
    from zonewright.audit.evidence.bundle import changes_folder, write_folder
    from zonewright.audit.evidence.keys import load_key_here
    from zonewright.audit.evidence.party import planned_bundle
    from zonewright.audit.evidence.scanning import scanned_plan
    from zonewright.audit.evidence.submit import register
    from zonewright.cli.connection import stack_and_ledger
    from zonewright.cli.output import MISUSE, REFUSED, StoppedError, findings_text, width
    from zonewright.cli.proposal import load_with_formats
    from zonewright.ledger.protocol.change_messages import MAX_REASON
    from zonewright.model.demand import demand_of

    if len(arguments.reason) > MAX_REASON:
        sentence = f"--reason: expected at most {MAX_REASON:,} characters, got {len(arguments.reason):,}"
        raise StoppedError(sentence, code=MISUSE)
    root, stack, ledger = stack_and_ledger(arguments.stack, arguments.ledger)
    with ledger:
        loaded, proposal, formats = load_with_formats(root, stack, ledger)
        if proposal is None or loaded.declaration is None:
            for problem in loaded.problems:
                print(problem)
            return REFUSED
        findings = tuple(proposal.findings)
        if any(finding.refuses and finding.level != "approval" for finding in findings):
            print(findings_text(findings, columns=width()))
            print("not planned: no approval covers these findings", file=sys.stderr)
            return REFUSED
        zone = loaded.declaration.zone
        demand = demand_of(loaded.declaration, next(iter(loaded.declaration.owners)))
        found = _rendered(demand, proposal, formats, zone, root)
        if found is None:
            return REFUSED
        rendered, validated = found
        made = gathering.material(
            ledger,
            stack_id=stack.stack_id,
            demand=demand,
            proposal=proposal,
            rendered=rendered,
            inputs=gathering.inputs_of(root / stack.declaration, zone.node_types),
            validated=validated,
        )
        at = datetime.now(UTC).isoformat()
        plan = made.plan(reason=arguments.reason, emergency=arguments.emergency, planned_at=at)
        suspicions = scanned_plan(plan, made.inputs, made.new)
        if suspicions:
            for one in suspicions:
                print(one)
            print("not planned: this looks like a secret; write a reference instead", file=sys.stderr)
            return REFUSED
        envelope, answer = None, None
        if arguments.key is not None:
            key = load_key_here(arguments.key)
            envelope, answer = register(ledger, made, plan, zone, key)
        bundle = planned_bundle(ledger, made, plan, envelope)
    folder = changes_folder(root, arguments.stack) / plan.digest()[7:19]
    write_folder(folder, bundle)
    tell_plan(arguments, bundle, answer, {"bundle": str(folder.relative_to(root))})
    return 0


def _rendered(
    demand: "Demand", proposal: "Proposal", formats: "FormatSet", zone: "Zone", root: Path
) -> "tuple[Mapping[str, str], Validated] | None":
    """The files of a change with the verdicts on them; None, with the reason printed, where it cannot be planned."""
    from zonewright.changes.gating import recorded
    from zonewright.changes.rendering import rendered_files
    from zonewright.cli.output import findings_text, width
    from zonewright.render.validators.gate import gate

    rendered = rendered_files(demand, proposal, formats)
    validated = recorded(rendered, formats, zone, root)
    closed = gate(validated.judged, zone.gated_formats, rendered, formats)
    if closed:
        print(findings_text(closed, columns=width()))
        print("not planned: files of gated formats need a pass", file=sys.stderr)
        return None
    return rendered, validated


def tell_plan(
    arguments: argparse.Namespace, bundle: "Mapping[str, bytes]", answer: "PlanAnswer | None", more: "dict[str, str]"
) -> None:
    """A plan for people or programs: what it does, what it needs, what comes next."""
    from zonewright.audit.evidence.contents import read_contents
    from zonewright.audit.evidence.rollouts import rollout_lines, rollouts_of
    from zonewright.audit.report.describe import plan_lines
    from zonewright.cli.output import print_json, width

    contents = read_contents(bundle)
    state = answer.state if answer is not None else "unsigned"
    sentences = (
        answer.sentences if answer is not None else ["nobody has signed it, so it cannot be approved; give --key"]
    )
    if arguments.format == "json":
        plan = {"digest": contents.plan.digest(), **contents.plan.model_dump(mode="json")}
        runs = [one.to_data() for one in rollouts_of(contents)]
        print_json({"plan": plan, "state": state, "sentences": sentences, "rollouts": runs, **more})
        return
    for line in plan_lines(contents, columns=width()):
        print(line)
    print(f"  state: {state}")
    for sentence in sentences:
        print(f"    {sentence}")
    for line in rollout_lines(contents, columns=width()):
        print(line)
    for name, text in more.items():
        print(f"  {name}: {text}")

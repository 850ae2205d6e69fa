"""The policies of the pack, on Pulumi's SDK for policies.

The Admission is judged before it is created: a refusal comes before anything is claimed, also in `up --skip-preview`.
The SDK makes a policy advisory when it meets a value that is not known yet; here such a value is read as what it is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyProviderResource,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from zonewright.declare.stack_file import project_root
from zonewright.errors import sentences_of
from zonewright.ledger.protocol.errors import LedgerError, LedgerRefusedError
from zonewright.ledger.transport.client import LedgerClient, token_for
from zonewright.policy.judging import BEYOND, by_ledger, by_resources, placed, refuses, unadmitted
from zonewright.policy.stack_resources import ReadStack, StackResource, Violation, not_known, read_stack
from zonewright.rules.alike import alike
from zonewright.rules.finding import Finding
from zonewright.rules.words import listed

LedgerSays = tuple[Finding, ...] | Exception
"""What the ledger finds; or why it was not asked, or what it answers instead."""
NOBODY = "unknown"
"""Whose a stack is that has no Admission."""
_DOCS = "docs/how-to/use-the-policy-pack.md"


def policies() -> list[Policy]:
    """All policies of the pack; an organisation's own pack may take them among its own."""
    return [
        ResourceValidationPolicy(
            name="zone-rules",
            description="The ledger finds nothing against the change.",
            enforcement_level=EnforcementLevel.MANDATORY,
            validate=lambda args, report: _judge_admission(args, report, against=True),
        ),
        ResourceValidationPolicy(
            name="zone-advice",
            description="What the rules advise of the change, and what is waived.",
            enforcement_level=EnforcementLevel.ADVISORY,
            validate=lambda args, report: _judge_admission(args, report, against=False),
        ),
        StackValidationPolicy(
            name="zone-resources",
            description="Each resource is part of the admission; without a ledger the rules judge what is shown.",
            enforcement_level=EnforcementLevel.MANDATORY,
            validate=_judge_stack,
        ),
        StackValidationPolicy(
            name="zone-not-checked",
            description="Every rule was checked. Raise this one to mandatory to refuse what the ledger has not judged.",
            enforcement_level=EnforcementLevel.ADVISORY,
            validate=_say_not_checked,
        ),
    ]


def _judge_admission(args: ResourceValidationArgs, report: ReportViolation, *, against: bool) -> None:
    """The ledger's findings on an Admission: those that refuse it, or the others."""
    resource = _RUN.passes(args)
    if resource.kind != "Admission":
        return
    told = _RUN.ask(resource) if against else _RUN.told(resource)
    if isinstance(told, LedgerRefusedError) and against:
        report(told.sentence, None)
    if isinstance(told, tuple):
        for finding in alike([one for one in told if refuses(one) is against]):
            report(finding_text(finding), None)


def _judge_stack(args: StackValidationArgs, report: ReportViolation) -> None:
    """What is not part of an admission; and the rules, where no ledger judges the Admission."""
    resources, stack = _read(args)
    for violation in (*stack.faults, *unadmitted(resources, stack)):
        report(violation.text, violation.urn or None)
    if _unasked(stack) is None:
        return
    for violation in alone(stack):
        report(violation.text, violation.urn or None)


def _say_not_checked(args: StackValidationArgs, report: ReportViolation) -> None:
    """Which rules were not checked, and why."""
    resources, stack = _read(args)
    why = _unasked(stack)
    if why is not None and any(one.kind for one in resources):
        unseen = sorted(stack.seats.keys() - placed(stack).keys())
        nodes = (
            f" Not judged at all, because no cluster of the stack shows their type: {listed(unseen)}." if unseen else ""
        )
        report(
            f"{why}, so these rules were not checked: {', '.join(BEYOND)}. The others were checked among what this "
            f"stack has, without the zone's rule pack and waivers.{nodes} See {_DOCS}",
            None,
        )


def alone(stack: ReadStack) -> Iterator[Violation]:
    """What refuses a stack by what it shows itself, each at the resource that it is about."""
    admission = next(iter(stack.admissions.values()), None)
    inputs = admission.properties if admission is not None else {}
    judged = by_resources(stack, party=str(inputs.get("party", NOBODY)), stack_id=str(inputs.get("stackId", "")))
    for finding in alike([one for one in judged if refuses(one)]):
        named = (*(one.name for one in finding.participants), finding.subject)
        urn = next((stack.urns[name] for name in named if name in stack.urns), "")
        yield Violation(urn=urn, text=finding_text(finding))


def finding_text(finding: Finding) -> str:
    """A finding as one policy violation: what, and how to remedy it."""
    waived = f" (waived by {finding.waiver})" if finding.waiver else ""
    where = f"{finding.where}: " if finding.where else ""
    fix = f"\nfix: {finding.fix}" if finding.fix else ""
    return f"{where}[{finding.rule}] {finding.message}{waived}{fix}"


class _Run:
    """What the policies of one run of the engine have in common: what resources were given, what the ledger said.

    The engine shows a stack policy the outputs of resources, and rules judge inputs: each passed by before with
    those. A preview and the update after it may share this process, so the first policy asks the ledger anew.
    """

    def __init__(self) -> None:
        self._given: dict[str, StackResource] = {}
        self._answers: dict[str, LedgerSays] = {}

    def passes(self, args: ResourceValidationArgs) -> StackResource:
        """Take note of a resource of ours."""
        resource = _resource(args)
        if resource.kind:
            self._given[resource.urn] = resource
        return resource

    def whole(self, one: PolicyResource) -> StackResource:
        """A resource of the stack with its inputs, as far as it passed by, and its outputs."""
        resource = _resource(one)
        given = self._given.get(resource.urn)
        return resource if given is None else replace(resource, properties={**resource.properties, **given.properties})

    def ask(self, admission: StackResource) -> LedgerSays:
        """What the ledger finds now; or why it was not asked, or what it answers instead."""
        answer = self._answers[admission.urn] = _asked(admission)
        return answer

    def told(self, admission: StackResource) -> LedgerSays:
        """The same as it was found last, if it was."""
        known = self._answers.get(admission.urn)
        return self.ask(admission) if known is None else known


_RUN = _Run()


def _asked(admission: StackResource) -> LedgerSays:
    if not admission.ledger:
        return LookupError("no ledger is named by the provider of the Admission")
    try:
        with LedgerClient(admission.ledger, root=project_root(Path.cwd()), token=token_for(admission.ledger)) as ledger:
            return by_ledger(admission, ledger)
    except (LedgerError, AttributeError, KeyError, TypeError, ValueError) as error:
        return error


def _unasked(stack: ReadStack) -> str | None:
    """Why no ledger has judged the stack; None where one has."""
    if not stack.admissions:
        return "the stack has no Admission"
    for admission in stack.admissions.values():
        told = _RUN.told(admission)
        if not isinstance(told, tuple | LedgerRefusedError):
            return "; ".join(sentences_of(told)) or str(told)
    return None


def _read(args: StackValidationArgs) -> tuple[Sequence[StackResource], ReadStack]:
    resources = [_RUN.whole(one) for one in args.resources]
    return resources, read_stack(resources)


def _resource(one: PolicyResource | ResourceValidationArgs) -> StackResource:
    return StackResource(
        type=one.resource_type,
        name=one.name,
        urn=one.urn,
        properties=_plain_object(one.props),
        ledger=_url(one.provider),
    )


def _url(provider: PolicyProviderResource | None) -> str:
    given = _plain_object(provider.props).get("ledger") if provider is not None else None
    return given if isinstance(given, str) else ""


def _plain_object(proxy: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name): _plain(partial(proxy.__getitem__, name)) for name in proxy}


def _plain(read: Callable[[], Any]) -> Any:
    """A value without the SDK's proxy; integers as such, and ``not_known`` where it is not known before the update."""
    try:
        value = read()
    except UnknownValueError:
        return not_known
    if isinstance(value, Mapping):
        return _plain_object(value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(partial(value.__getitem__, index)) for index in range(len(value))]
    return int(value) if isinstance(value, float) and value.is_integer() else value

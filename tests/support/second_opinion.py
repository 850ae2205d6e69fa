"""Verification by the product, compared with the independent verifier's: tests that judge a bundle do it through here.

So each bundle that a test makes or attacks is also a test of the page on bundles. An attack changes a member or two
of a bundle: what the product judges and renders again from the same texts, it does once in a process.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache

import pytest

from support import independent_verifier as other
from zonewright.audit.evidence.checks import Check
from zonewright.audit.evidence.replay import Again, judge_again
from zonewright.audit.evidence.trust import AuditTrust
from zonewright.audit.verify import verify
from zonewright.audit.verify.verify import verify_bundle
from zonewright.changes.rendering import rendered_files
from zonewright.ledger.protocol.admission_messages import Proposal
from zonewright.ledger.protocol.change_messages import Plan, Snapshot
from zonewright.model.demand import Demand
from zonewright.render.formats.format_set import BUILT_IN, FormatSet

RULES_JUDGED_AGAIN = re.compile(
    r"(declaration|proposal|rendering|sites|secrets|what is to be approved|gated formats|decisions)$"
    r"|(rules|energy ratio|risk|premises) when "
)
"""What the product alone decides: it renders, judges rules and figures, and knows formats and secrets."""
PAIRS = {
    "author": ("author",),
    "step": ("steps",),
    "zone file": ("zone files",),
    "approval": ("approval",),
    "record": ("record", "days"),
    "journal": ("chain",),
    "head": ("head",),
    "kept checkpoint": ("kept checkpoint",),
    "roll-outs": ("roll outs",),
    "export": ("export",),
}
"""Checks that both have, by the product's name."""


def overall(answers: Iterable[str]) -> str:
    """``wrong`` if one answer is, else ``not-checked`` if one is, else ``good``."""
    found = set(answers)
    return next((one for one in (other.WRONG, other.NOT_CHECKED) if one in found), other.GOOD)


def verified(files: Mapping[str, bytes], *, trust: AuditTrust | None = None) -> tuple[Check, ...]:
    """The product's checks of a bundle, of which the independent verifier thinks the same.

    Args:
        files: the bundle.
        trust: what the auditor knows from elsewhere.

    Raises:
        AssertionError: where the two differ, with what each found.
    """
    return _agreed(files, second(files, trust), trust)


def _agreed(files: Mapping[str, bytes], results: list[other.Result], trust: AuditTrust | None) -> tuple[Check, ...]:
    with _once():
        checks = verify_bundle(files, trust=trust)
    mine = overall(one.verdict for one in checks if not RULES_JUDGED_AGAIN.match(one.name))
    theirs = overall(one.answer for one in results if one.name not in other.NEEDS_THE_PROGRAM)
    assert mine == theirs, told(checks, results)
    if mine != other.WRONG and "party.json" not in files:
        answers = {one.name: one.answer for one in results}
        for one in checks:
            if one.name in PAIRS:
                assert one.verdict == overall(answers[name] for name in PAIRS[one.name]), told(checks, results)
    return checks


@contextmanager
def _once() -> Iterator[None]:
    """What costs most of a verification depends on nothing but its arguments: the same ones are taken once."""
    with pytest.MonkeyPatch.context() as patch:
        if vars(verify)["judge_again"] is judge_again:  # and no test's own
            patch.setattr(verify, "judge_again", _judged)
        if vars(verify)["rendered_files"] is rendered_files:
            patch.setattr(verify, "rendered_files", _rendered)
        yield


def _judged(snapshot: Snapshot, texts: Mapping[str, str], plan: Plan, demand: str) -> Again:
    return _judge(snapshot.model_dump_json(), tuple(sorted(texts.items())), plan.model_dump_json(), demand)


@lru_cache(maxsize=64)
def _judge(snapshot: str, texts: tuple[tuple[str, str], ...], plan: str, demand: str) -> Again:
    return judge_again(Snapshot.model_validate_json(snapshot), dict(texts), Plan.model_validate_json(plan), demand)


def _rendered(demand: Demand, proposal: Proposal, formats: FormatSet) -> Mapping[str, str]:
    if formats is not BUILT_IN:
        return rendered_files(demand, proposal, formats)
    return _render(demand.canonical(), proposal.model_dump_json())


@lru_cache(maxsize=64)
def _render(demand: str, proposal: str) -> Mapping[str, str]:
    return rendered_files(Demand.model_validate_json(demand), Proposal.model_validate_json(proposal))


def second(files: Mapping[str, bytes], trust: AuditTrust | None = None) -> list[other.Result]:
    """What the independent verifier says.

    Args:
        files: the bundle.
        trust: what the auditor knows from elsewhere.
    """
    known = trust or AuditTrust()
    kept = known.checkpoint.model_dump(exclude_defaults=True) if known.checkpoint is not None else None
    return other.verify_files(files, keys=known.keys, checkpoint=kept, ledger_key=known.ledger_key)


def require_second(files: Mapping[str, bytes]) -> None:
    """Judge a bundle by the independent verifier, which is quick; where it is wrong, the product must say so too.

    Args:
        files: the bundle.

    Raises:
        AssertionError: where the two differ.
    """
    results = second(files)
    if other.overall(results) == other.WRONG:
        _agreed(files, results, None)


def require_wrong(files: Mapping[str, bytes]) -> None:
    """Have the independent verifier find a bundle wrong, for who asks the product's own check of what was altered.

    Args:
        files: the bundle.

    Raises:
        AssertionError: where it does not.
    """
    assert other.overall(second(files)) == other.WRONG


def told(checks: Iterable[Check], results: Iterable[other.Result]) -> str:
    """What is not good in both, for people."""
    lines = [f"product:     {one.line()}" for one in checks if one.verdict != other.GOOD]
    lines += [f"independent: {one.answer:<12} {one.name}: {one.why}" for one in results if one.answer != other.GOOD]
    return "\n".join(["the two verifiers differ", *lines])

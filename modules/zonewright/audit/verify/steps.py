"""Steps: was a plan admitted once, and as the step that follows the one that it names?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from zonewright.audit.evidence.checks import Check, all_or_wrong, open_, wrong
from zonewright.audit.evidence.contents import Contents
from zonewright.ledger.protocol.journal_messages import JournalEntry
from zonewright.ledger.store.steps import ADMITTED, SETTLED, STEPS, Counting

_NO_STEP = "the plan names no step, because an older version made it"


def step_checks(contents: Contents) -> Iterator[Check]:
    """The step of a bundle's plan against the journal's entries that the bundle has.

    Args:
        contents: the bundle.
    """
    plan = contents.plan
    admitted = [entry for entry in contents.decisions() if entry.kind == ADMITTED]
    faults = [] if len(admitted) < 2 else [_twice(plan.digest(), [entry.sequence for entry in admitted])]  # noqa: PLR2004 - once is good
    if plan.follows is None:
        yield wrong("step", faults[0]) if faults else open_("step", _NO_STEP)
        return
    for entry in contents.journal:
        if entry.kind == "planned" and entry.payload.get("plan") == plan.digest():
            said = entry.payload.get("follows")
            faults += [f"entry {entry.sequence} says that the plan follows step {said}"] if said != plan.follows else []
    for entry in admitted:
        faults += _other_step(plan.digest(), plan.follows, entry, entry.payload.get("step"))
    faults += _between(contents, admitted)
    if not admitted and not faults:
        yield open_("step", f"the plan follows step {plan.follows}; the change was not admitted (yet)")
        return
    yield all_or_wrong("step", faults, f"it was admitted as step {plan.follows + 1}, and follows the one that it names")


def _between(contents: Contents, admitted: Sequence[JournalEntry]) -> Iterator[str]:
    """Steps of the stack after the plan and before its admission; a party's bundle has no entries that could say so."""
    if contents.partial is not None or not admitted:
        return
    plan = contents.plan
    begins = [
        one.sequence for one in contents.journal if one.kind == "planned" and one.payload.get("plan") == plan.digest()
    ]
    for entry in contents.journal:
        is_step = entry.kind in STEPS and (entry.kind != SETTLED or "step" in entry.payload)
        if is_step and entry.stack_id == plan.stack_id and begins and begins[0] < entry.sequence < admitted[0].sequence:
            yield f"entry {entry.sequence} ({entry.kind}) is a step between the plan and its admission"


@dataclass
class StepsSeen:
    """The steps of a whole journal, followed entry by entry: what is kept is a number for each stack and plan.

    Attributes:
        counting: the steps as the entries make them.
        is_named: whether an entry has named its step already; those of older versions name none, and are counted.
        follows: the step that each plan follows.
        admitted: the entries that admitted each plan.
    """

    counting: Counting = field(default_factory=Counting)
    is_named: bool = False
    follows: dict[str, int | None] = field(default_factory=dict)
    admitted: dict[str, list[int]] = field(default_factory=dict)

    def follow(self, entry: JournalEntry) -> Iterator[str]:
        """What is wrong with the next entry."""
        step = self.counting.follow(entry.kind, entry.stack_id, entry.payload)
        said = entry.payload.get("step")
        self.is_named = self.is_named or (step is not None and said is not None)
        if self.is_named and said != step:
            what = "no step" if step is None else f"step {step} of its stack"
            yield f"entry {entry.sequence} ({entry.kind}) is {what}, it says {'none' if said is None else said}"
        plan = str(entry.payload.get("plan") or "")
        if entry.kind == "planned":
            self.follows[plan] = entry.payload.get("follows")
        elif entry.kind == ADMITTED and plan:
            self.admitted.setdefault(plan, []).append(entry.sequence)
            if self.follows.get(plan) is not None:
                yield from _other_step(plan, self.follows[plan], entry, step)

    def twice(self) -> Iterator[str]:
        """At the end: plans that were admitted more than once."""
        for plan, numbers in self.admitted.items():
            if len(numbers) > 1:
                yield _twice(plan, numbers)


def _other_step(plan: str, follows: int | None, entry: JournalEntry, step: object) -> list[str]:
    if follows is None or step == follows + 1:
        return []
    return [f"entry {entry.sequence} admitted plan {plan[7:19]} as step {step}, but the plan follows step {follows}"]


def _twice(plan: str, entries: Sequence[int]) -> str:
    numbers = " and ".join(map(str, entries))
    return f"plan {plan[7:19]} was admitted {len(entries)} times, by entries {numbers}; one plan is good for one step"

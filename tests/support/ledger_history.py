"""Judges what many clients of a ledger saw: nothing is held twice or lost, and whoever was refused had to be.

A history is only what was asked and answered, and when; the order of the ledger's own changes is not looked at. Nor is
an order searched for: each slot is taken and given up by itself, so its moments are gone through once, sorted.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, pairwise
from typing import Literal

from zonewright.ledger import LedgerRefusedError, LedgerUnavailableError

Slot = tuple[str, ...]
"""What can be held: ``("unit", rack, U)``, ``("watts", rack)``, ``("address", site, address)``, ``("bore", duct)``."""
Outcome = Literal["ok", "refused", "unknown"]
FOREVER = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A stack asked to hold this and nothing else from now on.

    Attributes:
        stack: whose change it was.
        wants: how much of each slot.
        begin: the moment before it was asked.
        end: the moment after it was answered.
        outcome: ``unknown`` where no answer came: it was carried out, or not, or will be.
    """

    stack: str
    wants: Mapping[Slot, int]
    begin: int
    end: int
    outcome: Outcome


@dataclass
class Recorder:
    """Notes the calls of many clients; moments are numbers that only rise."""

    operations: list[Operation] = field(default_factory=list)
    _moments: Iterator[int] = field(default_factory=count)

    def call(self, stack: str, wants: Mapping[Slot, int], carry_out: Callable[[], object]) -> Outcome:
        """Carry out a change, and note it; gives how it ended.

        A service that could not be reached at all, or gave a change up for another one's sake, changed nothing.
        """
        begin = next(self._moments)
        outcome: Outcome = "ok"
        try:
            carry_out()
        except LedgerRefusedError:
            outcome = "refused"
        except LedgerUnavailableError:
            outcome = "unknown"  # also where it says that nothing was changed: nobody has to believe that
        self.operations.append(
            Operation(stack=stack, wants=dict(wants), begin=begin, end=next(self._moments), outcome=outcome)
        )
        return outcome


@dataclass(frozen=True, slots=True)
class _Stay:
    """That a stack held something for a time; the moments are excluded."""

    stack: str
    wants: Mapping[Slot, int]
    begin: float
    end: float


def judge(
    operations: Iterable[Operation], capacity: Mapping[Slot, int], final: Mapping[str, Mapping[Slot, int]]
) -> list[str]:
    """Everything that is wrong with a history, as sentences.

    Args:
        operations: what was asked and answered; each stack asked one thing after another.
        capacity: how much of each slot there is; 1 of those that are not named.
        final: what each stack holds after the last operation, by the ledger.
    """
    of_stack: dict[str, list[Operation]] = defaultdict(list)
    for one in sorted(operations, key=lambda one: one.begin):
        of_stack[one.stack].append(one)
    certain: list[_Stay] = []
    possible: list[_Stay] = []
    found: list[str] = []
    for stack, asked in of_stack.items():
        found += [f"{stack} asked twice at once" for one, two in pairwise(asked) if two.begin < one.end]
        done = [one for one in asked if one.outcome != "refused"]
        sure = [one for one in done if one.outcome == "ok"]
        asked_next, answered_next = FOREVER, FOREVER
        for one in reversed(done):
            possible.append(_Stay(stack, one.wants, one.begin, answered_next))
            if one.outcome == "ok":
                certain.append(_Stay(stack, one.wants, one.end, asked_next))
                answered_next = one.end
            asked_next = one.begin
        last = [sure[-1].wants] if sure else [{}]
        last += [one.wants for one in done if one.outcome == "unknown" and (not sure or one.begin > sure[-1].begin)]
        if dict(final.get(stack, {})) not in [dict(one) for one in last]:
            found.append(f"{stack} has {_told(final.get(stack, {}))} at the end, and was told {_told(last[0])}")
    found += [f"{stack} has {_told(held)}, and never asked" for stack, held in final.items() if stack not in of_stack]
    found += _held_twice(certain, capacity)
    refused = [one for asked in of_stack.values() for one in asked if one.outcome == "refused"]
    return found + list(_without_reason(refused, possible, capacity))


def _told(held: Mapping[Slot, int]) -> str:
    return ", ".join(f"{amount} of {' '.join(slot)}" for slot, amount in sorted(held.items())) or "nothing"


def _steps(stays: Iterable[_Stay]) -> dict[Slot, list[tuple[float, int, int, str]]]:
    """When some of a slot comes or goes, in order: moment, 0 for what goes and 1 for what comes, how much, whose."""
    steps: dict[Slot, list[tuple[float, int, int, str]]] = defaultdict(list)
    for stay in stays:
        for slot, amount in stay.wants.items():
            if stay.begin < stay.end:
                steps[slot] += [(stay.begin, 1, amount, stay.stack), (stay.end, 0, -amount, stay.stack)]
    for one in steps.values():
        one.sort()
    return steps


def _held_twice(certain: Iterable[_Stay], capacity: Mapping[Slot, int]) -> Iterator[str]:
    """Slots of which more was held at one moment than there is."""
    for slot, steps in sorted(_steps(certain).items()):
        held: Counter[str] = Counter()
        for moment, _, amount, stack in steps:
            held[stack] += amount
            if held.total() > (there := capacity.get(slot, 1)):
                whose = ", ".join(sorted(name for name, some in held.items() if some))
                yield f"{held.total()} of {' '.join(slot)} are held at {moment:g}, {there} are there: {whose}"
                break


def _without_reason(
    refused: Sequence[Operation], possible: Iterable[_Stay], capacity: Mapping[Slot, int]
) -> Iterator[str]:
    """Refusals although all that was wanted was free at each moment of the call, whatever anybody may have held."""
    steps = _steps(possible)
    for one in refused:
        if not any(
            _most(steps.get(slot, []), one) + amount > capacity.get(slot, 1) for slot, amount in one.wants.items()
        ):
            yield f"{one.stack} was refused {_told(one.wants)} at {one.begin}, and nobody had it until {one.end}"


def _most(steps: Sequence[tuple[float, int, int, str]], call: Operation) -> int:
    """The most of a slot that others may have held at some moment of a call."""
    first = bisect_left(steps, (call.begin,))
    held = sum(amount for *_, amount, stack in steps[:first] if stack != call.stack)
    most = held
    for moment, _, amount, stack in steps[first:]:
        if moment > call.end:
            break
        held += amount if stack != call.stack else 0
        most = max(most, held)
    return most

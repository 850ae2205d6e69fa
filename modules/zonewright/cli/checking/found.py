"""What one check of a declaration found, and how it compares with what an earlier check found."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from zonewright.declare.problem import Problem
from zonewright.model import OwnerFile
from zonewright.rules.finding import Finding

if TYPE_CHECKING:
    from zonewright.place.repair import RepairEdit

State = Literal["new", "worse", "same", "better"]
STATES: tuple[State, ...] = ("new", "worse", "same", "better")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRepair:
    """The edits of one owner's file.

    Attributes:
        path: the file.
        judged: what it said when it was judged.
        edits: what to change in it, at least one.
    """

    path: Path
    judged: OwnerFile
    edits: "Sequence[RepairEdit]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one check found.

    Attributes:
        problems: faults of the declaration; the rules run only where there is none.
        findings: where a rule does not hold.
        line: what was checked, in one line; empty where there are faults, or nothing to check.
        folder: the zone's folder, relative to where the command runs; empty for a stack checked against its ledger.
        repairs: edits of owners' files; empty where none were asked for, or none were found.
        left: how many findings refuse after these edits.
    """

    problems: tuple[Problem, ...]
    findings: tuple[Finding, ...]
    line: str
    folder: str = ""
    repairs: Sequence[FileRepair] = ()
    left: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """How findings compare with those of an earlier revision.

    Attributes:
        revision: what people call it, such as ``main``.
        states: the state of each present finding, in its order.
        fixed: earlier findings that are there no more.
    """

    revision: str
    states: tuple[State, ...]
    fixed: tuple[Finding, ...]

    def counts(self) -> Mapping[State, int]:
        """How many present findings have each state."""
        counted = Counter(self.states)
        return {state: counted[state] for state in STATES}


def compare(before: Iterable[Finding], now: Iterable[Finding], *, revision: str) -> Compared:
    """Compare findings with those of an earlier revision.

    Two are the same one if the same rule says it of the same subject, with the same things taking part: another node
    that overlaps in the same rack is another finding. Where there are several, those with the same sentence belong
    together, and the others in the order of their figures. A finding is worse if it exceeds its limit by more than
    before, or refuses where it did not.

    Args:
        before: findings of the earlier revision.
        now: present findings.
        revision: what people call the earlier one.
    """
    present = tuple(now)
    left: dict[tuple[object, ...], list[Finding]] = {}
    for finding in sorted(before, key=_figures):
        left.setdefault(_key(finding), []).append(finding)
    pairs: dict[int, Finding] = {}
    order = sorted(range(len(present)), key=lambda number: _figures(present[number]))
    for has_same_sentence in (True, False):
        for number in order:
            known = left.get(_key(present[number]), [])
            fits = [one for one in known if not has_same_sentence or one.message == present[number].message]
            if number not in pairs and fits:
                known.remove(fits[0])
                pairs[number] = fits[0]
    return Compared(
        revision=revision,
        states=tuple(_state(pairs.get(number), finding) for number, finding in enumerate(present)),
        fixed=tuple(finding for group in left.values() for finding in group),
    )


def _key(finding: Finding) -> tuple[object, ...]:
    """What makes a finding the same one in two revisions: not its figures, nor its line, nor its sentence."""
    return finding.rule, finding.subject, finding.unit, frozenset(finding.participants)


def _figures(finding: Finding) -> tuple[bool, int, int, str]:
    return finding.refuses, finding.excess, finding.value or 0, finding.message


def _state(before: Finding | None, now: Finding) -> State:
    if before is None:
        return "new"
    old, new = (before.refuses, before.excess), (now.refuses, now.excess)
    if old == new:
        return "same"
    return "worse" if old < new else "better"

"""Exported states beside the ledger: claims without a resource, resources without a claim, and the repair for each.

Pure: states and reports in, sentences out. It changes nothing; the repairs are commands for people.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from zonewright.errors import Exit, ZonewrightError
from zonewright.ledger.protocol.holding_messages import Holding
from zonewright.ledger.protocol.stack_messages import StackReport

OWN_TYPE = "zonewright:index:"
_KINDS: Mapping[str, tuple[str, str]] = {
    "Node": ("node", "claim"),
    "Site": ("site", "asset"),
    "Row": ("row", "asset"),
    "Duct": ("duct", "asset"),
    "Link": ("link", "asset"),
}
"""By type of a resource, what it is in the ledger, and which of its outputs is its name there."""


class StateError(ZonewrightError, ValueError):
    """A file that is no exported state of a stack of ours."""

    exit_code = Exit.MISUSE


@dataclass(frozen=True, slots=True, kw_only=True)
class StackState:
    """What an exported state says of a stack.

    Attributes:
        stack_id: id of the stack in the ledger.
        party: the party that it was enrolled for.
        lineage: of the state.
        held: generations by kind and name, of the resources that hold something.
    """

    stack_id: str
    party: str
    lineage: str
    held: Mapping[tuple[str, str], tuple[int, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One thing that state and ledger say differently.

    Attributes:
        stack_id: of which stack.
        kind: node, site, row, duct or link; ``stack`` where it is about all of it.
        name: of the claim or asset; empty for the stack.
        what: what is the case.
        repair: what brings the two together.
    """

    stack_id: str
    kind: str
    name: str
    what: str
    repair: str

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        """For people."""
        of = f"{self.kind} {self.name} of stack {self.stack_id}" if self.name else f"stack {self.stack_id}"
        return f"{of}: {self.what}; {self.repair}"


def read_state(document: Any, name: str) -> StackState:
    """A state from the JSON of `pulumi stack export`.

    Args:
        document: the JSON.
        name: of its file, for people.

    Raises:
        StateError: when it is none, or has no Enrolment.
    """
    inner = document.get("deployment") if isinstance(document, dict) else None
    resources = inner.get("resources") if isinstance(inner, dict) else None
    if not isinstance(document, dict) or "deployment" not in document or not isinstance(resources, list | None):
        raise StateError(f"{name}: expected the output of: pulumi stack export; nothing was compared")
    own = [
        (str(item["type"]).removeprefix(OWN_TYPE), _outputs(item))
        for item in resources or ()
        if isinstance(item, dict) and str(item.get("type", "")).startswith(OWN_TYPE)
    ]
    enrolled = next((outputs for kind, outputs in own if kind == "Enrolment"), None)
    if enrolled is None:
        raise StateError(
            f"{name}: the state has no Enrolment, so nobody knows which stack of the ledger it is; nothing was compared"
        )
    held: dict[tuple[str, str], list[int]] = {}
    for kind, outputs in own:
        if kind in _KINDS:
            of, named = _KINDS[kind]
            held.setdefault((of, str(outputs.get(named, ""))), []).append(_generation(outputs))
    return StackState(
        stack_id=str(enrolled.get("stackId", "")),
        party=str(enrolled.get("party", "")),
        lineage=str(enrolled.get("lineage", "")),
        held={key: tuple(sorted(found)) for key, found in held.items()},
    )


def _outputs(item: Mapping[str, Any]) -> Mapping[str, Any]:
    outputs = item.get("outputs")
    return outputs if isinstance(outputs, dict) else {}


def _generation(outputs: Mapping[str, Any]) -> int:
    """The generation that a resource has; 0 where it says none."""
    given = outputs.get("generation")
    return int(given) if isinstance(given, int | float) and float(given).is_integer() else 0


def mismatches(state: StackState, report: StackReport) -> Iterator[Mismatch]:
    """What a state and the ledger say differently of a stack.

    Args:
        state: what the state says.
        report: what the ledger holds for the stack.
    """
    whole = _of_stack(state, report)
    if whole is not None:
        yield whole
        return
    held: dict[tuple[str, str], list[Holding]] = {}
    for one in report.holdings:
        held.setdefault((one.kind, one.name), []).append(one)
    for kind, name in sorted(held.keys() | state.held.keys()):
        yield from _of_one(state, kind, name, held.get((kind, name), []))


def _of_stack(state: StackState, report: StackReport) -> Mismatch | None:
    """What is wrong with the stack as a whole, so that its parts cannot be compared."""
    if report.lineage is None:
        what = "the ledger knows no such stack, or waits for its state"
        repair = f"bring it together: zonewright recover --stack NAME (party {state.party})"
    elif report.lineage not in ("", state.lineage):
        what = "the ledger knows it from another state: this is an old export, a second checkout, or the other is lost"
        repair = "export the state again; if the other state is lost: zonewright recover --stack NAME --take-over"
    else:
        return None
    return Mismatch(stack_id=state.stack_id, kind="stack", name="", what=what, repair=repair)


_UP = "run: pulumi up"
_RECOVER = "run: zonewright recover --stack NAME"


def _of_one(state: StackState, kind: str, name: str, rows: Sequence[Holding]) -> Iterator[Mismatch]:
    word = "claim" if kind == "node" else "asset"
    has = state.held.get((kind, name), ())
    current = next((row for row in rows if row.state in ("admitted", "active")), None)
    if not rows:
        what = f"the state has a resource, and the ledger has no {word}"
        repair = "run: pulumi refresh, and then pulumi up"
    elif not has:
        states = " and ".join(sorted({row.state for row in rows}))
        what = f"the ledger has the {word} ({states}), and the state has no resource"
        repair = _UP if states == "admitted" else _RECOVER
    elif current is not None and current.state == "active" and current.generation not in has:
        generations = " and ".join(map(str, has))
        what = f"the ledger has generation {current.generation}, the state {generations}: another resource holds it"
        repair = "export the state again, it may be old; else run: pulumi up"
    elif lost := sorted(row.generation for row in rows if row.state == "releasing" and row.generation not in has):
        generations = " and ".join(map(str, lost))
        what = f"the ledger still has what left with generation {generations}, and the state has no resource of it"
        repair = _RECOVER
    else:
        return
    yield Mismatch(stack_id=state.stack_id, kind=kind, name=name, what=what, repair=repair)

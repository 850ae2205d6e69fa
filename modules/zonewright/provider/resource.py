"""What a resource type is: plain data in, plain data out, over one session with the ledger."""

import re
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from zonewright.errors import Exit, ZonewrightError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import AdmissionStanding, StandingRequest
from zonewright.ledger.protocol.holding_messages import HoldingKind
from zonewright.ledger.transport.client import LedgerClient
from zonewright.provider.confirming import ConfirmGroups
from zonewright.provider.values import has_unknown, unknown

if TYPE_CHECKING:
    from zonewright.provider.hosts.inspect import Look
    from zonewright.provider.hosts.lease import SharedLease

Data = Mapping[str, Any]
PropertyChange = Literal["add", "delete", "update"]
TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}
_WORDS: Mapping[type, str] = {str: "text", int: "integer", float: "number", bool: "truth value", dict: "mapping"}


@dataclass(slots=True)
class Memory:
    """What the resources of one run tell each other; the process serves one stack and ends with the run.

    Attributes:
        drifted: claims and assets that the Admission's Diff found not to be as admitted.
        readmitted: the Admission is or was made again in this run.
        summary: what the Admission's Check was told that the change holds.
        notes: advisory and waived findings of the change, each on lines of its own after an empty one.
        changed: those of the notes that are told also when nothing changes, in the same form.
        lacking: what the change lacks of approvals, or empty.
        refusal: why the change is refused as it stands, as the Admission's Check was told; empty where it is not.
        cancelled: set when the run is to end; calls that last long watch it.
        renamed: old name by new name, of claims that the change only gives another one.
        bound: whether the ledger knows the stack by the lineage of its state, as the Enrolment's Check was told.
        standing: what the ledger holds for the stack: who holds what is active, what is deployed; None until somebody
            asks.
        steps: the last step of each stack that is of this run, by its id: as the Enrolment's Check was told, or the
            Admission's create. What comes after it in the ledger is another run's.
        confirms: the confirms that wait for a transaction of the ledger.
        confirmed: kind and name of what was confirmed in this run.
        imported: tokens of resources that were imported in this run.
        asking: taken while ``standing`` is asked for.
        leases: the right to change a fleet's hosts, by operator; the sites of a run share it.
        looks: what was seen on hosts in this run, by id of the resource.
        stands_as: digest of the present change by that of the one that a new zone file makes of it, where that asks for
            no decision, as the Admission's Check was told.
    """

    drifted: frozenset[str] = frozenset()
    readmitted: bool = False
    summary: str = ""
    notes: str = ""
    changed: str = ""
    lacking: str = ""
    refusal: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)
    bound: bool = True
    standing: AdmissionStanding | None = None
    steps: dict[str, int] = field(default_factory=dict)
    confirms: ConfirmGroups = field(default_factory=ConfirmGroups)
    confirmed: set[tuple[HoldingKind, str]] = field(default_factory=set)
    imported: set[str] = field(default_factory=set)
    asking: threading.Lock = field(default_factory=threading.Lock)
    cancelled: threading.Event = field(default_factory=threading.Event)
    leases: dict[str, "SharedLease"] = field(default_factory=dict)
    looks: dict[str, "Look"] = field(default_factory=dict)
    stands_as: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSession:
    """What every call has at hand.

    Attributes:
        ledger: the client.
        log: writes one line under a resource: (urn, text); an empty urn is the one that a read or delete is for.
        warn: the same as a warning.
        status: shows how far a resource is, for a moment: (urn, text).
        memory: see ``Memory``.
    """

    ledger: LedgerClient
    log: Callable[[str, str], None]
    warn: Callable[[str, str], None]
    status: Callable[[str, str], None]
    memory: Memory = field(default_factory=Memory)


def standing_of(session: ProviderSession, stack_id: str) -> AdmissionStanding:
    """What the ledger holds for the stack, which it tells once in a run."""
    memory = session.memory
    with memory.asking:
        if memory.standing is None:
            memory.standing = session.ledger.call(verbs.STANDING, StandingRequest(stack_id=stack_id, admission_id=""))
        return memory.standing


def step_of_run(session: ProviderSession, stack_id: str) -> int:
    """The stack's step that this run is; the ledger's last one where none of its resources was told."""
    if (step := session.memory.steps.get(stack_id)) is None:
        present = session.ledger.call(verbs.STANDING, StandingRequest(stack_id=stack_id, admission_id=""))
        step = session.memory.steps.setdefault(stack_id, present.step)
    return step


class CheckFailedError(ZonewrightError, ValueError):
    """The inputs are refused; ``str()`` is the whole message, which the engine prints once."""

    exit_code = Exit.REFUSED


class HalfDoneError(ZonewrightError):
    """A resource exists and is not as declared; the next ``up`` goes on with it.

    Attributes:
        id: its id.
        inputs: what the state should take for its inputs, so that the next difference shows what is left to do.
        outputs: what was done.
        reasons: one sentence for each thing that is not as declared.
    """

    exit_code = Exit.REFUSED

    def __init__(self, id_: str, *, inputs: "Data", outputs: "Data", reasons: Sequence[str]) -> None:
        super().__init__(*reasons)
        self.id, self.inputs, self.outputs, self.reasons = id_, inputs, outputs, tuple(reasons)


class EndsByItself:
    """A resource type whose calls watch ``Memory.cancelled``: a Cancel waits for what they have begun to do."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs: kind by property path, and the paths that force a replacement."""

    changes: Mapping[str, PropertyChange] = field(default_factory=dict)
    replaces: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ReadResource:
    """A resource as it is: its id, inputs and outputs."""

    id: str
    inputs: Data
    outputs: Data


@dataclass(frozen=True, slots=True)
class Input:
    """One declared input or output.

    Attributes:
        type: its Pulumi type.
        description: what it is, in words that also say what was expected of a wrong one.
        required: it must be there.
        replaces: a change of it replaces the resource.
        pattern: what the whole value must look like, as a regular expression; empty takes any.
        nested: an object or array may hold anything, not only text.
        part: the part of a declaration that each of its members is, such as ``Cluster``; empty where it is none.
    """

    type: Literal["string", "integer", "number", "boolean", "object", "array"]
    description: str
    required: bool = True
    replaces: bool = False
    pattern: str = ""
    nested: bool = False
    part: str = ""


class Resource(Protocol):
    """One resource type; every method may block, and is called in a worker thread."""

    token: str
    description: str
    inputs: Mapping[str, Input]
    outputs: Mapping[str, Input]

    def check(
        self, session: ProviderSession, urn: str, old: Data | None, new: dict[str, Any], seed: bytes
    ) -> dict[str, Any]:
        """The inputs to use; raises ``CheckFailedError``."""
        ...

    def diff(self, session: ProviderSession, urn: str, id_: str, old: Data, new: Data) -> Difference:
        """What differs between the old inputs, with what only the state has, and the new inputs."""
        ...

    def create(self, session: ProviderSession, urn: str, new: Data, *, preview: bool) -> tuple[str, Data]:
        """Make it; returns id and outputs."""
        ...

    def read(self, session: ProviderSession, id_: str, last: ReadResource | None) -> ReadResource | None:
        """The resource as it is now, or None when it is gone; ``last`` is what the state has, None in an import."""
        ...

    def update(self, session: ProviderSession, urn: str, id_: str, state: Data, new: Data, *, preview: bool) -> Data:
        """Change it in place; returns outputs."""
        ...

    def delete(self, session: ProviderSession, id_: str, state: Data) -> None:
        """Take it away; a thing that is gone already is no error."""
        ...


class CheckedResource:
    """A resource type whose inputs are checked against what it declares; one that asks the ledger too adds to it.

    Attributes:
        inputs: what it takes.
        outputs: what the state has of it.
        plain: inputs that must be known at once, so they are no outputs of other resources.
        kept: properties that every state of it has, also one of an older version.
    """

    inputs: Mapping[str, Input]
    outputs: Mapping[str, Input]
    plain: Collection[str] = ()
    kept: Collection[str] = ("stackId",)

    @property
    def asks_nobody(self) -> bool:
        """Whether its inputs are checked against what it declares only, and the ones of before make no difference."""
        return type(self).check is CheckedResource.check

    def check(
        self, _session: ProviderSession, _urn: str, _old: Data | None, new: dict[str, Any], _seed: bytes
    ) -> dict[str, Any]:
        """The inputs to use, which are the program's.

        Raises:
            CheckFailedError: with all that is wrong with them.
        """
        check_inputs(self.inputs, new)
        require_known(new, self.plain)
        return new


MOST_FAULTS = 10
"""Faults of one call that are told."""
_MOST_SHOWN = 200
DIGEST = r"sha256:[0-9a-f]{64}"
STACK_ID = Input("string", "id from the stack's configuration", replaces=True, pattern=r"[A-Za-z0-9][\w.-]{7,63}")


def check_inputs(inputs: Mapping[str, Input], new: Data) -> None:
    """All faults of a resource's inputs in one message; values that are not known yet pass.

    Raises:
        CheckFailedError: one line for each fault.
    """
    odd = (name for name in new if name not in inputs)
    faults = [f"input '{shortened(name)}' is unknown: expected one of {', '.join(inputs)}" for name in odd]
    faults += _wrong(inputs, new, "input", [name for name, declared in inputs.items() if declared.required])
    if faults:
        raise CheckFailedError("\n".join(faults[:MOST_FAULTS]))


def require_state(declared: Mapping[str, Input], state: Data, kept: Collection[str]) -> None:
    """Refuse a state that somebody has edited, or that is of something else: nothing may be done by it.

    Args:
        declared: inputs or outputs of its type, or both.
        state: what the state has of it.
        kept: what of these every state has.

    Raises:
        CheckFailedError: one line for each property that is missing or has another type.
    """
    what = "the state's property"
    faults = [f"{what} '{shortened(name)}' is not known yet" for name, value in state.items() if has_unknown(value)]
    if faults := [*faults, *_wrong(declared, state, what, kept)]:
        text = "; restore the state from before it was edited (pulumi stack export --version, pulumi stack import)"
        raise CheckFailedError("\n".join(faults[:MOST_FAULTS]) + text)


def _wrong(inputs: Mapping[str, Input], data: Data, what: str, required: Collection[str]) -> list[str]:
    """What is missing or has another type; values that are not known yet pass."""
    faults = []
    for name, declared in inputs.items():
        value = data.get(name)
        if value is None:
            if name in required:
                faults.append(f"{what} '{name}' is missing: expected {declared.description}")
        elif value is not unknown and not _fits(declared, value):
            got = (
                f"'{shortened(value)}'"
                if isinstance(value, str)
                else f"{_WORDS.get(type(value), 'list')} {shortened(value)}"
            )
            faults.append(f"{what} '{name}': expected {declared.type}, {declared.description}; got {got}")
    return faults


def shortened(value: object) -> str:
    """A value as a sentence repeats it: the begin of a long one."""
    text = str(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def _fits(declared: Input, value: Any) -> bool:
    if type(value) not in TYPES[declared.type]:
        return False
    if isinstance(value, dict | list):
        items = value.values() if isinstance(value, dict) else value
        return declared.nested or all(item is unknown or isinstance(item, str) for item in items)
    return not declared.pattern or re.fullmatch(declared.pattern, str(value)) is not None


def split_id(id_: str) -> tuple[str, str] | None:
    """Stack id and name of a resource id such as ``fin-3f2a.../core-001``; None when it is no such id."""
    stack_id, slash, name = id_.partition("/")
    return (stack_id, name) if slash and name and re.fullmatch(STACK_ID.pattern, stack_id) else None


def require_known(inputs: Data, names: Iterable[str]) -> None:
    """Refuse inputs that must be plain values.

    Raises:
        CheckFailedError: naming those that depend on other resources.
    """
    outputs = sorted(name for name in names if has_unknown(inputs.get(name)))
    if outputs:
        raise CheckFailedError(
            f"{', '.join(outputs)}: expected plain values, got outputs of other resources that are not known yet; "
            "the whole change must be known before it can be admitted"
        )


def compare(inputs: Mapping[str, Input], old: Data, new: Data) -> Difference:
    """Property by property, down to single values, so that a preview shows which watt, place or address changed."""
    before, after = ({key: data[key] for key in inputs if key in data} for data in (old, new))
    changes = dict(_changes(before, after, ""))
    replaces = frozenset(path for path in changes if (top := inputs.get(top_of(path))) is not None and top.replaces)
    return Difference(changes, replaces)


def top_of(path: str) -> str:
    """The property that a path begins with."""
    return path.split("[", 1)[0]


def _changes(before: Any, after: Any, path: str) -> Iterator[tuple[str, PropertyChange]]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted(before.keys() | after.keys()):
            inner = f'{path}["{key}"]' if path else key
            if key not in before:
                yield inner, "add"
            elif key not in after:
                yield inner, "delete"
            else:
                yield from _changes(before[key], after[key], inner)
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            if index >= len(before):
                yield f"{path}[{index}]", "add"
            elif index >= len(after):
                yield f"{path}[{index}]", "delete"
            else:
                yield from _changes(before[index], after[index], f"{path}[{index}]")
    elif before != after or has_unknown(after):
        yield path, "update"

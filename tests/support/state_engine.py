"""A small model of the engine and its state file, and what people do to it, through a real provider over gRPC.

It knows the order of steps, targets, replacements, pending deletes, and runs that are stopped or lose an answer. What
the program would ask of the ledger, a :class:`~support.ledger_party.Party` asks.
"""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc

from support.ledger_party import EMPTY, Party
from support.provider_process import ProviderProcess
from support.zone_project import cluster
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import Proposal
from zonewright.ledger.protocol.change import change_digest, place_text
from zonewright.ledger.protocol.content_messages import ContentRequest
from zonewright.ledger.protocol.stack_messages import ReconcileRequest, RecoverRequest, ReportRequest
from zonewright.model.canonical import digest_of
from zonewright.provider.values import from_struct

AnswerT = TypeVar("AnswerT")
RACK = "dc1/a/01/01"
SINGLE = {"Enrolment": "enrolment", "Admission": "admission", "Completion": "completion"}
_GOING = ("Completion", "Node", "Admission", "Enrolment")
Wish = Mapping[str, int | None]
"""U of each wished node by the letter of its cluster; None leaves the place to the ledger."""


class StoppedError(Exception):
    """The run ends here: it was cancelled, or the engine refuses it."""


@dataclass(eq=False, repr=False)
class Entry:
    """A resource in the state file.

    Attributes:
        going: replaced, and still to be deleted.
        imported: nothing of the state says what it depends on.
        unsure: the ledger did a step of it, and the engine does not know.
    """

    kind: str
    name: str
    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    going: bool = False
    imported: bool = False
    unsure: bool = False

    def __repr__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def claim(self) -> str:
        """The name of a node's claim."""
        return str(self.inputs["claim"])

    @property
    def place(self) -> tuple[str, int]:
        """Rack and U of a node."""
        return self.inputs["rack"], self.inputs["position"]


@dataclass(kw_only=True)
class Run:
    """How far a run comes.

    Attributes:
        steps: how many steps are done before it is stopped; None for all.
        answer_lost: the step at which it is stopped is done, and the engine does not learn of it.
    """

    steps: int | None = None
    answer_lost: bool = False

    def step(self, entry: Entry | None, call: Callable[[], AnswerT]) -> AnswerT:
        """Do one step of a resource, which may be new."""
        if self.steps == 0:
            if self.answer_lost:
                call()
                if entry is not None:
                    entry.unsure = True
            raise StoppedError
        answer = call()
        if self.steps is not None:
            self.steps -= 1
        return answer


def claim_of(letter: str) -> str:
    """Name of the claim of a cluster's one node."""
    return f"{letter}-001"


@dataclass(kw_only=True, eq=False)
class StateEngine:
    """One checkout of a stack: its state file, the older ones that were kept, and its program.

    Attributes:
        party: who the stack is in the ledger.
        provider: a running one; it is configured for each run.
        entries: the state file.
        kept: older state files.
        prefix: what the program puts before a claim's name, to name its resource.
        fault: why the last ``up`` that did not come to its end did not.
    """

    party: Party
    provider: ProviderProcess
    entries: list[Entry] = field(default_factory=list)
    kept: list[list[Entry]] = field(default_factory=list)
    prefix: str = ""
    fault: str = ""

    def of(self, kind: str) -> list[Entry]:
        """Resources of one type, those that are still to be deleted too."""
        return [entry for entry in self.entries if entry.kind == kind]

    def find(self, kind: str, name: str) -> Entry | None:
        """The resource of that type and name, unless it was replaced."""
        return next((one for one in self.entries if (one.kind, one.name) == (kind, name) and not one.going), None)

    def up(
        self,
        wish: Wish,
        run: Run,
        *,
        targets: Collection[str] | None = None,
        replaced: Collection[str] = (),
        delete_first: bool = False,
    ) -> bool:
        """``pulumi up``; whether it came to its end."""
        self.provider.configure(self.party.client.url)
        try:
            _Up(self, run, targets, replaced, delete_first=delete_first).carry_out(wish)
        except (StoppedError, LedgerRefusedError, grpc.RpcError, ValueError) as error:
            self.fault = str(error)
            return False
        return True

    def destroy(self, run: Run, *, targets: Collection[str] | None = None, imports_last: bool = False) -> bool:
        """``pulumi destroy``, of all or of what is targeted; whether it came to its end."""
        self.provider.configure(self.party.client.url)
        going = [entry for entry in self.entries if targets is None or entry.name in targets]
        try:
            for entry in sorted(going, key=lambda one: (imports_last and one.imported, _GOING.index(one.kind))):
                self.delete(entry, run)
        except (StoppedError, grpc.RpcError):
            return False
        return True

    def delete(self, entry: Entry, run: Run) -> None:
        """One step: the resource goes, and its entry."""
        run.step(
            entry,
            lambda: self.provider.delete(entry.kind, entry.name, entry.id, inputs=entry.inputs, outputs=entry.outputs),
        )
        self.entries.remove(entry)

    def refresh(self) -> None:
        """``pulumi refresh``: what is gone leaves the state."""
        self.provider.configure(self.party.client.url)
        for entry in [one for one in self.entries if not one.going]:
            answer = self.provider.read(entry.kind, entry.name, entry.id, inputs=entry.inputs, outputs=entry.outputs)
            if answer.HasField("properties"):
                entry.inputs, entry.outputs = from_struct(answer.inputs), from_struct(answer.properties)
            else:
                self.entries.remove(entry)

    def import_node(self, claim: str, name: str) -> bool:
        """``pulumi import``; whether there was such a claim, and no resource of that name."""
        self.provider.configure(self.party.client.url)
        id_ = f"{self.party.stack_id}/{claim}"
        answer = self.provider.read("Node", name, id_)
        if self.find("Node", name) is not None or not answer.HasField("properties"):
            return False
        inputs, outputs = from_struct(answer.inputs), from_struct(answer.properties)
        checked = self.provider.check("Node", name, inputs, inputs)
        found = self.provider.diff("Node", name, id_=id_, old_inputs=inputs, state=outputs, new=checked)
        assert not found.diffs, "an import must find what it has just read"
        self.entries.append(Entry("Node", name, id_, inputs, outputs, imported=True))
        return True

    def forget(self, entry: Entry) -> None:
        """``pulumi state delete --target-dependents``."""
        dependents = {
            "Completion": (),
            "Node": ("Completion",),
            "Admission": ("Completion", "Node"),
            "Enrolment": ("Completion", "Node", "Admission"),
        }[entry.kind]
        also = () if entry.imported else dependents
        self.entries = [one for one in self.entries if one is not entry and (one.kind not in also or one.imported)]

    def keep(self) -> None:
        """Keep the state file as it is."""
        self.kept.append(deepcopy(self.entries))

    def restore(self, index: int) -> None:
        """Put an older state file in the place of the present one."""
        self.entries = deepcopy(self.kept[index])

    def alias(self, prefix: str) -> bool:
        """Rename the program's nodes with aliases; whether no resource has such a name yet."""
        if any(one.name.startswith(prefix) and not one.name.startswith(self.prefix) for one in self.of("Node")):
            return False
        for entry in self.of("Node"):
            if entry.name == f"{self.prefix}{entry.claim}":
                entry.name = f"{prefix}{entry.claim}"
        self.prefix = prefix
        return True

    def recover(self) -> bool:
        """What ``zonewright recover --take-over`` does before its ``up``; whether another state was the stack's."""
        known = self.party.client.call(verbs.REPORT, ReportRequest(stack_id=self.party.stack_id, holdings=False))
        mine = next((entry.outputs["lineage"] for entry in self.of("Enrolment")), None)
        holders = [entry.outputs["holder"] for entry in self.of("Node")]
        if known.lineage is None:
            return False
        if known.lineage == mine:
            reconcile = ReconcileRequest(stack_id=self.party.stack_id, lineage=mine, holders=holders)
            self.party.client.call(verbs.RECONCILE, reconcile)
            return False
        request = RecoverRequest(
            stack_id=self.party.stack_id,
            party=self.party.party,
            state_is_empty=not holders,
            holders=holders,
        )
        self.party.client.call(verbs.RECOVER, request)
        return True


@dataclass
class _Up:
    """One run of ``pulumi up``."""

    stack: StateEngine
    run: Run
    targets: Collection[str] | None
    replaced: Collection[str]
    delete_first: bool = field(kw_only=True)
    registered: set[tuple[str, str]] = field(default_factory=set)

    def carry_out(self, wish: Wish) -> None:
        """Ask for places, register everything, delete what is left."""
        party = self.stack.party
        clusters: dict[str, Any] = {}
        for letter, unit in wish.items():
            places: dict[str, Any] = {"places": {"001": {"rack": RACK, "position": unit}}} if unit else {}
            clusters[letter] = cluster(1, **places)
        proposal = party.propose(party.demand(clusters=clusters) if clusters else party.demand())
        party.client.call(verbs.STORE, ContentRequest(texts=[EMPTY]))
        for kind, name, inputs in self._program(proposal):
            self._register(kind, name, inputs)
        for entry in sorted(self.stack.entries, key=lambda one: _GOING.index(one.kind)):
            is_left = entry.going or (entry.kind, entry.name) not in self.registered
            if is_left and (self.targets is None or entry.name in self.targets):
                self.stack.delete(entry, self.run)

    def _program(self, proposal: Proposal) -> Iterator[tuple[str, str, dict[str, Any]]]:
        stack_id, rendered = self.stack.party.stack_id, digest_of(EMPTY)
        yield "Enrolment", "enrolment", {"stackId": stack_id, "party": self.stack.party.party}
        enrolment = self.stack.find("Enrolment", "enrolment")
        places = {name: place_text(seat, proposal.addresses.get(name, {})) for name, seat in proposal.seats.items()}
        yield (
            "Admission",
            "admission",
            {
                "stackId": stack_id,
                "party": self.stack.party.party,
                "lineage": enrolment.outputs["lineage"] if enrolment else "",
                "demandDigest": proposal.demand_digest,
                "places": places,
                "renderedDigest": rendered,
            },
        )
        for name, seat in proposal.seats.items():
            inputs = {"rack": seat.rack, "position": seat.position, "face": seat.face, "nodeType": "one-u"}
            known = {"stackId": stack_id, "claim": name, "addresses": proposal.addresses[name]}
            yield "Node", f"{self.stack.prefix}{name}", known | inputs
        digest = change_digest(proposal.demand_digest, proposal.seats, proposal.addresses, rendered)
        yield "Completion", "completion", {"stackId": stack_id, "changeDigest": digest}

    def _register(self, kind: str, name: str, new: dict[str, Any]) -> None:
        provider, old = self.stack.provider, self.stack.find(kind, name)
        self.registered.add((kind, name))
        if self.targets is not None and name not in self.targets:
            if old is None:  # what depends on a resource that is left out can not be made
                raise StoppedError
            return
        inputs = provider.check(kind, name, new, old.inputs if old else None, seed=os.urandom(32))
        if old is None:
            self._create(kind, name, inputs)
            return
        found = provider.diff(kind, name, id_=old.id, old_inputs=old.inputs, state=old.outputs, new=inputs)
        if name in self.replaced and self.delete_first and kind == "Node":
            self.stack.delete(old, self.run)
            self._create(kind, name, inputs)
            return
        if found.replaces or name in self.replaced:
            self._create(kind, name, inputs)
            old.going = True
        elif found.diffs:
            old.outputs = self.run.step(old, lambda: provider.update(kind, name, old.id, state=old.outputs, new=inputs))
        if not old.going:
            old.inputs = inputs

    def _create(self, kind: str, name: str, inputs: dict[str, Any]) -> None:
        id_, outputs = self.run.step(None, lambda: self.stack.provider.create(kind, name, inputs))
        self.stack.entries.append(Entry(kind, name, id_, inputs, outputs))

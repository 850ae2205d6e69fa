"""A stack whose clusters and nodes get other names: the program's aliases and the real Node resource, no engine.

What the engine does here is what it does with aliases: a resource is found by its name, or by one that it had before.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from support.ledger_party import Party
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import AdmissionAnswer, CompleteRequest, Proposal
from zonewright.ledger.protocol.holding_messages import Holding
from zonewright.ledger.protocol.stack_messages import ReportRequest
from zonewright.model.demand import Demand
from zonewright.model.expand import nodes_of
from zonewright.program.registering import former_names
from zonewright.provider.resource import Memory, ProviderSession
from zonewright.provider.resources.node import NodeResource


class StoppedError(Exception):
    """The run was killed."""


@dataclass
class RenamingStack:
    """One stack.

    Attributes:
        party: who it is in the ledger.
        state: inputs and outputs of each node's resource, by name of the resource.
        admission: the present one.
        told: what the last run did: a word and a name for each step of a node.
    """

    party: Party
    state: dict[str, tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=dict)
    admission: AdmissionAnswer | None = None
    going: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)

    def up(self, clusters: Mapping[str, Any], *, steps: int | None = None) -> Proposal:
        """``pulumi up``, killed after some steps of nodes if ``steps`` says so."""
        self.told = []
        demand = self.party.demand(clusters=dict(clusters))
        proposal = self.party.propose(demand)
        admission = self.party.admit(proposal)
        memory = Memory(renamed=proposal.renamed)
        session = ProviderSession(
            ledger=self.party.client,
            log=lambda _urn, _text: None,
            warn=lambda _urn, _text: None,
            status=lambda _urn, _text: None,
            memory=memory,
        )
        before, self.admission = self.admission, admission
        for number, step in enumerate(self._steps(session, demand, proposal)):
            if steps == number:
                raise StoppedError
            step()
        self.party.client.call(
            verbs.COMPLETE,
            CompleteRequest(stack_id=self.party.stack_id, change_digest=admission.change_digest),
        )
        if before is not None:
            self.party.settle(before)
        return proposal

    def _steps(self, session: ProviderSession, demand: Demand, proposal: Proposal) -> Iterator[Any]:
        node_type = NodeResource()
        kept: set[str] = set()
        for cluster_id, wanted in sorted(demand.clusters.items()):
            for node in nodes_of(cluster_id, wanted.cluster):
                seat = proposal.seats[node.name]
                new = {
                    "stackId": self.party.stack_id,
                    "claim": node.name,
                    "nodeType": wanted.cluster.node_type,
                    **seat.to_data(),
                    "addresses": proposal.addresses.get(node.name, {}),
                }
                names = (node.name, *former_names(cluster_id, wanted, node, proposal))
                found = next((name for name in names if name in self.state and name not in kept), None)
                kept.add(node.name)
                if found is not None and found != node.name:
                    self.state[node.name] = self.state.pop(found)

                def step(name: str = node.name, new: dict[str, Any] = new) -> None:
                    self._one(session, node_type, name, new)

                yield step
        for name in [name for name in self.state if name not in kept]:

            def gone(name: str = name) -> None:
                inputs, outputs = self.state[name]
                node_type.delete(session, "", outputs)
                self.told.append(("delete", str(inputs["claim"])))
                del self.state[name]

            yield gone
        for pair in list(self.going):

            def old(pair: tuple[dict[str, Any], dict[str, Any]] = pair) -> None:
                node_type.delete(session, "", pair[1])
                self.going.remove(pair)

            yield old

    def _one(self, session: ProviderSession, node_type: NodeResource, name: str, new: dict[str, Any]) -> None:
        if name not in self.state:
            _, outputs = node_type.create(session, "", new, preview=False)
            self.state[name] = new, dict(outputs)
            self.told.append(("create", name))
            return
        inputs, outputs_before = self.state[name]
        kept = {"generation": outputs_before["generation"], "holder": outputs_before["holder"]}
        found = node_type.diff(session, "", "", {**inputs, **kept}, new)
        if not found.changes:
            return
        if found.replaces:
            self.going.append(self.state[name])
            _, outputs = node_type.create(session, "", new, preview=False)
            self.told.append(("replace", name))
        else:
            outputs = node_type.update(session, "", "", outputs_before, new, preview=False)
            self.told.append(("update", name))
        self.state[name] = new, dict(outputs)

    def held(self) -> list[Holding]:
        """What the ledger holds for it."""
        return self.party.client.call(verbs.REPORT, ReportRequest(stack_id=self.party.stack_id)).holdings

    def places(self) -> dict[str, tuple[str, int, str]]:
        """Rack, U and address of each node that is active, by name."""
        active: dict[str, dict[str, Any]] = {one.name: one.data for one in self.held() if one.state == "active"}
        return {
            name: (data["rack"], data["position"], data["addresses"].get("v4", "")) for name, data in active.items()
        }

"""The doors through which a declaration is judged: a zone's folder, and the ledger from `check --stack` to `up`.

What the command, the program and the provider ask, in this process and by the same functions; without arguments,
printing and the engine.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from support.ledger_party import Party
from support.policy_resources import registered
from zonewright.changes.loading import load_owner
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import EvaluateRequest, Proposal, ProposeRequest
from zonewright.ledger.protocol.stack_messages import stack_id_of
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Declaration
from zonewright.model.demand import demand_of
from zonewright.own_rules import evaluate_all
from zonewright.place import judge_declaration
from zonewright.policy.judging import by_ledger, by_resources
from zonewright.policy.stack_resources import read_stack
from zonewright.rules.finding import Finding

ON = "2026-11-29"
Told = tuple[str, str, str, int | None, int | None, str, int]
"""Rule, level, subject, value, limit, unit and excess of a finding."""


def told(findings: Iterable[Finding]) -> frozenset[Told]:
    """Findings in the form in which they are compared: figure by figure."""
    return frozenset((one.rule, one.level, one.subject, one.value, one.limit, one.unit, one.excess) for one in findings)


def folder(declaration: Declaration) -> Sequence[Finding]:
    """What `check ZONE` says."""
    return judge_declaration(declaration, on=ON, judge=evaluate_all).findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One owner who comes to a ledger.

    Attributes:
        client: the ledger.
        declaration: of the owners that the ledger holds, and of this one: what a folder would hold.
        owner: who comes.
    """

    client: LedgerClient
    declaration: Declaration
    owner: str

    def asked(self) -> dict[str, Sequence[Finding]]:
        """What `check --stack` says, `pulumi preview` (the Admission's check of what is proposed) and the policy pack.

        The pack judges what the program would register: by the ledger, and alone where it has none.
        """
        proposal = self._proposed(reserve=False)
        request = EvaluateRequest(
            stack_id=stack_id_of(self.owner),
            party=self.owner,
            lineage="",
            demand_digest=proposal.demand_digest,
            seats=proposal.seats,
            addresses=proposal.addresses,
        )
        evaluation = self.client.call(verbs.EVALUATE, request)
        demand = demand_of(self.declaration, self.owner)
        resources = registered(demand, proposal, stack_id=stack_id_of(self.owner), ledger=self.client.url)
        stack = read_stack(resources)
        assert stack.faults == []
        (admission,) = stack.admissions.values()
        return {
            "check --stack": proposal.findings,
            "preview": evaluation.findings,
            "policy pack": list(by_ledger(admission, self.client)),
            "policy pack alone": by_resources(stack, party=self.owner, stack_id=stack_id_of(self.owner)),
        }

    def up(self) -> Sequence[Finding]:
        """What `pulumi up` says: it reserves a proposal and asks to admit exactly that."""
        stack = Party(self.client, stack_id_of(self.owner), self.owner, lineage="loaded", zone=self.declaration.zone)
        stack.enrol()
        proposal = self._proposed(reserve=True)
        try:
            stack.admit(proposal)
        except LedgerRefusedError as error:
            return error.findings
        return proposal.findings

    def load(self) -> Sequence[Finding]:
        """What `ledger load` says; where nothing refuses, the ledger holds the owner's file from then on."""
        try:
            return load_owner(self.client, self.declaration, self.owner).findings
        except LedgerRefusedError as error:
            return error.findings

    def _proposed(self, *, reserve: bool) -> Proposal:
        request = ProposeRequest(
            stack_id=stack_id_of(self.owner),
            party=self.owner,
            demand=demand_of(self.declaration, self.owner),
            sources=self.declaration.sources_of(self.owner),
            reserve=reserve,
        )
        return self.client.call(verbs.PROPOSE, request)


def with_owner(declaration: Declaration, held: Iterable[str], owner: str) -> Declaration:
    """What a folder holds that has the files of some owners, and of one more."""
    files = {name: file for name, file in declaration.owners.items() if name in {*held, owner}}
    return replace(declaration, owners=files)

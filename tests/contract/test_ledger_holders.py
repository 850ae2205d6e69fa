"""Who holds a claim: the resource that confirmed it last, and nobody else's delete frees it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.ledger_party import ZONE_FILE, Party, bring_up_racks
from support.ledger_proxy import ledger_service
from support.roads import IN_PROCESS, on_every_road, road_of
from support.zone_project import cluster
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import StandingRequest
from zonewright.ledger.protocol.holding_messages import ConfirmRequest, ReleaseAnswer, ReleaseRequest
from zonewright.ledger.protocol.stack_messages import EnrolRequest, InitRequest, Reconciled, ReconcileRequest
from zonewright.ledger.transport.client import LedgerClient

FIRST, SECOND = "0123456789abcdef", "fedcba9876543210"


@dataclass
class Held:
    """A tenant's stack with one node, and what a resource of it may do with its token."""

    tenant: Party

    @property
    def client(self) -> LedgerClient:
        """The ledger, reached in one of the ways."""
        return self.tenant.client

    def confirm(self, holder: str, generation: int = 0) -> int:
        """The resource with this token exists."""
        request = ConfirmRequest(
            stack_id=self.tenant.stack_id, kind="node", name="web-001", generation=generation, holder=holder
        )
        return self.client.call(verbs.CONFIRM, request).generation

    def release(self, holder: str, generation: int) -> ReleaseAnswer:
        """The resource with this token is gone."""
        request = ReleaseRequest(
            stack_id=self.tenant.stack_id, kind="node", name="web-001", generation=generation, holder=holder
        )
        return self.client.call(verbs.RELEASE, request)

    def reconcile(self, *holders: str, lineage: str = "lineage-1") -> Reconciled:
        """The state has the resources with these tokens."""
        request = ReconcileRequest(stack_id=self.tenant.stack_id, lineage=lineage, holders=list(holders))
        return self.client.call(verbs.RECONCILE, request)

    def is_offered_to_others(self) -> bool:
        """Whether another tenant gets the unit, which is the only one."""
        other = Party(self.client, "stack-of-tenant-b", "tenant-b")
        return bool(other.propose(other.demand(clusters={"db": cluster(1)}), reserve=False).seats)


@pytest.fixture(name="held")
def _held(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Held]:
    def admitted(client: LedgerClient) -> Held:
        bring_up_racks(client, 1, u_height=1)
        tenant = Party(client, "stack-of-tenant-a", "tenant-a")
        tenant.enrol()
        tenant.admit(tenant.propose(tenant.demand(clusters={"web": cluster(1)})))
        return Held(tenant)

    with LedgerClient(f"sqlite:///{tmp_path / 'ledger.db'}", create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        if road_of(request) == IN_PROCESS:
            yield admitted(client)
            return
    with ledger_service(tmp_path / "ledger.db") as service, LedgerClient(service.url) as client:
        yield admitted(client)


@on_every_road("held")
@pytest.mark.parametrize("stranger", [SECOND, ""], ids=["another token", "no token"])
def test_only_the_holder_frees(held: Held, stranger: str) -> None:
    """A delete by another resource frees nothing, even with the right generation, and says that somebody holds it."""
    generation = held.confirm(FIRST)
    assert held.release(stranger, generation) == ReleaseAnswer(freed=False, stays=True)
    assert not held.is_offered_to_others()
    assert held.release(FIRST, generation) == ReleaseAnswer(freed=True)
    assert held.is_offered_to_others()


def test_a_name_that_comes_back_has_a_generation_that_nobody_had(held: Held) -> None:
    """A freed claim has no row any more, and a late delete of its resource frees nothing of the one that came after."""
    older = held.confirm("", held.confirm(""))
    assert held.release("", older).freed is True
    held.tenant.admit(held.tenant.propose(held.tenant.demand(clusters={"web": cluster(1)})))
    newer = held.confirm("")
    assert newer > older
    assert held.release("", older) == ReleaseAnswer(freed=False, stays=True)
    assert held.release("", newer).freed is True
    assert held.release("", newer) == ReleaseAnswer(freed=False)


def test_a_claim_that_was_confirmed_without_a_token_goes_by_its_generation(held: Held) -> None:
    """States of a version without tokens go on as they did: the last generation frees, an older one does not."""
    older = held.confirm("")
    newer = held.confirm("", older)
    assert held.release("", older).freed is False
    assert held.release("", newer).freed is True


def test_a_claim_without_a_token_is_not_freed_by_an_import(held: Held) -> None:
    """An import has a token of its own and the claim's generation; its delete frees nothing of an older state."""
    generation = held.confirm("")
    assert held.release(SECOND, generation).freed is False
    assert held.reconcile() == Reconciled(admitted=0, freed=0)
    assert held.tenant.states() == [("web-001", "active")]


def test_the_holder_frees_whatever_generation_its_state_has(held: Held) -> None:
    """A holder whose state was restored from an older file is still the holder."""
    older = held.confirm(FIRST)
    held.confirm(FIRST, older)
    assert held.release(FIRST, older).freed is True


def test_who_confirms_takes_over(held: Held) -> None:
    """The resource that an up keeps is the holder from then on; the delete of the one before frees nothing."""
    generation = held.confirm(FIRST)
    later = held.confirm(SECOND, generation)
    assert held.release(FIRST, later).freed is False
    standing = held.client.call(verbs.STANDING, StandingRequest(stack_id=held.tenant.stack_id, admission_id="1"))
    assert standing.holders["node"]["web-001"].holder == SECOND
    assert held.release(SECOND, later).freed is True


def test_what_the_state_lost_is_only_admitted(held: Held) -> None:
    """Reconciling leaves what the state holds as it is; what it lost keeps its unit until the next up."""
    held.confirm(FIRST)
    assert held.reconcile(FIRST) == Reconciled(admitted=0, freed=0)
    assert held.tenant.states() == [("web-001", "active")]
    assert held.reconcile() == Reconciled(admitted=1, freed=0)
    assert held.tenant.states() == [("web-001", "admitted")]
    assert not held.is_offered_to_others()


def test_what_was_leaving_and_is_lost_is_freed(held: Held) -> None:
    """A node that left the declaration keeps its unit while its resource is in the state, and not after that."""
    held.confirm(FIRST)
    held.tenant.admit(held.tenant.propose(held.tenant.demand()))
    assert held.tenant.states() == [("web-001", "releasing")]
    assert held.reconcile(FIRST) == Reconciled(admitted=0, freed=0)
    assert not held.is_offered_to_others()
    assert held.reconcile() == Reconciled(admitted=0, freed=1)
    assert held.is_offered_to_others()


def test_another_checkout_reconciles_nothing(held: Held) -> None:
    """A state that is not the stack's is refused, and everything stays."""
    held.confirm(FIRST)
    with pytest.raises(LedgerRefusedError):
        held.reconcile(lineage="lineage-2")
    assert held.tenant.states() == [("web-001", "active")]


def test_an_enrolment_says_whether_it_is_bound(held: Held) -> None:
    """A dry run tells whether an up would have to bind, and binds nothing itself."""
    new = EnrolRequest(stack_id="stack-of-tenant-b", party="tenant-b", lineage="lineage-b", dry_run=True)
    assert held.client.call(verbs.ENROL, new).bound is False
    assert held.client.call(verbs.ENROL, new).bound is False
    assert held.client.call(verbs.ENROL, new.model_copy(update={"dry_run": False})).bound is True
    assert held.client.call(verbs.ENROL, new).bound is True

"""What people do with plans: register one, give a verdict on one."""

from zonewright.audit.evidence import gathering
from zonewright.audit.evidence.contents import Contents
from zonewright.audit.evidence.planning import Material
from zonewright.audit.evidence.signing import signed_plan, signed_verdict, signer_of
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.change_messages import Plan, PlanAnswer, PlanRequest, VerdictRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model.zone import Zone
from zonewright.seal import SealError
from zonewright.seal.keys import SigningKey
from zonewright.seal.statement import Verdict
from zonewright.seal.viewed import Viewed


def register(ledger: LedgerClient, made: Material, plan: Plan, zone: Zone, key: SigningKey) -> tuple[str, PlanAnswer]:
    """Sign a plan and register it; gives the envelope and what the plan needs now.

    Raises:
        SealError: when the key is that of nobody, or of another party's person.
        LedgerRefusedError: when the ledger finds something else than the plan says.
    """
    author = signer_of(zone, key)
    if zone.signers[author].party != plan.party:
        raise SealError(f"{author} acts for {zone.signers[author].party}, but the change belongs to {plan.party}")
    gathering.store(ledger, made)
    envelope = signed_plan(plan, key, signer=author)
    request = PlanRequest(stack_id=plan.stack_id, plan=plan.text(), envelope=envelope)
    return envelope, ledger.call(verbs.PLAN, request)


def vote(
    ledger: LedgerClient,
    contents: Contents,
    key: SigningKey,
    *,
    verdict: Verdict,
    comment: str,
    at: str,
    viewed: Viewed | None = None,
) -> tuple[str, PlanAnswer]:
    """Sign a verdict and register it; gives the signer and what the plan needs now.

    Args:
        ledger: the ledger.
        contents: the plan's bundle.
        key: the signer's key.
        verdict: approve or reject.
        comment: why.
        at: the present, ISO 8601.
        viewed: which differences the signer has seen; None says nothing about it.
    """
    signer = signer_of(contents.zone, key)
    envelope = signed_verdict(contents.plan, key, signer=signer, verdict=verdict, comment=comment, at=at, viewed=viewed)
    return signer, ledger.call(verbs.VERDICT, VerdictRequest(envelope=envelope))

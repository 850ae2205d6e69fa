"""What people sign: the author a plan, others a verdict on it, whoever exports it for a party what was left out."""

from zonewright.ledger.protocol.change_messages import Plan
from zonewright.model.zone import Zone
from zonewright.seal import SealError
from zonewright.seal.dsse import sign
from zonewright.seal.keys import SigningKey
from zonewright.seal.statement import EXPORT_TYPE, PLAN_TYPE, VERDICT_TYPE, Statement, Verdict
from zonewright.seal.viewed import Viewed


def signer_of(zone: Zone, key: SigningKey) -> str:
    """The person whose key it is.

    Raises:
        SealError: when no signer of the zone has it.
    """
    found = next((name for name, signer in zone.signers.items() if key.public in signer.keys), None)
    if found is None:
        raise SealError(
            f"no signer of zone {zone.zone} has the key {key.public}; ask the administrator to add it under "
            "signers in zone.yaml"
        )
    return found


def _about(plan: Plan) -> dict[str, str | int]:
    """What a signature names besides the digests, for whoever reads it."""
    named: dict[str, str | int] = {"zone": plan.zone, "stack_id": plan.stack_id}
    return named if plan.follows is None else {**named, "follows": plan.follows}


def signed_plan(plan: Plan, key: SigningKey, *, signer: str) -> str:
    """The author's envelope.

    Args:
        plan: the plan.
        key: the author's key.
        signer: id of the author.
    """
    said = {**_about(plan), "signer": signer, "at": plan.planned_at}
    statement = Statement(change=plan.change_digest, plan=plan.digest(), kind=PLAN_TYPE, predicate=said)
    return sign(statement.text(), key).text()


def signed_verdict(
    plan: Plan,
    key: SigningKey,
    *,
    signer: str,
    verdict: Verdict,
    comment: str,
    at: str,
    viewed: Viewed | None = None,
) -> str:
    """An envelope with a verdict.

    Args:
        plan: the plan.
        key: the signer's key.
        signer: id of the signer.
        verdict: approve or reject.
        comment: why.
        at: the present, ISO 8601.
        viewed: which differences the signer has seen; None says nothing about it.
    """
    said: dict[str, object] = {**_about(plan), "signer": signer, "at": at, "verdict": verdict, "comment": comment}
    if viewed is not None:
        said["viewed"] = viewed.to_data()
    statement = Statement(change=plan.change_digest, plan=plan.digest(), kind=VERDICT_TYPE, predicate=said)
    return sign(statement.text(), key).text()


def signed_export(plan: Plan, key: SigningKey, *, signer: str, party: str, at: str) -> str:
    """An envelope around a party's export.

    Args:
        plan: the plan.
        key: the exporter's key.
        signer: id of the exporter.
        party: digest of ``party.json``.
        at: moment of the export, ISO 8601.
    """
    said = {"zone": plan.zone, "stack_id": plan.stack_id, "signer": signer, "at": at}
    statement = Statement(change=plan.change_digest, plan=plan.digest(), kind=EXPORT_TYPE, predicate=said, party=party)
    return sign(statement.text(), key).text()

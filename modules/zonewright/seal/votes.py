"""From envelopes to votes: what a signer of the zone has said about one plan, or why it does not count."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from zonewright.model.approval import Signer
from zonewright.seal.dsse import payload_of, read_envelope
from zonewright.seal.errors import SealError
from zonewright.seal.keys import key_id
from zonewright.seal.statement import (
    EXPORT_TYPE,
    EXPORTED,
    PLAN_TYPE,
    VERDICT_TYPE,
    VERDICTS,
    Statement,
    Verdict,
    read_statement,
)
from zonewright.seal.viewed import viewed_of

SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The plan that a decision is about.

    Attributes:
        zone: id of the zone.
        stack_id: whose change it is.
        party: the acting party.
        change: digest of the change.
        plan: digest of ``plan.json``.
        risk: its class of risk.
        emergency: whether it takes the emergency lane.
        planned_at: when it was made, ISO 8601.
        follows: the step of the stack that it follows; None in a plan of an older version.
    """

    zone: str
    stack_id: str
    party: str
    change: str
    plan: str
    risk: str
    emergency: bool
    planned_at: str
    follows: int | None = None


@dataclass(frozen=True, slots=True)
class ReceivedEnvelope:
    """An envelope as the ledger received it.

    Attributes:
        text: the envelope.
        at: moment of the journal's entry on it; None where no entry is known, and then nobody's dates are judged.
    """

    text: str
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """What one person has said.

    Attributes:
        signer: id of the person.
        key: fingerprint of the key.
        verdict: approve or reject.
        at: when.
        comment: why.
    """

    signer: str
    key: str
    verdict: Verdict
    at: datetime
    comment: str


def opened(text: str, signers: Mapping[str, Signer]) -> tuple[str, str, Statement]:
    """The signer, the key's fingerprint and the Statement of an envelope.

    Raises:
        SealError: when it does not count.
    """
    keys = {key_id(key): key for signer in signers.values() for key in signer.keys}
    payload, key = payload_of(read_envelope(text), keys)
    signer_id = next(name for name, signer in signers.items() if key in signer.keys)
    return signer_id, key_id(key), read_statement(payload)


def _about(statement: Statement, planned: Planned) -> None:
    if statement.change != planned.change or statement.plan != planned.plan:
        raise SealError(
            f"it is for another change (change {statement.change[7:19]}, plan {statement.plan[7:19]}; "
            f"this is change {planned.change[7:19]}, plan {planned.plan[7:19]})"
        )
    for name, mine in (("zone", planned.zone), ("stack_id", planned.stack_id)):
        if statement.predicate.get(name) != mine:
            raise SealError(f"it is for {name} '{str(statement.predicate.get(name))[:60]}', but this is '{mine}'")
    said = statement.predicate.get("follows")
    if statement.kind != EXPORT_TYPE and (said != planned.follows or isinstance(said, bool)):
        raise SealError(f"it is for what follows step {str(said)[:20]}, but the plan follows step {planned.follows}")


def author_of(
    received: ReceivedEnvelope, planned: Planned, signers: Mapping[str, Signer], *, decided: datetime | None = None
) -> str:
    """The person who signed a plan.

    Args:
        received: the envelope, and when the ledger received it.
        planned: the plan.
        signers: who may sign in this zone now.
        decided: moment of the admission; None judges only when it was received.

    Raises:
        SealError: when the signature does not count, or is not by the acting party.
    """
    signer_id, _key, statement = opened(received.text, signers)
    if statement.kind != PLAN_TYPE:
        raise SealError(f"expected a signature of type '{PLAN_TYPE}', got '{statement.kind}'")
    _about(statement, planned)
    _named(statement, signer_id)
    at = moment(statement.predicate.get("at"))
    if at != moment(planned.planned_at):
        raise SealError(f"it was signed as planned at {at.isoformat()}, but the plan says {planned.planned_at}")
    if signers[signer_id].party != planned.party:
        raise SealError(f"{signer_id} acts for {signers[signer_id].party}, but the change belongs to {planned.party}")
    _in_service(signer_id, signers[signer_id], *_moments(received, decided))
    return signer_id


def exporter_of(text: str, planned: Planned, party: str, until: str, signers: Mapping[str, Signer]) -> str:
    """The person who signed a party's export.

    Args:
        text: the envelope.
        planned: the plan.
        party: digest of ``party.json``.
        until: moment of the export by ``party.json``.
        signers: who may sign in this zone.

    Raises:
        SealError: when the signature does not count.
    """
    signer_id, _key, statement = opened(text, signers)
    if statement.kind != EXPORT_TYPE:
        raise SealError(f"expected a signature of type '{EXPORT_TYPE}', got '{statement.kind}'")
    _about(statement, planned)
    _named(statement, signer_id)
    if statement.party != party:
        raise SealError(
            f"{signer_id} signed another {EXPORTED}: {str(statement.party)[7:19]}, but this one is {party[7:19]}"
        )
    at = moment(statement.predicate.get("at"))
    if at != moment(until):
        raise SealError(f"{signer_id} signed it as exported at {at.isoformat()}, but {EXPORTED} says {until[:40]}")
    _in_service(signer_id, signers[signer_id], at)
    return signer_id


def vote_of(
    received: ReceivedEnvelope,
    planned: Planned,
    signers: Mapping[str, Signer],
    *,
    author: str,
    decided: datetime | None = None,
) -> Vote:
    """The vote that an envelope holds.

    Args:
        received: the envelope, and when the ledger received it.
        planned: the plan.
        signers: who may sign in this zone now.
        author: who signed the plan.
        decided: moment of the admission; None judges only when it was received.

    Raises:
        SealError: when it does not count.
    """
    signer_id, key, statement = opened(received.text, signers)
    if statement.kind != VERDICT_TYPE:
        raise SealError(f"expected a signature of type '{VERDICT_TYPE}', got '{statement.kind}'")
    _about(statement, planned)
    _named(statement, signer_id)
    verdict, comment = statement.predicate.get("verdict"), statement.predicate.get("comment", "")
    if verdict not in VERDICTS or not isinstance(comment, str):
        raise SealError(f"its verdict is '{str(verdict)[:40]}', expected approve or reject")
    viewed_of(statement)
    if signer_id == author:
        raise SealError(f"{signer_id} is the author of the plan")
    at = moment(statement.predicate.get("at"))
    if received.at is not None and at > received.at + SKEW:
        raise SealError(f"the verdict of {signer_id} is dated {at.isoformat()}, which is in the future")
    if at < moment(planned.planned_at):
        raise SealError(f"the verdict of {signer_id} is dated {at.isoformat()}, before the plan was made")
    _in_service(signer_id, signers[signer_id], *_moments(received, decided))
    return Vote(signer=signer_id, key=key, verdict=cast("Verdict", verdict), at=at, comment=comment)


def _named(statement: Statement, signer_id: str) -> None:
    said = statement.predicate.get("signer")
    if said != signer_id:
        raise SealError(f"it names '{str(said)[:60]}' as the signer, but the key belongs to {signer_id}")


def _moments(received: ReceivedEnvelope, decided: datetime | None) -> tuple[datetime, ...]:
    """When a signer must be in service: when the signature was received, and at the admission if that came later."""
    if received.at is None:
        return ()
    return (received.at,) if decided is None else (received.at, max(received.at, decided))


def _in_service(signer_id: str, signer: Signer, *moments: datetime) -> None:
    for one in moments:
        day = one.astimezone(UTC).date().isoformat()
        if (signer.valid_from or day) > day or (signer.valid_until or day) < day:
            span = f"from {signer.valid_from or 'ever'} until {signer.valid_until or 'further notice'}"
            raise SealError(f"signatures of {signer_id} are valid {span}, not on {day}")


def moment(text: object) -> datetime:
    """A moment from ISO 8601 with its offset.

    Raises:
        SealError: when it is none.
    """
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise SealError(f"expected a time as ISO 8601 with an offset, got '{str(text)[:40]}'")
    return at

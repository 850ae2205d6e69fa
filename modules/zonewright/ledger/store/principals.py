"""Who a token belongs to, and what it may do now."""

import json
import secrets

from sqlalchemy import Connection, select, union

from zonewright.ledger.protocol.rights import OF_ZONE, Asked, Caller
from zonewright.ledger.store.documents import parse_zone
from zonewright.ledger.store.tables import enrolment, lasting, principal, token, zone
from zonewright.model.canonical import canonical_json, digest_of

PREFIX = "zwt_"
"""Of each token, so that people and scanners of secrets know one when they see it."""
_BYTES = 32
_HELD = (
    select(principal, token.c.expires_at)
    .join(token, token.c.principal == principal.c.name)
    .where(principal.c.revoked_at.is_(None))
)


def new_token() -> str:
    """A token: 256 random bits."""
    return f"{PREFIX}{secrets.token_urlsafe(_BYTES)}"


def digest_of_subject(issuer: str, subject: str) -> str:
    """What stands in the place of a token's digest where a principal comes with tokens of another system."""
    return digest_of(canonical_json({"issuer": issuer, "subject": subject}))


def digest_of_token(bearer: str) -> str | None:
    """The digest of a token of the ledger's own; None for a text of any other form, which names nobody."""
    return digest_of(bearer) if bearer.startswith(PREFIX) else None


def audience_of(connection: Connection) -> str:
    """Whom such a token must be for: this zone."""
    return f"zonewright:{connection.execute(select(zone.c.id)).scalar() or ''}"


def caller_of(connection: Connection, digest: str, now: str) -> Caller | None:
    """The principal that a token belongs to; None where it is nobody's, has ended, or was revoked.

    Its roles are those that were granted, as far as its party has them in the zone that is registered now.

    Args:
        connection: a transaction.
        digest: of the token, or of the issuer and subject that were verified.
        now: ISO 8601; a token that ends at or before it has ended.
    """
    found = connection.execute(_HELD.where(token.c.digest == digest, token.c.expires_at > now)).first()
    if found is None:
        return None
    granted, known = frozenset(json.loads(found.roles)), roles_of(connection, found.party)
    return Caller(
        name=found.name,
        party=found.party,
        roles=granted & (known | OF_ZONE) if known else frozenset(),
        stacks=frozenset(json.loads(found.stacks)),
        verbs=frozenset(json.loads(found.verbs)),
        credential=digest,
    )


def roles_of(connection: Connection, party: str) -> frozenset[str]:
    """The roles of a party in the registered zone; none where it is not there."""
    document = connection.execute(select(zone.c.document)).scalar()
    known = parse_zone(document).parties if document is not None else {}
    return frozenset(known[party].roles) if party in known else frozenset()


def asked_of(connection: Connection, verb: str, request: object) -> Asked:
    """What a request is about: the party that it names, and the one that the stack it names is enrolled for.

    Args:
        connection: the transaction that decides.
        verb: name of the verb.
        request: a message of it.
    """
    stack_id = str(getattr(request, "stack_id", ""))
    owners = (select(table.c.party).where(table.c.stack_id == stack_id) for table in (enrolment, lasting))
    named = {str(getattr(request, name, "") or "") for name in ("party", "fleet")}  # a fleet is named by its operator
    parties = frozenset({*named, *connection.execute(union(*owners)).scalars()} - {""})
    begins_change = bool(getattr(request, "reserve", False)) or not getattr(request, "dry_run", True)
    return Asked(
        verb=verb,
        parties=parties,
        stack_id=stack_id,
        principal=str(getattr(request, "principal", "")),
        begins_change=begins_change,
    )

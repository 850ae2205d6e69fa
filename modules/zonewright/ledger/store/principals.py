"""Who a token belongs to, and what it may do now."""

import json
import secrets

from sqlalchemy import Connection, bindparam, select, union

from zonewright.ledger.protocol.rights import OF_ZONE, Asked, Caller
from zonewright.ledger.store.asking import AskedQuestion, Question, answers, first
from zonewright.ledger.store.documents import parse_zone
from zonewright.ledger.store.journal import LAST_ENTRY
from zonewright.ledger.store.prepared import STACK, ZONE_ROW
from zonewright.ledger.store.tables import enrolment, lasting, principal, token
from zonewright.model.canonical import canonical_json, digest_of

PREFIX = "zwt_"
"""Of each token, so that people and scanners of secrets know one when they see it."""
_BYTES = 32
_HELD = (
    select(principal, token.c.expires_at)
    .join(token, token.c.principal == principal.c.name)
    .where(principal.c.revoked_at.is_(None), token.c.digest == bindparam("credential"))
)
_HOLDER = Question(_HELD, stays=True)
_OWNERS = Question(union(*(select(table.c.party).where(table.c.stack_id == STACK) for table in (enrolment, lasting))))


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
    registered = first(connection, ZONE_ROW)
    return f"zonewright:{registered.id if registered is not None else ''}"


def holder_of(digest: str) -> AskedQuestion:
    """What :func:`caller_of` asks about what a principal comes with; see there."""
    return AskedQuestion(_HOLDER, {"credential": digest})


def asked_for(digest: str) -> tuple[AskedQuestion, ...]:
    """All that :func:`caller_of` asks, and the moment as of which it asks."""
    return AskedQuestion(LAST_ENTRY), AskedQuestion(ZONE_ROW), holder_of(digest)


def asked_about(request: object) -> AskedQuestion:
    """What :func:`asked_of` asks; see there."""
    return AskedQuestion(_OWNERS, {"stack": str(getattr(request, "stack_id", ""))})


def caller_of(connection: Connection, digest: str, now: str) -> Caller | None:
    """The principal that a token belongs to; None where it is nobody's, has ended, or was revoked.

    Its roles are those that were granted, as far as its party has them in the zone that is registered now.

    Args:
        connection: a transaction.
        digest: of the token, or of the issuer and subject that were verified.
        now: ISO 8601; a token that ends at or before it has ended.
    """
    found = first(connection, _HOLDER, credential=digest)
    if found is None or found.expires_at <= now:
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
    registered = first(connection, ZONE_ROW)
    known = parse_zone(registered.document).parties if registered is not None else {}
    return frozenset(known[party].roles) if party in known else frozenset()


def asked_of(connection: Connection, verb: str, request: object) -> Asked:
    """What a request is about: the party that it names, and the one that the stack it names is enrolled for.

    Args:
        connection: the transaction that decides.
        verb: name of the verb.
        request: a message of it.
    """
    stack_id = str(getattr(request, "stack_id", ""))
    owners = [row.party for row in answers(connection, _OWNERS, stack=stack_id)]
    named = {str(getattr(request, name, "") or "") for name in ("party", "fleet")}  # a fleet is named by its operator
    parties = frozenset({*named, *owners} - {""})
    begins_change = bool(getattr(request, "reserve", False)) or not getattr(request, "dry_run", True)
    return Asked(
        verb=verb,
        parties=parties,
        stack_id=stack_id,
        principal=str(getattr(request, "principal", "")),
        begins_change=begins_change,
    )

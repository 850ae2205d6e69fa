"""The verbs of access: grant, list, rotate, revoke. Each change is an entry; a token is told once, and not kept."""

import json
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, select, update

from zonewright.ledger.protocol.access_messages import (
    AccessAnswer,
    AccessRequest,
    GrantRequest,
    PrincipalRecord,
    RevokeRequest,
    RotateRequest,
    TokenAnswer,
    is_issuer,
)
from zonewright.ledger.protocol.certificate_names import CERTIFICATE, NAMES, certificate_name
from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.protocol.messages import Done
from zonewright.ledger.protocol.rights import OF_ZONE, RIGHTS
from zonewright.ledger.store import journal
from zonewright.ledger.store.clock import stamp
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.principals import audience_of, digest_of_subject, new_token, roles_of
from zonewright.ledger.store.tables import principal, token
from zonewright.model.canonical import canonical_json, digest_of


def grant(context: Context, request: GrantRequest) -> TokenAnswer:
    """Let a principal call the ledger. The same name again replaces what it may, and ends its tokens.

    Raises:
        LedgerRefusedError: when the registered zone has no such party, or the party not that role, or there is no such
            verb.
    """
    with context.writing() as connection:
        _require_possible(connection, request)
        issuer, subject = _comes_from(request)
        now = context.now(connection)
        connection.execute(delete(principal).where(principal.c.name == request.principal))
        lists = {name: canonical_json(sorted(set(getattr(request, name)))) for name in ("roles", "stacks", "verbs")}
        connection.execute(
            principal.insert().values(
                name=request.principal,
                party=request.party,
                kind=request.kind,
                **lists,
                issuer=issuer or None,
                subject=subject or None,
                granted_at=now,
                granted_by=context.caller.name,
            )
        )
        moment = context.moment(connection)
        if issuer:
            until = stamp(moment + timedelta(days=request.days))
            answer = _admit_subject(connection, request.principal, issuer, subject, until)
        else:
            answer = _issue(connection, request.principal, moment, request.days, ends=now)
        told = request.model_dump(mode="json", exclude={"party", "days", "certificate"})
        more = {"issuer": issuer, "subject": subject, "expires_at": answer.expires_at}
        _note(connection, now, "access-granted", request.party, {**told, **more})
    return answer


def _require_possible(connection: Connection, request: GrantRequest) -> None:
    known = roles_of(connection, request.party)
    if not known:
        raise LedgerRefusedError(
            "unknown-party",
            f"the registered zone has no party '{request.party}'; correct it, or register the zone that has it: "
            "zonewright ledger init ZONE",
        )
    if foreign := sorted(set(request.roles) - known - OF_ZONE):
        raise LedgerRefusedError(
            "wrong-role",
            f"party '{request.party}' does not have the role {', '.join(foreign)}: expected "
            f"{', '.join(sorted(known | OF_ZONE))}; leave it out, or add it to the party in zone.yaml and run: "
            "zonewright ledger init ZONE",
        )
    if bool(request.issuer) != bool(request.subject):
        raise LedgerRefusedError("issuer", "an issuer needs a subject, and a subject an issuer; give both, or neither")
    if request.issuer and not is_issuer(request.issuer):
        raise LedgerRefusedError(
            "issuer", f"expected the URL of an issuer, such as https://ci.example, got '{request.issuer}'"
        )
    if request.certificate and request.issuer:
        raise LedgerRefusedError(
            "certificate", "a principal comes with a certificate or with tokens of an issuer; give one of the two"
        )
    if request.certificate and certificate_name(request.certificate) is None:
        raise LedgerRefusedError(
            "certificate", f"expected a name of a certificate, such as {NAMES}, got '{request.certificate}'"
        )
    if unknown := sorted(set(request.verbs) - RIGHTS.keys()):
        raise LedgerRefusedError(
            "no-such-verb", f"the ledger has no verb {', '.join(unknown)}; it has {', '.join(sorted(RIGHTS))}"
        )


def _comes_from(request: GrantRequest) -> tuple[str, str]:
    """Issuer and subject of what a principal comes with; empty for tokens of the ledger's own."""
    name = certificate_name(request.certificate)
    return (request.issuer, request.subject) if name is None else (CERTIFICATE, name)


def _admit_subject(connection: Connection, name: str, issuer: str, subject: str, expires_at: str) -> TokenAnswer:
    """Let an issuer's tokens of one subject in, or a certificate; the principal has no token of its own any more."""
    connection.execute(delete(token).where(token.c.principal == name))
    digest, is_certificate = digest_of_subject(issuer, subject), issuer == CERTIFICATE
    if connection.execute(select(token.c.principal).where(token.c.digest == digest)).first() is not None:
        what = f"a certificate with {subject}" if is_certificate else f"the tokens of subject '{subject}'"
        raise LedgerRefusedError(
            CERTIFICATE if is_certificate else "issuer",
            f"another principal has {what} already; revoke its access first: zonewright access list shows which",
        )
    connection.execute(token.insert().values(digest=digest, principal=name, expires_at=expires_at))
    audience = "" if is_certificate else audience_of(connection)
    return TokenAnswer(token="", expires_at=expires_at, audience=audience)


def _issue(connection: Connection, name: str, moment: datetime, days: int, *, ends: str) -> TokenAnswer:
    """A new token; those that the principal has end at the moment that is given, if not before."""
    connection.execute(delete(token).where(token.c.principal == name, token.c.expires_at <= stamp(moment)))
    mine = token.c.principal == name
    if ends <= stamp(moment):
        connection.execute(delete(token).where(mine))
    else:
        connection.execute(update(token).where(mine, token.c.expires_at > ends).values(expires_at=ends))
    bearer, expires_at = new_token(), stamp(moment + timedelta(days=days))
    connection.execute(token.insert().values(digest=digest_of(bearer), principal=name, expires_at=expires_at))
    return TokenAnswer(token=bearer, expires_at=expires_at)


def _note(connection: Connection, at: str, kind: str, party: str, payload: dict[str, object]) -> None:
    journal.append(connection, at=at, kind=kind, stack_id="", party=party, payload=payload)


def rotate(context: Context, request: RotateRequest) -> TokenAnswer:
    """Give a principal a new token; its old ones end after the overlap.

    Raises:
        LedgerRefusedError: when it has no access.
    """
    with context.writing() as connection:
        party = _party_of(connection, request.principal)
        if issuer := connection.execute(
            select(principal.c.issuer).where(principal.c.name == request.principal)
        ).scalar():
            what = "a certificate" if issuer == CERTIFICATE else "tokens of another system"
            raise LedgerRefusedError(
                "issuer",
                f"principal '{request.principal}' comes with {what}, so it has none to renew; grant it again to give "
                "it more days",
            )
        moment = context.moment(connection)
        ends = stamp(moment + timedelta(hours=request.overlap_h))
        answer = _issue(connection, request.principal, moment, request.days, ends=ends)
        told: dict[str, object] = {"principal": request.principal, "expires_at": answer.expires_at, "old_until": ends}
        _note(connection, stamp(moment), "access-rotated", party, told)
    return answer


def revoke(context: Context, request: RevokeRequest) -> Done:
    """End a principal's access at once.

    Raises:
        LedgerRefusedError: when it has none.
    """
    with context.writing() as connection:
        party, now = _party_of(connection, request.principal), context.now(connection)
        connection.execute(delete(token).where(token.c.principal == request.principal))
        row = principal.c.name == request.principal
        connection.execute(update(principal).where(row).values(revoked_at=now, why=request.why))
        told: dict[str, object] = {"principal": request.principal, "why": request.why}
        _note(connection, now, "access-revoked", party, told)
    return Done()


def _party_of(connection: Connection, name: str) -> str:
    query = select(principal.c.party).where(principal.c.name == name, principal.c.revoked_at.is_(None))
    party = connection.execute(query).scalar()
    if party is None:
        raise LedgerRefusedError(
            "no-principal",
            f"principal '{name}' has no access; see who has: zonewright access list, or give it: zonewright access "
            "grant",
        )
    return str(party)


def principals(context: Context, _request: AccessRequest) -> AccessAnswer:
    """Give all principals, those whose access was ended too, by name."""
    with context.database.reading() as connection:
        query = select(token.c.principal, func.max(token.c.expires_at)).group_by(token.c.principal)
        ends = {row[0]: row[1] for row in connection.execute(query)}
        rows = connection.execute(select(principal).order_by(principal.c.name)).mappings().all()
    return AccessAnswer(
        principals=[
            PrincipalRecord(
                principal=row["name"],
                party=row["party"],
                kind=row["kind"],
                roles=json.loads(row["roles"]),
                stacks=json.loads(row["stacks"]),
                verbs=json.loads(row["verbs"]),
                issuer=row["issuer"] or "",
                subject=row["subject"] or "",
                granted_at=row["granted_at"],
                granted_by=row["granted_by"],
                expires_at=ends.get(row["name"], ""),
                revoked_at=row["revoked_at"] or "",
                why=row["why"] or "",
            )
            for row in rows
        ]
    )

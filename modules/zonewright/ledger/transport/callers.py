"""Who calls: the one principal of all that a request brings, a token and a certificate."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from starlette.requests import Request

from zonewright.ledger.protocol.certificate_names import CERTIFICATE
from zonewright.ledger.protocol.rights import Asked, refusal
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.principals import asked_for, audience_of, caller_of, digest_of_subject, digest_of_token
from zonewright.ledger.transport.answering import UnknownCallerError
from zonewright.ledger.transport.issuers import Issuers, claimed

CERTIFICATE_NAMES = "certificate_names"
"""What the state of a request knows: the names of the certificate that it came with, which was verified."""
_BEARER = "Bearer "
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request says about who sends it.

    Attributes:
        authorization: its header of that name; empty where it has none.
        certificate: names of its certificate, which was verified; none where it has none.
    """

    authorization: str = ""
    certificate: tuple[str, ...] = ()


def brought_by(request: Request) -> Credentials:
    """What a request brings."""
    return Credentials(request.headers.get("authorization", ""), getattr(request.state, CERTIFICATE_NAMES, ()))


def called(context: Context, brought: Credentials, issuers: Issuers) -> Context:
    """The context of whoever brings this. What is brought must all be of one principal: nothing of it is passed over.

    Raises:
        UnknownCallerError: when it is nobody, or more than one.
        LedgerUnavailableError: when nobody can say.
    """
    said, by_token = _token(brought.authorization)
    by_names = {name: digest_of_subject(CERTIFICATE, name) for name in brought.certificate}
    if by_token is None and not by_names:
        raise UnknownCallerError
    digests = [*by_names.values(), *([by_token] if by_token is not None else [])]
    database, is_one = context.database, len(digests) == 1
    with database.glance(*asked_for(digests[0])) if is_one else database.reading() as connection:
        now, audience = context.shown_at(connection), audience_of(connection)
        of_token = None if by_token is None else caller_of(connection, by_token, now)
        found = (caller_of(connection, digest, now) for digest in by_names.values())
        of_names = {caller.name: caller for caller in found if caller is not None}
    if by_token is not None and (
        of_token is None
        or (
            said is not None
            and not issuers.is_signed(brought.authorization.removeprefix(_BEARER), issuer=said[0], audience=audience)
        )
    ):
        raise UnknownCallerError
    if len(of_names) > 1:
        raise UnknownCallerError(
            f"the certificate has names of several principals: {', '.join(sorted(of_names))}; nothing was decided; "
            "bring a certificate of one of them"
        )
    of_certificate = next(iter(of_names.values()), None)
    if of_token is None:
        if of_certificate is None:
            raise UnknownCallerError(
                f"the certificate with {_listed(brought.certificate)} is of nobody who has access now; nothing was "
                "decided; ask the zone's administrator: zonewright access grant NAME --certificate ..."
            )
        return replace(context, caller=of_certificate)
    if by_names and (of_certificate is None or of_certificate.name != of_token.name):
        other = f"of principal '{of_certificate.name}'" if of_certificate is not None else "of nobody who has access"
        raise UnknownCallerError(
            f"the token is of principal '{of_token.name}', and the certificate with {_listed(brought.certificate)} is "
            f"{other}; nothing was decided; bring one of the two"
        )
    return replace(context, caller=of_token)


def _token(authorization: str) -> tuple[tuple[str, str] | None, str | None]:
    """Issuer and subject that a token says it has, and the digest that it is known by; no digest where there is none.

    Raises:
        UnknownCallerError: when there is something else in its place.
    """
    if not authorization:
        return None, None
    if not authorization.startswith(_BEARER):
        raise UnknownCallerError
    bearer = authorization.removeprefix(_BEARER)
    said = claimed(bearer)
    digest = digest_of_subject(*said) if said is not None else digest_of_token(bearer)
    if digest is None:
        raise UnknownCallerError
    return said, digest


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def may_call(context: Context, verb: str) -> Callable[[Credentials], bool]:
    """Whether whoever brings this may call a verb that is about no stack.

    Args:
        context: the ledger.
        verb: its name.
    """
    issuers = Issuers()

    def may(brought: Credentials) -> bool:
        try:
            caller = called(context, brought, issuers).caller
        except UnknownCallerError:
            return False
        return refusal(caller, Asked(verb=verb)) is None

    return may

"""Requests and answers about who may call the ledger: principals, their roles and their tokens."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field

from zonewright.ledger.protocol.messages import Label, Message, Name, StackId
from zonewright.model.limits import ACCESS
from zonewright.model.zone import Role

AccessRole = Role | Literal["approver", "authority"]
"""A party's role in ``zone.yaml``; or one that a zone gives to persons: who approves, who oversees."""
PrincipalKind = Literal["person", "runner", "agent", "service"]
PrincipalName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
Days = Annotated[int, Field(ge=1, le=ACCESS.most)]
LONGEST_OVERLAP_H = 24 * 7


class PrincipalRequest(Message):
    """Names a principal."""

    principal: PrincipalName


class GrantRequest(PrincipalRequest):
    """Let a principal of a party call the ledger; the same name again replaces what it may, and its token.

    Attributes:
        party: whose it is, as ``zone.yaml`` names it.
        kind: a person, a runner of stacks, an agent, or another service.
        roles: what it may do; a party's principal has no more roles than the party.
        stacks: ids of the stacks that it may touch; empty for all of its party.
        verbs: names of the verbs that it may call; empty for all of its roles.
        days: how long its token is good.
        issuer: URL of the system whose tokens it comes with instead of one of its own, such as that of a CI.
        subject: whom those tokens are of, exactly.
        certificate: a name of the certificate that it comes with instead: `DNS:` or `URI:` and an alternative name of
            its subject, or `KEY:sha256:` and the digest of its public key (SubjectPublicKeyInfo), in hexadecimal.
    """

    party: Name
    kind: PrincipalKind
    roles: list[AccessRole] = Field(min_length=1, max_length=8)
    stacks: list[StackId] = Field(default_factory=list, max_length=100)
    verbs: list[Name] = Field(default_factory=list, max_length=100)
    days: Days
    issuer: Label = ""
    subject: Label = ""
    certificate: Label = ""


class TokenAnswer(Message):
    """A new token. The ledger keeps only its digest, so it is told this once.

    Attributes:
        token: to be sent as ``Authorization: Bearer TOKEN``; empty where an issuer gives the tokens, or
            a certificate stands in its place.
        expires_at: when it ends, or the access of the issuer's tokens or of the certificate.
        audience: whom the issuer's tokens must be for; empty for a token of the ledger's own.
    """

    token: str
    expires_at: str
    audience: str = ""


class RotateRequest(PrincipalRequest):
    """Give a principal a new token; the old one ends a little later, so that nothing stands still.

    Attributes:
        days: how long the new one is good.
        overlap_h: hours for which the old one stays good.
    """

    days: Days
    overlap_h: Annotated[int, Field(ge=0, le=LONGEST_OVERLAP_H)] = 0


class RevokeRequest(PrincipalRequest):
    """End a principal's access at once."""

    why: Label


class AccessRequest(Message):
    """Ask who has access."""


class PrincipalRecord(Message):
    """A principal, as it was granted; no token is told.

    Attributes:
        issuer: of its tokens, where that is another system; `certificate` where it comes with one.
        subject: whom those tokens are of; or the name of the certificate.
        expires_at: when its last token ends; empty where it has none.
        revoked_at: when its access was ended; empty while it has access.
        why: the reason of that.
    """

    principal: str
    party: str
    kind: str
    roles: list[str]
    stacks: list[str]
    verbs: list[str]
    issuer: str
    subject: str
    granted_at: str
    granted_by: str
    expires_at: str
    revoked_at: str
    why: str


class AccessAnswer(Message):
    """All principals, by name."""

    principals: list[PrincipalRecord]


def is_issuer(url: str) -> bool:
    """Whether a URL can be an issuer's, or that of its keys: https, or http to this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    is_local = parts.scheme == "http" and host in ("127.0.0.1", "::1", "localhost")
    return bool(host) and "@" not in parts.netloc and not parts.query and (parts.scheme == "https" or is_local)

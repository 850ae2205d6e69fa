"""``zonewright access``: who may call a ledger that is served, and what."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from zonewright.cli.options import add_format

if TYPE_CHECKING:
    from collections.abc import Callable

    from zonewright.ledger.protocol.access_messages import PrincipalRecord, TokenAnswer
    from zonewright.ledger.transport.client import LedgerClient

DEFAULT = "sqlite:///.zonewright/ledger.db"
DAYS = 90
KINDS = ("person", "runner", "agent", "service")
ROLES = (
    "tenant",
    "facility-operator",
    "network-operator",
    "zone-administrator",
    "approver",
    "auditor",
    "authority",
)
PREVIEW = (
    "agent-keys",
    "capacity",
    "configurations",
    "deployed",
    "enrol",
    "evaluate",
    "fetch",
    "fit",
    "propose",
    "read",
    "report",
    "snapshot",
    "standing",
    "store",
)
"""The verbs that a preview calls. Without `admit` they enrol, reserve, claim and free nothing; `store` keeps texts."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``access``."""
    parser = commands.add_parser(
        "access",
        help="say who may call a ledger that is served",
        description=(
            "Give, show, renew and end the access of principals to a ledger that is served. Each has a token, which is "
            "printed or written once; callers set it as ZONEWRIGHT_LEDGER_TOKEN."
        ),
    )
    parser.set_defaults(extra="ledger")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    grant = _verb(verbs, "grant", "let a principal call the ledger, and print its token")
    grant.add_argument("principal", metavar="NAME", help="its name, such as runner-tenant-a")
    grant.add_argument("--party", required=True, help="the party that it belongs to, as zone.yaml names it")
    grant.add_argument(
        "--role", action="append", required=True, choices=ROLES, metavar="ROLE", help=f"{', '.join(ROLES)}; repeatable"
    )
    grant.add_argument("--kind", choices=KINDS, default="runner", help="what it is (default: runner)")
    grant.add_argument(
        "--stack-id", action="append", default=[], metavar="ID", help="only this stack; may be repeated (default: all)"
    )
    scope = grant.add_mutually_exclusive_group()
    scope.add_argument(
        "--verb", action="append", default=[], metavar="VERB", help="only this verb; may be repeated (default: all)"
    )
    scope.add_argument(
        "--preview-only", action="store_true", help="only what a preview calls, such as for the review of a change"
    )
    grant.add_argument("--issuer", default="", metavar="URL", help="its tokens are those of this system, such as a CI")
    grant.add_argument("--subject", default="", metavar="TEXT", help="with --issuer: whom these tokens are of, exactly")
    grant.add_argument(
        "--certificate",
        default="",
        metavar="NAME",
        help=(
            "it comes with a certificate of this name, and has no token: DNS:HOST or URI:TEXT of its subject, or "
            "KEY:sha256:DIGEST of its public key"
        ),
    )
    _add_days(grant)
    _add_out(grant, "a new file")
    grant.set_defaults(run=_grant)
    show = _verb(verbs, "list", "show who has access, and whose access has ended")
    add_format(show)
    show.set_defaults(run=_list)
    rotate = _verb(verbs, "rotate", "give a principal a new token, and print it")
    rotate.add_argument("principal", metavar="NAME", help="its name")
    rotate.add_argument(
        "--overlap-h",
        type=int,
        default=0,
        metavar="HOURS",
        help="hours for which the old token stays good (default: 0)",
    )
    _add_days(rotate)
    _add_out(rotate, "a file, such as that of the old token")
    rotate.set_defaults(run=_rotate)
    revoke = _verb(verbs, "revoke", "end the access of a principal at once")
    revoke.add_argument("principal", metavar="NAME", help="its name")
    revoke.add_argument("--why", required=True, metavar="TEXT", help="the reason, for the journal")
    revoke.set_defaults(run=_revoke)


def _verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str
) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    verb.add_argument("--ledger", default=DEFAULT, metavar="URL", help=f"the ledger's URL (default: {DEFAULT})")
    return verb


def _add_days(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--days", type=int, default=DAYS, metavar="DAYS", help=f"how long its token is good (default: {DAYS})"
    )


def _add_out(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help=f"write the token to {what} that only its owner may read, instead of printing it",
    )


def _open(arguments: argparse.Namespace) -> "LedgerClient":
    from zonewright.cli.connection import open_ledger
    from zonewright.declare.stack_file import project_root

    return open_ledger(arguments.ledger, project_root(Path.cwd()))


def _tell(arguments: argparse.Namespace, ask: "Callable[[], TokenAnswer]", *, replaces: bool) -> int:
    """The token alone goes to standard output, so that it can go straight into a store of secrets; or into a file."""
    if arguments.out is None:
        answer = ask()
        print(answer.token)
        print(
            f"good until {answer.expires_at[:16]}Z; it is not kept and cannot be shown again; callers set it as "
            "ZONEWRIGHT_LEDGER_TOKEN",
            file=sys.stderr,
        )
        return 0
    from zonewright.cli.token_file import token_file

    with token_file(arguments.out, replaces=replaces) as write:
        answer = ask()
        write(answer.token)
    print(
        f"{arguments.out} has the token, good until {answer.expires_at[:16]}Z; callers set "
        "ZONEWRIGHT_LEDGER_TOKEN_FILE to its path"
    )
    return 0


def _grant(arguments: argparse.Namespace) -> int:
    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.access_messages import GrantRequest

    request = GrantRequest(
        principal=arguments.principal,
        party=arguments.party,
        kind=arguments.kind,
        roles=arguments.role,
        stacks=arguments.stack_id,
        verbs=[*arguments.verb, *(PREVIEW if arguments.preview_only else ())],
        days=arguments.days,
        issuer=arguments.issuer,
        subject=arguments.subject,
        certificate=arguments.certificate,
    )
    if arguments.out is not None and (request.certificate or request.issuer):
        raise StoppedError("--out: a principal with an issuer or a certificate has no token", code=MISUSE)
    with _open(arguments) as client:
        if not (request.certificate or request.issuer):
            return _tell(arguments, lambda: client.call(verbs.GRANT, request), replaces=False)
        answer = client.call(verbs.GRANT, request)
    if request.certificate:
        print(
            f"until {answer.expires_at[:16]}Z whoever has a certificate with {request.certificate} is "
            f"{request.principal}; it must be of an authority that the service knows: zonewright serve --client-ca FILE"
        )
        return 0
    print(
        f"until {answer.expires_at[:16]}Z the tokens of {request.issuer} with subject {request.subject} are "
        f"{request.principal}; they must have the audience {answer.audience}"
    )
    return 0


def _rotate(arguments: argparse.Namespace) -> int:
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.access_messages import RotateRequest

    request = RotateRequest(principal=arguments.principal, days=arguments.days, overlap_h=arguments.overlap_h)
    with _open(arguments) as client:
        return _tell(arguments, lambda: client.call(verbs.ROTATE, request), replaces=True)


def _revoke(arguments: argparse.Namespace) -> int:
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.access_messages import RevokeRequest

    with _open(arguments) as client:
        client.call(verbs.REVOKE, RevokeRequest(principal=arguments.principal, why=arguments.why))
    print(f"{arguments.principal} has no access any more")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from zonewright.cli.output import print_json
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.access_messages import AccessRequest

    with _open(arguments) as client:
        answer = client.call(verbs.ACCESS, AccessRequest())
    if arguments.format == "json":
        print_json(answer.model_dump())
        return 0
    for one in answer.principals:
        print(_line(one))
    if not answer.principals:
        print("nobody has access; a ledger that is served refuses every call; give it with: zonewright access grant")
    return 0


def _line(one: "PrincipalRecord") -> str:
    """A principal in one line, as it stands now."""
    from zonewright.ledger.protocol.certificate_names import CERTIFICATE

    comes = [f"with tokens of {one.issuer} for {one.subject}"] if one.issuer else []
    if one.issuer == CERTIFICATE:
        comes = [f"with a certificate with {one.subject}"]
    may = ["previews"] if set(one.verbs) == set(PREVIEW) else one.verbs
    scope = [f"only {', '.join(names)}" for names in (one.stacks, may) if names]
    if one.revoked_at:
        ends = f"revoked {one.revoked_at[:16]}Z: {one.why}"
    else:
        ends = f"until {one.expires_at[:16]}Z" if one.expires_at else "its token has ended"
    return f"{one.principal} ({one.kind} of {one.party}): {', '.join([*one.roles, *scope, *comes])}; {ends}"

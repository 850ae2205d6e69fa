"""The ledger as an ASGI application: ``POST /v1/<verb>`` with a JSON request, JSON back."""

import logging
import secrets
from collections.abc import Callable
from dataclasses import replace

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from zonewright.ledger.protocol.errors import LedgerError, LedgerMisuseError, LedgerUnavailableError
from zonewright.ledger.protocol.rights import Asked, refusal
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.principals import audience_of, caller_of, digest_of_subject, digest_of_token
from zonewright.ledger.transport.answering import UNKNOWN, UnknownCallerError, answered, problem
from zonewright.ledger.transport.body import BodyError, read_limited
from zonewright.ledger.transport.issuers import Issuers, claimed
from zonewright.model.limits import BODY

READ_S = 60.0
"""Seconds within which a request must have come: the largest needs 1.1 MB a second."""
_UNDECIDED = 503
_BEARER = "Bearer "
_LOG = logging.getLogger("zonewright.service")


def _fault(verb: str) -> tuple[int, bytes]:
    """The answer where the service itself went wrong; its log has the same id with the traceback."""
    number = secrets.token_hex(6)
    _LOG.exception("request id %s: verb %s", number, verb)
    sentence = (
        f"the service has a fault, request id {number}; nothing was decided; ask its operator to look for this id in "
        "the log"
    )
    return problem(500, LedgerUnavailableError("fault", sentence))


def _called(context: Context, header: str, issuers: Issuers) -> Context:
    """The context of whoever brings this header.

    Raises:
        UnknownCallerError: when it is nobody.
        LedgerUnavailableError: when nobody can say.
    """
    if not header.startswith(_BEARER):
        raise UnknownCallerError
    bearer = header.removeprefix(_BEARER)
    said = claimed(bearer)
    digest = digest_of_subject(*said) if said is not None else digest_of_token(bearer)
    if digest is None:
        raise UnknownCallerError
    with context.database.reading() as connection:
        caller = caller_of(connection, digest, context.shown_at(connection))
        audience = audience_of(connection)
    if caller is None or (said is not None and not issuers.is_signed(bearer, issuer=said[0], audience=audience)):
        raise UnknownCallerError
    return replace(context, caller=caller)


def may_call(context: Context, verb: str) -> Callable[[str], bool]:
    """Whether whoever brings a header ``Authorization`` may call a verb that is about no stack.

    Args:
        context: the ledger.
        verb: its name.
    """
    issuers = Issuers()

    def may(header: str) -> bool:
        try:
            caller = _called(context, header, issuers).caller
        except LedgerError:
            return False
        return refusal(caller, Asked(verb=verb)) is None

    return may


def application(context: Context, *, with_tokens: bool = True) -> Starlette:
    """The application over one ledger; a verb, which blocks, is carried out in a thread of the server's pool.

    Args:
        context: the ledger.
        with_tokens: each call is of the principal whose token it brings; without, everybody is as who has the file.
    """
    issuers = Issuers()

    async def call(request: Request) -> Response:
        name = request.path_params["verb"]
        try:
            header = request.headers.get("authorization", "")
            mine = await run_in_threadpool(_called, context, header, issuers) if with_tokens else context
            body = await read_limited(request, most=BODY.most, within_s=READ_S, what="a request")
            status, content = await run_in_threadpool(answered, mine, name, body)
        except LedgerError as error:  # before the verb: who calls
            is_unknown = isinstance(error, UnknownCallerError)
            status, content = problem(UNKNOWN if is_unknown else _UNDECIDED, error)
            told = {"connection": "close"} | ({"www-authenticate": "Bearer"} if is_unknown else {})
            return Response(content, status_code=status, media_type="application/json", headers=told)
        except BodyError as error:
            status, content = problem(error.status, LedgerMisuseError("body", str(error)))
            closing = {"connection": "close"}  # else what comes yet would be read and thrown away for ever
            return Response(content, status_code=status, media_type="application/json", headers=closing)
        except Exception:  # noqa: BLE001 - whatever it is: who asked gets a sentence, and the log has the rest
            status, content = _fault(name)
        return Response(content, status_code=status, media_type="application/json")

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    return Starlette(
        routes=[Route("/v1/{verb}", call, methods=["POST"]), Route("/health", health, methods=["GET"])],
    )

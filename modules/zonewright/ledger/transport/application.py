"""The ledger as an ASGI application: ``POST /v1/<verb>`` with a JSON request, JSON back."""

import logging
import secrets

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from zonewright.ledger.protocol.errors import LedgerError, LedgerMisuseError, LedgerUnavailableError
from zonewright.ledger.store.context import Context
from zonewright.ledger.transport.answering import UNKNOWN, UnknownCallerError, answered, problem
from zonewright.ledger.transport.body import BodyError, read_limited
from zonewright.ledger.transport.callers import brought_by, called
from zonewright.ledger.transport.issuers import Issuers
from zonewright.ledger.transport.paces import PaceError, Paces
from zonewright.model.limits import BODY

READ_S = 60.0
"""Seconds within which a request must have come: the largest needs 1.1 MB a second."""
_UNDECIDED, _COME_AGAIN = 503, 429
_LOG = logging.getLogger("zonewright.service")
REQUEST_ID, PRINCIPAL, LIMIT = "request_id", "principal", "limit"
"""What the state of a request knows: its number in the log, who called, and which limit it met."""


def new_request_id() -> str:
    """What a request is called in the log and by who asks about it."""
    return secrets.token_hex(6)


def _fault(verb: str, number: str) -> tuple[int, bytes]:
    """The answer where the service itself went wrong; its log has the same id with the traceback."""
    _LOG.exception("request id %s: verb %s", number, verb)
    sentence = (
        f"the service has a fault, request id {number}; nothing was decided; ask its operator to look for this id in "
        "the log"
    )
    return problem(500, LedgerUnavailableError("fault", sentence))


def application(context: Context, *, with_tokens: bool = True, paces: Paces | None = None) -> Starlette:
    """The application over one ledger; a verb, which blocks, is carried out in a thread.

    Args:
        context: the ledger.
        with_tokens: each call is of the principal whose token or certificate it brings; without, everybody is as
            who has the file.
        paces: what each principal may have at a time.
    """
    issuers, paced = Issuers(), paces if paces is not None else Paces()

    async def call(request: Request) -> Response:
        name, closing = request.path_params["verb"], {"connection": "close"}
        try:
            mine = await paced.asking_who(called, context, brought_by(request), issuers) if with_tokens else context
            principal = mine.caller.name
            setattr(request.state, PRINCIPAL, principal)
            with paced.one_of(principal) as grown:
                body = await read_limited(request, most=BODY.most, within_s=READ_S, what="a request", grown=grown)
                paced.require_pace(principal)
                status, content = await paced.in_thread(principal, answered, mine, name, body)
        except LedgerError as error:  # before the verb: who calls
            is_unknown = isinstance(error, UnknownCallerError)
            told = closing | ({"www-authenticate": "Bearer"} if is_unknown else {})
            return _problem(UNKNOWN if is_unknown else _UNDECIDED, error, told)
        except PaceError as error:
            setattr(request.state, LIMIT, error.limit)
            told = {"retry-after": str(error.wait_s)} | ({} if error.is_read else closing)
            return _problem(_COME_AGAIN, LedgerUnavailableError("pace", str(error)), told)
        except BodyError as error:  # closed, else what comes yet would be read and thrown away for ever
            return _problem(error.status, LedgerMisuseError("body", str(error)), closing)
        except Exception:  # noqa: BLE001 - whatever it is: who asked gets a sentence, and the log has the rest
            status, content = _fault(name, getattr(request.state, REQUEST_ID, None) or new_request_id())
        return Response(content, status_code=status, media_type="application/json")

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    return Starlette(
        routes=[Route("/v1/{verb}", call, methods=["POST"]), Route("/health", health, methods=["GET"])],
    )


def _problem(status: int, error: LedgerError, headers: dict[str, str]) -> Response:
    return Response(problem(status, error)[1], status_code=status, media_type="application/json", headers=headers)

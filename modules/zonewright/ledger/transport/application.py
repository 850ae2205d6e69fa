"""The ledger as an ASGI application: ``POST /v1/<verb>`` with a JSON request, JSON back."""

import logging
import secrets

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from zonewright.ledger.protocol.errors import LedgerMisuseError, LedgerUnavailableError
from zonewright.ledger.store.context import Context
from zonewright.ledger.transport.answering import answered, problem
from zonewright.ledger.transport.body import BodyError, read_limited
from zonewright.model.limits import BODY

READ_S = 60.0
"""Seconds within which a request must have come: the largest needs 1.1 MB a second."""
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


def application(context: Context) -> Starlette:
    """The application over one ledger; a verb, which blocks, is carried out in a thread of the server's pool."""

    async def call(request: Request) -> Response:
        name = request.path_params["verb"]
        try:
            body = await read_limited(request, most=BODY.most, within_s=READ_S, what="a request")
            status, content = await run_in_threadpool(answered, context, name, body)
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

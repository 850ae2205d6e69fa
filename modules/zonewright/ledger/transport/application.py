"""The ledger as an ASGI application: ``POST /v1/<verb>`` with a JSON request, JSON back.

Status codes: 200 answer, 400 the request is wrong, 404 no such verb, 409 refused (with findings), 503 not decided.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from zonewright.ledger.protocol.errors import LedgerError, LedgerMisuseError, LedgerRefusedError, LedgerUnavailableError
from zonewright.ledger.protocol.messages import Message
from zonewright.ledger.store.context import Context
from zonewright.ledger.verbs.table import FUNCTIONS

MAX_BODY_BYTES = 64 * 1024 * 1024


Runner = Callable[[Callable[[Context, Any], Message], Context, Message], Awaitable[Message]]


def application(context: Context, run: Runner = run_in_threadpool) -> Starlette:
    """The application over one ledger.

    Args:
        context: the ledger.
        run: how a verb, which blocks, is carried out: in a thread of the server's pool, or by a caller that
            may block itself.
    """
    by_name = {verb.name: (verb, function) for verb, function in FUNCTIONS.items()}

    async def call(request: Request) -> Response:
        verb, function = by_name.get(request.path_params["verb"], (None, None))
        if verb is None or function is None:
            return _problem(404, LedgerMisuseError("no-such-verb", f"the ledger has no verb {request.url.path}"))
        body = await request.body()
        if len(body) > MAX_BODY_BYTES:
            return _problem(400, LedgerMisuseError("too-large", f"a request has at most {MAX_BODY_BYTES} bytes"))
        try:
            message = verb.request.model_validate_json(body)
            answer = await run(function, context, message)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            return _problem(400, LedgerMisuseError("request", f"request field '{where}': {first['msg']}"))
        except LedgerError as error:
            return _problem(_STATUS[type(error)], error)
        return Response(answer.model_dump_json(), media_type="application/json")

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    return Starlette(
        routes=[Route("/v1/{verb}", call, methods=["POST"]), Route("/health", health, methods=["GET"])],
    )


_STATUS: dict[type[LedgerError], int] = {
    LedgerMisuseError: 400,
    LedgerRefusedError: 409,
    LedgerUnavailableError: 503,
}


def _problem(status: int, error: LedgerError) -> Response:
    findings = [finding.to_data() for finding in error.findings] if isinstance(error, LedgerRefusedError) else []
    return JSONResponse(
        {"code": error.code, "sentence": error.sentence, "findings": findings},
        status_code=status,
    )

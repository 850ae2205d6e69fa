"""The ledger as an ASGI application: ``POST /v1/<verb>`` with a JSON request, JSON back."""

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from zonewright.ledger.store.context import Context
from zonewright.ledger.transport.answering import answered


def application(context: Context) -> Starlette:
    """The application over one ledger; a verb, which blocks, is carried out in a thread of the server's pool."""

    async def call(request: Request) -> Response:
        body = await request.body()
        status, content = await run_in_threadpool(answered, context, request.path_params["verb"], body)
        return Response(content, status_code=status, media_type="application/json")

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    return Starlette(
        routes=[Route("/v1/{verb}", call, methods=["POST"]), Route("/health", health, methods=["GET"])],
    )

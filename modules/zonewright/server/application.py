"""Reports of agents (a token for each, nothing stored without it) and figures of sites, beside the ledger's verbs."""

import time
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from zonewright.server.agents import Agents
from zonewright.server.otlp import OtlpError, read_batch
from zonewright.telemetry.samples import Samples

MAX_BODY_BYTES = 4 * 1024 * 1024
_BEARER = "Bearer "


def service(
    agents: Callable[[], Agents],
    samples: Samples,
    ledger: Starlette | None = None,
    *,
    figures: Callable[[str | None], str] | None = None,
    clock: Callable[[], int] = time.time_ns,
) -> Starlette:
    """The application.

    Args:
        agents: gives the agents that may report now.
        samples: where their reports go.
        ledger: the ledger's application, which gets every other path; None for telemetry alone.
        figures: the page of figures of one site, or of all; None where there is no ledger to name the sites.
        clock: nanoseconds since 1970.
    """

    async def metrics(request: Request) -> Response:
        header = request.headers.get("authorization", "")
        known = agents().find(header.removeprefix(_BEARER)) if header.startswith(_BEARER) else None
        if known is None:
            return _answer(401, "the token of an agent is missing or wrong")
        body = await request.body()
        if len(body) > MAX_BODY_BYTES:
            return _answer(413, f"a batch has at most {MAX_BODY_BYTES:,} bytes")
        try:
            batch = read_batch(body)
        except OtlpError as error:
            return _answer(400, str(error))
        agent, node = known
        if batch.agent != agent:
            return _answer(401, f"the token is not that of agent {batch.agent[:63]!r}")
        received = await run_in_threadpool(
            samples.append, agent, node, batch.boot, batch.sequence, batch.samples, clock()
        )
        rejected = {"rejectedDataPoints": str(received.quarantined), "errorMessage": "impossible values were set aside"}
        return JSONResponse({"partialSuccess": rejected} if received.quarantined else {})

    async def page(request: Request) -> Response:
        if figures is None:
            return _answer(404, "this service has no ledger, so it knows no sites")
        text = await run_in_threadpool(figures, request.query_params.get("site"))
        return Response(text, media_type="text/plain; version=0.0.4")

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    routes: list[Route | Mount] = [
        Route("/v1/metrics", metrics, methods=["POST"]),
        Route("/metrics", page, methods=["GET"]),
        Route("/health", health, methods=["GET"]),
    ]
    return Starlette(routes=[*routes, *([Mount("/", app=ledger)] if ledger is not None else [])])


def _answer(status: int, sentence: str) -> Response:
    return JSONResponse({"message": sentence}, status_code=status)

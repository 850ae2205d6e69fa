"""Reports of agents (a token for each, nothing stored without it) and figures of sites, beside the ledger's verbs."""

import time
from collections.abc import Awaitable, Callable, Collection
from functools import cache

import anyio.to_thread
from anyio import CapacityLimiter
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from zonewright.ledger.protocol.errors import LedgerError
from zonewright.ledger.transport.callers import Credentials, brought_by
from zonewright.ledger.transport.deliverers import Deliverers
from zonewright.ledger.transport.slots import Slots
from zonewright.model.canonical import canonical_json
from zonewright.server.agents import KnownAgents
from zonewright.server.asking import later
from zonewright.server.counting import ServiceMetrics
from zonewright.server.door import host_of
from zonewright.server.health import Health, health_route
from zonewright.server.ingest import Ingest
from zonewright.server.interface import INTERFACE
from zonewright.server.witness_route import Heads, witness_route
from zonewright.telemetry.samples import Samples

MAX_IN_FLIGHT = 64
"""Reports that are read or stored at the same time; an agent that is one too many keeps its batch and comes again."""
MAX_OF_AN_AGENT = 4
"""Of these, how many one agent may have. It sends one at a time; where it gave one up, that may still be read."""


def service(
    agents: Callable[[], KnownAgents],
    samples: Samples,
    ledger: Starlette | None = None,
    *,
    figures: Callable[[str | None], str] | None = None,
    may_read: Callable[[Credentials], bool] | None = None,
    districts: Callable[[str | None], str] | None = None,
    may_read_districts: Callable[[Credentials], bool] | None = None,
    metrics: ServiceMetrics | None = None,
    may_read_metrics: Callable[[Credentials], bool] | None = None,
    is_ready: Callable[[], bool] = lambda: True,
    unasked: Collection[str] = (),
    health_reports: Health | None = None,
    heads: Heads | None = None,
    deliverers: Deliverers | None = None,
    ledger_id: Callable[[], str] = lambda: "",
    clock: Callable[[], int] = time.time_ns,
    max_in_flight: int = MAX_IN_FLIGHT,
) -> Starlette:
    """The application.

    Args:
        agents: gives the agents that may report now.
        samples: where their reports go.
        ledger: the ledger's application, which gets every other path; None for telemetry alone.
        figures: the page of figures of one site, or of all; None where there is no ledger to name the sites.
        may_read: whether what somebody brings lets them read that page; None lets everybody who gets here.
        districts: the page of what districts have left; None where there is no ledger.
        may_read_districts: as ``may_read``, for that page.
        metrics: what the service counts of itself; None counts for nobody.
        may_read_metrics: as ``may_read``, for the page of these.
        is_ready: whether what the service needs answers now; may block.
        unasked: names of the service under which nobody is asked: those that only programs on its own host use.
        health_reports: where reports of health go; None takes none.
        heads: where heads of other parties' journals go; None takes none.
        deliverers: the principals that may send readings beside the agents; None takes none of principals.
        ledger_id: gives the id of the ledger that signed readings must be for; empty where there is none.
        clock: nanoseconds since 1970.
        max_in_flight: how many reports are read or stored at the same time.
    """
    slots = Slots(total=max_in_flight, each=MAX_OF_AN_AGENT)
    counted = metrics if metrics is not None else ServiceMetrics()
    ingest = Ingest(agents, samples, slots, counted, clock, deliverers, ledger_id)

    def own(_site: str | None) -> str:
        return counted.page().decode()

    routes: list[Route | Mount] = [
        Route("/v1/metrics", later(ingest.__call__), methods=["POST"]),
        Route("/metrics", _page_of(figures, may_read, unasked, "energy"), methods=["GET"]),
        Route("/metrics/districts", _page_of(districts, may_read_districts, unasked, "exhaustion"), methods=["GET"]),
        Route("/metrics/service", _page_of(own, may_read_metrics, unasked, "access"), methods=["GET"]),
        Route("/health", _health, methods=["GET"]),
        Route("/ready", _ready_by(is_ready), methods=["GET"]),
        Route(INTERFACE, _interface(), methods=["GET"]),
        *(() if heads is None else (witness_route(agents, heads),)),
        *(
            ()
            if health_reports is None
            else (health_route(agents, health_reports, Slots(total=max_in_flight, each=MAX_OF_AN_AGENT), ledger_id),)
        ),
    ]
    return Starlette(routes=[*routes, *([Mount("/", app=ledger)] if ledger is not None else [])])


def _page_of(
    figures: Callable[[str | None], str] | None,
    may_read: Callable[[Credentials], bool] | None,
    unasked: Collection[str],
    verb: str,
) -> Callable[[Request], Awaitable[Response]]:
    """A page for Prometheus, which whoever may call a verb reads with a token."""

    async def page(request: Request) -> Response:
        if figures is None:
            return _answer(404, "this service has no ledger, so it knows no sites")
        name = host_of(request.headers.get("host", ""))
        try:
            is_let_in = may_read is None or name in unasked or await run_in_threadpool(may_read, brought_by(request))
        except LedgerError as error:
            return _answer(503, str(error))
        if not is_let_in:
            sentence = (
                f"this page needs the token or the certificate of a principal that may call {verb}; see: zonewright "
                "access grant"
            )
            return _answer(401, sentence, {"www-authenticate": "Bearer"})
        text = await run_in_threadpool(figures, request.query_params.get("site"))
        return Response(text, media_type="text/plain; version=0.0.4")

    return page


def _ready_by(is_ready: Callable[[], bool]) -> Callable[[Request], Awaitable[Response]]:
    """Whether the service can decide now. One thread at a time asks; who asks is nobody, so is told no reason."""
    one = CapacityLimiter(1)

    async def ready(_request: Request) -> Response:
        if await anyio.to_thread.run_sync(is_ready, limiter=one):
            return JSONResponse({"status": "ready"})
        return _answer(503, "the service cannot decide now: its database does not answer", {"retry-after": "5"})

    return ready


def _interface() -> Callable[[Request], Awaitable[Response]]:
    """The document of the interface, made when it is first asked for."""

    @cache
    def made() -> bytes:
        from zonewright.server.openapi import document  # noqa: PLC0415 - it needs all verbs, which telemetry does not

        return canonical_json(document()).encode()

    async def interface(_request: Request) -> Response:
        return Response(await run_in_threadpool(made), media_type="application/json")

    return interface


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _answer(status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"message": sentence}, status_code=status, headers=headers)

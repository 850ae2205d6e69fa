"""Each request gets a number, which its answer tells (``X-Request-Id``), is counted, and is one line of the log."""

import logging
import time
from collections.abc import Collection

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zonewright.ledger.transport.application import LIMIT, PRINCIPAL, REQUEST_ID, new_request_id
from zonewright.server.counting import ServiceMetrics
from zonewright.server.log import FIELDS

_LOG = logging.getLogger("zonewright.requests")
OTHER = "other"
"""What every path is called that is no route."""
_MAX_PATH = 200


class Requests:
    """Counts and logs what goes through it.

    The number is made here: one that came could be of another request. What is logged of a request has no query,
    no header and no body, so no token.

    Args:
        app: the application.
        routes: paths that are counted by name.
        metrics: the counters.
    """

    def __init__(self, app: ASGIApp, *, routes: Collection[str], metrics: ServiceMetrics) -> None:
        self._app, self._routes, self._metrics = app, frozenset(routes), metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number, begun_s, status = new_request_id(), time.monotonic(), 0
        state = scope.setdefault("state", {})
        state[REQUEST_ID] = number

        async def numbered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = number
            await send(message)

        with self._metrics.in_flight.track_inprogress():
            try:
                await self._app(scope, receive, numbered)
            finally:
                self._told(scope, status, time.monotonic() - begun_s)

    def _told(self, scope: Scope, status: int, seconds: float) -> None:
        state, path = scope["state"], scope["path"]
        route = path if path in self._routes else OTHER
        self._metrics.answered(route, status, seconds)
        if limit := state.get(LIMIT):
            self._metrics.limited(limit)
        fields = {
            REQUEST_ID: state[REQUEST_ID],
            "method": scope["method"],
            "path": path[:_MAX_PATH],
            "status": status,
            "duration_ms": round(seconds * 1000, 1),
            **{name: state[name] for name in (PRINCIPAL, LIMIT) if state.get(name)},
        }
        _LOG.info("%s %s: %d", scope["method"], route, status, extra={FIELDS: fields})

"""Who of the agents calls, and the answer while nobody can say."""

from collections.abc import Awaitable, Callable
from functools import wraps

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from zonewright.ledger.protocol.errors import LedgerError
from zonewright.server.agents import KnownAgents
from zonewright.telemetry.home import STORE_FAULTS

_BEARER = "Bearer "


async def agent_of(agents: Callable[[], KnownAgents], request: Request) -> tuple[str, str] | None:
    """Agent and node of who calls; None where its token is missing or none."""
    header = request.headers.get("authorization", "")
    if not header.startswith(_BEARER):
        return None
    return await run_in_threadpool(lambda: agents().find(header.removeprefix(_BEARER)))


def later(route: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """A route that tells agents to come again while the database cannot be used: they keep what they send."""

    @wraps(route)
    async def answered(request: Request) -> Response:
        try:
            return await route(request)
        except (LedgerError, *STORE_FAULTS) as error:  # such as a full disk
            headers = {"retry-after": "5", "connection": "close"}
            return JSONResponse({"message": f"nothing was stored: {error}"}, status_code=503, headers=headers)

    return answered

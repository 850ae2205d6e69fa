"""Reports of health that agents give after a start: taken only when the agent's enrolled key signed them."""

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from zonewright.errors import Exit, ZonewrightError
from zonewright.ledger.transport.body import BodyError
from zonewright.ledger.transport.slots import Slots
from zonewright.model.limits import HEALTH
from zonewright.seal.ssh_signatures import SignatureError, verify_signature
from zonewright.server.agents import KnownAgents
from zonewright.server.asking import agent_of, later
from zonewright.server.body import read_body
from zonewright.server.file_stamp import tag_of
from zonewright.server.notifier import News

NAMESPACE = "zonewright-health"
MAX_BODY_BYTES = HEALTH.most
_FOREVER_NS = 2**62
MAX_WAIT_S = 5.0
"""For a report that has not come yet; short, so that a service that is told to stop need not wait for long."""
_LOOK_AGAIN_S = 1.0
"""Another process that serves the same folder may have taken the report, and tells nobody here."""
_WAIT = re.compile(r"(?:^|,)\s*wait\s*=\s*(\d{1,4})\s*(?:$|[,;])", re.IGNORECASE)


class HealthError(ZonewrightError, ValueError):
    """A report is not taken; ``str()`` is a sentence."""

    exit_code = Exit.REFUSED


def read_report(body: bytes, *, agent: str, public_key: str) -> dict[str, Any]:
    """What a signed report says.

    Args:
        body: as it came: its text and the signature over that text.
        agent: who must have sent it.
        public_key: the agent's enrolled key, or empty.

    Raises:
        HealthError: when it is none, or its signature does not count.
    """
    if not public_key:
        raise HealthError(f"no key is enrolled for agent {agent!r}; deploy it with: zonewright fleet deploy")
    try:
        document = json.loads(body.decode())
        text, signature = document["report"], document["signature"]
        verify_signature(text.encode(), signature, public_key=public_key, namespace=NAMESPACE)
        report = json.loads(text)
        named, time_ns = report["agent"], int(report["time_ns"])
    except SignatureError as error:
        raise HealthError(str(error)) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise HealthError("expected a signed report of health") from None
    if time_ns >= _FOREVER_NS:
        raise HealthError(f"the report's time is none: {str(time_ns)[:30]}")
    if named != agent or time_ns <= 0:
        raise HealthError(f"the report belongs to another agent than {agent!r}")
    return dict(report)


class HealthReports:
    """The last report of each agent, as it came, one file each.

    Args:
        folder: where; it is made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, agent: str, body: bytes, time_ns: int) -> bool:
        """Keep a report, unless a later one is there: an old one that is sent again changes nothing."""
        self._folder.mkdir(parents=True, exist_ok=True)
        before = self.last(agent)
        if before is not None and int(json.loads(json.loads(before)["report"])["time_ns"]) >= time_ns:
            return False
        temporary = self._folder / f"{agent}.new"
        temporary.write_bytes(body)
        temporary.replace(self._folder / f"{agent}.json")
        return True

    def last(self, agent: str) -> bytes | None:
        """The last report of an agent."""
        path = self._folder / f"{agent}.json"
        return path.read_bytes() if path.exists() else None


class Health(Protocol):
    """Keeps the last report of each agent; see :class:`HealthReports`."""

    def keep(self, agent: str, body: bytes, time_ns: int) -> bool:
        """Keep a report, unless a later one is there."""
        ...

    def last(self, agent: str) -> bytes | None:
        """The last report of an agent."""
        ...


def health_route(
    agents: Callable[[], KnownAgents], reports: Health, slots: Slots, ledger_id: Callable[[], str]
) -> Route:
    """``/v1/agent-health``: an agent gives its report, and whoever has its token reads the last one.

    Who knows that one already (``If-None-Match``, RFC 9110, 13.1.2) can wait for another (``Prefer: wait``, RFC 7240,
    4.3), so that a roll-out neither asks again and again nor hears of it late.

    Args:
        agents: gives the agents that may report now.
        reports: where their reports go.
        slots: for the reports that are read at the same time.
        ledger_id: gives the id of the ledger, which agents sign their readings for.
    """
    news = News()

    async def agent_health(request: Request) -> Response:
        known = await agent_of(agents, request)
        if known is None:
            return _answer(401, "the token of an agent is missing or wrong", {"connection": "close"})
        agent = known[0]
        if request.method == "GET":
            return await _last(request, agent, reports, news)
        public_key = await run_in_threadpool(lambda: agents().key_of(agent))
        return await _taken(request, agent, public_key, reports, news, slots, ledger_id)

    return Route("/v1/agent-health", later(agent_health), methods=["GET", "POST"])


async def _taken(  # noqa: PLR0917 - private
    request: Request,
    agent: str,
    public_key: str,
    reports: Health,
    news: News,
    slots: Slots,
    ledger_id: Callable[[], str],
) -> Response:
    """Keep a report that counts, and wake who waits for it."""
    try:
        with slots.taken_by(agent) as is_free:
            if not is_free:
                headers = {"retry-after": "1", "connection": "close"}
                return _answer(429, "too many reports at once; send it again", headers)
            body = await read_body(
                request, max_bytes=MAX_BODY_BYTES, max_plain_bytes=MAX_BODY_BYTES, what="a report of health"
            )
    except BodyError as error:
        return _answer(error.status, str(error), {"connection": "close"})
    try:
        report = read_report(body, agent=agent, public_key=public_key)
    except HealthError as error:
        return _answer(400, str(error))
    kept = await run_in_threadpool(reports.keep, agent, body, int(report["time_ns"]))
    if kept:
        news.tell(agent)
    return JSONResponse({"kept": kept, "ledger": await run_in_threadpool(ledger_id)})


async def _last(request: Request, agent: str, reports: Health, news: News) -> Response:
    """The last report: at once where it is another than the known one, else when that comes or the wait is over."""
    known, loop = request.headers.get("if-none-match", "").strip(), asyncio.get_running_loop()
    until_s = loop.time() + _wait_s(request.headers.get("prefer", ""))
    with news.awaited(agent) as event:
        while True:
            event.clear()  # before looking: what comes from now on sets it again
            last = await run_in_threadpool(reports.last, agent)
            tag = tag_of(last) if last is not None else ""
            left_s = until_s - loop.time()
            if left_s <= 0 or (last is not None and tag != known):
                break
            with suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), min(left_s, _LOOK_AGAIN_S))
    if last is None:
        return _answer(404, "no report came yet")
    if tag == known:
        return Response(status_code=304, headers={"etag": tag})
    return Response(last, media_type="application/json", headers={"etag": tag})


def _wait_s(preferences: str) -> float:
    """How long the answer may take, by a header ``Prefer``; 0 where it does not say."""
    found = _WAIT.search(preferences)
    return min(float(found[1]), MAX_WAIT_S) if found is not None else 0.0


def _answer(status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"message": sentence}, status_code=status, headers=headers)

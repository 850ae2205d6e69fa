"""How everybody else talks to the ledger: one client, whatever the URL.

``sqlite:///path`` mounts the application in this process; ``http(s)://`` calls a service. Both take the same road
through the application, so there is one contract.
"""

import asyncio
import os
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import httpx

from zonewright.ledger.errors import LedgerError, LedgerMisuseError, LedgerRefusedError, LedgerUnavailableError
from zonewright.ledger.verbs import Answer, Request, Verb
from zonewright.rules.finding import Finding

if TYPE_CHECKING:  # a client of a service needs no SQL
    from zonewright.ledger.context import Context

WAIT_VARIABLE = "ZONEWRIGHT_LEDGER_WAIT_S"
MAX_WAIT_S = 3600
_ERRORS: dict[int, type[LedgerError]] = {400: LedgerMisuseError, 404: LedgerMisuseError, 503: LedgerUnavailableError}


class LedgerClient:
    """A connection to a ledger; safe to use from several threads.

    Args:
        url: ``sqlite:///relative/or//absolute/path``, ``https://host``, or ``http://`` on this machine.
        root: folder that a relative SQLite path starts from.
        create: make the SQLite file when it is missing (``ledger init``).
        token: bearer token for a service; never part of the URL.
        timeout_s: how long one call may take.
        clock: time of decisions in a ledger that is mounted here; the wall clock when None.

    Raises:
        LedgerMisuseError: when the URL is none of these.
        LedgerUnavailableError: when the SQLite file is missing.
    """

    def __init__(
        self,
        url: str,
        *,
        root: Path = Path(),
        create: bool = False,
        token: str | None = None,
        timeout_s: float = 60.0,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.url = url
        transport: httpx.BaseTransport | None = None
        base = url
        if url.startswith("sqlite:///"):
            transport = _InProcess(_context(root / url.removeprefix("sqlite:///"), create, clock))
            base = "http://in-process"
        else:
            _require_http(url)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(
            base_url=base, transport=transport, headers=headers, timeout=timeout_s, trust_env=False
        )

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def call(self, verb: Verb[Request, Answer], request: Request) -> Answer:
        """Carry out one verb.

        Raises:
            LedgerUnavailableError: nothing was decided.
            LedgerRefusedError: decided, and refused.
            LedgerMisuseError: the request is wrong.
        """
        try:
            response = self._http.post(f"/v1/{verb.name}", content=request.model_dump_json())
        except httpx.HTTPError as error:
            raise LedgerUnavailableError(
                "unreachable",
                f"the ledger {self.url} cannot be reached ({type(error).__name__}: {error}); nothing was decided; "
                "start it, or correct zone:ledger in the stack's configuration",
            ) from error
        if response.status_code == httpx.codes.OK:
            return verb.answer.model_validate_json(response.content)
        raise self._error(response)

    def _error(self, response: httpx.Response) -> LedgerError:
        try:
            problem = response.json()
            code, sentence = problem["code"], problem["sentence"]
            findings = tuple(Finding.from_data(item) for item in problem.get("findings", ()))
        except (ValueError, KeyError, TypeError):
            return LedgerUnavailableError(
                "not-a-ledger", f"{self.url} answered {response.status_code} and is not a zonewright ledger"
            )
        if response.status_code == httpx.codes.CONFLICT:
            return LedgerRefusedError(code, sentence, findings)
        return _ERRORS.get(response.status_code, LedgerUnavailableError)(code, sentence)


def _context(path: Path, create: bool, clock: Callable[[], datetime] | None) -> "Context":  # noqa: FBT001 - handed on
    from zonewright.ledger.context import Context, utc_now  # noqa: PLC0415 - a client of a service needs no SQL
    from zonewright.ledger.database import Database  # noqa: PLC0415 - as above

    database = Database(path.resolve(), create=create, lock_wait_s=_lock_wait_s(os.environ.get(WAIT_VARIABLE, "30")))
    return Context(database=database, clock=clock or utc_now)


def _lock_wait_s(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= MAX_WAIT_S:
        raise LedgerMisuseError(
            "wait", f"{WAIT_VARIABLE} is how many seconds to wait for a locked ledger, 0 to {MAX_WAIT_S}; got '{text}'"
        )
    return seconds


def _require_http(url: str) -> None:
    parts = urlsplit(url)
    local = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise LedgerMisuseError(
            "url", f"a ledger URL is sqlite:///PATH or https://HOST, got '{url}'; correct zone:ledger"
        )
    if parts.username or parts.password:
        raise LedgerMisuseError(
            "url", "a ledger URL holds no user or password; give the token in ZONEWRIGHT_LEDGER_TOKEN"
        )
    if parts.scheme == "http" and not local:
        raise LedgerMisuseError("url", f"plain http is for this machine only, got '{url}'; use https")


class _InProcess(httpx.BaseTransport):
    """Drives the ASGI application from synchronous code, on an event loop in a thread of its own."""

    def __init__(self, context: "Context") -> None:
        from zonewright.ledger.application import application  # noqa: PLC0415 - nor the application

        self._database = context.database
        self._transport = httpx.ASGITransport(application(context), raise_app_exceptions=True)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="zonewright-ledger", daemon=True)
        self._thread.start()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run_coroutine_threadsafe(self._handle(request), self._loop).result()

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        response = await self._transport.handle_async_request(request)
        return httpx.Response(response.status_code, headers=response.headers, content=await response.aread())

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        self._loop.close()
        self._database.close()

"""Serves until it is told to stop, and once a day removes what is older than it is to be kept."""

import asyncio
import gc
import resource
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from zonewright.ledger.verbs.pruning import NotRecordedError
from zonewright.server.periodic import Periodic
from zonewright.telemetry.samples import Samples

_GRACE_S = 10
HEAD_S = 20.0
"""Seconds within which the head of a connection's first request must have come; with TLS, its handshake too."""
_DAY_S = 86_400.0
_US, _NS = 10**6, 10**9
_DER = 2
"""What OpenSSL calls the encoding."""


class _Server(uvicorn.Server):
    """uvicorn ends a process by the signal that stopped it, before anything could be closed; this one returns."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGTERM and SIGINT while serving, and do not raise them again afterwards."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Prompt(H11Protocol):
    """A connection on which nothing is asked for is closed: else whoever opens many leaves none for others."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn itself has it
        """Begin to wait for a request."""
        super().connection_made(transport)
        if chain := _chain(transport):
            self.app = _with_chain(self.app, chain)
        self._deadline = self.loop.call_later(HEAD_S, self._close_idle)

    def _close_idle(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)


def _chain(transport: asyncio.Transport) -> list[str]:
    """The certificate that the client of a connection showed in the handshake, and those after it (PEM)."""
    connection = transport.get_extra_info("ssl_object")
    own = connection.getpeercert(binary_form=True) if connection is not None else None
    if own is None:
        return []
    if hasattr(connection, "get_unverified_chain"):  # from Python 3.13 on
        chain = connection.get_unverified_chain()
    else:
        chain = [one.public_bytes(_DER) for one in connection._sslobj.get_unverified_chain() or ()]  # noqa: SLF001 - the same
    return [ssl.DER_cert_to_PEM_cert(one) for one in (own, *chain[1:])]


def _with_chain(app: ASGIApp, chain: list[str]) -> ASGIApp:
    """The application of such a connection, told as the TLS extension of ASGI has it."""
    unsaid = ("server_cert", "client_cert_name", "client_cert_error", "tls_version", "cipher_suite")
    tls = {**dict.fromkeys(unsaid), "client_cert_chain": chain}

    async def told(scope: Scope, receive: Receive, send: Send) -> None:
        scope["extensions"] = {"tls": tls}
        await app(scope, receive, send)

    return told


def use_all_files() -> None:
    """Take as many open files as the system lets this process have: each connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def serve(app: ASGIApp, listener: socket.socket, tls: ssl.SSLContext | None = None) -> None:
    """Serve on a bound socket; returns after SIGTERM or SIGINT, when what is in flight has been answered.

    Args:
        app: the application.
        listener: the socket.
        tls: for HTTPS; None serves HTTP.
    """
    # A batch is thousands of small objects that all go at once: collecting as often as usual takes a third of the time.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    use_all_files()
    config = uvicorn.Config(
        app,
        http=_Prompt,
        proxy_headers=False,  # whose address a connection comes from is not for its client to say
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=_GRACE_S,
    )
    config.load()
    config.ssl = tls
    _Server(config).run(sockets=[listener])


class Retention(Periodic):
    """Removes old readings and samples at the begin and once a day, in a thread of its own.

    Args:
        prune_readings: removes the readings of meters before a time in microseconds since 1970; gives how many.
        samples: what agents report.
        keep_days: how long samples are kept; 0 keeps all.
        keep_readings_days: how long readings of meters are kept; 0 keeps all.
        say: takes a sentence about what was done or failed.
    """

    def __init__(
        self,
        prune_readings: Callable[[int], int],
        samples: Samples,
        *,
        keep_days: int,
        keep_readings_days: int,
        say: Callable[[str], None],
    ) -> None:
        self._prune_readings, self._samples, self._say = prune_readings, samples, say
        self._keep_days, self._keep_readings_days = keep_days, keep_readings_days
        super().__init__("retention", every_s=_DAY_S, is_wanted=bool(keep_days or keep_readings_days))

    def once(self, now_s: float) -> None:
        """Remove what is too old at a time."""
        self._remove("readings", self._keep_readings_days, lambda at_s: self._prune_readings(at_s * _US), now_s)
        self._remove("samples", self._keep_days, lambda at_s: self._samples.prune(at_s * _NS), now_s)

    def _remove(self, what: str, days: int, prune: Callable[[int], int], now_s: float) -> None:
        if not days:
            return
        try:
            count = prune(_before_s(now_s, days))
        except NotRecordedError as error:
            self._say(str(error))
        except Exception as error:  # noqa: BLE001 - such as a locked file; it is tried again the next day
            if not self._stop.is_set():
                self._say(f"could not remove all {what} older than {days} days: {error}; the rest is removed tomorrow")
        else:
            if count:
                self._say(f"removed {count:,} {what} older than {days} days; sums by hour and day stay")

    def _round(self) -> None:
        self.once(time.time())


def _before_s(now_s: float, days: int) -> int:
    return int(now_s) - int(days * _DAY_S)

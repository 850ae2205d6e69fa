"""Sends what is spooled, oldest first, in a thread of its own, so that a service that hangs delays no reading."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from zonewright_agent import __version__
from zonewright_agent.configuration import Configuration, parts_of, read_token
from zonewright_agent.log import log
from zonewright_agent.otlp import count_of, halves
from zonewright_agent.posting import Answer, Connection
from zonewright_agent.spool import Spool

_BASE_S, _MAX_BACKOFF_S, _MAX_RETRY_AFTER_S = 1.0, 300.0, 3600.0
_IDLE_S = 30.0
_STOP_S = 1.0
"""How long a stop waits for what is being sent."""
_NEVER = (400, 413, 422)
"""The service will never take this batch; sent again and again it would hold back all others."""
_MOST_REFUSALS = 32
"""Of parts of one batch; what is left of it then is tried whole. One bad point among 10,000 takes 14."""
_TRIED_AGAIN = 32
"""Of batches of which nothing was taken, each such one is divided, and the 1st, 2nd, 4th, 8th and 16th before it."""
_MOST_TEXT = 500
"""Characters of what a service says that the log gets."""
_OK_FROM, _OK_BELOW = 200, 300
_MAX_ANSWER_BYTES = 65_536


class NotSentError(Exception):
    """A batch was not acknowledged; ``retry_after_s`` is what the service asked for."""

    def __init__(self, sentence: str, *, retry_after_s: float | None = None, is_final: bool = False) -> None:
        super().__init__(sentence)
        self.retry_after_s, self.is_final = retry_after_s, is_final


def _chance() -> float:
    """0 to 1, without the memory that the module ``random`` takes."""
    return int.from_bytes(os.urandom(4), "big") / 2**32


class Sender:
    """Empties a spool into a service.

    Args:
        settings: where to, with which token.
        spool: what waits.
        chance: a number from 0 to 1 for each back-off (full jitter).
        first: what is done before anything else, again at every turn until it returns True.
    """

    def __init__(
        self,
        settings: Configuration,
        spool: Spool,
        *,
        chance: Callable[[], float] = _chance,
        first: Callable[[], bool] | None = None,
    ) -> None:
        self._settings, self._spool, self._chance = settings, spool, chance
        self._first = first
        self._connection = Connection(settings.url, settings.timeout_s)
        self._path = parts_of(settings.url)[3]
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)
        self._stop_at_s = float("inf")
        self._beat_s = time.monotonic()
        self._failures = 0
        self._hopeless = 0
        """Batches in a row of which nothing was taken."""
        self.wait_until_s = 0.0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """There is something to send."""
        self._wake.set()

    def end(self) -> None:
        """Have it end within a second; what is left stays in the spool."""
        self._stop_at_s = min(self._stop_at_s, time.monotonic() + _STOP_S)
        self._wake.set()

    def stop(self) -> None:
        """Have it end, and wait for that."""
        self.end()
        self._thread.join(max(self._stop_at_s - time.monotonic(), 0) + 0.5)

    def is_alive(self) -> bool:
        """Whether it still makes progress: it waits, or sends within what the time-outs allow."""
        longest_s = 2 * _IDLE_S + 4 * self._settings.timeout_s
        return self._thread.is_alive() and time.monotonic() - self._beat_s < longest_s

    def drain(self) -> bool:
        """Send what waits; whether all of it was acknowledged."""
        try:
            for sequence, batch in self._spool.pending():
                self._beat_s = time.monotonic()
                if self._beat_s > self._stop_at_s or not self._one(sequence, batch):
                    return False
        except OSError as error:
            self._failed(0, NotSentError(f"the spool: {error}"))
            return False
        finally:
            self._connection.close()
        return True

    def _run(self) -> None:
        while time.monotonic() < self._stop_at_s:
            self._beat_s = time.monotonic()
            if self._first is not None and self._first():
                self._first = None
            if len(self._spool) and self._beat_s >= self.wait_until_s:
                self.drain()
                continue_s = self.wait_until_s - time.monotonic()
            else:
                continue_s = self.wait_until_s - self._beat_s if len(self._spool) else _IDLE_S
            if self._stop_at_s < float("inf"):
                return
            self._wake.wait(min(max(continue_s, 0.05), _IDLE_S))
            self._wake.clear()

    def _one(self, sequence: int, batch: bytes) -> bool:
        try:
            is_whole = self._send_in_parts(sequence, batch)
        except NotSentError as error:
            self._failed(sequence, error)
            return False
        except Exception as error:  # noqa: BLE001 - whatever a receiver answers, it ends no agent
            self._failed(sequence, NotSentError(f"{type(error).__name__}: {str(error)[:_MOST_TEXT]}"))
            return False
        if self._failures:
            log("sent-again", sequence=sequence, failures=self._failures)
        self._failures = 0
        if is_whole:
            self._spool.acknowledge(sequence)
        else:
            self._spool.refuse(sequence)
        return True

    def _send_in_parts(self, sequence: int, batch: bytes) -> bool:
        """Send a batch, in ever smaller parts where it is refused; whether all of it was taken at last.

        A receiver that takes nothing at all is asked once for most batches, and not for all their parts.
        """
        parts, refused, is_whole, is_any = [batch], 0, True, False
        before = self._hopeless
        is_divided = before & (before - 1) == 0 or before % _TRIED_AGAIN == 0
        while parts:
            part = parts.pop()
            try:
                self._send(part)
                is_any = True
            except NotSentError as error:
                if not error.is_final:
                    raise
                refused += 1
                smaller = halves(part) if is_divided and refused < _MOST_REFUSALS else []
                parts += reversed(smaller)  # in order: some stores take nothing that is older than what they have
                if not smaller:
                    log("refused", sequence=sequence, points=count_of(part), error=str(error))
                    is_whole = False
        self._hopeless = 0 if is_any else before + 1
        return is_whole

    def _failed(self, sequence: int, error: NotSentError) -> None:
        self._failures += 1
        limit_s = min(_MAX_BACKOFF_S, _BASE_S * 2 ** min(self._failures, 16))
        chance, asked_s = self._chance(), error.retry_after_s
        # What the service asks for is the least; a part more keeps a thousand agents from coming back at once.
        wait_s = chance * limit_s if asked_s is None else asked_s * (1 + chance / 2)
        self.wait_until_s = time.monotonic() + wait_s
        log("not-sent", sequence=sequence, waiting=len(self._spool), error=str(error), again_s=round(wait_s, 1))

    def _send(self, batch: bytes) -> None:
        headers = {"Content-Type": "application/json", "User-Agent": f"zonewright-agent/{__version__}"}
        if self._settings.token_file is not None:
            headers["Authorization"] = f"Bearer {read_token(self._settings.token_file)}"
        was_kept = self._connection.is_open
        try:
            answer = self._request(batch, headers)
        except OSError:
            if not was_kept:
                raise
            answer = self._request(batch, headers)  # the service had closed it meanwhile
        if not _OK_FROM <= answer.status < _OK_BELOW:
            self._connection.close()
            raise NotSentError(
                f"the service answered {answer.status} {answer.reason[:_MOST_TEXT]}{_message(answer.body)}",
                retry_after_s=_retry_after_s(answer.headers.get("retry-after")),
                is_final=answer.status in _NEVER,
            )
        if _is_partial(answer.body):
            log("set-aside", answer=answer.body.decode("utf-8", "replace")[:_MOST_TEXT])

    def _request(self, batch: bytes, headers: dict[str, str]) -> Answer:
        self._beat_s = time.monotonic()  # a batch may be sent in many parts
        return self._connection.post(self._path, batch, headers, max_bytes=_MAX_ANSWER_BYTES)


class Senders:
    """The senders to all receivers; one whose receiver hangs delays none of the others.

    Args:
        senders: each of them.
    """

    def __init__(self, senders: Iterable[Sender]) -> None:
        self._senders = tuple(senders)

    def start(self) -> None:
        """Begin."""
        for one in self._senders:
            one.start()

    def wake(self) -> None:
        """There is something to send."""
        for one in self._senders:
            one.wake()

    def are_alive(self) -> bool:
        """Whether all of them still make progress."""
        return all(one.is_alive() for one in self._senders)

    def stop(self) -> None:
        """Finish what is being sent, all within the second that one may take."""
        for one in self._senders:
            one.end()
        for one in self._senders:
            one.stop()


def _retry_after_s(text: str | None) -> float | None:
    """Seconds to wait, from seconds or a date (RFC 9110, 10.2.3)."""
    if text is None:
        return None
    if text.strip().isdigit():
        return min(float(text), _MAX_RETRY_AFTER_S)
    from datetime import datetime, timezone  # noqa: PLC0415 - services seldom give a date
    from email.utils import parsedate_to_datetime  # noqa: PLC0415

    try:
        until = parsedate_to_datetime(text)
        return min(max((until - datetime.now(timezone.utc)).total_seconds(), 0.0), _MAX_RETRY_AFTER_S)
    except (ValueError, TypeError):
        return None


def _message(answer: bytes) -> str:
    """The sentence of an answer, where there is one."""
    with suppress(ValueError, TypeError, KeyError, RecursionError):
        return f": {str(json.loads(answer)['message'])[:_MOST_TEXT]}"
    return ""


def _is_partial(answer: bytes) -> bool:
    """Whether a receiver says that it left something out, or warns; collectors send an empty note with every answer."""
    if b"partialSuccess" not in answer:
        return False
    with suppress(ValueError, TypeError, AttributeError, RecursionError):
        told = json.loads(answer)["partialSuccess"]
        return str(told.get("rejectedDataPoints", 0)) != "0" or bool(told.get("errorMessage"))
    return True

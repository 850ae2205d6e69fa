"""How everybody else talks to the ledger: one client, whatever the URL.

``sqlite:///path`` and ``postgresql://`` call the verbs in this process; ``http(s)://`` calls a service. Both read,
check and answer a request at the same place (``answering``), so there is one contract.
"""

import json
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol, Self

from pydantic import ValidationError

from zonewright.errors import reason_of
from zonewright.ledger.protocol.errors import LedgerError, LedgerMisuseError, LedgerRefusedError, LedgerUnavailableError
from zonewright.ledger.protocol.ledger_url import SQLITE, is_postgresql, place_of, require_url
from zonewright.ledger.protocol.messages import Message
from zonewright.ledger.protocol.verbs import Answer, Request, Verb
from zonewright.ledger.transport.posted import Posted
from zonewright.rules.finding import Finding

WAIT_VARIABLE = "ZONEWRIGHT_LEDGER_WAIT_S"
TOKEN_VARIABLE = "ZONEWRIGHT_LEDGER_TOKEN"  # noqa: S105 - a variable's name
TOKEN_FILE_VARIABLE = "ZONEWRIGHT_LEDGER_TOKEN_FILE"  # noqa: S105 - as above
_MOST_TOKEN_BYTES = 16_384
MAX_WAIT_S = 3600
OK, REFUSED = 200, 409
_WRONG, _FAULTS = 400, 500
_ERRORS: dict[int, type[LedgerError]] = {
    400: LedgerMisuseError,
    401: LedgerMisuseError,
    403: LedgerRefusedError,
    404: LedgerMisuseError,
    413: LedgerMisuseError,
    503: LedgerUnavailableError,
}


class Road(Protocol):
    """How a request reaches the function of its verb."""

    def post(self, verb: str, body: bytes) -> Posted:
        """Send a JSON request; gives the answer.

        Raises:
            LedgerUnavailableError: when there was no answer.
        """
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


class LedgerClient:
    """A connection to a ledger; safe to use from several threads.

    Args:
        url: ``sqlite:///relative/or//absolute/path``, ``postgresql://host/database``, ``https://host``, or ``http://``
            on this machine.
        root: folder that a relative SQLite path starts from, and that files beside a database are in.
        create: make the SQLite file, or the tables, when missing (``ledger init``).
        token: bearer token for a service; never part of the URL.
        timeout_s: how long one call may take.
        clock: time of decisions in a ledger of this process; the wall clock when None.

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
        self._road: Road
        require_url(url)
        self.is_here = url.startswith(SQLITE) or is_postgresql(url)
        """Whether the verbs are carried out in this process, so that no network carries a request."""
        if self.is_here:
            from zonewright.ledger.transport.in_process import InProcess  # noqa: PLC0415 - a client of a service needs no SQL

            found, database = place_of(url, root)
            path = Path(os.path.realpath(found))  # a loop of links is told as no ledger
            wait_s = lock_wait_s()
            self._road = InProcess(path, database, create=create, lock_wait_s=wait_s, clock=clock)
        else:
            from zonewright.ledger.transport.over_http import OverHttp  # noqa: PLC0415 - and one of a file no HTTP

            self._road = OverHttp(url, token=token, timeout_s=timeout_s)

    def close(self) -> None:
        """Close all connections."""
        self._road.close()

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
        status, body, request_id = self._road.post(verb.name, _as_json(request))
        if status == OK:
            try:
                return verb.answer.model_validate_json(body)
            except ValidationError:
                raise LedgerUnavailableError(
                    "not-a-ledger",
                    f"the answer of {self.url} to {verb.name} is not an answer of a zonewright ledger of this version",
                ) from None
        error = self._error(status, body)
        error.request_id = request_id
        raise error

    def _error(self, status: int, body: bytes) -> LedgerError:
        try:
            problem = json.loads(body)
            code, sentence = problem["code"], problem["sentence"]
            findings = tuple(Finding.from_data(item) for item in problem.get("findings", ()))
        except (ValueError, KeyError, TypeError):
            if status >= _FAULTS:
                return LedgerUnavailableError(
                    "fault",
                    f"the service {self.url}, or a proxy in front of it, has a fault (it answered {status}); what "
                    "it decided is unknown; ask its operator",
                )
            refused = (
                "; or a proxy in front of it refuses the request, such as for a client's certificate that has ended"
                if status == _WRONG
                else ""
            )
            return LedgerUnavailableError(
                "not-a-ledger", f"{self.url} answered {status}, so it is not a zonewright ledger{refused}"
            )
        if status == REFUSED:
            return LedgerRefusedError(code, sentence, findings)
        return _ERRORS.get(status, LedgerUnavailableError)(code, sentence)


def _as_json(request: Message) -> bytes:
    """As ``model_dump_json`` gives it, which may be many megabytes, without a text in between."""
    return request.__pydantic_serializer__.to_json(request)


def token_for(url: str) -> str | None:
    """The bearer token that the environment has for a service, from the file that it names or as it is.

    Args:
        url: of the ledger; one that is no service needs none.

    Raises:
        LedgerMisuseError: when the file cannot be read, or has no token or more than one.
    """
    path = os.environ.get(TOKEN_FILE_VARIABLE)
    if not path or not url.startswith("http"):
        return os.environ.get(TOKEN_VARIABLE)
    try:
        with Path(path).open("rb") as file:
            words = file.read(_MOST_TOKEN_BYTES + 1).decode("ascii").split()
        if len(words) == 1 and words[0].isprintable() and len(words[0]) <= _MOST_TOKEN_BYTES:
            return words[0]
        fault = "something else" if words else "nothing in it"
    except UnicodeDecodeError:
        fault = "something else"
    except OSError as error:
        fault = reason_of(error)
    raise LedgerMisuseError(
        "token", f"{TOKEN_FILE_VARIABLE}: expected a file with a token, got {path}: {fault}; correct it"
    )


def lock_wait_s() -> float:
    """How long a writer of this process waits for its turn, in seconds: the variable's value, or 30.

    Raises:
        LedgerMisuseError: when the variable has no such number.
    """
    text = os.environ.get(WAIT_VARIABLE, "30")
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= MAX_WAIT_S:
        raise LedgerMisuseError("wait", f"{WAIT_VARIABLE}: expected seconds from 0 to {MAX_WAIT_S}, got '{text}'")
    return seconds

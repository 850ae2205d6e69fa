"""``POST /v1/witness``: keeps signed heads of another party's ledger, one file for each sender, nothing is rewritten.

A head that does not follow from those before it is refused, and kept apart: it is the proof that somebody rewrote.
"""

import os
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from zonewright.errors import Exit, ZonewrightError
from zonewright.ledger.protocol.journal_messages import Checkpoint
from zonewright.ledger.store.journal import verify_checkpoint
from zonewright.ledger.transport.body import BodyError, read_limited
from zonewright.server.agents import Agents

PATH = "/v1/witness"
_MOST_BYTES, _READ_S = 16_384, 10.0
_BEARER = "Bearer "


class ForkError(ZonewrightError, ValueError):
    """A head that cannot be of the journal that was seen before; ``str()`` is a sentence."""

    exit_code = Exit.REFUSED


class KeptHeads:
    """What one sender's ledger said over time.

    Args:
        folder: where; it is made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def heads(self, sender: str) -> list[Checkpoint]:
        """All that were kept of a sender, in order."""
        path = self._folder / f"{sender}.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        return [Checkpoint.model_validate_json(line) for line in lines]

    def keep(self, sender: str, head: Checkpoint) -> bool:
        """Keep a head that follows from the last one; false where it is that one.

        Raises:
            ForkError: when it does not follow.
        """
        before = self.heads(sender)
        if fault := _fault(before[-1] if before else None, head):
            self._add(f"{sender}.refused.jsonl", head)
            raise ForkError(fault)
        if before and before[-1].sequence == head.sequence:
            return False
        self._add(f"{sender}.jsonl", head)
        return True

    def _add(self, name: str, head: Checkpoint) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "ab") as file:
            file.write(f"{head.model_dump_json()}\n".encode())
            file.flush()
            os.fsync(file.fileno())


def _fault(last: Checkpoint | None, head: Checkpoint) -> str | None:
    """What is wrong with a head after the last one, as a sentence, or None."""
    if fault := verify_checkpoint(head, public_key=last.public_key if last is not None else None):
        return fault
    if last is None:
        return None
    if head.ledger != last.ledger:
        return f"it is of ledger {head.ledger[:32]}, and those before it were of {last.ledger}"
    if head.sequence < last.sequence:
        return f"it ends at entry {head.sequence}, and entry {last.sequence} was seen at {last.at}"
    if head.sequence == last.sequence and head.hash != last.hash:
        return f"entry {head.sequence} is another one than was seen at {last.at}: the journal was rewritten"
    return None


def witness_route(agents: Callable[[], Agents], kept: KeptHeads) -> Route:
    """The route.

    Args:
        agents: gives those that have a token now.
        kept: where heads go.
    """

    async def witness(request: Request) -> Response:
        header = request.headers.get("authorization", "")
        known = agents().find(header.removeprefix(_BEARER)) if header.startswith(_BEARER) else None
        if known is None:
            return _answer(401, "the token is missing or wrong", close=True)
        try:
            body = await read_limited(request, most=_MOST_BYTES, within_s=_READ_S, what="a head")
            head = Checkpoint.model_validate_json(body)
            return JSONResponse({"kept": await run_in_threadpool(kept.keep, known[0], head)})
        except BodyError as error:
            return _answer(error.status, str(error), close=True)
        except ValidationError:
            return _answer(400, "expected a signed checkpoint")
        except ForkError as error:
            return _answer(409, str(error))
        except OSError:
            return _answer(503, "the head was not kept")

    return Route(PATH, witness, methods=["POST"])


def _answer(status: int, sentence: str, *, close: bool = False) -> Response:
    return JSONResponse({"message": sentence}, status_code=status, headers={"connection": "close"} if close else None)

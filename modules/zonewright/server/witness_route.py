"""``POST /v1/witness``: keeps signed heads of another party's ledger, one file for each sender, nothing is rewritten.

A head that does not follow from those before it is refused, and kept apart: it is the proof that somebody rewrote.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Protocol

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from zonewright.errors import Exit, ZonewrightError
from zonewright.ledger.protocol.errors import LedgerError
from zonewright.ledger.protocol.journal_messages import Checkpoint
from zonewright.ledger.store.journal import is_late, verify_checkpoint
from zonewright.ledger.transport.body import BodyError, read_limited
from zonewright.server.agents import KnownAgents
from zonewright.server.asking import agent_of
from zonewright.server.kept_lines import add_line, whole_lines

PATH = "/v1/witness"
_MOST_BYTES, _READ_S = 16_384, 10.0
MOST_REFUSED_BYTES = 1_000_000
"""The first ones prove it; who sends more of them only fills the disk."""
_REFUSED = ".refused.jsonl"


class ForkError(ZonewrightError, ValueError):
    """A head that cannot be of the journal that was seen before; ``str()`` is a sentence."""

    exit_code = Exit.REFUSED


class KeptHeads:
    """What one sender's ledger said over time.

    Args:
        folder: where; it is made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._alone = folder, Lock()

    def heads(self, sender: str) -> list[Checkpoint]:
        """All that were kept of a sender, in order."""
        return [Checkpoint.model_validate_json(line) for line in whole_lines(self._folder / f"{sender}.jsonl")]

    def keep(self, sender: str, head: Checkpoint) -> bool:
        """Keep a head that follows from the last one; false where it is that one, or came late.

        A ledger with several services has several senders of one name: a head that was signed before the last one, and
        has fewer entries, is no proof of anything.

        Raises:
            ForkError: when it does not follow.
        """
        with self._alone:
            before = self.heads(sender)
            if fault := fault_of(before, head):
                self._add(f"{sender}{_REFUSED}", head)
                raise ForkError(fault)
            if not is_new(before, head):
                return False
            self._add(f"{sender}.jsonl", head)
            return True

    def _add(self, name: str, head: Checkpoint) -> None:
        """Add a line; of those that are refused, enough."""
        most = MOST_REFUSED_BYTES if name.endswith(_REFUSED) else None
        add_line(self._folder / name, head.model_dump_json(), most)


def is_new(before: Sequence[Checkpoint], head: Checkpoint) -> bool:
    """Whether a head that is not wrong says more than those that were kept."""
    return not (before and (before[-1].sequence == head.sequence or is_late(head, before[-1])))


def fault_of(before: Sequence[Checkpoint], head: Checkpoint) -> str | None:
    """What is wrong with a head after those that were kept, as a sentence, or None."""
    last = before[-1] if before else None
    if fault := verify_checkpoint(head, public_key=last.public_key if last is not None else None):
        return fault
    if last is None:
        return None
    if head.ledger != last.ledger:
        return f"it is of ledger {head.ledger[:32]}, and those before it were of {last.ledger}"
    if head.sequence < last.sequence and not is_late(head, last):
        return f"it ends at entry {head.sequence}, and entry {last.sequence} was seen at {last.at}"
    for one in before:
        if one.sequence == head.sequence and one.hash != head.hash:
            return f"entry {head.sequence} is another one than was seen at {one.at}: the journal was rewritten"
    return None


class Heads(Protocol):
    """Keeps heads of other parties' journals."""

    def keep(self, sender: str, head: Checkpoint) -> bool:
        """Keep a head that follows from the last one; see :meth:`KeptHeads.keep`."""
        ...


def witness_route(agents: Callable[[], KnownAgents], kept: Heads) -> Route:
    """The route.

    Args:
        agents: gives those that have a token now.
        kept: where heads go.
    """

    async def witness(request: Request) -> Response:
        try:
            known = await agent_of(agents, request)
            if known is None:
                return _answer(401, "the token is missing or wrong", close=True)
            body = await read_limited(request, most=_MOST_BYTES, within_s=_READ_S, what="a head")
            head = Checkpoint.model_validate_json(body)
            return JSONResponse({"kept": await run_in_threadpool(kept.keep, known[0], head)})
        except BodyError as error:
            return _answer(error.status, str(error), close=True)
        except ValidationError:
            return _answer(400, "expected a signed checkpoint")
        except ForkError as error:
            return _answer(409, str(error))
        except (OSError, LedgerError):
            return _answer(503, "the head was not kept")

    return Route(PATH, witness, methods=["POST"])


def _answer(status: int, sentence: str, *, close: bool = False) -> Response:
    return JSONResponse({"message": sentence}, status_code=status, headers={"connection": "close"} if close else None)

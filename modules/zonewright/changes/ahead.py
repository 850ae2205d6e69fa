"""The files of the owner that comes next, rendered in another process while this one admits the owner before it.

The other process asks the ledger for a preview, which is not remembered, and has the files of that kept. Whether they
are the right ones is known when it is the owner's turn: if the proposal that counts is another one, they are rendered
again. So the ledger decides the same in the same order, with this or without; what was rendered in vain ends by itself.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from zonewright.changes.bringing import BroughtFiles, bring_files, made_from
from zonewright.errors import ZonewrightError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import Proposal, ProposeRequest
from zonewright.ledger.protocol.stack_messages import stack_id_of
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Declaration
from zonewright.model.demand import demand_of
from zonewright.render.formats.format_set import FormatSet

MANY = 1_000
"""Nodes of an owner for whose files another process is worth it."""
_PREVIEW, _FILES = "preview", "files"
"""What the other process says of an owner, in this order."""
_Answer = tuple[str, str, str | BroughtFiles | None]
"""The owner, which of the two it is, and what was made: None where the ledger or a template refused something."""


class Ahead:
    """Files of owners that come next.

    Args:
        connection: to the other process, of which nothing is heard any more once it has ended.
        other: the other process.
        after: the owner to begin with when one has its proposal.
    """

    def __init__(self, connection: Connection, other: BaseProcess, after: dict[str, str]) -> None:
        self._connection, self._other, self._after = connection, other, after
        self._begun: set[str] = set()
        self._heard: dict[tuple[str, str], str | BroughtFiles | None] = {}
        self.used: list[str] = []
        """Owners that got the files that were rendered ahead."""

    def begin_after(self, owner: str) -> None:
        """What an owner gets is reserved or admitted, so that others find it so: begin with the one that comes next."""
        if (following := self._after.get(owner)) is not None:
            with suppress(OSError):
                self._connection.send(following)
                self._begun.add(following)

    def files(self, owner: str, proposal: Proposal) -> BroughtFiles | None:
        """The files of an owner, where they were rendered and are those of a proposal.

        Args:
            owner: party id.
            proposal: the one that counts.
        """
        if owner not in self._begun:
            return None
        self._begun.discard(owner)
        asked, found = self._hear(owner, _PREVIEW), self._hear(owner, _FILES)
        if asked != made_from(proposal) or not isinstance(found, BroughtFiles):
            return None
        self.used.append(owner)
        return found

    def close(self) -> None:
        """End the other process at once: nobody wants what it still renders, and who interrupts does not wait for it.

        Close the ledger afterwards: who closes a file last tidies it, and the other process does not.
        """
        self._connection.close()
        self._other.kill()
        self._other.join()

    def _hear(self, owner: str, word: str) -> str | BroughtFiles | None:
        """What the other process says of an owner, after all that it says before; None where it has ended."""
        with suppress(EOFError, OSError):
            while (owner, word) not in self._heard:
                about, of, said = self._connection.recv()
                self._heard[about, of] = said
        return self._heard.get((owner, word))


@contextmanager
def rendering_ahead(
    opened: Callable[[], LedgerClient],
    declaration: Declaration,
    order: Sequence[str],
    formats: FormatSet,
    *,
    many: int = MANY,
) -> Iterator[Ahead | None]:
    """Have files rendered ahead within the block; None where that is not possible, or not worth it.

    The other process is a fork of this one, so this is entered before the ledger is opened.

    Args:
        opened: opens the ledger, in the other process.
        declaration: a checked declaration.
        order: owners in the order in which they are loaded.
        formats: the zone's formats.
        many: nodes of an owner from which on it is worth it.
    """
    after = {one: two for one, two in pairwise(order) if _nodes(declaration, two) >= many}
    if not after or declaration.zone.gated_formats or not _is_possible():
        yield None
        return
    ahead = _begun(opened, declaration, formats, after)
    try:
        yield ahead
    finally:
        if ahead is not None:
            ahead.close()


def _begun(
    opened: Callable[[], LedgerClient], declaration: Declaration, formats: FormatSet, after: dict[str, str]
) -> Ahead | None:
    """The other process; None where the system has no room for one more."""
    fork = multiprocessing.get_context("fork")
    try:
        ours, theirs = fork.Pipe()
    except OSError:
        return None
    other = fork.Process(target=_serve, args=(ours, theirs, opened, declaration, formats), daemon=True)
    try:
        other.start()
    except OSError:
        ours.close()
        return None
    finally:
        theirs.close()
    return Ahead(ours, other, after)


def _nodes(declaration: Declaration, owner: str) -> int:
    return sum(cluster.count for cluster in declaration.owners[owner].clusters.values())


def _is_possible() -> bool:
    """Whether this system can fork, and has another core for it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores > 1 and "fork" in multiprocessing.get_all_start_methods()


def _serve(
    ours: Connection,
    theirs: Connection,
    opened: Callable[[], LedgerClient],
    declaration: Declaration,
    formats: FormatSet,
) -> None:
    """The other process: owners in, what was made of them out, until the first one has ended or wants no more.

    What goes wrong here ends it without a word: the first process does the same, and says what is wrong.
    """
    ours.close()  # else it would not be felt here that the first process is gone
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who interrupts means the first process, which then closes this
    client: LedgerClient | None = None
    with suppress(Exception):
        while True:
            owner = theirs.recv()
            for answer in _made(owner, client := client or opened(), declaration, formats):
                theirs.send(answer)


def _made(owner: str, ledger: LedgerClient, declaration: Declaration, formats: FormatSet) -> Iterator[_Answer]:
    demand, proposal = demand_of(declaration, owner), None
    request = ProposeRequest(stack_id=stack_id_of(owner), party=owner, demand=demand, remember=False)
    with suppress(ZonewrightError):
        proposal = ledger.call(verbs.PROPOSE, request)
    yield owner, _PREVIEW, None if proposal is None else made_from(proposal)
    found = None
    if proposal is not None and not any(one.refuses for one in proposal.findings):
        with suppress(ZonewrightError):
            found = bring_files(ledger, demand, proposal, formats, declaration.zone)
    yield owner, _FILES, found

"""Confirms of one run that wait at the same time share one transaction of the ledger: a group commit.

The engine makes many resources at once. While one transaction is committed the next confirms arrive, and go together in
the next one. Each is answered after the commit that has it, and never before.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.errors import LedgerMisuseError, LedgerRefusedError
from zonewright.ledger.protocol.holding_messages import Confirmation, ConfirmManyRequest, ConfirmRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model.limits import CONFIRMS

GATHERING_S = 0.01
"""How long a group waits at most for as many as the one before it had; the first, and one after a single, never do."""

_ABOUT_ONE = (LedgerRefusedError, LedgerMisuseError)
"""Answers to a group by which one of it may be wrong, and nothing was confirmed."""


@dataclass(slots=True)
class _Waiting:
    """A confirm that waits: until it is its turn to carry out a group, or until another one's group had it.

    Attributes:
        request: what is to be confirmed.
        woken: set when one of both is so.
        generation: the raised generation, 0 until it is confirmed.
        error: why it was not.
    """

    request: ConfirmRequest
    woken: threading.Event = field(default_factory=threading.Event)
    generation: int = 0
    error: Exception | None = None


class ConfirmGroups:
    """Takes confirms from many threads and carries them out in groups, one group at a time."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._is_led = False
        self._last = 1

    @property
    def waiting(self) -> int:
        """How many wait for the group after the present one."""
        return len(self._waiting)

    def confirm(self, ledger: LedgerClient, request: ConfirmRequest) -> int:
        """Confirm one claim or asset; blocks until that is committed.

        Args:
            ledger: where.
            request: as for `confirm` alone, and with the same result.

        Returns:
            The raised generation.

        Raises:
            LedgerRefusedError: when this one is refused, whatever becomes of the others of its group.
            LedgerUnavailableError: when nothing is known of its group.
        """
        mine = _Waiting(request)
        with self._arrived:
            self._waiting.append(mine)
            is_leader, self._is_led = not self._is_led, True
            if len(self._waiting) >= self._last:
                self._arrived.notify()
        if not is_leader:
            mine.woken.wait()
        if not mine.generation and mine.error is None:
            self._lead(ledger)
        if mine.error is not None:
            raise mine.error
        return mine.generation

    def _lead(self, ledger: LedgerClient) -> None:
        """Carry out the next group, and let who waits longest lead the one after it."""
        group = self._gathered()
        try:
            _carry_out(ledger, group)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told to each one whose confirm is not known
            for one in group:
                one.error = one.error or (None if one.generation else error)
        with self._arrived:
            self._is_led = bool(self._waiting)
            following = self._waiting[:1]
        for one in (*group, *following):
            one.woken.set()

    def _gathered(self) -> list[_Waiting]:
        """Who waits, the longest first: of one stack, and of each claim or asset one."""
        with self._arrived:
            if self._last > 1:
                self._arrived.wait_for(lambda: len(self._waiting) >= self._last, GATHERING_S)
            found: dict[tuple[bool, str], _Waiting] = {}
            left: list[_Waiting] = []
            stack_id = self._waiting[0].request.stack_id
            for one in self._waiting:
                key = (one.request.kind == "node", one.request.name)
                takes = key not in found and one.request.stack_id == stack_id and len(found) < CONFIRMS.most
                found |= {key: one} if takes else {}
                left += [] if takes else [one]
            self._waiting, self._last = left, len(found)
        return list(found.values())


def _carry_out(ledger: LedgerClient, group: Sequence[_Waiting]) -> None:
    """Confirm a group in one transaction; one that is refused is not to fail the others, so then each has its own."""
    if len(group) == 1 or not _are_confirmed(ledger, group):
        for one in group:
            try:
                one.generation = ledger.call(verbs.CONFIRM, one.request).generation
            except _ABOUT_ONE as error:
                one.error = error


def _are_confirmed(ledger: LedgerClient, group: Sequence[_Waiting]) -> bool:
    """Whether a group was confirmed as a whole."""
    confirms = [Confirmation(**one.request.model_dump(exclude={"stack_id"})) for one in group]
    request = ConfirmManyRequest(stack_id=group[0].request.stack_id, confirms=confirms)
    try:
        raised = ledger.call(verbs.CONFIRM_MANY, request).generations
    except _ABOUT_ONE:
        return False
    for one, generation in zip(group, raised, strict=True):
        one.generation = generation
    return True

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

SILENCE_S = 0.025
"""A group that is not full is carried out when nobody arrived for so long."""
_FIRST, _PROBED = 32, 16
"""How many make the first group full, and after how many full groups more are waited for."""

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
    """Takes confirms from many threads and carries them out in groups, one group at a time.

    How many the engine makes at once it does not tell, so that is learned: a group is full with as many as there were
    when nobody came any more. With ``--parallel 1`` that is one, which waits for nobody. Whether it is more by now is
    tried after 16 full groups, then after 32 more, and so on.
    """

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._is_led = False
        self._full = _FIRST
        self._since, self._patience = 0, _PROBED

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
            if len(self._waiting) >= self._full:
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

    def _await_others(self) -> None:
        """Let a group get full, or nobody arrive for a moment."""
        if is_probe := self._since >= self._patience:
            self._since, self._patience, self._full = 0, 2 * self._patience, 2 * self._full
        before = 0
        while len(self._waiting) < self._full and before < len(self._waiting):
            before = len(self._waiting)
            self._arrived.wait_for(lambda: len(self._waiting) >= self._full, SILENCE_S)
        if is_probe and len(self._waiting) >= self._full:
            self._patience = _PROBED
        self._since += 1
        self._full = len(self._waiting)

    def _gathered(self) -> list[_Waiting]:
        """Who waits, the longest first: of one step of a stack, and of each claim or asset one."""
        with self._arrived:
            self._await_others()
            found: dict[tuple[bool, str], _Waiting] = {}
            left: list[_Waiting] = []
            first = self._waiting[0].request
            of_run = first.stack_id, first.step
            for one in self._waiting:
                key = (one.request.kind == "node", one.request.name)
                is_same = (one.request.stack_id, one.request.step) == of_run
                takes = is_same and key not in found and len(found) < CONFIRMS.most
                found |= {key: one} if takes else {}
                left += [] if takes else [one]
            self._waiting = left
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
    confirms = [Confirmation(**one.request.model_dump(exclude={"stack_id", "step"})) for one in group]
    first = group[0].request
    request = ConfirmManyRequest(stack_id=first.stack_id, step=first.step, confirms=confirms)
    try:
        raised = ledger.call(verbs.CONFIRM_MANY, request).generations
    except _ABOUT_ONE:
        return False
    for one, generation in zip(group, raised, strict=True):
        one.generation = generation
    return True

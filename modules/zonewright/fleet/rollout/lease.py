"""One deployer at a time: a lease in the ledger, renewed while a run lasts, given back at its end."""

import time

from zonewright.ledger.protocol import rollout_messages, verbs
from zonewright.ledger.protocol.errors import LedgerError, LedgerRefusedError
from zonewright.ledger.transport.client import LedgerClient

SECONDS = 60
_RENEW_S = 15.0


class FleetLease:
    """The right to change a fleet's hosts, from ``take`` to ``give_back``.

    Args:
        ledger: where it is kept.
        fleet: names the fleet.
        holder: a word of this run.
        who: the person.
    """

    def __init__(self, ledger: LedgerClient, *, fleet: str, holder: str, who: str) -> None:
        self._ledger, self._fleet, self._holder, self._who = ledger, fleet, holder, who
        self._renewed_s = 0.0

    def take(self) -> None:
        """Take it.

        Raises:
            LedgerRefusedError: when somebody else has it; the sentence says who.
            LedgerUnavailableError: when the ledger does not answer.
        """
        lease = self._ask(SECONDS)
        if not lease.is_mine:
            raise LedgerRefusedError("lease", _held(lease))
        self._renewed_s = time.monotonic()

    def tick(self) -> str:
        """Renew it when it is time; a sentence when it is lost."""
        if time.monotonic() - self._renewed_s < _RENEW_S:
            return ""
        try:
            lease = self._ask(SECONDS)
        except LedgerError as error:
            if time.monotonic() - self._renewed_s < SECONDS - _RENEW_S:
                return ""  # it still holds, and the next call tries again
            return f"the lease of the fleet could not be renewed: {error}"
        if not lease.is_mine:
            return _held(lease)
        self._renewed_s = time.monotonic()
        return ""

    def give_back(self) -> None:
        """Give it back; where that fails it expires by itself."""
        try:
            self._ask(0)
        except LedgerError:
            return

    def _ask(self, seconds: int) -> rollout_messages.FleetLock:
        request = rollout_messages.FleetLockRequest(
            fleet=self._fleet, holder=self._holder, who=self._who, seconds=seconds
        )
        return self._ledger.call(verbs.LEASE, request)


def _held(lease: rollout_messages.FleetLock) -> str:
    return (
        f"{lease.who} has been changing this fleet since {lease.since[:19]}Z; wait until that run ends, or, if "
        f"it was killed, until its lease expires at {lease.expires_at[:19]}Z"
    )

"""One lease of a fleet for all sites of a run, which are deployed at the same time."""

import threading

from zonewright.fleet.rollout.lease import FleetLease
from zonewright.fleet.rollout.run import Held
from zonewright.ledger.transport.client import LedgerClient


class SharedLease:
    """Taken by the first who asks, given back by the last.

    Args:
        lease: the right to change the hosts.
    """

    def __init__(self, lease: Held) -> None:
        self._lease, self._holders, self._lock = lease, 0, threading.Lock()

    def take(self) -> None:
        """Take it.

        Raises:
            LedgerRefusedError: when another run has it; the sentence says who.
        """
        with self._lock:
            if self._holders == 0:
                self._lease.take()
            self._holders += 1

    def tick(self) -> str:
        """Renew it when it is time; a sentence when it is lost."""
        with self._lock:
            return self._lease.tick()

    def give_back(self) -> None:
        """Give it back, unless another site still works."""
        with self._lock:
            self._holders -= 1
            if self._holders == 0:
                self._lease.give_back()


def new_lease(ledger: LedgerClient, *, party: str, holder: str, who: str) -> SharedLease:
    """The lease of a fleet for one run."""
    return SharedLease(FleetLease(ledger, fleet=party, holder=holder, who=who))

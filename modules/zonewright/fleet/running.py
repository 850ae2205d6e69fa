"""A run that changes hosts: under the lease of its fleet, within the windows, recorded here and in the journal."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from zonewright.fleet.record import RUNS, RunLog, utc_now
from zonewright.fleet.visit import Outcome
from zonewright.fleet.waves import closed
from zonewright.ledger import messages, verbs
from zonewright.ledger.client import LedgerClient
from zonewright.model.fleet import RollOut


class Held(Protocol):
    """The right to change a fleet's hosts; see ``FleetLease``."""

    def take(self) -> None:
        """Take it."""
        ...

    def tick(self) -> str:
        """Renew it when it is time; a sentence when it is lost."""
        ...

    def give_back(self) -> None:
        """Give it back."""
        ...


def new_run() -> str:
    """An id for a run, which sorts by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


@dataclass(slots=True, kw_only=True)
class FleetRun:
    """One run.

    Attributes:
        ledger: whose journal gets the record.
        party: the operator.
        rollout: windows and freezes.
        what: the command.
        who: the person.
        began: when it began.
        log: its record.
        lease: the right to change hosts.
    """

    ledger: LedgerClient
    party: str
    rollout: RollOut
    what: str
    who: str
    began: str
    log: RunLog
    lease: Held

    @property
    def where(self) -> str:
        """Its record, from the project's folder."""
        return str(RUNS / self.log.run / "record.json")

    def tick(self) -> str:
        """A sentence when no further host may begin."""
        return self.lease.tick() or closed(self.rollout, datetime.now().astimezone())

    def end(self, outcomes: Sequence[Outcome]) -> None:
        """Write its record, and name that in the journal.

        Raises:
            LedgerError: when the journal does not take it.
        """
        releases = {one.after: one.after.rpartition("-")[2] for one in outcomes if one.after}
        entry = self.log.close(outcomes, who=self.who, what=self.what, began=self.began, releases=releases)
        self.ledger.call(verbs.RECORD, messages.RecordRequest(kind="fleet-run", party=self.party, entry=entry))


@contextmanager
def running(
    ledger: LedgerClient,
    *,
    run: str,
    root: Path,
    party: str,
    rollout: RollOut,
    what: str,
    who: str,
    lease: Held,
    sudo_password: str | None,
) -> Iterator[FleetRun]:
    """A run, from taking the lease to giving it back.

    Raises:
        LedgerRefusedError: when somebody else is at work; the sentence says who.
    """
    began = utc_now()
    lease.take()
    try:
        log = RunLog(root / RUNS / run, run, secrets=(sudo_password or "",))
        yield FleetRun(
            ledger=ledger, party=party, rollout=rollout, what=what, who=who, began=began, log=log, lease=lease
        )
    finally:
        lease.give_back()

"""A run that changes hosts: under the lease of its fleet, within the windows, recorded here and in the journal."""

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from zonewright.fleet.rollout.outcome import Outcome
from zonewright.fleet.rollout.record import RUNS, RunLog, Share, utc_now
from zonewright.ledger.protocol import rollout_messages, verbs
from zonewright.ledger.protocol.errors import LedgerError
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model.fleet import RollOut
from zonewright.seal.window import closed

_ASK_S = 15.0


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


def touching_refused(ledger: LedgerClient, rollout: RollOut) -> str:
    """Why no host may be touched now, as a sentence; empty when they may: by the fleet's file, and the zone's packs.

    Raises:
        LedgerError: when the ledger does not say what its zone lets.
    """
    own = closed(rollout.windows, rollout.freeze, datetime.now(UTC))
    return f"no host may be touched now: {own}" if own else _by_zone(ledger)


def _by_zone(ledger: LedgerClient) -> str:
    told = ledger.call(verbs.HOURS, rollout_messages.HoursRequest()).closed
    return f"no host may be touched now: {told}" if told else ""


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
    _asked_s: float = 0.0

    @property
    def where(self) -> str:
        """Its record, from the project's folder."""
        return str(RUNS / self.log.run / "record.json")

    def tick(self) -> str:
        """A sentence when no further host may begin."""
        own = closed(self.rollout.windows, self.rollout.freeze, datetime.now(UTC))
        return self.lease.tick() or (f"no host may be touched now: {own}" if own else self._zone())

    def _zone(self) -> str:
        """What the zone's packs say, asked now and then; the lease tells when the ledger is gone for long."""
        if time.monotonic() - self._asked_s < _ASK_S:
            return ""
        self._asked_s = time.monotonic()
        try:
            return _by_zone(self.ledger)
        except LedgerError:
            return ""

    def end(self, outcomes: Sequence[Outcome], shares: Sequence[Share] = ()) -> None:
        """Write its record, name that in the journal, and put it into the evidence of the changes that it brought.

        Args:
            outcomes: how it ended for each host.
            shares: what of it belongs to which change.

        Raises:
            LedgerError: when the journal does not take it.
        """
        names = {name for one in outcomes for name in one.after.split(", ") if name}
        releases = {name: name.rpartition("-")[2] for name in names}
        entry = self.log.close(outcomes, who=self.who, what=self.what, began=self.began, releases=releases)
        changes = self.log.shared(shares, outcomes, fleet=self.party, entry=entry)
        request = rollout_messages.RecordRequest(kind="fleet-run", party=self.party, entry=entry, changes=changes)
        self.ledger.call(verbs.RECORD, request)


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

"""What every verb needs besides its request: the database, the clock, and small helpers over both."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Table, bindparam
from sqlalchemy.dialects.sqlite import Insert

from zonewright.ledger.protocol.errors import LedgerRefusedError, LedgerUnavailableError
from zonewright.ledger.protocol.journal_messages import JournalEntry
from zonewright.ledger.protocol.rights import LOCAL, Caller
from zonewright.ledger.store import recording
from zonewright.ledger.store.asking import AskedQuestion, first
from zonewright.ledger.store.clock import Clock, stamp, utc_now
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.documents import parse_former, parse_zone
from zonewright.ledger.store.engines.dialect import words_of
from zonewright.ledger.store.journal import last_moment
from zonewright.ledger.store.prepared import ENROLLED, ZONE_ROW
from zonewright.ledger.store.scopes import Touch
from zonewright.ledger.store.tables import revision
from zonewright.model.demand import Demand
from zonewright.model.limits import CLOCK_BEHIND
from zonewright.model.names import missing_roles, offered_to_nobody
from zonewright.model.rule_pack import chain_of
from zonewright.own_rules import in_time

if TYPE_CHECKING:  # only a service has the first
    from zonewright.ledger.store.watch import Watch
    from zonewright.telemetry.home import TelemetryHome


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Handed to each verb.

    Attributes:
        database: where the ledger lives.
        clock: gives the time; what is decided at is :meth:`moment`.
        reservation_s: how long a proposal is held, in seconds.
        telemetry: the readings; sites are judged by what is declared while there are none.
        samples: what agents report, from which meters that name their source are fed; None feeds none.
        caller: who calls.
        permit: raises where the caller may not make this call, as a transaction sees it.
        asks: of what that asks, what stays for as long as nobody is alone in the zone.
        watch: is told what a service counts; None where nobody counts.
    """

    database: Database
    clock: Clock = utc_now
    reservation_s: int = 300
    telemetry: "TelemetryHome | None" = None
    samples: "TelemetryHome | None" = None
    caller: Caller = LOCAL
    permit: Callable[[Connection], None] | None = None
    asks: Sequence[AskedQuestion] = ()
    watch: "Watch | None" = None

    @contextmanager
    def writing(self, touch: Touch | None = None) -> Iterator[Connection]:
        """A transaction that nobody disturbs, and that the journal accounts for: all that verbs write is in one.

        Args:
            touch: what it touches, so that others may write elsewhere at the same time; None where it must be alone.
        """
        asked_s = time.monotonic()
        with self.database.writing(None if touch is None else touch.at(stamp(self.clock())), self.asks) as connection:
            if self.watch is not None:
                self.watch.waited(time.monotonic() - asked_s)
            recording.begin(connection, by=self.caller.name)
            if self.permit is not None:
                self.permit(connection)
            with in_time():
                yield connection
            self.account(connection)

    def account(self, connection: Connection) -> JournalEntry | None:
        """Say in the journal what a writing transaction changed so far; gives its last entry, which stays as it is."""
        return recording.record(connection, lambda: self.now(connection))

    def moment(self, connection: Connection) -> datetime:
        """The moment at which something is decided: the clock's time, but never before the journal's last entry.

        Args:
            connection: the transaction that decides.

        Raises:
            LedgerUnavailableError: when the clock is behind that entry by more than the tolerance; nothing is decided.
        """
        now, last = self.clock(), last_moment(connection)
        if last is None or last <= now:
            return now
        if (last - now).total_seconds() > CLOCK_BEHIND.most:
            raise LedgerUnavailableError(
                "clock",
                f"the ledger's clock says {stamp(now)[:19]}Z, and the last entry of its journal is of "
                f"{stamp(last)[:19]}Z: expected a clock that is at most {CLOCK_BEHIND.most} s behind it; nothing was "
                "decided; correct the clock of the ledger's host",
            )
        return last

    def now(self, connection: Connection) -> str:
        """The moment of a decision as the tables hold it."""
        return stamp(self.moment(connection))

    def shown_at(self, connection: Connection) -> str:
        """The moment as of which something is only shown: a clock that is behind prevents nobody from looking."""
        return stamp(max(self.clock(), last_moment(connection) or self.clock()))


def raise_revisions(connection: Connection, sites: Iterable[str]) -> None:
    """Say that what rules may look at has changed in these sites."""
    if raised := [{"raised": site} for site in sorted(set(sites))]:
        connection.execute(_raising(words_of(connection).upsert), raised)


@cache
def _raising(upsert: Callable[[Table], Insert]) -> Insert:
    statement = upsert(revision).values(site=bindparam("raised"), number=1)
    return statement.on_conflict_do_update(index_elements=["site"], set_={"number": revision.c.number + 1})


def require_zone(connection: Connection, demand: Demand, *, party: str, on: str) -> Demand:
    """Refuse a demand that was made for another zone file than the registered one, or that is not its party's to make.

    Args:
        connection: a transaction.
        demand: what a stack wants.
        party: who asks.
        on: the day, as ``2026-07-01``; the zone's rule pack must be in force then.

    Returns:
        The demand, with what it names of others called as it is now.
    """
    zone_id, digest = demand.zone, demand.zone_digest
    row = first(connection, ZONE_ROW)
    if row is None:
        raise LedgerRefusedError(
            "no-zone", "the ledger has no zone yet; the administrator registers one with: zonewright ledger init ZONE"
        )
    if row.id != zone_id:
        raise LedgerRefusedError(
            "another-zone", f"the ledger belongs to zone '{row.id}', the declaration to zone '{zone_id}'"
        )
    if row.digest != digest:
        raise LedgerRefusedError(
            "another-zone-file",
            f"zone.yaml differs from the copy that the administrator registered on {row.registered_at[:19]}Z "
            f"(registered {row.digest[:15]}…, declared {digest[:15]}…); take the registered file, or ask the "
            "administrator to run: zonewright ledger init ZONE",
        )
    known = parse_zone(row.document)
    for pack in chain_of(known.rule_packs, known.rule_pack):
        if not pack.valid_from <= on <= pack.valid_until:
            raise LedgerRefusedError(
                "rule-pack-not-in-force",
                f"the zone's rule pack '{pack.title}' is valid from {pack.valid_from} to {pack.valid_until}, "
                f"not on {on}; ask the administrator to issue the next one and to register it with: zonewright "
                "ledger init ZONE",
            )
    if demand.party != party:
        raise LedgerRefusedError("another-party", f"the demand belongs to another party than '{party}'")
    if party not in known.parties:
        raise LedgerRefusedError(
            "unknown-party",
            f"the registered zone has no party '{party}'; correct the owner, or ask the administrator to add the party "
            "to zone.yaml and to run: zonewright ledger init ZONE",
        )
    for section, role in missing_roles(known, demand):
        raise LedgerRefusedError(
            "wrong-role",
            f"party '{party}' may not declare {section}: expected the role {role}, got "
            f"{', '.join(known.parties[party].roles)} in the registered zone; remove the {section}, or ask the "
            "administrator to add the role to the party in zone.yaml and to run: zonewright ledger init ZONE",
        )
    for offer, stranger in offered_to_nobody(known, demand):
        raise LedgerRefusedError(
            "unknown-party",
            f"offers.{offer}: the registered zone has no party '{stranger}'; correct it, or ask the "
            "administrator to add the party to zone.yaml and to run: zonewright ledger init ZONE",
        )
    return parse_former(row.former).demand(demand) if row.former else demand


def require_enrolment(connection: Connection, *, stack_id: str, party: str, lineage: str, bound: bool) -> str | None:
    """Refuse a stack that is not the one enrolled under its id.

    Args:
        connection: a transaction.
        stack_id: id in the stack's configuration.
        party: the declaration's owner.
        lineage: minted when the stack was enrolled, kept in its state.
        bound: the enrolment must exist; False in a preview before the first ``up``.

    Returns:
        The lineage that is bound, None where none is.
    """
    row = first(connection, ENROLLED, stack=stack_id)
    if row is None:
        if bound:
            raise LedgerRefusedError(
                "not-enrolled",
                f"stack {stack_id} is not enrolled in this ledger; run pulumi up without --target",
            )
        return None
    if row.party != party:
        raise LedgerRefusedError(
            "another-party",
            f"stack id {stack_id} belongs to another party than '{party}'; make a new stack id: zonewright "
            f"stack new NAME --party {party}",
        )
    if row.lineage is None:
        if bound:
            raise LedgerRefusedError(
                "not-enrolled", f"stack {stack_id} is being recovered; run pulumi up without --target"
            )
        return None
    if row.lineage != lineage:
        raise LedgerRefusedError(
            "another-lineage",
            f"stack id {stack_id} was enrolled on {row.enrolled_at[:19]}Z from another state. Either this is a "
            "second checkout with the same stack id (make another stack: zonewright stack new NAME --party "
            f"{party}), or the state was lost (take it over: zonewright recover --stack NAME --take-over)",
        )
    return lineage

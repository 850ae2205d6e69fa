"""The store of readings: what was read, and energy by hour and by day in the same transaction."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from zonewright.model.base import TrustClass
from zonewright.pue.meters import ROLES, MeterSpec
from zonewright.pue.readings import Reading
from zonewright.telemetry.appending import StoredRow, append_meter
from zonewright.telemetry.correcting import (
    Corrected,
    Intake,
    Superseded,
    correct_meter,
    note,
    note_outranked,
    superseded,
    told_of,
    untold_intakes,
)
from zonewright.telemetry.delivering import Delivery, are_over, untold_hours
from zonewright.telemetry.home import Statements, TelemetryFile, TelemetryHome, TsdbFaultError
from zonewright.telemetry.interface import Appended
from zonewright.telemetry.noting import JournalNote
from zonewright.telemetry.removing import Removal, prune_meter, restore_meter, untold
from zonewright.telemetry.stored_sums import (
    has_dips,
    has_few,
    hours_of,
    needed,
    partial_hours,
    parts_of,
    stood,
    sum_up_again,
    summed,
)
from zonewright.telemetry.summing import DAY_US, HOUR_US, Bin, Sum
from zonewright.telemetry.tables import meter_id, readings_file, spec_of

__all__ = ["HOUR_US", "Store"]
_TURNS = ("readings",)
"""What is read and what it sums up to is written by one at a time."""


class Store:
    """Readings of all sites.

    Args:
        place: their file, or where else they are.
        create: make the file when it is missing.

    Raises:
        FileNotFoundError: when there is none and it must not be made.
    """

    def __init__(self, place: Path | TelemetryHome, *, create: bool = False) -> None:
        self._home: TelemetryHome = readings_file(place) if isinstance(place, Path) else place
        if isinstance(self._home, TelemetryFile):
            if not create and not self._home.is_there():
                raise FileNotFoundError(2, "there is no telemetry store", str(self._home.path))
            self._home.make()

    def opened(self) -> AbstractContextManager[Statements]:
        """A connection to read from, for one use."""
        return self._home.opened()

    def reading(self) -> AbstractContextManager[Statements]:
        """The same, and all that is read is of one moment."""
        return self._home.reading()

    def writing(self) -> AbstractContextManager[Statements]:
        """A transaction that is on disk afterwards, or was none; nobody else writes readings meanwhile."""
        return self._home.writing(*_TURNS)

    def append(
        self,
        site: str,
        meters: Mapping[str, MeterSpec],
        readings: Mapping[str, Sequence[Reading]],
        *,
        trust: TrustClass,
        intake: Intake | None = None,
    ) -> Appended:
        """Store readings and bring the sums of the hours and days that they touch up to date, all or nothing.

        Args:
            site: id of the site.
            meters: the site's meters by id.
            readings: by meter, in order of time.
            trust: how far they are to be trusted.
            intake: what the journal is told of it; None for readings that it is not told of.

        Raises:
            ConflictError: when a meter has another value at the same time, overlapping intervals, or another kind.
        """
        with self.writing() as connection:
            done = _appended(connection, site, meters, readings, trust)
            if intake is not None and done.added:
                note(connection, site, intake, _told(meters, readings, trust))
        return done

    def would_append(
        self,
        site: str,
        meters: Mapping[str, MeterSpec],
        readings: Mapping[str, Sequence[Reading]],
        *,
        trust: TrustClass,
    ) -> Appended:
        """What ``append`` would make of readings; none of them is stored.

        Raises:
            ConflictError: as ``append`` does.
        """
        with self._home.writing(*_TURNS, keep=False) as connection:
            return _appended(connection, site, meters, readings, trust)

    def refresh(self, site: str, meters: Mapping[str, MeterSpec]) -> None:
        """Sum up again what was summed up under another declaration of a meter, such as one without its rating.

        Args:
            site: id of the site.
            meters: its meters as they are declared now.
        """
        query = "select id, name, kind, spec from meter where site = ?"
        with self.opened() as connection:
            rows = connection.execute(query, (site,)).fetchall()
        for key, name, kind, spec in rows:
            if name in meters and meters[name].kind == kind and spec_of(meters[name]) != spec:
                with self.writing() as connection:
                    sum_up_again(connection, key, meters[name])
                    connection.execute("update meter set spec = ? where id = ?", (spec_of(meters[name]), key))

    def correct(
        self,
        site: str,
        meters: Mapping[str, MeterSpec],
        readings: Mapping[str, Sequence[Reading]],
        intake: Intake,
        *,
        trust: TrustClass,
    ) -> Corrected:
        """Replace readings at the same times, or withdraw them, all or nothing; what they said stays beside them.

        Args:
            site: id of the site.
            meters: the site's meters by id.
            readings: by meter, in order of time; what is to be withdrawn, exactly as it is stored.
            intake: a correction or a withdrawal, and who does it for what reason.
            trust: of readings at times that had none; what replaces another keeps the trust of that one.

        Raises:
            ConflictError: when a reading that is to go is not there, or was removed, or what comes contradicts another.
        """
        done = Corrected()
        with self.writing() as connection:
            number = note(connection, site, intake, _told(meters, readings, trust))
            for name, items in sorted(readings.items()):
                if items:
                    key, label = meter_id(connection, site, name, meters[name]), f"meter {name} of {site}"
                    is_gone = intake.kind == "withdrawn"
                    done += correct_meter(connection, key, label, meters[name], items, trust, number, withdraw=is_gone)
            if not (done.replaced or done.withdrawn or done.added):
                connection.execute("delete from intake where id = ?", (number,))
        return done

    def superseded(self, site: str) -> list[Superseded]:
        """The readings of a site that no longer count, by meter and in order of time."""
        with self.opened() as connection:
            return list(superseded(connection, site))

    def tell_intakes(self, tell: Callable[[Mapping[str, Any], JournalNote], None]) -> None:
        """Hand over each import, correction and withdrawal that is not recorded.

        Args:
            tell: records one, and has it noted as what.
        """
        with self.opened() as connection:
            found = untold_intakes(connection)
        for number, payload in found:
            tell(payload, JournalNote(self._home, "intake", number))

    def readings(
        self, site: str, start_us: int, end_us: int, doubtful: Collection[tuple[int, int]] = ()
    ) -> dict[str, list[Reading]]:
        """What a window needs of a site's meters: readings around all that is known in part, and the nearest beside it.

        All other hours and days are sums (``is_sum``): a gap in a year costs no more than the readings around it.

        Args:
            site: id of the site.
            start_us: begin of the window.
            end_us: its end.
            doubtful: stretches of which readings are wanted, not sums, as far as they are still there; of a meter with
                few readings all are.
        """
        with self.opened() as connection:
            ids = dict(connection.execute("select id, name from meter where site = ?", (site,)))
            partial = partial_hours(connection, site, start_us - HOUR_US, end_us)
            partial |= {edge // HOUR_US * HOUR_US for edge in (start_us, end_us) if edge % HOUR_US}
            found = {}
            for key, name in ids.items():
                spans = [(start_us, end_us)] if doubtful and has_few(connection, key, start_us, end_us) else doubtful
                found[name] = needed(connection, key, start_us, end_us, partial | hours_of(spans))
            return found

    def low_days(self, site: str, meters: Mapping[str, MeterSpec], start_us: int, end_us: int) -> list[int]:
        """Begins of the whole days (UTC) of a window on which less came in than IT equipment took."""
        low, high = -(-start_us // DAY_US) * DAY_US, end_us // DAY_US * DAY_US
        with self.opened() as connection:
            ids = {name: key for key, name in connection.execute("select id, name from meter where site = ?", (site,))}
            sides = [[ids[name] for name, one in meters.items() if one.role == role and name in ids] for role in ROLES]
            places = ", ".join("?" * len(sides[0])), ", ".join("?" * sum(map(len, sides)))
            query = (
                f"select begin_us from daily where meter in ({places[1]}) and begin_us >= ? and begin_us < ? "  # noqa: S608 - no input
                f"group by begin_us having sum(case when meter in ({places[0]}) then energy_mj else -energy_mj end) < 0"
            )
            values = (*sides[0], *sides[1], low, high, *sides[0])
            return [row[0] for row in connection.execute(query, values)]

    def stood(self, site: str, meters: Mapping[str, MeterSpec], start_us: int, end_us: int) -> list[tuple[int, int]]:
        """Begin and end of runs of whole hours in which one of some meters stood still, or a gauge repeated its value.

        One that had begun before the window begins there.
        """
        with self.opened() as connection:
            ids = {name: key for key, name in connection.execute("select id, name from meter where site = ?", (site,))}
            return [
                run
                for name, meter in meters.items()
                if name in ids
                for run in stood(connection, ids[name], meter, start_us, end_us)
            ]

    def sums(self, site: str, start_us: int, end_us: int) -> dict[str, Sum]:
        """Energy by meter over the whole hours of a window, from what is summed up, and its days at a glance."""
        found: dict[str, Sum] = {}
        parts = parts_of(start_us, end_us)
        with self.opened() as connection:
            meters = connection.execute("select id, name, kind from meter where site = ?", (site,)).fetchall()
            for key, name, kind in meters:
                found[name] = summed(connection, key, kind, parts)
        return found

    def weeks(self, site: str, start_us: int, end_us: int) -> dict[str, list[tuple[int, int, int]]]:
        """What each meter counted in the whole weeks of a window: begin, millijoules and known microseconds of each.

        A week begins on a Thursday (UTC), as 1970 did.
        """
        query = (
            "select m.name, d.begin_us / ? * ?, cast(sum(d.energy_mj) as bigint), cast(sum(d.covered_us) as bigint) "
            "from daily d join meter m on m.id = d.meter where m.site = ? and d.begin_us >= ? and d.begin_us < ? "
            "group by 1, 2 order by 1, 2"
        )
        week_us = 7 * DAY_US
        low, high = -(-start_us // week_us) * week_us, end_us // week_us * week_us
        found: dict[str, list[tuple[int, int, int]]] = {}
        with self.opened() as connection:
            rows = connection.execute(query, (week_us, week_us, site, low, high))
            for name, *one in rows:
                found.setdefault(name, []).append((one[0], one[1], one[2]))
        return found

    def days(self, site: str, start_us: int, end_us: int) -> dict[str, list[Bin]]:
        """What each meter counted on the whole days (UTC) of a window, in order."""
        query = (
            "select m.name, d.begin_us, d.energy_mj, d.covered_us from daily d join meter m on m.id = d.meter "
            "where m.site = ? and d.begin_us >= ? and d.begin_us < ? order by d.begin_us"
        )
        low, high = -(-start_us // DAY_US) * DAY_US, end_us // DAY_US * DAY_US
        found: dict[str, list[Bin]] = {}
        with self.opened() as connection:
            for name, *one in connection.execute(query, (site, low, high)):
                found.setdefault(name, []).append(Bin(one[0], one[1], one[2]))
        return found

    def last(self, site: str) -> dict[str, tuple[int, TrustClass]]:
        """Time and trust of the last reading by meter; meters without any are left out."""
        query = (
            "select m.name, r.time_us, r.trust from meter m join reading r on r.meter = m.id where m.site = ? "
            "and r.time_us = (select max(time_us) from reading where meter = m.id)"
        )
        with self.opened() as connection:
            return {name: (time_us, trust) for name, time_us, trust in connection.execute(query, (site,))}

    def trusts(self, site: str, meter: str | None = None) -> frozenset[TrustClass]:
        """Trust classes of all readings of energy that a site ever had, or of those of one meter."""
        which = "kind <> 'temperature'" if meter is None else "name = ?"
        query = f"select distinct trust from trust where meter in (select id from meter where site = ? and {which})"  # noqa: S608 - no input
        with self.opened() as connection:
            values = (site,) if meter is None else (site, meter)
            return frozenset(row[0] for row in connection.execute(query, values))

    def prune(self, before_us: int) -> int:
        """Remove the readings of whole hours before a time that are known throughout; gives how many.

        Sums stay as they are, and so do the readings around every gap: no figure changes its coverage or verdict. One
        transaction for each meter, so that others can write in between. A meter whose sums are to be made again keeps
        its readings until then (:meth:`refresh`). None where another service is at it.
        """
        with self._home.alone("readings") as is_alone:
            return self._prune(before_us) if is_alone else 0

    def _prune(self, before_us: int) -> int:
        with self.opened() as connection:
            meters = connection.execute("select id, site from meter order by site").fetchall()
            partial = {site: partial_hours(connection, site) for site in {row[1] for row in meters}}
        removed, lost = 0, list[TsdbFaultError]()
        for key, site in meters:
            try:
                with self.writing() as connection:
                    if connection.execute("select spec from meter where id = ?", (key,)).fetchone()[0]:
                        removed += prune_meter(connection, key, before_us, partial[site])
            except TsdbFaultError as error:  # it keeps all that it has; the others do not wait for it
                lost.append(error)
        if lost:
            raise lost[0]
        return removed

    def tell_removals(self, tell: Callable[[Mapping[str, Sequence[Removal]], JournalNote], None]) -> None:
        """Hand over what was removed since this was done last.

        The store is not locked while it is handed over, so readings come in meanwhile. What is handed over is put
        together before: who is killed in between records the very same removals once more, beside a ledger's file.

        Args:
            tell: records removals by site, and has it noted as what.
        """
        with self.writing() as connection:
            found = untold(connection)
        for number, removals in found.items():
            tell(removals, JournalNote(self._home, "pruning", number))

    def tell_deliveries(self, tell: Callable[[Mapping[str, list[Delivery]], JournalNote], None]) -> None:
        """Hand over the hours of live readings that are over and not recorded.

        Args:
            tell: records hours by site, and has it noted as what.
        """
        with self.opened() as connection:
            if not are_over(connection):
                return
        with self.writing() as connection:
            found_hours = untold_hours(connection)
        for number, deliveries in found_hours.items():
            tell(deliveries, JournalNote(self._home, "delivering", number))

    def restore(
        self,
        site: str,
        meters: Mapping[str, MeterSpec],
        hours: Mapping[str, Sequence[Bin]],
        trusts: Mapping[str, Collection[TrustClass]],
        corrected: Sequence[Sequence[Any]] = (),
    ) -> None:
        """Put the sums of removed readings into a store that has the readings that were left; for verification.

        Args:
            site: id of the site.
            meters: the site's meters by id.
            hours: hours by meter, in order, each known throughout.
            trusts: trust classes of all readings that a meter ever had.
            corrected: readings that no longer count: meter, time, begin, millionths and trust class.
        """
        with self.writing() as connection:
            for name in sorted(meters.keys() & (hours.keys() | trusts.keys())):
                key = meter_id(connection, site, name, meters[name])
                restore_meter(connection, key, hours.get(name, ()))
                if has_dips(connection, key):
                    sum_up_again(connection, key, meters[name])
                connection.add_rows("trust", [(key, trust) for trust in trusts.get(name, ())])
            for number, (name, time_us, start_us, micro, trust) in enumerate(corrected):
                if name in meters:
                    key = meter_id(connection, site, name, meters[name])
                    values = (-1 - number, key, time_us, start_us, micro, trust)
                    connection.execute("insert into superseded values (?, ?, ?, ?, ?, ?)", values)


def _appended(
    connection: Statements,
    site: str,
    meters: Mapping[str, MeterSpec],
    readings: Mapping[str, Sequence[Reading]],
    trust: TrustClass,
) -> Appended:
    """Put readings into a transaction, meter by meter."""
    done, moved = Appended(), dict[str, list[StoredRow]]()
    for name, items in sorted(readings.items()):
        if items:
            done += append_meter(connection, site, name, meters[name], items, trust, moved)
    note_outranked(connection, site, meters, moved)
    return done


def _told(
    meters: Mapping[str, MeterSpec], readings: Mapping[str, Sequence[Reading]], trust: TrustClass
) -> dict[str, Mapping[str, int | str]]:
    return {name: told_of(meters[name], name, items, trust) for name, items in sorted(readings.items()) if items}

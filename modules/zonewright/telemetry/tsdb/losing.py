"""Hours that a time-series database lost: somebody decides that they are gone, and everything else goes on.

Without a decision such an hour stops what needs its readings: evidence of changes at its site, and removing old
readings of its meter. It is no gap by itself, since a backup may bring it back. The journal has who decided it and why.
"""

from collections.abc import Iterator, Mapping, Sequence

from zonewright.pue.meters import MeterSpec
from zonewright.telemetry.correcting import Intake, note
from zonewright.telemetry.home import Statements, TelemetryHome, TsdbFaultError, TsdbLostError
from zonewright.telemetry.interface import ConflictError
from zonewright.telemetry.lost_hours import runs_of, runs_text
from zonewright.telemetry.stored_sums import sum_up
from zonewright.telemetry.summing import moment
from zonewright.telemetry.tsdb.far import FarHour, far_hours, far_rows
from zonewright.telemetry.tsdb.turn import going_on, in_turn

_TOLD = 200
_Lost = list[tuple[FarHour, str]]
"""Hours of a meter, each with what the database says of it."""


def give_up(
    home: TelemetryHome,
    site: str,
    meters: Mapping[str, MeterSpec],
    window: tuple[int, int],
    intake: Intake,
    *,
    is_gone: bool,
) -> dict[str, int]:
    """Declare hours of meters lost as far as the database does not have them; gives how many by meter.

    Their time is unknown from now on, as if nothing had been read. Readings that come once more fill it again. The
    database is asked before, so others write meanwhile; what they changed of an hour leaves it as it is.

    Args:
        home: the readings.
        site: id of the site.
        meters: those that are meant, by id.
        window: begin and end, in microseconds since 1970; hours that begin within it.
        intake: of the kind ``lost``: who decides it, and why.
        is_gone: whether a database that does not answer at all has lost them, too.

    Raises:
        TsdbFaultError: when it does not answer, or what lies beside an hour cannot be had; nothing was changed. Where
            it is said to be gone, when it answers for one of the hours, and not for another one.
        ConflictError: when the database has all of them.
    """
    query = "select id, name from meter where site = ? order by name"
    asked = _Asked(is_gone=is_gone)
    with home.opened() as connection:
        keys = {name: key for key, name in connection.execute(query, (site,)).fetchall() if name in meters}
        found = {name: asked.lost(connection, key, window) for name, key in keys.items()}

    def work(connection: Statements) -> dict[str, int]:
        lost = {name: _unchanged(connection, keys[name], some) for name, some in found.items() if some}
        lost = {name: some for name, some in lost.items() if some}
        if not lost:
            names = ", ".join(sorted(meters))
            raise ConflictError(f"no hour of {names} of {site} from {moment(window[0])} to {moment(window[1])} is lost")
        note(connection, site, intake, {name: _told(some) for name, some in lost.items()})
        for name, some in lost.items():
            hours = {hour.begin_us: hour for hour, _ in some}
            rows = [(keys[name], begin) for begin in hours]
            connection.executemany("delete from moved where meter = ? and begin_us = ?", rows)
            for run in runs_of(hours):
                label = f"meter {name} of {site}"
                with going_on():
                    sum_up(connection, keys[name], label, meters[name], hours[run[0]].first_us, hours[run[-1]].last_us)
        return {name: len(some) for name, some in lost.items()}

    return in_turn(home, work)


def _unchanged(connection: Statements, key: int, lost: _Lost) -> _Lost:
    """The hours that still lie elsewhere and are what they were when the database was asked."""
    there = set(far_hours(connection, key, lost[0][0].begin_us, lost[-1][0].last_us))
    return [one for one in lost if one[0] in there]


class _Asked:
    """The database as it is asked for one hour after the other.

    Args:
        is_gone: whether hours for which it does not answer are lost, too.
    """

    def __init__(self, *, is_gone: bool) -> None:
        self._is_gone = is_gone
        self._answered, self._silent = "", ""

    def lost(self, connection: Statements, key: int, window: tuple[int, int]) -> _Lost:
        """The hours of a meter that cannot be had, each with what is said of it.

        Raises:
            TsdbFaultError: when it does not answer and is not said to be gone, or answers for some of the hours.
        """
        found: _Lost = []
        for hour in _begun_within(connection, key, window):
            try:
                far_rows(connection, key, [hour])
                self._answered = moment(hour.begin_us)
            except TsdbLostError as error:
                self._answered = moment(hour.begin_us)
                found.append((hour, str(error)))
            except TsdbFaultError as error:
                if not self._is_gone:
                    raise
                self._silent = self._silent or f"{error} (asked for the hour from {moment(hour.begin_us)})"
                found.append((hour, str(error)))
            if self._answered and self._silent:
                raise TsdbFaultError(
                    f"{self._silent}; but it answers for the hour from {self._answered}, so it is not gone; ask again, "
                    "or name a time for which it never answers"
                )
        return found


def _begun_within(connection: Statements, key: int, window: tuple[int, int]) -> Iterator[FarHour]:
    """The hours elsewhere that begin within a window."""
    return (hour for hour in far_hours(connection, key, window[0], window[1] - 1) if hour.begin_us >= window[0])


def _told(lost: Sequence[tuple[FarHour, str]]) -> dict[str, int | str]:
    """What the journal gets of hours: which they are, how many readings they had, and what the database says."""
    begins = [hour.begin_us for hour, _ in lost]
    return {
        "hours": len(lost),
        "runs": runs_text(begins),
        "readings": sum(hour.readings for hour, _ in lost),
        "first": moment(begins[0]),
        "last": moment(begins[-1]),
        "told": lost[0][1][:_TOLD],
    }

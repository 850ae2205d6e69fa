"""Hours that a time-series database lost: somebody decides that they are gone, and everything else goes on.

Without a decision such an hour stops what needs its readings: evidence of changes at its site, and removing old
readings of its meter. It is no gap by itself, since a backup may bring it back. The journal has who decided it and why.
"""

from collections.abc import Mapping, Sequence

from zonewright.pue.meters import MeterSpec
from zonewright.telemetry.correcting import Intake, note
from zonewright.telemetry.home import Statements, TelemetryHome, TsdbFaultError, TsdbLostError
from zonewright.telemetry.interface import ConflictError
from zonewright.telemetry.stored_sums import sum_up
from zonewright.telemetry.summing import HOUR_US
from zonewright.telemetry.tsdb.far import FarHour, far_hours, far_rows, moment

_TOLD = 200


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

    Their time is unknown from now on, as if nothing had been read. Readings that come once more fill it again.

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
    with home.writing("readings") as connection:
        query = "select id, name from meter where site = ?"
        keys = {name: key for key, name in connection.execute(query, (site,)).fetchall() if name in meters}
        asked = _Asked(is_gone=is_gone)
        lost_by_meter = {name: asked.lost(connection, key, window) for name, key in sorted(keys.items())}
        found = {name: lost for name, lost in lost_by_meter.items() if lost}
        if not found:
            names = ", ".join(sorted(meters))
            raise ConflictError(f"no hour of {names} of {site} from {moment(window[0])} to {moment(window[1])} is lost")
        note(
            connection,
            site,
            intake,
            {name: _told([hour for hour, _ in lost], lost[0][1]) for name, lost in found.items()},
        )
        for name, lost in found.items():
            hours = [hour for hour, _ in lost]
            rows = [(keys[name], hour.begin_us) for hour in hours]
            connection.executemany("delete from moved where meter = ? and begin_us = ?", rows)
            connection.executemany("delete from delivery where meter = ? and begin_us = ?", rows)
            for run in _runs(hours):
                label = f"meter {name} of {site}"
                sum_up(connection, keys[name], label, meters[name], run[0].first_us, run[-1].last_us)
    return {name: len(lost) for name, lost in found.items()}


class _Asked:
    """The database as it is asked for one hour after the other.

    Args:
        is_gone: whether hours for which it does not answer are lost, too.
    """

    def __init__(self, *, is_gone: bool) -> None:
        self._is_gone = is_gone
        self._answered, self._silent = "", ""

    def lost(self, connection: Statements, key: int, window: tuple[int, int]) -> list[tuple[FarHour, str]]:
        """The hours of a meter that cannot be had, each with what is said of it.

        Raises:
            TsdbFaultError: when it does not answer and is not said to be gone, or answers for some of the hours.
        """
        found: list[tuple[FarHour, str]] = []
        for hour in far_hours(connection, key, window[0], window[1] - 1):
            if not window[0] <= hour.begin_us < window[1]:
                continue
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


def _told(hours: Sequence[FarHour], said: str) -> dict[str, int | str]:
    """What the journal gets of them: which hours, as the begin of each run and its length, and their readings."""
    return {
        "hours": len(hours),
        "runs": ", ".join(f"{moment(run[0].begin_us)}+{len(run)}h" for run in _runs(hours)),
        "readings": sum(hour.readings for hour in hours),
        "first": moment(hours[0].begin_us),
        "last": moment(hours[-1].begin_us),
        "told": said[:_TOLD],
    }


def _runs(hours: Sequence[FarHour]) -> list[list[FarHour]]:
    """Hours that follow one another, together."""
    found: list[list[FarHour]] = []
    for hour in hours:
        if found and hour.begin_us - found[-1][-1].begin_us <= HOUR_US:
            found[-1].append(hour)
        else:
            found.append([hour])
    return found

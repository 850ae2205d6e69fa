"""Hours that a time-series database lost: somebody decides that they are gone, and everything else goes on.

Without a decision such an hour stops what needs its readings: evidence of changes at its site, and removing old
readings of its meter. It is no gap by itself, since a backup may bring it back. The journal has who decided it and why.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

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
        TsdbFaultError: when it does not answer, or what lies beside an hour cannot be had; nothing was changed.
        ConflictError: when the database has all of them.
    """
    with home.writing("readings") as connection:
        found: dict[str, list[tuple[FarHour, str]]] = {}
        query = "select id, name from meter where site = ?"
        keys = {name: key for key, name in connection.execute(query, (site,)).fetchall() if name in meters}
        for name, key in sorted(keys.items()):
            if lost := _lost(connection, key, window, is_gone=is_gone):
                found[name] = lost
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
            for first_us, last_us in _runs(hours):
                sum_up(connection, keys[name], f"meter {name} of {site}", meters[name], first_us, last_us)
    return {name: len(lost) for name, lost in found.items()}


def _lost(connection: Statements, key: int, window: tuple[int, int], *, is_gone: bool) -> list[tuple[FarHour, str]]:
    """The hours of a meter that cannot be had, each with what is said of it."""
    found: list[tuple[FarHour, str]] = []
    for hour in far_hours(connection, key, window[0], window[1] - 1):
        if not window[0] <= hour.begin_us < window[1]:
            continue
        try:
            far_rows(connection, key, [hour])
        except TsdbLostError as error:
            found.append((hour, str(error)))
        except TsdbFaultError as error:
            if not is_gone:
                raise
            found.append((hour, str(error)))
    return found


def _told(hours: Sequence[FarHour], said: str) -> dict[str, int | str]:
    """What the journal gets of them: which hours, and how many readings they had."""
    return {
        "hours": len(hours),
        "readings": sum(hour.readings for hour in hours),
        "first": moment(hours[0].begin_us),
        "last": moment(hours[-1].begin_us),
        "told": said[:_TOLD],
    }


def _runs(hours: Sequence[FarHour]) -> list[tuple[int, int]]:
    """First and last time of hours that follow one another."""
    begins = [hours[0], *(two for one, two in pairwise(hours) if two.begin_us - one.begin_us > HOUR_US)]
    ends = [*(one for one, two in pairwise(hours) if two.begin_us - one.begin_us > HOUR_US), hours[-1]]
    return [(one.first_us, two.last_us) for one, two in zip(begins, ends, strict=True)]

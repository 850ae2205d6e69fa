"""Hours that were declared lost come back: their database has them again, with the digest that the journal has."""

from collections.abc import Iterator, Mapping, Sequence

from zonewright.model.base import TrustClass
from zonewright.pue.meters import MeterSpec
from zonewright.pue.readings import Reading
from zonewright.telemetry.appending import StoredRow, append_meter
from zonewright.telemetry.correcting import Intake, note, note_outranked
from zonewright.telemetry.home import Statements, TelemetryHome, TsdbLostError
from zonewright.telemetry.interface import ConflictError
from zonewright.telemetry.lost_hours import decided_hours, runs_text, still_lost
from zonewright.telemetry.summing import HOUR_US, moment
from zonewright.telemetry.tables import value_of
from zonewright.telemetry.tsdb.far import FarHour, far_rows
from zonewright.telemetry.tsdb.hours import FarRow
from zonewright.telemetry.tsdb.turn import going_on, in_turn

_LIVE: tuple[TrustClass, ...] = ("signed", "authenticated")
"""What lies in a time-series database is of one of these, and the digest says of which."""
_Back = dict[int, tuple[FarHour, Sequence[FarRow]]]
"""Hours of a meter that are there again, by their begin, with their readings."""


def take_back(
    home: TelemetryHome, site: str, meters: Mapping[str, MeterSpec], window: tuple[int, int], intake: Intake
) -> dict[str, int]:
    """Have hours that were declared lost count again, as far as the database gives what went there; how many by meter.

    They lie here from now on, and go there again as all hours do. Of readings that were imported instead the live ones
    count now, as of any two of one time. A correction stays.

    Args:
        home: the readings.
        site: id of the site.
        meters: those that are meant, by id.
        window: begin and end, in microseconds since 1970; hours that begin within it.
        intake: of the kind ``returned``: who decides it, and why.

    Raises:
        TsdbFaultError: when it does not answer, or what lies beside an hour cannot be had; nothing was changed.
        ConflictError: when it has none of them.
    """
    query = "select id, name from meter where site = ? order by name"
    with home.opened() as connection:
        keys = {name: key for key, name in connection.execute(query, (site,)).fetchall() if name in meters}
        found = {name: dict(_there(connection, site, name, key, window)) for name, key in keys.items()}

    def work(connection: Statements) -> dict[str, int]:
        back = {name: _still(connection, site, name, keys[name], window, some) for name, some in found.items()}
        back = {name: some for name, some in back.items() if some}
        if not back:
            names = ", ".join(sorted(meters))
            raise ConflictError(
                f"no hour of {names} of {site} from {moment(window[0])} to {moment(window[1])} that was declared lost "
                "is there again"
            )
        outranked: dict[str, list[StoredRow]] = {}
        for name, some in back.items():
            for hour, rows in some.values():
                items = [Reading(start, time_us, value_of(micro), 0) for start, time_us, micro, _ in rows]
                with going_on():
                    append_meter(connection, site, name, meters[name], items, hour.trust, outranked)
        note_outranked(connection, site, meters, outranked)
        note(connection, site, intake, {name: _told(some) for name, some in back.items()})
        return {name: len(some) for name, some in back.items()}

    return in_turn(home, work)


def _lost(
    connection: Statements, site: str, name: str, key: int, window: tuple[int, int]
) -> Iterator[tuple[int, int, str]]:
    """Begin, number of readings and digest of the hours of a meter that are still lost, and nothing live filled.

    Where a sum stands for readings that were removed around it, a reading that comes back would not be stored.
    """
    query = (
        "select readings, digest from delivery where meter = ? and begin_us = ? and dirty = 0 and not exists "
        "(select 1 from reading where meter = ? and time_us >= ? and time_us < ? and trust <> 'imported') "
        "and not exists (select 1 from stretch where meter = ? and begin_us <= ? and end_us > ?)"
    )
    for one in still_lost(decided_hours(connection, site), *window):
        for begin in one.begins_us if one.meter == name else ():
            row = connection.execute(query, (key, begin, key, begin, begin + HOUR_US, key, begin, begin)).fetchone()
            if row is not None:
                yield begin, row[0], row[1]


def _there(
    connection: Statements, site: str, name: str, key: int, window: tuple[int, int]
) -> Iterator[tuple[int, tuple[FarHour, Sequence[FarRow]]]]:
    """The lost hours of a meter that the database gives."""
    for begin, readings, digest in list(_lost(connection, site, name, key, window)):
        for trust in _LIVE:
            hour = FarHour(begin, begin, begin + HOUR_US - 1, trust, readings, digest)
            try:
                rows = far_rows(connection, key, [hour])
            except TsdbLostError:
                continue
            yield begin, (hour, rows)
            break


def _still(  # noqa: PLR0917 - private
    connection: Statements, site: str, name: str, key: int, window: tuple[int, int], back: _Back
) -> _Back:
    """Those of some hours that are lost until now."""
    there = {begin: (readings, digest) for begin, readings, digest in _lost(connection, site, name, key, window)}
    return {begin: one for begin, one in back.items() if there.get(begin) == (one[0].readings, one[0].digest)}


def _told(back: _Back) -> dict[str, int | str]:
    """What the journal gets of hours: which they are, and how many readings they have."""
    begins = sorted(back)
    return {
        "hours": len(back),
        "runs": runs_text(begins),
        "readings": sum(hour.readings for hour, _ in back.values()),
        "first": moment(begins[0]),
        "last": moment(begins[-1]),
    }

"""The readings of a site for its texts in evidence, where hours of them lie in a time-series database."""

from collections.abc import Iterator

from zonewright.telemetry.home import Statements
from zonewright.telemetry.tsdb.far import rows_before, rows_between
from zonewright.telemetry.tsdb.hours import FarRow

_FOREVER = 2**62
_Line = tuple[str, str, int | None, int, int, str]


def reading_rows(connection: Statements, site: str, start_us: int) -> Iterator[_Line]:
    """The readings of each meter from a time on, the last one before it, and older ones around drops of registers.

    Args:
        connection: to read from.
        site: id of the site.
        start_us: microseconds since 1970.

    Raises:
        TsdbFaultError: when some cannot be had.
    """
    meters = connection.execute("select id, name, kind from meter where site = ? order by name", (site,)).fetchall()
    for key, name, kind in meters:
        before = rows_before(connection, key, start_us, 1)
        low_us = before[0][1] if before else start_us
        query = "select time_us from dip where meter = ? and time_us < ? order by time_us"
        old: set[FarRow] = set()
        for (time_us,) in connection.execute(query, (key, start_us)).fetchall():
            around = (*rows_before(connection, key, time_us, 1), *rows_between(connection, key, time_us, time_us))
            old.update(row for row in around if row[1] < low_us)
        for start, time_us, micro, trust in [
            *sorted(old, key=lambda row: row[1]),
            *rows_between(connection, key, low_us, _FOREVER),
        ]:
            yield name, kind, start, time_us, micro, trust

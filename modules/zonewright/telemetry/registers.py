"""Stored readings as text, by meter and month: the part of a month that is over is the same text every time."""

import sqlite3
from collections import defaultdict
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
HEAD = "meter,kind,start_us,time_us,value_micro,trust"


def registers(path: Path, site: str, since: datetime) -> dict[str, str]:
    """The readings of a site's meters from the begin of a month on, and the last one before it.

    Args:
        path: file of the readings.
        site: id of the site.
        since: a moment in the first month that is wanted.

    Returns:
        Lines by ``meter/month``, such as ``utility-a/2026-07``.
    """
    first = since.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    start_us = (first - _EPOCH) // _MICROSECOND
    query = (
        "select m.name, m.kind, r.start_us, r.time_us, r.micro, r.trust from reading r join meter m on m.id = r.meter "
        "where m.site = ? and r.time_us >= coalesce((select max(time_us) from reading where meter = m.id "
        "and time_us < ?), ?) order by m.name, r.time_us"
    )
    lines: dict[str, list[str]] = defaultdict(lambda: [HEAD])
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
        for name, kind, begin_us, time_us, micro, trust in connection.execute(query, (site, start_us, start_us)):
            month = (_EPOCH + time_us * _MICROSECOND).strftime("%Y-%m")
            begin = "" if begin_us is None else begin_us
            lines[f"{name}/{month}"].append(f"{name},{kind},{begin},{time_us},{micro},{trust}")
    return {name: "\n".join(rows) + "\n" for name, rows in lines.items()}

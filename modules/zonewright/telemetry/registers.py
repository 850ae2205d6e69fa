"""What a store has of a site as texts: the part of a month that is over is the same text every time.

Readings, the hourly sums that stand for readings that were removed, what the journal recorded of each removal, and the
trust classes of all readings that there ever were.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from zonewright.errors import ZonewrightError
from zonewright.model.canonical import canonical_json
from zonewright.telemetry.home import Statements, TelemetryHome
from zonewright.telemetry.register_lines import READINGS_HEAD, SUMS_HEAD, reading_line, sum_line
from zonewright.telemetry.summing import HOUR_US
from zonewright.telemetry.tables import has_lost

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_DAY_US = 86_400 * 10**6
UNTOLD_HOURS = (
    "select 1 from delivery d join meter m on m.id = d.meter left join delivering p on p.id = d.delivering "
    "where m.site = ? and (coalesce(p.entry, 'told') = '' or d.dirty = 1 and d.begin_us + ? <= "
    "(select max(time_us) from reading where meter = d.meter)) limit 1"
)
_HAS_FAR = "select 1 from moved where meter in (select id from meter where site = ?) limit 1"


class UntoldError(ZonewrightError):
    """Readings were removed and the journal does not have it yet: sums that stand for them cannot be vouched for."""


def month_of(time_us: int) -> datetime:
    """Begin of the month (UTC) of a moment."""
    moment = EPOCH + time_us * MICROSECOND
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


@cache
def _month(day: int) -> str:
    return f"{EPOCH + timedelta(days=day):%Y-%m}"


def window_of(since: datetime) -> int:
    """Begin of the month of a moment, in microseconds since 1970: from there on a site's texts are complete."""
    return (month_of((since - EPOCH) // MICROSECOND) - EPOCH) // MICROSECOND


def registers(home: TelemetryHome, site: str, since: datetime) -> dict[str, str]:
    """What a store has of a site's meters from the begin of a month on, the last reading before it, and older drops.

    Args:
        home: the readings.
        site: id of the site.
        since: a moment in the first month that is wanted.

    Returns:
        Texts by name, such as ``readings/qp-dc1/utility-a/2026-07.csv``.

    Raises:
        UntoldError: when a removal at the site is not recorded.
    """
    start_us = window_of(since)
    with home.reading() as connection:  # readings and sums of one moment, whatever is removed meanwhile
        _require_told(connection, site)
        found = _readings(connection, site, start_us) | _sums(connection, site, start_us)
        found |= _pruned(connection, site, start_us) | _trusts(connection, site)
        return found | _corrected(connection, site, start_us) | _lost(connection, site)


def _require_told(connection: Statements, site: str) -> None:
    query = (
        "select 1 from removal r join meter m on m.id = r.meter left join pruning p on p.id = r.pruning "
        "where m.site = ? and coalesce(p.entry, '') = '' limit 1"
    )
    if connection.execute(query, (site,)).fetchone():
        raise UntoldError(f"readings of {site} were removed, and the journal has no entry for it yet")
    if connection.execute("select 1 from intake where site = ? and entry = '' limit 1", (site,)).fetchone():
        raise UntoldError(f"readings of {site} were imported or corrected, and the journal has no entry for it yet")
    if connection.execute(UNTOLD_HOURS, (site, HOUR_US)).fetchone():
        raise UntoldError(f"live readings of {site} came in, and the journal has no entry for it yet")


def _readings(connection: Statements, site: str, start_us: int) -> dict[str, str]:
    if connection.execute(_HAS_FAR, (site,)).fetchone():
        from zonewright.telemetry.tsdb.lines import reading_rows  # noqa: PLC0415 - few have a second store

        return _texts(site, reading_rows(connection, site, start_us))
    query = (
        "select m.name, m.kind, r.start_us, r.time_us, r.micro, r.trust from reading r join meter m on m.id = r.meter "
        "where m.site = ? and r.time_us >= coalesce((select max(time_us) from reading where meter = m.id "
        "and time_us < ?), ?) order by m.name, r.time_us"
    )
    dips = (
        "select m.name, m.kind, r.start_us, r.time_us, r.micro, r.trust from dip d join meter m on m.id = d.meter "
        "join reading r on r.meter = d.meter and r.time_us in (d.time_us, (select max(time_us) from reading "
        "where meter = d.meter and time_us < d.time_us)) where m.site = ? and r.time_us < "
        "(select max(time_us) from reading where meter = m.id and time_us < ?)"
    )
    old = sorted(set(connection.execute(dips, (site, start_us))), key=lambda row: (row[0], row[3]))
    return _texts(site, [*old, *connection.execute(query, (site, start_us, start_us))])


def _texts(site: str, rows: Iterable[Sequence[Any]]) -> dict[str, str]:
    """Texts by meter and month."""
    lines: dict[str, list[str]] = defaultdict(lambda: [READINGS_HEAD])
    for row in rows:
        lines[f"readings/{site}/{row[0]}/{_month(row[3] // _DAY_US)}.csv"].append(reading_line(row))
    return {name: "\n".join(some) + "\n" for name, some in lines.items()}


def _sums(connection: Statements, site: str, start_us: int) -> dict[str, str]:
    query = (
        "select m.name, h.begin_us, h.energy_mj from removal r join meter m on m.id = r.meter join hourly h "
        "on h.meter = r.meter and h.begin_us >= r.begin_us and h.begin_us < r.end_us "
        "where m.site = ? and r.begin_us >= ? order by m.name, h.begin_us"
    )
    lines: dict[str, list[str]] = defaultdict(lambda: [SUMS_HEAD])
    for name, begin_us, energy_mj in connection.execute(query, (site, start_us)):
        lines[f"sums/{site}/{name}/{_month(begin_us // _DAY_US)}.csv"].append(sum_line(name, begin_us, energy_mj))
    return {name: "\n".join(rows) + "\n" for name, rows in lines.items()}


def _pruned(connection: Statements, site: str, start_us: int) -> dict[str, str]:
    """By month in which it was recorded: the entries of the journal on removals, each with its removals whole."""
    query = (
        "select p.id, p.entry, m.name, r.begin_us, r.end_us, r.readings, r.digest, r.sums from removal r "
        "join meter m on m.id = r.meter join pruning p on p.id = r.pruning where m.site = ? and p.id in "
        "(select pruning from removal where meter in (select id from meter where site = ?) and end_us > ?) "
        "order by p.id, m.name, r.begin_us, r.end_us, r.readings, r.digest, r.sums"
    )
    told: dict[int, dict[str, Any]] = {}
    names = ("meter", "begin_us", "end_us", "readings", "digest", "sums")
    for number, entry, *row in connection.execute(query, (site, site, start_us)):
        one = told.setdefault(number, {"entry": json.loads(entry), "removed": []})
        one["removed"].append(dict(zip(names, row, strict=True)))
    months: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in told.values():
        months[f"pruned/{site}/{one['entry']['at'][:7]}.json"].append(one)
    return {name: canonical_json(items) for name, items in months.items()}


def _trusts(connection: Statements, site: str) -> dict[str, str]:
    query = "select m.name, t.trust from trust t join meter m on m.id = t.meter where m.site = ? order by 1, 2"
    found: dict[str, list[str]] = defaultdict(list)
    for name, trust in connection.execute(query, (site,)):
        found[name].append(trust)
    return {f"trusts/{site}.json": canonical_json(found)}


def _corrected(connection: Statements, site: str, start_us: int) -> dict[str, str]:
    """Readings that no longer count, with the entry of the journal that says so."""
    query = (
        "select m.name, s.time_us, s.start_us, s.micro, s.trust, i.kind, i.entry from superseded s "
        "join meter m on m.id = s.meter join intake i on i.id = s.intake where m.site = ? and s.time_us >= ? "
        "order by 1, 2, s.intake"
    )
    rows = [
        [*row[:6], json.loads(row[6])["sequence"] if row[6] else 0]
        for row in connection.execute(query, (site, start_us))
    ]
    return {f"corrected/{site}.json": canonical_json(rows)} if rows else {}


def _lost(connection: Statements, site: str) -> dict[str, str]:
    """Decisions on hours that a time-series database lost."""
    if not has_lost(connection, site):
        return {}
    from zonewright.telemetry.lost_hours import lost_rows  # noqa: PLC0415 - few sites ever lost any

    return {f"lost/{site}.json": canonical_json(lost_rows(connection, site))}

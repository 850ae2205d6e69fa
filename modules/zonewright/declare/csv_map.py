"""Reads a map of an export (``meters-csv.yaml``), and says by file and line what in it does not fit together."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from zonewright.declare.checks.sites import time_zone_faults
from zonewright.declare.document import read_document
from zonewright.declare.problem import Fault, Problem, dotted, in_order, shown
from zonewright.declare.yaml_text.tree import line_of
from zonewright.model.canonical import digest_of
from zonewright.model.csv_map import CsvMap, MapColumn
from zonewright.model.time_format import ISO, UNIX, UNIX_MS, time_pattern

_OFFSET = re.compile(r"(?P<sign>[+-])(?P<hours>0[0-9]|1[0-4]):(?P<minutes>[0-5][0-9])", re.ASCII)
COLUMN_NUMBER = re.compile(r"#(?P<number>[1-9][0-9]{0,3})", re.ASCII)
"""A column by its number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadMap:
    """A map that was read.

    Attributes:
        content: what it says; None where it has problems.
        zone: its time zone, None where each time has an offset of its own.
        digest: of the file, for the journal.
        problems: what is wrong with it.
    """

    content: CsvMap | None
    zone: tzinfo | None
    digest: str
    problems: tuple[Problem, ...]


def read_csv_map(path: Path) -> ReadMap:
    """A map from its file.

    Args:
        path: the file; problems call it by the whole path.
    """
    document = read_document(path, CsvMap)
    content = document.content if isinstance(document.content, CsvMap) else None
    problems = [_at(path, problem.line, problem) for problem in document.problems]
    if content is not None and document.root is not None:
        gone = [path for path in document.left_out if path]
        told = (one for one in _faults(content) if not any(_is_beside(one.path, other) for other in gone))
        problems += [_at(path, line_of(document.root, one.path), one) for one in told]
    if problems or content is None:
        return ReadMap(content=None, zone=None, digest="", problems=in_order(problems))
    return ReadMap(content=content, zone=zone_of(content), digest=digest_of(path.read_bytes()), problems=())


def _is_beside(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether one path holds the other: what is said of a part that was left out has been said."""
    return one[: len(other)] == other or other[: len(one)] == one


def _at(path: Path, line: int, one: Fault | Problem) -> Problem:
    where = dotted(one.path) if isinstance(one, Fault) else one.path
    return Problem(
        file=str(path), line=line, path=where, what=one.what, expected=one.expected, got=one.got, fix=one.fix
    )


def zone_of(content: CsvMap) -> tzinfo | None:
    """The time zone of a map that has no problems."""
    offset = _OFFSET.fullmatch(content.time.zone)
    if offset is not None:
        length = timedelta(hours=int(offset["hours"]), minutes=int(offset["minutes"]))
        return timezone(-length if offset["sign"] == "-" else length)
    return ZoneInfo(content.time.zone) if content.time.zone else None


def _faults(content: CsvMap) -> Iterator[Fault]:
    yield from _time_faults(content)
    yield from _interval_faults(content)
    yield from _column_faults(content)
    if content.decimal == content.thousands:
        yield _fault(
            ("thousands",),
            "one sign for two things",
            "another sign than the decimal one",
            shown(content.thousands),
            "write thousands: none, or correct the decimal sign",
        )
    if content.first_line is not None and content.first_line <= content.header_line:
        yield _fault(
            ("first_line",),
            "values above the header",
            f"more than header_line, {content.header_line}",
            str(content.first_line),
            "correct one of them",
        )
    if (content.wide is None) == (content.long is None):
        yield _fault(
            (),
            "no layout, or two",
            "one of 'wide' and 'long'",
            "neither" if content.wide is None else "both",
            "write 'wide' where each meter has a column, and 'long' where each row names its meter",
        )
    if content.long is not None and content.long.unit_column and content.long.unit is not None:
        place = ("long", "unit_column")
        yield _fault(place, "a unit that is given twice", "one of 'unit' and 'unit_column'", "both", "delete one")


def _time_faults(content: CsvMap) -> Iterator[Fault]:
    time = content.time
    if time.format not in (ISO, UNIX, UNIX_MS):
        try:
            time_pattern(time.format)
        except ValueError as error:
            yield _fault(
                ("time", "format"),
                "not a format of times",
                "iso, unix, unix-ms, or one such as '%d.%m.%Y %H:%M'",
                f"{shown(time.format)}: {error}",
                "correct it",
            )
    if time.zone and not _OFFSET.fullmatch(time.zone):
        yield from time_zone_faults("", ("time", "zone"), time.zone)
    is_open = time.format not in (UNIX, UNIX_MS, ISO) and "%z" not in time.format
    if is_open and not time.zone:
        yield _fault(
            ("time",),
            "times that could be anywhere",
            "a line 'zone', such as Europe/Berlin or +01:00",
            "none",
            "write the zone in which the export states its times",
        )
    if time.repeated_hour == "in-order" and content.order == "any":
        yield _fault(
            ("time", "repeated_hour"),
            "an hour that nothing tells apart",
            "an order of the rows",
            "order: any",
            "write order: oldest-first or newest-first, or repeated_hour: refuse",
        )


def _interval_faults(content: CsvMap) -> Iterator[Fault]:
    interval = content.interval
    if interval is None:
        return
    given = [name for name in ("length_s", "calendar", "start") if getattr(interval, name)]
    if len(given) != 1:
        yield _fault(
            ("interval",),
            "a length that is unclear",
            "one of 'length_s', 'calendar' and 'start'",
            " and ".join(given) or "none of them",
            "write the one that is true of all rows",
        )
    if interval.calendar and not content.time.zone:
        yield _fault(
            ("interval", "calendar"), "days of no zone", "time.zone", "none", "write the zone whose days are meant"
        )


def _column_faults(content: CsvMap) -> Iterator[Fault]:
    named = [(("time", "column"), content.time.column), (("time", "clock"), content.time.clock)]
    if content.interval is not None:
        named.append((("interval", "start"), content.interval.start))
    if content.long is not None:
        named += [(("long", name), getattr(content.long, name)) for name in ("meter", "value", "unit_column")]
    named += [(("wide", name), name) for name in content.wide or ()]
    for path, name in named:
        if name and content.header_line == 0 and not COLUMN_NUMBER.fullmatch(name):
            yield _fault(
                path,
                "a name without a header",
                "a number such as '#1', as header_line is 0",
                shown(name),
                "write the column's number, or the line of the header",
            )
    meters = content.wide if content.wide is not None else (content.long.meters if content.long is not None else {})
    where = ("wide",) if content.wide is not None else ("long", "meters")
    first: dict[str, str] = {}
    for name, column in meters.items():
        yield from _of_column(content, (*where, name), column)
        if column.meter in first:
            yield _fault(
                (*where, name, "meter"),
                "a meter that is named twice",
                "one column for each meter",
                f"{shown(column.meter)}, as in {shown(first[column.meter])}",
                "delete or correct one of them",
            )
        first.setdefault(column.meter, name)


def _of_column(content: CsvMap, path: tuple[str, ...], column: MapColumn) -> Iterator[Fault]:
    long = content.long
    if column.unit is None and (long is None or not (long.unit or long.unit_column)):
        yield _fault(
            path,
            "values without a unit",
            "a line 'unit', such as kWh",
            "none",
            "write the unit that the export states, or 'cell' where each cell has it",
        )
    if column.restarts == "daily" and not content.time.zone:
        yield _fault(
            (*path, "restarts"), "days of no zone", "time.zone", "none", "write the zone at whose midnight it restarts"
        )


def _fault(path: tuple[str, ...], what: str, expected: str, got: str, fix: str) -> Fault:
    return Fault(owner="", path=path, what=what, expected=expected, got=got, fix=fix)

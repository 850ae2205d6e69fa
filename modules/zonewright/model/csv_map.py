"""How a building's export is read (``meters-csv.yaml``): its columns, meters, units and times."""

from typing import Annotated, Literal

from pydantic import Field

from zonewright.model.base import Declared, Identifier, Line

Unit = Literal["Wh", "kWh", "MWh", "GWh", "W", "kW", "MW", "Cel"]
UNITS: dict[Unit, int] = {
    "Wh": 1,
    "kWh": 1_000,
    "MWh": 1_000_000,
    "GWh": 1_000_000_000,
    "W": 1,
    "kW": 1_000,
    "MW": 1_000_000,
    "Cel": 1,
}
"""Watt-hours, watts, or degrees Celsius of one unit."""
MapUnit = Literal["Wh", "kWh", "MWh", "GWh", "W", "kW", "MW", "Cel", "cell"]
Restarts = Literal["never", "daily"]
CsvWords = Annotated[tuple[Line, ...], Field(max_length=50, strict=False)]


class MapTime(Declared):
    """When each row of an export was read."""

    column: Line
    """Column of the time: its name in the header, or `#1` for the first."""
    clock: Line = ""
    """Column of the time of day, where date and time of day are two columns."""
    format: Line = "iso"
    """`iso`, `unix`, `unix-ms`, or a format such as `%d.%m.%Y %H:%M`."""
    zone: Line = ""
    """Time zone such as Europe/Berlin, or an offset such as +01:00 of a meter whose clock is never set."""
    repeated_hour: Literal["refuse", "in-order", "first", "second"] = "refuse"
    """Which of the two a time is in the hour that autumn repeats; `in-order`: as the rows pass through it twice."""
    missing_hour: Literal["refuse", "leave-out", "shift"] = "refuse"
    """What to do with a time that spring leaves out; `shift`: take it as if the clock had not been set."""


class MapInterval(Declared):
    """What a value of an interval covers."""

    marks: Literal["begin", "end"] = "end"
    """Whether the time of a row is the begin or the end of its interval."""
    length_s: Annotated[int, Field(ge=1, le=86_400)] | None = None
    """Length of each interval in seconds."""
    calendar: Literal["day", "month"] | None = None
    """Each interval is a day or a month of the time zone, whatever its length."""
    start: Line = ""
    """Column of the begin, where each row has its own; it is written as the time is."""


class MapColumn(Declared):
    """What the values of a column, or of a name in an export, are."""

    meter: Identifier
    """Id of the meter."""
    unit: MapUnit | None = None
    """Unit of its values; `cell`: each cell has it."""
    restarts: Restarts = "never"
    """Whether it begins again at zero each day of the time zone; its meter is then of the kind `interval`."""


class MapLong(Declared):
    """An export with one value in each row."""

    meter: Line
    """Column of the name of the meter."""
    value: Line
    """Column of the value."""
    unit: MapUnit | None = None
    """Unit of the values of meters that have none of their own."""
    unit_column: Line = ""
    """Column of the unit."""
    meters: Annotated[dict[Line, MapColumn], Field(max_length=5_000)] = Field(default_factory=dict)
    """Meters by their names in the export; other names are left out. Without any, the names are ids."""


class CsvMap(Declared):
    """How an export of a building is read."""

    title: Line = ""
    """Where the export comes from, for people."""
    encoding: Literal["utf-8", "utf-16", "latin-1", "windows-1252"] = "utf-8"
    """How its characters are encoded; a byte order mark may be there."""
    delimiter: Literal[",", ";", "tab", "|"] = ","
    """What stands between two cells."""
    decimal: Literal[".", ","] = "."
    """Decimal sign."""
    thousands: Literal["none", ".", ",", "space", "'"] = "none"
    """What stands between groups of three digits."""
    header_line: Annotated[int, Field(ge=0, le=1_000)] = 1
    """Line that names the columns, counted from 1; 0 where no line does."""
    first_line: Annotated[int, Field(ge=1, le=1_000)] | None = None
    """First line with values (default: the one after the header)."""
    footer_lines: Annotated[int, Field(ge=0, le=1_000)] = 0
    """How many lines at the end are no values; empty ones do not count."""
    comments: CsvWords = ()
    """Lines that begin with one of these are left out, such as `#` or `Total`."""
    missing: CsvWords = ()
    """Cells that say there is no value, such as `-` or `n/a`; empty ones do in any case."""
    order: Literal["oldest-first", "newest-first", "any"] = "oldest-first"
    """Order of the rows."""
    duplicates: Literal["refuse", "first", "last"] = "refuse"
    """Which of several values at one time counts; the same value twice is no question."""
    time: MapTime
    """When each row was read."""
    interval: MapInterval | None = None
    """What a value of an interval covers; meters of the other kinds need none."""
    wide: Annotated[dict[Line, MapColumn], Field(min_length=1, max_length=5_000)] | None = None
    """An export with a column for each meter: meters by column."""
    long: MapLong | None = None
    """An export with one value in each row."""

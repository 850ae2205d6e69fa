"""Readings from the rows of an export: all faults in one run, and what is left out with its reason and lines."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import NamedTuple

from zonewright.declare.problem import shown
from zonewright.model.csv_map import UNITS, CsvMap, MapColumn, MapUnit, Restarts, Unit
from zonewright.pue.mapped.cells import amount_of, is_power, split_unit, unit_of
from zonewright.pue.mapped.notes import Notes
from zonewright.pue.mapped.table import CsvRow, place_of, rows_of, text_of
from zonewright.pue.mapped.times import Stamp, WallClock
from zonewright.pue.mapped.values import Value, readings_of
from zonewright.pue.meters import HIGHEST_C, LOWEST_C, MeterSpec
from zonewright.pue.readings import Reading, faults_between

_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a file gives.

    Attributes:
        readings: by meter, in order of time.
        faults: ``LINE: sentence`` each, in order; with any of them the readings are not to be used.
        rows: how many rows with values the file has.
        units: those that the file states, by meter.
        left_out: lines by why they, or cells of them, are no readings.
        choices: lines by how they were understood, where the map says it.
        unused: columns of the header that the map does not name.
    """

    readings: Mapping[str, list[Reading]]
    faults: Sequence[str]
    rows: int = 0
    units: Mapping[str, frozenset[Unit]]
    left_out: Mapping[str, list[int]]
    choices: Mapping[str, list[int]]
    unused: Sequence[str] = ()


class _Cell(NamedTuple):
    """One value of the file, with where it says when it was; a tuple, since there are millions."""

    line: int
    meter: str
    text: str
    unit: MapUnit
    restarts: Restarts
    stamp: Stamp
    start: Stamp | None


def take(
    raw: bytes, csv_map: CsvMap, meters: Mapping[str, MeterSpec], zone: tzinfo | None, *, now_us: int | None = None
) -> Taken:
    """Readings of a file.

    Args:
        raw: the file.
        csv_map: how it is read.
        meters: those that may be in it.
        zone: the map's time zone.
        now_us: the present in microseconds since 1970: readings of later than five minutes from it are faults; None
            where the past and the future are the same.
    """
    notes = Notes()
    try:
        text = text_of(raw, csv_map)
    except ValueError as error:
        return Taken(readings={}, faults=[str(error)], units={}, left_out={}, choices={})
    header, rows = rows_of(text, csv_map, notes)
    clock = WallClock(csv_map, zone)
    reader = _Reader(csv_map, header, meters, clock, notes)
    cells = [cell for row in rows if not notes.is_full for cell in reader.cells(row)]
    clock.resolve(reader.stamps, notes)
    units: dict[str, set[Unit]] = defaultdict(set)
    values = [value for cell in cells if not notes.is_full and (value := reader.value(cell, units)) is not None]
    readings = readings_of(values, csv_map, meters, clock, notes)
    faults = [f"{line}: {sentence}" for line, sentence in notes.faults]
    for name, items in readings.items():
        faults += faults_between(name, items, now_us)
    if not rows and not faults:
        faults.append(f"{csv_map.header_line + 1}: the file has no row with values; correct first_line or footer_lines")
    faults.sort(key=lambda fault: int(fault.partition(":")[0]))
    if notes.is_full:
        faults.append(f"{faults[-1].partition(':')[0]}: more faults may follow; correct those named above first")
    return Taken(
        readings=readings,
        faults=faults,
        rows=len(rows),
        units={name: frozenset(found) for name, found in units.items()},
        left_out=notes.left_out,
        choices=notes.choices,
        unused=reader.unused(),
    )


class _Reader:
    """Takes cells out of rows."""

    def __init__(
        self, csv_map: CsvMap, header: Sequence[str], meters: Mapping[str, MeterSpec], clock: WallClock, notes: Notes
    ) -> None:
        self._map, self._header, self._meters, self._clock, self._notes = csv_map, header, meters, clock, notes
        self.stamps: list[Stamp] = []
        self._missing = {"", *csv_map.missing}
        self._used: set[int] = set()
        interval, long = csv_map.interval, csv_map.long
        before = len(notes.faults)
        self._time, self._day_time = self._place(csv_map.time.column), self._place(csv_map.time.clock)
        self._start = self._place(interval.start) if interval is not None else None
        self._name = self._place(long.meter) if long else None
        self._value = self._place(long.value) if long else None
        self._unit = self._place(long.unit_column) if long else None
        self._is_usable = len(notes.faults) == before
        """Whether the columns are there that each row needs."""
        self._known: Mapping[str, MapColumn] = long.meters if long else {}
        places = [(self._place(name), one) for name, one in (csv_map.wide or {}).items()]
        for column in (csv_map.wide or self._known).values():
            if column.meter not in meters:
                notes.fault(max(1, csv_map.header_line), f"{_unknown(column.meter, meters)}; correct the map")
        self._wide = [(place, one) for place, one in places if place is not None and one.meter in meters]
        self._least = max(self._used, default=0) + 1

    def _place(self, name: str) -> int | None:
        """Where a column stands; a fault where it is missing; None for no name."""
        if not name:
            return None
        try:
            place = place_of(name, self._header)
        except ValueError as error:
            self._notes.fault(max(1, self._map.header_line), str(error))
            return None
        self._used.add(place)
        return place

    def unused(self) -> list[str]:
        """Columns that the map does not name."""
        return [name for number, name in enumerate(self._header) if name and number not in self._used]

    def cells(self, row: CsvRow) -> Iterator[_Cell]:
        """The values of a row."""
        if not self._is_usable:
            return
        if len(row.cells) < self._least:
            self._notes.fault(
                row.line,
                f"expected at least {self._least} columns, got {len(row.cells)}; correct the row or footer_lines",
            )
            return
        long = self._map.long
        if long is None:
            stamps = self._stamps(row, "")
            for place, column in self._wide:
                if stamps is not None and (cell := self._cell(row, row.cells[place], column, column.unit, stamps)):
                    yield cell
            return
        name = row.cells[self._name or 0]
        meant = self._column(name, row.line)
        unit: MapUnit | None = None if meant is None else meant.unit or long.unit
        if meant is not None and self._unit is not None and meant.unit is None:
            try:
                unit = unit_of(row.cells[self._unit])
            except ValueError as error:
                self._notes.fault(row.line, str(error))
                return
        stamps = self._stamps(row, name) if meant is not None else None
        if meant is None or stamps is None:
            return
        cell = self._cell(row, row.cells[self._value or 0], meant, unit, stamps)
        if cell is not None:
            yield cell

    def _column(self, name: str, line: int) -> MapColumn | None:
        """What a long file's name means; None where it is left out or unknown."""
        if self._known:
            found = self._known.get(name)
            if found is None:
                self._notes.leave_out(f"name {shown(name)} is not in the map", line)
            return found if found is not None and found.meter in self._meters else None
        if name not in self._meters:
            self._notes.fault(line, f"{_unknown(name, self._meters)}; correct it, or list its names in long.meters")
            return None
        return MapColumn(meter=name)

    def _stamps(self, row: CsvRow, series: str) -> tuple[Stamp, Stamp | None] | None:
        text = row.cells[self._time or 0]
        if self._day_time is not None:
            text = f"{text} {row.cells[self._day_time]}"
        try:
            found = self._clock.read(text, row.line, series)
            begin = None
            if self._start is not None:
                begin = self._clock.read(row.cells[self._start], row.line, f"begin of {series}")
        except ValueError as error:
            self._notes.fault(row.line, str(error))
            return None
        self.stamps += [found] if begin is None else [found, begin]
        return found, begin

    def _cell(
        self, row: CsvRow, text: str, column: MapColumn, unit: MapUnit | None, stamps: tuple[Stamp, Stamp | None]
    ) -> _Cell | None:
        if text in self._missing:
            self._notes.leave_out(f"no value of {column.meter}", row.line)
        elif unit is None:
            self._notes.fault(row.line, f"meter '{column.meter}' has no unit; write long.unit into the map")
        else:
            return _Cell(row.line, column.meter, text, unit, column.restarts, *stamps)
        return None

    def value(self, cell: _Cell, units: dict[str, set[Unit]]) -> Value | None:
        """The exact value of a cell in watt-hours or watts, or None with its fault noted."""
        line, meter, text, stated, restarts, stamp, start = cell
        if stamp.at_us is None or (start is not None and start.at_us is None):
            return None
        try:
            number, unit = split_unit(text) if stated == "cell" else (text, stated)
            amount = amount_of(number, self._map, UNITS[unit])
        except ValueError as error:
            self._notes.fault(line, f"{meter}: {error}")
            return None
        kind = self._meters[meter].kind
        if (unit == "Cel") != (kind == "temperature"):
            self._notes.fault(line, f"meter '{meter}' is a {kind}, and {unit} is no unit of it; correct the map")
            return None
        if kind == "temperature" and not LOWEST_C <= amount <= HIGHEST_C:
            self._notes.fault(line, f"no air outside is at {text[:40]} degrees Celsius; correct it, or leave it out")
            return None
        if amount.numerator < 0 and kind != "temperature":
            self._notes.fault(line, f"a {kind} cannot be negative, got {text[:40]}; correct it, or leave it out")
            return None
        units[meter].add(unit)
        begin = None if start is None else start.at_us
        return Value(line, meter, amount, is_power(unit), restarts == "daily", stamp.at_us, begin)


def _unknown(name: str, meters: Mapping[str, MeterSpec]) -> str:
    known = sorted(meters)
    more = f" and {len(known) - _NAMES_SHOWN} more" if len(known) > _NAMES_SHOWN else ""
    return f"meter {shown(name)} is not declared (there are: {', '.join(known[:_NAMES_SHOWN])}{more})"

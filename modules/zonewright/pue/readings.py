"""Readings from CSV: exact values and times, and every fault with its line.

Row order, a byte-order mark, CRLF and identical duplicate rows change nothing.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from zonewright.declare.problem import shown
from zonewright.pue.meters import HIGHEST_C, LOWEST_C, MeterSpec

COLUMNS = ["meter", "start", "time", "value"]
MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FUTURE_US = 300 * 10**6
"""A clock may be five minutes ahead; a reading of later is none."""
_MAX_FAULTS = 1_000
_DECIMAL = re.compile(r"[-+]?[0-9]{1,24}(?:\.[0-9]{1,24})?(?:[eE][-+]?[0-9]{1,2})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading.

    Attributes:
        start_us: begin of an interval in microseconds since 1970, or None.
        time_us: its time, or the end of the interval.
        value: watt-hours, or watts of a gauge; exact.
        line: line of the file.
        is_sum: it stands for readings that were removed: energy between two times in Wh, whatever the kind of meter.
        is_past: it says only what a register once showed: what came after it is not among the readings.
    """

    start_us: int | None
    time_us: int
    value: Fraction | int
    line: int
    is_sum: bool = False
    is_past: bool = False


def time_us(text: str) -> int:
    """Microseconds since 1970 of an ISO 8601 time with offset.

    Raises:
        ValueError: when it is none, or has no offset.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        message = "a time without offset"
        raise ValueError(message)
    return (moment - _EPOCH) // MICROSECOND


def read_readings(
    text: str, meters: Mapping[str, MeterSpec], *, now_us: int | None = None
) -> tuple[dict[str, list[Reading]], list[str]]:
    """Readings by meter in order of time, and one sentence ``LINE: ...`` for each fault.

    Args:
        text: the CSV, with columns ``meter,start,time,value``.
        meters: the meters that may be in it.
        now_us: the present in microseconds since 1970: readings of later than five minutes from it are faults; None
            where the past and the future are the same.
    """
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    head = next(rows, [])
    if [name.strip() for name in head] != COLUMNS:
        return {}, [f"1: expected the columns {','.join(COLUMNS)}, got '{','.join(head)[:80]}'; write that first line"]
    found: dict[str, dict[tuple[int | None, int], Reading]] = {name: {} for name in meters}
    faults: list[str] = []
    for row in rows:
        if len(faults) >= _MAX_FAULTS:
            faults.append(f"{rows.line_num}: more faults follow; correct those named above first")
            break
        if row:
            faults += _take(row, rows.line_num, meters, found)
    ordered = {name: sorted(items.values(), key=lambda item: item.time_us) for name, items in found.items()}
    for name, items in ordered.items():
        faults += faults_between(name, items, now_us)
    return ordered, sorted(faults, key=lambda fault: int(fault.partition(":")[0]))


def _take(
    row: Sequence[str],
    line: int,
    meters: Mapping[str, MeterSpec],
    found: dict[str, dict[tuple[int | None, int], Reading]],
) -> Iterator[str]:
    if len(row) != len(COLUMNS):
        yield f"{line}: expected {len(COLUMNS)} columns, got {len(row)}; write {','.join(COLUMNS)}"
        return
    name, start, time, value = (cell.strip() for cell in row)
    meter = meters.get(name)
    if meter is None:
        known = ", ".join(sorted(meters))
        yield f"{line}: meter {shown(name)} is not in meters.yaml (it has: {known}); add it, or correct it"
        return
    try:
        begin, end = _times(meter, start, time)
        reading = Reading(begin, end, _amount(meter, value), line)
    except ValueError as error:
        yield f"{line}: {error}"
        return
    first = found[name].setdefault((begin, end), reading)
    if first.value != reading.value:
        yield f"{line}: meter '{name}' has another value at that time on line {first.line}; delete the wrong one"


def _amount(meter: MeterSpec, text: str) -> Fraction:
    """An exact value; ``ValueError`` with a sentence where it is none."""
    if not _DECIMAL.fullmatch(text):
        message = f"expected a decimal number, got {shown(text)}; write it in digits"
        raise ValueError(message)
    amount = Fraction(text)
    if meter.kind == "temperature":
        if not LOWEST_C <= amount <= HIGHEST_C:
            message = f"no air outside is at {text} degrees Celsius; correct it, or leave the row out"
            raise ValueError(message)
        return amount
    if amount < 0:
        message = f"a {meter.kind} cannot be negative, got {text}; correct it, or leave the row out"
        raise ValueError(message)
    return amount


def _times(meter: MeterSpec, start: str, time: str) -> tuple[int | None, int]:
    """Begin (of an interval) and time; ``ValueError`` with a sentence where they are none."""
    begin, end = (_moment(text, label) if text else None for text, label in ((start, "start"), (time, "time")))
    if end is None:
        message = "a reading without a time; write it"
        raise ValueError(message)
    if (meter.kind == "interval") != (begin is not None):
        wanted = "needs a start" if meter.kind == "interval" else "has no start"
        message = f"a reading of a {meter.kind} {wanted}, got {shown(start)}; correct it, or the meter's kind"
        raise ValueError(message)
    if begin is not None and begin >= end:
        message = f"an interval that ends before it begins: {start} to {time}; correct one of them"
        raise ValueError(message)
    return begin, end


def _moment(text: str, label: str) -> int:
    try:
        return time_us(text)
    except (ValueError, OverflowError):
        message = f"expected {label} as ISO 8601 with an offset, such as 2025-01-01T00:00:00+08:00, got {shown(text)}"
        raise ValueError(message) from None


def faults_between(name: str, items: Sequence[Reading], now_us: int | None) -> Iterator[str]:
    """One sentence ``LINE: ...`` for each reading of a meter that overlaps another, or is of the future.

    Args:
        name: the meter.
        items: its readings in order of time.
        now_us: the present; None where the past and the future are the same.
    """
    yield from _clashes(name, items)
    yield from _of_the_future(name, items, now_us) if now_us is not None else ()


def _clashes(name: str, items: Sequence[Reading]) -> Iterator[str]:
    """Intervals that overlap."""
    last: Reading | None = None
    for item in items:
        if item.start_us is not None:
            if last is not None and item.start_us < last.time_us:
                yield f"{item.line}: meter '{name}' has an interval that overlaps that of line {last.line}; correct one"
            last = item


def _of_the_future(name: str, items: Sequence[Reading], now_us: int) -> Iterator[str]:
    for item in items:
        if item.time_us > now_us + FUTURE_US:
            moment = _EPOCH + item.time_us * MICROSECOND
            yield (
                f"{item.line}: meter '{name}' has a reading of the future, {moment.isoformat(timespec='seconds')}; "
                "correct its time, or leave the row out"
            )

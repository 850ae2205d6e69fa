"""From exact values at known moments to readings: intervals, totalisers that restart each day, and duplicates."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from zonewright.model.csv_map import CsvMap
from zonewright.pue.mapped.notes import Notes
from zonewright.pue.mapped.times import WallClock
from zonewright.pue.meters import SAMPLED, MeterSpec
from zonewright.pue.readings import Reading

_HOUR_US, _MICRO = 3_600 * 10**6, 10**6


class Value(NamedTuple):
    """One value of a meter; a tuple, since there are millions.

    Attributes:
        line: line of the file.
        meter: its meter.
        amount: watt-hours, watts, or degrees Celsius.
        is_power: whether it is a value of a moment: watts or degrees.
        is_daily: whether it counts from midnight.
        at_us: its time in microseconds since 1970.
        start_us: begin of its interval, where the row has it.
    """

    line: int
    meter: str
    amount: Fraction
    is_power: bool
    is_daily: bool
    at_us: int
    start_us: int | None


def readings_of(
    values: Sequence[Value], csv_map: CsvMap, meters: Mapping[str, MeterSpec], clock: WallClock, notes: Notes
) -> dict[str, list[Reading]]:
    """Readings by meter in order of time; what cannot be one is a fault, once for each meter where it is of the map."""
    by_meter: dict[str, list[Value]] = {}
    for value in values:
        by_meter.setdefault(value.meter, []).append(value)
    found: dict[str, list[Reading]] = {name: [] for name in meters}
    for name, items in by_meter.items():
        why = _misfit(name, meters[name], items[0], csv_map)
        odd = next((one for one in items if one.is_power != items[0].is_power), None)
        if why is None and odd is not None:
            why = f"meter '{name}' has power on some lines and energy on others, such as {odd.line}; correct the unit"
        if why is not None:
            notes.fault(items[0].line, why)
            continue
        spans = [(value, _span(value, meters[name], csv_map, clock)) for value in items]
        single = _single(name, spans, csv_map, notes)
        if items[0].is_daily:
            found[name] = _of_days(name, single, clock, notes)
        else:
            found[name] = [_reading(value, span, notes) for value, span in single]
    return found


def _misfit(name: str, meter: MeterSpec, value: Value, csv_map: CsvMap) -> str | None:
    """Why values of this kind are none of this meter; None where they are."""
    unit = "power" if value.is_power else "energy"
    if value.is_daily:
        if meter.kind == "interval" and not value.is_power:
            return None
        return (
            f"meter '{name}' is a {meter.kind} of {unit}, and what restarts each day counts intervals of energy; "
            "declare it with kind: interval"
        )
    if meter.kind == "interval":
        if csv_map.interval is not None:
            return None
        return f"meter '{name}' counts intervals, and the map does not say which; write interval.length_s into the map"
    if value.is_power == (meter.kind in SAMPLED):
        return None
    return (
        f"meter '{name}' is a {meter.kind}, and {unit} is none of its values; correct the unit in the map, or the kind "
        "of the meter"
    )


def _span(value: Value, meter: MeterSpec, csv_map: CsvMap, clock: WallClock) -> tuple[int | None, int]:
    """Begin, of an interval, and time of a value."""
    interval = csv_map.interval
    if meter.kind != "interval" or value.is_daily or interval is None:
        return None, value.at_us
    if interval.start:
        return value.start_us, value.at_us
    is_end = interval.marks == "end"
    if interval.calendar is None:
        length = (interval.length_s or 0) * 10**6
        return (value.at_us - length, value.at_us) if is_end else (value.at_us, value.at_us + length)
    anchor = value.at_us - 1 if is_end else value.at_us
    if interval.calendar == "day":
        return clock.midnight_us(anchor), clock.midnight_us(anchor, days=1)
    return clock.month_us(anchor), clock.month_us(anchor, months=1)


def _single(
    name: str, spans: Sequence[tuple[Value, tuple[int | None, int]]], csv_map: CsvMap, notes: Notes
) -> list[tuple[Value, tuple[int | None, int]]]:
    """One value at each time, in order of time."""
    kept: dict[tuple[int | None, int], Value] = {}
    for value, span in spans:
        first = kept.setdefault(span, value)
        if span[0] is not None and span[0] >= span[1]:
            notes.fault(value.line, "an interval that ends before it begins; correct one of its times")
        if first is value or first.amount == value.amount:
            continue
        if csv_map.duplicates == "refuse":
            notes.fault(
                value.line,
                f"meter '{name}' has another value at that time on line {first.line}; delete the wrong one, or write "
                "duplicates: first or last into the map",
            )
        elif csv_map.duplicates == "first":
            notes.leave_out(f"another value of {name} at the same time came first", value.line)
        else:
            notes.leave_out(f"another value of {name} at the same time came last", first.line)
            kept[span] = value
    return sorted(((value, span) for span, value in kept.items()), key=lambda one: one[1][1])


def _reading(value: Value, span: tuple[int | None, int], notes: Notes) -> Reading:
    begin, end = span
    amount = value.amount
    if begin is not None and value.is_power:
        amount = amount * (end - begin) / _HOUR_US
    return Reading(begin, end, _rounded(amount, value, notes), value.line)


def _rounded(amount: Fraction, value: Value, notes: Notes) -> Fraction:
    """An amount to a millionth, which is the finest that a store keeps."""
    if _MICRO % amount.denominator == 0:
        return amount
    notes.decided(f"values of {value.meter} with more than six decimals are rounded", [value.line])
    return Fraction(round(amount * _MICRO), _MICRO)


def _of_days(
    name: str, single: Sequence[tuple[Value, tuple[int | None, int]]], clock: WallClock, notes: Notes
) -> list[Reading]:
    """Intervals between values that count from midnight: from midnight to the first value of a day, then on.

    A value at midnight that is not below the one before it ends that day; else it belongs to the new one.
    """
    found: list[Reading] = []
    last: Value | None = None
    day_us = -1
    for value, _ in single:
        begins = clock.midnight_us(value.at_us)
        if begins == value.at_us:
            ended = clock.midnight_us(value.at_us - 1)
            is_end = value.amount > 0 if last is None or day_us != ended else value.amount >= last.amount
            begins = ended if is_end else begins
        low = last.at_us if last is not None and day_us == begins else begins
        before = last.amount if last is not None and day_us == begins else Fraction(0)
        if value.amount < before:
            notes.leave_out(f"{name} restarts within a day: the time before it is not known", value.line)
        elif low < value.at_us:
            amount = _rounded(value.amount - before, value, notes)
            found.append(Reading(low, value.at_us, amount, value.line))
        last, day_us = value, begins
        if begins != clock.midnight_us(value.at_us):
            last, day_us = value._replace(amount=Fraction(0)), value.at_us
    return found

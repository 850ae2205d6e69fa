"""Readings of four meters of a site for tests of stores: of all kinds, with gaps, or any at all."""

from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction

from hypothesis import strategies as st

from zonewright.pue import MeterSpec, Reading
from zonewright.telemetry.summing import MICRO

START = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * MICRO
MINUTE_US = 60 * MICRO
METERS = {
    "main": MeterSpec(role="total", kind="register", rating_w=100_000),
    "it-1": MeterSpec(role="it", kind="register", rating_w=80_000, rollover_wh=1_000_000),
    "it-2": MeterSpec(role="it", kind="gauge", rating_w=40_000, interval_s=900),
    "gas": MeterSpec(role="total", kind="interval", rating_w=20_000),
}


def at(minutes: int, value: int, *, length: int | None = None, line: int = 0) -> Reading:
    """A reading so many minutes after the begin; an interval where it has a length."""
    end = START + minutes * MINUTE_US
    return Reading(None if length is None else end - length * MINUTE_US, end, Fraction(value), line)


def series(meter: str, minutes: Sequence[int], *, per_minute: int = 500) -> list[Reading]:
    """Readings of a meter that grows evenly, at some minutes."""
    if meter == "gas":
        return [at(minute, 200, length=20) for minute in minutes]
    if meter == "it-2":
        return [at(minute, 30_000 + minute % 7) for minute in minutes]
    level = [minute * per_minute for minute in minutes]
    return [at(minute, one % 1_000_000 if meter == "it-1" else one) for minute, one in zip(minutes, level, strict=True)]


def month(*, gap_h: tuple[int, int] = (100, 130)) -> dict[str, list[Reading]]:
    """Thirty days of all meters every 20 minutes (the gauge every 15), each with a gap; the first register has none."""
    found = {}
    for number, (name, step) in enumerate((("main", 20), ("it-1", 20), ("it-2", 15), ("gas", 20))):
        low, high = (60 * (edge + 3 * number) for edge in gap_h)
        minutes = [minute for minute in range(step, 30 * 1440, step) if name == "main" or not low < minute < high]
        found[name] = series(name, minutes)
    return found


def drawn(data: st.DataObject, name: str) -> list[Reading]:
    """Any readings of a meter: steps from minutes to days, with resets of registers."""
    minute, level, found = 0, 0, []
    steps = st.tuples(st.integers(1, 4000), st.integers(0, 2000))
    for step, more in data.draw(st.lists(steps, min_size=2, max_size=20)):
        level = max(0, level + more * step if more < 1900 else 0)
        if name == "gas":
            found.append(at(minute + step, more, length=data.draw(st.integers(1, step))))
        else:
            found.append(at(minute + step, more * 20 if name == "it-2" else level))
        minute += step
    return found

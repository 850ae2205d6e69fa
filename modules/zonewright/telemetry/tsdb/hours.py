"""Readings of a meter as series of whole numbers, and back, to the last millionth and microsecond.

A series has milliseconds, and floating-point numbers. What a reading has beyond its value at a millisecond is in series
beside it: the length of an interval, the microseconds within the millisecond, and how often ``_SPLIT`` is in a value
that is too large, which is the rest then: a register of nine gigawatt-hours has more than 2^53 millionths.
"""

from collections.abc import Iterable, Mapping, Sequence

from zonewright.model.base import TrustClass
from zonewright.telemetry.tsdb.interface import MOST_VALUE, TimeSeries

FarRow = tuple[int | None, int, int, TrustClass]
"""A reading: begin of an interval or None, time, millionths, trust class. Times are microseconds since 1970."""
_MS = 1_000
_SPLIT = 2**50
_VALUE, _HIGH, _LENGTH, _REST = (f"zonewright_reading_{name}" for name in ("micro", "high", "length_us", "rest_us"))


def fits(rows: Iterable[FarRow]) -> bool:
    """Whether series hold readings of one meter exactly: no two in one millisecond, and no interval beyond 2^53."""
    taken: set[int] = set()
    for start_us, time_us, _, _ in rows:
        if start_us is not None and time_us - start_us > MOST_VALUE:
            return False
        taken_ms = time_us // _MS
        if taken_ms in taken:
            return False
        taken.add(taken_ms)
    return True


def series_of(labels: Mapping[str, str], rows: Iterable[FarRow]) -> list[TimeSeries]:
    """Readings of one meter and one trust class as series.

    Args:
        labels: of all of them; the trust class is added.
        rows: in order of time.
    """
    values: list[tuple[int, int]] = []
    highs: list[tuple[int, int]] = []
    lengths: list[tuple[int, int]] = []
    rests: list[tuple[int, int]] = []
    trust: str = ""
    for start_us, time_us, micro, trust in rows:  # noqa: B007 - one for all
        time_ms, rest = divmod(time_us, _MS)
        high, low = divmod(micro, _SPLIT) if abs(micro) > MOST_VALUE else (0, micro)
        values.append((time_ms, low))
        if high:
            highs.append((time_ms, high))
        if start_us is not None:
            lengths.append((time_ms, time_us - start_us))
        if rest:
            rests.append((time_ms, rest))
    return [
        TimeSeries({**labels, "trust": trust, "__name__": name}, samples)
        for name, samples in ((_VALUE, values), (_HIGH, highs), (_LENGTH, lengths), (_REST, rests))
        if samples
    ]


def rows_of(series: Sequence[TimeSeries], trust: TrustClass) -> list[FarRow]:
    """What series of one meter and one trust class read, in order of time; what has no value reads nothing."""
    found: dict[str, dict[int, int]] = {_VALUE: {}, _HIGH: {}, _LENGTH: {}, _REST: {}}
    for one in series:
        name = one.labels.get("__name__", "")
        if name in found and one.labels.get("trust") == trust:
            found[name].update(one.samples)
    rows: list[FarRow] = []
    for time_ms, low in sorted(found[_VALUE].items()):
        micro = low + found[_HIGH].get(time_ms, 0) * _SPLIT
        time_us = time_ms * _MS + found[_REST].get(time_ms, 0)
        length = found[_LENGTH].get(time_ms)
        rows.append((None if length is None else time_us - length, time_us, micro, trust))
    return rows

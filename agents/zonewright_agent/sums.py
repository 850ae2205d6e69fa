"""Energy between two readings as sums since a begin, which is what stores of other makers take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from zonewright_agent.points import Point


class _Sum(NamedTuple):
    begin_ns: int | None  # None where it has ended, and nobody knows what followed
    until_ns: int
    value: float


class Sums:
    """Sums of all energies. Each begins with its first reading, and again after a time whose energy nobody knows.

    A sum that begins is sent as zero first: who takes the difference of two values of a sum then misses nothing.
    """

    def __init__(self) -> None:
        self._sums: dict[tuple[str, ...], _Sum] = {}

    def of(self, points: Iterable[Point]) -> list[Point]:
        """The same points, with sums in the place of energies between two readings."""
        found: list[Point] = []
        for point in points:
            found += self._of(point) if point.kind == "delta" else [point]
        return found

    def _of(self, point: Point) -> list[Point]:
        key = (point.name, *(f"{name}={value}" for name, value in sorted(point.attributes.items())))
        before = self._sums.get(key)
        if point.value is None or point.start_ns is None:
            self._sums[key] = _Sum(None, point.time_ns, 0.0)
            return [point._replace(kind="register", start_ns=None)]
        if before is not None and before.begin_ns is not None and before.until_ns == point.start_ns:
            value = before.value + point.value
            self._sums[key] = before._replace(until_ns=point.time_ns, value=value)
            return [point._replace(kind="register", value=value, start_ns=before.begin_ns)]
        self._sums[key] = _Sum(point.start_ns, point.time_ns, point.value)
        total = point._replace(kind="register")
        is_later = before is None or point.start_ns > before.until_ns  # at one time there is one value
        return [total._replace(value=0.0, time_ns=point.start_ns), total] if is_later else [total]

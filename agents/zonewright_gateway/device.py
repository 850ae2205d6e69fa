"""A device as the gateway knows it: what it shows is judged, kept until it is collected, or told as a fault."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from zonewright_agent.points import Point
from zonewright_gateway.doubt import Gauge, Register, air_fault
from zonewright_gateway.values import Shown

_MOST_POINTS = 20_000
"""Kept between two collections, which are seconds apart."""
_JOULES = 3_600
_NOWHERE: Mapping[str, str] = MappingProxyType({})
_TOLD = 3
"""So many reasons of one device are told; more of them say the same."""


class Device:
    """One device.

    Args:
        name: its id, under which it is reported (``hw.id``).
        rating_w: the most that can flow through it, in watts.
        place: attributes of what it shows as a whole: the ``rack`` and ``feed`` that it measures. Its parts have none,
            since whoever sums the power of a feed would count them twice.
    """

    def __init__(self, name: str, rating_w: float, place: Mapping[str, str] = _NOWHERE) -> None:
        self.name = name
        self._place = place
        self._rating_w = rating_w
        self._registers: dict[str, Register] = {}
        self._gauges: dict[str, Gauge] = {}
        self._points: deque[Point] = deque(maxlen=_MOST_POINTS)
        self._doubted: set[tuple[str, str]] = set()
        self._whole: set[str] = set()
        self.fault: str | None = None
        """What is wrong with it; empty where it gives readings, None until it was asked."""
        self.failures = 0
        """How often in a row it gave nothing."""

    def took(self, shown: Sequence[Shown], *, time_ns: int, at_s: float) -> None:
        """It was asked, and showed something.

        Args:
            shown: what.
            time_ns: when, in nanoseconds since 1970.
            at_s: when, in seconds of a clock that nobody sets.
        """
        self.failures = 0
        faults: dict[tuple[str, str], str] = {}
        powers: dict[str, float] = {}
        for one in shown:
            if one.quantity != "power" or (one.value is None and one.part):
                continue  # a part without a value, such as an outlet that is off, is no fault
            why = self._gauges.setdefault(one.part, Gauge(self._rating_w)).fault(one)
            if why:
                faults[one.part, "power"] = why
            elif one.value is not None:
                powers[one.part] = one.value
                self._points.append(self._point(one.part, "hw.power", "W", "gauge", one.value, time_ns))
        for one in shown:
            if one.quantity != "energy" or (one.value is None and one.part):
                continue
            register = self._registers.setdefault(one.part, Register(self._rating_w))
            why_not = register.fault(one, at_s, powers.get(one.part))
            if why_not:
                faults[one.part, "energy"] = why_not
            elif why_not is not None and one.value is not None:
                joules = round(one.value * _JOULES, 3)
                self._points.append(self._point(one.part, "hw.energy", "J", "register", joules, time_ns))
        faults |= self._air(shown, time_ns)
        faults |= self._gone(shown)
        if not faults or faults.keys() != self._doubted:
            self.fault = _told(faults)  # and else as it was told first, whatever the figures are by now
        self._doubted = set(faults)

    def _air(self, shown: Sequence[Shown], time_ns: int) -> dict[tuple[str, str], str]:
        """Temperatures outside: delivered, or why they cannot be."""
        faults: dict[tuple[str, str], str] = {}
        for one in shown:
            if one.quantity != "temperature":
                continue
            why = air_fault(one.value)
            if why:
                faults[one.part, "temperature"] = why
            elif one.value is not None:
                self._points.append(self._point(one.part, "hw.temperature", "Cel", "gauge", one.value, time_ns))
        return faults

    def _gone(self, shown: Sequence[Shown]) -> dict[tuple[str, str], str]:
        """What the whole showed before, and shows no more."""
        there = {one.quantity for one in shown if not one.part}
        gone = {("", str(quantity)): "it shows none any more" for quantity in sorted(self._whole - there)}
        self._whole |= there
        return gone if gone or shown else {("", "power"): "it shows nothing"}

    def failed(self, why: str) -> None:
        """It was asked, and gave nothing that could be read."""
        self.failures += 1
        self.fault, self._doubted = why, set()

    def collect(self) -> list[Point]:
        """What was read since the last time; safe beside the thread that reads."""
        found: list[Point] = []
        while self._points:
            found.append(self._points.popleft())
        return found

    def _point(self, part: str, name: str, unit: str, kind: str, value: float, time_ns: int) -> Point:  # noqa: PLR0917 - private
        attributes = {
            "hw.id": f"{self.name}-{part}" if part else self.name,
            "hw.type": "temperature" if unit == "Cel" else "power_supply",
        }
        attributes |= {"hw.parent": self.name} if part else self._place
        return Point(
            name=name,
            unit=unit,
            kind="gauge" if kind == "gauge" else "register",
            value=value,
            time_ns=time_ns,
            attributes=attributes,
        )


def _told(faults: dict[tuple[str, str], str]) -> str:
    """What is wrong, in one sentence; empty where nothing is."""
    if not faults:
        return ""
    said = [f"{what} of {part}: {why}" if part else f"{what}: {why}" for (part, what), why in faults.items()]
    more = f" and {len(said) - _TOLD} more" if len(said) > _TOLD else ""
    return f"quarantined: {'; '.join(said[:_TOLD])}{more}"

"""Energy between two readings: of a power that is read now and then, and of a counter."""

from __future__ import annotations

from zonewright_agent.counters import CounterReading, delta
from zonewright_agent.points import Moment, Point, start_of

_INTERVALS = 2.5
"""Two powers further apart than so many intervals say nothing of the time between them."""


class OfPower:
    """Between two readings a power changed evenly; after too long a time nobody knows.

    Args:
        interval_s: seconds between two readings.
    """

    def __init__(self, interval_s: float) -> None:
        self._most_s = _INTERVALS * interval_s
        self._last: dict[str, tuple[Moment, float | None]] = {}

    def since(self, moment: Moment, power: Point, name: str) -> list[Point]:
        """The energy since the reading before, as one point; none at the first one.

        Args:
            moment: of this reading.
            power: what it gave.
            name: of the metric of energy.
        """
        key = power.attributes["hw.id"]
        before = self._last.get(key)
        self._last[key] = (moment, power.value)
        if before is None:
            return []
        elapsed_s = moment.monotonic_s - before[0].monotonic_s
        is_near = before[0].boot_id == moment.boot_id and 0 < elapsed_s <= self._most_s
        joules = None
        if is_near and before[1] is not None and power.value is not None:
            joules = round((before[1] + power.value) / 2 * elapsed_s, 6)
        start_ns, quality = start_of(before[0].time_ns, moment, elapsed_s)
        if joules is None:
            quality = "unknown" if power.value is not None else power.quality
        energy = power._replace(name=name, unit="J", kind="delta", value=joules, quality=quality)
        return [energy._replace(start_ns=start_ns if start_ns < moment.time_ns else None)]


class OfCounter:
    """Energy from a counter that shows microjoules since some begin."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[CounterReading, int]] = {}

    def since(
        self,
        moment: Moment,
        value_uj: int,
        *,
        name: str,
        attributes: dict[str, str],
        power_max_w: float,
        range_uj: int | None = None,
    ) -> list[Point]:
        """The energy since the reading before, as one point; none at the first one.

        Args:
            moment: of this reading.
            value_uj: what the counter shows.
            name: of the metric.
            attributes: what the energy is of; ``hw.id`` tells counters apart.
            power_max_w: the most that can flow through it, in watts.
            range_uj: value at which it wraps; None where it is not known, or never does.
        """
        key = attributes["hw.id"]
        reading = CounterReading(moment.boot_id, moment.monotonic_s, value_uj)
        before = self._last.get(key)
        self._last[key] = (reading, moment.time_ns)
        if before is None:
            return []
        step = delta(before[0], reading, range_uj=range_uj, power_max_w=power_max_w)
        start_ns, placed = start_of(before[1], moment, step.elapsed_s)
        joules = None if step.energy_uj is None else step.energy_uj / 1e6
        quality = placed if step.quality == "good" else step.quality
        point = no_energy(moment, quality, name=name, attributes=attributes)
        return [point._replace(value=joules, start_ns=start_ns if start_ns < moment.time_ns else None)]


def no_energy(moment: Moment, quality: str, *, name: str, attributes: dict[str, str]) -> Point:
    """An energy that is not known, and why."""
    return Point(
        name=name, unit="J", kind="delta", value=None, time_ns=moment.time_ns, quality=quality, attributes=attributes
    )

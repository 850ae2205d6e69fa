"""Power of the whole host from an ACPI power meter or the like, below ``/sys/class/hwmon``, and energy from it."""

from __future__ import annotations

from pathlib import Path

from zonewright_agent.points import Moment, Point, start_of

_INVALID_W = (0.0, 65535.0, 0xFFFFFFFF / 1e6, 0xFFFFFFFF / 1e3)
"""What meters show when they have no reading; a host that runs does not draw nothing."""
_METERS = ("power_meter", "acpi_power_meter", "ibmpowernv")
_INTERVALS = 2.5
"""Two readings further apart than so many intervals say nothing of the time between them."""
_ATTRIBUTES = {"hw.id": "host", "zonewright.metering.point": "server-input"}


class Hwmon:
    """Power meters below a root.

    Args:
        sys: the root of sysfs.
        power_max_w: the most that the host can draw, in watts.
        interval_s: seconds between two readings.
    """

    name = "hwmon"

    def __init__(self, sys: str | Path, power_max_w: float, interval_s: float = 10.0) -> None:
        self._root = Path(sys, "class", "hwmon")
        self._power_max_w = power_max_w
        self._most_s = _INTERVALS * interval_s
        self._last: tuple[Moment, float | None] | None = None

    def read(self, moment: Moment) -> list[Point]:
        """Present power of the host, of the first meter that has a reading, and the energy since the one before."""
        meters = [path for path in sorted(self._root.glob("hwmon*")) if _text(path / "name") in _METERS]
        if not meters:
            raise ValueError(f"no power meter below {self._root}")
        values = [value for path in meters for value in (self._value(path),) if value is not None]
        good = [value for value in values if value not in _INVALID_W and 0 < value <= self._power_max_w]
        power = Point(
            name="hw.host.power",
            unit="W",
            kind="gauge",
            value=good[0] if good else None,
            time_ns=moment.time_ns,
            quality="good" if good else ("implausible" if values else "unknown"),
            attributes=_ATTRIBUTES,
        )
        return [power, *self._energy(moment, power)]

    def _energy(self, moment: Moment, power: Point) -> list[Point]:
        """Between two readings the power changed evenly; after too long a time nobody knows."""
        before, self._last = self._last, (moment, power.value)
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
        energy = power._replace(name="hw.host.energy", unit="J", kind="delta", value=joules, quality=quality)
        return [energy._replace(start_ns=start_ns if start_ns < moment.time_ns else None)]

    @staticmethod
    def _value(path: Path) -> float | None:
        for name in ("power1_average", "power1_input"):
            text = _text(path / name)
            if text is not None and text.isdigit():
                return int(text) / 1e6
        return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None

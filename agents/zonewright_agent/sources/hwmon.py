"""Power of the whole host from an ACPI power meter or the like, below ``/sys/class/hwmon``."""

from __future__ import annotations

from pathlib import Path

from zonewright_agent.points import Moment, Point

_INVALID_W = (0.0, 65535.0, 0xFFFFFFFF / 1e6, 0xFFFFFFFF / 1e3)
"""What meters show when they have no reading; a host that runs does not draw nothing."""
_METERS = ("power_meter", "acpi_power_meter", "ibmpowernv")


class Hwmon:
    """Power meters below a root.

    Args:
        sys: the root of sysfs.
        power_max_w: the most that the host can draw, in watts.
    """

    name = "hwmon"

    def __init__(self, sys: str | Path, power_max_w: float) -> None:
        self._root = Path(sys, "class", "hwmon")
        self._power_max_w = power_max_w

    def read(self, moment: Moment) -> list[Point]:
        """Present power of the host, of the first meter that has a reading."""
        meters = [path for path in sorted(self._root.glob("hwmon*")) if _text(path / "name") in _METERS]
        if not meters:
            raise ValueError(f"no power meter below {self._root}")
        values = [value for path in meters for value in (self._value(path),) if value is not None]
        good = [value for value in values if value not in _INVALID_W and 0 < value <= self._power_max_w]
        return [
            Point(
                name="hw.host.power",
                unit="W",
                kind="gauge",
                value=good[0] if good else None,
                time_ns=moment.time_ns,
                quality="good" if good else ("implausible" if values else "unknown"),
                attributes={"zonewright.metering.point": "server-input"},
            )
        ]

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

"""Energy of processors and memory from powercap (RAPL), below ``/sys/class/powercap``.

``psys`` alone where there is one, since it contains the rest; else each package and its memory. The same zone shown by
two drivers (intel-rapl and intel-rapl-mmio) counts once.
"""

from pathlib import Path
from typing import NamedTuple

from zonewright_agent.counters import CounterReading, delta
from zonewright_agent.points import Moment, Point


class _Zone(NamedTuple):
    path: Path
    name: str
    parent: str


class Rapl:
    """Powercap zones below a root.

    Args:
        sys: the root of sysfs.
        power_max_w: the most that one zone can draw, in watts.
    """

    name = "rapl"

    def __init__(self, sys: Path, power_max_w: float) -> None:
        self._root = sys / "class" / "powercap"
        self._power_max_w = power_max_w
        self._last: dict[str, tuple[CounterReading, int]] = {}

    def read(self, moment: Moment) -> list[Point]:
        """Energy since the last reading; nothing at the first one."""
        zones = self._zones()
        if not zones:
            raise ValueError(f"no powercap zone below {self._root}")
        points: list[Point] = []
        for zone in zones:
            key = f"{zone.parent}/{zone.name}" if zone.parent else zone.name
            value = _number(zone.path / "energy_uj")
            reading = CounterReading(moment.boot_id, moment.monotonic_s, value)
            before = self._last.get(key)
            self._last[key] = (reading, moment.time_ns)
            if before is None:
                continue
            step = delta(
                before[0],
                reading,
                range_uj=_optional(zone.path / "max_energy_range_uj"),
                power_max_w=self._power_max_w,
            )
            points.append(
                Point(
                    name="hw.energy",
                    unit="J",
                    kind="delta",
                    value=None if step.energy_uj is None else step.energy_uj / 1e6,
                    time_ns=moment.time_ns,
                    start_ns=before[1],
                    quality=step.quality,
                    attributes={"hw.id": key, "hw.type": "cpu" if "dram" not in zone.name else "memory"},
                )
            )
        return points

    def _zones(self) -> list[_Zone]:
        found: dict[tuple[str, str], _Zone] = {}
        for path in sorted(self._root.glob("intel-rapl*:*")):
            name = _text(path / "name")
            if name is None:
                continue
            package, inner, _ = path.name.rpartition(":")
            is_inner = inner and ":" in package  # intel-rapl:0:1 lies within intel-rapl:0
            parent = (_text(self._root / package / "name") or "") if is_inner else ""
            found.setdefault((parent, name), _Zone(path, name, parent))
        zones = list(found.values())
        psys = [zone for zone in zones if zone.name == "psys"]
        return psys or [zone for zone in zones if zone.name.startswith("package") or zone.name == "dram"]


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None


def _number(path: Path) -> int:
    text = path.read_text(encoding="ascii").strip()
    if not text.isdigit():
        raise ValueError(f"{path}: expected a whole number, got {text[:20]!r}")
    return int(text)


def _optional(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text is not None and text.isdigit() and int(text) > 0 else None

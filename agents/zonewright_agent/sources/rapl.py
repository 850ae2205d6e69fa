"""Energy of processors and memory from powercap (RAPL), below ``/sys/class/powercap``.

``psys`` alone where there is one, since it contains the rest; else each package and its memory. The same zone shown by
two drivers (intel-rapl and intel-rapl-mmio) counts once.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from zonewright_agent.counters import CounterReading, delta
from zonewright_agent.points import Moment, Point, start_of


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

    def __init__(self, sys: str | Path, power_max_w: float) -> None:
        self._root = Path(sys, "class", "powercap")
        self._power_max_w = power_max_w
        self._last: dict[str, tuple[CounterReading, int]] = {}

    def read(self, moment: Moment) -> list[Point]:
        """Energy since the last reading; nothing at the first one. What cannot be read is a point without value."""
        zones = self._zones()
        if not zones:
            raise ValueError(f"no powercap zone below {self._root}")
        points: list[Point] = []
        faults: list[str] = []
        for zone in zones:
            key = f"{zone.parent}/{zone.name}" if zone.parent else zone.name
            try:
                points += self._of_zone(zone, key, moment)
            except (OSError, ValueError) as error:
                faults.append(str(error))
                points.append(_point(zone, key, moment, moment.time_ns, None, "unreadable"))
        if len(faults) == len(zones):
            raise ValueError("; ".join(faults))
        return points

    def _of_zone(self, zone: _Zone, key: str, moment: Moment) -> list[Point]:
        reading = CounterReading(moment.boot_id, moment.monotonic_s, _number(zone.path / "energy_uj"))
        before = self._last.get(key)
        self._last[key] = (reading, moment.time_ns)
        if before is None:
            return []
        range_uj = _optional(zone.path / "max_energy_range_uj")
        step = delta(before[0], reading, range_uj=range_uj, power_max_w=self._power_max_w)
        start_ns, placed = start_of(before[1], moment, step.elapsed_s)
        quality = placed if step.quality == "good" else step.quality
        return [_point(zone, key, moment, start_ns, None if step.energy_uj is None else step.energy_uj / 1e6, quality)]

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


def _point(  # noqa: PLR0917 - private
    zone: _Zone, key: str, moment: Moment, start_ns: int, joules: float | None, quality: str
) -> Point:
    return Point(
        name="hw.energy",
        unit="J",
        kind="delta",
        value=joules,
        time_ns=moment.time_ns,
        start_ns=start_ns if start_ns < moment.time_ns else None,
        quality=quality,
        attributes={"hw.id": key, "hw.type": "memory" if "dram" in zone.name else "cpu"},
    )


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

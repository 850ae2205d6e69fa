"""Zones of powercap (RAPL) below ``/sys/class/powercap``: what they are called, where they wrap, what they may draw."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from zonewright_agent.sources.sysfs import count_of, text_of

_FIRST = "intel-rapl"
"""The driver whose zones count where another one shows them too; AMD's processors are under the same name."""


class Zone(NamedTuple):
    """One counter.

    Attributes:
        path: its folder.
        key: its id, such as ``package-0``, ``package-0/dram`` or ``psys``.
        range_uj: microjoules at which it wraps; None where nobody knows.
        power_max_w: the most that may flow through it, in watts.
    """

    path: Path
    key: str
    range_uj: int | None
    power_max_w: float

    @property
    def is_psys(self) -> bool:
        """Whether it is of the whole platform, which contains the others."""
        return self.key.startswith("psys")

    @property
    def longest_s(self) -> float | None:
        """Seconds in which it wraps at most once; None where nobody knows."""
        return None if self.range_uj is None else self.range_uj / 1e6 / self.power_max_w


def folders(root: Path) -> tuple[str, ...]:
    """Names of the folders that zones are in, in order; another driver's after the first one's."""
    try:
        names = [name for name in os.listdir(root) if name.startswith(_FIRST) and ":" in name]
    except OSError:
        return ()
    return tuple(sorted(names, key=lambda name: (_driver(name) != _FIRST, name)))


def zones_of(root: Path, names: Iterable[str], power_max_w: float) -> list[Zone]:
    """The platform, packages and their memory; the same zone shown by two drivers once.

    Args:
        root: the folder of powercap.
        names: of its folders, in order.
        power_max_w: the most that the host can draw, which no part of it exceeds.
    """
    found: dict[str, Zone] = {}
    drivers: dict[str, str] = {}
    keys: dict[str, str] = {}
    for name in names:
        said = text_of(root / name / "name")
        if said is None:
            continue
        above = name.rpartition(":")[0]  # intel-rapl:0:1 lies within intel-rapl:0
        key = f"{keys[above]}/{said}" if above in keys else said
        number = 1
        while drivers.get(key) == _driver(name):  # one driver has two of a name: psys of each socket
            key, number = f"{said}-{number}", number + 1
        keys[name] = key
        if key in drivers or not (said == "dram" or said.startswith(("package", "psys"))):
            continue
        drivers[key] = _driver(name)
        path = root / name
        limit_w = min(power_max_w, _limit_w(path) or power_max_w)
        found[key] = Zone(path, key, count_of(path / "max_energy_range_uj") or None, limit_w)
    return list(found.values())


def faults_of(sys: str, interval_s: float, power_max_w: float) -> list[str]:
    """Why counters below a root can never give energy at an interval, one sentence each."""
    root = Path(sys, "class", "powercap")
    zones = zones_of(root, folders(root), power_max_w)
    psys = [zone for zone in zones if zone.is_psys and count_of(zone.path / "energy_uj") != 0]
    return [
        f"at {interval_s:g} s the counter of {zone.key} ({(zone.range_uj or 0) / 1e9:.1f} kJ) may wrap more than once, "
        f"so it never gives energy; expected at most {_seconds(zone.longest_s)} at {zone.power_max_w:g} W, or the "
        "true power_max_w of the host"
        for zone in psys or zones
        if zone.longest_s is not None and zone.longest_s < interval_s
    ]


def _seconds(longest_s: float) -> str:
    return f"{int(longest_s)} s" if longest_s >= 1 else f"{longest_s:.2g} s"


def _driver(name: str) -> str:
    return name.partition(":")[0]


def _limit_w(path: Path) -> float | None:
    """The highest power that the processor lets a zone draw; None where it enforces none."""
    if text_of(path / "enabled") != "1":
        return None
    limits = [count_of(one) or 0 for one in path.glob("constraint_*_power_limit_uw")]
    return max(limits, default=0) / 1e6 or None

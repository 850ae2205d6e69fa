"""Energy of processors and memory from powercap (RAPL), below ``/sys/class/powercap``.

``psys`` alone where there is one that counts, since it contains the rest; else each package and its memory. One that
counted less than them is doubted until it has counted enough some times in a row. The same zone shown by two drivers
(intel-rapl and intel-rapl-mmio) counts once, and so do dies that show one counter.
"""

from __future__ import annotations

from pathlib import Path

from zonewright_agent.points import Moment, Point
from zonewright_agent.sources.energies import OfCounter, no_energy
from zonewright_agent.sources.powercap import Zone, folders, zones_of
from zonewright_agent.sources.sysfs import counter_of

_NAME = "hw.energy"
_LEAST = 0.9
"""The platform contains the packages: one that counts less than this part of them is no platform."""
_SURE = 3
"""Two zones that show one value so many times are one counter; a platform that counts enough so many times is one."""
_STEP_UJ = 100_000
"""What a counter may have moved between two reads at one moment, beyond what a third read shows."""


class Rapl:
    """Powercap zones below a root.

    Args:
        sys: the root of sysfs.
        power_max_w: the most that the host can draw, in watts; a zone whose processor enforces less draws less.
    """

    name = "rapl"

    def __init__(self, sys: str | Path, power_max_w: float) -> None:
        self._root = Path(sys, "class", "powercap")
        self._power_max_w = power_max_w
        self._names: tuple[str, ...] = ()
        self._zones: list[Zone] = []
        self._counter = OfCounter()
        self._boot_id = ""
        self._same: dict[str, int] = {}  # how often in a row a zone showed what another one does; -1 where it did not
        self._doubted = 0  # how often in a row the platform has yet to count enough

    def read(self, moment: Moment) -> list[Point]:
        """Energy since the last reading; nothing at the first one. What cannot be read is a point without value."""
        names = folders(self._root)
        if names != self._names or not self._zones or moment.boot_id != self._boot_id:
            self._names, self._zones = names, zones_of(self._root, names, self._power_max_w)
        if not self._zones:
            raise ValueError(f"no powercap zone below {self._root}")
        if moment.boot_id != self._boot_id:
            self._boot_id, self._same, self._doubted = moment.boot_id, {}, 0
        values, faults = self._values()
        if len(faults) == len(self._zones):
            self._zones = []  # the driver may be another one when it comes back
            raise ValueError("; ".join(faults.values()))
        points = {zone.key: self._of_zone(zone, values.get(zone.key), moment) for zone in self._zones}
        chosen = self._chosen(values, points)
        return [point for zone in chosen for point in points[zone.key]]

    def _values(self) -> tuple[dict[str, int], dict[str, str]]:
        """What each zone shows, and what is wrong with those that show nothing; zones that another one is are noted."""
        values: dict[str, int] = {}
        faults: dict[str, str] = {}
        first: dict[str, Zone] = {}
        for zone in self._zones:
            try:
                values[zone.key] = counter_of(zone.path / "energy_uj")
                other = first.setdefault(_group(zone), zone)
                if other is not zone and other.key in values:
                    self._compare(zone, values[zone.key], values[other.key], counter_of(other.path / "energy_uj"))
            except (OSError, ValueError) as error:
                faults[zone.key] = str(error)
        return values, faults

    def _compare(self, zone: Zone, value_uj: int, before_uj: int, after_uj: int) -> None:
        """Note whether a zone shows what another one showed before and after it was read."""
        before = self._same.get(zone.key, 0)
        range_uj = zone.range_uj or 2**63
        is_between = (value_uj - before_uj + _STEP_UJ) % range_uj <= (after_uj - before_uj) % range_uj + 2 * _STEP_UJ
        self._same[zone.key] = before + 1 if is_between and before >= 0 else -1

    def _of_zone(self, zone: Zone, value_uj: int | None, moment: Moment) -> list[Point]:
        attributes = {"hw.id": zone.key, "hw.type": "memory" if zone.key.endswith("dram") else "cpu"}
        if value_uj is None:
            return [no_energy(moment, "unreadable", name=_NAME, attributes=attributes)]
        points = self._counter.since(
            moment, value_uj, name=_NAME, attributes=attributes, power_max_w=zone.power_max_w, range_uj=zone.range_uj
        )
        if 0 <= self._same.get(zone.key, -1) < _SURE:  # it may be another one, and would count twice
            return [point._replace(value=None, quality="unknown") for point in points]
        return points

    def _chosen(self, values: dict[str, int], points: dict[str, list[Point]]) -> list[Zone]:
        """The platform, or packages and their memory; never both, and nothing twice."""
        own = [zone for zone in self._zones if self._same.get(zone.key, -1) < _SURE]
        platform = [zone for zone in own if zone.is_psys and values.get(zone.key) != 0]
        parts = [zone for zone in own if not zone.is_psys]
        sums = [[point.value for zone in some for point in points[zone.key]] for some in (platform, parts)]
        known = [sum(value for value in some if value is not None) for some in sums]
        if sums[0] and None not in sums[0]:
            if known[0] < _LEAST * known[1]:
                self._doubted = _SURE
            elif None not in sums[1] and known[1] > 0:  # what is not known of the parts proves nothing
                self._doubted = max(0, self._doubted - 1)
        return parts if parts and (self._doubted or not platform) else platform


def _group(zone: Zone) -> str:
    """What zones have in common that may be one counter: the dies of a package, or the platform of each socket."""
    return "psys" if zone.is_psys else zone.key.partition("-die-")[0] if "/" not in zone.key else zone.key

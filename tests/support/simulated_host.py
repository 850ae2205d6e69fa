"""A host that is not there: a tree like /sys whose RAPL counters and power meter follow a known curve of power.

``python -m support.simulated_host ROOT`` writes the tree and stands still until a line comes on standard input; then
its counters advance; after a second line they stand still again and what was delivered is printed as JSON.
"""

import json
import math
import select
import sys
import time
from dataclasses import dataclass
from pathlib import Path

MODULUS = 2**32
"""The hardware counts in 32 bits."""
TICK_S = 0.1
PERIOD_S = 40.0


@dataclass(frozen=True, slots=True)
class Zone:
    """One counter.

    Attributes:
        folder: its folder below powercap.
        name: what it says it is.
        unit_nj: energy of one raw unit in nanojoules.
        mean_w: mean power.
        swing_w: how far it swings around the mean.
        start: raw units below the end of the counter when it begins, so that it wraps early.
    """

    folder: str
    name: str
    unit_nj: int
    mean_w: float
    swing_w: float
    start: int

    def raw(self, elapsed_s: float) -> int:
        """Raw units since the begin of the counter's first turn, without wraps; exact for the curve."""
        joules = self.mean_w * elapsed_s + self.swing_w * PERIOD_S / math.tau * (1 - math.cos(self._angle(elapsed_s)))
        return MODULUS - self.start + int(joules * 1e9 / self.unit_nj)

    def watts(self, elapsed_s: float) -> float:
        """Power at a moment."""
        return self.mean_w + self.swing_w * math.sin(self._angle(elapsed_s))

    @staticmethod
    def _angle(elapsed_s: float) -> float:
        return math.tau * elapsed_s / PERIOD_S


ZONES = {
    "package-0": Zone("intel-rapl:0", "package-0", 61_035, 150, 100, 30_000_000),
    "package-0/dram": Zone("intel-rapl:0:0", "dram", 15_300, 60, 30, 40_000_000),
    "package-1": Zone("intel-rapl:1", "package-1", 61_035, 300, 50, 60_000_000),
}


def energy_uj(zone: Zone, raw: int) -> int:
    """What the kernel shows of a raw count."""
    return raw % MODULUS * zone.unit_nj // 1000


class SimulatedHost:
    """The tree of one host.

    Args:
        root: stands for /sys.
    """

    def __init__(self, root: Path) -> None:
        self._powercap = root / "class" / "powercap"
        self._meter = root / "class" / "hwmon" / "hwmon0"
        self._meter.mkdir(parents=True)
        (self._meter / "name").write_text("power_meter\n", encoding="ascii")
        for zone in ZONES.values():
            folder = self._powercap / zone.folder
            folder.mkdir(parents=True)
            (folder / "name").write_text(f"{zone.name}\n", encoding="ascii")
            largest = (MODULUS - 1) * zone.unit_nj // 1000
            (folder / "max_energy_range_uj").write_text(f"{largest}\n", encoding="ascii")
        self.show(0.0)

    def show(self, elapsed_s: float) -> None:
        """Show the counters and the meter as they are so long after the begin."""
        for zone in ZONES.values():
            _replace(self._powercap / zone.folder / "energy_uj", energy_uj(zone, zone.raw(elapsed_s)))
        watts = sum(zone.watts(elapsed_s) for zone in ZONES.values())
        _replace(self._meter / "power1_average", round(watts * 1e6))


def _replace(path: Path, value: int) -> None:
    """A reader sees the old value or the new one, as in the kernel's files."""
    temporary = path.with_suffix(".new")
    temporary.write_text(f"{value}\n", encoding="ascii")
    temporary.replace(path)


def main() -> None:
    """Stand still, run, stand still, and say what was delivered."""
    host = SimulatedHost(Path(sys.argv[1]))
    print("ready", flush=True)
    sys.stdin.readline()
    begun_s, begun_ns = time.monotonic(), time.time_ns()
    elapsed_s = 0.0
    while not select.select([sys.stdin], [], [], TICK_S)[0]:
        elapsed_s = time.monotonic() - begun_s
        host.show(elapsed_s)
    zones = {
        name: {
            "delivered_nj": (zone.raw(elapsed_s) - zone.raw(0.0)) * zone.unit_nj,
            "wraps": zone.raw(elapsed_s) // MODULUS - zone.raw(0.0) // MODULUS,
        }
        for name, zone in ZONES.items()
    }
    print(json.dumps({"begun_ns": begun_ns, "elapsed_s": elapsed_s, "zones": zones}), flush=True)


if __name__ == "__main__":
    main()

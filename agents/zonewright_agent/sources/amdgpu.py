"""Power of AMD's accelerators from the hwmon of their driver ``amdgpu``, and energy from it: parts of the host.

The kernel's page on amdgpu: ``power1_average`` is the mean power of the SoC, ``power1_input`` the present one, both in
microwatts; an APU's has the processor in it. So none of them is ever added to a meter of the host.
"""

from __future__ import annotations

from pathlib import Path

from zonewright_agent.points import Moment, Point
from zonewright_agent.sources.energies import OfPower
from zonewright_agent.sources.sysfs import power_of, text_of, watts_of

_FILES = ("power1_average", "power1_input")


class Amdgpu:
    """Accelerators below a root.

    Args:
        sys: the root of sysfs.
        power_max_w: the most that the host can draw, in watts.
        interval_s: seconds between two readings.
    """

    name = "amdgpu"

    def __init__(self, sys: str | Path, power_max_w: float, interval_s: float = 10.0) -> None:
        self._root = Path(sys, "class", "hwmon")
        self._power_max_w = power_max_w
        self._energies = OfPower(interval_s)

    def read(self, moment: Moment) -> list[Point]:
        """Present power of each, by its address on the bus, and the energy since the reading before."""
        meters = [path for path in sorted(self._root.glob("hwmon*")) if text_of(path / "name") == "amdgpu"]
        if not meters:
            raise ValueError(f"no accelerator of AMD below {self._root}")
        points: list[Point] = []
        for meter in meters:
            shown = [watts for one in _FILES for watts in (watts_of(meter / one),) if watts is not None]
            attributes = {"hw.id": f"gpu/{_address(meter)}", "hw.type": "gpu"}
            power = power_of("hw.power", shown[0] if shown else None, moment, self._power_max_w, attributes)
            points += [power, *self._energies.since(moment, power, "hw.energy")]
        return points


def _address(meter: Path) -> str:
    """Its address on the PCI bus, which stays the same from boot to boot; the number of its hwmon need not."""
    device = meter / "device"
    return device.resolve().name if device.is_symlink() else meter.name

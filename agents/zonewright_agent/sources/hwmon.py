"""Power of the whole host from an ACPI power meter or the like, below ``/sys/class/hwmon``, and energy from it.

A meter keeps its files in its own folder or in ``device/`` (the ACPI meter's usual place). What it measures is in its
label or in what its maker wrote into ``power1_oem_info``: a rail, a socket or a module is never the host.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from zonewright_agent.points import Moment, Point
from zonewright_agent.sources.energies import OfCounter, OfPower, no_energy
from zonewright_agent.sources.sysfs import count_of, counter_of, power_of, text_of, watts_of

_CHIPS = ("power_meter", "acpi_power_meter", "ibmpowernv")
_WHOLE = frozenset(("system", "server", "platform", "host", "total"))
_BESIDE = frozenset(
    ("meter", "measures", "power", "energy", "domain", "input", "consumption", "draw", "average", "the")
)
_ENERGY = "hw.host.energy"
_SAID, _NAMED = 40, 8
"""Letters of a label, and labels, that a sentence has."""
_ATTRIBUTES = {"hw.id": "host", "zonewright.metering.point": "server-input"}
_FILE = re.compile(r"(power|energy)(\d+)_(average|input)")


class _Channel(NamedTuple):
    """One file with a reading, and what it says that it measures; empty where it says nothing."""

    path: Path
    said: str


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
        self._of_power, self._of_counter = OfPower(interval_s), OfCounter()
        self._powers: list[_Channel] = []
        self._counter: _Channel | None = None
        self._are_several = False  # stays so while one of them has no reading: the other is no more of the host then

    def read(self, moment: Moment) -> list[Point]:
        """Present power of the host, and the energy since the reading before."""
        watts = self._watts()
        if not watts:  # the first time, or the meter is gone
            self._look()
            watts = self._watts()
        points = [power_of("hw.host.power", one, moment, self._power_max_w, _ATTRIBUTES) for one in watts or [None]]
        good = [one for one in points if one.value is not None]
        self._are_several = self._are_several or len(good) > 1
        if self._are_several:
            places = ", ".join(sorted(str(one.path.parent) for one in self._powers))
            raise ValueError(f"several power meters have a reading and none says that it is the whole host: {places}")
        power = good[0] if good else points[0]
        if self._counter is None:
            return [power, *self._of_power.since(moment, power, _ENERGY)]
        return [power, *self._counted(moment, self._counter.path)]

    def _watts(self) -> list[float | None]:
        found = [watts_of(one.path) for one in self._powers]
        return [watts for watts in found if watts is not None]

    def _counted(self, moment: Moment, path: Path) -> list[Point]:
        """The energy of a meter that counts it itself; no mean of powers is as good."""
        try:
            value_uj = counter_of(path)
        except (OSError, ValueError):
            return [no_energy(moment, "unreadable", name=_ENERGY, attributes=_ATTRIBUTES)]
        return self._of_counter.since(
            moment, value_uj, name=_ENERGY, attributes=_ATTRIBUTES, power_max_w=self._power_max_w
        )

    def _look(self) -> None:
        """Find what measures the whole host.

        Raises:
            ValueError: when nothing does; it says what there is.
        """
        found: dict[str, list[_Channel]] = {"power": [], "energy": []}
        for meter in sorted(self._root.glob("hwmon*")):
            places = (meter, meter / "device")
            if any(text_of(place / "name") in _CHIPS for place in places):
                for kind, channels in _channels(places).items():
                    found[kind] += channels
        self._powers, self._are_several = _of_host(found["power"]), False
        if self._powers:
            own = self._powers[0]  # the counter of that very meter, and of nothing else
            counters = [one for one in found["energy"] if (one.path.parent, one.said) == (own.path.parent, own.said)]
            self._counter = counters[0] if len(self._powers) == len(counters) == 1 else None
            return
        if not found["power"]:
            raise ValueError(f"no power meter below {self._root}")
        parts = ", ".join(repr(one.said[:_SAID]) for one in found["power"][:_NAMED])
        raise ValueError(f"the power meters below {self._root} measure parts of the host: {parts}")


def _of_host(channels: list[_Channel]) -> list[_Channel]:
    """Those that say that they measure the whole host; else those that say nothing."""
    return [one for one in channels if is_whole(one.said)] or [one for one in channels if not one.said]


def is_whole(said: str) -> bool:
    """Whether a label means the whole host, such as ``System`` or ``Meter measures total domain``.

    Every word counts: ``Total GPU Power`` and ``SysIO Power Socket 0`` are parts.
    """
    words = set(re.findall(r"[a-z0-9]+", said.lower()))
    return bool(words & _WHOLE) and words <= _WHOLE | _BESIDE


def _channels(places: tuple[Path, ...]) -> dict[str, list[_Channel]]:
    """Powers and energies of one meter: the mean before the present value, and each number once."""
    found: dict[tuple[str, str], _Channel] = {}
    for place in places:
        for path in sorted(place.glob("[pe]*_*")):
            match = _FILE.fullmatch(path.name)
            if match is None or text_of(place / f"power{match[2]}_is_battery") == "1":
                continue
            names = (f"{match[1]}{match[2]}_label", f"{match[1]}{match[2]}_oem_info")
            said = next((text for one in places for name in names for text in (text_of(one / name),) if text), "")
            key = (match[1], match[2])
            before = found.get(key)
            if before is None or (count_of(before.path) is None and count_of(path) is not None):
                found[key] = _Channel(path, said)
    by_kind: dict[str, list[_Channel]] = {"power": [], "energy": []}
    for (kind, _), channel in sorted(found.items()):
        by_kind[kind].append(channel)
    return by_kind

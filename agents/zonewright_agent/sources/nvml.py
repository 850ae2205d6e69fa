"""Power and energy of NVIDIA's accelerators from the library NVML, by ``nvidia-ml-py``: parts of the host.

NVML's reference: ``nvmlDeviceGetTotalEnergyConsumption`` is millijoules since the driver was loaded, so another load is
another begin. ``nvmlDeviceGetPowerUsage`` is milliwatts of the whole board, the mean of a second on most, also where
MIG divides it: only whole boards are read, so that none counts twice.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from zonewright_agent.points import Moment, Point
from zonewright_agent.sources.energies import OfCounter, OfPower
from zonewright_agent.sources.sysfs import power_of

_ENERGY = "hw.energy"


class Nvml:
    """All boards that the driver knows.

    Args:
        library: the module ``pynvml`` of nvidia-ml-py.
        power_max_w: the most that the host can draw, in watts.
        interval_s: seconds between two readings.
    """

    name = "nvml"

    def __init__(self, library: Any, power_max_w: float, interval_s: float = 10.0) -> None:
        self._library, self._power_max_w, self._interval_s = library, power_max_w, interval_s
        self._boards: dict[str, tuple[Any, float]] = {}

    def read(self, moment: Moment) -> list[Point]:
        """Present power of each board, by its UUID, and the energy since the reading before."""
        if not self._boards:
            self._open()
        points: list[Point] = []
        faults: list[str] = []
        for uuid, (handle, limit_w) in self._boards.items():
            try:
                points += self._of_board(moment, uuid, handle, limit_w)
            except self._library.NVMLError as error:
                faults.append(f"{uuid}: {error}")
                points.append(
                    power_of("hw.power", None, moment, limit_w, _attributes(uuid))._replace(quality="unreadable")
                )
        if len(faults) == len(self._boards):
            self._close()
            raise ValueError("; ".join(faults))
        return points

    def _open(self) -> None:
        """Find the boards; what was counted before belongs to another load of the driver, perhaps.

        Raises:
            ValueError: when there is no driver, or it has no board.
        """
        nvml = self._library
        try:
            nvml.nvmlInit()
            for number in range(nvml.nvmlDeviceGetCount()):
                handle = nvml.nvmlDeviceGetHandleByIndex(number)
                self._boards[nvml.nvmlDeviceGetUUID(handle)] = (handle, self._limit_w(handle))
        except nvml.NVMLError as error:
            self._close()
            raise ValueError(f"NVML: {error}") from None
        self._of_power, self._of_counter = OfPower(self._interval_s), OfCounter()
        if not self._boards:
            self._close()
            raise ValueError("NVML: the driver has no board")

    def _close(self) -> None:
        self._boards = {}
        with suppress(self._library.NVMLError):  # it was never open
            self._library.nvmlShutdown()

    def _limit_w(self, handle: Any) -> float:
        """The most that a board may be set to draw."""
        try:
            _, most_mw = self._library.nvmlDeviceGetPowerManagementLimitConstraints(handle)
        except self._library.NVMLError:  # not every board has one
            return self._power_max_w
        return min(self._power_max_w, float(most_mw) / 1_000)

    def _of_board(self, moment: Moment, uuid: str, handle: Any, limit_w: float) -> list[Point]:
        nvml, attributes = self._library, _attributes(uuid)
        power = power_of("hw.power", nvml.nvmlDeviceGetPowerUsage(handle) / 1_000, moment, 1.2 * limit_w, attributes)
        try:
            energy_mj = nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
        except nvml.NVMLError_NotSupported:  # before Volta
            return [power, *self._of_power.since(moment, power, _ENERGY)]
        energy = self._of_counter.since(
            moment, energy_mj * 1_000, name=_ENERGY, attributes=attributes, power_max_w=limit_w
        )
        return [power, *energy]


def _attributes(uuid: str) -> dict[str, str]:
    return {"hw.id": f"gpu/{uuid}", "hw.type": "gpu"}

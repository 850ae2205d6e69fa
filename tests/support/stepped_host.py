"""A host whose clocks, boot and counter are set by hand, with the agent's own code around them."""

from pathlib import Path
from typing import Any

from support.telemetry_processes import write_settings
from zonewright_agent.agent import Agent
from zonewright_agent.configuration import load
from zonewright_agent.points import Moment
from zonewright_agent.sender import Sender
from zonewright_agent.sources.rapl import Rapl

RANGE_UJ = 65_712_999_613
POWER_MAX_W = 500.0


def show(root: Path, energy_uj: int, *, range_uj: int | None = RANGE_UJ) -> None:
    """One package's counter."""
    zone = root / "class" / "powercap" / "intel-rapl:0"
    zone.mkdir(parents=True, exist_ok=True)
    (zone / "name").write_text("package-0\n", encoding="ascii")
    (zone / "energy_uj").write_text(f"{energy_uj}\n", encoding="ascii")
    (zone / "max_energy_range_uj").write_text("" if range_uj is None else f"{range_uj}\n", encoding="ascii")


class Host:
    """The host.

    Args:
        folder: where its settings, its spool and its /sys are.
        port: of the service.
        wall_s: what its wall clock shows at first.
        more: other settings.
    """

    def __init__(self, folder: Path, port: int, *, wall_s: float, **more: Any) -> None:
        self._sys, self.wall_s, self.mono_s, self.boot = folder / "sys", wall_s, 1000.0, "boot-1"
        show(self._sys, 0)
        settings = load(write_settings(folder, port, sys=str(self._sys), sources=["rapl"], **more))
        source = Rapl(settings.sys, POWER_MAX_W)
        self.agent = Agent(settings, [source], clock=lambda: Moment(round(self.wall_s * 1e9), self.mono_s, self.boot))
        self.sender = Sender(settings, self.agent.spool)

    def keep(self, energy_uj: int, *, after_s: float = 10, step_s: float = 0, range_uj: int | None = RANGE_UJ) -> None:
        """Time passes, the wall clock may be set, and the agent reads and keeps."""
        self.mono_s += after_s
        self.wall_s += after_s + step_s
        show(self._sys, energy_uj, range_uj=range_uj)
        self.agent.keep(self.agent.sample())

    def read(self, energy_uj: int, *, after_s: float = 10, step_s: float = 0, range_uj: int | None = RANGE_UJ) -> None:
        """The same, and it sends what waits."""
        self.keep(energy_uj, after_s=after_s, step_s=step_s, range_uj=range_uj)
        assert self.sender.drain()

"""A gateway that is not there: an agent that reads the registers of devices from files, as one would over a field bus.

``python -m support.simulated_gateway SETTINGS FOLDER`` runs the real agent (spool, sender, token) with one source: each
file ``DEVICE.wh`` of a folder is a register of that device in watt-hours. It samples until it is told to stop.
"""

import sys
from pathlib import Path

from zonewright_agent import running
from zonewright_agent.configuration import Configuration, load
from zonewright_agent.points import Moment, Point
from zonewright_agent.sources import Source


class Registers:
    """The registers below a folder."""

    name = "hwmon"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, moment: Moment) -> list[Point]:
        """What each register shows now."""
        return [
            Point(
                name="hw.energy",
                unit="Wh",
                kind="register",
                value=float(path.read_text(encoding="ascii")),
                time_ns=moment.time_ns,
                attributes={"hw.id": path.stem, "hw.type": "power_supply"},
            )
            for path in sorted(self._folder.glob("*.wh"))
        ]


def main() -> int:
    """Run the agent with the registers as its only source."""
    settings, folder = load(sys.argv[1]), Path(sys.argv[2])

    def made(_settings: Configuration) -> list[Source]:
        return [Registers(folder)]

    setattr(running, "make_sources", made)  # noqa: B010 - the agent has no door for sources of others
    return running.run(settings, is_once=False)


if __name__ == "__main__":
    sys.exit(main())

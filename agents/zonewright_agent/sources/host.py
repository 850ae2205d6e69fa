"""Load of the host from psutil: what its power is spent on."""

import psutil

from zonewright_agent.points import Moment, Point


class Host:
    """Processor and memory."""

    name = "host"

    def __init__(self) -> None:
        psutil.cpu_percent(None)  # the first call only begins the measurement

    def read(self, moment: Moment) -> list[Point]:
        """Share of processors and memory in use, 0 to 1."""
        memory = psutil.virtual_memory()
        values = {
            "system.cpu.utilization": psutil.cpu_percent(None) / 100,
            "system.memory.utilization": (memory.total - memory.available) / memory.total,
        }
        return [
            Point(name=name, unit="1", kind="gauge", value=value, time_ns=moment.time_ns)
            for name, value in values.items()
        ]

"""What goes to one receiver: its own spool, and points in the form that it takes."""

from __future__ import annotations

import time

from zonewright_agent import __version__
from zonewright_agent.configuration import Configuration
from zonewright_agent.otlp import encode
from zonewright_agent.points import Point
from zonewright_agent.spool import Spool
from zonewright_agent.sums import Sums

_OF_HOST = ("hw.host.power", "hw.host.energy")


class Outlet:
    """One receiver.

    Args:
        settings: where it is, and what it takes.
        service_name: what the agent calls itself.
    """

    def __init__(self, settings: Configuration, service_name: str) -> None:
        self.settings = settings
        self.spool = Spool(settings.spool, settings.spool_max_bytes, first=time.time_ns() // 10**6)
        self._sums = Sums() if settings.temporality != "delta" else None
        self._resource = {
            "service.name": service_name,
            "service.version": __version__,
            "service.instance.id": settings.agent,
        }

    def put(self, points: list[Point], boot_id: str) -> None:
        """Keep one batch.

        Args:
            points: what was read.
            boot_id: boot of the host.

        Raises:
            OSError: when the disk takes nothing.
        """
        batch = self._own(points, boot_id) if self.settings.receiver == "zonewright" else self._foreign(points)
        self.spool.put(batch)

    def _own(self, points: list[Point], boot_id: str) -> bytes:
        numbers = {
            "zonewright.boot": boot_id,
            "zonewright.sequence": str(self.spool.next_sequence),
            "zonewright.dropped": str(self.spool.dropped),
        }
        return encode(points, {**self._resource, **numbers})

    def _foreign(self, points: list[Point]) -> bytes:
        """For a store that makes a series of each set of attributes: they stay the same as long as the host does."""
        summed = points if self._sums is None else self._sums.of(points)
        placed = [point._replace(attributes={**self._place(point), **point.attributes}) for point in summed]
        return encode(placed, {**self._resource, "host.name": self.settings.agent}, with_quality=False)

    def _place(self, point: Point) -> dict[str, str]:
        site = {"site": self.settings.site} if self.settings.site else {}
        has_rack = bool(self.settings.rack) and point.name in _OF_HOST
        return {**site, "rack": self.settings.rack} if has_rack else site

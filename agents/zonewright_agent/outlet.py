"""What goes to one receiver: its own spool, and points in the form that it takes."""

from __future__ import annotations

import time

from zonewright_agent import __version__
from zonewright_agent.chain import Chain, digest_of
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
        self._chain = _chain(settings, self.spool)
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
        if self.settings.receiver != "zonewright":
            self.spool.put(self._foreign(points))
            return
        batch = self._own(points, boot_id)
        digest = "" if self._chain is None else digest_of(batch)
        sequence = self.spool.put(batch, digest)
        if self._chain is not None:
            self._chain.kept(sequence, digest)

    def name_ledger(self, ledger: str) -> None:
        """Have the chain signed for this ledger.

        Raises:
            OSError: when the disk takes nothing.
        """
        if self._chain is not None:
            self._chain.name_ledger(ledger)

    def _own(self, points: list[Point], boot_id: str) -> bytes:
        numbers = {
            "zonewright.boot": boot_id,
            "zonewright.sequence": str(self.spool.next_sequence),
            "zonewright.dropped": str(self.spool.dropped),
        }
        chained = {} if self._chain is None else self._chain.attributes()
        return encode(points, {**self._resource, **numbers, **chained})

    def _foreign(self, points: list[Point]) -> bytes:
        """For a store that makes a series of each set of attributes: they stay the same as long as the host does."""
        summed = points if self._sums is None else self._sums.of(points)
        placed = [point._replace(attributes={**self._place(point), **point.attributes}) for point in summed]
        return encode(placed, {**self._resource, "host.name": self.settings.agent}, with_quality=False)

    def _place(self, point: Point) -> dict[str, str]:
        site = {"site": self.settings.site} if self.settings.site else {}
        has_rack = bool(self.settings.rack) and point.name in _OF_HOST
        return {**site, "rack": self.settings.rack} if has_rack else site


def _chain(settings: Configuration, spool: Spool) -> Chain | None:
    """The chain of what goes to zonewright; None for a host without a key, and for other receivers."""
    if settings.receiver != "zonewright" or settings.key_file is None:
        return None
    return Chain(spool, agent=settings.agent, key_file=settings.key_file)

"""One agent: reads its sources and keeps what they give; whatever fails is told and stops nothing else."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress

from zonewright_agent import __version__
from zonewright_agent.configuration import Configuration, read_token
from zonewright_agent.log import log
from zonewright_agent.outlet import Outlet
from zonewright_agent.points import Moment, Point
from zonewright_agent.sources import Source
from zonewright_agent.spool import Spool

_TOLD_AGAIN_S = 3600.0


def present(proc: str) -> Moment:
    """Now, by both clocks."""
    try:
        with open(f"{proc}/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot_id = file.read().strip()
    except OSError:
        boot_id = "unknown"
    return Moment(time.time_ns(), time.monotonic(), boot_id)


class Agent:
    """Sources and a spool.

    Args:
        settings: the configuration.
        sources: what is read.
        clock: gives the time of a sampling.
    """

    service_name = "zonewright-agent"
    """What it calls itself in what it sends (``service.name``)."""

    def __init__(
        self, settings: Configuration, sources: list[Source], *, clock: Callable[[], Moment] | None = None
    ) -> None:
        self._settings, self._sources = settings, sources
        self._clock = clock or (lambda: present(settings.proc))
        also = settings.also()
        self.outlets = [Outlet(one, self.service_name) for one in (settings, also) if one is not None]
        if also is not None:
            self.spool.lender = self.outlets[1].spool
        self.kept_s = time.monotonic()
        """When the disk last took what the first receiver gets, by the monotonic clock."""
        self._boot_id = "unknown"
        self._told: dict[str, tuple[str, float]] = {}
        self._noted: str | None = None
        """What the note says; None before this process wrote one, whatever an earlier one has left."""

    def sample(self) -> list[Point]:
        """Read every source; one that fails is told and does not silence the others."""
        moment = self._clock()
        self._boot_id = moment.boot_id
        points: list[Point] = []
        for source in self._sources:
            try:
                points += source.read(moment)
                fault = ""
            except Exception as error:  # noqa: BLE001 - whatever it is, the other sources go on
                fault = str(error) or type(error).__name__
            self._tell(source.name, fault, moment.monotonic_s)
            points.append(up_point(source.name, moment, is_up=not fault))
        self._note()
        return points

    @property
    def spool(self) -> Spool:
        """What waits for the first receiver."""
        return self.outlets[0].spool

    def keep(self, points: list[Point]) -> bool:
        """Spool one batch for each receiver; whether the disk took all. An empty one is not worth a file."""
        if not points:
            self.kept_s = time.monotonic()
            return True
        is_kept = True
        for outlet in self.outlets:
            try:
                outlet.put(points, self._boot_id)
                if outlet is self.outlets[0]:
                    self.kept_s = time.monotonic()
            except OSError as error:
                log("not-kept", error=str(error), dropped=outlet.spool.dropped)
                is_kept = False
        return is_kept

    def tell_health(self) -> bool:
        """Report once after a start which version runs and which sources fail, signed; whether that is done."""
        settings = self._settings
        if settings.key_file is None or settings.token_file is None or settings.receiver != "zonewright":
            return True
        faults = self.faults()
        if len(faults) < len(self._sources):
            return False  # nothing was read yet
        from zonewright_agent import health  # noqa: PLC0415 - only hosts with a key need it

        report = health.document(agent=settings.agent, version=__version__, boot_id=self._boot_id, faults=faults)
        try:
            token = read_token(settings.token_file)
            body = health.sign(report, settings.key_file)
            ledger = health.send(body, url=settings.url, token=token, timeout_s=settings.timeout_s)
            for outlet in self.outlets:
                outlet.name_ledger(ledger)
        except (OSError, ValueError) as error:
            log("health-not-sent", error=str(error))
            return False
        return True

    def faults(self) -> dict[str, str]:
        """What is wrong with each source that was read, empty where it gives readings."""
        return {name: fault for name, (fault, _) in list(self._told.items())}

    def _note(self) -> None:
        """Leave beside the batches which sources give readings, for whoever looks at this host."""
        text = "".join(f"{name} {'down' if fault else 'up'}\n" for name, fault in sorted(self.faults().items()))
        if text != self._noted:
            with suppress(OSError):  # on a full disk the next sampling tries again
                write_note(self.spool.folder, text)
                self._noted = text

    def _tell(self, name: str, fault: str, now_s: float) -> None:
        """Say what fails when it begins, changes or ends, and once an hour; not at every sampling."""
        before, since_s = self._told.setdefault(name, ("", now_s))
        if fault == before and (not fault or now_s - since_s < _TOLD_AGAIN_S):
            return
        self._told[name] = (fault, now_s)
        if fault:
            log("source-failed", source=name, error=fault)
        else:
            log("source-recovered", source=name)


def write_note(folder: str, text: str) -> None:
    """Replace the note of a spool's folder, whole or not at all.

    Raises:
        OSError: when the disk takes nothing.
    """
    path = os.path.join(folder, "sources")
    with open(f"{path}.new", "w", encoding="ascii") as file:
        file.write(text)
    os.replace(f"{path}.new", path)


def up_point(name: str, moment: Moment, *, is_up: bool) -> Point:
    """Whether a source could be read: a service sees silence, and whose it is."""
    return Point(
        name="zonewright.source.up",
        unit="1",
        kind="gauge",
        value=1.0 if is_up else 0.0,
        time_ns=moment.time_ns,
        attributes={"hw.id": name},
    )

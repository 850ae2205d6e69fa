"""``python -m zonewright_agent``: sample, spool, send; again and again."""

import argparse
import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import FrameType

from zonewright_agent import __version__
from zonewright_agent.configuration import Configuration, ConfigurationError, load
from zonewright_agent.otlp import encode
from zonewright_agent.points import Moment, Point
from zonewright_agent.sources import Source
from zonewright_agent.spool import Spool

_MAX_BACKOFF_S = 300.0


def make_sources(settings: Configuration) -> list[Source]:
    """The sources that the settings name."""
    from zonewright_agent.sources.hwmon import Hwmon  # noqa: PLC0415 - only what is used is loaded
    from zonewright_agent.sources.rapl import Rapl  # noqa: PLC0415

    made: list[Source] = []
    if "host" in settings.sources:
        from zonewright_agent.sources.host import Host  # noqa: PLC0415 - psutil is needed for this one only

        made.append(Host())
    if "hwmon" in settings.sources:
        made.append(Hwmon(settings.sys, settings.power_max_w))
    if "rapl" in settings.sources:
        made.append(Rapl(settings.sys, settings.power_max_w))
    return made


class Agent:
    """One agent: its sources, its spool and its service.

    Args:
        settings: the configuration.
        sources: what is read.
    """

    def __init__(self, settings: Configuration, sources: list[Source]) -> None:
        self._settings, self._sources = settings, sources
        self.spool = Spool(settings.spool, settings.spool_max_bytes)
        self._failures = 0
        self._wait_until_s = 0.0

    def moment(self) -> Moment:
        """Now, by both clocks."""
        boot = self._settings.proc / "sys" / "kernel" / "random" / "boot_id"
        try:
            boot_id = boot.read_text(encoding="ascii").strip()
        except OSError:
            boot_id = "unknown"
        return Moment(time.time_ns(), time.monotonic(), boot_id)

    def sample(self) -> list[Point]:
        """Read every source; one that fails is told and does not silence the others."""
        moment = self.moment()
        points: list[Point] = []
        for source in self._sources:
            try:
                points += source.read(moment)
            except (OSError, ValueError) as error:
                _log("source-failed", source=source.name, error=str(error))
        return points

    def keep(self, points: list[Point]) -> None:
        """Spool one batch; an empty one is not worth a file."""
        if points:
            resource = {
                "service.name": "zonewright-agent",
                "service.version": __version__,
                "service.instance.id": self._settings.agent,
                "zonewright.boot": self.moment().boot_id,
                "zonewright.sequence": str(self.spool.next_sequence),
                "zonewright.dropped": str(self.spool.dropped),
            }
            self.spool.put(encode(points, resource))

    def drain(self) -> bool:
        """Send what waits, oldest first; whether all of it was acknowledged."""
        if time.monotonic() < self._wait_until_s:
            return False
        for sequence, batch in self.spool.pending():
            try:
                self._send(batch)
            except (OSError, ValueError) as error:
                self._failures += 1
                wait_s = min(_MAX_BACKOFF_S, self._settings.interval_s * 2 ** min(self._failures - 1, 8))
                self._wait_until_s = time.monotonic() + (wait_s if self._failures > 1 else 0.0)
                _log("not-sent", sequence=sequence, error=str(error))
                return False
            self._failures = 0
            self.spool.acknowledge(sequence)
        return True

    def _send(self, batch: bytes) -> None:
        token = self._settings.token_file.read_text(encoding="ascii").strip()
        request = urllib.request.Request(  # noqa: S310 - the configuration allows http and https only
            self._settings.url,
            data=batch,
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
            method="POST",
        )
        try:
            with urllib.request.urlopen(request, timeout=self._settings.timeout_s) as answer:  # noqa: S310
                answer.read()
        except urllib.error.HTTPError as error:
            raise ValueError(f"the service answered {error.code} {error.reason}") from None


def _log(event: str, **values: object) -> None:
    print(json.dumps({"event": event, **values}, sort_keys=True), file=sys.stderr, flush=True)


def main(argv: list[str] | None = None) -> int:
    """Run the agent; returns the exit code."""
    parser = argparse.ArgumentParser(prog="zonewright_agent", description="Reports power and load of this host.")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the settings, as TOML")
    parser.add_argument("--once", action="store_true", help="sample twice, send, and end")
    parser.add_argument("--check-config", action="store_true", help="only say whether the settings are good")
    arguments = parser.parse_args(argv)
    try:
        settings = load(arguments.config)
    except ConfigurationError as error:
        for sentence in error.sentences:
            print(sentence, file=sys.stderr)
        return 2
    if arguments.check_config:
        print(f"good: agent {settings.agent} reports {', '.join(settings.sources)} to {settings.url}")
        return 0
    agent = Agent(settings, make_sources(settings))
    if arguments.once:
        agent.sample()  # counters need two readings
        time.sleep(min(1.0, settings.interval_s))
        agent.keep(agent.sample())
        return 0 if agent.drain() else 3
    return _run(agent, settings)


def _run(agent: Agent, settings: Configuration) -> int:
    stopping: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopping.append(number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    _log("started", version=__version__, agent=settings.agent, pid=os.getpid())
    due_s = time.monotonic()
    while not stopping:
        agent.keep(agent.sample())
        agent.drain()
        due_s = max(due_s + settings.interval_s, time.monotonic())
        while not stopping and time.monotonic() < due_s:
            time.sleep(min(0.2, max(0.0, due_s - time.monotonic())))
    agent.drain()
    _log("stopped", pending=sum(1 for _ in agent.spool.pending()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

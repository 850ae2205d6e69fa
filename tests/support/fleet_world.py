"""A fleet of real SSH hosts with runit, the service that their agents report to, and releases good and bad."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import psutil
import uvicorn
from starlette.applications import Starlette

from support.ssh_hosts import SshHost, require_hosts, ssh_hosts
from zonewright.fleet.agents.artefact import agent_sources, make_artefact
from zonewright.fleet.agents.layout import user_layout
from zonewright.fleet.agents.plan import Recipe
from zonewright.fleet.agents.visit import AgentJob
from zonewright.fleet.inventory import Host
from zonewright.fleet.rollout.outcome import Outcome
from zonewright.fleet.rollout.pool import Event
from zonewright.fleet.rollout.rollout import roll_out
from zonewright.fleet.ssh.ssh_transport import SshSettings, SshTransport
from zonewright.fleet.ssh.transport import Target
from zonewright.model.fleet import AgentSettings, RollOut, StopLimits, WaveSize
from zonewright.server.agents import Agents, load_agents
from zonewright.server.application import service
from zonewright.server.fleet_routes import ServiceForFleet
from zonewright.server.health import HealthReports
from zonewright.telemetry.samples import Samples

ALL_AT_ONCE = RollOut(waves=(WaveSize(percent=100),), stop=StopLimits(failed=1000, unreachable=1000, unknown=1000))
MAIN = "zonewright_agent/__main__.py"
CRASHES = b'raise SystemExit("this release crashes at start")\n'


def _agents_of(path: Path) -> Callable[[], Agents]:
    """The agents of a file, read again when it has changed: fifty agents ask every second."""
    known: dict[tuple[int, int], Agents] = {}

    def agents() -> Agents:
        if not path.exists():
            return Agents({})
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_ino)
        if stamp not in known:
            known.clear()
            known[stamp] = load_agents(path)
        return known[stamp]

    return agents


@contextmanager
def agents_service(folder: Path) -> Iterator[str]:
    """The service over real HTTP; gives the URL that agents report to."""
    with _app(folder) as app, _served(app, "127.0.0.1") as port:
        yield f"http://127.0.0.1:{port}/v1/metrics"


@contextmanager
def agents_service_beyond(folder: Path, address: str, tls: tuple[Path, Path]) -> Iterator[tuple[str, str]]:
    """The same, and over TLS for other hosts; gives the URL of this machine and theirs."""
    options = {"ssl_certfile": str(tls[0]), "ssl_keyfile": str(tls[1])}
    with _app(folder) as app, _served(app, "127.0.0.1") as port, _served(app, address, **options) as theirs:
        yield f"http://127.0.0.1:{port}/v1/metrics", f"https://{address}:{theirs}/v1/metrics"


@contextmanager
def _app(folder: Path) -> Iterator[Starlette]:
    with contextlib.closing(Samples(folder / "samples.db")) as samples:
        yield service(_agents_of(folder / "agents.yaml"), samples, health_reports=HealthReports(folder / "health"))


@contextmanager
def _served(app: Starlette, address: str, **options: str) -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind((address, 0))
        listener.listen()  # so that who comes before the thread does waits
        config = uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1, **options)  # type: ignore[arg-type] # of TLS
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:  # also when what comes after it is skipped: a thread on a closed socket fails the next test
            server.should_exit = True
            thread.join(timeout=20)


def release(version: str = "1.0.0", **changes: bytes) -> dict[str, bytes]:
    """The agent's sources as another version, with some modules replaced (``main`` is the main one)."""
    sources = dict(agent_sources())
    sources["zonewright_agent/__init__.py"] = f'"""The agent."""\n\n__version__ = "{version}"\n'.encode()
    return sources | {MAIN if name == "main" else f"zonewright_agent/{name}.py": text for name, text in changes.items()}


@cache
def installed_psutil() -> dict[str, bytes]:
    """The content of psutil's wheel, as it is installed here; hosts have the same architecture."""
    folder = Path(psutil.__file__).parent
    paths = sorted([*folder.glob("*.py"), *folder.glob("*.so")])
    return {f"psutil/{path.name}": path.read_bytes() for path in paths}


class Reachable(Protocol):
    """A host of whatever kind."""

    def target(self) -> Target:
        """How to reach it."""
        ...


SomeHost = TypeVar("SomeHost", bound=Reachable)


@dataclass
class FleetWorld(Generic[SomeHost]):
    """Hosts, their service, and how to roll out to them."""

    folder: Path
    hosts: Sequence[SomeHost]
    key: Path
    url: str
    transport: SshTransport
    service: ServiceForFleet
    events: list[Event]

    def settings(self, **changes: Any) -> AgentSettings:
        """What agents should do: read what every host has."""
        values = {"url": self.url, "interval_s": 1.0, "sources": ("host",), **changes}
        return AgentSettings(**values)

    def job(self, sources: Mapping[str, bytes], **changes: Any) -> AgentJob:
        """What is done to every host."""
        settings = changes.pop("settings", None) or self.settings()
        layout = changes.pop("layout", None) or user_layout("/home/operator/agent")
        recipe = Recipe(
            settings=settings,
            artefacts={"any": make_artefact(sources, installed_psutil())},
            layout=layout,
        )
        values = {
            "transport": self.transport,
            "recipe": recipe,
            "service": self.service,
            "host_deadline_s": 60.0,
            "health_s": 20.0,
        }
        return AgentJob(**{**values, **changes})

    def targets(self) -> list[Host]:
        """All hosts as a roll-out sees them."""
        return [Host(target=host.target()) for host in self.hosts]

    def deploy(
        self, sources: Mapping[str, bytes], rollout: RollOut = ALL_AT_ONCE, hosts: list[Host] | None = None, **more: Any
    ) -> dict[str, Outcome]:
        """Roll a release out; gives the outcome by host."""
        job = self.job(sources, **more)
        found = roll_out(self.targets() if hosts is None else hosts, job, rollout, observe=self.events.append)
        return {one.host: one for one in found}

    def states(self, sources: Mapping[str, bytes], rollout: RollOut = ALL_AT_ONCE, **more: Any) -> list[str]:
        """Roll a release out; gives the states in the order of hosts."""
        return [one.state for one in self.deploy(sources, rollout, **more).values()]


def running_release(host: SshHost) -> str:
    """The release whose program runs on a host, by its processes; empty when none runs."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if any("agent.pyz" in command for command in host.commands().values()):
            return (host.home / "agent" / "current").readlink().name
        time.sleep(0.05)
    return ""


@contextmanager
def fleet_world(
    folder: Path, count: int, *, sudo_password: str | None = None, has_runit: bool = True, **options: Any
) -> Iterator[FleetWorld[SshHost]]:
    """So many hosts with runit, and their service."""
    require_hosts(has_runit=has_runit)
    with agents_service(folder) as url, ssh_hosts(folder, count, has_runit=has_runit, **options) as (hosts, key):
        transport = SshTransport(SshSettings(key_files=(key,), sudo_password=sudo_password))
        with contextlib.closing(transport), contextlib.closing(ServiceForFleet(folder / "agents.yaml", url)) as asked:
            yield FleetWorld(folder, hosts, key, url, transport, asked, [])

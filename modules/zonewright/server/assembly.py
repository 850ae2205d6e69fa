"""One service of a ledger, put together: the verbs, the ingest of telemetry, pages, counters, and what is beside."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import TracebackType
from typing import Self

from starlette.types import ASGIApp

from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.journal_messages import CheckpointRequest
from zonewright.ledger.store.bringing import files_beside
from zonewright.ledger.store.clock import utc_now
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.homes import Homes, homes_of
from zonewright.ledger.store.schema import ledger_id
from zonewright.ledger.transport.application import application
from zonewright.ledger.transport.callers import Credentials, may_call
from zonewright.ledger.transport.client import lock_wait_s
from zonewright.ledger.transport.deliverers import Deliverers
from zonewright.ledger.transport.paces import Paces
from zonewright.ledger.verbs.contents import checkpoint
from zonewright.ledger.verbs.pruning import prune
from zonewright.ledger.verbs.table import FUNCTIONS
from zonewright.server.agent_table import AgentsTable, HeadsTable, HealthTable
from zonewright.server.agents import AgentsFile
from zonewright.server.application import service
from zonewright.server.client_authorities import ClientAuthorities
from zonewright.server.client_certificates import ClientCertificates, Proxy
from zonewright.server.counting import ServiceMetrics, journal_length, lease_days
from zonewright.server.door import LOOPBACK, Door
from zonewright.server.health import HealthReports
from zonewright.server.metrics import districts_page, metrics_page
from zonewright.server.moving import MovingReadings
from zonewright.server.openapi import paths
from zonewright.server.requests import Requests
from zonewright.server.witness_route import KeptHeads
from zonewright.server.witnesses import HeadWitness, WitnessError, Witnessing
from zonewright.telemetry import Store
from zonewright.telemetry.samples import Samples, samples_file, samples_path
from zonewright.telemetry.tables import readings_file, settings_path, telemetry_path
from zonewright.telemetry.tsdb.settings import read_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """What a service is told.

    Attributes:
        ledger: its file; of PostgreSQL the name that files beside the ledger are formed from.
        url: of PostgreSQL; empty where the ledger is a file.
        agents: the file of the agents that may report.
        with_ledger: whether the verbs are served, or the ingest of telemetry alone.
        is_local: only programs on its own host reach it.
        hosts: names that requests may be addressed to; None for every name.
        calls_per_s: calls that each principal may make in the mean; 0 for any number.
        authorities: who vouches for certificates of clients; None looks at no certificate.
        proxy: who may tell of the certificates of its own clients.
    """

    ledger: Path
    url: str
    agents: Path
    with_ledger: bool
    is_local: bool
    hosts: tuple[str, ...] | None
    calls_per_s: float
    authorities: ClientAuthorities | None = None
    proxy: Proxy | None = None


class Assembly:
    """The service's application, and what it holds until the end of the block.

    Args:
        settings: what it is told.
        say: takes a sentence about what it noticed.

    Attributes:
        app: the application.
        samples: what agents report.
        context: the ledger; None where there is none.
    """

    def __init__(self, settings: ServiceSettings, *, say: Callable[[str], None]) -> None:
        path, url = settings.ledger, settings.url
        if url:
            path.parent.mkdir(exist_ok=True)
        self._database = Database(path, url, lock_wait_s=lock_wait_s()) if url or path.is_file() else None
        self._homes = (
            homes_of(self._database)
            if self._database is not None
            else Homes(readings=readings_file(telemetry_path(path)), samples=samples_file(samples_path(path)))
        )
        tsdb = settings_path(telemetry_path(path))
        self._tsdb = read_settings(tsdb) if tsdb.is_file() else None
        metrics, homes = ServiceMetrics(self._journal_length, self._lease_days), self._homes
        self.context = (
            None
            if self._database is None
            else Context(database=self._database, telemetry=homes.readings, samples=homes.samples, watch=metrics)
        )
        self._say = say
        for file in files_beside(path) if url else ():
            say(f"{file} is not used: readings and samples are in the database; bring it: zonewright ledger upgrade")
        self.samples = Samples(homes.samples)
        self.app = self._app(settings, metrics, say)

    @property
    def what(self) -> str:
        """What is served, as words of a sentence."""
        return "ledger and telemetry" if self._has_ledger else "telemetry"

    def _app(self, settings: ServiceSettings, metrics: ServiceMetrics, say: Callable[[str], None]) -> ASGIApp:
        context, database = self.context, self._database
        self._has_ledger = context is not None and settings.with_ledger
        if self._has_ledger:
            list(FUNCTIONS.values())  # imported now, so that the first calls need not wait for it
        self._metrics = metrics
        paces = Paces(settings.calls_per_s)
        is_shared, home = bool(settings.url), self._homes.samples
        own = AgentsFile(settings.agents, say=say)
        app = service(
            AgentsTable(home, own) if is_shared else own,
            self.samples,
            application(context, paces=paces) if context is not None and self._has_ledger else None,
            figures=(lambda site: metrics_page(database, self._homes.readings, utc_now(), site))
            if database is not None and self._has_ledger
            else None,
            may_read=may_call(context, verbs.ENERGY.name) if context is not None else None,
            districts=(lambda _site: districts_page(database, utc_now()))
            if database is not None and self._has_ledger
            else None,
            may_read_districts=may_call(context, verbs.EXHAUSTION.name) if context is not None else _nobody,
            metrics=metrics,
            may_read_metrics=may_call(context, verbs.ACCESS.name) if context is not None else _nobody,
            is_ready=lambda: database is None or self._journal_length() is not None,
            unasked=LOOPBACK if settings.is_local else (),
            health_reports=HealthTable(home) if is_shared else HealthReports(settings.agents.with_name("health")),
            deliverers=Deliverers(context) if context is not None and self._has_ledger else None,
            ledger_id=cache(self._ledger_id),
            heads=HeadsTable(home) if is_shared else KeptHeads(settings.agents.with_name("witnessed")),
        )
        known = app if settings.authorities is None else ClientCertificates(app, settings.authorities, settings.proxy)
        return Requests(Door(known, hosts=settings.hosts), routes=paths(), metrics=metrics)

    def _journal_length(self) -> int | None:
        return journal_length(self._database) if self._database is not None else None

    def _ledger_id(self) -> str:
        """The id of the ledger, empty without one."""
        if self._database is None:
            return ""
        with self._database.reading() as connection:
            return ledger_id(connection)

    def _lease_days(self) -> list[int] | None:
        return lease_days(self.context) if self.context is not None and self._has_ledger else None

    def moving(self) -> MovingReadings:
        """What has older readings go to the time-series database that the settings beside the ledger name."""
        return MovingReadings(self._homes.readings, self._tsdb, say=self._say)

    def prune_readings(self, before_us: int) -> int:
        """Remove the readings of meters before a time in microseconds since 1970; gives how many."""
        if self.context is not None:
            return prune(self.context, before_us)
        return Store(self._homes.readings).prune(before_us) if self._homes.readings.is_there() else 0

    def witnessing(self, every_s: float, witnesses: Sequence[tuple[str, HeadWitness]]) -> Witnessing:
        """What sends heads of the journal to witnesses.

        Raises:
            WitnessError: when there is no ledger.
        """
        if self.context is None:
            raise WitnessError("there is no ledger whose heads a witness could keep; make one: zonewright ledger init")
        sign = partial(checkpoint, self.context, CheckpointRequest())
        return Witnessing(sign, witnesses, every_s=every_s, say=self._say, told=self._metrics.witnessed)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.samples.close()
        self._homes.close()
        if self._database is not None:
            self._database.close()


def _nobody(_brought: Credentials) -> bool:
    return False

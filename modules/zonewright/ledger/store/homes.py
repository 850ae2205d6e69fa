"""Where what is measured is: in files beside a ledger's file, or in its database, where all services have it."""

from dataclasses import dataclass

from zonewright.ledger.store.database import Database
from zonewright.telemetry.home import TelemetryHome
from zonewright.telemetry.samples import samples_file, samples_path
from zonewright.telemetry.tables import readings_file, telemetry_path, tsdb_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Homes:
    """Where readings and samples of one ledger are."""

    readings: TelemetryHome
    samples: TelemetryHome

    def close(self) -> None:
        """Close what is open."""
        self.readings.close()
        self.samples.close()


def homes_of(database: Database) -> Homes:
    """Where readings and samples of a ledger are.

    Args:
        database: the ledger's.
    """
    server = database.beside()
    if server is None:
        path = database.path
        return Homes(readings=readings_file(telemetry_path(path)), samples=samples_file(samples_path(path)))
    from zonewright.ledger.store.engines.postgresql_telemetry import (  # noqa: PLC0415 - who has a file loads none of it
        TelemetryServer,
    )

    readings = TelemetryServer(server, "readings")
    readings.tsdb = tsdb_of(telemetry_path(database.path))
    return Homes(readings=readings, samples=TelemetryServer(server, "samples"))

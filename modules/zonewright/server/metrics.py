"""``GET /metrics``: what is measured of each site, as Prometheus reads it; no claim and no tenant is in it.

``GET /metrics/districts`` is a page of its own: sums over all parties, and of quotas of one party, are for those who
oversee the zone.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from zonewright.ledger.deciding.measuring import measured_sites
from zonewright.ledger.deciding.zone_facts import zone_base
from zonewright.ledger.store.database import Database
from zonewright.ledger.verbs.exhaustion import forecasts
from zonewright.model import Site
from zonewright.model.base import TrustClass
from zonewright.model.world import Measured
from zonewright.telemetry import Store
from zonewright.telemetry.home import TelemetryHome
from zonewright.telemetry.renaming import stored_as
from zonewright.telemetry.site_meters import meters_of

_JOULES_PER_WATT_HOUR = 3_600
_MICROSECONDS = 1_000_000

HELP = {
    "zonewright_district_exhaustion_days": "Days until what a district has runs out: by trend, least and most.",
    "zonewright_district_resource_used_ratio": "Share of what a district has that is claimed and reserved.",
    "zonewright_site_energy_joules": "Energy of the trailing twelve months, by side of the energy ratio.",
    "zonewright_site_energy_ratio": "Energy ratio, by period: trailing twelve months, or projected to the year's end.",
    "zonewright_site_it_load_watts": "Mean IT load of the last 30 days.",
    "zonewright_site_meter_timestamp_seconds": "Time of the last reading of a meter of the boundary.",
    "zonewright_site_readings_timestamp_seconds": "Time up to which every meter of the boundary has readings.",
}


class _Page(Collector):
    """The samples of one page; what is not known is not added, since a gap is what Prometheus takes for missing."""

    def __init__(self) -> None:
        self._families = {name: GaugeMetricFamily(name, text) for name, text in HELP.items()}

    def add(self, name: str, value: float, **labels: str) -> None:
        """One sample."""
        self._families[name].add_sample(name, labels, value)

    def collect(self) -> Iterator[Metric]:
        """Those that have samples."""
        yield from (family for family in self._families.values() if family.samples)

    def text(self) -> str:
        """As Prometheus reads it."""
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry).decode()


def metrics_page(database: Database, telemetry: TelemetryHome | None, now: datetime, site: str | None = None) -> str:
    """The page of one site, or of all.

    Args:
        database: the ledger's, which names the sites and their boundaries.
        telemetry: the readings, or None.
        now: the present.
        site: id of a site; None for all.
    """
    page = _Page()
    with database.reading() as connection:
        base = zone_base(connection, "")
    if base is None or telemetry is None or not telemetry.is_there():
        return page.text()
    facts = base.before()
    wanted = sorted(facts.sites.keys() & ({site} if site is not None else facts.sites.keys()))
    before = base.former.readings
    found, store = measured_sites(facts, wanted, telemetry, now, before=before), Store(telemetry)
    for site_id in wanted:
        declared = facts.sites[site_id].site
        labels = {"site": site_id, "district": declared.district}
        _add_meters(page, declared, store.last(stored_as(telemetry, site_id, before.get(site_id, site_id))), labels)
        if site_id in found:
            _add_figures(page, found[site_id], labels)
    return page.text()


def districts_page(database: Database, now: datetime) -> str:
    """The page of all districts: how much of what they have is taken, and when it runs out.

    Args:
        database: the ledger's.
        now: the present.
    """
    page = _Page()
    with database.reading() as connection:
        found = forecasts(connection, now.isoformat()) or ()
    for one in found:
        labels = {"district": one.district, "resource": one.resource}
        page.add("zonewright_district_resource_used_ratio", one.used / one.limit, **labels)
        for bound, days in (("trend", one.days_left), ("least", one.days_least), ("most", one.days_most)):
            if days is not None:
                page.add("zonewright_district_exhaustion_days", days, **labels, bound=bound)
    return page.text()


def _add_meters(page: _Page, site: Site, last: Mapping[str, tuple[int, TrustClass]], labels: dict[str, str]) -> None:
    meters = meters_of(site)
    times = {name: last[name][0] / _MICROSECONDS for name in sorted(meters) if name in last}
    for name, seconds in times.items():
        page.add(
            "zonewright_site_meter_timestamp_seconds", seconds, **labels, meter=name, point=site.meters[name].point
        )
    if times and len(times) == len(meters):
        page.add("zonewright_site_readings_timestamp_seconds", min(times.values()), **labels)


def _add_figures(page: _Page, one: Measured, labels: dict[str, str]) -> None:
    for side, energy in (("facility", one.energy_total_wh), ("it", one.energy_it_wh)):
        if energy is not None:
            page.add("zonewright_site_energy_joules", float(energy * _JOULES_PER_WATT_HOUR), **labels, side=side)
    for period, ratio in (("trailing", one.trailing_ratio), ("projection", one.projection_ratio)):
        if ratio is not None:
            page.add("zonewright_site_energy_ratio", float(ratio), **labels, period=period)
    if one.it_load_w is not None:
        page.add("zonewright_site_it_load_watts", float(one.it_load_w), **labels)

"""``GET /metrics``: what is measured of each site, as Prometheus reads it. No claim and no tenant is in it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from zonewright.ledger.deciding.measuring import measured_sites
from zonewright.ledger.deciding.zone_facts import zone_base
from zonewright.ledger.store.database import Database
from zonewright.model import Site
from zonewright.model.base import TrustClass
from zonewright.model.world import Measured
from zonewright.telemetry import Store
from zonewright.telemetry.figures import meters_of

_JOULES_PER_WATT_HOUR = 3_600
_MICROSECONDS = 1_000_000

HELP = {
    "zonewright_site_energy_joules": "Energy of the trailing twelve months, by side of the energy ratio.",
    "zonewright_site_energy_ratio": "Energy ratio, by period: trailing twelve months, or projected to the year's end.",
    "zonewright_site_it_load_watts": "Mean IT load of the last 30 days.",
    "zonewright_site_meter_timestamp_seconds": "Time of the last reading of a meter of the boundary.",
    "zonewright_site_readings_timestamp_seconds": "Time up to which every meter of the boundary has readings.",
}


@dataclass(slots=True)
class _Page:
    lines: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in HELP})

    def add(self, name: str, value: float, **labels: str) -> None:
        """One sample; what is not known is not added, since a gap is what Prometheus takes for missing."""
        shown = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        self.lines[name].append(f"{name}{{{shown}}} {value!r}")

    def text(self) -> Iterator[str]:
        for name, lines in self.lines.items():
            if lines:
                yield f"# HELP {name} {HELP[name]}"
                yield f"# TYPE {name} gauge"
                yield from lines


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def metrics_page(database: Database, telemetry: Path | None, now: datetime, site: str | None = None) -> str:
    """The page of one site, or of all.

    Args:
        database: the ledger's, which names the sites and their boundaries.
        telemetry: file of the readings, or None.
        now: the present.
        site: id of a site; None for all.
    """
    with database.reading() as connection:
        base = zone_base(connection, "")
    page = _Page()
    if base is None or telemetry is None or not telemetry.is_file():
        return ""
    facts = base.before()
    wanted = sorted(facts.sites.keys() & ({site} if site is not None else facts.sites.keys()))
    found, store = measured_sites(facts, wanted, telemetry, now), Store(telemetry)
    for site_id in wanted:
        declared = facts.sites[site_id].site
        labels = {"site": site_id, "district": declared.district}
        _add_meters(page, declared, store.last(site_id), labels)
        if site_id in found:
            _add_figures(page, found[site_id], labels)
    return "".join(f"{line}\n" for line in page.text())


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

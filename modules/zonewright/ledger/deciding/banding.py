"""Meters that left the band of their own history, beside what is measured; for a status, and for no decision."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType

from zonewright.model.world import Measured, ZoneFacts
from zonewright.pue.band import WEEK_US, Added, Week, left_band
from zonewright.pue.readings import MICROSECOND
from zonewright.telemetry import Store
from zonewright.telemetry.figures import Fresh
from zonewright.telemetry.home import TelemetryHome
from zonewright.telemetry.renaming import stored_as
from zonewright.telemetry.site_meters import meters_of
from zonewright.telemetry.summing import as_energy

_WEEKS = 60
"""A year, and what it takes to know the band of its first week."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def with_bands(
    facts: ZoneFacts,
    telemetry: TelemetryHome | None,
    now: datetime,
    fresh: Mapping[str, Sequence[Fresh]] = MappingProxyType({}),
    *,
    before: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Measured]:
    """What is measured, with a finding on each meter that left the band of its own history in the last year.

    It is for information and decides nothing, so only those who ask for a status pay for it.

    Args:
        facts: the zone, with what is measured of its sites.
        telemetry: the readings.
        now: the present.
        fresh: claims by site that may explain more load.
        before: the id that readings of a site may still be stored under, by its id.
    """
    found = dict(facts.measured)
    if telemetry is None or not telemetry.is_there():
        return found
    store, end_us = Store(telemetry), (now - _EPOCH) // MICROSECOND
    for site_id, one in facts.measured.items():
        added = [
            Added((claims.since - _EPOCH) // MICROSECOND, claims.watts)
            for claims in fresh.get(site_id, ())
            if claims.since is not None
        ]
        stored = stored_as(telemetry, site_id, before.get(site_id, site_id))
        rows = store.weeks(stored, end_us - _WEEKS * WEEK_US, end_us)
        weeks = {
            name: [Week(low, float(as_energy(mj)), known) for low, mj, known in some] for name, some in rows.items()
        }
        told = [doubt.sentence for doubt in left_band(meters_of(facts.sites[site_id].site), weeks, added)]
        found[site_id] = replace(one, findings=(*one.findings, *told))
    return found

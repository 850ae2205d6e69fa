"""The meters of a site, as the arithmetic of energy wants them."""

from collections.abc import Mapping

from zonewright.model import Site
from zonewright.model.metering import Meter
from zonewright.pue.meters import MeterRole, MeterSpec

_USUAL_S: Mapping[str, int] = {"gauge": 300, "temperature": 3_600}
"""Seconds between two samples where a meter does not say."""


def meters_of(site: Site) -> dict[str, MeterSpec]:
    """The meters of a site's boundary with their side of the ratio; empty without a boundary."""
    if site.boundary is None:
        return {}
    sides: tuple[tuple[MeterRole, tuple[str, ...]], ...] = (("total", site.boundary.facility), ("it", site.boundary.it))
    return {name: _spec(site.meters[name], role) for role, names in sides for name in names}


def all_meters_of(site: Site) -> dict[str, MeterSpec]:
    """The meters of a site that has a boundary, also those beside it, which are for balances; empty without one."""
    found = meters_of(site)
    others = (name for name in sorted(site.meters) if found and name not in found)
    return found | {name: _spec(site.meters[name], _beside(site.meters[name])) for name in others}


def _beside(meter: Meter) -> MeterRole:
    return "outside" if meter.kind == "temperature" else "total"


def _spec(meter: Meter, role: MeterRole) -> MeterSpec:
    return MeterSpec(
        role=role,
        kind=meter.kind,
        rating_w=meter.rating_w,
        rollover_wh=meter.rollover_wh,
        interval_s=meter.interval_s or _USUAL_S.get(meter.kind),
        accuracy_class=meter.accuracy_class,
        standby=meter.standby or meter.point == "generator",
    )

"""One data centre as the gate on the energy ratio sees it: its load model, its IT load, and what triggers the gate."""

from collections.abc import Mapping
from fractions import Fraction

from zonewright.model.world import EnergyVerdict, Measured, RoomTotals, SiteFacts
from zonewright.model.zone import Zone
from zonewright.pue.gate import worst
from zonewright.pue.load_model import LoadModel, LoadModelState
from zonewright.rules.site_power import KILO, design_power

_DEFAULT_LIMIT = Fraction(5, 4)


def claimed_w(rooms: Mapping[str, RoomTotals]) -> int:
    """Watts of baseline and claims in some rooms."""
    return sum(sums.contracted_w for sums in rooms.values())


def state_of(
    site: SiteFacts,
    rooms: Mapping[str, RoomTotals],
    measured: Measured | None = None,
    *,
    since: Mapping[str, RoomTotals] | None = None,
) -> LoadModelState:
    """Load model and IT load of a site.

    The IT load is what is measured and, times the site's diversity, what is claimed and not metered yet; of a site
    without a measured load it is all that is claimed, times its diversity.

    Args:
        site: the site.
        rooms: sums of its rooms.
        measured: what is measured of it, before any change.
        since: sums of its rooms before the change; None where ``rooms`` are these.
    """
    diversity = Fraction(round(site.site.diversity * KILO), KILO)
    if measured is None or measured.it_load_w is None:
        return LoadModelState(model=model_of(site, rooms, measured), it_w=diversity * claimed_w(rooms))
    more_w = 0 if since is None else claimed_w(rooms) - claimed_w(since)
    it_w = measured.it_load_w + diversity * (measured.unmetered_w + more_w)
    return LoadModelState(model=model_of(site, rooms, measured), it_w=max(Fraction(), it_w))


def model_of(site: SiteFacts, rooms: Mapping[str, RoomTotals], measured: Measured | None = None) -> LoadModel:
    """The load model of a site, fitted or declared; the rooms in which something is claimed are open."""
    overhead, declared = site.site.overhead, site.site.rooms
    return LoadModel(
        plant_w=Fraction(str(overhead.plant_kw if overhead else 0)) * KILO,
        rooms_w=tuple(
            (room, Fraction(str(declared[room].fixed_kw)) * KILO)
            for room, sums in sorted(rooms.items())
            if sums.contracted_w and room in declared
        ),
        slope=Fraction(str(overhead.slope if overhead else 0)),
        fit=None if measured is None else measured.fit,
    )


def trigger(
    site: SiteFacts, rooms: Mapping[str, RoomTotals], limit: Fraction, measured: Measured | None = None
) -> EnergyVerdict:
    """The worst verdict on the figures that are known of a site; while its metering is declared, the design alone."""
    design = design_ratio(site, rooms)
    verdict: EnergyVerdict = "undetermined" if design is None else ("within" if design <= limit else "breach")
    return verdict if measured is None else worst(verdict, measured.trailing, measured.projection)


def design_ratio(site: SiteFacts, rooms: Mapping[str, RoomTotals]) -> Fraction | None:
    """Energy ratio at full design load; None where no overhead is declared, or nothing is built."""
    power = design_power(site, rooms)
    return Fraction(power.total_w, power.it_w) if power.total_w is not None and power.it_w else None


def ratio_limit(zone: Zone) -> Fraction:
    """The ratio that may not be exceeded: of the pack in force, else 1.25."""
    limit = zone.limit("design-pue")
    return Fraction(str(limit.value)) if limit is not None else _DEFAULT_LIMIT


def ratio_text(ratio: Fraction | None) -> str:
    """Five decimals, rounded up, so that a breach never prints as the limit."""
    return "unknown" if ratio is None else f"{-(-ratio * 10**5 // 1) / 10**5:.5f}"

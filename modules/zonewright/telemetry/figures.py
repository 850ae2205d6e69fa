"""From stored readings to what is measured of one site: trailing twelve months, projection, mean IT load."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from zonewright.model import Site
from zonewright.model.base import TrustClass
from zonewright.model.world import EnergyVerdict, Measured
from zonewright.pue.evaluation import Figure, evaluate
from zonewright.pue.load_model import LoadModel
from zonewright.pue.meters import ROLES, MeterRole, MeterSpec
from zonewright.pue.readings import MICROSECOND
from zonewright.telemetry.store import HOUR_US, Store

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US = 24 * HOUR_US
_MEAN_DAYS = 30
_MILLIJOULES_PER_WATT_HOUR = 3_600_000
_TRUST: tuple[TrustClass, ...] = ("signed", "authenticated", "imported")
"""From the most to the least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """Claims at a site that a mean of the past does not hold whole.

    Attributes:
        watts: what they may draw.
        since: since when they have a resource; None while they have none.
    """

    watts: int
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On which terms readings count.

    Attributes:
        limit: the ratio that may not be exceeded.
        trusted: trust classes that count.
        max_age_days: how old the last complete hour may be.
    """

    limit: Fraction
    trusted: frozenset[TrustClass]
    max_age_days: float


def meters_of(site: Site) -> dict[str, MeterSpec]:
    """The meters of a site's boundary with their side of the ratio; empty without a boundary."""
    if site.boundary is None:
        return {}
    sides: tuple[tuple[MeterRole, tuple[str, ...]], ...] = (("total", site.boundary.facility), ("it", site.boundary.it))
    return {
        name: MeterSpec(
            role=role,
            kind=site.meters[name].kind,
            rating_w=site.meters[name].rating_w,
            rollover_wh=site.meters[name].rollover_wh,
            interval_s=site.meters[name].interval_s or (300 if site.meters[name].kind == "gauge" else None),
            accuracy_class=site.meters[name].accuracy_class,
        )
        for role, names in sides
        for name in names
    }


def measured(
    store: Store,
    site_id: str,
    site: Site,
    *,
    now: datetime,
    terms: Terms,
    model: LoadModel | None,
    fresh: Sequence[Fresh] = (),
) -> Measured | None:
    """What is measured of a site; None before its first readings, when it is judged by what is declared.

    Args:
        store: the readings.
        site_id: id of the site.
        site: its declaration.
        now: the present.
        terms: on which terms readings count.
        model: its load model, for the rest of the year; None where no overhead is declared.
        fresh: claims that its mean IT load does not hold whole.
    """
    last = store.last(site_id)
    if not last:
        return None
    meters = meters_of(site)
    missing = sorted(meters.keys() - last.keys())
    if not meters or missing:
        what = f"no readings of {', '.join(missing)}" if missing else "no meter boundary is declared"
        return Measured(trailing="undetermined", reason=what)
    distrusted = sorted(store.trusts(site_id) - terms.trusted)
    if distrusted:
        return Measured(trailing="undetermined", reason=f"{', '.join(distrusted)} readings do not count in this zone")
    end = min(last[name][0] for name in meters) // HOUR_US * HOUR_US
    age_days = ((now - _EPOCH) // MICROSECOND - end) / _DAY_US
    if age_days > terms.max_age_days:
        reason = f"the last complete hour is {age_days:.1f} days old; the limit is {terms.max_age_days:g} days"
        return Measured(trailing="undetermined", age_days=age_days, reason=reason)
    readings = _Readings(store, site_id, meters, terms.limit)
    trailing = readings.figure(_year_before(end), end)
    load = readings.mean_load_w(end)
    verdict, ratio = _projection(readings, site, end, model, load)
    return Measured(
        trailing=trailing.verdict,
        trailing_ratio=trailing.ratio,
        projection=verdict,
        projection_ratio=ratio,
        coverage=trailing.coverage,
        it_load_w=load,
        unmetered_w=sum(_unmetered_w(one, end) for one in fresh),
        energy_total_wh=trailing.energy_total_wh if trailing.ratio is not None else None,
        energy_it_wh=trailing.energy_it_wh if trailing.ratio is not None else None,
        age_days=age_days,
        category=site.boundary.category if site.boundary is not None else "",
        trust=max(store.trusts(site_id), key=_TRUST.index),
        reason="" if trailing.verdict != "undetermined" else f"coverage {float(100 * trailing.coverage):.2f} %",
    )


def _unmetered_w(claims: Fresh, end_us: int) -> int:
    """Their watts times the share of the 30 days before ``end_us`` in which they had no resource, rounded down."""
    if claims.since is None:
        return claims.watts
    window = _MEAN_DAYS * _DAY_US
    missed = (claims.since - _EPOCH) // MICROSECOND - (end_us - window)
    return claims.watts * min(max(missed, 0), window) // window


def _year_before(end_us: int) -> int:
    end = _EPOCH + end_us * MICROSECOND
    try:
        start = end.replace(year=end.year - 1)
    except ValueError:  # 29 February
        start = end.replace(year=end.year - 1, day=28)
    return (start - _EPOCH) // MICROSECOND


class _Readings:
    """The readings of one site's boundary."""

    def __init__(self, store: Store, site_id: str, meters: Mapping[str, MeterSpec], limit: Fraction) -> None:
        self._store, self._site_id, self._meters, self.limit = store, site_id, meters, limit

    def figure(self, start_us: int, end_us: int) -> Figure:
        """From the sums where every meter is known throughout, else exactly from the readings, with bounds."""
        sums, window = self._store.sums(self._site_id, start_us, end_us), end_us - start_us
        if any(name not in sums or sums[name].covered_us != window for name in self._meters):
            found = self._store.readings(self._site_id, start_us, end_us)
            return evaluate(self._meters, found, start_us=start_us, end_us=end_us, limit=self.limit)
        total, it = (
            sum(sums[name].energy_mj for name, one in self._meters.items() if one.role == role) for role in ROLES
        )
        ratio = Fraction(total, it) if it else None
        verdict: EnergyVerdict = "undetermined" if ratio is None else ("within" if ratio <= self.limit else "breach")
        return Figure(
            window_s=Fraction(window, 10**6),
            energy_total_wh=Fraction(total, _MILLIJOULES_PER_WATT_HOUR),
            energy_it_wh=Fraction(it, _MILLIJOULES_PER_WATT_HOUR),
            ratio=ratio,
            low=ratio,
            high=ratio,
            coverage=Fraction(1),
            period="annual" if window >= 365 * _DAY_US else "interim",
            verdict=verdict,
        )

    def mean_load_w(self, end_us: int) -> int | None:
        """Mean IT load of the last 30 days, over the time that each meter is known."""
        sums = self._store.sums(self._site_id, end_us - _MEAN_DAYS * _DAY_US, end_us)
        parts = [sums[name] for name, meter in self._meters.items() if meter.role == "it"]
        if any(one.covered_us == 0 for one in parts):
            return None
        return round(sum(Fraction(one.energy_mj * 1000, one.covered_us) for one in parts))


def _projection(
    readings: _Readings, site: Site, end_us: int, model: LoadModel | None, load_w: int | None
) -> tuple[EnergyVerdict, Fraction | None]:
    """The calendar year in the site's time zone: what is measured of it, and the rest by the load model."""
    if model is None or load_w is None:
        return "undetermined", None
    zone = ZoneInfo(site.time_zone)
    year = (_EPOCH + end_us * MICROSECOND - timedelta(microseconds=1)).astimezone(zone).year
    begin, after = (
        (datetime(one, 1, 1, tzinfo=zone).astimezone(UTC) - _EPOCH) // MICROSECOND for one in (year, year + 1)
    )
    so_far = readings.figure(begin, end_us) if end_us > begin else None
    if so_far is not None and so_far.coverage < 1:
        return "undetermined", None
    rest_h = Fraction(after - end_us, HOUR_US)
    it_wh = load_w * rest_h + (so_far.energy_it_wh if so_far else 0)
    total_wh = (load_w * (1 + model.slope) + model.fixed_w) * rest_h + (so_far.energy_total_wh if so_far else 0)
    if it_wh <= 0:
        return "undetermined", None
    ratio = Fraction(total_wh) / it_wh
    return ("within" if ratio <= readings.limit else "breach"), ratio

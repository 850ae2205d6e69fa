"""From stored readings to what is measured of one site: trailing twelve months, projection, mean IT load."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from types import MappingProxyType
from zoneinfo import ZoneInfo

from zonewright.model import Site
from zonewright.model.base import TRUST_ORDER, TrustClass
from zonewright.model.overhead_fit import OverheadFit
from zonewright.model.world import EnergyVerdict, Measured
from zonewright.pue.budget import YearProjection
from zonewright.pue.doubt import Doubt
from zonewright.pue.evaluation import COVERAGE_FLOOR, Figure
from zonewright.pue.load_model import LoadModel
from zonewright.pue.meters import MeterSpec
from zonewright.pue.overhead import YEAR_DAYS, half_width_w, overhead_w, powers, rest_of_year
from zonewright.pue.readings import FUTURE_US, MICROSECOND
from zonewright.telemetry.balancing import unbalanced
from zonewright.telemetry.home import TsdbFaultError
from zonewright.telemetry.overheads import Overheads, overheads
from zonewright.telemetry.site_meters import all_meters_of, meters_of
from zonewright.telemetry.store import HOUR_US, Store
from zonewright.telemetry.tables import has_lost
from zonewright.telemetry.unsigned import SignedEnd, late_sentences, signed_ends
from zonewright.telemetry.window import WindowFigures

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US = 24 * HOUR_US
_MEAN_DAYS = 30


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
        balance_percent: the largest tolerance of a balance; None where no pack tightens it.
        node_energy: whether hosts' own power meters count as IT energy.
        doubts_alike: whether meters that show the very same are doubted; False judges records of before as then.
    """

    limit: Fraction
    trusted: frozenset[TrustClass]
    max_age_days: float
    balance_percent: float | None = None
    node_energy: bool = False
    doubts_alike: bool = True


def measured(
    store: Store,
    site_id: str,
    site: Site,
    *,
    now: datetime,
    terms: Terms,
    model: LoadModel | None,
    fresh: Sequence[Fresh] = (),
    opened: Mapping[str, datetime] | None = MappingProxyType({}),
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
        opened: since when each of its open rooms is; one that is not named always was. None fits no load model.
    """
    last = store.last(site_id)
    if not last:
        return None
    try:
        return _measured(store, site_id, site, last, now, terms, model, fresh, opened)
    except TsdbFaultError as error:
        return Measured(trailing="undetermined", reason=str(error))


def _measured(  # noqa: PLR0917 - private
    store: Store,
    site_id: str,
    site: Site,
    last: dict[str, tuple[int, TrustClass]],
    now: datetime,
    terms: Terms,
    model: LoadModel | None,
    fresh: Sequence[Fresh],
    opened: Mapping[str, datetime] | None,
) -> Measured:
    """What is measured of a site that has readings."""
    meters = meters_of(site)
    missing = sorted(meters.keys() - last.keys())
    if not meters or missing:
        what = f"no readings of {', '.join(missing)}" if missing else "no meter boundary is declared"
        return Measured(trailing="undetermined", reason=what)
    trusts, now_us = store.trusts(site_id), (now - _EPOCH) // MICROSECOND
    ends = _signed_ends(store, site_id, meters, trusts, terms)
    unsigned = late_sentences(ends, now_us)
    if ends and "authenticated" not in terms.trusted and all(_waits_only(one, now_us) for one in ends):
        # What waits for its signature is no reading yet; it is one, or a fault, within half an hour.
        trusts -= {"authenticated"} if len(ends) == len(meters) else frozenset()
        last |= {one.meter: (one.signed_us, "signed") for one in ends}
    why_not = next(_uncounted(site, meters, trusts, {name: last[name][0] for name in meters}, now_us, terms), None)
    if why_not is not None:
        return Measured(trailing="undetermined", reason="; ".join([why_not, *unsigned]))
    end = min(last[name][0] for name in meters) // HOUR_US * HOUR_US
    age_days = (now_us - end) / _DAY_US
    if age_days > terms.max_age_days:
        reason = f"the last complete hour is {age_days:.1f} days old; the limit is {terms.max_age_days:g} days"
        return Measured(trailing="undetermined", age_days=age_days, reason=reason)
    store.refresh(site_id, all_meters_of(site))
    readings = WindowFigures(store, site_id, meters, terms.limit, doubts_alike=terms.doubts_alike)
    trailing = readings.figure(_year_before(end), end)
    balances = unbalanced(store, site_id, site, (_year_before(end), end), terms.balance_percent)
    if any(doubt.decides for doubt in balances):
        trailing = replace(trailing, verdict="undetermined")
    doubts = sorted([*trailing.doubts, *balances], key=lambda doubt: not doubt.decides)
    load = readings.mean_load_w(end - _MEAN_DAYS * _DAY_US, end)
    fit, unfitted, known = _fitted(store, site_id, site, meters, end, terms, model, opened, doubts)
    rest = _Rest(model=model, fit=fit, known=known)
    year = None if any(doubt.decides for doubt in balances) else _projection(readings, site, end, rest, load)
    return Measured(
        trailing=trailing.verdict,
        trailing_ratio=trailing.ratio,
        projection=_projected(year, terms.limit),
        projection_ratio=None if year is None else year.ratio,
        coverage=trailing.coverage,
        it_load_w=load,
        unmetered_w=sum(_unmetered_w(one, end) for one in fresh),
        energy_total_wh=trailing.energy_total_wh if trailing.ratio is not None else None,
        energy_it_wh=trailing.energy_it_wh if trailing.ratio is not None else None,
        age_days=age_days,
        category=site.boundary.category if site.boundary is not None else "",
        trust=max(trusts, key=TRUST_ORDER.index),
        reason=_reason(trailing, doubts),
        findings=(
            *(doubt.sentence for doubt in doubts),
            *unsigned,
            *_corrected(store, site_id, meters, end),
            *_lost(store, site_id, meters, end),
        ),
        fit=fit,
        unfitted=unfitted,
        projection_bounds=None if year is None or fit is None else year.bounds,
        allowed_rest=None if year is None else year.allowed(terms.limit),
        rest_it_wh=None if year is None else year.rest_it_wh,
        rest_total_wh=None if year is None else year.rest_total_wh,
    )


def _signed_ends(
    store: Store, site_id: str, meters: Collection[str], trusts: Collection[TrustClass], terms: Terms
) -> list[SignedEnd]:
    """Where the signed readings of a boundary end, where there are others too."""
    if not {"signed", "authenticated"} <= set(trusts):
        return []
    return signed_ends(store, site_id, meters, whole="authenticated" not in terms.trusted)


def _waits_only(end: SignedEnd, now_us: int) -> bool:
    """Whether all that is not signed of a meter waits for its signature."""
    return not end.is_mixed and (end.since_us is None or end.waits(now_us))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rest:
    """What is known of the rest of a year: the declared model, the fit in its place, and the days that it rests on."""

    model: LoadModel | None
    fit: OverheadFit | None
    known: Overheads | None


def _fitted(  # noqa: PLR0917 - private
    store: Store,
    site_id: str,
    site: Site,
    meters: Mapping[str, MeterSpec],
    end_us: int,
    terms: Terms,
    model: LoadModel | None,
    opened: Mapping[str, datetime] | None,
    doubts: Sequence[Doubt],
) -> tuple[OverheadFit | None, str, Overheads | None]:
    """The fit of a site, or why its load model stays declared; and the days that it rests on."""
    if model is None or opened is None:
        return None, "", None
    if any(doubt.decides for doubt in doubts):
        return None, "a finding decides on its readings", None
    known = overheads(
        store,
        site_id,
        site,
        meters,
        end_us=end_us,
        model=model,
        opened=opened,
        doubts=doubts,
        trusted=terms.trusted,
    )
    found = known.fit()
    return (None, found, known) if isinstance(found, str) else (found, "", known)


def _uncounted(  # noqa: PLR0917 - private
    site: Site,
    meters: Mapping[str, MeterSpec],
    trusts: Collection[TrustClass],
    last: Mapping[str, int],
    now_us: int,
    terms: Terms,
) -> Iterator[str]:
    """Why readings of a boundary do not count at all, one sentence each."""
    category = site.boundary.category if site.boundary is not None else ""
    sources = {name: site.meters[name].source for name in sorted(meters)}
    parts = [name for name, source in sources.items() if source is not None and source.reads == "rapl"]
    if parts:
        yield f"{', '.join(parts)}: processors and memory of hosts, which are no energy of the ratio"
    of_hosts = [name for name, source in sources.items() if source is not None and source.reads == "hwmon"]
    facility = [name for name in of_hosts if meters[name].role == "total"]
    if facility:
        yield f"{', '.join(facility)}: power meters of hosts, which are no energy of the facility"
    if of_hosts and not (terms.node_energy and category == "PUE3"):
        why = "count in PUE3 only" if terms.node_energy else "do not count as IT energy in this zone"
        yield f"{', '.join(of_hosts)}: power meters of hosts, which {why}"
    distrusted = sorted(set(trusts) - terms.trusted)
    if distrusted:
        yield f"{', '.join(distrusted)} readings do not count in this zone"
    future = sorted(name for name in meters if last[name] > now_us + FUTURE_US)
    if future:
        yield f"{', '.join(future)}: readings of the future, which cannot be; withdraw them"


def _reason(figure: Figure, doubts: Sequence[Doubt]) -> str:
    """Why a figure is undetermined; empty where it is not."""
    if figure.verdict != "undetermined":
        return ""
    for doubt in doubts:
        if doubt.decides:
            return doubt.sentence
    few = (
        f" (below {float(100 * COVERAGE_FLOOR):g} % bounds decide nothing)" if figure.coverage < COVERAGE_FLOOR else ""
    )
    return f"coverage {float(100 * figure.coverage):.2f} %{few}"


def _corrected(store: Store, site_id: str, meters: Mapping[str, MeterSpec], end_us: int) -> Iterator[str]:
    """What of the twelve months rests on corrections."""
    start_us = _year_before(end_us)
    found = [
        one
        for one in store.superseded(site_id)
        if one.meter in meters and start_us <= one.time_us <= end_us and one.kind != "outranked"
    ]
    if found:
        names = sorted({one.meter for one in found})
        many = "s" if len(found) > 1 else ""
        yield f"rests on {len(found)} corrected or withdrawn reading{many} of {', '.join(names)}"


def _lost(store: Store, site_id: str, meters: Mapping[str, MeterSpec], end_us: int) -> Iterator[str]:
    """Which hours of the twelve months somebody declared lost, who, and why."""
    with store.opened() as connection:
        if not has_lost(connection, site_id):
            return
        from zonewright.telemetry.lost_hours import decided_hours, still_lost  # noqa: PLC0415 - few ever lost any

        decided = decided_hours(connection, site_id)
    for one in still_lost(decided, _year_before(end_us), end_us):
        if one.meter in meters:
            yield one.sentence


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


def _projection(
    readings: WindowFigures, site: Site, end_us: int, rest: _Rest, load_w: int | None
) -> YearProjection | None:
    """The calendar year in the site's time zone: what is measured of it, and the rest by the load model; or None.

    By a fitted model the rest is that of the season: of the bands that the same days had a year before.
    """
    model = rest.model
    if model is None or load_w is None:
        return None
    begin, after = year_around(site.time_zone, end_us)
    so_far = readings.figure(begin, end_us) if end_us > begin else None
    if so_far is not None and (so_far.coverage < 1 or any(doubt.decides for doubt in so_far.doubts)):
        return None
    rest_h = Fraction(after - end_us, HOUR_US)
    overhead, width = _rest_overhead(model, rest, Fraction(load_w), (end_us, after))
    found = YearProjection(
        total_wh=so_far.energy_total_wh if so_far else Fraction(),
        it_wh=so_far.energy_it_wh if so_far else Fraction(),
        rest_it_wh=load_w * rest_h,
        rest_total_wh=(load_w + (overhead or 0)) * rest_h,
        rest_width_wh=width * rest_h,
    )
    return None if overhead is None or found.it_wh + found.rest_it_wh <= 0 else found


def _projected(year: YearProjection | None, limit: Fraction) -> EnergyVerdict:
    """Of a fitted model the verdict counts what it may err by."""
    if year is None:
        return "undetermined"
    low, high = year.bounds
    return "within" if high <= limit else ("breach" if low > limit else "undetermined")


def year_around(time_zone: str, end_us: int) -> tuple[int, int]:
    """Begin and end of the calendar year of a time zone in which an hour ends, in microseconds since 1970."""
    zone = ZoneInfo(time_zone)
    year = (_EPOCH + end_us * MICROSECOND - timedelta(microseconds=1)).astimezone(zone).year
    begin, after = (
        (datetime(one, 1, 1, tzinfo=zone).astimezone(UTC) - _EPOCH) // MICROSECOND for one in (year, year + 1)
    )
    return begin, after


def _rest_overhead(
    model: LoadModel, rest: _Rest, it_w: Fraction, times: tuple[int, int]
) -> tuple[Fraction | None, Fraction]:
    """Mean overhead of the rest of a year in watts, and how far it may err; None beyond what a fit reaches."""
    fit = rest.fit
    if fit is None or rest.known is None:
        return model.overhead_w(it_w), Fraction()
    if not replace(model, fit=fit).reaches(it_w):
        return None, Fraction()
    season = range(times[0] // _DAY_US - YEAR_DAYS, -(-times[1] // _DAY_US) - YEAR_DAYS)
    curve, covariance, _ = rest_of_year(fit, rest.known.days, season, first=rest.known.first)
    overhead = overhead_w(curve, fit.scale_w, it_w) + model.opened_w
    return overhead, half_width_w(covariance, powers(it_w, fit.scale_w))

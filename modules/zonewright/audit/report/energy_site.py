"""What the page on a site's energy shows, from its readings: months, days, flows and coverage. Numbers, no markup."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from zonewright.model import Site
from zonewright.model.world import Measured
from zonewright.pue.doubt import COARSEST_CLASS, Shares
from zonewright.pue.load_model import LoadModel
from zonewright.pue.meters import MeterSpec
from zonewright.pue.overhead import OverheadDay
from zonewright.telemetry import Store
from zonewright.telemetry.balancing import unbalanced
from zonewright.telemetry.figures import Terms
from zonewright.telemetry.overheads import overheads
from zonewright.telemetry.site_meters import meters_of
from zonewright.telemetry.summing import DAY_US, HOUR_US, Sum, as_energy
from zonewright.telemetry.window import WindowFigures

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS, _DAYS = 13, 371
LEVELS: Mapping[str, str] = {
    "utility": "comes in",
    "generator": "comes in",
    "cooling": "cooling",
    "ups-output": "UPS output",
    "pdu-output": "PDU output",
    "server-input": "server input",
}
"""By metering point, the level that a meter is shown at, in the order of the flow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthFigure:
    """A calendar month (UTC): ratio, bounds of what is unknown and what meters err by, and coverage from 0 to 1."""

    name: str
    ratio: float | None
    low: float | None
    high: float | None
    coverage: float
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterFlow:
    """Energy of a meter in the twelve months, in MWh, over the share of the time that it is known."""

    name: str
    level: str
    mwh: float
    coverage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergySite:
    """One site.

    Attributes:
        site: its id.
        title: its name.
        limit: the ratio that may not be exceeded.
        lines: the status, for people.
        months: the last thirteen, in order.
        days: days that are known throughout.
        model: the load model, fitted or declared.
        flows: by meter, in order of the flow.
        imbalances: what does not close, as sentences.
        coverage: day, and the share of it that every meter of the boundary is known, in order.
        end: end of the last complete hour.
    """

    site: str
    title: str
    limit: Fraction
    lines: Sequence[str]
    months: Sequence[MonthFigure]
    days: Sequence[OverheadDay]
    model: LoadModel
    flows: Sequence[MeterFlow]
    imbalances: Sequence[str]
    coverage: Sequence[tuple[str, float]]
    end: str


def energy_site(
    store: Store,
    site_id: str,
    site: Site,
    *,
    found: Measured,
    model: LoadModel,
    terms: Terms,
    lines: Sequence[str],
) -> EnergySite:
    """What there is to show of a site that has readings of each meter of its boundary.

    Args:
        store: the readings.
        site_id: its id.
        site: its declaration.
        found: what is measured of it.
        model: its load model, with the rooms that are open.
        terms: on which terms readings count.
        lines: its status, for people.
    """
    meters, last = meters_of(site), store.last(site_id)
    end_us = min(last[name][0] for name in meters) // HOUR_US * HOUR_US
    year = (end_us - 365 * DAY_US, end_us)
    known = overheads(
        store,
        site_id,
        site,
        meters,
        end_us=end_us,
        model=model,
        opened={},
        doubts=(),
        trusted=terms.trusted,
    )
    return EnergySite(
        site=site_id,
        title=site.title,
        limit=terms.limit,
        lines=lines,
        months=list(_months(store, site_id, meters, terms.limit, end_us)),
        days=[one for _, one in sorted(known.days.items())],
        model=model,
        flows=_flows(site, store.sums(site_id, *year)),
        imbalances=[one.sentence for one in unbalanced(store, site_id, site, year, terms.balance_percent)]
        + [one for one in found.findings if one == found.reason],
        coverage=list(_coverage(store, site_id, meters, end_us)),
        end=f"{_EPOCH + timedelta(microseconds=end_us):%Y-%m-%d %H:%M} UTC",
    )


def _months(
    store: Store, site_id: str, meters: Mapping[str, MeterSpec], limit: Fraction, end_us: int
) -> Iterator[MonthFigure]:
    figures = WindowFigures(store, site_id, meters, limit)
    first = (_EPOCH + timedelta(microseconds=end_us - 1)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    begins = [first]
    while len(begins) < _MONTHS:
        begins.append((begins[-1] - timedelta(days=1)).replace(day=1))
    for begin in reversed(begins):
        after = (begin + timedelta(days=32)).replace(day=1)
        low, high = ((one - _EPOCH) // timedelta(microseconds=1) for one in (begin, after))
        one = figures.figure(low, min(high, end_us))
        sums = store.sums(site_id, low, min(high, end_us))
        width = _half_width(meters, sums) if one.ratio is not None else 0.0
        bounds = [None if bound is None else float(bound) for bound in (one.low, one.high)]
        yield MonthFigure(
            name=f"{begin:%Y-%m}",
            ratio=None if one.ratio is None else float(one.ratio),
            low=None if bounds[0] is None else bounds[0] * (1 - width),
            high=None if bounds[1] is None else bounds[1] * (1 + width),
            coverage=float(one.coverage),
            verdict=one.verdict,
        )


def _half_width(meters: Mapping[str, MeterSpec], sums: Mapping[str, Sum]) -> float:
    """How far the classes of the meters let a ratio err, as a share of it."""
    energies = {name: as_energy(sums[name].energy_mj) if name in sums else Fraction() for name in meters}
    return Shares(meters=meters, energies=energies).half_width(COARSEST_CLASS) or 0.0


def _flows(site: Site, sums: Mapping[str, Sum]) -> list[MeterFlow]:
    return [
        MeterFlow(
            name=name,
            level=LEVELS[meter.point],
            mwh=float(as_energy(sums[name].energy_mj)) / 10**6 if name in sums else 0.0,
            coverage=sums[name].covered_us / (365 * DAY_US) if name in sums else 0.0,
        )
        for name, meter in sorted(site.meters.items(), key=lambda item: (_place(item[1].point), item[0]))
        if meter.point in LEVELS
    ]


def _place(point: str) -> int:
    return list(LEVELS).index(point) if point in LEVELS else len(LEVELS)


def _coverage(store: Store, site_id: str, meters: Mapping[str, MeterSpec], end_us: int) -> Iterator[tuple[str, float]]:
    last = -(-end_us // DAY_US)
    rows = store.days(site_id, (last - _DAYS) * DAY_US, last * DAY_US)
    by_day = {name: {one.begin_us // DAY_US: one.covered_us for one in rows.get(name, ())} for name in meters}
    for day in range(last - _DAYS, last):
        share = min(some.get(day, 0) for some in by_day.values()) / DAY_US
        yield f"{_EPOCH + timedelta(days=day):%Y-%m-%d}", share

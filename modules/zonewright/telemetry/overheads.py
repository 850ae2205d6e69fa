"""The days that a site's overhead is fitted to: what meters counted, which rooms were open, how warm it was outside.

A day counts where every meter of the boundary is known throughout and no finding is about it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from zonewright.model import Site
from zonewright.model.base import TrustClass
from zonewright.model.overhead_fit import OverheadFit
from zonewright.pue.doubt import Doubt
from zonewright.pue.load_model import LoadModel
from zonewright.pue.meters import ZERO_CELSIUS, MeterSpec
from zonewright.pue.overhead import YEAR_DAYS, OverheadDay, fit_overhead
from zonewright.telemetry.interface import ReadingStore
from zonewright.telemetry.summing import DAY_US, Bin

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ALWAYS = 0
_CELSIUS_CC = int(100 * ZERO_CELSIUS)
_SAME_DAYS = 21
"""No air has one daily mean for so many days in succession, even in whole degrees: the thermometer stands still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overheads:
    """The days of a site's last year.

    Attributes:
        days: those that are known throughout, by day since 1970.
        climate: mean outside temperatures of all days on which it is known, in hundredths of a degree Celsius; None
            where the site has no such meter.
        first: the first day of the present state of the plant.
        plant: that state; empty where none is declared.
    """

    days: Mapping[int, OverheadDay]
    climate: tuple[int, ...] | None
    first: int
    plant: str

    def fit(self) -> OverheadFit | str:
        """The fit, or why there is none."""
        days = tuple(one for number, one in sorted(self.days.items()) if number >= self.first)
        first = min((one.day for one in days), default=self.first)
        text = f"{_EPOCH + timedelta(days=first):%Y-%m-%d}"
        return fit_overhead(days, self.climate, plant=self.plant, first=text)


def overheads(
    store: ReadingStore,
    site_id: str,
    site: Site,
    meters: Mapping[str, MeterSpec],
    *,
    end_us: int,
    model: LoadModel,
    opened: Mapping[str, datetime],
    doubts: Sequence[Doubt],
    trusted: frozenset[TrustClass],
) -> Overheads:
    """What is known of a site's overhead.

    Args:
        store: the readings.
        site_id: id of the site.
        site: its declaration.
        meters: the meters of its boundary.
        end_us: end of the last complete hour.
        model: its declared load model, with the rooms that are open now.
        opened: since when each of these rooms is open; one that is not named always was.
        doubts: findings on its meters; the days that they are about are left out.
        trusted: trust classes that count.
    """
    last = end_us // DAY_US
    rows = store.days(site_id, (last - YEAR_DAYS) * DAY_US, last * DAY_US)
    warm = _temperatures(store, site_id, site, rows, trusted)
    by_day = {name: {one.begin_us // DAY_US: one for one in rows.get(name, ())} for name in meters}
    shared = set.intersection(*(set(some) for some in by_day.values()))
    since = {room: _day_after(moment) for room, moment in opened.items()}
    found: dict[int, OverheadDay] = {}
    for day in sorted(shared):
        bins = {name: some[day] for name, some in by_day.items()}
        if (
            any(one.covered_us != DAY_US for one in bins.values())
            or day + 1 in since.values()
            or _is_doubted(day, doubts)
        ):
            continue
        sides = [
            sum(_watts(bins[name]) for name, one in meters.items() if one.role == role) for role in ("total", "it")
        ]
        rooms_w = sum((watts for room, watts in model.rooms_w if since.get(room, _ALWAYS) <= day), Fraction())
        found[day] = OverheadDay(
            day, sides[1], sides[0] - sides[1] - round(rooms_w), None if warm is None else warm.get(day)
        )
    first, plant = _state(site, last)
    return Overheads(days=found, climate=None if warm is None else tuple(warm.values()), first=first, plant=plant)


def _temperatures(
    store: ReadingStore, site_id: str, site: Site, rows: Mapping[str, Sequence[Bin]], trusted: frozenset[TrustClass]
) -> dict[int, int] | None:
    """Mean outside temperature of each day, at least half of which is known and not of a thermometer that stands still.

    None where nothing measures it.
    """
    name = next((name for name, meter in sorted(site.meters.items()) if meter.kind == "temperature"), None)
    if name is None or not rows.get(name) or not store.trusts(site_id, name) <= trusted:
        return None
    found = {
        one.begin_us // DAY_US: one.energy_mj * 100_000 // one.covered_us - _CELSIUS_CC
        for one in rows[name]
        if 2 * one.covered_us >= DAY_US
    }
    runs = (range(day, day + _SAME_DAYS) for day in found)
    still = {day for run in runs if len({found.get(day) for day in run}) == 1 for day in run}
    return {day: value for day, value in found.items() if day not in still}


def _watts(one: Bin) -> int:
    return one.energy_mj * 1_000 // one.covered_us


def _day_after(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(days=1) + 1


def _is_doubted(day: int, doubts: Sequence[Doubt]) -> bool:
    """Whether a finding is about a day; one that names no time is about all of them, and decides."""
    return any(one.start_us < (day + 1) * DAY_US and one.end_us > day * DAY_US for one in doubts)


def _state(site: Site, last: int) -> tuple[int, str]:
    """The first day of the present state of the plant, and its id."""
    states = [
        ((datetime.fromisoformat(f"{one.since}T00:00:00+00:00") - _EPOCH).days, name)
        for name, one in site.plant.items()
    ]
    return max(((day, name) for day, name in states if day <= last), default=(_ALWAYS, ""))

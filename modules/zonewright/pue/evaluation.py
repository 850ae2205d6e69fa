"""The energy ratio of a window, with what is known of it: coverage, bounds, a verdict that is never rounded first.

ISO/IEC 30134-2 (EN 50600-4-2): PUE is energy into the data centre over energy of its IT equipment, over twelve months;
over less it is interim. A mean of ratios is another number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from zonewright.model.world import EnergyVerdict
from zonewright.pue.doubt import Doubt, Shares, below_one, contradicted, refusals, unit_doubt
from zonewright.pue.history import alike, standing, unit_steps
from zonewright.pue.meters import MeterSpec
from zonewright.pue.pieces import Refused, pieces_of
from zonewright.pue.readings import Reading
from zonewright.pue.series import Series, common

Period = Literal["annual", "interim"]
YEAR_US = 365 * 86_400 * 10**6
COVERAGE_FLOOR = Fraction(9, 10)
"""Below it bounds decide nothing: the figure is undetermined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterInterval:
    """What the meters' classes add: the ratio give or take ``half_width``, and the verdict with it."""

    half_width: float
    verdict: EnergyVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """An energy ratio over a window.

    Attributes:
        window_s: length of the window in seconds.
        energy_total_wh: energy into the boundary over the time in which every meter is known.
        energy_it_wh: energy of the IT equipment over the same time.
        ratio: of the two, or None without IT energy.
        low: least ratio over the whole window, None where nothing bounds it.
        high: largest ratio over the whole window, None where nothing bounds it.
        coverage: share of the window in which every meter is known.
        period: ``annual`` from 365 days on, else ``interim``.
        verdict: ``within`` if ``high`` is, ``breach`` if ``low`` is above the limit, else ``undetermined``; that also
            where less is known than ``COVERAGE_FLOOR``, and where a doubt decides.
        meters: what the meters' classes add, where all of them state one.
        doubts: findings on the meters, those that decide first.
    """

    window_s: Fraction
    energy_total_wh: Fraction
    energy_it_wh: Fraction
    ratio: Fraction | None
    low: Fraction | None
    high: Fraction | None
    coverage: Fraction
    period: Period
    verdict: EnergyVerdict
    meters: MeterInterval | None = None
    doubts: tuple[Doubt, ...] = ()


def evaluate(
    meters: Mapping[str, MeterSpec],
    readings: Mapping[str, Sequence[Reading]],
    *,
    start_us: int,
    end_us: int,
    limit: Fraction,
    doubts_alike: bool = True,
) -> Figure:
    """Evaluate a window.

    Args:
        meters: by id; at least one of each side of the ratio. Temperatures are left out.
        readings: by meter, in order of time.
        start_us: begin of the window in microseconds since 1970, inside it.
        end_us: end of the window, outside it.
        limit: the ratio that may not be exceeded.
        doubts_alike: whether meters that show the very same are doubted.
    """
    window = end_us - start_us
    meters = {name: meter for name, meter in meters.items() if meter.role != "outside"}
    refused: dict[str, list[Refused]] = {name: [] for name in meters}
    pieces = {name: pieces_of(meter, readings.get(name, ()), refused[name]) for name, meter in meters.items()}
    series = {name: Series(pieces[name], start_us, end_us) for name in meters}
    ratings = list(contradicted(meters, series, refused))
    unrated = {name for doubt in ratings for name in doubt.meters}
    doubts = list(refusals({name: items for name, items in refused.items() if name not in unrated}, start_us, end_us))
    bounding = {
        name: one.model_copy(update={"rating_w": None}) if name in unrated else one for name, one in meters.items()
    }
    still = list(standing(meters, pieces, series))
    for name in {name for name, _, _, _ in still}:
        series[name] = series[name].without([(low, high) for one, low, high, _ in still if one == name])
    shared = [(start_us, end_us)]
    for one in series.values():
        shared = common(shared, one.runs)
    known = sum(high - low for low, high in shared)
    by_meter = {name: sum((one.energy(*part) for part in shared), Fraction()) for name, one in series.items()}
    shares = Shares(meters=meters, energies=by_meter)
    total, it = shares.of("total"), shares.of("it")
    low, high = _bounds(bounding, series, window)
    ratio = total / it if it else None
    coverage = Fraction(known, window)
    below = below_one(meters, series, shared, high)
    units = list(unit_steps(meters, series, shares, limit))
    unit = unit_doubt(bounding, by_meter, known, limit) if below is None else None
    doubts += [*ratings, *(doubt for _, _, _, doubt in still), *units]
    doubts += alike(meters, series, shares, limit) if doubts_alike else ()
    doubts += [one for one in (below, unit) if one is not None]
    doubts.sort(key=lambda doubt: not doubt.decides)
    is_open = coverage < COVERAGE_FLOOR or any(doubt.decides for doubt in doubts)
    return Figure(
        window_s=Fraction(window, 10**6),
        energy_total_wh=total,
        energy_it_wh=it,
        ratio=ratio,
        low=low,
        high=high,
        coverage=coverage,
        period="annual" if window >= YEAR_US else "interim",
        verdict="undetermined" if is_open else _verdict(low, high, limit),
        meters=_meter_interval(shares, ratio, limit, is_open=is_open),
        doubts=tuple(doubts),
    )


def _verdict(low: Fraction | None, high: Fraction | None, limit: Fraction) -> EnergyVerdict:
    if high is not None and high <= limit:
        return "within"
    return "breach" if low is not None and low > limit else "undetermined"


def _bounds(
    meters: Mapping[str, MeterSpec], series: Mapping[str, Series], window_us: int
) -> tuple[Fraction | None, Fraction | None]:
    """Each unknown stretch of a meter holds between nothing and its rating times its length."""
    least = {"total": Fraction(), "it": Fraction()}
    most: dict[str, Fraction | None] = {"total": Fraction(), "it": Fraction()}
    for name, meter in meters.items():
        one = series[name]
        known = sum((one.energy(*run) for run in one.runs), Fraction())
        unknown_us = window_us - sum(high - low for low, high in one.runs)
        least[meter.role] += known
        so_far = most[meter.role]
        if unknown_us and meter.rating_w is None:
            most[meter.role] = None
        elif so_far is not None:
            most[meter.role] = so_far + known + Fraction((meter.rating_w or 0) * unknown_us, 3600 * 10**6)
    total_most, it_most = most["total"], most["it"]
    low = least["total"] / it_most if it_most else None
    high = total_most / least["it"] if total_most is not None and least["it"] else None
    return low, high


def _meter_interval(shares: Shares, ratio: Fraction | None, limit: Fraction, *, is_open: bool) -> MeterInterval | None:
    relative = shares.half_width(None) if ratio is not None else None
    if ratio is None or relative is None:
        return None
    half_width = relative * float(ratio)
    width = Fraction(half_width)
    verdict = "undetermined" if is_open else _verdict(ratio - width, ratio + width, limit)
    return MeterInterval(half_width=half_width, verdict=verdict)

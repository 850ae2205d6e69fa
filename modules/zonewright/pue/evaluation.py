"""The energy ratio of a window, with what is known of it: coverage, bounds, a verdict that is never rounded first.

ISO/IEC 30134-2 (EN 50600-4-2): PUE is energy into the data centre over energy of its IT equipment, over twelve months;
over less it is interim. A mean of ratios is another number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt
from typing import Literal

from zonewright.model.world import EnergyVerdict
from zonewright.pue.meters import ROLES, MeterRole, MeterSpec, percent
from zonewright.pue.pieces import Series, common, pieces_of
from zonewright.pue.readings import Reading

Period = Literal["annual", "interim"]
_YEAR_US = 365 * 86_400 * 10**6
_COVERAGE_FACTOR = 2
"""k = 2: an interval of about 95 % (GUM, JCGM 100:2008, 6.3)."""


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
        verdict: ``within`` if ``high`` is, ``breach`` if ``low`` is above the limit, else ``undetermined``.
        meters: what the meters' classes add, where all of them state one.
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


def evaluate(
    meters: Mapping[str, MeterSpec],
    readings: Mapping[str, Sequence[Reading]],
    *,
    start_us: int,
    end_us: int,
    limit: Fraction,
) -> Figure:
    """Evaluate a window.

    Args:
        meters: by id; at least one of each role.
        readings: by meter, in order of time.
        start_us: begin of the window in microseconds since 1970, inside it.
        end_us: end of the window, outside it.
        limit: the ratio that may not be exceeded.
    """
    window = end_us - start_us
    series = {
        name: Series(pieces_of(meter, readings.get(name, ())), start_us, end_us) for name, meter in meters.items()
    }
    shared = [(start_us, end_us)]
    for one in series.values():
        shared = common(shared, one.runs)
    known = sum(high - low for low, high in shared)
    by_meter = {name: sum((one.energy(*part) for part in shared), Fraction()) for name, one in series.items()}
    total, it = (_of_role(role, meters, by_meter) for role in ROLES)
    low, high = _bounds(meters, series, window)
    ratio = total / it if it else None
    return Figure(
        window_s=Fraction(window, 10**6),
        energy_total_wh=total,
        energy_it_wh=it,
        ratio=ratio,
        low=low,
        high=high,
        coverage=Fraction(known, window),
        period="annual" if window >= _YEAR_US else "interim",
        verdict=_verdict(low, high, limit),
        meters=_meter_interval(meters, by_meter, ratio, limit),
    )


def _of_role(role: MeterRole, meters: Mapping[str, MeterSpec], energies: Mapping[str, Fraction]) -> Fraction:
    return sum((energies[name] for name, meter in meters.items() if meter.role == role), Fraction())


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


def _meter_interval(
    meters: Mapping[str, MeterSpec], energies: Mapping[str, Fraction], ratio: Fraction | None, limit: Fraction
) -> MeterInterval | None:
    """Class c percent is a rectangular limit, u = c / sqrt(3); independent meters add as squares (GUM 5.1.2)."""
    if ratio is None or any(meter.accuracy_class is None for meter in meters.values()):
        return None
    square = 0.0
    for role in ROLES:
        of_role = [name for name, meter in meters.items() if meter.role == role]
        whole = float(sum((energies[name] for name in of_role), Fraction()))
        if whole == 0:
            return None
        for name in of_role:
            share = float(energies[name]) / whole
            square += (share * float(percent(meters[name].accuracy_class or 0)) / sqrt(3)) ** 2
    half_width = _COVERAGE_FACTOR * sqrt(square) * float(ratio)
    width = Fraction(half_width)
    return MeterInterval(half_width=half_width, verdict=_verdict(ratio - width, ratio + width, limit))

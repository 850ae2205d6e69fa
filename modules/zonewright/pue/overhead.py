"""Fits a site's overhead ``a + b P + c P^2`` to its days: by band of outside temperature, robust, with its interval.

All of it is exact arithmetic on whole watts, so each machine gets the same numbers. What is rounded is rounded to the
side of more overhead and of less certainty.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from math import isqrt
from typing import NamedTuple

from zonewright.model.overhead_fit import BandFit, Covariance, Curve, OverheadFit
from zonewright.pue.doubt import COVERAGE_FACTOR
from zonewright.pue.least_squares import covariance_of, least_squares

EDGES_C = (0, 10, 20, 30)
"""Where bands of outside temperature meet, in degrees Celsius."""
YEAR_DAYS = 365
REACH = Fraction(23, 20)
"""A curve says nothing of loads above 1.15 times the highest that was seen."""
_WHOLE_YEAR = Fraction(9, 10)
"""Share of a year's days that must be known: where temperature is not known, of the fit; else, of the temperature."""
_LEAST_DAYS = 28
"""Days that make a curve; a band with fewer is taken together with its neighbour."""
_SEEN = 14
"""Days, or half of those of the year if that is less, that must be known in each band: no season is guessed."""
_LEAST_ALIKE, _MOST_ALIKE = 2, 30
"""Days that follow one another err alike, so a variance counts fewer: by how much they show it, within these bounds."""
_OUTLIER_NUMERATOR, _OUTLIER_DENOMINATOR = 15, 2
"""A day is left out beyond 7.5 times the median residual: five standard deviations of normal ones."""
_MOST_LEFT_OUT = Fraction(1, 10)
_MOST_UNSURE = Fraction(1, 10)
"""A curve that errs by more is no better than what is declared, which is taken to err by a tenth."""
_COLDER_CC = 100
"""By how much the days of a band that a curve rests on may be colder than all of the year's: a cool week of a band says
little of its hot ones."""
_GROUPS, _IN_GROUP = 12, 5
_MILLI = 1_000
_SLACK_MW2 = 9
"""What the rounding of a covariance may hide, for vectors of numbers of at most 1.3."""


class OverheadDay(NamedTuple):
    """A day (UTC) on which every meter of a boundary is known.

    Attributes:
        day: days since 1970.
        it_w: mean IT load in watts.
        overhead_w: mean of all other load, without the declared part of each room that was open.
        temperature_cc: mean outside temperature in hundredths of a degree Celsius, None where it is not known.
    """

    day: int
    it_w: int
    overhead_w: int
    temperature_cc: int | None = None


_Group = tuple[tuple[int | None, int | None], int, list[OverheadDay]]


def overhead_w(curve: Curve, scale_w: int, it_w: Fraction) -> Fraction:
    """What a curve says of an IT load, in watts."""
    x = it_w / scale_w
    return (curve[0] + curve[1] * x + curve[2] * x * x) / _MILLI


def half_width_w(covariance: Covariance, vector: Sequence[Fraction]) -> Fraction:
    """How far a sum of a curve's numbers, each times one of a vector, may err (k = 2), in watts; rounded up.

    Args:
        covariance: of the curve.
        vector: what its numbers are multiplied with, such as ``1, x, x^2``.
    """
    one, two, three = vector
    c00, c01, c02, c11, c12, c22 = covariance
    square = c00 * one * one + c11 * two * two + c22 * three * three
    square += 2 * (c01 * one * two + c02 * one * three + c12 * two * three)
    slack = _SLACK_MW2 * (abs(one) + abs(two) + abs(three)) ** 2
    whole = -(
        -(max(square, Fraction()) + slack) * 10**6 // 1
    )  # in square microwatts, so that a small ratio stays small
    return Fraction(COVERAGE_FACTOR * (isqrt(whole) + 1), 10**6)


def powers(it_w: Fraction, scale_w: int) -> tuple[Fraction, Fraction, Fraction]:
    """What the numbers of a curve are multiplied with at a load."""
    x = it_w / scale_w
    return Fraction(1), x, x * x


@lru_cache(maxsize=64)
def fit_overhead(
    days: tuple[OverheadDay, ...], climate: tuple[int, ...] | None, *, plant: str, first: str
) -> OverheadFit | str:
    """The fit, or why there is none, in a few words. What was fitted last is remembered: days change once a day.

    Args:
        days: what was measured in the present state of the plant, in order.
        climate: mean outside temperatures of the last year's days in hundredths of a degree; None where a site has no
            such meter: then the days themselves must be those of a year.
        plant: that state.
        first: the first day, for people.
    """
    year = climate
    known = list(days) if year is None else [one for one in days if one.temperature_cc is not None]
    known = [one for one in known if one.it_w > 0]
    groups = _bands(known, year)
    if isinstance(groups, str):
        return groups
    scale_w = max(one.it_w for one in known)
    found = _fitted_bands(groups, scale_w)
    if not isinstance(found, str) and found.most_w < scale_w:  # the highest load is that of a day that is left out
        scale_w = found.most_w
        found = _fitted_bands(groups, scale_w)
    if isinstance(found, str):
        return found
    bands, residuals = found.bands, found.residuals
    alike = _alike(residuals)
    bands = [replace(one, covariance=_scaled(one.covariance, alike)) for one in bands]
    curve, covariance = _of_a_year(bands)
    used = sum(band.days for band in bands)
    it_w = sum(one.it_w for one in known) // len(known)
    reach_w = _reach(curve, covariance, scale_w, it_w)
    if reach_w < scale_w:
        return f"above {reach_w / 1000:,.0f} kW of IT the overhead would be less sure than what is declared"
    return OverheadFit(
        scale_w=scale_w,
        reach_w=reach_w,
        curve=curve,
        covariance=covariance,
        bands=tuple(bands),
        first=first,
        days=used,
        left_out=len(known) - used,
        plant=plant,
        it_w=it_w,
    )


class _FittedBands(NamedTuple):
    bands: list[BandFit]
    residuals: dict[int, int]
    most_w: int


def _fitted_bands(groups: Sequence[_Group], scale_w: int) -> _FittedBands | str:
    """The curve of each band, what days have above it by day, and the highest load of those; or why there is none."""
    bands: list[BandFit] = []
    residuals: dict[int, int] = {}
    most_w = 0
    for (low, high), year_days, members in groups:
        found = _curve(members, scale_w)
        if found is None:
            return "IT load was always the same, so nothing tells how overhead follows it"
        curve, covariance, kept = found
        if (len(members) - len(kept)) > _MOST_LEFT_OUT * len(members):
            return f"{len(members) - len(kept)} of {len(members)} days contradict the others"
        residuals |= {one.day: _residual_mw(one.it_w, one.overhead_w, curve, scale_w) for one in kept}
        most_w = max(most_w, *(one.it_w for one in kept))
        bands.append(
            BandFit(low_c=low, high_c=high, year_days=year_days, days=len(kept), curve=curve, covariance=covariance)
        )
    return _FittedBands(bands, residuals, most_w)


def _reach(curve: Curve, covariance: Covariance, scale_w: int, it_w: int) -> int:
    """Up to which load a curve is as sure as what is declared, at most as far as any reaches; 0 where it never is."""

    def is_sure(load_w: int) -> bool:
        load = Fraction(load_w)
        width = half_width_w(covariance, powers(load, scale_w))
        return width <= _MOST_UNSURE * overhead_w(curve, scale_w, load)

    low, high = it_w, int(REACH * scale_w)
    if not is_sure(low):
        return 0
    if is_sure(high):
        return high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_sure(middle) else (low, middle)
    return low


def _alike(residuals: Mapping[int, int]) -> int:
    """How many days count as one, by how much a day's residual tells that of the next; rounded up."""
    pairs = [(value, residuals[day + 1]) for day, value in residuals.items() if day + 1 in residuals]
    squares = sum(one * one + two * two for one, two in pairs)
    share = Fraction(2 * sum(one * two for one, two in pairs), squares) if squares else Fraction(1)
    if share >= Fraction(_MOST_ALIKE - 1, _MOST_ALIKE + 1):
        return _MOST_ALIKE
    return max(_LEAST_ALIKE, int(-(-(1 + share) / (1 - share) // 1)))


def _scaled(covariance: Covariance, factor: int) -> Covariance:
    one, two, three, four, five, six = (factor * number for number in covariance)
    return one, two, three, four, five, six


def _bands(known: Sequence[OverheadDay], year: Sequence[int] | None) -> list[_Group] | str:
    """Days by band, neighbours together where one has too few; or why there are too few."""
    if year is None:
        least = -(-_WHOLE_YEAR * YEAR_DAYS // 1)
        if len(known) < least:
            return f"{len(known)} days are known, and without outside temperature it takes {least} of a year"
        return [((None, None), YEAR_DAYS, list(known))]
    least = -(-_WHOLE_YEAR * YEAR_DAYS // 1)
    if len(year) < least:
        return f"outside temperature is known for {len(year)} days, and it takes {least} of a year"
    edges: list[int | None] = [None, *EDGES_C, None]
    if len(known) < least and sum(any(_is_in(one, *band) for one in year) for band in pairwise(edges)) == 1:
        return f"{len(known)} days are known, and where all of a year is in one band of temperature it takes {least}"
    groups: list[_Group] = []
    for index in range(len(edges) - 1):
        low, high = edges[index], edges[index + 1]
        members = [one for one in known if one.temperature_cc is not None and _is_in(one.temperature_cc, low, high)]
        total = sum(_is_in(one, low, high) for one in year)
        if len(members) < min(_SEEN, -(-total // 2)):
            return f"{len(members)} days are known of the {total} with {_band_text(low, high)} outside"
        groups.append(((low, high), total, members))
    merged = _merged(groups)
    return _colder(merged, year) or merged or f"{len(known)} days are known, and it takes {_LEAST_DAYS}"


def _colder(groups: Sequence[_Group], year: Sequence[int]) -> str:
    """Why the days known of a band say little of those that the year had; empty where they do."""
    for (low, high), total, members in groups:
        degrees = sum(one for one in year if _is_in(one, low, high))
        mine = sum(one.temperature_cc or 0 for one in members)
        if degrees * len(members) - mine * total > _COLDER_CC * total * len(members):
            some = f"the {len(members)} days known with {_band_text(low, high)} outside"
            return f"{some} are more than {_COLDER_CC // 100} degree colder than the {total} of the year"
    return ""


def _merged(groups: list[_Group]) -> list[_Group]:
    """Neighbours together until each has days enough; none where all of them have too few."""
    found = list(groups)
    while len(found) > 1 and any(len(members) < _LEAST_DAYS for _, _, members in found):
        index = min(range(len(found)), key=lambda one: (len(found[one][2]), one))
        other = index - 1 if index else 1
        low, high = min(index, other), max(index, other)
        one, two = found[low], found[high]
        found[low : high + 1] = [((one[0][0], two[0][1]), one[1] + two[1], [*one[2], *two[2]])]
    return found if len(found[0][2]) >= _LEAST_DAYS else []


def _is_in(temperature_cc: int, low_c: int | None, high_c: int | None) -> bool:
    return (low_c is None or temperature_cc >= 100 * low_c) and (high_c is None or temperature_cc < 100 * high_c)


def _band_text(low_c: int | None, high_c: int | None) -> str:
    if low_c is None:
        return "any temperature" if high_c is None else f"less than {high_c} C"
    return f"{low_c} C and more" if high_c is None else f"{low_c} to {high_c} C"


def band_of(fit: OverheadFit, temperature_cc: int | None) -> BandFit | None:
    """The band of a temperature; None where it is not known and there are several."""
    if temperature_cc is None:
        return fit.bands[0] if len(fit.bands) == 1 else None
    return next(one for one in fit.bands if _is_in(temperature_cc, one.low_c, one.high_c))


def _curve(days: Sequence[OverheadDay], scale_w: int) -> tuple[Curve, Covariance, list[OverheadDay]] | None:
    """Curve, covariance and the days that it rests on; None where loads do not tell a curve."""
    begin = least_squares(_medians(days), scale_w)
    if begin is None:
        return None
    kept = _near(days, begin[0], scale_w)
    for _ in range(2):
        found = least_squares([(one.it_w, one.overhead_w) for one in kept], scale_w)
        if found is None:
            return None
        kept = _near(days, found[0], scale_w)
    pairs = [(one.it_w, one.overhead_w) for one in kept]
    last = least_squares(pairs, scale_w)
    covariance = None if last is None else covariance_of(pairs, last[1], scale_w)
    if last is None or covariance is None:
        return None
    curve, counted = last[0], set(kept)
    above = sum(
        value
        for one in days
        for value in [_residual_mw(one.it_w, one.overhead_w, curve, scale_w)]
        if value > 0 or one in counted
    )
    return (curve[0] + max(0, -(-above // len(days))), curve[1], curve[2]), covariance, kept


def _medians(days: Sequence[OverheadDay]) -> list[tuple[int, int]]:
    """Median load and overhead of days that are alike in load: a few wrong days among them move nothing."""
    ordered = sorted(days, key=lambda one: (one.it_w, one.overhead_w, one.day))
    count = max(1, min(_GROUPS, len(ordered) // _IN_GROUP))
    found = []
    for number in range(count):
        part = ordered[number * len(ordered) // count : (number + 1) * len(ordered) // count]
        loads, rest = sorted(one.it_w for one in part), sorted(one.overhead_w for one in part)
        found.append((loads[len(part) // 2], rest[len(part) // 2]))
    return found


def _near(days: Sequence[OverheadDay], curve: Curve, scale_w: int) -> list[OverheadDay]:
    residuals = [abs(_residual_mw(one.it_w, one.overhead_w, curve, scale_w)) for one in days]
    median = sorted(residuals)[len(residuals) // 2]
    most = max(_OUTLIER_NUMERATOR * median, _OUTLIER_DENOMINATOR * 2 * _MILLI)
    return [one for one, size in zip(days, residuals, strict=True) if _OUTLIER_DENOMINATOR * size <= most]


def _residual_mw(it_w: int, rest_w: int, curve: Curve, scale_w: int) -> int:
    """What a day had above a curve, in milliwatts, rounded up."""
    square = scale_w * scale_w
    at = curve[0] * square + curve[1] * it_w * scale_w + curve[2] * it_w * it_w
    return -((at - _MILLI * rest_w * square) // square)


def _of_a_year(bands: Sequence[BandFit]) -> tuple[Curve, Covariance]:
    """Bands by their days of the year; what they err by is independent."""
    total = sum(band.year_days for band in bands)
    curve = [-(-sum(band.year_days * band.curve[index] for band in bands) // total) for index in range(3)]
    numbers = [-(-sum(band.year_days**2 * band.covariance[index] for band in bands) // total**2) for index in range(6)]
    return (curve[0], curve[1], curve[2]), (numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5])


def rest_of_year(
    fit: OverheadFit, days: Mapping[int, OverheadDay], season: Collection[int], *, first: int = 0
) -> tuple[Curve, Covariance, int]:
    """The curve of the rest of a year by what the same days had a year before: their bands, and their own residuals.

    What an older plant drew says nothing of this one: its days count by their temperature alone. A season of which less
    than half is known is taken for one of the year.

    Args:
        fit: the fit.
        days: what was measured, by day; also days without a place in the fit, for their temperature.
        season: the days a year before those that are left.
        first: the first day of the present plant.

    Returns:
        Curve, covariance, and how many of these days were known.
    """
    counts: dict[BandFit, int] = {}
    above = known = own = 0
    for number in season:
        one = days.get(number)
        band = None if one is None else band_of(fit, one.temperature_cc)
        if one is not None and band is not None:
            counts[band] = counts.get(band, 0) + 1
            known += 1
            if number >= first:
                above += _residual_mw(one.it_w, one.overhead_w, band.curve, fit.scale_w)
                own += 1
    if not known or 2 * known < len(season):
        return fit.curve, fit.covariance, known
    weighed = [
        BandFit(
            low_c=band.low_c, high_c=band.high_c, year_days=count, days=0, curve=band.curve, covariance=band.covariance
        )
        for band, count in counts.items()
    ]
    curve, covariance = _of_a_year(weighed)
    return (curve[0] - (-above // max(1, own)), curve[1], curve[2]), covariance, known

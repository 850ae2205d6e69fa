"""What makes a figure doubtful: readings that cannot all be true, and what they would mean."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import sqrt
from typing import Literal

from zonewright.pue.meters import ROLES, MeterRole, MeterSpec, percent
from zonewright.pue.pieces import Refused
from zonewright.pue.series import Series

DoubtKind = Literal[
    "below-one", "rating", "standing", "unit", "implausible", "undone", "rounding", "balance", "band", "twice"
]
DAY_US = 86_400 * 10**6
COVERAGE_FACTOR = 2
"""k = 2: an interval of about 95 % (GUM, JCGM 100:2008, 6.3)."""
COARSEST_CLASS = 2.0
"""Percent; what a meter without a class is taken for (IEC 62053-21 knows 1 and 2)."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FEW, _FEW_SHARE, _LARGE_SHARE, _GROSS = 2, Fraction(1, 100), Fraction(1, 10), 10
"""A rating is wrong itself where readings exceed it by less than tenfold, or for more than a tenth of the time, or more
than twice and for more than a hundredth of the time; else the readings are."""
_NAMES_SHOWN = 5
_UNITS = {"kWh": 1_000, "MWh": 1_000_000}
"""What may be taken for Wh."""
_LARGEST_RATIO = 3
"""No data centre needs three times its IT energy: a unit that would make it so is no explanation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A finding on meters.

    Attributes:
        kind: what it is.
        meters: the meters that it is about.
        start_us: begin of the time that it is about, in microseconds since 1970.
        end_us: its end.
        sentence: what was found and what to do, for people.
        decides: with it a figure is undetermined, whatever its numbers; else it is for information, and what is unknown
            because of it shows in coverage and bounds.
    """

    kind: DoubtKind
    meters: tuple[str, ...]
    start_us: int
    end_us: int
    sentence: str
    decides: bool = False


def refusals(refused: Mapping[str, Sequence[Refused]], start_us: int, end_us: int) -> Iterator[Doubt]:
    """One finding for each meter and reason on readings that cannot be, within a window."""
    for name, items in refused.items():
        for why in ("implausible", "undone"):
            found = [one for one in items if one.why == why and one.end_us > start_us and one.start_us < end_us]
            if not found:
                continue
            what = (
                "more than 1.2 times its rating" if why == "implausible" else "a drop and a rise that undo each other"
            )
            if not any(one.is_rise for one in found):
                what = "a reset, and the value that it dropped to"
            times = f" and {len(found) - 1} more" if len(found) > 1 else ""
            yield Doubt(
                kind="implausible" if why == "implausible" else "undone",
                meters=(name,),
                start_us=found[0].start_us,
                end_us=found[-1].end_us,
                sentence=(
                    f"{name} shows {what} from {moment(found[0].start_us)} to {moment(found[0].end_us)}{times}: "
                    "that time is unknown; correct or withdraw the reading"
                ),
            )


def contradicted(
    meters: Mapping[str, MeterSpec], series: Mapping[str, Series], refused: Mapping[str, Sequence[Refused]]
) -> Iterator[Doubt]:
    """Ratings that the readings of their meters contradict, rather than the other way round: they bound nothing."""
    for name, meter in meters.items():
        beyond = [one for one in refused[name] if one.why == "implausible"]
        beyond = [one for one in beyond if one.end_us > series[name].start_us and one.start_us < series[name].end_us]
        refused_us = sum(one.end_us - one.start_us for one in beyond)
        known_us = sum(high - low for low, high in series[name].runs)
        if meter.rating_w is None or not beyond:
            continue
        most, share = max(one.watts for one in beyond), Fraction(refused_us, known_us + refused_us)
        is_slight = any(one.watts <= _GROSS * meter.rating_w for one in beyond)
        if not (is_slight or share > _LARGE_SHARE or (len(beyond) > _FEW and share > _FEW_SHARE)):
            continue
        yield Doubt(
            kind="rating",
            meters=(name,),
            start_us=beyond[0].start_us,
            end_us=beyond[-1].end_us,
            sentence=(
                f"the rating of {name}, {meter.rating_w:,} W, is contradicted by its own readings of up "
                f"to {most:,.0f} W, {most / meter.rating_w:,.1f} times as much: it bounds nothing; correct rating_w "
                "(it is in watts) or the unit of the readings"
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Energies of a part of a window, by meter, over the time in which all are known."""

    meters: Mapping[str, MeterSpec]
    energies: Mapping[str, Fraction]

    def of(self, role: MeterRole) -> Fraction:
        """Energy of a role."""
        return sum((self.energies[name] for name, meter in self.meters.items() if meter.role == role), Fraction())

    def half_width(self, default: float | None) -> float | None:
        """Relative half width of the ratio by the classes of the meters; None where one is not known.

        Class c percent is a rectangular limit, u = c / sqrt(3); independent meters add as squares (GUM 5.1.2).

        Args:
            default: class of a meter that states none, in percent; without it, such a meter makes the width unknown.
        """
        square = 0.0
        for role in ROLES:
            whole = float(self.of(role))
            if whole == 0:
                return None
            for name in (name for name, meter in self.meters.items() if meter.role == role):
                accuracy = self.meters[name].accuracy_class or default
                if accuracy is None:
                    return None
                square += (float(self.energies[name]) / whole * float(percent(accuracy)) / sqrt(3)) ** 2
        return COVERAGE_FACTOR * sqrt(square)


def below_one(
    meters: Mapping[str, MeterSpec],
    series: Mapping[str, Series],
    shared: Sequence[tuple[int, int]],
    most: Fraction | None,
    *,
    with_steps: bool = True,
) -> Doubt | None:
    """A window, a month, a day or a step in which IT equipment took more than came in, beyond what meters can err.

    Energy that lies between two readings of a meter, one within and one outside, may have flowed on either side. A step
    is what lies between two readings of one meter, longer than a day: one that was swapped in a hole shows there.

    Args:
        meters: by id.
        series: what is known of each.
        shared: stretches in which all are known, in order.
        most: the largest ratio of the window, whatever was not measured; None where nothing bounds it.
        with_steps: whether steps are looked at.
    """
    if not shared:
        return None
    start_us, end_us = next(iter(series.values())).start_us, next(iter(series.values())).end_us
    whole = _is_below(meters, series, shared)
    if whole is not None:
        return _told_below(whole, [(start_us, end_us)], "")
    energies = {name: sum((one.energy(*run) for run in one.runs), Fraction()) for name, one in series.items()}
    known = Shares(meters=meters, energies=energies)
    if most is not None and most < 1 - Fraction(known.half_width(COARSEST_CLASS) or 0):
        return _told_below(known, [(start_us, end_us)], "")
    steps = sorted({span for one in series.values() for span in one.longer(DAY_US) if with_steps})
    for spans, unit in ((months(start_us, end_us), "month"), (_days(start_us, end_us), "day"), (steps, "step")):
        found = [
            (span, shares)
            for span, parts in _split(shared, spans)
            for shares in [_is_below(meters, series, parts)]
            if shares is not None
        ]
        if found:
            return _told_below(found[0][1], [span for span, _ in found], unit)
    return None


def _is_below(
    meters: Mapping[str, MeterSpec], series: Mapping[str, Series], parts: Sequence[tuple[int, int]]
) -> Shares | None:
    energies = {name: sum((one.energy(*part) for part in parts), Fraction()) for name, one in series.items()}
    shares = Shares(meters=meters, energies=energies)
    total, it = shares.of("total"), shares.of("it")
    if total >= it:
        return None
    for name, meter in meters.items():
        for part in parts:
            inside, outside = series[name].slack(*part)
            if meter.role == "total":
                total += outside
            else:
                it -= inside
    width = shares.half_width(COARSEST_CLASS)
    return shares if total < it * (1 - Fraction(width or 0)) else None


def _told_below(shares: Shares, spans: Sequence[tuple[int, int]], unit: str) -> Doubt:
    names = {role: [name for name, meter in shares.meters.items() if meter.role == role] for role in ROLES}
    total, it = shares.of("total"), shares.of("it")
    when = f"from {moment(spans[0][0])} to {moment(spans[0][1])}"
    if unit:
        when += "" if len(spans) == 1 else f", and on {len(spans) - 1} more {unit}s up to {moment(spans[-1][1])}"
    return Doubt(
        kind="below-one",
        meters=tuple(sorted(shares.meters)),
        start_us=spans[0][0],
        end_us=spans[-1][1],
        decides=True,
        sentence=(
            f"{listed(names['it'])} took {_kwh(it)} and only {_kwh(total)} came in by {listed(names['total'])} "
            f"{when}, which cannot be: {_likely(total, it)}"
        ),
    )


def _likely(total: Fraction, it: Fraction) -> str:
    if total * _UNITS["kWh"] // _LARGEST_RATIO < it:
        return "a unit looks wrong, such as kWh among Wh; correct the readings"
    if it <= total * _LARGEST_RATIO:
        return "the roles look exchanged, or a meter of the total is missing, stands still or reads too little"
    return "a meter of the total is missing, stands still or has another unit"


def unit_doubt(
    meters: Mapping[str, MeterSpec], energies: Mapping[str, Fraction], known_us: int, limit: Fraction
) -> Doubt | None:
    """Meters of the total whose readings, if they were kWh or MWh, would take a figure beyond the limit.

    Each is tried alone, then all together, the least first, as far as the ratio stays one that can be.

    Args:
        meters: by id; those that may stand by are not doubted.
        energies: energy of each in the time that all are known, in Wh.
        known_us: that time.
        limit: the ratio that may not be exceeded.
    """
    shares = Shares(meters=meters, energies=energies)
    total, it = shares.of("total"), shares.of("it")
    doubted = [name for name, one in meters.items() if one.role == "total" and not one.standby and energies[name]]
    for names in [*([name] for name in doubted), sorted(doubted, key=energies.__getitem__)]:
        if len(names) > 1 and total > limit * it:
            continue  # a breach by itself: many meters in another unit would make it a larger one
        for unit, factor in _UNITS.items():
            found, scaled = _scaled(meters, energies, names, factor, known_us, (total, limit * it, _LARGEST_RATIO * it))
            if found:
                return _unit_told(found, sum((energies[name] for name in found), Fraction()), unit, float(scaled / it))
    return None


def _scaled(  # noqa: PLR0917 - private
    meters: Mapping[str, MeterSpec],
    energies: Mapping[str, Fraction],
    names: Sequence[str],
    factor: int,
    known_us: int,
    bounds: tuple[Fraction, Fraction, Fraction],
) -> tuple[list[str], Fraction]:
    """The first of some meters that take the total beyond the limit in another unit, and what it then is; or none.

    A meter that its rating does not allow, or that would take the total beyond what can be, is passed over.
    """
    total, least, most = bounds
    taken: list[str] = []
    for name in names:
        rating = meters[name].rating_w
        fits = rating is None or energies[name] * factor <= Fraction(rating * known_us, 3600 * 10**6)
        more = total + energies[name] * (factor - 1)
        if fits and more <= most:
            total = more
            taken.append(name)
            if total > least:
                return taken, total
    return [], total


def _unit_told(names: Sequence[str], energy: Fraction, unit: str, ratio: float) -> Doubt:
    one = len(names) == 1
    return Doubt(
        kind="unit",
        meters=tuple(sorted(names)),
        start_us=0,
        end_us=0,
        decides=True,
        sentence=(
            f"{listed(names)} {'reads' if one else 'read'} only {_kwh(energy)}{'' if one else ' together'}: if "
            f"{'its' if one else 'their'} readings are in {unit}, the ratio is {ratio:.4f}; look at the "
            f"{'meter' if one else 'meters'}, and correct the readings, or declare {'it' if one else 'them'} as standby"
        ),
    )


def _split(
    shared: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int]]
) -> Iterator[tuple[tuple[int, int], list[tuple[int, int]]]]:
    """The stretches of each span of which at least half is known; both in order."""
    index = 0
    for low, high in spans:
        while index < len(shared) and shared[index][1] <= low:
            index += 1
        parts = []
        for begin, end in shared[index:]:
            if begin >= high:
                break
            parts.append((max(begin, low), min(end, high)))
        if 2 * sum(end - begin for begin, end in parts) >= high - low:
            yield (low, high), parts


def _days(start_us: int, end_us: int) -> list[tuple[int, int]]:
    first = -(-start_us // DAY_US) * DAY_US
    return [(low, low + DAY_US) for low in range(first, end_us - DAY_US + 1, DAY_US)]


def months(start_us: int, end_us: int) -> list[tuple[int, int]]:
    """Calendar months (UTC), cut to a window."""
    found, low = [], start_us
    while low < end_us:
        first = (_EPOCH + timedelta(microseconds=low)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        after = ((first + timedelta(days=32)).replace(day=1) - _EPOCH) // timedelta(microseconds=1)
        if min(after, end_us) - low >= 7 * DAY_US:
            found.append((low, min(after, end_us)))
        low = after
    return found


def moment(time_us: int) -> str:
    """A time for people, in UTC to the minute."""
    return f"{_EPOCH + timedelta(microseconds=time_us):%Y-%m-%d %H:%M}"


def listed(names: Sequence[str]) -> str:
    """Some names, and how many more there are."""
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(sorted(names)[:_NAMES_SHOWN]) + more


def _kwh(energy: Fraction) -> str:
    return f"{float(energy) / 1000:,.3f} kWh"

"""The figure of a window of one site: from its sums where they are beyond doubt, else from its readings.

``evaluate`` decides in both cases. Sums are enough where every meter is known throughout, no day shows anything that
``evaluate`` would look at, and the limit lies outside of what sums are rounded by; else readings decide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from zonewright.pue.doubt import DAY_US, Doubt, Shares, unit_doubt
from zonewright.pue.evaluation import YEAR_US, Figure, evaluate
from zonewright.pue.history import STEP_LOW, before_us
from zonewright.pue.meters import ROLES, MeterSpec
from zonewright.pue.readings import Reading
from zonewright.telemetry.interface import ReadingStore
from zonewright.telemetry.summing import HOUR_US, DayExtremes, Sum, as_energy, rounding_wh

_MOST_DAYS = 7
"""So many doubtful days are looked at with their readings; of meters with few readings all are."""


class WindowFigures:
    """The windows of one site's boundary.

    Args:
        store: the readings.
        site_id: id of the site.
        meters: the meters of its boundary.
        limit: the ratio that may not be exceeded.
        doubts_alike: whether meters that show the very same are doubted.
    """

    def __init__(
        self,
        store: ReadingStore,
        site_id: str,
        meters: Mapping[str, MeterSpec],
        limit: Fraction,
        *,
        doubts_alike: bool = True,
    ) -> None:
        self._store, self._site_id, self._meters, self.limit = store, site_id, meters, limit
        self._doubts_alike = doubts_alike

    def figure(self, start_us: int, end_us: int) -> Figure:
        """The figure of a window of whole hours."""
        sums = self._store.sums(self._site_id, start_us, end_us)
        days = {name: one.days for name, one in sums.items() if one.days is not None and name in self._meters}
        may_stand = {name: one for name, one in self._meters.items() if name in days and _may_stand(one, days[name])}
        stood = self._store.stood(self._site_id, may_stand, start_us, end_us) if may_stand else []
        if self._margin(sums, end_us - start_us) is not None:
            is_plain = not any(_is_step(self._meters[name], one) for name, one in days.items())
            if is_plain and not stood and not self._has_low(days) and not self._has_alike(sums):
                return self._from_sums(sums, end_us - start_us)
        low = self._store.low_days(self._site_id, self._meters, start_us, end_us)
        doubtful = [(day, day + DAY_US) for day in low[:_MOST_DAYS]]
        doubtful += [(edge - HOUR_US, edge + HOUR_US) for run in stood for edge in run]
        # A run that begins with the window may have begun within the hour before, a part of which it shares.
        begun = (begin - HOUR_US for begin, _ in stood if begin <= start_us)
        since = min([start_us, *(begin - before_us(end_us - begin) for begin in begun)])
        return self._from_readings((since // HOUR_US * HOUR_US, start_us, end_us), doubtful)

    def mean_load_w(self, start_us: int, end_us: int) -> int | None:
        """Mean IT load over the time that each meter is known; None where one is not known at all."""
        sums = self._store.sums(self._site_id, start_us, end_us)
        parts = [sums[name] for name, meter in self._meters.items() if meter.role == "it"]
        if any(one.covered_us == 0 for one in parts):
            return None
        return round(sum(Fraction(one.energy_mj * 1000, one.covered_us) for one in parts))

    def _has_low(self, days: Mapping[str, DayExtremes]) -> bool:
        """Whether there can be a day on which less came in than IT equipment took."""
        total = sum(days[name].least_mj for name, one in self._meters.items() if one.role == "total" and name in days)
        return total < sum(
            days[name].most_mj for name, one in self._meters.items() if one.role == "it" and name in days
        )

    def _has_alike(self, sums: Mapping[str, Sum]) -> bool:
        """Whether two meters counted the very same."""
        energies = [sums[name].energy_mj for name in self._meters if sums[name].energy_mj]
        return self._doubts_alike and len(set(energies)) < len(energies)

    def _margin(self, sums: Mapping[str, Sum], window_us: int) -> Fraction | None:
        """By how much sums may move the ratio; None where they do not decide: something is unknown, or it matters."""
        if any(name not in sums or sums[name].covered_us != window_us for name in self._meters):
            return None
        total, it = (
            sum(sums[name].energy_mj for name, one in self._meters.items() if one.role == role) for role in ROLES
        )
        if total <= it or not it:
            return None
        margin = self._rounding(as_energy(it), window_us)
        return margin if abs(Fraction(total, it) - self.limit) > margin else None

    def _rounding(self, it_wh: Fraction, window_us: int) -> Fraction:
        """By how much the rounding of sums may move a ratio near the limit."""
        each = rounding_wh(-(-window_us // HOUR_US) + 1)
        total, it = (sum(1 for one in self._meters.values() if one.role == role) for role in ROLES)
        return each * (total + self.limit * it) / it_wh

    def _from_sums(self, sums: Mapping[str, Sum], window_us: int) -> Figure:
        energies = {name: as_energy(sums[name].energy_mj) for name in self._meters}
        shares = Shares(meters=self._meters, energies=energies)
        total, it = shares.of("total"), shares.of("it")
        unit = unit_doubt(self._meters, energies, window_us, self.limit)
        ratio = total / it
        return Figure(
            window_s=Fraction(window_us, 10**6),
            energy_total_wh=total,
            energy_it_wh=it,
            ratio=ratio,
            low=ratio,
            high=ratio,
            coverage=Fraction(1),
            period="annual" if window_us >= YEAR_US else "interim",
            verdict="undetermined" if unit is not None else ("within" if ratio <= self.limit else "breach"),
            doubts=() if unit is None else (unit,),
        )

    def _from_readings(self, times: tuple[int, int, int], doubtful: Sequence[tuple[int, int]]) -> Figure:
        since, start_us, end_us = times
        readings = self._store.readings(self._site_id, since, end_us, doubtful)
        found = self._evaluate(readings, start_us, end_us)
        if not self._is_near(found, readings):
            return found
        readings = self._store.readings(self._site_id, since, end_us, [(start_us, end_us)])
        found = self._evaluate(readings, start_us, end_us)
        if not self._is_near(found, readings):
            return found
        doubt = Doubt(
            kind="rounding",
            meters=tuple(sorted(name for name in self._meters if any(item.is_sum for item in readings[name]))),
            start_us=start_us,
            end_us=end_us,
            sentence="the limit lies within what sums by hour are rounded by, and their readings were removed",
            decides=True,
        )
        return replace(found, verdict="undetermined", doubts=(doubt, *found.doubts))

    def _evaluate(self, readings: Mapping[str, Sequence[Reading]], start_us: int, end_us: int) -> Figure:
        return evaluate(
            self._meters,
            readings,
            start_us=start_us,
            end_us=end_us,
            limit=self.limit,
            doubts_alike=self._doubts_alike,
        )

    def _is_near(self, figure: Figure, readings: Mapping[str, Sequence[Reading]]) -> bool:
        """Whether a verdict may depend on how sums are rounded."""
        if figure.verdict == "undetermined" and any(doubt.decides for doubt in figure.doubts):
            return False
        if not figure.energy_it_wh or not any(item.is_sum for name in self._meters for item in readings.get(name, ())):
            return False
        margin = self._rounding(figure.energy_it_wh, int(figure.window_s * 10**6))
        return any(abs(bound - self.limit) <= margin for bound in (figure.low, figure.high) if bound is not None)


def _may_stand(meter: MeterSpec, days: DayExtremes) -> bool:
    """Whether a meter has a day without energy, or one that repeats another."""
    return not meter.standby and (days.repeats or not days.least_mj)


def _is_step(meter: MeterSpec, days: DayExtremes) -> bool:
    """Whether a meter read a thousand times as much on one day as on another."""
    return not meter.standby and days.most_mj > 0 and days.most_mj >= STEP_LOW * days.least_mj

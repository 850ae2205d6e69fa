"""What a site draws at a given IT load: plant and slope as declared, or a curve fitted to readings; and opened rooms.

PUE = 1 + (fixed + slope x IT) / IT: it falls as IT load grows, and jumps when a room is opened. A fitted curve has a
square part too, so the ratio may rise again at high load. All of it is exact.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from zonewright.model.overhead_fit import OverheadFit
from zonewright.pue.overhead import half_width_w, overhead_w, powers

Direction = Literal["better", "worse", "inside", "same"]
_SPREAD = Fraction(1, 10)
"""Each declared parameter is varied by a tenth, on its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadModel:
    """The overhead of a site with the rooms that are open.

    Attributes:
        plant_w: fixed watts of the plant.
        rooms_w: fixed watts of each open room, by id; declared in any case.
        slope: watts of overhead for each watt of IT load.
        fit: what stands in place of plant and slope once readings tell; None while they are declared.
    """

    plant_w: Fraction
    rooms_w: tuple[tuple[str, Fraction], ...]
    slope: Fraction
    fit: OverheadFit | None = None

    @property
    def fixed_w(self) -> Fraction:
        """Watts that plant and rooms are declared to draw whatever the load."""
        return self.plant_w + self.opened_w

    @property
    def opened_w(self) -> Fraction:
        """Watts that open rooms draw whatever the load."""
        return sum((watts for _, watts in self.rooms_w), Fraction())

    @property
    def most_w(self) -> Fraction | None:
        """The largest IT load that it says anything of; None where it is declared, for any."""
        return None if self.fit is None else Fraction(self.fit.reach_w)

    def reaches(self, it_w: Fraction) -> bool:
        """Whether it says anything of a load."""
        return self.most_w is None or it_w <= self.most_w

    def overhead_w(self, it_w: Fraction) -> Fraction:
        """Overhead at a load that it reaches, in watts."""
        if self.fit is None:
            return self.fixed_w + self.slope * it_w
        return overhead_w(self.fit.curve, self.fit.scale_w, it_w) + self.opened_w

    def width(self, it_w: Fraction) -> Fraction:
        """How far the ratio at a load may err by what a fitted curve may; nothing where it is declared."""
        if self.fit is None or it_w <= 0:
            return Fraction()
        return half_width_w(self.fit.covariance, powers(it_w, self.fit.scale_w)) / it_w

    def ratio(self, it_w: Fraction) -> Fraction | None:
        """Energy ratio at a constant IT load; None without load, and beyond what it reaches."""
        return 1 + self.overhead_w(it_w) / it_w if it_w > 0 and self.reaches(it_w) else None

    def break_even_w(self, limit: Fraction) -> Fraction | None:
        """Least IT load at which the ratio is within a limit; None where it never is, as far as the model reaches."""
        if self.fit is None:
            margin = limit - 1 - self.slope
            return self.fixed_w / margin if margin > 0 else None
        return self._fitted_break_even(self.fit, limit)

    def _fitted_break_even(self, fit: OverheadFit, limit: Fraction) -> Fraction | None:
        # What is above the limit falls up to the load where it is least; whole watts are fine enough for people.
        constant, linear, square = (Fraction(value, 1000) for value in fit.curve)
        margin = (limit - 1) * fit.scale_w - linear
        high = fit.reach_w
        if square:
            high = min(high, max(1, int(margin * fit.scale_w / (2 * square))))
        elif margin <= 0 < constant + self.opened_w:
            return None
        if not self._is_within(limit, high):
            return None
        low = 0
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._is_within(limit, middle) else (middle, high)
        return Fraction(high)

    def _is_within(self, limit: Fraction, it_w: int) -> bool:
        return self.overhead_w(Fraction(it_w)) <= (limit - 1) * it_w

    def scaled(self, parameter: str, factor: Fraction) -> "LoadModel":
        """One declared parameter times a factor: ``plant``, ``slope``, or the id of a room."""
        if parameter == "plant":
            return replace(self, plant_w=self.plant_w * factor)
        if parameter == "slope":
            return replace(self, slope=self.slope * factor)
        rooms = tuple((name, watts * factor if f"room {name}" == parameter else watts) for name, watts in self.rooms_w)
        return replace(self, rooms_w=rooms)

    def parameters(self) -> Iterator[str]:
        """Names of the declared parameters, which ``scaled`` takes."""
        if self.fit is None:
            yield "plant"
            yield "slope"
        yield from (f"room {name}" for name, _ in self.rooms_w)

    def words(self) -> str:
        """Where it comes from, for people."""
        if self.fit is None:
            return "load model declared"
        left = f", {self.fit.left_out} left out" if self.fit.left_out else ""
        return f"load model fitted to {self.fit.days} days from {self.fit.first} on{left}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadModelState:
    """A site with and without a change: its model and its IT load."""

    model: LoadModel
    it_w: Fraction

    @property
    def ratio(self) -> Fraction | None:
        """Energy ratio at this load; None without load, and beyond what the model reaches."""
        return self.model.ratio(self.it_w)

    @property
    def is_beyond(self) -> bool:
        """Whether the model says nothing of this load."""
        return not self.model.reaches(self.it_w)

    @property
    def bounds(self) -> tuple[Fraction, Fraction] | None:
        """Least and largest ratio by what a fitted curve may err; both are the ratio where the model is declared."""
        ratio, width = self.ratio, self.model.width(self.it_w)
        return None if ratio is None else (ratio - width, ratio + width)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadDifference:
    """What a change does to the energy ratio.

    Attributes:
        value: ratio with the change less that without; None where one of them has no load.
        low: least difference when each declared parameter varies by a tenth on its own, a fitted curve by its
            interval.
        high: largest difference.
    """

    value: Fraction | None
    low: Fraction | None = None
    high: Fraction | None = None

    @property
    def direction(self) -> Direction:
        """Better or worse means one sign of the difference whichever parameter varies; else inside."""
        if self.value is None or self.low is None or self.high is None:
            return "inside"
        if self.low == self.high == 0:
            return "same"
        if self.high < 0:
            return "better"
        return "worse" if self.low > 0 else "inside"


def difference(without: LoadModelState, with_: LoadModelState) -> LoadDifference:
    """How the ratio moves from one state to another, and within which bounds."""
    value = _step(without, with_)
    if value is None:
        return LoadDifference(value=None)
    values = [value]
    for parameter in sorted({*without.model.parameters(), *with_.model.parameters()}):
        for factor in (1 - _SPREAD, 1 + _SPREAD):
            one = replace(without, model=without.model.scaled(parameter, factor))
            two = replace(with_, model=with_.model.scaled(parameter, factor))
            step = _step(one, two)
            values += [step] if step is not None else []
    width = _width(without, with_)
    values += [value - width, value + width]
    return LoadDifference(value=value, low=min(values), high=max(values))


def marginal(without: LoadModelState, with_: LoadModelState) -> Fraction | None:
    """What each watt of added IT load takes in all; None without more load, and beyond what the model reaches."""
    added = with_.it_w - without.it_w
    if added <= 0 or with_.is_beyond or without.is_beyond:
        return None
    return 1 + (with_.model.overhead_w(with_.it_w) - without.model.overhead_w(without.it_w)) / added


def _step(without: LoadModelState, with_: LoadModelState) -> Fraction | None:
    before, after = without.ratio, with_.ratio
    return None if before is None or after is None else after - before


def _width(without: LoadModelState, with_: LoadModelState) -> Fraction:
    """How far the difference may err by the fitted curve, which errs alike in both states."""
    fit = with_.model.fit
    if fit is None:
        return Fraction()
    before, after = (powers(one.it_w, fit.scale_w) for one in (without, with_))
    vector = [two / with_.it_w - one / without.it_w for one, two in zip(before, after, strict=True)]
    return half_width_w(fit.covariance, vector)

"""What a site draws at a given IT load: plant, opened rooms, and a part proportional to the load. Declared, exact.

PUE = 1 + (fixed + slope x IT) / IT: it falls as IT load grows, and jumps when a room is opened.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

Direction = Literal["better", "worse", "inside", "same"]
_SPREAD = Fraction(1, 10)
"""Each declared parameter is varied by a tenth, on its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadModel:
    """The declared overhead of a site with the rooms that are open.

    Attributes:
        plant_w: fixed watts of the plant.
        rooms_w: fixed watts of each open room, by id.
        slope: watts of overhead for each watt of IT load.
    """

    plant_w: Fraction
    rooms_w: tuple[tuple[str, Fraction], ...]
    slope: Fraction

    @property
    def fixed_w(self) -> Fraction:
        """Watts that are drawn whatever the load."""
        return self.plant_w + sum((watts for _, watts in self.rooms_w), Fraction())

    def ratio(self, it_w: Fraction) -> Fraction | None:
        """Energy ratio at a constant IT load; None without load."""
        return 1 + self.slope + self.fixed_w / it_w if it_w > 0 else None

    def break_even_w(self, limit: Fraction) -> Fraction | None:
        """IT load from which on the ratio is within a limit; None where it never is."""
        margin = limit - 1 - self.slope
        return self.fixed_w / margin if margin > 0 else None

    def scaled(self, parameter: str, factor: Fraction) -> "LoadModel":
        """One parameter times a factor: ``plant``, ``slope``, or the id of a room."""
        if parameter == "plant":
            return replace(self, plant_w=self.plant_w * factor)
        if parameter == "slope":
            return replace(self, slope=self.slope * factor)
        rooms = tuple((name, watts * factor if f"room {name}" == parameter else watts) for name, watts in self.rooms_w)
        return replace(self, rooms_w=rooms)

    def parameters(self) -> Iterator[str]:
        """Names of the parameters that ``scaled`` takes."""
        yield "plant"
        yield "slope"
        yield from (f"room {name}" for name, _ in self.rooms_w)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadModelState:
    """A site with and without a change: its model and its IT load."""

    model: LoadModel
    it_w: Fraction

    @property
    def ratio(self) -> Fraction | None:
        """Energy ratio at this load; None without load."""
        return self.model.ratio(self.it_w)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadDifference:
    """What a change does to the energy ratio.

    Attributes:
        value: ratio with the change less that without; None where one of them has no load.
        low: least difference when each parameter varies by a tenth on its own.
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
    return LoadDifference(value=value, low=min(values), high=max(values))


def _step(without: LoadModelState, with_: LoadModelState) -> Fraction | None:
    before, after = without.ratio, with_.ratio
    return None if before is None or after is None else after - before

"""Do the meters of one site agree? What comes in is at least what its parts take, level by level."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import sqrt
from typing import Literal

from zonewright.pue.doubt import COVERAGE_FACTOR

MeterLevel = Literal["in", "ups-output", "pdu-output", "server-input"]
LEVELS: tuple[MeterLevel, ...] = ("in", "ups-output", "pdu-output", "server-input")
"""From what comes into a site to its servers; each is at least the sum of the next one."""
ADDED: Mapping[MeterLevel, float] = {"in": 0.5, "ups-output": 0.5, "pdu-output": 2.0, "server-input": 0.0}
"""Percent that the parts of a level may exceed it by, besides what meters can err: readings of other moments, and the
sensors of power supplies below PDUs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metered:
    """What one meter counted in a window, in Wh, and its accuracy class in percent."""

    name: str
    energy: Fraction
    accuracy_class: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Imbalance:
    """A level whose parts took more than it.

    Attributes:
        upper: the level.
        lower: that of its parts.
        whole: energy of the level in Wh.
        parts: energy of its parts.
        percent: by how much they exceed it.
        tolerance: by how much they may.
    """

    upper: MeterLevel
    lower: MeterLevel
    whole: Fraction
    parts: Fraction
    percent: float
    tolerance: float


def tolerance_percent(
    upper: MeterLevel, whole: Sequence[Metered], parts: Sequence[Metered], most: float | None
) -> float:
    """By how much the parts of a level may exceed it: classes of both sides (k = 2), and what the level adds.

    Args:
        upper: the level.
        whole: its meters.
        parts: meters of its parts.
        most: the largest tolerance that the zone allows, in percent; None where it says nothing.
    """
    square = 0.0
    for side in (whole, parts):
        energy = float(sum((one.energy for one in side), Fraction()))
        if energy:
            square += sum((float(one.energy) / energy * one.accuracy_class / sqrt(3)) ** 2 for one in side)
    found = COVERAGE_FACTOR * sqrt(square) + ADDED[upper]
    return found if most is None else min(found, most)


def imbalances(levels: Mapping[MeterLevel, Sequence[Metered]], most: float | None = None) -> Iterator[Imbalance]:
    """Levels whose parts took more than they gave, beyond the tolerance.

    Args:
        levels: the meters of each level over one window in which all are known; a level without meters is passed over.
        most: the largest tolerance in percent; None where the zone says nothing.
    """
    present = [level for level in LEVELS if levels.get(level)]
    for upper, lower in pairwise(present):
        whole, parts = (sum((one.energy for one in levels[level]), Fraction()) for level in (upper, lower))
        tolerance = tolerance_percent(upper, levels[upper], levels[lower], most)
        if parts > whole * (1 + Fraction(tolerance) / 100):
            percent = float(100 * parts / whole - 100) if whole else float("inf")
            yield Imbalance(upper=upper, lower=lower, whole=whole, parts=parts, percent=percent, tolerance=tolerance)

"""Least squares of ``a + b P + c P^2`` without a negative part, and its covariance: exact, on whole watts."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations

from zonewright.model.overhead_fit import Covariance, Curve

_MILLI = 1_000
_SUBSETS = tuple(subset for size in (3, 2, 1) for subset in combinations(range(3), size))


def _sums(pairs: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    loads = [1, 0, 0, 0, 0]
    loads = [sum(it_w**power for it_w, _ in pairs) for power in range(5)]
    return loads, [sum(rest_w * it_w**power for it_w, rest_w in pairs) for power in range(3)]


def least_squares(pairs: Sequence[tuple[int, int]], scale_w: int) -> tuple[Curve, Fraction] | None:
    """The curve without a negative number that has the least squares, and their sum in square watts.

    No plant has a negative part: a curve that would need one is one of fewer parts.
    """
    loads, products = _sums(pairs)
    squares = sum(rest_w * rest_w for _, rest_w in pairs)
    best: tuple[Fraction, tuple[Fraction, Fraction, Fraction]] | None = None
    for subset in _SUBSETS:
        matrix = [[Fraction(loads[row + column]) for column in subset] for row in subset]
        solved = _solved(matrix, [Fraction(products[row]) for row in subset])
        if solved is None or min(solved) < 0:
            continue
        rest = squares - sum((value * products[row] for value, row in zip(solved, subset, strict=True)), Fraction())
        if best is None or rest < best[0]:
            whole = dict(zip(subset, solved, strict=True))
            best = rest, (whole.get(0, Fraction()), whole.get(1, Fraction()), whole.get(2, Fraction()))
    if best is None:
        return None
    numbers = [-(-value * scale_w**power * _MILLI // 1) for power, value in enumerate(best[1])]
    return (numbers[0], numbers[1], numbers[2]), best[0]


def covariance_of(pairs: Sequence[tuple[int, int]], rest: Fraction, scale_w: int) -> Covariance | None:
    """Of a curve of three numbers, from the days' residuals; None where they cannot be told apart, or are too few."""
    free = len(pairs) - 3
    loads, _ = _sums(pairs)
    if free <= 0:
        return None
    matrix = [[Fraction(loads[row + column], scale_w ** (row + column)) for column in range(3)] for row in range(3)]
    columns = [_solved(matrix, [Fraction(int(row == one)) for row in range(3)]) for one in range(3)]
    if None in columns:
        return None
    each = rest / free * _MILLI**2
    found = [
        -(-each * column[row] // 1) if row == one else round(each * column[row])
        for one, column in enumerate(column for column in columns if column is not None)
        for row in range(one, 3)
    ]
    return found[0], found[1], found[2], found[3], found[4], found[5]


def _solved(matrix: Sequence[Sequence[Fraction]], right: Sequence[Fraction]) -> list[Fraction] | None:
    """The solution of a system, exactly; None where there is not one."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    size = len(rows)
    for index in range(size):
        pivot = next((row for row in range(index, size) if rows[row][index]), None)
        if pivot is None:
            return None
        rows[index], rows[pivot] = rows[pivot], rows[index]
        rows[index] = [value / rows[index][index] for value in rows[index]]
        for other in range(size):
            if other != index and rows[other][index]:
                factor = rows[other][index]
                rows[other] = [one - factor * two for one, two in zip(rows[other], rows[index], strict=True)]
    return [row[-1] for row in rows]

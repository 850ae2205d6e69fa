"""What was fitted to a site's measured overhead: a curve over its IT load, and how far it may err. Whole numbers.

A curve is ``k0 + k1 x + k2 x^2`` in milliwatts at ``x`` = IT load / ``scale_w``; the scale is the highest load that was
seen. A covariance is its six numbers ``00, 01, 02, 11, 12, 22`` in square milliwatts.
"""

from dataclasses import dataclass

Curve = tuple[int, int, int]
Covariance = tuple[int, int, int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class BandFit:
    """The curve of the days of one band of outside temperature, of one state of the plant.

    Attributes:
        low_c: least mean temperature of its days in degrees Celsius; None where nothing bounds it.
        high_c: all are below this; None where nothing bounds it.
        year_days: days of the last year in the band.
        days: days that the curve was fitted to.
        curve: overhead without that of rooms.
        covariance: of the curve's numbers.
    """

    low_c: int | None
    high_c: int | None
    year_days: int
    days: int
    curve: Curve
    covariance: Covariance


@dataclass(frozen=True, slots=True, kw_only=True)
class OverheadFit:
    """A site's overhead without the fixed parts of its rooms, which stay declared.

    Attributes:
        scale_w: highest IT load that was seen, a mean of a day, in watts.
        reach_w: up to which IT load it says anything: 1.15 times the scale, or less where it is not sure enough.
        curve: of a year: that of each band by its share of the last year.
        covariance: of the year's curve.
        bands: the bands, coldest first.
        first: the first day that it rests on, such as ``2026-01-01``.
        days: days that it rests on.
        left_out: days that contradict all others and count only in what they have above the curve.
        plant: state of the plant that it is of; empty where none is declared.
        it_w: mean IT load of these days in watts.
    """

    scale_w: int
    reach_w: int
    curve: Curve
    covariance: Covariance
    bands: tuple[BandFit, ...]
    first: str
    days: int
    left_out: int
    plant: str
    it_w: int

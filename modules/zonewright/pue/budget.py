"""What the rest of a year may be, so that the year stays within the limit of its energy ratio. Exact."""

from dataclasses import dataclass
from fractions import Fraction


def allowed_ratio(limit: Fraction, total_wh: Fraction, it_wh: Fraction, rest_it_wh: Fraction) -> Fraction | None:
    """The largest ratio of the rest of a year; below 1 nothing keeps the limit. None where no IT energy is left.

    Args:
        limit: the ratio of the whole year that may not be exceeded.
        total_wh: energy of the site so far, in watt-hours.
        it_wh: energy of its IT equipment so far.
        rest_it_wh: energy of its IT equipment in the rest of the year.

    Example:
        >>> float(allowed_ratio(Fraction(5, 4), Fraction(20_075), Fraction(16_000), Fraction(1_460)))
        1.1986301369863013
    """
    return (limit * (it_wh + rest_it_wh) - total_wh) / rest_it_wh if rest_it_wh > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class YearProjection:
    """A calendar year: what is measured of it, and the rest by the load model.

    Attributes:
        total_wh: energy of the site so far, in watt-hours.
        it_wh: energy of its IT equipment so far.
        rest_it_wh: of the rest at the present load.
        rest_total_wh: energy of the site in the rest by the load model.
        rest_width_wh: by how much that may be wrong; nothing where the model is declared.
    """

    total_wh: Fraction
    it_wh: Fraction
    rest_it_wh: Fraction
    rest_total_wh: Fraction
    rest_width_wh: Fraction = Fraction()

    @property
    def ratio(self) -> Fraction:
        """Energy ratio of the year."""
        return (self.total_wh + self.rest_total_wh) / (self.it_wh + self.rest_it_wh)

    @property
    def bounds(self) -> tuple[Fraction, Fraction]:
        """Least and largest ratio of the year."""
        width = self.rest_width_wh / (self.it_wh + self.rest_it_wh)
        return self.ratio - width, self.ratio + width

    def allowed(self, limit: Fraction) -> Fraction | None:
        """The largest ratio of the rest; None where nothing is left."""
        return allowed_ratio(limit, self.total_wh, self.it_wh, self.rest_it_wh)

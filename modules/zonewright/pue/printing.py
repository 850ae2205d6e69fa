"""Figures as text: ratios with six decimals, energies with three, round half to even."""

from fractions import Fraction

from zonewright.pue.doubt import Doubt
from zonewright.pue.evaluation import Figure


def decimals(value: Fraction, places: int) -> str:
    """A number with so many decimals, rounded half to even.

    Example:
        >>> decimals(Fraction(5, 4), 3), decimals(Fraction(1, 2000), 3)
        ('1.250', '0.000')
    """
    scaled = round(value * 10**places)
    sign = "-" if scaled < 0 else ""
    whole, rest = divmod(abs(scaled), 10**places)
    return f"{sign}{whole}" + (f".{rest:0{places}}" if places else "")


def figure_data(figure: Figure) -> dict[str, object]:
    """The fields of a figure as text; None where there is none."""

    def ratio(value: Fraction | None) -> str | None:
        return None if value is None else decimals(value, 6)

    window = figure.window_s
    data: dict[str, object] = {
        "window_s": str(int(window)) if window.denominator == 1 else decimals(window, 6),
        "energy_total_wh": decimals(figure.energy_total_wh, 3),
        "energy_it_wh": decimals(figure.energy_it_wh, 3),
        "ratio": ratio(figure.ratio),
        "low": ratio(figure.low),
        "high": ratio(figure.high),
        "coverage": decimals(figure.coverage, 6),
        "period": figure.period,
        "verdict": figure.verdict,
    }
    if figure.meters is not None:
        data["meter_half_width"] = f"{figure.meters.half_width:.6f}"
        data["meter_verdict"] = figure.meters.verdict
    if figure.doubts:
        data["findings"] = [doubt_data(doubt) for doubt in figure.doubts]
    return data


def doubt_data(doubt: Doubt) -> dict[str, object]:
    """A finding on meters as plain data."""
    return {
        "kind": doubt.kind,
        "meters": list(doubt.meters),
        "decides": doubt.decides,
        "message": doubt.sentence,
    }

"""Figures and moments as a report writes them, in one form wherever they stand."""

from datetime import datetime
from fractions import Fraction

from zonewright.rules.energy_state import ratio_text
from zonewright.rules.finding import Finding

MILLION = 10**6


def when(text: str) -> str:
    """A moment to the second with its offset, such as ``2026-11-25 10:00:00 +00:00``; what is none stays as it is."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text[:40]
    offset = f"{at:%z}"
    return f"{at:%Y-%m-%d %H:%M:%S}" + (f" {offset[:3]}:{offset[3:5]}" if offset else " without an offset")


def amount_text(value: int | None, unit: str) -> str:
    """A figure of a finding; ratios, which come in millionths, have five decimals like all others."""
    if value is None:
        return ""
    if unit == "millionths":
        return ratio_text(Fraction(value, MILLION))
    return f"{value:,}"


def unit_text(unit: str) -> str:
    """The unit of a figure that ``amount_text`` wrote."""
    return "energy ratio" if unit == "millionths" else unit


def counted(findings: tuple[Finding, ...] | list[Finding]) -> str:
    """How many findings there are of each kind; a waived one is one, too."""
    counts: dict[str, int] = {}
    for one in findings:
        kind = "waived" if one.waiver else "to be approved" if one.level == "approval" else one.level
        counts[kind] = counts.get(kind, 0) + 1
    return ", ".join(f"{count:,} {kind}" for kind, count in counts.items()) or "none"

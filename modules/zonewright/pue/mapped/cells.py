"""Numbers and units as exports write them: exact, and never guessed."""

import re
from fractions import Fraction
from functools import cache

from zonewright.declare.problem import shown
from zonewright.model.csv_map import UNITS, CsvMap, Unit

_BLANKS = "\u00a0\u202f\u2009"
"""Spaces that do not break, which exports put between groups of digits."""
_CELSIUS = frozenset({"C", "°C", "degC"})
_WITH_UNIT = re.compile(r"(?P<number>.*?[0-9.,]) *(?P<unit>°?[A-Za-z]+)", re.DOTALL)


def cleaned(cell: str) -> str:
    """A cell with ordinary single blanks only."""
    if not cell.isascii():
        for blank in _BLANKS:
            cell = cell.replace(blank, " ")
    return cell.strip()


@cache
def _pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    group = {"none": "", "space": " "}.get(thousands, thousands)
    whole = r"[0-9]{1,24}"
    if group:
        whole = rf"(?:[0-9]{{1,3}}(?:{re.escape(group)}[0-9]{{3}}){{1,7}}|{whole})"
    point = re.escape(decimal)
    return re.compile(
        rf"(?P<sign>[-+]?)(?P<whole>{whole})(?:{point}(?P<part>[0-9]{{0,24}}))?(?:[eE](?P<power>[-+]?[0-9]{{1,2}}))?",
        re.ASCII,
    )


def amount_of(cell: str, csv_map: CsvMap, factor: int) -> Fraction:
    """The exact number of a cell, times a factor.

    Files have millions of cells, and fractions are slow: only one is made, and a whole number as such.

    Raises:
        ValueError: when it is none, with a sentence.
    """
    match = _pattern(csv_map.decimal, csv_map.thousands).fullmatch(cell)
    if match is None:
        groups = "" if csv_map.thousands == "none" else f" and thousands '{csv_map.thousands}'"
        raise ValueError(
            f"expected a number with decimal sign '{csv_map.decimal}'{groups}, got {shown(cell)}; correct the "
            "cell, or the map"
        )
    sign, whole, part, exponent = match.groups()
    if not whole.isdecimal():
        whole = re.sub("[^0-9]", "", whole)
    part, power = part or "", int(exponent or 0)
    if power > 0 and len(part) < power:
        raise ValueError(
            f"{shown(cell)} shows {len(whole) + len(part)} of {len(whole) + power} digits, so the rest is lost; "
            "export the column again as plain numbers"
        )
    number, below = int(whole + part) * factor, 10 ** (len(part) - power)
    if sign == "-":
        number = -number
    return Fraction(number // below) if number % below == 0 else Fraction(number, below)


def split_unit(cell: str) -> tuple[str, Unit]:
    """Number and unit of a cell such as ``12,5 kWh``.

    Raises:
        ValueError: when it has no unit that is known, with a sentence.
    """
    match = _WITH_UNIT.fullmatch(cell)
    if match is None:
        raise ValueError(f"expected a number with its unit, such as 12.5 kWh, got {shown(cell)}; add the unit")
    return match["number"], unit_of(match["unit"])


def unit_of(text: str) -> Unit:
    """A unit as exports write it, in upper or lower case where nothing else can be meant.

    Raises:
        ValueError: when it is none, with a sentence.
    """
    if text in _CELSIUS:
        return "Cel"
    for unit in UNITS:
        # 'm' is a thousandth and 'M' a million.
        if text == unit or (text.casefold() == unit.casefold() and text[:1] != "m"):
            return unit
    raise ValueError(f"expected a unit of {', '.join(UNITS)}, got {shown(text)}; correct it")


def is_power(unit: Unit) -> bool:
    """Whether a unit is one of a value of a moment, as power is."""
    return not unit.endswith("h")

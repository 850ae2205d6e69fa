"""Figures as people read them."""

from zonewright.rules.loads import KILOGRAM


def amount(value: int, unit: str) -> str:
    """A figure with its unit.

    Example:
        >>> amount(7100, "W")
        '7,100 W'
    """
    return f"{value:,} {unit}"


def kilograms(grams: int) -> str:
    """Grams as kilograms, without a fraction where there is none."""
    return f"{grams / KILOGRAM:,.3f}".rstrip("0").rstrip(".") + " kg"


def span(position: int, u_height: int) -> str:
    """Rack units from a position.

    Example:
        >>> span(5, 2)
        'U5 to U6'
    """
    return f"U{position}" if u_height == 1 else f"U{position} to U{position + u_height - 1}"


def count_of(count: int, noun: str) -> str:
    """A count with its noun.

    Example:
        >>> count_of(2, "node")
        '2 nodes'
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listed(names: list[str]) -> str:
    """Names in one phrase, at most four of them."""
    shown = 4
    if len(names) > shown:
        return f"{', '.join(names[:shown])} and {len(names) - shown} more"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)

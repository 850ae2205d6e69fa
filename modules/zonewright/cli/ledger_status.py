"""The table of ``zonewright ledger status``: sites, or rows of racks, whose figures add up."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zonewright.ledger.protocol.capacity_messages import CapacityAnswer, RowCapacity

_FIGURES = ("design_kw", "used_kw", "free_kw", "rest_kw")
_HEAD = f"{'racks':>6}{'kW':>9}{'used':>8}{'free':>8}{'rest':>8}"


def status_lines(answer: "CapacityAnswer", *, has_rows: bool) -> "Iterator[str]":
    """The table, within 60 columns.

    Args:
        answer: capacity of the sites, with their rows.
        has_rows: whether each row of racks has a line, below its site.
    """
    yield f"{'row' if has_rows else 'site':<21.21}{_HEAD}"
    for site, item in answer.sites.items():
        for row, one in item.rows.items() if has_rows else ():
            name = f"{row} {one.status}" if one.status != "active" else row
            yield _line(f" {name}", [one])
        yield _line(site, item.rows.values())
    yield _line("all", [one for item in answer.sites.values() for one in item.rows.values()])
    states: dict[str, int] = {}
    for item in answer.sites.values():
        for one in item.rows.values():
            states[one.status] = states.get(one.status, 0) + 1
    told = ", ".join(f"{count:,} {status}" for status, count in sorted(states.items()))
    yield f"rows: {told or 'none'}"
    yield "kW with one feed lost = used + free + rest"


def _line(name: str, rows: "Iterable[RowCapacity]") -> str:
    found = list(rows)
    sums = [sum(round(1000 * getattr(one, figure)) for one in found) / 1000 for figure in _FIGURES]
    width = (9, 8, 8, 8)
    figures = "".join(f"{value:>{columns},.1f}" for value, columns in zip(sums, width, strict=True))
    return f"{name:<21.21}{sum(one.racks for one in found):>6,}{figures}"

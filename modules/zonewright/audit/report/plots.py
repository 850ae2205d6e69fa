"""The energy ratio of a site by month, as one SVG that reads in black and white."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 560, 220, 48, 62, 26, 34
_STEPS = (0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 25.0)
_MOST_TICKS = 8
STYLE = """
.plot text { font: 11px system-ui, sans-serif; fill: #111; }
.plot .axis { stroke: #111; }
.plot .tick { stroke: #ccc; }
.plot .limit { stroke: #111; stroke-width: 1.5; stroke-dasharray: 6 4; }
.plot .bar { fill: #bdbdbd; stroke: #333; }
.plot .over { fill: #5a5a5a; stroke: #111; }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """One month: its name, its energy ratio where it is known, the same in words, and how much of it is covered."""

    name: str
    ratio: float | None
    told: str
    coverage: float


def ratio_plot(site: str, months: Sequence[Month], limit: float) -> str:
    """Bars of months from 1.0, which is the least that a ratio can be, with the limit as a dashed line.

    Args:
        site: id of the site.
        months: in order.
        limit: the ratio that may not be exceeded.
    """
    known = [month.ratio for month in months if month.ratio is not None]
    high = max([limit, *known, 1.0]) - 1
    step = next((one for one in _STEPS if high / one < _MOST_TICKS), _STEPS[-1])
    steps = max(1, ceil(high / step + 0.2))
    inner, body = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _BOTTOM - _TOP
    floor = _TOP + body

    def y_of(ratio: float) -> float:
        return round(floor - body * min(max(ratio - 1, 0), steps * step) / (steps * step), 1)

    label = escape(f"Energy ratio of {site} by month, limit {limit:g}: {described(months)}", quote=True)
    parts = [
        (
            f'<svg class="plot" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
            f'height="{_HEIGHT}" role="img" aria-label="{label}">'
        ),
        '<text x="2" y="12">energy ratio</text>',
    ]
    for number in range(steps + 1):
        tick, y = 1 + number * step, y_of(1 + number * step)
        parts.append(f'<line class="tick" x1="{_LEFT}" x2="{_LEFT + inner}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{tick:.2f}</text>')
    parts += _bars(months, limit, y_of, inner, floor)
    line = y_of(limit)
    parts += [
        f'<line class="axis" x1="{_LEFT}" x2="{_LEFT}" y1="{_TOP}" y2="{floor}"/>',
        f'<line class="axis" x1="{_LEFT}" x2="{_LEFT + inner}" y1="{floor}" y2="{floor}"/>',
        f'<line class="limit" x1="{_LEFT}" x2="{_LEFT + inner}" y1="{line}" y2="{line}"/>',
        f'<text x="{_LEFT + inner + 4}" y="{line + 4}">limit {limit:g}</text>',
        "</svg>",
    ]
    return "\n".join(parts)


def _bars(
    months: Sequence[Month], limit: float, y_of: Callable[[float], float], inner: int, floor: int
) -> Iterator[str]:
    step = inner / max(1, len(months))
    for number, month in enumerate(months):
        x, middle = _LEFT + number * step, _LEFT + (number + 0.5) * step
        if month.ratio is not None:
            top = y_of(month.ratio)
            kind = "over" if month.ratio > limit else "bar"
            yield (
                f'<rect class="{kind}" x="{x + 3:.1f}" y="{top}" width="{step - 6:.1f}" height="{floor - top:.1f}">'
                f"<title>{month.name}: {month.told}</title></rect>"
            )
        else:
            yield f'<text x="{middle:.1f}" y="{floor - 4}" text-anchor="middle">?</text>'
        yield f'<text x="{middle:.1f}" y="{_HEIGHT - 19}" text-anchor="middle">{escape(month.name[5:])}</text>'
        if number == 0 or month.name.endswith("-01"):
            yield f'<text x="{middle:.1f}" y="{_HEIGHT - 5}" text-anchor="middle">{escape(month.name[:4])}</text>'


def described(months: Sequence[Month]) -> str:
    """The months in words."""
    return ", ".join(f"{month.name} {month.told}" for month in months)

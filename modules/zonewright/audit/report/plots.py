"""The energy ratio of a site by month, as one SVG that reads in black and white."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 560, 190, 46, 34
STYLE = """
.plot text { font: 11px system-ui, sans-serif; fill: #111; }
.plot .axis { stroke: #111; }
.plot .limit { stroke: #111; stroke-dasharray: 6 4; }
.plot .bar { fill: #bdbdbd; stroke: #333; }
.plot .over { fill: #5a5a5a; stroke: #111; }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """One month: its name, its energy ratio where it is known, and how much of it is covered."""

    name: str
    ratio: float | None
    coverage: float


def ratio_plot(site: str, months: Sequence[Month], limit: float) -> str:
    """Bars of months with the limit as a dashed line.

    Args:
        site: id of the site.
        months: in order.
        limit: the ratio that may not be exceeded.
    """
    known = [month.ratio for month in months if month.ratio is not None]
    high = max([limit, *known]) + 0.05
    low = min([limit, *known]) - 0.05
    inner, body = _WIDTH - _LEFT - 8, _HEIGHT - _BOTTOM - 14

    def y_of(ratio: float) -> float:
        return round(14 + body * (high - ratio) / (high - low), 1)

    step = inner / max(1, len(months))
    label = escape(f"Energy ratio of {site} by month, limit {limit:g}: {described(months)}", quote=True)
    parts = [
        (
            f'<svg class="plot" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
            f'height="{_HEIGHT}" role="img" aria-label="{label}">'
        )
    ]
    for number, month in enumerate(months):
        x = _LEFT + number * step
        if month.ratio is not None:
            top = y_of(month.ratio)
            kind = "over" if month.ratio > limit else "bar"
            parts.append(
                f'<rect class="{kind}" x="{x + 2:.1f}" y="{top}" width="{step - 4:.1f}" height="{14 + body - top:.1f}">'
                f"<title>{month.name}: {month.ratio:.5f}</title></rect>"
            )
        parts.append(f'<text x="{x + 2:.1f}" y="{_HEIGHT - 18}">{escape(month.name[5:])}</text>')
        if number == 0 or month.name.endswith("-01"):
            parts.append(f'<text x="{x + 2:.1f}" y="{_HEIGHT - 4}">{escape(month.name[:4])}</text>')
    line = y_of(limit)
    parts += [
        f'<line class="axis" x1="{_LEFT}" x2="{_LEFT}" y1="14" y2="{14 + body}"/>',
        f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - 8}" y1="{14 + body}" y2="{14 + body}"/>',
        f'<line class="limit" x1="{_LEFT}" x2="{_WIDTH - 8}" y1="{line}" y2="{line}"/>',
        f'<text x="2" y="{line + 4}">{limit:g}</text>',
        f'<text x="2" y="12">{high:.2f}</text>',
        "</svg>",
    ]
    return "\n".join(parts)


def described(months: Sequence[Month]) -> str:
    """The months in words."""
    return ", ".join(
        f"{month.name} {month.ratio:.3f}" if month.ratio is not None else f"{month.name} unknown" for month in months
    )

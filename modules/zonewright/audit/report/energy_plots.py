"""Drawings of a site's energy as SVG that reads in black and white: months, load against ratio, flows, coverage."""

from collections.abc import Iterator, Sequence
from datetime import date
from fractions import Fraction
from html import escape
from math import ceil

from zonewright.audit.report.energy_site import EnergySite, MeterFlow, MonthFigure

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 300, 52, 70, 28, 44
_INNER, _BODY = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
_STEPS = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 25.0)
_MOST_TICKS, _CURVE = 8, 60
_CELL, _WEEK = 11, 7
_LOAD_STEPS = tuple(one * 10**power for power in range(3, 12) for one in (1, 2, 5))
STYLE = """
.energy { width: 100%; max-width: 60rem; }
.energy svg { width: 100%; height: auto; min-width: 32rem; }
.energy text { font: 11px system-ui, sans-serif; fill: #111; }
.energy .axis { stroke: #111; } .energy .tick { stroke: #ddd; }
.energy .limit { stroke: #111; stroke-width: 1.5; stroke-dasharray: 6 4; }
.energy .bar { fill: #cfcfcf; stroke: #333; } .energy .over { fill: #6b6b6b; stroke: #111; }
.energy .whisker { stroke: #111; stroke-width: 1.5; fill: none; }
.energy .day { fill: none; stroke: #444; } .energy .fit { fill: none; stroke: #000; stroke-width: 2; }
.energy .band { fill: #9a9a9a; fill-opacity: 0.35; }
.energy .flow { fill: #bdbdbd; stroke: #333; } .energy .rest { fill: #fff; stroke: #333; stroke-dasharray: 3 3; }
.energy .full { fill: #8a8a8a; } .energy .part { fill: #fff; stroke: #111; stroke-width: 1.5; }
.energy .none { fill: #fff; stroke: #999; }
@media print { .energy svg { min-width: 0; width: 430pt; } }
"""


def months_plot(site: EnergySite) -> str:
    """Bars of months from 1.0, with the interval as whiskers and the limit as a dashed line."""
    high = max([float(site.limit), *(one.high or one.ratio or 1.0 for one in site.months)])
    axis = _Axis(min(high, 4.0))
    told = ", ".join(f"{one.name} {_told(one)}" for one in site.months)
    parts = [*_frame(axis, f"Energy ratio of {site.site} by month, limit {float(site.limit):g}: {told}", site.limit)]
    step = _INNER / max(1, len(site.months))
    for number, one in enumerate(site.months):
        middle = _LEFT + (number + 0.5) * step
        parts += _month(one, middle, step, axis, float(site.limit))
        parts.append(f'<text x="{middle:.1f}" y="{_HEIGHT - 28}" text-anchor="middle">{one.name[5:]}</text>')
        if number == 0 or one.name.endswith("-01"):
            parts.append(f'<text x="{middle:.1f}" y="{_HEIGHT - 14}" text-anchor="middle">{one.name[:4]}</text>')
    return "\n".join([*parts, _limit(axis, site.limit), "</svg>"])


def _month(one: MonthFigure, middle: float, step: float, axis: "_Axis", limit: float) -> Iterator[str]:
    if one.ratio is None:
        yield f'<text x="{middle:.1f}" y="{_TOP + _BODY - 4}" text-anchor="middle">?</text>'
        return
    top, kind = axis.y(one.ratio), "over" if one.ratio > limit else "bar"
    yield (
        f'<rect class="{kind}" x="{middle - step / 2 + 4:.1f}" y="{top:.1f}" width="{step - 8:.1f}" '
        f'height="{_TOP + _BODY - top:.1f}"><title>{one.name}: {escape(_told(one))}</title></rect>'
    )
    if one.low is not None and one.high is not None:
        low, high = axis.y(one.low), axis.y(one.high)
        yield (
            f'<path class="whisker" d="M{middle - 4:.1f} {low:.1f}h8M{middle:.1f} {low:.1f}V{high:.1f}'
            f'M{middle - 4:.1f} {high:.1f}h8"/>'
        )


def _told(one: MonthFigure) -> str:
    if one.ratio is None:
        return "unknown"
    between = "" if one.low is None or one.high is None else f" ({one.low:.3f} to {one.high:.3f})"
    return f"{one.ratio:.4f}{between}, coverage {100 * one.coverage:.1f} %, {one.verdict}"


def load_plot(site: EnergySite) -> str:
    """A circle for each day, the load model as a line with its interval, and where it ends; the limit is dashed."""
    model, opened = site.model, site.model.opened_w
    points = [(one.it_w, float(1 + (one.overhead_w + opened) / one.it_w)) for one in site.days if one.it_w > 0]
    loads = [it_w for it_w, _ in points] or [1_000_000]
    most = float(model.most_w or 0) or max(loads) * 1.15
    left, right = min(loads) * 0.9, most * 1.02
    curve = []
    for number in range(_CURVE + 1):
        load = Fraction(round(left + (most - left) * number / _CURVE))
        ratio = model.ratio(load)
        if ratio is not None:
            curve.append((float(load), float(ratio), float(model.width(load))))
    axis = _Axis(min(4.0, max([float(site.limit), *(ratio for _, ratio in points), *(one[1] for one in curve)])))

    def x(it_w: float) -> float:
        return _LEFT + _INNER * (it_w - left) / (right - left)

    label = f"Energy ratio of {site.site} by IT load on {len(points)} days, and its {model.words()}"
    parts = [*_frame(axis, label, site.limit)]
    step = next(one for one in _LOAD_STEPS if (right - left) / one < _MOST_TICKS)
    for number in range(ceil(left / step), int(right // step) + 1):
        tick = number * step
        parts.append(f'<text x="{x(tick):.1f}" y="{_HEIGHT - 28}" text-anchor="middle">{tick / 1000:,.0f} kW</text>')
    parts.append(
        f'<text x="{_LEFT + _INNER / 2}" y="{_HEIGHT - 12}" text-anchor="middle">IT load, mean of a day</text>'
    )
    parts += [f'<circle class="day" cx="{x(it_w):.1f}" cy="{axis.y(ratio):.1f}" r="2.2"/>' for it_w, ratio in points]
    if model.fit is not None:
        upper = " ".join(f"{x(load):.1f},{axis.y(ratio + width):.1f}" for load, ratio, width in curve)
        lower = " ".join(f"{x(load):.1f},{axis.y(ratio - width):.1f}" for load, ratio, width in reversed(curve))
        parts.append(f'<polygon class="band" points="{upper} {lower}"/>')
    line = " ".join(f"{x(load):.1f},{axis.y(ratio):.1f}" for load, ratio, _ in curve)
    parts.append(f'<polyline class="fit" points="{line}"/>')
    return "\n".join([*parts, _limit(axis, site.limit), "</svg>"])


def flow_plot(site: EnergySite) -> str:
    """A bar for each level with its meters as parts, on one scale; dashed: what came in and is not there."""
    levels: dict[str, list[MeterFlow]] = {}
    for one in site.flows:
        levels.setdefault(one.level, []).append(one)
    sums = {level: sum(one.mwh for one in some) for level, some in levels.items()}
    whole = max([*sums.values(), 0.001])
    height = 40 + 44 * len(levels)
    told = ", ".join(f"{level} {total:,.1f} MWh" for level, total in sums.items())
    label = escape(f"Energy flow of {site.site} in 365 days: {told}", quote=True)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{label}">'
    ]
    for row, (level, some) in enumerate(levels.items()):
        y, left = 20 + 44 * row, 100.0
        parts.append(f'<text x="2" y="{y + 16}">{escape(level)}</text>')
        for one in some:
            width = (_WIDTH - 210) * one.mwh / whole
            known = f", known {100 * one.coverage:.1f} %"
            parts.append(
                f'<rect class="flow" x="{left:.1f}" y="{y}" width="{width:.1f}" height="24">'
                f"<title>{escape(one.name)}: {one.mwh:,.1f} MWh{known}</title></rect>"
            )
            if width > 7 * len(one.name):
                parts.append(f'<text x="{left + 4:.1f}" y="{y + 16}">{escape(one.name)}</text>')
            left += width
        rest = (_WIDTH - 210) * (sums.get("comes in", 0.0) - sums[level]) / whole
        if rest > 1:
            parts.append(f'<rect class="rest" x="{left:.1f}" y="{y}" width="{rest:.1f}" height="24"/>')
        parts.append(f'<text x="{_WIDTH - 104}" y="{y + 16}">{sums[level]:,.1f} MWh</text>')
    return "\n".join([*parts, "</svg>"])


def coverage_plot(site: EnergySite) -> str:
    """A square for each day, weeks as columns from Monday down: filled, half, or empty as it is known."""
    first = date.fromisoformat(site.coverage[0][0])
    offset = first.weekday()
    weeks = -(-(len(site.coverage) + offset) // _WEEK)
    full = sum(share >= 1 for _, share in site.coverage)
    label = f"Coverage of {site.site}: {full} of {len(site.coverage)} days are known throughout"
    width, height = 40 + weeks * (_CELL + 1), 30 + _WEEK * (_CELL + 1)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">']
    for row, name in ((0, "Mon"), (3, "Thu"), (6, "Sun")):
        parts.append(f'<text x="2" y="{24 + row * (_CELL + 1) + 9}">{name}</text>')
    for number, (day, share) in enumerate(site.coverage):
        week, row = divmod(number + offset, _WEEK)
        x, y = 34 + week * (_CELL + 1), 24 + row * (_CELL + 1)
        if day.endswith("-01"):
            parts.append(f'<text x="{x}" y="16">{day[5:7]}</text>')
        kind = "full" if share >= 1 else ("part" if share > 0 else "none")
        parts.append(
            f'<rect class="{kind}" x="{x + 0.5}" y="{y + 0.5}" width="{_CELL - 1}" height="{_CELL - 1}">'
            f"<title>{day}: {100 * share:.1f} %</title></rect>"
        )
        if kind == "part":
            size = (_CELL - 3) * share
            parts.append(
                f'<rect class="full" x="{x + 1.5}" y="{y + _CELL - 1.5 - size:.1f}" width="{_CELL - 3}" '
                f'height="{size:.1f}"/>'
            )
    return "\n".join([*parts, "</svg>"])


class _Axis:
    """Ratios from 1.0, which is the least that one can be, upward."""

    def __init__(self, high: float) -> None:
        span = max(high - 1, 0.02)
        self.step = next((one for one in _STEPS if span / one < _MOST_TICKS), _STEPS[-1])
        self.count = max(1, ceil(span / self.step + 0.2))

    def y(self, ratio: float) -> float:
        """Where a ratio is."""
        most = self.count * self.step
        return _TOP + _BODY - _BODY * min(max(ratio - 1, 0.0), most) / most


def _frame(axis: _Axis, label: str, limit: Fraction) -> Iterator[str]:
    floor, right, line = _TOP + _BODY, _LEFT + _INNER, axis.y(float(limit))
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(label, quote=True)}">'
    )
    yield '<text x="2" y="12">energy ratio, from 1.0</text>'
    for number in range(axis.count + 1):
        tick = 1 + number * axis.step
        y = axis.y(tick)
        yield f'<line class="tick" x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:.2f}</text>'
    yield f'<line class="axis" x1="{_LEFT}" x2="{_LEFT}" y1="{_TOP}" y2="{floor}"/>'
    yield f'<line class="axis" x1="{_LEFT}" x2="{right}" y1="{floor}" y2="{floor}"/>'
    yield f'<text x="{right + 4}" y="{line + 4:.1f}">limit {float(limit):g}</text>'


def _limit(axis: _Axis, limit: Fraction) -> str:
    """The limit's line, which comes last: bars would hide it."""
    line = axis.y(float(limit))
    return f'<line class="limit" x1="{_LEFT}" x2="{_LEFT + _INNER}" y1="{line:.1f}" y2="{line:.1f}"/>'


def described_months(months: Sequence[MonthFigure]) -> list[list[str]]:
    """The months as rows of a table."""
    return [[one.name, _told(one)] for one in months]

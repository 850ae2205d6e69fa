"""Rack elevations before and after a change: front and rear, what is new, moved and gone, and the load of each feed.

One SVG for a rack, without any other file, readable in black and white: what changes differs by its edge, its pattern
and a sign, not by colour alone. Other parties' things are shown as taken, without their names.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from zonewright.audit.diff.series import follows
from zonewright.model.rack import Rack
from zonewright.model.site import Face
from zonewright.model.supply import FeedName
from zonewright.model.world import Occupant
from zonewright.rules.loads import ALONE, EVEN, limits, sums_of

Mark = Literal["stays", "new", "moved-here", "moved-away", "gone", "other", "baseline"]
SIGNS: Mapping[Mark, str] = {
    "stays": "",
    "new": "+",
    "moved-here": "\u2192",
    "moved-away": "\u2190",
    "gone": "\u2212",
    "other": "",
    "baseline": "",
}
WORDS: Mapping[Mark, str] = {
    "stays": "stays",
    "new": "new",
    "moved-here": "moved here",
    "moved-away": "moved away",
    "gone": "gone",
    "other": "another party",
    "baseline": "baseline",
}
_UNIT, _WIDTH, _GAP, _LABEL, _TOP, _BAR = 13, 126, 8, 26, 46, 46
_FACES: tuple[Face, ...] = ("front", "rear")
_FEEDS: tuple[FeedName, ...] = ("A", "B")
STYLE = """
.rack text { font: 10px system-ui, sans-serif; fill: #111; }
.rack .h { font-size: 12px; font-weight: 600; }
.rack .frame { fill: #fff; stroke: #111; }
.rack .u { fill: #555; font-size: 8px; }
.rack .slot { stroke: #ddd; }
.rack .stays { fill: #e3e3e3; stroke: #777; }
.rack .new { fill: #cfe8cf; stroke: #14532d; stroke-width: 2; }
.rack .moved-here { fill: #d4e4f7; stroke: #123a6b; stroke-width: 2; }
.rack .moved-away { fill: #fff; stroke: #123a6b; stroke-width: 2; stroke-dasharray: 4 3; }
.rack .gone { fill: #fbe3e3; stroke: #7f1d1d; stroke-width: 2; stroke-dasharray: 2 2; }
.rack .other { fill: url(#zw-other); stroke: #777; }
.rack .baseline { fill: url(#zw-base); stroke: #777; }
.rack .limit { fill: #fff; stroke: #111; }
.rack .load { fill: #8a8a8a; }
.rack .over { fill: #111; }
"""
PATTERNS = (
    '<svg width="0" height="0" aria-hidden="true" focusable="false"><defs>'
    '<pattern id="zw-other" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="6" height="6" fill="#f2f2f2"/><line x1="0" y1="0" x2="0" y2="6" stroke="#999" stroke-width="2"/>'
    "</pattern>"
    '<pattern id="zw-base" width="5" height="5" patternUnits="userSpaceOnUse">'
    '<rect width="5" height="5" fill="#f2f2f2"/><circle cx="2" cy="2" r="1" fill="#888"/></pattern></defs></svg>'
)
"""Once in a page, before the drawings that use it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something in one rack at one side of a change."""

    occupant: Occupant
    mark: Mark
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Elevation:
    """One rack before and after a change.

    Attributes:
        rack: the rack.
        before: what stands in it now.
        after: what will.
    """

    rack: Rack
    before: tuple[Item, ...]
    after: tuple[Item, ...]

    @property
    def changes(self) -> int:
        """How many things are not as before."""
        marks = [item.mark for item in (*self.before, *self.after)]
        return sum(mark not in ("stays", "other", "baseline") for mark in marks)


def elevations(
    racks: Mapping[str, Rack], others: Iterable[Occupant], own: Iterable[Occupant], wanted: Iterable[Occupant]
) -> tuple[Elevation, ...]:
    """The racks that a change changes, in order of id.

    Args:
        racks: by id.
        others: what others have in them.
        own: what the stack has now.
        wanted: what it will have.
    """
    now, then = {item.name: item for item in own}, {item.name: item for item in wanted}
    changed = {
        item.rack
        for name in now.keys() | then.keys()
        if _place(now.get(name)) != _place(then.get(name))
        for item in (now.get(name), then.get(name))
        if item is not None
    }
    by_rack: dict[str, list[Occupant]] = {}
    for item in others:
        if item.rack in changed:
            by_rack.setdefault(item.rack, []).append(item)
    found = []
    for rack_id in sorted(changed & racks.keys()):
        there = tuple(_other(item) for item in by_rack.get(rack_id, ()))
        before = [
            _item(item, then.get(item.name), "gone", "moved-away") for item in now.values() if item.rack == rack_id
        ]
        after = [_item(item, now.get(item.name), "new", "moved-here") for item in then.values() if item.rack == rack_id]
        found.append(Elevation(rack=racks[rack_id], before=(*there, *before), after=(*there, *after)))
    return tuple(found)


def _place(item: Occupant | None) -> tuple[object, ...]:
    return () if item is None else (item.rack, item.position, item.face, item.u_height, item.draw)


def _item(item: Occupant, twin: Occupant | None, alone: Mark, moved: Mark) -> Item:
    mark = alone if twin is None else "stays" if _place(twin) == _place(item) else moved
    return Item(occupant=item, mark=mark, label=item.name)


def _other(item: Occupant) -> Item:
    is_baseline = item.standing == "baseline"
    label = "baseline" if is_baseline else "another party"
    return Item(occupant=item, mark="baseline" if is_baseline else "other", label=label)


def drawing(shown: Elevation) -> str:
    """The SVG of one rack; front and rear are one column where everything in it is as deep as the rack."""
    rack = shown.rack
    body = rack.u_height * _UNIT
    columns = _columns(shown)
    width = _LABEL + len(columns) * (_WIDTH + _GAP)
    height = _TOP + body + 22 + _BAR * len(rack.feeds)
    title = escape(f"Rack {rack.id}, {rack.u_height} U, before and after", quote=True)
    parts = [
        (
            f'<svg class="rack" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" role="img" aria-label="{title}">'
        ),
        f'<text class="h" x="0" y="14">{escape(rack.id)}</text>',
        *_units(rack),
    ]
    for number, (name, face, items) in enumerate(columns):
        left = _LABEL + number * (_WIDTH + _GAP)
        parts.append(f'<text x="{left}" y="{_TOP - 8}">{name}</text>')
        parts.append(f'<rect class="frame" x="{left}" y="{_TOP}" width="{_WIDTH}" height="{body}"/>')
        lines = "".join(f"M{left} {_TOP + n * _UNIT}h{_WIDTH}" for n in range(1, rack.u_height))
        parts.append(f'<path class="slot" d="{lines}"/>')
        parts += [_box(item, rack, left) for item in items if face in item.occupant.faces]
    parts += _bars(shown, _TOP + body + 16, width)
    return "\n".join([*parts, "</svg>"])


def _columns(shown: Elevation) -> list[tuple[str, Face, Sequence[Item]]]:
    sides = (("before", shown.before), ("after", shown.after))
    if all(len(item.occupant.faces) > 1 for _, items in sides for item in items):
        return [(name, "front", items) for name, items in sides]
    return [(f"{name}, {face}", face, items) for name, items in sides for face in _FACES]


def _units(rack: Rack) -> Iterator[str]:
    for unit in range(1, rack.u_height + 1):
        if unit == 1 or unit % 5 == 0:
            y = _TOP + (rack.u_height - unit + 1) * _UNIT - 3
            yield f'<text class="u" x="2" y="{y}">U{unit}</text>'


def _box(item: Item, rack: Rack, left: int) -> str:
    one = item.occupant
    top = _TOP + (rack.u_height - one.position - one.u_height + 1) * _UNIT
    sign = f"{SIGNS[item.mark]} " if SIGNS[item.mark] else ""
    text = escape(f"{sign}{item.label}"[:22])
    y = top + (one.u_height * _UNIT) // 2 + 4
    return (
        f"<g><title>{escape(f'{item.label}: {WORDS[item.mark]}, U{one.position}, {one.u_height} U')}</title>"
        f'<rect class="{item.mark}" x="{left + 2}" y="{top + 1}" width="{_WIDTH - 4}" '
        f'height="{one.u_height * _UNIT - 2}"/><text x="{left + 6}" y="{y}">{text}</text></g>'
    )


def feed_loads(shown: Elevation) -> Iterator[tuple[FeedName, int, int, int, int]]:
    """For each feed: its limit, its load before and after with both live, and after the loss of the other one."""
    rack = shown.rack
    present = frozenset(rack.feeds)
    allowed = limits(rack)
    before, after = (sums_of([item.occupant for item in items], rack.wiring) for items in (shown.before, shown.after))
    for feed in _FEEDS:
        if feed in present:
            alone = after[ALONE[feed]] if len(present) > 1 else after[EVEN[feed]]
            yield feed, allowed[EVEN[feed]], before[EVEN[feed]], after[EVEN[feed]], alone


def _bars(shown: Elevation, top: int, width: int) -> Iterator[str]:
    full = width - _LABEL - _GAP
    for number, (feed, allowed, before, after, alone) in enumerate(feed_loads(shown)):
        y = top + _BAR * number
        most = max(allowed, before, after, alone, 1)
        yield f'<text x="{_LABEL}" y="{y + 10}">feed {feed}: {before:,} W before, {after:,} W after,</text>'
        yield f'<text x="{_LABEL}" y="{y + 22}">{alone:,} W after the loss of the other, of {allowed:,} W</text>'
        yield f'<rect class="limit" x="{_LABEL}" y="{y + 26}" width="{full * allowed // most}" height="12"/>'
        for offset, load in ((27, after), (33, alone)):
            kind = "over" if load > allowed else "load"
            yield f'<rect class="{kind}" x="{_LABEL}" y="{y + offset}" width="{full * load // most}" height="4"/>'


def alike(shown: Elevation) -> tuple[object, ...]:
    """What two racks have in common whose drawings differ in names only."""
    sides = (
        tuple(
            sorted((item.mark, item.occupant.position, item.occupant.u_height, item.occupant.faces) for item in items)
        )
        for items in (shown.before, shown.after)
    )
    return shown.rack.u_height, *sides, *feed_loads(shown)


def described(shown: Elevation) -> str:
    """What changes in the rack, in words: the drawing's text alternative; those that stack up and count up as one."""
    runs: list[list[Item]] = []
    for item in sorted((*shown.before, *shown.after), key=lambda one: (one.mark, one.occupant.position)):
        if item.mark in ("stays", "other", "baseline"):
            continue
        if runs and _stacks(runs[-1][-1], item):
            runs[-1].append(item)
        else:
            runs.append([item])
    return ", ".join(_run(run) for run in runs) or "nothing"


def _stacks(one: Item, two: Item) -> bool:
    top = one.occupant.position + one.occupant.u_height
    return one.mark == two.mark and top == two.occupant.position and follows(one.label, two.label)


def _run(run: Sequence[Item]) -> str:
    first, last = run[0], run[-1]
    if len(run) == 1:
        return f"{first.label} {WORDS[first.mark]} at U{first.occupant.position}"
    return (
        f"{first.label} to {last.label} {WORDS[first.mark]} at U{first.occupant.position} to "
        f"U{last.occupant.position + last.occupant.u_height - 1}"
    )

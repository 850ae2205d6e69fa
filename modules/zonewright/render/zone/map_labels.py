"""Where the names on a map stand: beside what they name, and through nothing else as long as there is room.

Places are tried in one order, so the same map has the same bytes. Sizes are those of the drawing. A text is taken to be
as wide as its characters are on average, which is enough to keep names apart.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import dist

Point = tuple[float, float]
_WIDTH_OF_CHARACTER, _ASCENT, _DESCENT = 0.6, 0.8, 0.25


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle: left, top, right, bottom."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: "Box") -> bool:
        """Whether two overlap."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def is_crossed(self, one: Point, two: Point) -> bool:
        """Whether a straight line goes through it."""
        (x, y), (dx, dy) = one, (two[0] - one[0], two[1] - one[1])
        enter, leave = 0.0, 1.0
        for step, start, low, high in ((dx, x, self.left, self.right), (dy, y, self.top, self.bottom)):
            if not step:
                if not low < start < high:
                    return False
                continue
            near, far = sorted(((low - start) / step, (high - start) / step))
            enter, leave = max(enter, near), min(leave, far)
        return enter < leave


@dataclass(slots=True)
class Labels:
    """A map's names that are placed already, and what else they must not cover.

    Attributes:
        size: of the drawing, width and height.
        lines: of links.
        taken: boxes of sites and of names.
    """

    size: Point
    lines: list[tuple[Point, Point]] = field(default_factory=list)
    taken: list[Box] = field(default_factory=list)

    def along(self, points: Sequence[Point], text: str, font: float) -> Point:
        """A place beside a line for its name; where there is no free one, the least bad.

        Args:
            points: of the line.
            text: the name.
            font: size of its letters.
        """
        return self._best(_beside(points, text, font), text, font)

    def around(self, at: Point, size: float, text: str, font: float) -> Point:
        """A place beside a site for its name: right, left, above, below.

        Args:
            at: its middle.
            size: half of its width.
            text: the name.
            font: size of its letters.
        """
        (x, y), width, gap = at, _width(text, font), size + 5
        return self._best(
            [
                (x + gap, y + font / 3),
                (x - gap - width, y + font / 3),
                (x - width / 2, y - gap),
                (x - width / 2, y + gap + font * _ASCENT),
                (x + gap, y - gap),
                (x + gap, y + gap + font / 2),
                (x - gap - width, y - gap),
                (x - gap - width, y + gap + font / 2),
            ],
            text,
            font,
        )

    def _best(self, places: Iterable[Point], text: str, font: float) -> Point:
        boxes = [(place, _box(place, text, font)) for place in places]
        place, box = min(boxes, key=lambda pair: self._cost(pair[1]))
        self.taken.append(box)
        return round(place[0], 1), round(place[1], 1)

    def _cost(self, box: Box) -> int:
        """What a name there would cover; names and sites are worse than lines."""
        width, height = self.size
        outside = box.left < 0 or box.top < 0 or box.right > width or box.bottom > height
        return (
            100 * outside
            + 10 * sum(box.meets(other) for other in self.taken)
            + sum(box.is_crossed(one, two) for one, two in self.lines)
        )


def _width(text: str, font: float) -> float:
    return len(text) * font * _WIDTH_OF_CHARACTER


def _box(at: Point, text: str, font: float) -> Box:
    x, y = at
    return Box(x, y - font * _ASCENT, x + _width(text, font), y + font * _DESCENT)


def _beside(points: Sequence[Point], text: str, font: float) -> Iterator[Point]:
    """Places on both sides of a line, from its middle outwards."""
    width = _width(text, font)
    for share in (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8):
        (x, y), (dx, dy) = _at(points, share)
        length = max((dx * dx + dy * dy) ** 0.5, 1e-9)
        nx, ny = -dy / length, dx / length
        for side in (1, -1):
            # So far from the line that no corner of the text touches it.
            far = abs(nx) * width / 2 + abs(ny) * font / 2 + 4
            yield x + side * nx * far - width / 2, y + side * ny * far + font * (_ASCENT - _DESCENT) / 2


def _at(points: Sequence[Point], share: float) -> tuple[Point, Point]:
    """A point of a line by its share of the length, and the direction there."""
    parts = [(one, two, dist(one, two)) for one, two in pairwise(points)]
    left = share * sum(length for _, _, length in parts)
    for one, two, length in parts:
        if left <= length and length:
            dx, dy = two[0] - one[0], two[1] - one[1]
            return (one[0] + left / length * dx, one[1] + left / length * dy), (dx, dy)
        left -= length
    return points[-1], (1.0, 0.0)

"""How many nodes of each kind go into one rack: the mix that uses best what is scarce. Internal to placement.

Numbers in, numbers out. Every figure is an integer and all work is counted, so that the same question has the same
answer on every machine, fast or slow.
"""

from collections.abc import Sequence
from dataclasses import dataclass

Vector = tuple[int, ...]
"""One number for each thing that a rack has only so much of."""
_SCALE = 1_000_000


@dataclass(slots=True)
class SearchWork:
    """How many steps of a search are left."""

    left: int

    def take(self) -> bool:
        """Use up one step; whether there was one."""
        self.left -= 1
        return self.left >= 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeKind:
    """Nodes that are alike, before a rack.

    Attributes:
        asks: what one of them uses of the rack.
        most: how many may go into it.
        value: how much one of them is worth.
        never_with: numbers of the kinds that must not be in the same rack.
    """

    asks: Vector
    most: int
    value: int
    never_with: frozenset[int] = frozenset()


def values_of(asks: Sequence[Vector], scarcity: Sequence[int], whole: Vector) -> list[int]:
    """What one node of each kind is worth: what it uses of a rack, each thing by how scarce it is.

    Args:
        asks: what one node of each kind uses.
        scarcity: of each thing, any scale.
        whole: what the rack has free of each thing.
    """
    return [
        1 + sum(weight * used * _SCALE // (free or 1) for weight, used, free in zip(scarcity, one, whole, strict=True))
        for one in asks
    ]


def scarcity_of(needed: Vector, free: Vector, *, power: int) -> list[int]:
    """How scarce each thing is: what is needed, in thousandths of what is free, raised to a power.

    Args:
        needed: by all nodes that are left.
        free: in all racks that are left.
        power: 0 makes all things alike; the higher, the more the scarcest one decides.
    """
    return [min(1000 * need // (have or 1), 2000) ** power for need, have in zip(needed, free, strict=True)]


def best_mix(kinds: Sequence[NodeKind], free: Vector, work: SearchWork) -> list[int]:
    """The number of each kind whose sum of values is highest; the best one found when the work is used up.

    Args:
        kinds: what may go into the rack.
        free: what it has.
        work: how many steps may be taken.
    """
    return _Mix(kinds, free, work).best


class _Mix:
    """A search by depth: of each kind first as many as go in, then fewer."""

    def __init__(self, kinds: Sequence[NodeKind], free: Vector, work: SearchWork) -> None:
        self._kinds, self._work = kinds, work
        usable = (number for number, kind in enumerate(kinds) if _fit(kind, free) > 0)
        self._order = sorted(usable, key=lambda number: (-_per_use(kinds[number], free), number))
        self._per = [[_most_per(kinds, self._order[at:], thing) for thing in range(len(free))] for at in self._depths()]
        self._counts = [0] * len(kinds)
        self._value, self.best = 0, [0] * len(kinds)
        self._look(0, free, 0)

    def _depths(self) -> range:
        return range(len(self._order))

    def _look(self, depth: int, free: Vector, value: int) -> None:
        if value > self._value:
            self._value, self.best = value, self._counts.copy()
        if depth == len(self._order) or value + self._bound(depth, free) <= self._value:
            return
        number = self._order[depth]
        kind = self._kinds[number]
        is_barred = any(self._counts[other] for other in kind.never_with)
        for count in range(0 if is_barred else _fit(kind, free), -1, -1):
            if not self._work.take():
                return
            self._counts[number] = count
            left = tuple(have - count * used for have, used in zip(free, kind.asks, strict=True))
            self._look(depth + 1, left, value + count * kind.value)
        self._counts[number] = 0

    def _bound(self, depth: int, free: Vector) -> int:
        """No mix of the kinds from here on is worth more."""
        by_count = sum(self._kinds[number].value * self._kinds[number].most for number in self._order[depth:])
        by_thing = (per * have // _SCALE + 1 for per, have in zip(self._per[depth], free, strict=True) if per >= 0)
        return min(by_count, min(by_thing, default=by_count))


def _fit(kind: NodeKind, free: Vector) -> int:
    return min([kind.most, *(have // used for have, used in zip(free, kind.asks, strict=True) if used)])


def _per_use(kind: NodeKind, free: Vector) -> int:
    """The value of a kind for the part of a rack that it uses."""
    part = sum(used * _SCALE // (have or 1) for used, have in zip(kind.asks, free, strict=True))
    return kind.value * _SCALE // (part or 1)


def _most_per(kinds: Sequence[NodeKind], order: Sequence[int], thing: int) -> int:
    """The highest value of one unit of a thing, in millionths and rounded up; -1 where a kind uses nothing of it."""
    if any(kinds[number].asks[thing] == 0 for number in order):
        return -1
    return max((-(-kinds[number].value * _SCALE // kinds[number].asks[thing]) for number in order), default=-1)

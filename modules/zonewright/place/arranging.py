"""An arrangement of nodes of several kinds over many racks, searched for before a change is refused. Internal.

Best fit places one cluster after the other, and may fill a rack with what leaves its watts, its weight or its units
unused. Here each rack gets the mix of kinds that uses best what is scarce (:mod:`zonewright.place.packing`), in several
rounds that weigh what is scarce differently. What is found is only a proposal: placement seats every node by it and
checks each of them as ever, and the rules judge the result.

The method is minimum bin slack (Gupta and Ho, Production Planning & Control 10, 1999) with several resources.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from zonewright.model.cluster import WideScope
from zonewright.place.packing import NodeKind, SearchWork, Vector, best_mix, scarcity_of, values_of
from zonewright.place.rack_state import NodeShape, RackState
from zonewright.place.stops import MayBoth
from zonewright.place.waiting import Waiting
from zonewright.rules.spread import domain_of

STEPS = 150_000
"""Steps of all rounds of one search, below a second on a slow machine; a round that has begun is ended."""
_ROUNDS = 60
_ROUNDS_FOR_FEWER = 4
"""Where all nodes have a rack, and only fewer racks are looked for."""
_STEPS_OF_A_RACK = (20, 400)
_STEPS_OF_A_SEAT, _STEPS_OF_A_VISIT = 3, 5
_POWERS = (1, 2, 3, 0, 4, 6)
_NOISE = (0, 10, 30, 60)
_SHUFFLE = 6364136223846793005
"""Knuth's multiplier for a linear congruential generator: rounds differ, and each is the same every time."""

DomainOf = Callable[[str, WideScope], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """Racks for the nodes that wait.

    Attributes:
        racks: by cluster, one rack id for each node that has one.
        missing: how many nodes have none.
        opened: how many racks it puts the first node into.
    """

    racks: Mapping[str, tuple[str, ...]]
    missing: int
    opened: int


def arrange(
    waiting: Sequence[Waiting], states: Sequence[RackState], domain: DomainOf, may_both: MayBoth, *, goal: int
) -> Arrangement:
    """The best arrangement that was found: the fewest nodes without a rack, then the fewest racks that are opened.

    Args:
        waiting: what is to be placed, in the order in which placement seats it.
        states: the racks, in the order in which they are to be filled; none of them is changed.
        domain: the domain of a rack.
        may_both: whether two clusters may have nodes in two racks.
        goal: with so few opened racks, and all nodes placed, no better one is looked for.
    """
    work, best = SearchWork(STEPS), None
    states = [state for state in states if any(_takes_one(one, state) for one in waiting)]
    orders = _orders(states) if any(one.far for one in waiting) else [states]
    for number in range(_ROUNDS):
        found = _Round(waiting, orders[number % len(orders)], domain, may_both, number).run(work)
        if best is None or (found.missing, found.opened) < (best.missing, best.opened):
            best = found
        is_good = not best.missing and (best.opened <= goal or number + 1 >= _ROUNDS_FOR_FEWER)
        if is_good or work.left <= 0:
            break
    return best or Arrangement(racks={}, missing=sum(one.count for one in waiting), opened=0)


def _orders(states: Sequence[RackState]) -> list[Sequence[RackState]]:
    """Orders in which racks are filled where distances count: as ever, and as they stand, from one end or the other."""
    standing = sorted(states, key=lambda state: state.rack.id)
    return [states, standing, standing[::-1]]


def _takes_one(one: Waiting, state: RackState) -> bool:
    """Whether a rack has room for one node at least."""
    key = ("", one.cluster, "")
    return state.rack.id in one.racks and state.lowest(one.shape) is not None and state.takes(one.shape, key)


def free_of(state: RackState) -> Vector:
    """What a rack has free: its eight figures, and units on each face."""
    figures = (max(0, limit - used) for limit, used in zip(state.limits, state.sums, strict=True))
    units = (state.rack.u_height - state.taken[face].bit_count() for face in ("front", "rear"))
    return (*figures, *units)


def asked_of(shape: NodeShape, state: RackState) -> Vector:
    """What one node uses of what :func:`free_of` tells."""
    units = (shape.u_height if face in shape.faces else 0 for face in ("front", "rear"))
    return (*shape.figures(state.wiring), *units)


def is_empty(state: RackState) -> bool:
    """Whether nothing is in a rack."""
    return not any(state.sums) and not any(state.taken.values())


class _Round:
    """One pass over the racks, which weighs what is scarce in its own way."""

    def __init__(
        self,
        waiting: Sequence[Waiting],
        states: Sequence[RackState],
        domain: DomainOf,
        may_both: MayBoth,
        number: int,
    ) -> None:
        self._waiting, self._states, self._domain, self._may_both = waiting, states, domain, may_both
        self._power = _POWERS[number % len(_POWERS)]
        self._noise = 0 if number < len(_POWERS) else _NOISE[number % len(_NOISE)]
        self._seed = number
        self._left = [one.count for one in waiting]
        self._counts = [Counter(one.spread.counts) for one in waiting]
        self._used: dict[tuple[str, WideScope], set[str]] = defaultdict(set)
        self._racks: dict[str, list[str]] = defaultdict(list)
        self._known: dict[tuple[object, ...], list[int]] = {}

    def run(self, work: SearchWork) -> Arrangement:
        """Fill the racks."""
        free = [free_of(state) for state in self._states]
        after = list(accumulate(reversed(free), lambda one, two: tuple(map(int.__add__, one, two))))[::-1]
        opened = 0
        for state, here, rest in zip(self._states, free, after, strict=True):
            if not any(self._left):
                break
            if self._fill(state, here, rest, work) and is_empty(state):
                opened += 1
        racks = {cluster: tuple(found) for cluster, found in self._racks.items()}
        return Arrangement(racks=racks, missing=sum(self._left), opened=opened)

    def _fill(self, state: RackState, free: Vector, rest: Vector, work: SearchWork) -> int:
        """Put a mix into one rack; how many nodes that are."""
        asks = [asked_of(one.shape, state) for one in self._waiting]
        most = [self._most(number, state.rack.id) for number in range(len(self._waiting))]
        if not any(most):
            return 0
        work.left -= _STEPS_OF_A_VISIT
        values = self._values(asks, free, rest)
        scratch, count = state.without(()), 0
        for _ in self._waiting:  # units in pieces may refuse a part of a mix; then the others get another try
            mix = self._mix(scratch, asks, most, values, work)
            if not any(mix):
                break
            is_whole = True
            for number, wanted in enumerate(mix):
                seated = self._seat(number, wanted, scratch)
                work.left -= seated * _STEPS_OF_A_SEAT
                count += seated
                most[number] = most[number] - seated if seated == wanted else 0
                is_whole = is_whole and seated == wanted
            if is_whole:
                break
        return count

    def _values(self, asks: Sequence[Vector], free: Vector, rest: Vector) -> list[int]:
        needed = tuple(
            sum(left * one[thing] for left, one in zip(self._left, asks, strict=True)) for thing in range(len(free))
        )
        values = values_of(asks, scarcity_of(needed, rest, power=self._power), free)
        return [value * (100 + self._shake()) // 100 for value in values]

    def _mix(
        self, state: RackState, asks: Sequence[Vector], most: list[int], values: Sequence[int], work: SearchWork
    ) -> list[int]:
        """The mix for a rack; one that has just been found for a like rack is taken again."""
        free = free_of(state)
        key = (free, state.wiring, tuple(number for number, limit in enumerate(most) if limit))
        known = self._known.get(key)
        if known is not None and all(map(int.__le__, known, most)):
            return known
        kinds = [
            NodeKind(asks=one, most=limit, value=value, never_with=self._never_with(number))
            for number, (one, limit, value) in enumerate(zip(asks, most, values, strict=True))
        ]
        least, most_steps = _STEPS_OF_A_RACK
        share = min(most_steps, max(least, STEPS // len(self._states)))
        part = SearchWork(share)
        found = self._known[key] = best_mix(kinds, free, part)
        work.left -= share - part.left
        return found

    def _never_with(self, number: int) -> frozenset[int]:
        never = self._waiting[number].never_beside
        return frozenset(other for other, one in enumerate(self._waiting) if one.cluster in never)

    def _most(self, number: int, rack: str) -> int:
        """How many nodes of a cluster may go into a rack, but for what the rack carries."""
        one, left = self._waiting[number], self._left[number]
        if not left or rack not in one.racks:
            return 0
        if any(self._domain(rack, scope) in self._used[other, scope] for other, scope in one.apart.items()):
            return 0
        there = ((other, at) for other in one.far for at in set(self._racks[other]))
        if not all(self._may_both(one.cluster, rack, *pair) for pair in there):
            return 0
        asked = one.spread.spread
        if asked is None:
            return left
        counts, here = self._counts[number], domain_of(rack, asked.scope)
        missing = max(0, one.spread.target - len(counts))
        left -= missing if here in counts else max(0, missing - 1)
        if one.spread.most is not None:
            left = min(left, one.spread.most - counts[here])
        return max(0, left)

    def _seat(self, number: int, count: int, state: RackState) -> int:
        """Put nodes into a rack in thought; how many went in."""
        one = self._waiting[number]
        for done in range(count):
            position, key = state.lowest(one.shape), ("", one.cluster, str(done))
            if position is None or not state.takes(one.shape, key):
                return self._count(number, done, state.rack.id)
            state.add(one.shape, key, position)
        return self._count(number, count, state.rack.id)

    def _count(self, number: int, count: int, rack: str) -> int:
        one = self._waiting[number]
        if count:
            self._left[number] -= count
            self._racks[one.cluster] += [rack] * count
            if one.spread.spread is not None:
                self._counts[number][domain_of(rack, one.spread.spread.scope)] += count
            for scope in {scope for other in self._waiting for scope in other.apart.values()}:
                self._used[one.cluster, scope].add(self._domain(rack, scope))
        return count

    def _shake(self) -> int:
        """A number from minus to plus the noise of this round, in percent."""
        if not self._noise:
            return 0
        self._seed = (self._seed * _SHUFFLE + 1442695040888963407) % 2**64
        return (self._seed >> 33) % (2 * self._noise + 1) - self._noise


def fewest_racks(waiting: Sequence[Waiting], states: Sequence[RackState]) -> int:
    """No arrangement opens fewer racks: what is needed beyond the racks in use, by the largest empty ones."""
    needed = _least_needed(waiting, states)
    used = [free_of(state) for state in states if not is_empty(state)]
    empty = [free_of(state) for state in states if is_empty(state)]
    return max((_racks_for(need - sum(one[thing] for one in used), thing, empty) for thing, need in enumerate(needed)))


def _racks_for(need: int, thing: int, empty: Sequence[Vector]) -> int:
    count = 0
    for have in sorted((one[thing] for one in empty), reverse=True):
        if need <= 0 or have <= 0:
            break
        need, count = need - have, count + 1
    return count


def _least_needed(waiting: Sequence[Waiting], states: Sequence[RackState]) -> Vector:
    """What the nodes use of each thing at the least, in whichever racks they are."""
    things = range(10)
    found = [0] * len(things)
    for one in waiting:
        asks = {asked_of(one.shape, state) for state in states if state.rack.id in one.racks}
        for thing in things if asks else ():
            found[thing] += one.count * min(ask[thing] for ask in asks)
    return tuple(found)


def lacking(waiting: Sequence[Waiting], states: Sequence[RackState]) -> Iterator[tuple[int, int, int]]:
    """What the racks lack in all, whatever the arrangement: number of the thing, how much, in how many racks.

    Clusters that may use the same racks, or some of them, are counted together. Nothing is yielded where counting
    proves nothing.

    Args:
        waiting: what is to be placed.
        states: the racks.
    """
    for racks in dict.fromkeys(one.racks for one in waiting):
        bound = [one for one in waiting if one.racks <= racks]
        inside = [state for state in states if state.rack.id in racks]
        free = [free_of(state) for state in inside]
        for thing, need in enumerate(_least_needed(bound, inside)):
            short = need - sum(one[thing] for one in free)
            if short > 0:
                yield thing, short, len(inside)

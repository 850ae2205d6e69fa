"""The racks while places are being given out: bits of free units and sums of loads, kept up to date.

Internal to placement, and the only thing in it that changes while it runs.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

from zonewright.model.demand import ClusterDemand
from zonewright.model.expand import draw_of
from zonewright.model.power import Draw, Wiring
from zonewright.model.rack import Rack
from zonewright.model.rack_position import RackPosition
from zonewright.model.site import Face
from zonewright.model.world import Bystanders, Occupant, World
from zonewright.rules.geometry import bits, lowest_free, lowest_places, occupied
from zonewright.rules.loads import (
    ALONE,
    NOTHING,
    WORST,
    Figures,
    Key,
    LegShares,
    by_key,
    full_phases,
    grams,
    larger,
    larger_share,
    leg_share,
    leg_shares,
    limits,
    total,
    watts,
)
from zonewright.rules.offered import Remaining


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeShape:
    """What all nodes of a cluster have in common for placement."""

    u_height: int
    faces: tuple[Face, ...]
    face: Face
    draw: Draw
    grams: int
    known: dict[Wiring, Figures] = field(default_factory=dict, compare=False, repr=False)
    """What :meth:`figures` has told already."""

    @classmethod
    def of(cls, wanted: ClusterDemand) -> "NodeShape":
        """The shape of the nodes of a cluster."""
        kind, cluster = wanted.node_type, wanted.cluster
        return cls(
            u_height=kind.u_height,
            faces=("front", "rear") if kind.is_full_depth else (cluster.face,),
            face=cluster.face,
            draw=draw_of(kind, cluster),
            grams=grams(kind.weight_kg),
        )

    def figures(self, wiring: Wiring) -> Figures:
        """The eight figures of one such node in a rack with these feeds."""
        found = self.known.get(wiring)
        if found is None:
            found = self.known[wiring] = (*watts(self.draw, wiring), self.grams, self.draw.allocated_w)
        return found


class Ground:
    """What bystanders make of one rack; it outlives a placement, and nothing in it changes."""

    __slots__ = ("by_key", "bystanders", "limits", "rack", "sums", "taken", "wiring")

    def __init__(self, rack: Rack, bystanders: Sequence[Occupant]) -> None:
        self.rack, self.bystanders = rack, bystanders
        self.wiring = rack.wiring
        self.limits = limits(rack)
        self.taken: Mapping[Face, int] = occupied(bystanders)
        self.by_key: Mapping[Key, Figures] = by_key(bystanders, self.wiring) if bystanders else {}
        self.sums = total(self.by_key.values()) if bystanders else NOTHING


_GROUNDS: WeakKeyDictionary[Bystanders, dict[str, Ground]] = WeakKeyDictionary()


def _ground(rack: Rack, bystanders: Bystanders) -> Ground:
    if rack.id not in bystanders.by_rack:
        return Ground(rack, ())
    known = _GROUNDS.setdefault(bystanders, {})
    found = known.get(rack.id)
    if found is None or found.rack != rack:
        found = known[rack.id] = Ground(rack, bystanders.by_rack[rack.id])
    return found


class RackState:
    """One rack: which units are taken, how much of it is loaded, and what of the load is the stack's own."""

    _asked: tuple[NodeShape, Figures] | None

    __slots__ = ("_asked", "legs", "limits", "mended", "own", "rack", "remaining", "sums", "taken", "wiring")

    def __init__(
        self,
        ground: Ground,
        others: Sequence[Occupant],
        own: Sequence[Occupant],
        remaining: Remaining | None = None,
    ) -> None:
        self.rack, self.wiring, self.limits = ground.rack, ground.wiring, ground.limits
        self.remaining, self._asked = remaining, None
        self.taken = dict(ground.taken)
        for face, mask in occupied(others).items() if others else ():
            self.taken[face] |= mask
        self.own: dict[Key, Figures] = by_key(own, self.wiring) if own else {}
        self.sums = ground.sums
        if others or own:
            held = by_key(others, self.wiring)
            self.sums = total([ground.sums, *_above(ground.by_key, held), *_above(held, self.own)])
        is_told = self.rack.has_legs
        self.legs = leg_shares(self.rack, (*ground.bystanders, *others, *own)) if is_told else None
        self.mended: RackState | None = None
        if self.rack.failed_feeds:  # what goes in must have its watts too when the feed works again
            self.mended = RackState(Ground(self.rack.mended, ground.bystanders), others, own)

    def without(self, nodes: Collection[str]) -> "RackState":
        """The same rack to try things in, without what some own nodes draw and weigh here; nothing is shared."""
        copy = object.__new__(RackState)
        copy.rack, copy.wiring, copy.limits, copy.remaining = self.rack, self.wiring, self.limits, self.remaining
        copy.taken, copy._asked = dict(self.taken), None
        copy.own = {key: figures for key, figures in self.own.items() if key[-1] not in nodes}
        copy.sums = self._sums_without(nodes)
        copy.mended = None if self.mended is None else self.mended.without(nodes)
        gone = self.own.keys() - copy.own.keys()
        copy.legs = (
            None
            if self.legs is None
            else {
                leg: {key: share for key, share in by_node.items() if key not in gone}
                for leg, by_node in self.legs.items()
            }
        )
        return copy

    def _sums_without(self, nodes: Collection[str]) -> Figures:
        theirs = [figures for key, figures in self.own.items() if key[-1] in nodes]
        return tuple(map(int.__sub__, self.sums, total(theirs))) if theirs else self.sums

    def closed_for(self, shape: NodeShape) -> int:
        """Bits of units that no offer gives to a node of this shape."""
        return 0 if self.remaining is None else self.remaining.closed(self.rack, shape.draw.allocated_w)

    def taken_for(self, shape: NodeShape) -> int:
        """Bits that a node of this shape cannot take: something is there, or nothing is offered."""
        return self._blocked(shape) | self.closed_for(shape)

    def lacks_an_offer(self, shape: NodeShape) -> bool:
        """Whether there is room for the shape, but not in what is offered."""
        rack_u, needed_u = self.rack.u_height, shape.u_height
        is_free = lowest_free(self._blocked(shape), rack_u=rack_u, needed_u=needed_u) is not None
        return is_free and lowest_free(self.taken_for(shape), rack_u=rack_u, needed_u=needed_u) is None

    def _blocked(self, shape: NodeShape) -> int:
        mask = 0
        for face in shape.faces:
            mask |= self.taken[face]
        return mask

    def lowest(self, shape: NodeShape) -> int | None:
        """Lowest position with room for the shape, on a phase that carries it, or None."""
        full = 0 if self.legs is None else full_phases(self.rack, self.legs, watts(shape.draw, self.wiring))
        return lowest_free(self.taken_for(shape), rack_u=self.rack.u_height, needed_u=shape.u_height, no_start=full)

    def has_units(self, shape: NodeShape, position: int) -> bool:
        """Whether the shape has its units at one position."""
        if position < 1 or position + shape.u_height - 1 > self.rack.u_height:
            return False
        return not self._blocked(shape) & bits(position, shape.u_height)

    def _figures_of(self, shape: NodeShape) -> Figures:
        """The figures of one node of a shape here; the nodes of a cluster, which come one after the other, have one."""
        last = self._asked
        if last is None or last[0] is not shape:
            self._asked = last = shape, shape.figures(self.wiring)
        return last[1]

    def added(self, shape: NodeShape, key: Key) -> Figures:
        """What one more node adds; a node that has something here already adds only what is above that."""
        asked = self._figures_of(shape)
        known = self.own.get(key)
        return asked if known is None else tuple(map(int.__sub__, larger(asked, known), known))

    def carries(self, extra: Figures) -> bool:
        """Whether nothing that grows by ``extra`` is then over its limit."""
        return all(
            more == 0 or used + more <= limit for used, more, limit in zip(self.sums, extra, self.limits, strict=True)
        )

    def takes(self, shape: NodeShape, key: Key) -> bool:
        """Whether the rack carries one more node: now, and when what has failed of it works again."""
        carries = self.carries(self.added(shape, key))
        return carries and (self.mended is None or self.mended.takes(shape, key))

    def left_for(self, shape: NodeShape | None) -> int | None:
        """Watts that stay free with one more node: now, and when what has failed works again; None if it does not fit.

        Args:
            shape: of the node; None for what is free now.
        """
        left = self.left_after(NOTHING if shape is None else self._figures_of(shape))
        mended = left if self.mended is None else self.mended.left_for(shape)
        return None if left is None or mended is None else min(left, mended)

    def left_after(self, asked: Figures) -> int | None:
        """Watts that stay free after ``asked`` is added, whichever of two feeds is lost; None if it does not fit."""
        after = list(map(int.__sub__, map(int.__sub__, self.limits, self.sums), asked))
        is_over = min(after) < 0
        if is_over and not (self.rack.failed_feeds and self.carries(asked)):  # what is down draws nothing of the others
            return None
        live = self.wiring.live
        if len(live) > 1:
            return min(after[ALONE["A"]], after[ALONE["B"]])
        return after[WORST["B"]] if "B" in live else after[WORST["A"]]

    def room_for(self, shape: NodeShape, nodes: Collection[str] = ()) -> int:
        """How many nodes of a shape fit, by the scarcest of units, watts and weight; not more than truly fit.

        Args:
            shape: of each of them.
            nodes: names of own nodes that are among them, so that what they have here already counts for nobody else.
        """
        if self.legs is not None:
            return self.without(nodes).filled_with(shape)
        asked = shape.figures(self.wiring)
        sums = self._sums_without(nodes)
        by_figure = [
            max(0, limit - used) // more for limit, used, more in zip(self.limits, sums, asked, strict=True) if more
        ]
        most, rack_u = min(by_figure, default=self.rack.u_height), self.rack.u_height
        count = len(lowest_places(self.taken_for(shape), rack_u=rack_u, needed_u=shape.u_height, most=most))
        return count if self.mended is None else min(count, self.mended.room_for(shape, nodes))

    def filled_with(self, shape: NodeShape) -> int:
        """Put in as many nodes of a shape as go in, one after the other, and tell how many."""
        count = 0
        while (position := self.lowest(shape)) is not None and self.takes(shape, ("", "", str(count))):
            self.add(shape, ("", "", str(count)), position)
            count += 1
        return count

    def fill(self, shape: NodeShape, keys: Sequence[Key], position: int) -> list[int]:
        """Put nodes in from a position on, each at the lowest free one, as many as go in; their positions.

        Args:
            shape: of each of them.
            keys: who they are; the first one goes in.
            position: of the first one.
        """
        is_plain = self.legs is None and self.mended is None and self.remaining is None
        if len(keys) == 1 or not is_plain or not self.own.keys().isdisjoint(keys):
            self.add(shape, keys[0], position)
            return [position]
        asked = shape.figures(self.wiring)
        left = map(int.__sub__, self.limits, self.sums)
        by_figure = (have // more for have, more in zip(left, asked, strict=True) if more)
        most = min(len(keys), min(by_figure, default=len(keys)))
        taken, rack_u = self._blocked(shape), self.rack.u_height
        positions = lowest_places(taken, rack_u=rack_u, needed_u=shape.u_height, most=most)
        self.sums = tuple(used + len(positions) * more for used, more in zip(self.sums, asked, strict=True))
        self.own.update(dict.fromkeys(keys[: len(positions)], asked))
        mask = 0
        for one in positions:
            mask |= bits(one, shape.u_height)
        for face in shape.faces:
            self.taken[face] |= mask
        return positions

    def add(self, shape: NodeShape, key: Key, position: int) -> None:
        """Put a node here, whether it fits or not."""
        if self.mended is not None:
            self.mended.add(shape, key, position)
        if self.legs is not None:
            self._add_to_phases(self.legs, shape, key, position)
        extra = self.added(shape, key)
        self.sums = tuple(map(int.__add__, self.sums, extra))
        known = self.own.get(key)
        self.own[key] = extra if known is None else tuple(map(int.__add__, known, extra))
        mask = bits(position, shape.u_height)
        for face in shape.faces:
            self.taken[face] |= mask

    def _add_to_phases(self, legs: LegShares, shape: NodeShape, key: Key, position: int) -> None:
        of_node = watts(shape.draw, self.wiring)
        for name, feed in self.rack.feeds.items():
            leg = feed.leg_of(position)
            if leg is not None:
                by_node = legs.setdefault((name, leg), {})
                by_node[key] = larger_share(by_node.get(key), leg_share(of_node, name))


def _above(known: Mapping[Key, Figures], asked: Mapping[Key, Figures]) -> Iterator[Figures]:
    """What of some figures is above those that are known: who stands twice in one rack counts once."""
    for key, figures in asked.items():
        held = known.get(key, NOTHING)
        yield tuple(map(int.__sub__, larger(figures, held), held))


class Floor:
    """The racks of a world: the state of one is made when it is first asked for, as a change is about few of many.

    Args:
        world: everybody else's part.
        standing: the stack's own claims that have a resource.
        party: whose nodes are to be placed.
        wanted: names of those nodes; what stands and is not among them leaves, and counts in its offer until it is
            gone.
    """

    def __init__(self, world: World, standing: Sequence[Occupant], *, party: str, wanted: Collection[str] = ()) -> None:
        self._racks, self._bystanders = world.racks, world.bystanders
        leaving = tuple(item for item in standing if item.name not in wanted)
        with_leaving = replace(world, occupants=(*world.occupants, *leaving))
        self._remaining = Remaining(with_leaving, party) if world.offered else None
        self._others: dict[str, list[Occupant]] = defaultdict(list)
        self._own: dict[str, list[Occupant]] = defaultdict(list)
        for item in world.occupants:
            self._others[item.rack].append(item)
        for item in standing:
            self._own[item.rack].append(item)
        self._states: dict[str, RackState] = {}
        self._occupied: dict[str, list[str]] = defaultdict(list)
        for rack_id in {*self._bystanders.by_rack, *self._others, *self._own} & self._racks.keys():
            self._occupied[self._racks[rack_id].room].append(rack_id)
        self._in_use: dict[str, bool] = {}

    def state(self, rack_id: str) -> RackState | None:
        """The state of a rack; None where it is not in the world."""
        found, rack = self._states.get(rack_id), self._racks.get(rack_id)
        if found is None and rack is not None:
            ground = _ground(rack, self._bystanders)
            found = RackState(ground, self._others.get(rack_id, ()), self._own.get(rack_id, ()), self._remaining)
            self._states[rack_id] = found
        return found

    def states(self, wanted: Callable[[Rack], bool]) -> list[RackState]:
        """The states of those racks that are wanted, in the order of the world."""
        found = (self.state(rack_id) for rack_id, rack in self._racks.items() if wanted(rack))
        return [state for state in found if state is not None]

    def is_unused(self, rack_id: str) -> bool:
        """Whether nobody had anything in a rack before places were given out."""
        return not (rack_id in self._bystanders.by_rack or rack_id in self._others or rack_id in self._own)

    def is_in_use(self, room: str) -> bool:
        """Whether something draws power in a room (``site/room``)."""
        if room not in self._in_use:
            states = (self.state(rack_id) for rack_id in self._occupied.get(room, ()))
            self._in_use[room] = any(
                state is not None and (state.sums[WORST["A"]] or state.sums[WORST["B"]]) for state in states
            )
        return self._in_use[room]

    def put(self, shape: NodeShape, key: Key, seat: RackPosition) -> None:
        """Put a node at its place; a rack that is not in the world is left to the rules."""
        state = self.state(seat.rack)
        if state is not None:
            state.add(shape, key, seat.position)
            self.count(shape, state, [seat.position])

    def count(self, shape: NodeShape, state: RackState, positions: Sequence[int]) -> None:
        """Count nodes that were put into a rack for its offers and its room."""
        if self._remaining is not None:
            for position in positions:
                self._remaining.take(state.rack, position, shape.draw.allocated_w)
        if shape.draw.allocated_w:
            self._in_use[state.rack.room] = True

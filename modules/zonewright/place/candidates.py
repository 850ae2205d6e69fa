"""Racks for the nodes of one cluster, best first: rooms in use before idle ones, then the tightest that still fits.

A rack goes back into the queue only after a node was put into it, so that n nodes and r racks take
O((n + r) log r) steps.
"""

import heapq
from collections.abc import Iterable

from zonewright.place.rack_state import Floor, NodeShape, RackState
from zonewright.place.spread_count import SpreadCount
from zonewright.place.stops import StopsRack

_Entry = tuple[int, str]
_BEFORE = 10**12
"""More watts than any rack has."""


class Candidates:
    """A queue of racks for one shape."""

    def __init__(
        self, floor: Floor, shape: NodeShape, states: Iterable[RackState], *, first: frozenset[str] = frozenset()
    ) -> None:
        self._shape, self._first = shape, first
        self._states: dict[str, RackState] = {}
        self._queue: list[_Entry] = []
        self._idle: dict[str, list[_Entry]] = {}
        self._later: list[_Entry] = []
        self._given_back: _Entry | None = None
        """What ``put_back`` has to queue; as it is most often the best again, it is queued and taken in one step."""
        for state in states:
            left = state.left_for(shape)
            if left is not None:
                self._states[state.rack.id] = state
                room = state.rack.room
                is_ready = state.rack.id in first or floor.is_in_use(room)
                queue = self._queue if is_ready else self._idle.setdefault(room, [])
                queue.append(self._entry(left, state))
        for queue in (self._queue, *self._idle.values()):
            heapq.heapify(queue)

    def take(self, spread: SpreadCount, stops: StopsRack) -> tuple[RackState, int] | None:
        """The best rack with its lowest free position, or None; give it back with ``put_back`` after use.

        Args:
            spread: what the cluster's spread allows.
            stops: why a rack must not be taken because of who else is there; such a rack is not looked at again.
        """
        while self._given_back is not None or self._queue or self._open_a_room():
            if self._given_back is None:
                entry = heapq.heappop(self._queue)
            else:
                entry, self._given_back = heapq.heappushpop(self._queue, self._given_back), None
            verdict = spread.verdict(entry[1])
            if verdict == "later":
                self._later.append(entry)
            elif verdict == "now":
                state = self._states[entry[1]]
                position = state.lowest(self._shape)
                if position is not None and stops(state.rack) is None:
                    return state, position
        return None

    @property
    def are_some_later(self) -> bool:
        """Whether racks wait until enough domains are reached, and may then come back before all others."""
        return bool(self._later)

    def put_back(self, state: RackState) -> None:
        """Queue a rack again, with what is left in it now."""
        left = state.left_for(self._shape)
        self._given_back = None if left is None else self._entry(left, state)

    def _entry(self, left: int, state: RackState) -> _Entry:
        """Its place in the queue: what is reserved for the stack comes before all else."""
        return (left - _BEFORE if state.rack.id in self._first else left, state.rack.id)

    def recall(self) -> None:
        """Queue again what had to wait until enough domains were reached."""
        for entry in self._later:
            heapq.heappush(self._queue, entry)
        self._later = []

    def _open_a_room(self) -> bool:
        """Add the racks of one idle room: an active one before a planned one, then by its best rack."""
        if not self._idle:
            return False
        room = min(self._idle, key=lambda room: (not self._accepts(room), self._idle[room][0]))
        self._queue = self._idle.pop(room)
        return True

    def _accepts(self, room: str) -> bool:
        return any(self._states[rack_id].rack.accepts for _, rack_id in self._idle[room])

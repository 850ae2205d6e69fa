"""Whether a change that has no room would have it if some of the party's own nodes moved. Internal to placement.

Nothing is moved by this: a party is told which moves would help, and declares them if it wants to.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice

from zonewright.model.rack_position import RackPosition
from zonewright.rules.words import count_of

_TRIES = 24
_NODES_TRIED = 4_800
"""Nodes that are placed again in all tries of one kind, about."""
_NAMED = 3

OwnMoves = Mapping[str, RackPosition]
PlaceWithout = Callable[[frozenset[str]], OwnMoves | None]
"""Places for all nodes where the present places of some count for nothing; None where there are none."""


def own_moves(
    present: Mapping[str, RackPosition], *, kinds: Mapping[str, str], place_without: PlaceWithout
) -> OwnMoves | None:
    """The new places of those own nodes that would have to move; None where no such moves were found.

    First each node by itself, then each rack, then all of them. Of nodes of one kind in one rack only the first is
    tried. The more nodes, the fewer are tried.

    Args:
        present: places of the nodes that may move.
        kinds: the cluster of each of them.
        place_without: finds places for all nodes.
    """
    for released in _releases(present, kinds, tries=max(2, min(_TRIES, _NODES_TRIED // max(1, len(present))))):
        found = place_without(released)
        moves = {name: seat for name, seat in sorted((found or {}).items()) if present.get(name, seat) != seat}
        if moves:
            return moves
    return None


def _releases(present: Mapping[str, RackPosition], kinds: Mapping[str, str], *, tries: int) -> Iterator[frozenset[str]]:
    alike: dict[tuple[str, str], str] = {}
    racks: dict[str, list[str]] = {}
    for name in sorted(present):
        alike.setdefault((present[name].rack, kinds[name]), name)
        racks.setdefault(present[name].rack, []).append(name)
    yield from (frozenset((name,)) for name in islice(alike.values(), tries))
    by_size = sorted(racks, key=lambda rack: (len(racks[rack]), rack))
    yield from (frozenset(racks[rack]) for rack in islice(by_size, tries) if len(racks[rack]) > 1)
    if len(racks) > 1:
        yield frozenset(present)


def told(moves: OwnMoves) -> str:
    """The moves in words.

    Args:
        moves: new places by node name, at least one.
    """
    named = [f"{name} to {seat.rack} U{seat.position}" for name, seat in list(moves.items())[:_NAMED]]
    more = len(moves) - len(named)
    rest = f" and {more} more" if more > 0 else ""
    return f"{count_of(len(moves), 'move')} of your own nodes would make room: {', '.join(named)}{rest}"

"""Rack units as bits: bit n stands for U n, counted from 1 at the bottom. No policy stands here."""

from collections.abc import Iterable
from functools import lru_cache

from zonewright.model.site import Face
from zonewright.model.world import Occupant


def _below(unit: int) -> int:
    """Bits of all units below ``unit``."""
    return (1 << max(unit, 0)) - 1


@lru_cache(maxsize=4096)
def bits(position: int, u_height: int) -> int:
    """Bits of ``u_height`` units from ``position`` upward.

    Example:
        >>> bin(bits(2, 3))
        '0b11100'
    """
    return _below(position + u_height) & ~_below(position)


def occupied(occupants: Iterable[Occupant]) -> dict[Face, int]:
    """Bits taken on each face by those that block units."""
    taken: dict[Face, int] = {"front": 0, "rear": 0}
    for item in occupants:
        if item.blocks_units:
            mask = bits(item.position, item.u_height)
            for face in item.faces:
                taken[face] |= mask
    return taken


def lowest_free(taken: int, *, rack_u: int, needed_u: int, no_start: int = 0) -> int | None:
    """Lowest position at which ``needed_u`` units in one piece are free, or None.

    Args:
        taken: bits that are not free, of all faces that count.
        rack_u: height of the rack in U.
        needed_u: units wanted, at least 1.
        no_start: bits of units that must not be the lowest of them.

    Example:
        >>> lowest_free(bits(1, 4), rack_u=10, needed_u=2)
        5
    """
    free = bits(1, rack_u) & ~taken
    starts = free & ~no_start
    for step in range(1, needed_u):
        starts &= free >> step
    return (starts & -starts).bit_length() - 1 if starts else None


def lowest_places(taken: int, *, rack_u: int, needed_u: int, most: int) -> list[int]:
    """Positions of pieces of ``needed_u`` units, each the lowest that is free beside those before it.

    Args:
        taken: bits that are not free, of all faces that count.
        rack_u: height of the rack in U.
        needed_u: units of each piece, at least 1.
        most: how many pieces are wanted.

    Example:
        >>> lowest_places(bits(2, 1), rack_u=5, needed_u=1, most=9)
        [1, 3, 4, 5]
    """
    free, found = bits(1, rack_u) & ~taken, list[int]()
    first = (free & -free).bit_length() - 1
    if free and not bits(first, needed_u * most) & ~free:  # the usual case: one piece takes all of them
        return [*range(first, first + needed_u * most, needed_u)]
    while len(found) < most:
        starts = free
        for step in range(1, needed_u):
            starts &= free >> step
        if not starts:
            break
        lowest = starts & -starts
        found.append(lowest.bit_length() - 1)
        free &= -(lowest << needed_u)  # all below it is too short, or taken
    return found


def longest_free(taken: int, *, rack_u: int) -> int:
    """Units in the longest free piece."""
    free = bits(1, rack_u) & ~taken
    length = 0
    while free:
        free &= free >> 1
        length += 1
    return length

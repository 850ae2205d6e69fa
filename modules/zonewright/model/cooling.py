"""Kinds of cooling, by the names of NetBox 4.7 (``cooling_method``), and which room takes which node."""

from typing import Literal

Cooling = Literal["air", "liquid", "hybrid", "immersion"]


def cools(room: Cooling, node: Cooling | None) -> bool:
    """Whether a room has the cooling that a node needs: a hybrid room has air and liquid, and all others one kind.

    Args:
        room: the cooling of the room.
        node: the cooling that the node needs; ``hybrid`` needs air and liquid, None is not known to need any.

    Example:
        >>> cools("hybrid", "liquid"), cools("liquid", "hybrid"), cools("immersion", "liquid")
        (True, False, False)
    """
    return node in {None, room} or (room == "hybrid" and node != "immersion")

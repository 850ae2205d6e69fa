"""A seat is a place in a rack; a placement is what was found for a demand."""

from collections.abc import Mapping
from dataclasses import dataclass

from zonewright.model.site import Face


@dataclass(frozen=True, slots=True)
class Seat:
    """Rack, lowest rack unit and side."""

    rack: str
    position: int
    face: Face


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What was found.

    Attributes:
        seats: by node name.
        unplaced: one sentence for each node without a seat: what is short, in how many racks, the nearest miss.
    """

    seats: Mapping[str, Seat]
    unplaced: Mapping[str, str]

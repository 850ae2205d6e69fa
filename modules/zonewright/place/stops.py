"""Why a rack must not be taken because of who else is there. Internal to placement."""

from collections.abc import Callable
from dataclasses import dataclass

from zonewright.model.rack import Rack


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a node must not go to a rack: a word to count by, and a text for people."""

    resource: str
    text: str


StopsRack = Callable[[Rack], Stop | None]
"""Why the next node of a cluster must not go to a rack, or None."""
MayBoth = Callable[[str, str, str, str], bool]
"""Whether two clusters of a demand may have nodes in two racks: a cluster, a rack for it, and the same of another."""


def remembered(stops: StopsRack) -> StopsRack:
    """The same, asked only once of each rack: for nodes whose own places change nothing of the answer."""
    known: dict[str, Stop | None] = {}

    def stops_rack(rack: Rack) -> Stop | None:
        if rack.id not in known:
            known[rack.id] = stops(rack)
        return known[rack.id]

    return stops_rack

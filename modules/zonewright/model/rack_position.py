"""Where a node stands: rack, rack unit and face. Placement, the rules and the ledger's messages speak of this one."""

from dataclasses import dataclass

from pydantic import ConfigDict

from zonewright.model.site import Face


@dataclass(frozen=True, slots=True)
class RackPosition:
    """A place in a rack.

    Attributes:
        rack: id of the rack, ``site/room/row/rack``.
        position: lowest rack unit, from 1 at the bottom.
        face: the side that the node is mounted on.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    rack: str
    position: int
    face: Face = "front"

    def __str__(self) -> str:
        """Rack, rack unit and face as people say it.

        Example:
            >>> str(RackPosition("qp-dc1/c/01/07", 3, "rear"))
            'qp-dc1/c/01/07 U3 rear'
        """
        return f"{self.rack} U{self.position}" + ("" if self.face == "front" else " rear")

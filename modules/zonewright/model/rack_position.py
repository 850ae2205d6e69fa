"""Where a node stands: rack, rack unit and face. Placement, the rules and the ledger's messages speak of this one."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from zonewright.model.limits import NAME, UNITS
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

    rack: Annotated[str, Field(max_length=NAME.most)]
    position: Annotated[int, Field(ge=1, le=UNITS.most)]
    face: Face = "front"

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"rack": self.rack, "position": self.position, "face": self.face}

    def __str__(self) -> str:
        """Rack, rack unit and face as people say it.

        Example:
            >>> str(RackPosition("qp-dc1/c/01/07", 3, "rear"))
            'qp-dc1/c/01/07 U3 rear'
        """
        return f"{self.rack} U{self.position}" + ("" if self.face == "front" else " rear")

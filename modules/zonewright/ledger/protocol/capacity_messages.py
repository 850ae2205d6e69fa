"""Requests and answers that only ask: what is free, what fits, why there, and at which energy ratio."""

from pydantic import Field

from zonewright.ledger.protocol.messages import JsonObject, Message, Name, StackRequest
from zonewright.model.cooling import Cooling
from zonewright.model.demand import Demand
from zonewright.place.explaining import Explanation
from zonewright.place.fit import RoomFit


class CapacityRequest(Message):
    """Which sites to sum up; empty means all."""

    sites: list[Name] = Field(default_factory=list)
    about: bool = False
    """Say also what the sites are."""
    rows: bool = False
    """Give also each row of racks, whatever its state."""


class RoomCapacity(Message):
    """What is free in one room, or in a whole site: rack units, weight, and power that a loss of either feed leaves.

    Attributes:
        racks: how many any party may use.
        free_u: rack units that are free in them.
        free_kw: what a two-corded node may still add, whichever feed is lost, summed over racks. No
            more than offers leave.
        free_kg: what they may still carry, summed over racks.
        used_kw: of the claims that the reader may know of: all, or its own where others operate the site; also in racks
            that take no new nodes, such as those of a row that is decommissioned.
    """

    racks: int
    free_u: int
    free_kw: float
    free_kg: float
    used_kw: float


class RowCapacity(Message):
    """One row of racks: power with one feed lost, in kilowatts. All kinds add up to ``design_kw``.

    Attributes:
        status: active, planned, decommissioning or failed, as the row or its room is; leaving when its resource goes.
        racks: how many there are.
        design_kw: what its racks bear.
        used_kw: of what stands there and the reader may know of; also what is reserved.
        free_kw: what may be added, in racks that take new nodes.
        rest_kw: what is neither: closed, stranded beside other limits, or of others. Below 0 where more is used than is
            borne.
    """

    status: str
    racks: int
    design_kw: float
    used_kw: float
    free_kw: float
    rest_kw: float


class SiteCapacity(RoomCapacity):
    """What is free in one site.

    Attributes:
        rows: each row of racks by ``room/row``; empty where it was not asked for.
        rooms: the same by id of the room; left out is one without racks that any party may use, and without claims
            that the reader may know of.
    """

    rooms: dict[str, RoomCapacity]
    rows: dict[str, RowCapacity] = Field(default_factory=dict)


class CapacityAnswer(Message):
    """Capacity by site id."""

    sites: dict[str, SiteCapacity]
    about: dict[str, JsonObject] = Field(default_factory=dict)
    """What everybody may know of a site, as properties of its resource; empty where that was not asked for."""


class FitRequest(Message):
    """What is to fit somewhere: watts, rack units, and what narrows it down."""

    watts: int = Field(ge=1, le=1_000_000_000)
    units: int = Field(ge=0, le=1_000_000)
    site: Name | None = None
    cooling: Cooling | None = None
    protection_level: int | None = Field(default=None, ge=1, le=5)
    party: Name | None = None
    """Whose offers count; None for the party that asks, or for nobody: then everything counts."""


class FitAnswer(Message):
    """What each room has for it; those that fit first."""

    rooms: list[RoomFit]
    party: str = ""
    """For whom it is; empty for somebody to whom everything counts."""


class ExplainRequest(StackRequest):
    """Why does a node stand where it stands, or would stand where it would?"""

    party: Name
    demand: Demand
    node: Name


class ExplainAnswer(Message):
    """The explanation, or None where the demand has no such node."""

    explanation: Explanation | None


class EnergyRequest(Message):
    """Ask for the energy ratios of the zone's data centres, and what a load would do to one of them."""

    site: Name | None = None
    """The data centre of the forecast; None asks for no forecast."""
    add_w: int = Field(default=0, ge=-1_000_000_000, le=1_000_000_000)
    """IT load that would be added, in watts; negative for one that leaves."""
    room: Name | None = None
    """Its room; None takes the open one with the most design power left."""


class EnergyAnswer(Message):
    """Status by data centre, the forecast where one was asked for, and the same as lines for people."""

    sites: list[JsonObject]
    forecast: JsonObject | None
    lines: list[str]

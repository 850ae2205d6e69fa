"""Requests and answers about reservations for days: made, renewed, freed, listed."""

from pydantic import Field

from zonewright.ledger.protocol.messages import Label, Message, Name, StackRequest
from zonewright.model.cooling import Cooling
from zonewright.model.demand import Demand
from zonewright.model.limits import RESERVED
from zonewright.rules.finding import Finding


class RackWish(Message):
    """Empty racks that a stack may want later, before anybody knows with what."""

    site: Name
    racks: int = Field(ge=1, le=1000)
    watts: int = Field(ge=1, le=200_000_000)
    """IT power of all of them together; each gets the same part."""
    rooms: list[Name] = Field(default_factory=list)
    """Only these rooms; empty means any."""
    cooling: Cooling = "air"


class ReserveRequest(StackRequest):
    """Hold places for days: those of a demand, or whole racks. It takes the place of what the stack reserved before."""

    party: Name
    days: int = Field(ge=1, le=RESERVED.most)
    why: Label = Field(min_length=1)
    demand: Demand | None = None
    """What exactly; either this or ``racks``."""
    racks: RackWish | None = None
    sources: dict[Label, Label] = Field(default_factory=dict)
    """File and line by path of the declaration, for findings."""


class ReservedPlaces(Message):
    """What is held.

    Attributes:
        until: ISO 8601, when it ends by itself.
        racks: ids of the racks in which places are held.
        units: rack units that are held.
        watts: IT power that is held.
        links: ids of the links for which bores or cores are held.
        findings: what its admission will need besides, such as an approval.
    """

    until: str
    racks: list[str]
    units: int
    watts: int
    links: list[str] = Field(default_factory=list)
    findings: list[Finding]


class RenewRequest(StackRequest):
    """Give a reservation another end, so many days from now."""

    days: int = Field(ge=1, le=RESERVED.most)
    why: Label = Field(min_length=1)


class Renewed(Message):
    """The end that it has now, ISO 8601."""

    until: str


class FreeRequest(StackRequest):
    """Give up a reservation."""

    why: Label = Field(min_length=1)


class ReservationsRequest(Message):
    """Ask what is reserved for days."""


class ReservationRecord(Message):
    """A reservation as its reader may see it. Of another party's there is the site and the end, and nothing else.

    Attributes:
        site: where.
        until: ISO 8601, its end.
        party: whose it is; empty where the reader may not know.
        contact: how to reach the party, as ``zone.yaml`` says.
        stack_id: for which stack; empty for whoever is not of the party and does not oversee the zone.
        since: ISO 8601, since when; empty in the same way.
        why: the reason that was given; empty in the same way.
        racks: ids of the racks; empty where the reader may not know.
        units: rack units that are held; None where the reader may not know.
        watts: IT power that is held; None where the reader may not know.
        links: ids of the links for which bores or cores are held; empty where the reader may not know.
        is_of_racks: whether whole racks are held, and no particular demand.
    """

    site: str
    until: str
    party: str = ""
    contact: str = ""
    stack_id: str = ""
    since: str = ""
    why: str = ""
    racks: list[str] = Field(default_factory=list)
    units: int | None = None
    watts: int | None = None
    links: list[str] = Field(default_factory=list)
    is_of_racks: bool = False


class ReservationsAnswer(Message):
    """What is reserved, by end and site."""

    reservations: list[ReservationRecord]

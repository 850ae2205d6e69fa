"""What a network operator declares: ducts with their routes, and the links that run through them."""

from typing import Annotated, Literal

from pydantic import Field

from zonewright.model.base import Declared, Identifier, Latitude, Line, Longitude
from zonewright.model.limits import NAME
from zonewright.model.secret import SecretReference
from zonewright.model.site import Network

Point = Annotated[tuple[Latitude, Longitude], Field(strict=False)]


class Route(Declared):
    """Where a duct lies: in straight lines between its points."""

    crs: Literal["WGS84"]
    """Coordinate reference system; only WGS84 is accepted."""
    points: Annotated[tuple[Point, ...], Field(min_length=2, max_length=1000, strict=False)]
    """Points as [degrees north, degrees east], from one end to the other."""


class Duct(Declared):
    """A duct segment with its bores. If it is shared, links of any operator may run through it."""

    title: Line = ""
    """Name for people."""
    route: Route
    """Where it lies."""
    length_m: Annotated[int, Field(ge=1, le=1_000_000)]
    """Length as built, in metres; never shorter than its route."""
    bores: Annotated[int, Field(ge=1, le=200)]
    """Number of bores."""
    bores_in_use: Annotated[int, Field(ge=0, le=200)] = 0
    """Bores that are used by something that no file of the zone declares."""
    bridge: Identifier | None = None
    """The bridge that carries it, if any; all ducts on one bridge share its risk."""
    is_shared: bool = True
    """Whether links of other operators may take its free bores."""
    status: Literal["planned", "active"] = "active"
    """A planned duct is a request; it is judged against the ducts that are already there."""


class Link(Declared):
    """A fibre link between two sites."""

    title: Line = ""
    """Name for people."""
    a: Identifier
    """Id of the site at one end."""
    b: Identifier
    """Id of the site at the other end."""
    ducts: Annotated[tuple[Identifier, ...], Field(min_length=1, strict=False)]
    """The ducts that it runs through, one bore in each; its length is the sum of theirs."""
    cores: Annotated[int, Field(ge=1, le=10_000)]
    """Fibre cores."""
    status: Literal["planned", "active"] = "active"
    """A planned link carries nothing yet, and no path uses it."""
    users: Annotated[tuple[Identifier, ...], Field(strict=False)] = ()
    """Other network operators that use cores of it."""
    power_panels: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[a-z0-9-]+/[a-z0-9-]+$", max_length=NAME.most)], ...], Field(strict=False)
    ] = ()
    """Power panels (site/panel) without which it is down, because its equipment has no second feed."""
    prefixes: Annotated[tuple[Network, ...], Field(strict=False)] = ()
    """Networks of its two ends: a /31 and a /127."""
    password: SecretReference | None = None
    """Reference to the password of its BGP sessions (TCP MD5), such as ref+vault://network/link-01#/bgp."""

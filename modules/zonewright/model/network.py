"""What a network operator declares: ducts with their routes, and the links that run through them."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from zonewright.model.base import Declared, FormerIds, Identifier, Latitude, Line, Longitude
from zonewright.model.ip import Network
from zonewright.model.limits import NAME
from zonewright.model.secret import SecretReference

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
    was: FormerIds = ()
    """Id that it had before, or ids from the newest on; links that run through it stay."""
    route: Route
    """Where it lies."""
    a: Identifier | None = None
    """What it ends at by the first point of its route: a site, or a manhole. Without it, the point alone says so."""
    b: Identifier | None = None
    """What it ends at by the last point of its route, in the same way."""
    length_m: Annotated[int, Field(ge=1, le=50_000_000)]
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
    ducts: Annotated[tuple[Identifier, ...], Field(strict=False)] = ()
    """The ducts that it runs through, in a chain from end to end, one bore in each; its length is the sum of theirs."""
    cores_of: Annotated[tuple[Identifier, ...], Field(strict=False)] = ()
    """The links in whose cores it runs, in a chain; its ducts are theirs, and it takes no bore."""
    route: Literal["known", "unknown"] = "known"
    """An unknown route, as leased circuits have, needs no ducts. What it shares with others is then not decided."""
    delay_us: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """One-way delay in microseconds that the lessor states. Only with an unknown route; else its ducts tell it."""
    cores: Annotated[int, Field(ge=1, le=10_000)]
    """Fibre cores; of each link in `cores_of`, so many."""
    cores_in_use: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Cores that are used by something that no file of the zone declares, or by the operator's own equipment."""
    capacity_mbps: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    """What it carries in each direction, in megabits per second, with the equipment that is at its ends."""
    status: Literal["planned", "active"] = "active"
    """A planned link carries nothing yet, and no path uses it."""
    drained: bool = False
    """Whether traffic keeps off it while another way is left, because somebody is about to work on it."""
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

    @model_validator(mode="after")
    def _routed(self) -> Self:
        if self.route == "known" and not self.ducts:
            message = "a link with no ducts; name them in a chain, or write 'route: unknown' if it is leased"
            raise ValueError(message)
        if self.route == "known" and self.delay_us is not None:
            message = f"delay_us {self.delay_us} beside a known route, whose ducts tell the delay; remove one of them"
            raise ValueError(message)
        if self.route == "unknown" and self.cores_of:
            message = "cores_of beside 'route: unknown'; name the ducts of those links, or remove cores_of"
            raise ValueError(message)
        return self

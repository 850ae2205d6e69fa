"""What a tenant declares: clusters of like nodes, with or without places of their own choice."""

from typing import Annotated, Literal

from pydantic import Field

from zonewright.model.base import Declared, Identifier
from zonewright.model.site import Face, FeedName

Scope = Literal["rack", "row", "room"]
NodeNumber = Annotated[str, Field(pattern=r"^[0-9]{3,5}$")]
RackId = Annotated[str, Field(pattern=r"^[a-z0-9-]+(?:/[a-z0-9-]+){3}$")]


class Place(Declared):
    """A place that the tenant chose itself."""

    rack: RackId
    """Rack as ``site/room/row/rack``, such as ``qp-dc1/c/01/07``."""
    position: Annotated[int, Field(ge=1, le=60)] | None = None
    """Lowest rack unit, counted from the bottom; without it the ledger chooses one in that rack."""


class Spread(Declared):
    """How the nodes of a cluster must be spread, so that one loss does not take them all."""

    scope: Scope
    """The domain to spread over."""
    at_least: Annotated[int, Field(ge=1, le=10_000)] = 1
    """Domains in use, or all different where the cluster has fewer nodes than that."""
    max_per_domain: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Nodes of the cluster in one domain at most."""


class Cluster(Declared):
    """A group of like nodes of one tenant in one site."""

    site: Identifier
    """Id of the site."""
    node_type: Identifier
    """Id of the node type in the zone's file."""
    count: Annotated[int, Field(ge=1, le=10_000)]
    """Nodes are numbered 001 to this number."""
    without: Annotated[tuple[NodeNumber, ...], Field(strict=False)] = ()
    """Numbers that are left out, so that one node can go without the others changing their names."""
    rooms: Annotated[tuple[Identifier, ...], Field(strict=False)] = ()
    """Rooms that automatic places are taken from; empty means any."""
    face: Face = "front"
    """Side of the rack that nodes are mounted on."""
    feed: FeedName = "A"
    """The feed of nodes that have a single power supply."""
    spread: Spread | None = None
    """How the nodes must be spread."""
    places: dict[NodeNumber, Place] = Field(default_factory=dict)
    """Chosen places, by node number; the others are placed automatically."""

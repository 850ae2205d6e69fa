"""What a tenant declares: clusters of like nodes, with or without places of their own choice."""

from typing import Annotated, Literal

from pydantic import Field

from zonewright.model.base import Date, Declared, Identifier, RiskKind
from zonewright.model.site import Face, FeedName, ProtectionLevel

Scope = Literal["rack", "row", "room"]
WideScope = Literal["rack", "row", "room", "site", "district"]
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


class Relation(Declared):
    """How a cluster stands to another one of the same party."""

    cluster: Identifier
    """Id of the other cluster."""
    scope: WideScope
    """The domain that they must not share, or must share."""


class Connection(Declared):
    """What a cluster needs of the network to another site."""

    to: Identifier
    """Id of the other site."""
    max_one_way_us: Annotated[int, Field(ge=1, le=1_000_000)]
    """Longest delay in one direction, in microseconds of fibre."""
    disjoint_paths: Annotated[int, Field(ge=1, le=2)] = 1
    """Paths within that delay that share no risk; 2 for a working and a protecting one."""
    disjoint: Annotated[tuple[RiskKind, ...], Field(min_length=1, strict=False)] = (
        "duct",
        "bridge",
        "site",
        "power-panel",
    )
    """Kinds of risk that two paths must not share; the two ends are shared by nature."""


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
    apart_from: Annotated[tuple[Relation, ...], Field(strict=False)] = ()
    """Clusters of the same party that none of its nodes may share a domain with."""
    together_with: Annotated[tuple[Relation, ...], Field(strict=False)] = ()
    """Clusters of the same party that all of its nodes must share one domain with."""
    exclusive: Scope | None = None
    """The domain that nothing of another party may share."""
    protection_level: ProtectionLevel = 1
    """Level of protection (MLPS 2.0, GB/T 22239-2019) of what runs on it, 1 to 5."""
    connections: dict[Identifier, Connection] = Field(default_factory=dict)
    """What it needs of the network, by a name of its own."""
    in_service: Date | None = None
    """Day since which its nodes run, such as 2025-03-01, where they ran before they were claimed here: from that day on
    their draw is in the readings of the site's meters."""
    places: dict[NodeNumber, Place] = Field(default_factory=dict)
    """Chosen places, by node number; the others are placed automatically."""

"""What a tenant declares: clusters of like nodes, with or without places of their own choice."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from zonewright.model.base import Date, Declared, FormerIds, Identifier, RiskKind
from zonewright.model.ip import Address
from zonewright.model.limits import NAME
from zonewright.model.site import Face, ProtectionLevel
from zonewright.model.site_network import InterfaceName, MacAddress
from zonewright.model.supply import FeedName

Scope = Literal["rack", "row", "room"]
WideScope = Literal["rack", "row", "room", "site", "district"]
NodeNumber = Annotated[str, Field(pattern=r"^[0-9]{3,5}$")]
RackId = Annotated[str, Field(pattern=r"^[a-z0-9-]+(?:/[a-z0-9-]+){3}$", max_length=NAME.most)]


def _by_number(value: object) -> object:
    """A list of names is for the numbers 001 and on."""
    if isinstance(value, list | tuple):
        return {f"{number:03}": name for number, name in enumerate(value, start=1)}
    return value


HostNames = Annotated[
    dict[NodeNumber, Identifier],
    BeforeValidator(_by_number, json_schema_input_type=dict[NodeNumber, Identifier] | tuple[Identifier, ...]),
]


FormerNode = Identifier | Annotated[tuple[Identifier, ...], Field(min_length=1, max_length=20, strict=False)]
"""A name that a node had, or names from the newest on; kept as it is written, so that a demand keeps its digest."""


class PlacedInterface(Declared):
    """A port of a node, as in NetBox: it is found by its MAC address, and gets the name that the node type says."""

    name: InterfaceName
    """Its name, one of the node type's ``interfaces``."""
    mac_address: MacAddress
    """Its MAC address."""


class Place(Declared):
    """A place that the tenant chooses."""

    rack: RackId
    """Rack as ``site/room/row/rack``, such as ``qp-dc1/c/01/07``."""
    position: Annotated[int, Field(ge=1, le=60)] | None = None
    """Lowest rack unit, counted from the bottom; without it the ledger chooses one in that rack."""
    addresses: Annotated[tuple[Address, ...], Field(max_length=16, strict=False)] = ()
    """Addresses that the node has already, each in a pool of its site; from the other pools the ledger gives it one."""
    interfaces: Annotated[tuple[PlacedInterface, ...], Field(max_length=64, strict=False)] = ()
    """Its ports whose MAC addresses are known."""

    @property
    def mac_addresses(self) -> dict[str, str]:
        """MAC addresses by name of the port."""
        return {one.name: one.mac_address for one in self.interfaces}


class Spread(Declared):
    """How the nodes of a cluster must be spread, so that one failure does not take down all of them."""

    scope: Scope
    """The domain to spread over."""
    at_least: Annotated[int, Field(ge=1, le=10_000)] = 1
    """Smallest number of domains to use; a cluster with fewer nodes uses one domain for each node."""
    max_per_domain: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Largest number of the cluster's nodes in one domain."""
    max_share_percent: Annotated[int, Field(ge=1, le=100)] | None = None
    """Largest part of its nodes in one domain, in percent, rounded down to nodes; one node is always allowed."""
    max_skew: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Largest difference between the domains in use that have the most and the fewest of its nodes."""

    def most(self, nodes: int) -> int | None:
        """The largest number of nodes in one domain, by number and by share; None without a limit.

        Args:
            nodes: how many the cluster has.

        Example:
            >>> Spread(scope="rack", max_share_percent=40).most(9)
            3
        """
        share = None if self.max_share_percent is None else max(1, nodes * self.max_share_percent // 100)
        return min((one for one in (self.max_per_domain, share) if one is not None), default=None)


class Survival(Declared):
    """How many nodes must be left when whole domains fail at once."""

    scope: WideScope
    """The domain that fails."""
    failures: Annotated[int, Field(ge=1, le=10)] = 1
    """How many of them fail at once; the worst ones are looked at."""
    keeps_percent: Annotated[int, Field(ge=1, le=100)]
    """Part of the nodes that must be left, in percent, rounded up to nodes."""
    with_clusters: Annotated[tuple[Identifier, ...], Field(max_length=100, strict=False)] = ()
    """Clusters of the same party that do the same work, at other sites too; their nodes count as its own."""

    def least(self, nodes: int) -> int:
        """The fewest nodes that must be left.

        Args:
            nodes: how many there are.

        Example:
            >>> Survival(scope="rack", keeps_percent=70).least(9)
            7
        """
        return -(-nodes * self.keeps_percent // 100)


class Relation(Declared):
    """A relation to another cluster of the same party."""

    cluster: Identifier
    """Id of the other cluster."""
    scope: WideScope
    """The domain that the two must not share, or must share."""


class Distance(Declared):
    """How near to another cluster of the same party it must be, how far from it, and what the two must not share."""

    cluster: Identifier
    """Id of the other cluster."""
    at_least_m: Annotated[float, Field(gt=0, le=100_000, strict=False)] | None = None
    """Metres that there must be between their racks."""
    at_most_m: Annotated[float, Field(gt=0, le=100_000, strict=False)] | None = None
    """Metres that there may be between their racks, such as the length of a cable."""
    shares_no: Annotated[tuple[Literal["cage", "power-panel"], ...], Field(max_length=2, strict=False)] = ()
    """What no two of their nodes may share."""

    @model_validator(mode="after")
    def _of_something(self) -> Self:
        if self.at_least_m is None and self.at_most_m is None and not self.shares_no:
            message = "expected one of at_least_m, at_most_m and shares_no"
            raise ValueError(message)
        if self.at_least_m is not None and self.at_most_m is not None and self.at_least_m > self.at_most_m:
            message = f"at_least_m {self.at_least_m:g} is more than at_most_m {self.at_most_m:g}"
            raise ValueError(message)
        return self


class Connection(Declared):
    """What a cluster needs from the network to another site."""

    to: Identifier
    """Id of the other site."""
    max_one_way_us: Annotated[int, Field(ge=1, le=1_000_000)]
    """Longest delay in one direction, in microseconds of fibre."""
    disjoint_paths: Annotated[int, Field(ge=1, le=2)] = 1
    """Paths within that delay that share no risk; 2 for a working and a protecting path."""
    disjoint: Annotated[tuple[RiskKind, ...], Field(min_length=1, strict=False)] = (
        "duct",
        "bridge",
        "site",
        "power-panel",
    )
    """Kinds of risk that two paths must not share; the two ends do not count."""
    bandwidth_mbps: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    """Bandwidth that it is promised in each direction, in megabits per second."""
    keeps_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    """Part of it, in percent, that is left after any one failure; all of it for two paths, else none of it."""

    @model_validator(mode="after")
    def _of_bandwidth(self) -> Self:
        if self.keeps_percent is not None and self.bandwidth_mbps is None:
            message = "keeps_percent without bandwidth_mbps; say how much the connection is promised"
            raise ValueError(message)
        return self

    @property
    def kept_mbps(self) -> int:
        """The bandwidth that must be left after a failure, rounded up.

        Example:
            >>> Connection(to="dc2", max_one_way_us=500, bandwidth_mbps=25, keeps_percent=50).kept_mbps
            13
        """
        usual = 100 if self.disjoint_paths > 1 else 0
        percent = usual if self.keeps_percent is None else self.keeps_percent
        return -(-(self.bandwidth_mbps or 0) * percent // 100)


class Cluster(Declared):
    """A group of identical nodes of one tenant at one site."""

    site: Identifier
    """Id of the site."""
    node_type: Identifier
    """Id of the node type in the zone's file."""
    count: Annotated[int, Field(ge=1, le=10_000)]
    """Nodes are numbered 001 to this number."""
    without: Annotated[tuple[NodeNumber, ...], Field(strict=False)] = ()
    """Numbers that are left out. So one node can go, and the others keep their names."""
    names: HostNames = Field(default_factory=dict)
    """Host names of one's own, by node number or as a list from 001 on; the others are ``<cluster>-<number>``."""
    was: FormerIds = ()
    """Id that it had before, or ids from the newest on: its nodes keep places and addresses under the new name."""
    nodes_were: dict[NodeNumber, FormerNode] = Field(default_factory=dict)
    """By node number, the name in another cluster, or names from the newest on: the node keeps place and addresses."""
    rooms: Annotated[tuple[Identifier, ...], Field(strict=False)] = ()
    """Rooms for automatic places; empty means any room."""
    face: Face = "front"
    """Side of the rack that nodes are mounted on."""
    feed: FeedName = "A"
    """The feed of nodes that have a single power supply."""
    power: Literal["any", "dual"] = "any"
    """``dual``: each node stays up when any one element of its supply fails; other racks are refused."""
    spread: Spread | None = None
    """How the nodes must be spread."""
    survives: Survival | None = None
    """How many nodes must be left when racks, rows, rooms, sites or districts fail."""
    apart_from: Annotated[tuple[Relation, ...], Field(strict=False)] = ()
    """Clusters of the same party; none of its nodes may share a domain with them."""
    together_with: Annotated[tuple[Relation, ...], Field(strict=False)] = ()
    """Clusters of the same party; all of its nodes must share one domain with them."""
    distances: Annotated[tuple[Distance, ...], Field(max_length=100, strict=False)] = ()
    """How far it must be from clusters of the same party in the hall, and what of it they must not share."""
    exclusive: Scope | None = None
    """The domain in which nothing of another party may stand."""
    protection_level: ProtectionLevel = 1
    """Level of protection (MLPS 2.0, GB/T 22239-2019) of what runs on it, 1 to 5."""
    connections: dict[Identifier, Connection] = Field(default_factory=dict)
    """What it needs from the network, by a name that you choose."""
    in_service: Date | None = None
    """Day since which its nodes run, if they ran before their claim; the site's readings hold their draw since then."""
    places: dict[NodeNumber, Place] = Field(default_factory=dict)
    """Chosen places, by node number; the others are placed automatically."""

    @property
    def former_nodes(self) -> dict[str, tuple[str, ...]]:
        """What nodes were called in other clusters, by number, from the newest on."""
        return {number: (one,) if isinstance(one, str) else one for number, one in self.nodes_were.items()}

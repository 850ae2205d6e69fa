"""What a deployed stack is worth to the rest of a program: its nodes, sites and numbers, as values with a type.

What names a thing is a plain value. Where it stands is an output of its resource, so whatever is made from it waits for
the node, and is not made where the node is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import pulumi

from zonewright.model.supply import FeedName

if TYPE_CHECKING:
    from zonewright.program.components import TenantCluster
    from zonewright.program.resources import Completion, Node


ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedNode:
    """A node in its place.

    Attributes:
        name: its host name, such as ``web-001``; a plain value.
        cluster: id of its cluster.
        site: id of its site.
        node_type: id of its node type.
        feeds: power feeds that its supplies are for: A and B, or the one of a node with a single supply. In a rack that
            has one feed, all supplies hang on that.
        pools: ids of the address pools that it has an address of, in order.
        resource: the Pulumi resource, for ``depends_on``.

    Example:
        A record of DNS for each node that is placed::

            for node in deployment.nodes.values():
                Record(node.name, host=node.host_name, value=node.ipv4)
    """

    name: str
    cluster: str
    site: str
    node_type: str
    feeds: tuple[FeedName, ...]
    pools: tuple[str, ...]
    resource: "Node"

    @property
    def host_name(self) -> pulumi.Output[str]:
        """Its name, known to depend on the node."""
        return self._made(self.resource.claim)

    @property
    def rack(self) -> pulumi.Output[str]:
        """Its rack as ``site/room/row/rack``."""
        return self._made(self.resource.rack)

    @property
    def position(self) -> pulumi.Output[int]:
        """Its lowest rack unit, counted from 1 at the bottom."""
        return self._made(self.resource.position)

    @property
    def face(self) -> pulumi.Output[str]:
        """``front`` or ``rear``."""
        return self._made(self.resource.face)

    @property
    def generation(self) -> pulumi.Output[int]:
        """Number that the ledger raises when the node's resource is made or changed; a preview does not know it."""
        return self._made(self.resource.generation)

    @property
    def addresses(self) -> Mapping[str, pulumi.Output[str]]:
        """Address with prefix length by id of its pool, such as ``10.80.16.5/20``."""
        return {pool: self._made(self.resource.addresses[pool]) for pool in self.pools}

    @property
    def ipv4(self) -> pulumi.Output[list[str]]:
        """Its IPv4 addresses without prefix length, in the order of ``pools``."""
        return self._of_family(is_v6=False)

    @property
    def ipv6(self) -> pulumi.Output[list[str]]:
        """Its IPv6 addresses without prefix length, in the order of ``pools``."""
        return self._of_family(is_v6=True)

    def _of_family(self, *, is_v6: bool) -> pulumi.Output[list[str]]:
        def found(known: Mapping[str, str]) -> list[str]:
            return [known[pool].partition("/")[0] for pool in self.pools if (":" in known[pool]) is is_v6]

        return self._made(self.resource.addresses).apply(found)

    def _made(self, value: pulumi.Output[ValueT]) -> pulumi.Output[ValueT]:
        """A value that only a preview tells before the node exists: a run may leave the node out, by ``--exclude``."""
        if pulumi.runtime.is_dry_run():
            return value

        def told(id_: str | None) -> pulumi.Output[ValueT]:
            if not isinstance(id_, str) or not id_:
                raise pulumi.RunError(
                    f"node {self.name} was not made, because this run leaves it out; its place and addresses are no "
                    "values yet; run pulumi up without --target or --exclude"
                )
            return value

        return self.resource.id.apply(told, run_with_unknowns=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Free:
    """What is free in a site or a room.

    Attributes:
        racks: racks that any party may use.
        free_u: rack units that are free in them.
        free_kw: kilowatts that a node with two supplies may still add, whichever feed is lost.
        free_kg: kilograms that their racks may still carry.
    """

    racks: int
    free_u: int
    free_kw: float
    free_kg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeSite(Free):
    """What is free in a site, and in each of its rooms.

    Attributes:
        rooms: by id of the room.
    """

    rooms: Mapping[str, Free]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedSite:
    """A site at which a stack holds something.

    Attributes:
        name: its id.
        completion: the resource that says what is free.
    """

    name: str
    completion: "Completion"

    @property
    def free(self) -> pulumi.Output[FreeSite]:
        """What the stack's last change left free in the site; a preview of another change does not know it yet."""
        name = self.name

        def told(capacity: Mapping[str, Any] | None) -> FreeSite:
            if not capacity or name not in capacity:
                raise pulumi.RunError(
                    f"site {name}: the state does not say what the last change left free, because an older version "
                    "wrote it or the change holds nothing there; ask with zonewright.get_capacity"
                )
            return free_site(capacity[name])

        return self.completion.capacity.apply(told)


def free_site(data: Mapping[str, Any]) -> FreeSite:
    """What is free in a site, from the properties of a resource or function."""
    rooms = {name: Free(**_numbers(room)) for name, room in data.get("rooms", {}).items()}
    return FreeSite(**_numbers(data), rooms=rooms)


def _numbers(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "racks": int(data["racks"]),
        "free_u": int(data["freeU"]),
        "free_kw": float(data["freeKw"]),
        "free_kg": float(data["freeKg"]),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A stack that was registered: what ``deploy()`` returns, and what a ``Stack`` holds.

    Attributes:
        stack_id: the stack's identity in the ledger.
        party: owner of the declaration.
        admission: the decision on the whole change; what depends on it is made only where the change is admitted.
        completion: the last resource; what depends on it is made when all others exist.
        clusters: by id.
        nodes: by name, of all clusters.
        sites: sites at which the stack has clusters or brings in racks, by id.
        provider: the provider of all resources, for functions such as ``get_capacity``.
    """

    stack_id: str
    party: str
    admission: pulumi.CustomResource
    completion: pulumi.CustomResource
    clusters: "Mapping[str, TenantCluster]"
    nodes: Mapping[str, PlacedNode]
    sites: Mapping[str, PlacedSite]
    provider: pulumi.ProviderResource

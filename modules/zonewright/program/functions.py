"""Functions for programs: what is free, what a site is, where a node stands, which room has space.

Each asks the ledger. They answer at once, in a preview too, and hold nothing: what they say may be taken by others a
moment later.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pulumi

from zonewright.program.ending import ending_the_run
from zonewright.program.run import provider_of_run
from zonewright.program.settings import settings
from zonewright.program.values import FreeSite, free_site


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNode:
    """A node as the ledger has it.

    Attributes:
        name: its host name.
        node_type: id of its node type.
        rack: its rack as ``site/room/row/rack``.
        position: its lowest rack unit, counted from 1 at the bottom.
        face: ``front`` or ``rear``.
        addresses: address with prefix length by id of its pool.
        state: ``admitted`` (its resource is not made yet), ``active`` or ``releasing``.
        generation: number that the ledger raises when its resource is made or changed.
    """

    name: str
    node_type: str
    rack: str
    position: int
    face: str
    addresses: Mapping[str, str]
    state: str
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSite:
    """A site as its operator declares it.

    Attributes:
        name: its id.
        title: its name for people.
        kind: ``data-centre`` or ``edge``.
        district: id of its district.
        time_zone: name in the IANA time zone database.
        name_servers: addresses of its resolvers.
        time_servers: addresses of its time servers.
        prefixes: network by id of the address pool.
        gateways: default gateway by id of the address pool.
        free: what is free in it now.
    """

    name: str
    title: str
    kind: str
    district: str
    time_zone: str
    name_servers: tuple[str, ...]
    time_servers: tuple[str, ...]
    prefixes: Mapping[str, str]
    gateways: Mapping[str, str]
    free: FreeSite


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRoom:
    """A room, and what it has.

    Attributes:
        room: ``site/room``.
        racks: racks that the wish would take, the emptiest first; 0 where it does not fit.
        free_kw: kilowatts that are free, whichever feed is lost.
        free_u: rack units that are free.
        is_open: whether something draws power in the room already.
        notes: what rules beyond the room would say.
    """

    room: str
    racks: int
    free_kw: float
    free_u: int
    is_open: bool
    notes: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Whether the room has what was asked for."""
        return self.racks > 0


def get_capacity(*sites: str, provider: pulumi.ProviderResource | None = None) -> Mapping[str, FreeSite]:
    """What is free now, by id of the site.

    Args:
        sites: ids of the sites; without any, all.
        provider: the provider of another ledger; None for the one that the stack's configuration names.

    Raises:
        pulumi.RunError: when a site is not in the ledger, or it cannot be asked.

    Example:
        How many kilowatts a room has left::

            free = get_capacity("qp-dc1")["qp-dc1"].rooms["c"].free_kw
    """
    told = _asked("getCapacity", {"sites": list(sites)}, provider)
    return {name: free_site(data) for name, data in told["sites"].items()}


def get_site(site: str, *, provider: pulumi.ProviderResource | None = None) -> KnownSite:
    """What a site is, and what is free in it now.

    Args:
        site: its id.
        provider: the provider of another ledger; None for the one that the stack's configuration names.

    Raises:
        pulumi.RunError: when it is not in the ledger, or it cannot be asked.
    """
    told = _asked("getSite", {"site": site}, provider)
    about = told["about"]
    pools = about.get("addressPools", {})
    return KnownSite(
        name=site,
        title=about["title"],
        kind=about["kind"],
        district=about["district"],
        time_zone=about["timeZone"],
        name_servers=tuple(about.get("nameServers", ())),
        time_servers=tuple(about.get("timeServers", ())),
        prefixes={name: pool["prefix"] for name, pool in pools.items()},
        gateways={name: pool["gateway"] for name, pool in pools.items()},
        free=free_site(told["free"]),
    )


def get_node(name: str, *, stack_id: str | None = None, provider: pulumi.ProviderResource | None = None) -> KnownNode:
    """Where a node stands, as the ledger has it.

    Args:
        name: its host name, such as ``web-001``.
        stack_id: id of its stack; None for the stack that runs.
        provider: the provider of another ledger; None for the one that the stack's configuration names.

    Raises:
        pulumi.RunError: when there is no such node, or it cannot be asked.
    """
    if stack_id is None:
        with ending_the_run():
            stack_id = settings().stack_id
    told = _asked("getNode", {"name": name, "stackId": stack_id}, provider)
    return KnownNode(
        name=name,
        node_type=told["nodeType"],
        rack=told["rack"],
        position=int(told["position"]),
        face=told["face"],
        addresses=dict(told["addresses"]),
        state=told["state"],
        generation=int(told["generation"]),
    )


def find(
    *,
    watts: int,
    units: int = 0,
    site: str | None = None,
    cooling: Literal["air", "liquid", "hybrid", "immersion"] | None = None,
    protection_level: int | None = None,
    provider: pulumi.ProviderResource | None = None,
) -> tuple[FoundRoom, ...]:
    """Rooms for so many watts and rack units; those that fit first. Nothing is held.

    Args:
        watts: IT power in watts, whichever feed is lost; from 1.
        units: rack units, in any pieces.
        site: only rooms of this site.
        cooling: only rooms with this cooling.
        protection_level: level of what would run there, 1 to 5.
        provider: the provider of another ledger; None for the one that the stack's configuration names.

    Raises:
        pulumi.RunError: when the ledger cannot be asked.
    """
    wish = {"watts": watts, "units": units, "site": site, "cooling": cooling, "protectionLevel": protection_level}
    told = _asked("find", {name: value for name, value in wish.items() if value is not None}, provider)
    return tuple(
        FoundRoom(
            room=room["room"],
            racks=int(room["racks"]),
            free_kw=float(room["freeKw"]),
            free_u=int(room["freeU"]),
            is_open=bool(room["isOpen"]),
            notes=tuple(room.get("notes", ())),
        )
        for room in told["rooms"]
    )


def _asked(function: str, arguments: Mapping[str, Any], provider: pulumi.ProviderResource | None) -> Any:
    if provider is None:
        with ending_the_run():
            provider = provider_of_run(settings().ledger)
    options = pulumi.InvokeOptions(provider=provider)
    try:
        told = pulumi.runtime.invoke(f"zonewright:index:{function}", dict(arguments), options).value
    except Exception as error:  # the SDK raises no narrower one
        raise pulumi.RunError(str(error)) from error
    if told is None:
        raise pulumi.RunError(f"{function}: the provider gave no answer, because it is not configured yet")
    return told

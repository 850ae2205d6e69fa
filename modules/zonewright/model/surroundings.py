"""What the configurations of a site rest on beyond its owner's file: links that end there, other sites, the limit.

All of it is known to every party of the zone: who announces which networks, which links lie where, what the
administrator laid down. No claim is in here, and whose a network is only for the operators of sites that keep it apart.
"""

from pydantic import BaseModel, ConfigDict, Field

LOCAL_SERVICE = "http://127.0.0.1:8480"
"""Where ``zonewright serve`` listens unless told otherwise."""


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Routing(_Plain):
    """How a site takes part in the zone's routing, and whom to ask for the names of what it has.

    Attributes:
        as_number: its autonomous system.
        networks: networks of its address pools.
        others: other networks that it announces: administrators, servers of the zone, its loopbacks.
        defaults: IP versions that it has a way out of the zone for.
        name_servers: who answers for its names.
        time_servers: where its nodes take the time from.
        named: addresses that have a name in its domain.
        signing_key: public key of whoever signs its zones, or empty.
        other_key: public key of one that comes next or was before, while both count, or empty.
        is_stretched: whether it has networks of layer 2 that other sites have too.
    """

    as_number: int
    networks: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    defaults: tuple[int, ...] = ()
    name_servers: tuple[str, ...] = ()
    time_servers: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    signing_key: str = ""
    other_key: str = ""
    is_stretched: bool = False


class ZoneSerial(_Plain):
    """A zone of the DNS as it is in force: a number that comes from its content, and its serial number."""

    content: int
    serial: int


class OtherEnd(_Plain):
    """Another site that has a network of layer 2 too: its number, and the address where its frames end there."""

    site: str
    vni: int
    address: str


class LinkEnds(_Plain):
    """A link as its two sites see it.

    Attributes:
        a: the site at one end.
        b: the site at the other end.
        status: whether it is in use.
        prefixes: networks of its ends.
        risks: the ducts and bridges that take it down, such as ``duct d-03``.
        password: reference to the password of its sessions, or empty.
        drained: whether traffic keeps off it while another way is left.
    """

    a: str
    b: str
    status: str
    prefixes: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()
    password: str = ""
    drained: bool = False


class Surroundings(_Plain):
    """The zone around some sites.

    Attributes:
        service: URL of the zone's service.
        service_addresses: its addresses.
        ratio_limit: limit of the energy ratio as text, empty where no pack has one.
        ratio_applies_from: it holds for what was commissioned on this day or later, empty for all.
        figure_age_days: how old readings may be.
        routing: all sites that have an autonomous system, by id.
        links: links that end at one of the sites, by id; a tenant, who has none, is told of none.
        stretched: other ends of the networks of layer 2 that these sites have, by site.
        tenants: networks in the whole zone of the tenants that have VLANs at these sites; a tenant is told of none.
    """

    service: str = LOCAL_SERVICE
    service_addresses: tuple[str, ...] = ()
    ratio_limit: str = ""
    ratio_applies_from: str = ""
    figure_age_days: float = 7
    routing: dict[str, Routing] = Field(default_factory=dict)
    links: dict[str, LinkEnds] = Field(default_factory=dict)
    stretched: dict[str, tuple[OtherEnd, ...]] = Field(default_factory=dict)
    tenants: dict[str, tuple[str, ...]] = Field(default_factory=dict)

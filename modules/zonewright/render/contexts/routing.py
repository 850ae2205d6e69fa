"""The routing of a site: who its neighbours are, over which links, and what it announces and takes."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Address, IPv4Network, ip_network

from zonewright.model import Site
from zonewright.model.site_servers import SecondRouter
from zonewright.model.surroundings import LinkEnds, Routing, Surroundings
from zonewright.rules.surroundings import routing_of

_MAX_INTERFACE = 15
"""Characters of an interface's name in Linux."""
_LAST_ENTRY = 65_534
"""The last but one entry of a route map; the last one denies."""
_DRAINED_ENTRY = 1
"""The entry that is for routes over drained links; it comes before those of sites."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A site of the zone and the prefixes that it announces; ``sequence`` is its entry in route maps."""

    site: str
    as_number: int
    sequence: int
    v4: tuple[str, ...]
    v6: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """The port of one link; ``v4`` and ``v6`` are its addresses with prefix length, or empty."""

    name: str
    link: str
    peer: str
    risks: str
    v4: str
    v6: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BgpSession:
    """One BGP session over one link.

    Attributes:
        interface: name of the link's interface.
        neighbor: an address, or the interface where the link has no addresses.
        kind: v4, v6 or interface.
        link: id of the link.
        peer: the site at its other end.
        as_number: that site's number.
        status: whether the link is in use.
        password: reference to the password of the session, or empty.
        drained: whether routes over it are the last that anybody takes.
    """

    interface: str
    neighbor: str
    kind: str
    link: str
    peer: str
    as_number: int
    status: str
    password: str
    drained: bool


def prefix_order(text: str) -> tuple[int, int, int]:
    """Orders prefixes by IP version, then by address, wide ones first."""
    network = ip_network(text)
    return network.version, int(network.network_address), network.prefixlen


def of_version(texts: list[str], version: int) -> tuple[str, ...]:
    """The prefixes of one IP version, in order."""
    return tuple(sorted((text for text in texts if ip_network(text).version == version), key=prefix_order))


def second_router_id(second: SecondRouter) -> str:
    """Its IPv4 loopback, else a number from its name."""
    loopbacks = [one for one in second.loopbacks if isinstance(one, IPv4Address)]
    return str(loopbacks[0] if loopbacks else IPv4Address(sha256(second.name.encode()).digest()[:4]))


def router_id(site: Site) -> str:
    """Its IPv4 loopback, else its first IPv4 gateway, else the number of its autonomous system in that form."""
    loopbacks = [one for one in site.loopbacks if isinstance(one, IPv4Address)]
    if loopbacks:
        return str(loopbacks[0])
    gateways = [pool.gateway for _, pool in sorted(site.address_pools.items()) if isinstance(pool.prefix, IPv4Network)]
    return str(gateways[0] if gateways else IPv4Address(site.as_number or 0))


def members_of(name: str, site: Site, around: Surroundings) -> tuple[Peer, ...]:
    """All sites with an autonomous system, one's own among them, in order of their numbers in route maps.

    A number comes from the autonomous system, not from the order of sites, so that a site that joins the zone changes
    nothing of what is said of the others.
    """
    known = {**around.routing, **({name: routing_of(site.as_number, site)} if site.as_number else {})}
    numbers: dict[int, str] = {}
    for site_id, routing in sorted(known.items(), key=lambda item: (item[1].as_number, item[0])):
        number = routing.as_number % _LAST_ENTRY + 1
        while number in numbers or number == _DRAINED_ENTRY:
            number = number % _LAST_ENTRY + 1
        numbers[number] = site_id
    return tuple(
        Peer(
            site=site_id,
            as_number=known[site_id].as_number,
            sequence=number,
            v4=announced(known[site_id], 4),
            v6=announced(known[site_id], 6),
        )
        for number, site_id in sorted(numbers.items())
    )


def announced(routing: Routing, version: int) -> tuple[str, ...]:
    """What a site announces of one IP version: its networks, and a default route where it has a way out."""
    default = {4: "0.0.0.0/0", 6: "::/0"}[version]
    networks = of_version([*routing.networks, *routing.others], version)
    return (*networks, *((default,) if version in routing.defaults else ()))


@dataclass(frozen=True, slots=True)
class End:
    """One end of a link: its port, and who is at the other end."""

    interface: Interface
    status: str
    as_number: int
    peer_v4: str
    peer_v6: str
    password: str
    is_drained: bool


def ends_of(name: str, site: Site, around: Surroundings) -> list[End]:
    """The links of a site whose other end has an autonomous system too, in order of id."""
    found = []
    for link_id, link in sorted(around.links.items()):
        peer = link.b if link.a == name else link.a
        routing = around.routing.get(peer)
        # Two sites of one number are refused where one file declares both; across owners there is no session.
        if name not in (link.a, link.b) or routing is None or routing.as_number == site.as_number:
            continue
        own, other = _addresses(link) if link.a == name else reversed(_addresses(link))
        interface = Interface(
            name=interface_name(link_id),
            link=link_id,
            peer=peer,
            risks=", ".join(link.risks),
            v4=own.get(4, ""),
            v6=own.get(6, ""),
        )
        peer_v4, peer_v6 = (other.get(version, "").partition("/")[0] for version in (4, 6))
        found.append(End(interface, link.status, routing.as_number, peer_v4, peer_v6, link.password, link.drained))
    return found


def interface_name(link_id: str) -> str:
    """Name of the interface of a link: its id, or a digest of it where that is too long."""
    digest = sha256(link_id.encode()).hexdigest()
    return link_id if len(link_id) <= _MAX_INTERFACE else f"l-{digest[:10]}"


def _addresses(link: LinkEnds) -> tuple[dict[int, str], dict[int, str]]:
    """Addresses with prefix length of both ends, by IP version, from the first prefix of each that has room for two."""
    ends: tuple[dict[int, str], dict[int, str]] = ({}, {})
    for text in link.prefixes:
        network = ip_network(text)
        first = 0 if network.num_addresses == 2 else 1  # noqa: PLR2004 - RFC 3021 and RFC 6164: both are hosts
        if network.version not in ends[0] and network.num_addresses > 1:
            for index, addresses in enumerate(ends):
                addresses[network.version] = f"{network[first + index]}/{network.prefixlen}"
    return ends


def sessions_over(end: End) -> Iterator[BgpSession]:
    """The sessions over one link: one for each IP version that it has addresses of, or one without addresses."""
    known = {kind: address for kind, address in (("v4", end.peer_v4), ("v6", end.peer_v6)) if address}
    for kind, neighbor in known.items() or {"interface": end.interface.name}.items():
        yield BgpSession(
            interface=end.interface.name,
            neighbor=neighbor,
            kind=kind,
            link=end.interface.link,
            peer=end.interface.peer,
            as_number=end.as_number,
            status=end.status,
            password=end.password,
            drained=end.is_drained,
        )

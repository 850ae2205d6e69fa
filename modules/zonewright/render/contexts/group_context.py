"""What templates see of the nodes that one party's stack has at one site: their names, and who may ask for them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from zonewright.model import Site
from zonewright.model.addresses import address_of, network_of
from zonewright.model.surroundings import Surroundings
from zonewright.render.contexts.naming import (
    HostRecord,
    ReverseZone,
    answered_by,
    content_of,
    domain_of,
    host_record,
    reverse_zone_names,
    reverse_zones,
    zones_answered_by,
)
from zonewright.render.contexts.related import BmcOfNode, GroupNode, HomeSite, home_site
from zonewright.render.contexts.site_names import Forward, site_names, ways_back
from zonewright.render.contexts.switch_sides import CabledNode, SwitchSide, sides_of_nodes

NodeAddresses = Mapping[str, Mapping[str, str]]
"""NodeAddresses with prefix length by node name and pool id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherDomain:
    """The names of the same stack's nodes at another site; ``key`` is the site's id."""

    key: str
    domain: str
    content: int
    serial: int
    records: tuple[HostRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupContext:
    """The nodes of one party at one site.

    Attributes:
        name: id of the party.
        site: id of the site.
        domain: domain of the nodes' names.
        primary: whole name of the site's first name server.
        name_servers: whole names of all of them.
        content: a number that comes from the records.
        serial: serial number of the zone of these names.
        records: addresses of the nodes, in order of name; none at a site without name servers.
        elsewhere: the names of the stack's nodes at other sites, so that they need no other site's name server.
        reverse_zones: the ways back from all these addresses, and from what else has a name within the same zones.
        forwards: ways back that the name servers of the sites answer for.
        clients: networks that exactly these addresses make up.
        eos_switches: switches of the site's that these nodes hang on, with the interfaces to them: those like EOS.
        sonic_switches: those like SONiC.
        home: the site.
        nodes: the nodes in order of name, where their places are known.
        bmcs: BMCs of the nodes whose type says what theirs are set to.
    """

    name: str
    site: str
    domain: str
    primary: str
    name_servers: tuple[str, ...]
    content: int
    serial: int
    records: tuple[HostRecord, ...]
    elsewhere: tuple[OtherDomain, ...]
    reverse_zones: tuple[ReverseZone, ...]
    forwards: tuple[Forward, ...]
    clients: tuple[str, ...]
    eos_switches: tuple[SwitchSide, ...]
    sonic_switches: tuple[SwitchSide, ...]
    bmcs: tuple[BmcOfNode, ...]
    home: HomeSite
    nodes: tuple[GroupNode, ...]


def group_contexts(
    *,
    party: str,
    sites: Mapping[str, Site],
    addresses: Mapping[str, NodeAddresses],
    around: Surroundings | None,
    cabled: Mapping[str, Sequence[CabledNode]] | None = None,
    bmcs: Mapping[str, Sequence[BmcOfNode]] | None = None,
) -> Iterator[GroupContext]:
    """Compute what the templates of a party's nodes see, for each site with name servers or switches, in order of site.

    Args:
        party: id of the party.
        sites: their declarations by id; rooms are not looked at.
        addresses: addresses of the nodes by site.
        around: the zone around the sites, where it is known.
        cabled: the nodes in their places, by site, where they are known.
        bmcs: the nodes' BMCs that are set by files, by site.

    Raises:
        RenderError: when a node's ports cannot be as its site's switches are cabled.
    """
    if not any(site.name_servers or site.switches for site in sites.values()) and not bmcs:
        return
    pairs = {site_id: list(_pairs(sites[site_id], addresses.get(site_id, {}))) for site_id in sorted(sites)}
    records = {
        site_id: tuple(host_record(name, address) for name, address in sorted(found))
        for site_id, found in pairs.items()
    }
    contents = {site_id: content_of(found) for site_id, found in records.items()}
    known = around if around is not None else Surroundings()
    back = _reverse_zones(party, sites, pairs, known)
    served = {zone.zone for zone in back}
    asked = ways_back(known)
    for site_id, site in sorted(sites.items()):
        nodes = (cabled or {}).get(site_id, ())
        own_bmcs = (bmcs or {}).get(site_id, ())
        if not (site.name_servers or site.switches or own_bmcs):
            continue
        servers = len(site.name_servers)
        numbers = {other: answered_by(content, servers) for other, content in contents.items()}
        yield GroupContext(
            name=party,
            site=site_id,
            domain=domain_of(party, site_id),
            primary=f"ns1.{site_id}.internal.",
            name_servers=tuple(f"ns{number}.{site_id}.internal." for number in range(1, servers + 1)),
            content=numbers[site_id],
            serial=numbers[site_id],
            records=records[site_id] if site.name_servers else (),
            elsewhere=tuple(
                OtherDomain(
                    key=other,
                    domain=domain_of(party, other),
                    content=numbers[other],
                    serial=numbers[other],
                    records=found,
                )
                for other, found in records.items()
                if other != site_id and found
            ),
            reverse_zones=zones_answered_by(back, servers),
            forwards=tuple(one for one in asked if one.zone not in served),
            clients=_networks(address for _, address in pairs[site_id]),
            eos_switches=sides_of_nodes(site, "eos", nodes),
            sonic_switches=sides_of_nodes(site, "sonic", nodes),
            bmcs=tuple(own_bmcs),
            home=home_site(site_id, site),
            nodes=tuple(
                GroupNode(name=one.name, rack=one.rack, position=one.position)
                for one in sorted(nodes, key=lambda node: node.name)
            ),
        )


def _pairs(site: Site, addresses: NodeAddresses) -> Iterator[tuple[str, str]]:
    """Names with addresses: an address for storage or management has a name of its own, such as core-001.storage."""
    roles = {key: pool.role for key, pool in site.address_pools.items()}
    for name, of_node in sorted(addresses.items()):
        for key, text in of_node.items():
            role = roles.get(key, "data")
            yield name if role == "data" else f"{name}.{role}", str(address_of(text.partition("/")[0]))


def _reverse_zones(
    party: str, sites: Mapping[str, Site], pairs: Mapping[str, list[tuple[str, str]]], around: Surroundings
) -> tuple[ReverseZone, ...]:
    """The ways back from nodes at all sites; a site's own names within such a zone stand in it too."""
    networks = [str(pool.prefix) for site in sites.values() for pool in site.address_pools.values()]
    nodes = [
        (address, f"{name}.{domain_of(party, site_id)}.") for site_id, found in pairs.items() for name, address in found
    ]
    wanted = reverse_zone_names((address for address, _ in nodes), networks)
    own = [
        (record.address, f"{record.name}.{site_id}.internal.")
        for site_id, site in sorted(sites.items())
        for record in site_names(site_id, site, (), around).records
    ]
    return tuple(zone for zone in reverse_zones([*nodes, *own], networks) if zone.zone in wanted)


def _networks(addresses: Iterable[str]) -> tuple[str, ...]:
    """The fewest networks that hold exactly these addresses."""
    known = [network_of(text) for text in addresses]
    v4 = collapse_addresses(one for one in known if isinstance(one, IPv4Network))
    v6 = collapse_addresses(one for one in known if isinstance(one, IPv6Network))
    return (*map(str, v4), *map(str, v6))

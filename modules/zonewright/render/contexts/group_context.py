"""What templates see of the nodes that one party's stack has at one site: their names, and who may ask for them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from zonewright.model import Site
from zonewright.model.addresses import interface_of, network_of
from zonewright.render.contexts.naming import HostRecord, ReverseZone, host_record, reverse_zones, serial_of


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupContext:
    """The nodes of one party at one site.

    Attributes:
        name: id of the party.
        site: id of the site.
        domain: domain of the nodes' names.
        primary: whole name of the site's first name server.
        name_servers: whole names of all of them.
        serial: a number that comes from the records.
        records: addresses of the nodes, in order of name.
        reverse_zones: the ways back from these addresses.
        clients: networks that exactly these addresses make up.
    """

    name: str
    site: str
    domain: str
    primary: str
    name_servers: tuple[str, ...]
    serial: int
    records: tuple[HostRecord, ...]
    reverse_zones: tuple[ReverseZone, ...]
    clients: tuple[str, ...]


def domain_of(party: str, site_id: str) -> str:
    """Domain of the names of a party's nodes; .internal is reserved for private use."""
    return f"{party}.{site_id}.internal"


def group_context(
    *, party: str, site_id: str, site: Site, addresses: Mapping[str, Mapping[str, str]]
) -> GroupContext | None:
    """Compute what the templates of a party's nodes at a site see; None where the site has no name server.

    Args:
        party: id of the party.
        site_id: id of the site.
        site: its declaration; rooms are not looked at.
        addresses: addresses with prefix length by node name and pool id.
    """
    if not site.name_servers:
        return None
    domain = domain_of(party, site_id)
    pairs = [
        (name, str(interface_of(text).ip)) for name, of_node in sorted(addresses.items()) for text in of_node.values()
    ]
    records = tuple(host_record(name, address) for name, address in sorted(pairs))
    back = reverse_zones(
        ((address, f"{name}.{domain}.") for name, address in pairs),
        (str(pool.prefix) for pool in site.address_pools.values()),
    )
    return GroupContext(
        name=party,
        site=site_id,
        domain=domain,
        primary=f"ns1.{site_id}.internal.",
        name_servers=tuple(f"ns{number}.{site_id}.internal." for number in range(1, len(site.name_servers) + 1)),
        serial=serial_of(records),
        records=records,
        reverse_zones=back,
        clients=_networks(address for _, address in pairs),
    )


def _networks(addresses: Iterable[str]) -> tuple[str, ...]:
    """The fewest networks that hold exactly these addresses."""
    known = [network_of(text) for text in addresses]
    v4 = collapse_addresses(one for one in known if isinstance(one, IPv4Network))
    v6 = collapse_addresses(one for one in known if isinstance(one, IPv6Network))
    return (*map(str, v4), *map(str, v6))

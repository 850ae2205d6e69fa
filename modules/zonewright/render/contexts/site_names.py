"""The names of what a site itself has, and who answers for those of other sites."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from zonewright.model import Site
from zonewright.model.surroundings import Surroundings
from zonewright.render.contexts.naming import (
    HostRecord,
    ReverseZone,
    answered_by,
    content_of,
    host_record,
    reverse_zones,
    zones_answered_by,
)
from zonewright.render.contexts.routing import Interface


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """Another name for a host that has one already; both are labels within the site's domain."""

    name: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceZone:
    """The name of the zone's service; ``key`` is the name, ``content`` a number that comes from the addresses."""

    key: str
    content: int
    serial: int
    records: tuple[HostRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteNames:
    """All names of a site and of the zone's service."""

    records: tuple[HostRecord, ...]
    aliases: tuple[Alias, ...]
    service: tuple[ServiceZone, ...]
    reverse_zones: tuple[ReverseZone, ...]


def site_names(name: str, site: Site, interfaces: tuple[Interface, ...], around: Surroundings) -> SiteNames:
    """The names of a site.

    Args:
        name: id of the site.
        site: its declaration.
        interfaces: its ends of links.
        around: the zone around it.
    """
    held: dict[str, str] = {}
    records, aliases = [], []
    for label, address in _wanted(site, interfaces):
        if address in held:
            aliases.append(Alias(name=label, target=held[address]))
        else:
            held[address] = label
            records.append(host_record(label, address))
    networks = [str(pool.prefix) for pool in site.address_pools.values()]
    networks += [str(network.prefix) for network in site.networks.values()]
    networks += [str(address) for address in site.all_loopbacks.values()]
    networks += [one.partition("/")[0] for item in interfaces for one in (item.v4, item.v6) if one]
    pairs = ((address, f"{label}.{name}.internal.") for address, label in held.items())
    return SiteNames(
        records=tuple(records),
        aliases=tuple(aliases),
        service=tuple(_service(around, len(site.name_servers))),
        reverse_zones=zones_answered_by(reverse_zones(pairs, networks), len(site.name_servers)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """A zone of the DNS that other servers answer for, and their addresses."""

    zone: str
    servers: tuple[str, ...]


def forwards(around: Surroundings, *, besides: str) -> tuple[Forward, ...]:
    """The names that sites other than one answer for, in order of site."""
    return tuple(
        Forward(zone=f"{site_id}.internal", servers=routing.name_servers)
        for site_id, routing in sorted(around.routing.items())
        if site_id != besides and routing.name_servers
    )


def ways_back(around: Surroundings, *, besides: str = "") -> tuple[Forward, ...]:
    """The zones of the addresses that sites other than one have names for, in order of site and address."""
    return tuple(
        Forward(zone=zone.zone, servers=routing.name_servers)
        for site_id, routing in sorted(around.routing.items())
        if site_id != besides and routing.name_servers
        for zone in reverse_zones(((one, ".") for one in routing.named), (*routing.networks, *routing.others))
    )


_EMPTY = re.compile(
    r"(?:.+\.)?(10\.in-addr\.arpa|(?:1[6-9]|2[0-9]|3[01])\.172\.in-addr\.arpa|168\.192\.in-addr\.arpa"
    r"|(?:6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\.100\.in-addr\.arpa|2\.0\.192\.in-addr\.arpa"
    r"|100\.51\.198\.in-addr\.arpa|113\.0\.203\.in-addr\.arpa|d\.f\.ip6\.arpa|8\.b\.d\.0\.1\.0\.0\.2\.ip6\.arpa)"
)


def empty_zones(zones: Iterable[str]) -> tuple[str, ...]:
    """Zones of private use that BIND would answer for with nothing (RFC 6303), above some that others answer for."""
    return tuple(sorted({found[1] for zone in zones if (found := _EMPTY.fullmatch(zone))}))


def _service(around: Surroundings, name_servers: int) -> Iterator[ServiceZone]:
    host = (urlsplit(around.service).hostname or "").lower()
    if around.service_addresses and not _is_address(host):
        records = tuple(host_record("@", address) for address in around.service_addresses)
        number = answered_by(content_of(records), name_servers)
        yield ServiceZone(key=host, content=number, serial=number, records=records)


def _wanted(site: Site, interfaces: tuple[Interface, ...]) -> Iterator[tuple[str, str]]:
    """Label and address of each thing; name servers first, since a zone cannot be without them."""
    for what, addresses in (("ns", site.name_servers), ("ntp", site.time_servers), ("dhcp", site.dhcp_servers)):
        yield from ((f"{what}{number}", str(address)) for number, address in enumerate(addresses, start=1))
    for pool_id, pool in sorted(site.address_pools.items()):
        vlan = site.vlans[pool.vlan] if pool.vlan is not None else None
        # The id of a tenant's pool may say whose it is, and everybody may ask for names.
        what = f"vlan{vlan.vid}" if vlan is not None and vlan.tenant is not None else pool_id
        yield f"gateway-{what}"[:63].rstrip("-"), str(pool.gateway)
    for network_id, network in sorted(site.networks.items()):
        if network.role != "upstream" and network_id not in site.address_pools:
            yield f"gateway-{network_id}"[:63].rstrip("-"), str(network.gateway)
    for where, address in site.all_loopbacks.items():
        yield "router" if where.startswith("loopbacks") else "router2", str(address)
    for item in interfaces:
        for text in (item.v4, item.v6):
            if text:
                yield item.name, text.partition("/")[0]


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True

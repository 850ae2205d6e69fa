"""The networks in which a site's DHCP leases addresses, and the pair of servers that does it."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv6Network

from zonewright.model import AddressPool, Site
from zonewright.model.ip import Address, Network
from zonewright.model.site_network import AddressRange

_LONGEST_NUMBER = 4_294_967_294


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservedLease:
    """A machine that is always leased the same address, by its MAC address or its DUID; the other one is empty."""

    name: str
    mac_address: str
    duid: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DhcpLease:
    """A network in which DHCP leases addresses to machines that are being set up.

    Attributes:
        pool: id of the address pool.
        number: the network's number for DHCP, which comes from its address and stays when others come and go.
        prefix: the network.
        first: the lowest address that is leased.
        last: the highest one.
        gateway: its default gateway.
        interfaces: interfaces of the DHCP server there; none says all.
        reservations: machines that are always leased the same address, in order of name.
        next_server: TFTP server that machines without a system start from, or empty.
        bios_file: what it has for machines with a BIOS, or empty.
        uefi_file: what it has for those with UEFI, or empty.
        uefi_url: the same as a URL, or empty.
    """

    pool: str
    number: int
    prefix: str
    first: str
    last: str
    gateway: str
    interfaces: tuple[str, ...]
    reservations: tuple[ReservedLease, ...]
    next_server: str
    bios_file: str
    uefi_file: str
    uefi_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DhcpPeer:
    """One of two servers that know all leases.

    Attributes:
        name: what the other one knows it by.
        role: primary, or standby for the one that leases when the other one is lost.
        family: ``ip`` or ``ip6``, the version of the addresses.
        address: where the other one hears it.
        other: the other one's address.
        port: its TCP port for IPv4.
        port_v6: that for IPv6.
        url_v4: where its server of IPv4 is heard.
        url_v6: where that of IPv6 is heard.
    """

    name: str
    role: str
    family: str
    address: str
    other: str
    port: int
    port_v6: int
    url_v4: str
    url_v6: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DhcpServers:
    """The DHCP of a site, from one of its servers.

    Attributes:
        name: the server's name.
        by_duid: whether machines are known by their DUID too.
        peers: both servers, the first one first; none where there is one only.
        trust_anchor: file with the certificates of who signs theirs.
        cert_file: file with the server's own certificate.
        key_file: file with its key.
        lease_commands: the program's library by which servers tell each other their leases.
        high_availability: the one by which they take over.
    """

    name: str
    by_duid: bool = False
    peers: tuple[DhcpPeer, ...] = ()
    trust_anchor: str = ""
    cert_file: str = ""
    key_file: str = ""
    lease_commands: str = ""
    high_availability: str = ""


def dhcp_servers(name: str, site: Site, server: str) -> DhcpServers:
    """The DHCP of a site.

    Args:
        name: id of the site.
        site: its declaration.
        server: name of the host of its second server, empty for the first one.
    """
    second = site.second_dhcp_server
    leased = [pool.dynamic for pool in site.address_pools.values() if pool.dynamic is not None]
    by_duid = any(one.duid is not None for each in leased for one in each.reservations.values())
    if second is None:
        return DhcpServers(name=name, by_duid=by_duid)
    return DhcpServers(
        name=server or name,
        by_duid=by_duid,
        peers=(
            _peer(name, "primary", second.first_address, second.address, second.port),
            _peer(second.name, "standby", second.address, second.first_address, second.port),
        ),
        trust_anchor=second.trust_anchor,
        cert_file=second.cert_file,
        key_file=second.key_file,
        lease_commands=f"{second.hooks}/libdhcp_lease_cmds.so",
        high_availability=f"{second.hooks}/libdhcp_ha.so",
    )


def _peer(name: str, role: str, address: Address, other: Address, port: int) -> DhcpPeer:
    host = f"[{address}]" if address.version == 6 else str(address)  # noqa: PLR2004
    return DhcpPeer(
        name=name,
        role=role,
        family="ip6" if address.version == 6 else "ip",  # noqa: PLR2004
        address=str(address),
        other=str(other),
        port=port,
        port_v6=port + 1,
        url_v4=f"https://{host}:{port}/",
        url_v6=f"https://{host}:{port + 1}/",
    )


def leases_of(site: Site, version: int) -> tuple[DhcpLease, ...]:
    """The networks of an IP version in which a site's DHCP leases addresses, in order of pool."""
    return tuple(
        _lease(pool_id, pool, pool.dynamic)
        for pool_id, pool in sorted(site.address_pools.items())
        if pool.dynamic is not None and pool.prefix.version == version
    )


def _lease(pool_id: str, pool: AddressPool, leased: AddressRange) -> DhcpLease:
    boot = leased.boot
    uefi_file = (boot.uefi_file or "") if boot is not None else ""
    next_server = str(boot.next_server) if boot is not None else ""
    host = f"[{next_server}]" if ":" in next_server else next_server
    return DhcpLease(
        pool=pool_id,
        number=_number(pool.prefix),
        prefix=str(pool.prefix),
        first=str(leased.first),
        last=str(leased.last),
        gateway=str(pool.gateway),
        interfaces=leased.interfaces,
        reservations=tuple(
            ReservedLease(name=name, mac_address=one.mac_address or "", duid=one.duid or "", address=str(one.address))
            for name, one in sorted(leased.reservations.items())
        ),
        next_server=next_server,
        bios_file=(boot.bios_file or "") if boot is not None else "",
        uefi_file=uefi_file,
        uefi_url=f"tftp://{host}/{uefi_file}" if uefi_file else "",
    )


def _number(prefix: Network) -> int:
    """What Kea knows a network by; those of IPv6 have no room for their addresses, and begin alike."""
    known = int(prefix.network_address)
    if isinstance(prefix, IPv6Network):
        known = int.from_bytes(sha256(prefix.network_address.packed).digest()[:8])
    return known % _LONGEST_NUMBER + 1


def leased_at(leases: Iterable[DhcpLease]) -> tuple[str, ...]:
    """The interfaces on which a site's DHCP answers; none says all.

    Args:
        leases: its networks; where one names no interface, all of them are meant.
    """
    found = [one.interfaces for one in leases]
    return tuple(dict.fromkeys(name for names in found for name in names)) if all(found) else ()

"""What DHCP tells machines, computed from what its files are rendered from, and whether they get there with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zonewright.render.contexts.dhcp import DhcpLease
from zonewright.render.contexts.site_context import SiteContext

if TYPE_CHECKING:
    from zonewright.render.network.paths import Paths

_DNS, _TFTP = 53, 69


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTold:
    """What a machine is told.

    Attributes:
        first: its address, or the lowest one that it may get.
        last: the same, or the highest one.
        name: its name, or empty.
        name_servers: the resolvers, of the network's IP version.
        server: the TFTP server that it starts from, or empty.
        uefi_file: what it has for machines with UEFI, or empty.
    """

    first: str
    last: str
    name: str
    name_servers: tuple[str, ...]
    server: str
    uefi_file: str


def lease_told(site: SiteContext, lease: DhcpLease, mac_address: str) -> LeaseTold:
    """What a machine in a network is told, by whichever of a site's servers.

    Args:
        site: the site.
        lease: the network.
        mac_address: of the machine's port.
    """
    own = next((one for one in lease.reservations if one.mac_address == mac_address.upper()), None)
    return LeaseTold(
        first=own.address if own is not None else lease.first,
        last=own.address if own is not None else lease.last,
        name=own.name if own is not None else "",
        name_servers=site.name_servers_v6 if ":" in lease.prefix else site.name_servers_v4,
        server=lease.next_server,
        uefi_file=lease.uefi_file,
    )


def lease_faults(paths: "Paths") -> Iterator[tuple[str, str, str]]:
    """What a machine with a leased address does not reach, and servers that do not hear each other.

    Args:
        paths: what reaches what.

    Yields:
        Whose fault it is, what is wrong, and how to correct it.
    """
    for site in paths.sites.values():
        for lease in (*site.leases, *site.leases_v6):
            told = lease_told(site, lease, "")
            wanted = [("its name server", one, _DNS) for one in told.name_servers]
            wanted += [("what it starts from", told.server, _TFTP)] if told.server else []
            for what, there, port in wanted:
                if not paths.reaches(lease.first, there, "udp", port):
                    fix = "compare interfaces and networks of the sites on the way, or name another server"
                    yield f"pool {lease.pool} at {site.name}", f"{lease.first} does not reach {what}, {there}", fix
        for own in site.dhcp.peers:
            for other in site.dhcp.peers:
                ports = [one for one, held in ((own.port, site.leases), (own.port_v6, site.leases_v6)) if held]
                for port in ports if other is not own else ():
                    if not paths.reaches(own.address, other.address, "tcp", port):
                        fix = f"name addresses in networks at the router of site {site.name} in second_dhcp_server"
                        message = f"it does not reach the other one of the pair, {other.address} tcp port {port}"
                        yield f"DHCP server {own.name} at {site.name}", message, fix

"""Networks of a site: address pools, what else is at its router, and the VLANs that keep tenants apart."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from hashlib import sha256
from ipaddress import IPv4Network
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from zonewright.model.base import Declared, Identifier, Line
from zonewright.model.ip import Address, Network

PoolRole = Literal["data", "storage", "management"]
"""What a network is for at a node."""
USUAL_MTU = 1500
"""Largest packet in bytes where nothing else is said."""
LONGEST_NAME = 15
"""Characters of an interface's name in Linux."""


InterfaceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$", max_length=15)]
"""Name of a network interface in Linux."""


VrfName = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,13}[a-z0-9])?$", max_length=15)]
"""Name of a VRF, which is the name of a device in Linux."""
_FIRST_VRF_TABLE, _VRF_TABLES = 1_000_000, 1_000_000
MacAddress = Annotated[
    str, Field(pattern=r"^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$", max_length=17), AfterValidator(str.upper)
]
"""A MAC address in six parts, such as ``52:54:00:12:34:56``; capitals or not are the same."""
Duid = Annotated[
    str, Field(pattern=r"^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){2,129}$", max_length=389), AfterValidator(str.upper)
]
"""What a machine calls itself to DHCPv6 (RFC 8415), in parts of two digits; capitals or not are the same."""
BootFile = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$", max_length=127)]
"""Name of a file on a server of TFTP; DHCP has room for 127 characters."""


class DhcpReservation(Declared):
    """A machine that is always leased the same address."""

    mac_address: MacAddress | None = None
    """MAC address of the port by which it asks, as in NetBox."""
    duid: Duid | None = None
    """In pools of IPv6 in its place: what the machine calls itself, whichever port it asks by."""
    address: Address
    """Its address, one of the dynamic ones of its pool."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        if (self.mac_address is None) is (self.duid is None):
            message = "expected one of mac_address and duid, by which the machine is known"
            raise ValueError(message)
        return self


class NetworkBoot(Declared):
    """What a machine without a system starts from, by PXE."""

    next_server: Address
    """Address of the TFTP server, of the pool's IP version."""
    bios_file: BootFile | None = None
    """The file for machines with a BIOS, such as ``undionly.kpxe``; they start over IPv4 only."""
    uefi_file: BootFile | None = None
    """The file for 64-bit machines with UEFI, such as ``ipxe.efi``."""

    @model_validator(mode="after")
    def _some_file(self) -> Self:
        if self.bios_file is None and self.uefi_file is None:
            message = "a server to boot from, but no file; name bios_file, uefi_file or both"
            raise ValueError(message)
        return self


class AddressRange(Declared):
    """Addresses from the first to the last, both included, and how the site's DHCP leases them."""

    first: Address
    """The lowest address."""
    last: Address
    """The highest address."""
    interfaces: Annotated[tuple[InterfaceName, ...], Field(max_length=16, strict=False)] = ()
    """Interfaces of the DHCP server in this network; for IPv4, without any it answers on all that it has."""
    reservations: Annotated[dict[Identifier, DhcpReservation], Field(max_length=4096)] = Field(default_factory=dict)
    """Machines that are always leased the same address, by their host name."""
    boot: NetworkBoot | None = None
    """What a machine without a system starts from."""


class AddressPool(Declared):
    """A network of a site, from which each node gets one address."""

    prefix: Network
    """The network, such as ``10.80.16.0/20``."""
    gateway: Address
    """The default gateway, inside the prefix; no node gets this address."""
    dynamic: AddressRange | None = None
    """Addresses that the site's DHCP leases to machines during set-up; no node gets one of them."""
    interface: InterfaceName | None = None
    """The router's interface in this network, such as ``lan0``; it has the address ``gateway``."""
    vlan: Identifier | None = None
    """The VLAN that it is in; the router's interface is then the one for this VLAN, such as ``lan0.110``."""
    role: PoolRole = "data"
    """What a node uses it for, as a prefix's role in NetBox; the address is on the node's ports of this role."""
    mtu: Annotated[int, Field(ge=1280, le=9216)] | None = None
    """Largest packet in it, in bytes, such as 9000 for storage; without it, the system's own, which is 1500."""
    taken: Annotated[tuple[Address, ...], Field(max_length=65_536, strict=False)] = ()
    """Addresses of equipment that no stack declares; no node gets one of them."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.gateway.version != self.prefix.version or self.gateway not in self.prefix:
            message = f"gateway {self.gateway} is not inside prefix {self.prefix}"
            raise ValueError(message)
        if self.dynamic is not None:
            self._check_dynamic(self.dynamic)
        return self

    def _check_dynamic(self, leased: AddressRange) -> None:
        """Raise when the addresses for DHCP are none that it can lease."""
        first, last = int(leased.first), int(leased.last)
        is_v4 = isinstance(self.prefix, IPv4Network)
        low = int(self.prefix.network_address) + 1
        high = int(self.prefix.broadcast_address) - (1 if is_v4 else 0)
        if {leased.first.version, leased.last.version} != {self.prefix.version} or not low <= first <= last <= high:
            lowest, highest = self.prefix[1], self.prefix[-2 if is_v4 else -1]
            message = f"dynamic addresses must lie from {lowest} to {highest}, with the lower one first"
            raise ValueError(message)
        if first <= int(self.gateway) <= last:
            message = f"gateway {self.gateway} is among the dynamic addresses"
            raise ValueError(message)
        if leased.boot is not None and leased.boot.next_server.version != self.prefix.version:
            message = f"machines in {self.prefix} cannot start from {leased.boot.next_server}, of the other IP version"
            raise ValueError(message)
        if not is_v4:
            self._check_v6(leased)
        elif any(one.duid is not None for one in leased.reservations.values()):
            message = f"a duid in {self.prefix}, where DHCP knows machines by mac_address; write that"
            raise ValueError(message)

    def _check_v6(self, leased: AddressRange) -> None:
        """Raise when a range of IPv6 is declared like one of IPv4."""
        if len(leased.interfaces) != 1:
            message = f"expected one interface of the DHCP server in {self.prefix}, by which DHCPv6 knows the network"
            raise ValueError(message)
        if leased.boot is not None and leased.boot.bios_file is not None:
            message = "a bios_file for IPv6, over which no machine with a BIOS starts; leave it out"
            raise ValueError(message)


class RouterNetwork(Declared):
    """A network at the site's router that nodes get no addresses of, such as the one of administrators."""

    prefix: Network
    """The network, such as ``10.79.255.0/26``; the site announces it, unless its role is ``upstream``."""
    gateway: Address
    """The router's own address in it."""
    interface: InterfaceName
    """The router's interface in this network; several networks of one role may have the same one."""
    vlan: Identifier | None = None
    """The VLAN that it is in; the router's interface is then the one for this VLAN."""
    vrf: VrfName | None = None
    """The VRF of the router that it is in, for networks of administrators."""
    role: Literal["management", "service", "upstream"]
    """What it is for: administrators, servers of the zone, or the way out of the zone."""

    @model_validator(mode="after")
    def _inside(self) -> Self:
        if self.gateway.version != self.prefix.version or self.gateway not in self.prefix:
            message = f"gateway {self.gateway} is not inside prefix {self.prefix}"
            raise ValueError(message)
        return self


class SiteVlan(Declared):
    """A VLAN of a site. With a tenant it is kept apart: its router passes on what is the tenant's, and no more."""

    vid: Annotated[int, Field(ge=1, le=4094)]
    """Its number in the switches of the site."""
    name: Line = ""
    """Name for people, as the switches have it."""
    tenant: Identifier | None = None
    """The party whose nodes are in it; a party with VLANs at a site gets addresses of their pools only."""
    vrf: VrfName | None = None
    """The VRF of the router that it is in with its tenant's other VLANs; its table has no way to other tenants."""
    vni: Annotated[int, Field(ge=1, le=16_777_215)] | None = None
    """Number by which VLANs of several sites are one network of layer 2 (VXLAN, EVPN); all of them name the same."""
    prefixes: Annotated[tuple[Network, ...], Field(max_length=8, strict=False)] = ()
    """With a vni: the whole networks that pools of the sites are parts of; all of them name the same."""
    sites: Annotated[tuple[Identifier, ...], Field(max_length=100, strict=False)] = ()
    """With a vni: the other sites that are part of it. Two sites exchange frames only if each names the other."""
    also_reaches: Annotated[tuple[Network, ...], Field(max_length=100, strict=False)] = ()
    """Networks of the zone besides the tenant's own with which packets may be exchanged, both ways."""


def port_name(interface: str, vlan: SiteVlan | None) -> str:
    """Name of a router's interface in a network: ``lan0``, or ``lan0.110`` for a VLAN, ``br110`` for one with a vni."""
    if vlan is None:
        return interface
    return f"{interface}.{vlan.vid}" if vlan.vni is None else f"br{vlan.vid}"


def length_of(pool: AddressPool, vlan: SiteVlan | None) -> int:
    """Prefix length of a pool's addresses: its own, or that of the whole network that it is a part of."""
    return next(
        (one.prefixlen for one in (vlan.prefixes if vlan is not None else ()) if is_part(pool.prefix, one)),
        pool.prefix.prefixlen,
    )


def is_part(one: Network, whole: Network) -> bool:
    """Whether all addresses of a network are in another one."""
    return one.version == whole.version and one.prefixlen >= whole.prefixlen and one.network_address in whole


def vrf_tables(names: Iterable[str]) -> dict[str, int]:
    """Numbers of the routing tables of VRFs, each from its name, so that no VRF has another number beside others.

    Args:
        names: of all VRFs of a router.
    """
    found: dict[str, int] = {}
    for name in sorted(set(names)):
        number = int.from_bytes(sha256(name.encode()).digest()[:8]) % _VRF_TABLES
        while _FIRST_VRF_TABLE + number in found.values():
            number = (number + 1) % _VRF_TABLES
        found[name] = _FIRST_VRF_TABLE + number
    return found


def pools_for(party: str, vlans: Mapping[str, SiteVlan], pools: Mapping[str, AddressPool]) -> dict[str, AddressPool]:
    """The pools that the nodes of a party get addresses of: for each role its own, else those of no tenant.

    Args:
        party: the tenant.
        vlans: VLANs of the site by id.
        pools: its pools by id.
    """
    tenants = {key: vlans[pool.vlan].tenant if pool.vlan is not None else None for key, pool in pools.items()}
    own = {pool.role for key, pool in pools.items() if tenants[key] == party}
    return {key: pool for key, pool in pools.items() if tenants[key] == (party if pool.role in own else None)}


def vlan_faults(
    vlans: Mapping[str, SiteVlan], pools: Mapping[str, AddressPool], networks: Mapping[str, RouterNetwork]
) -> Iterator[str]:
    """What is wrong with the VLANs of a site: a sentence for each fault.

    Args:
        vlans: by id.
        pools: by id.
        networks: its other networks by id.
    """
    by_vid: dict[int, list[str]] = defaultdict(list)
    for key in vlans:
        by_vid[vlans[key].vid].append(key)
    for vid, keys in sorted(by_vid.items()):
        if len(keys) > 1:
            yield f"VLANs {' and '.join(keys)} have the same vid {vid}; give each a vid of its own"
    held: list[tuple[str, AddressPool | RouterNetwork, str]]
    held = [(f"pool {key}", one, "nodes") for key, one in pools.items()]
    held += [(f"network {key}", one, one.role) for key, one in networks.items()]
    for what, one, role in held:
        vlan = vlans.get(one.vlan) if one.vlan is not None else None
        if one.vlan is not None and vlan is None:
            yield f"{what} is in VLAN '{one.vlan}', which the site does not have; declare it in 'vlans'"
        elif vlan is not None and vlan.tenant is not None and (role != "nodes" or one.interface is None):
            why = "names no interface" if role == "nodes" else f"has the role {role}"
            yield f"{what} is in VLAN {one.vlan} of tenant {vlan.tenant} and {why}, so the router cannot keep it apart"
    yield from _data_faults(vlans, pools)
    yield from _port_faults(vlans, [(what, one) for what, one, _ in held])
    yield from _vrf_faults(vlans, pools, networks)


def _vrf_faults(
    vlans: Mapping[str, SiteVlan], pools: Mapping[str, AddressPool], networks: Mapping[str, RouterNetwork]
) -> Iterator[str]:
    """A VRF is one tenant's, or the administrators'; an interface is in one, and its name is no interface's."""
    whose: dict[str, set[str]] = defaultdict(set)
    for key, vlan in vlans.items():
        if vlan.vrf is not None:
            whose[vlan.vrf].add(f"tenant {vlan.tenant}")
            if vlan.tenant is None:
                yield f"VLAN {key} is in VRF {vlan.vrf} and is no tenant's; name its tenant, or leave 'vrf' out"
    at_port: dict[str, str | None] = {}
    ports = {"lo", "all", "default"} | {f"vx{vlan.vni}" for vlan in vlans.values() if vlan.vni is not None}
    for key, one in networks.items():
        if one.vrf is not None:
            whose[one.vrf].add("administrators")
            if one.role != "management":
                yield f"network {key} is in VRF {one.vrf} and has the role {one.role}; only those for management may be"
        name = port_of(one, vlans)
        if at_port.setdefault(name, one.vrf) != one.vrf:
            yield f"network {key} is in another VRF than another network at interface '{name}'; name the same for both"
        ports |= {one.interface, name}
    ports |= {text for pool in pools.values() for text in (pool.interface or "", port_of(pool, vlans))}
    yield from _holder_faults(whose, ports)


def _holder_faults(whose: Mapping[str, set[str]], ports: Collection[str]) -> Iterator[str]:
    for name, holders in sorted(whose.items()):
        if len(holders) > 1:
            yield f"VRF {name} would be of {' and of '.join(sorted(holders))}; give each one of its own"
        if name in ports:
            yield f"VRF '{name}' has the name of an interface; choose another one"


def port_of(one: AddressPool | RouterNetwork, vlans: Mapping[str, SiteVlan]) -> str:
    """Name of the router's interface in a network.

    Args:
        one: the network, which names an interface.
        vlans: VLANs of the site by id.
    """
    return port_name(one.interface or "", vlans.get(one.vlan) if one.vlan is not None else None)


def management_faults(
    management: Iterable[Network], vlans: Mapping[str, SiteVlan], pools: Mapping[str, AddressPool]
) -> Iterator[str]:
    """Tenants that would count as administrators, whom every VLAN lets through.

    Args:
        management: networks of administrators.
        vlans: by id.
        pools: by id.
    """
    for network in management if any(one.tenant is not None for one in vlans.values()) else ():
        for key, pool in pools.items():
            if pool.prefix.version == network.version and pool.prefix.overlaps(network):
                yield f"management {network} holds addresses of pool {key}, so its nodes would count as administrators"


def _data_faults(vlans: Mapping[str, SiteVlan], pools: Mapping[str, AddressPool]) -> Iterator[str]:
    """A node's ports for data have one VLAN untagged, so all that a party has for data is in that one."""
    for tenant in sorted({one.tenant or "" for one in vlans.values()}):
        own = {
            key: pool.vlan
            for key, pool in pools.items()
            if pool.role == "data"
            and (pool.vlan in vlans or (pool.vlan is None and pool.interface is not None))
            and (tenant or None) == (vlans[pool.vlan].tenant if pool.vlan is not None else None)
        }
        if len(set(own.values())) > 1:
            whose = f"tenant {tenant}" if tenant else "no tenant"
            yield f"pools {' and '.join(own)} are for data of {whose}, and not in one VLAN; ports have one untagged"


def _port_faults(vlans: Mapping[str, SiteVlan], held: list[tuple[str, AddressPool | RouterNetwork]]) -> Iterator[str]:
    """A router's interface is in one VLAN, a VLAN is at one interface, and its name is one that Linux takes."""
    interfaces: dict[str, str] = {}
    names: dict[str, str | None] = {}
    sizes: dict[str, int | None] = {}
    untagged = {
        one.interface: (isinstance(one, AddressPool) and one.mtu) or USUAL_MTU for _, one in held if one.vlan is None
    }
    for what, one in held:
        if one.interface is None or (one.vlan is not None and one.vlan not in vlans):
            continue
        vlan = vlans[one.vlan] if one.vlan is not None else None
        name = port_name(one.interface, vlan)
        own = name if vlan is None else f"{one.interface}.{vlan.vid}"
        if len(own) > LONGEST_NAME:
            yield f"{what} would be at interface '{own}', longer than {LONGEST_NAME} characters; choose a shorter one"
        if one.vlan is not None and interfaces.setdefault(one.vlan, one.interface) != one.interface:
            yield f"{what} has VLAN {one.vlan} at {one.interface}, and it is at {interfaces[one.vlan]} already"
        if names.setdefault(name, one.vlan) != one.vlan:
            yield f"{what} is at interface '{name}', which is another VLAN's; choose another one"
        if isinstance(one, AddressPool) and sizes.setdefault(name, one.mtu) != one.mtu:
            yield f"{what} has another mtu than another pool at interface '{name}'; give both the same"
        if isinstance(one, AddressPool) and one.vlan is not None and (one.mtu or 0) > untagged.get(one.interface, 9216):
            size = untagged[one.interface]
            yield f"{what} has an mtu of {one.mtu}, and untagged at {one.interface} is {size}; give both the same"

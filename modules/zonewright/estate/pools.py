"""Prefixes of an inventory as address pools: those in which devices of tenants have an address, and nothing else."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_interface, ip_network

from zonewright.estate.places import Places
from zonewright.estate.records import AddressRecord, PrefixRecord
from zonewright.estate.standing import StandingDevice
from zonewright.estate.work import AdoptionWork
from zonewright.model.site_network import PoolRole, SiteVlan

_MANAGEMENT = {"management", "mgmt", "oob", "out-of-band"}
_GATEWAY = ("gateway", "gw", "default route")
_ROLES = {"anycast", "vip", "vrrp", "hsrp", "glbp", "carp"}
IpNetwork = IPv4Network | IPv6Network
IpAddress = IPv4Address | IPv6Address


@dataclass(kw_only=True)
class PrefixPool:
    """A pool that is to be declared.

    Attributes:
        id: its id.
        network: its prefix.
        gateway: its gateway.
        taken: addresses that are no node's.
        role: what it is for.
        vlan: id of its VLAN at the site.
        interface: the router's port, without the VLAN's number.
        vlan_number: number of the VLAN in the inventory.
        tenant: number of the prefix's tenant there.
        gateway_port: the port that has the gateway's address.
    """

    id: str
    network: IpNetwork
    gateway: IpAddress
    taken: list[IpAddress] = field(default_factory=list)
    role: PoolRole = "data"
    vlan: str | None = None
    interface: str | None = None
    vlan_number: int | None = None
    tenant: int | None = None
    gateway_port: str = ""


@dataclass(kw_only=True)
class Networks:
    """Networks of a site, and the addresses that devices have in them.

    Attributes:
        pools: by id.
        management: networks of administrators.
        vlans: by id.
        as_number: the site's, where a VLAN of a tenant needs a router.
    """

    pools: dict[str, PrefixPool] = field(default_factory=dict)
    management: list[str] = field(default_factory=list)
    vlans: dict[str, SiteVlan] = field(default_factory=dict)
    as_number: int | None = None


@dataclass(frozen=True, kw_only=True)
class Addressing:
    """What the prefixes of an estate give.

    Attributes:
        networks: by id of the site.
        given: addresses of devices, by number and pool.
    """

    networks: Mapping[str, Networks]
    given: Mapping[int, Mapping[str, str]]


def addressing(work: AdoptionWork, places: Places, nodes: Iterable[StandingDevice]) -> Addressing:
    """The networks of each site, and the addresses that nodes keep; all that is in neither is noted.

    Args:
        work: the adoption.
        places: where the sites are.
        nodes: the devices that are nodes of clusters.
    """
    made = _Pools(
        work=work,
        of_device={one.device.id: one for one in nodes},
        parsed={number: found for number, one in work.estate.addresses.items() if (found := _parsed(work, one))},
    )
    by_site: dict[str, list[tuple[IpNetwork, PrefixRecord]]] = defaultdict(list)
    for one in sorted(work.estate.prefixes.values(), key=lambda item: item.id):
        site, network = _of_site(work, places, one)
        if network is None or site is None:
            continue
        if one.role is not None and (one.role.slug or one.role.name).lower() in _MANAGEMENT:
            made.networks[site].management.append(str(network))
        else:
            by_site[site].append((network, one))
    for site, prefixes in by_site.items():
        made.take(site, prefixes)
    made.tell_the_rest()
    return Addressing(networks=made.networks, given=made.given)


def _parsed(work: AdoptionWork, one: AddressRecord) -> IpAddress | None:
    try:
        return ip_interface(one.address).ip
    except ValueError:
        work.note("addresses", one.address or f"address {one.id}", "is no address; correct it", is_fault=True)
        return None


def _of_site(work: AdoptionWork, places: Places, one: PrefixRecord) -> tuple[str | None, IpNetwork | None]:
    try:
        network = ip_network(one.prefix)
    except ValueError as error:
        work.note("prefixes", one.prefix or f"prefix {one.id}", f"cannot be read: {error}", is_fault=True)
        return None, None
    number = one.site.id if one.site else one.scope_id if one.scope_type == "dcim.site" else None
    location = work.estate.locations.get(one.scope_id or 0) if one.scope_type == "dcim.location" else None
    number = location.site.id if location else number
    if number is None or number not in places.sites:
        work.note("prefixes", one.prefix, "belongs to no single site, and is in no declaration")
        return None, None
    if one.status in {"container", "deprecated", "reserved"} or one.vrf is not None:
        why = f"is {one.status}" if one.vrf is None else f"is in VRF {one.vrf.name}"
        work.note("prefixes", one.prefix, f"{why}, and is in no declaration")
        return None, None
    return places.sites[number].id, network


@dataclass(kw_only=True)
class _Pools:
    """Pools that grow."""

    work: AdoptionWork
    of_device: Mapping[int, StandingDevice]
    parsed: Mapping[int, IpAddress]
    networks: dict[str, Networks] = field(default_factory=lambda: defaultdict(Networks))
    given: dict[int, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    _vlans: set[int] = field(default_factory=set)

    def take(self, site: str, prefixes: Sequence[tuple[IpNetwork, PrefixRecord]]) -> None:
        """The pools of a site: prefixes in which a node has an address; of two around it the smaller."""
        inside: dict[int, list[int]] = defaultdict(list)
        for number, address in self.parsed.items():
            if self.work.estate.addresses[number].vrf is not None:
                continue  # another space, in which the same address may be another one
            around = [pair for pair in prefixes if address.version == pair[0].version and address in pair[0]]
            if around:
                inside[max(around, key=lambda pair: pair[0].prefixlen)[1].id].append(number)
        for network, record in sorted(prefixes, key=lambda pair: (-pair[0].prefixlen, pair[1].id)):
            numbers = sorted(inside.get(record.id, ()))
            pools = (pool.network for of_site in self.networks.values() for pool in of_site.pools.values())
            other = next((one for one in pools if _meet(one, network)), None)
            if all(self._node_of(number, site) is None for number in numbers):
                self.work.note("prefixes", record.prefix, "holds no address of a node, and is in no declaration")
            elif other is not None:
                text = f"shares addresses with {other}, a pool; it is in no declaration, and its nodes get others"
                self.work.note("prefixes", record.prefix, text, is_fault=True)
            else:
                self._pool(site, network, record, numbers)

    def _pool(self, site: str, network: IpNetwork, record: PrefixRecord, numbers: Sequence[int]) -> None:
        work = self.work
        vlan = work.estate.vlans.get(record.vlan.id) if record.vlan else None
        pool_id = work.id_of("pools", record.id, vlan.name if vlan else str(network), scope=site, word="pool")
        if vlan is not None:
            self._vlans.add(vlan.id)
        gateway = _gateway(work, site, network, numbers, self.parsed)
        pool = PrefixPool(
            id=pool_id,
            network=network,
            gateway=gateway,
            role="storage" if record.role and (record.role.slug or record.role.name).lower() == "storage" else "data",
            vlan_number=vlan.id if vlan else None,
            tenant=record.tenant.id if record.tenant else None,
            gateway_port=next((self._port_of(number) for number in numbers if self.parsed[number] == gateway), ""),
        )
        for number in numbers:
            device, address = self._node_of(number, site), self.parsed[number]
            if device is not None and pool_id not in self.given[device] and address != pool.gateway:
                self.given[device][pool_id] = str(address)
            elif address != pool.gateway and _is_host(network, address):
                pool.taken.append(address)
        pool.taken = sorted(set(pool.taken), key=int)
        self.networks[site].pools[pool_id] = pool

    def _node_of(self, number: int, site: str) -> int | None:
        """The node of a site that has an address; None where it is something else's."""
        record = self.work.estate.addresses[number]
        holder = record.assigned_object.device if record.assigned_object else None
        one = self.of_device.get(holder.id) if holder else None
        return one.device.id if one is not None and one.rack.site.id == site else None

    def _port_of(self, number: int) -> str:
        """The port of a device that has an address; empty where it is on none."""
        holder = self.work.estate.addresses[number].assigned_object
        return holder.name if holder and holder.device else ""

    def tell_the_rest(self) -> None:
        """VLANs that are no pool, and nodes whose addresses are in none."""
        for number, vlan in sorted(self.work.estate.vlans.items()):
            if number not in self._vlans:
                self.work.note("vlans", f"VLAN {vlan.vid} {vlan.name}", "has no prefix that is a pool")
        for site, networks in sorted(self.networks.items()):
            for pool in sorted(networks.pools):
                without = [
                    one.name
                    for number, one in sorted(self.of_device.items())
                    if one.rack.site.id == site and pool not in self.given.get(number, {})
                ]
                if without:
                    text = f"{len(without)} nodes have no address in it, and get one each: {', '.join(without)}"
                    self.work.note("addresses", f"pool {pool} of {site}", text)
        kept = {text for of in self.given.values() for text in of.values()}
        for number, address in sorted(self.parsed.items()):
            record = self.work.estate.addresses[number]
            holder = record.assigned_object.device if record.assigned_object else None
            if holder is not None and holder.id in self.of_device and str(address) not in kept:
                name = self.of_device[holder.id].name
                self.work.note("addresses", name, f"its address {address} is in no pool, and is not kept")


def _meet(one: IpNetwork, other: IpNetwork) -> bool:
    return one.version == other.version and one.overlaps(other)


def _is_host(network: IpNetwork, address: IpAddress) -> bool:
    return network.version != IPv4Address(0).version or address not in (
        network.network_address,
        network.broadcast_address,
    )


def _gateway(
    work: AdoptionWork, site: str, network: IpNetwork, numbers: Iterable[int], parsed: Mapping[int, IpAddress]
) -> IpAddress:
    """The address that says it is the gateway, else the one that is assumed."""
    for number in numbers:
        record = work.estate.addresses[number]
        said = f"{record.description} {record.dns_name}".lower()
        if record.role in _ROLES or any(word in said for word in _GATEWAY):
            return parsed[number]
    text = work.text("pool_gateway", str(network), site)
    if text != "first":
        try:
            found = ip_interface(text).ip
        except ValueError:
            found = None
        if found is not None and found in network:
            return found
        work.note("prefixes", str(network), f"the assumed gateway {text} is not inside it; the first address counts")
    return network[1] if network.num_addresses > 1 else network[0]

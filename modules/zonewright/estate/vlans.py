"""VLANs of an inventory as VLANs of sites: each with its number, and with a tenant where a router can keep it apart.

An inventory says more than a declaration can hold, and less than it needs. What the model of a site refuses is left out
and told, VLAN by VLAN, so that the rest is taken.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network

from pydantic import ValidationError

from zonewright.estate.naming import line_of_text
from zonewright.estate.places import Places
from zonewright.estate.pools import Networks, PrefixPool
from zonewright.estate.records import VlanRecord
from zonewright.estate.standing import StandingDevice
from zonewright.estate.work import AdoptionWork
from zonewright.model import AddressPool
from zonewright.model.site_network import SiteVlan, management_faults, pools_for, vlan_faults

Given = Mapping[int, Mapping[str, str]]
"""Addresses of devices, by number and pool."""


def declare_vlans(
    work: AdoptionWork, places: Places, nodes: Iterable[StandingDevice], of_sites: Mapping[str, Networks], given: Given
) -> None:
    """Give each site the VLANs of its pools; what cannot be declared is noted with the reason.

    Args:
        work: the adoption.
        places: where the sites are.
        nodes: the devices that are nodes of clusters.
        of_sites: pools by id of the site, which get their VLANs.
        given: addresses that nodes keep.
    """
    numbers = {placed.id: number for number, placed in places.sites.items()}
    standing = tuple(nodes)
    for site, networks in sorted(of_sites.items()):
        one = _SiteVlans(
            work=work,
            places=places,
            site=site,
            number=numbers[site],
            networks=networks,
            nodes=[node for node in standing if node.rack.site.id == site],
            given=given,
        )
        one.declare()


@dataclass(kw_only=True)
class _SiteVlans:
    """The VLANs of one site, while they are declared one after the other."""

    work: AdoptionWork
    places: Places
    site: str
    number: int
    networks: Networks
    nodes: list[StandingDevice]
    given: Given
    declared: dict[str, SiteVlan] = field(default_factory=dict)

    def declare(self) -> None:
        """Declare them by number, each with its tenant if that is possible, else without, else not at all."""
        by_vlan: dict[int, list[PrefixPool]] = {}
        for pool in self.networks.pools.values():
            if pool.vlan_number is not None:
                by_vlan.setdefault(pool.vlan_number, []).append(pool)
        records = sorted((self.work.estate.vlans[number] for number in by_vlan), key=lambda one: (one.vid, one.id))
        for record in records:
            self._one(record, by_vlan[record.id])
        if any(vlan.tenant is not None for vlan in self.declared.values()):
            self.networks.as_number = self._as_number()
        self.networks.vlans = self.declared

    def _one(self, record: VlanRecord, pools: Sequence[PrefixPool]) -> None:
        key = self.work.id_of("vlans", record.id, record.name, scope=self.site, word="vlan")
        told = f"VLAN {record.vid} {record.name}"
        party, why = self._tenant(record, pools)
        fault = self._refused(key, record, pools, party) if party else ""
        if party is None or fault:
            why = why or fault
            fault = self._refused(key, record, pools, None)
            if fault:
                self.work.now.objects["vlans"].pop(record.id)
                self.work.note("vlans", told, f"is not declared at {self.site}: {fault}")
            elif why:
                self.work.note("vlans", told, f"is declared at {self.site} without a tenant: {why}")

    def _refused(self, key: str, record: VlanRecord, pools: Sequence[PrefixPool], party: str | None) -> str:
        """Declare a VLAN, and take it back where it cannot be; gives the reason then."""
        interface = self._interface(record, pools) if party else None
        for pool in pools:
            pool.vlan, pool.interface = key, interface
        try:
            self.declared[key] = SiteVlan(vid=record.vid, name=line_of_text(record.name), tenant=party)
            known = dict(self._pools())
        except ValidationError as error:
            faults = [str(one["msg"]) for one in error.errors()]
        else:
            faults = [*vlan_faults(self.declared, known, {})]
            faults += management_faults(map(ip_network, self.networks.management), self.declared, known)
            faults += self._unlike(party, pools_for(party, self.declared, known)) if party else ()
        if not faults:
            return ""
        self.declared.pop(key, None)
        for pool in pools:
            pool.vlan = pool.interface = None
        return faults[0]

    def _tenant(self, record: VlanRecord, pools: Sequence[PrefixPool]) -> tuple[str | None, str]:
        """Whose VLAN it is, or why it can be nobody's; neither where the inventory names no tenant of the site."""
        numbers = {one.tenant for one in pools} | {record.tenant.id if record.tenant else None}
        parties = {self.places.tenants[one] for one in numbers if one is not None}
        parties -= {self.places.sites[self.number].operator}
        if len(parties) != 1:
            return None, f"it and its prefixes are of {' and '.join(sorted(parties))}" if parties else ""
        party, ids = next(iter(parties)), {one.id for one in pools}
        strangers = (
            one.name for one in self.nodes if one.party != party and ids & self.given.get(one.device.id, {}).keys()
        )
        stranger = next(strangers, None)
        if self._as_number() is None:
            return None, f"it is {party}'s, and the site has no AS number of its own for a router that keeps it apart"
        if self._interface(record, pools) is None:
            port = f"lan0.{record.vid}"
            return None, f"it is {party}'s, and its gateway is on no port that is named after it, such as {port}"
        if stranger is not None:
            return None, f"it is {party}'s, and {stranger} of another party has an address in it"
        return party, ""

    def _as_number(self) -> int | None:
        """The site's number, if it has one that no other site has."""
        said = {one.asn for one in self.work.estate.sites[self.number].asns}
        others = {
            one.asn for number, site in self.work.estate.sites.items() if number != self.number for one in site.asns
        }
        return next(iter(said)) if len(said) == 1 and not said & others else None

    def _interface(self, record: VlanRecord, pools: Sequence[PrefixPool]) -> str | None:
        """The router's port on which the VLAN is tagged: that of its gateways, without the number behind the dot."""
        ports = {one.gateway_port for one in pools}
        port = next(iter(ports)) if len(ports) == 1 else ""
        base, _, number = port.rpartition(".")
        return base if base and number == str(record.vid) else None

    def _unlike(self, party: str, offered: Container[str]) -> Iterator[str]:
        """Nodes of a tenant that have an address of a pool which its VLANs would take from it."""
        for node in self.nodes:
            for pool in self.given.get(node.device.id, {}) if node.party == party else ():
                if pool not in offered:
                    yield f"it is {party}'s, and {node.name} has an address of pool {pool} too, which is not"

    def _pools(self) -> Iterator[tuple[str, AddressPool]]:
        for key, one in self.networks.pools.items():
            pool = AddressPool(
                prefix=one.network, gateway=one.gateway, role=one.role, vlan=one.vlan, interface=one.interface
            )
            yield key, pool

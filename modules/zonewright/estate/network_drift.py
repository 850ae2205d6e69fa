"""VLANs and pools of sites that a ledger holds against those of an inventory: what differs, and how it is written.

Nothing is deleted. What the ledger does not hold, such as a tenant that no router keeps apart, is no difference.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_interface, ip_network
from typing import Any, Literal

from zonewright.estate.naming import line_of_text
from zonewright.estate.reading import Estate
from zonewright.estate.records import PrefixRecord, VlanRecord
from zonewright.estate.work import KnownIds, Named
from zonewright.estate.writing_back import Writable
from zonewright.model import AddressPool, Site
from zonewright.model.site_network import SiteVlan

_VLANS, _PREFIXES, _ADDRESSES = "ipam/vlans", "ipam/prefixes", "ipam/ip-addresses"


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkDrift:
    """One difference.

    Attributes:
        what: of a VLAN or of a prefix.
        subject: the VLAN or the pool, with its site.
        text: what differs, as a sentence.
        site: id of the site.
        key: id of the VLAN or pool at the site.
        number: the object that is changed; None for one that is made.
        values: what is written, without the VLAN of a prefix.
        vlan: of a prefix, the id of its VLAN at the site.
        gateway: of a prefix that is made, the address of its gateway.
    """

    what: Literal["vlan", "prefix"]
    subject: str
    text: str
    site: str
    key: str
    number: int | None
    values: Mapping[str, Any]
    vlan: str | None = None
    gateway: str = ""


@dataclass(frozen=True, kw_only=True)
class NetworkComparison:
    """What is compared.

    Attributes:
        estate: what the inventory says now.
        known: ids as the last adoption left them.
    """

    estate: Estate
    known: KnownIds

    def differences(self, sites: Mapping[str, Site]) -> list[NetworkDrift]:
        """All differences, VLANs before prefixes.

        Args:
            sites: active sites of the ledger by id; one that the inventory does not have is passed over.
        """
        numbers = {one.id: number for number, one in self.known.objects.get("sites", {}).items()}
        pairs = [(numbers[key], key, site) for key, site in sorted(sites.items()) if key in numbers]
        pairs = [pair for pair in pairs if pair[0] in self.estate.sites]
        found = [one for number, key, site in pairs for one in self._vlans(number, key, site)]
        return found + [one for number, key, site in pairs for one in self._prefixes(number, key, site)]

    def vlan_of(self, site: str, key: str, vid: int) -> VlanRecord | None:
        """The VLAN of an inventory that a declared one is: the one that was taken over as it, else its number's."""
        taken = self._known("vlans", site, key)
        if taken in self.estate.vlans:
            return self.estate.vlans[taken]
        number = next((number for number, one in self.known.objects.get("sites", {}).items() if one.id == site), None)
        return next(
            (one for one in self.estate.vlans.values() if one.vid == vid and one.site and one.site.id == number), None
        )

    def _known(self, kind: str, site: str, key: str) -> int:
        of_kind = self.known.objects.get(kind, {})
        return next((number for number, one in of_kind.items() if (one.scope, one.id) == (site, key)), 0)

    def _tenant(self, vlan: SiteVlan | None) -> int | None:
        if vlan is None or vlan.tenant is None:
            return None
        return next((key for key, of in self.known.objects.get("parties", {}).items() if of.id == vlan.tenant), None)

    def _vlans(self, number: int, site: str, declared: Site) -> Iterator[NetworkDrift]:
        for key, vlan in sorted(declared.vlans.items()):
            there, tenant = self.vlan_of(site, key, vlan.vid), self._tenant(vlan)
            wanted: dict[str, Any] = {"vid": vlan.vid, **({"tenant": tenant} if tenant else {})}
            subject = f"VLAN {key} of {site}"
            if there is None:
                values = {**wanted, "name": vlan.name or key, "site": number, "status": "active"}
                text = f"has the number {vlan.vid}, and is not in the inventory"
                yield NetworkDrift(
                    what="vlan", subject=subject, text=text, site=site, key=key, number=None, values=values
                )
                continue
            has = {"vid": there.vid, "tenant": there.tenant.id if there.tenant else None}
            values = {name: value for name, value in wanted.items() if has[name] != value}
            if values:
                parts = [f"number {vlan.vid} and not {there.vid}"] if "vid" in values else []
                parts += [f"tenant {vlan.tenant}"] if "tenant" in values else []
                text = f"has the {' and the '.join(parts)}, which the inventory does not say"
                yield NetworkDrift(
                    what="vlan", subject=subject, text=text, site=site, key=key, number=there.id, values=values
                )

    def _prefixes(self, number: int, site: str, declared: Site) -> Iterator[NetworkDrift]:
        for key, pool in sorted(declared.address_pools.items()):
            there = self._prefix_of(site, key, pool)
            vlan = declared.vlans.get(pool.vlan or "")
            subject = f"pool {key} of {site}"
            if there is None:
                tenant = self._tenant(vlan)
                values: dict[str, Any] = {"prefix": str(pool.prefix), "status": "active", "scope_type": "dcim.site"}
                values |= {"scope_id": number, **({"tenant": tenant} if tenant else {})}
                yield NetworkDrift(
                    what="prefix",
                    subject=subject,
                    text=f"is {pool.prefix}, which the inventory does not have",
                    site=site,
                    key=key,
                    number=None,
                    values=values,
                    vlan=pool.vlan,
                    gateway=f"{pool.gateway}/{pool.prefix.prefixlen}",
                )
            elif vlan is not None and pool.vlan is not None:
                record = self.vlan_of(site, pool.vlan, vlan.vid)
                if record is None or (there.vlan.id if there.vlan else None) != record.id:
                    yield NetworkDrift(
                        what="prefix",
                        subject=subject,
                        text=f"{pool.prefix} is in VLAN {vlan.vid}, which the inventory does not say",
                        site=site,
                        key=key,
                        number=there.id,
                        values={},
                        vlan=pool.vlan,
                    )

    def _prefix_of(self, site: str, key: str, pool: AddressPool) -> PrefixRecord | None:
        """The prefix that a pool is: the one that was taken over as it, else one of the same addresses in no VRF."""
        taken = self.estate.prefixes.get(self._known("pools", site, key))
        found = [one for one in self.estate.prefixes.values() if one.vrf is None and one.status != "container"]
        same = (one for one in ([taken] if taken else []) + found if _is(one, pool))
        return next(same, None)


def _is(record: PrefixRecord, pool: AddressPool) -> bool:
    try:
        return ip_network(record.prefix) == pool.prefix
    except ValueError:
        return False


def write_networks(
    inventory: Writable, compared: NetworkComparison, found: Iterable[NetworkDrift], sites: Mapping[str, Site]
) -> None:
    """Write differences, and remember what was made as what it is here.

    Args:
        inventory: where to.
        compared: what they are differences of; it learns the numbers of what is made.
        found: the differences.
        sites: the sites that were compared, by id.
    """
    made: dict[tuple[str, str], int] = {}
    there = {one.address.partition("/")[0] for one in compared.estate.addresses.values()}
    for one in found:
        endpoint = _VLANS if one.what == "vlan" else _PREFIXES
        values = dict(one.values)
        if one.vlan is not None:
            record = compared.vlan_of(one.site, one.vlan, sites[one.site].vlans[one.vlan].vid)
            values["vlan"] = made.get((one.site, one.vlan)) or (record.id if record else None)
        if one.number is not None:
            inventory.change(endpoint, [{"id": one.number, **values}])
            continue
        number = int(inventory.create(endpoint, [values])[0]["id"])
        kind = "vlans" if one.what == "vlan" else "pools"
        if one.what == "vlan":
            made[one.site, one.key] = number
        name = line_of_text(str(values.get("name") or one.key))
        compared.known.objects.setdefault(kind, {})[number] = Named(id=one.key, name=name, scope=one.site)
        if one.gateway and str(ip_interface(one.gateway).ip) not in there:
            gateway = {"address": one.gateway, "status": "active", "description": "gateway"}
            inventory.create(_ADDRESSES, [gateway])

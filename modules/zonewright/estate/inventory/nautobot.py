"""A Nautobot that answers, and its answers in NetBox's words, so that everything else is the same.

Nautobot began as NetBox 2.10. It has locations of any depth in place of sites; statuses and roles are objects of
their own. It knows no weights, no half units and no first unit of a rack, so these are assumed or passed over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from zonewright.declare.problem import one_of
from zonewright.estate.inventory.errors import InventoryMisuseError
from zonewright.estate.inventory.server import InventoryServer, read_all
from zonewright.estate.naming import id_of

SITE_TYPE = "Site"
"""The name of the location type whose locations are sites, as Nautobot's own migration from NetBox gives it."""
_NAMES = (
    "extras/statuses",
    "extras/roles",
    "dcim/manufacturers",
    "dcim/location-types",
    "ipam/namespaces",
    "ipam/vrfs",
)
_PLACES = ("dcim/locations", "dcim/rack-groups")
_JOINED = ("dcim/interfaces", "ipam/ip-address-to-interface")
_SAME = (
    *("tenancy/tenants", "dcim/racks", "dcim/rack-reservations", "dcim/power-panels", "dcim/power-feeds"),
    *("dcim/device-types", "dcim/power-port-templates", "dcim/module-bay-templates", "dcim/devices"),
    *("dcim/power-ports", "dcim/power-outlets", "dcim/device-bays", "dcim/cables", "ipam/vlans", "ipam/prefixes"),
    "ipam/ip-addresses",
)
ENDPOINTS = (*_NAMES, *_PLACES, *_SAME, *_JOINED)
_DEVICE, _LOCATION = "device", "location"
_GLOBAL = "Global"
_DIGITS = 12
NautobotObject = Mapping[str, Any]


class Nautobot(InventoryServer):
    """A Nautobot."""

    product = "Nautobot"
    oldest = (3, 0)
    always = MappingProxyType({"sort": "id", "depth": "0", "exclude_m2m": "false"})

    def _require_product(self, number: tuple[int, ...]) -> None:
        if "netbox-version" in self._status():
            raise InventoryMisuseError(f"{self.url} is a NetBox; name it with --netbox in place of --nautobot")
        super()._require_product(number)


def read_nautobot(nautobot: Nautobot, site_type: str) -> dict[str, list[NautobotObject]]:
    """All that a Nautobot says, as a NetBox would answer it.

    Args:
        nautobot: the server.
        site_type: the name of the location type whose locations are sites.

    Raises:
        InventoryMisuseError: when no location type has that name.
    """
    return as_netbox(read_all(nautobot, ENDPOINTS), site_type)


def as_netbox(said: Mapping[str, Sequence[NautobotObject]], site_type: str) -> dict[str, list[NautobotObject]]:
    """Nautobot's answers by endpoint in NetBox's words.

    Args:
        said: what Nautobot answered.
        site_type: the name of the location type whose locations are sites.
    """
    types = {str(one.get("name")) for one in said.get("dcim/location-types", ())}
    if said.get("dcim/locations") and site_type.lower() not in {name.lower() for name in types}:
        raise InventoryMisuseError(
            f"expected a location type '{site_type}', got {one_of(sorted(types)) or 'none'}; name the type of your "
            "sites with --site-type"
        )
    words = _Words(said=said, site_type=site_type.lower())
    made: dict[str, list[NautobotObject]] = {
        endpoint: [words.plain(one) for one in said.get(endpoint, ())] for endpoint in _SAME
    }
    for endpoint, change in (
        ("tenancy/tenants", _slugged),
        ("dcim/racks", words.rack),
        ("dcim/power-panels", words.placed),
        ("dcim/device-types", words.device_type),
        ("dcim/devices", words.device),
        ("dcim/power-ports", _port),
        ("ipam/vlans", words.networked),
        ("ipam/prefixes", words.prefix),
        ("ipam/ip-addresses", words.address),
    ):
        made[endpoint] = [
            change(dict(one), raw) for one, raw in zip(made[endpoint], said.get(endpoint, ()), strict=True)
        ]
    made["dcim/sites"], made["dcim/locations"] = words.sites(), words.rooms()
    return made


def number_of(uuid: object) -> int | None:
    """A number for an object; one in 10,000,000 inventories has two of a kind with the same one, which is a fault."""
    try:
        return int(str(uuid).replace("-", "")[:_DIGITS], 16) or 1
    except ValueError:
        return None


def _reference(value: object) -> NautobotObject | None:
    return {"id": number_of(value.get("id")), "uuid": value.get("id")} if isinstance(value, Mapping) else None


def _slugged(one: dict[str, Any], raw: NautobotObject) -> NautobotObject:
    return {**one, "slug": id_of(str(raw.get("name") or ""), "")}


def _port(one: dict[str, Any], raw: NautobotObject) -> NautobotObject:
    end = _reference(raw.get("connected_endpoint"))
    kind = raw.get("connected_endpoint_type")
    return {**one, "connected_endpoints": [end] if end else None, "connected_endpoints_type": kind if end else None}


@dataclass(kw_only=True)
class _Words:
    """The lists, by the ids that objects refer to."""

    said: Mapping[str, Sequence[NautobotObject]]
    site_type: str
    names: dict[str, str] = field(default_factory=dict)
    at: dict[str, NautobotObject] = field(default_factory=dict)
    """Locations and groups of racks by their ids."""
    site: dict[str, str | None] = field(default_factory=dict)
    """By location the id of the site that it is, or lies in."""
    bays: dict[str, NautobotObject] = field(default_factory=dict)
    holders: dict[str, NautobotObject] = field(default_factory=dict)
    parents: dict[str, NautobotObject] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.names = {str(one.get("id")): str(one.get("name") or "") for of in _NAMES for one in self.said.get(of, ())}
        self.at = {str(one.get("id")): one for of in _PLACES for one in self.said.get(of, ())}
        self.site = {one: self._site_above(one) for one in self.at}
        self.bays = {str(one.get("id")): one for one in self.said.get("dcim/device-bays", ())}
        self.parents = {str(one.get("id")): one for one in self.said.get("ipam/prefixes", ())}
        ports = {str(one.get("id")): one for one in self.said.get("dcim/interfaces", ())}
        for one in self.said.get("ipam/ip-address-to-interface", ()):
            port = ports.get(_id(one.get("interface")))
            if port is not None:
                self.holders.setdefault(_id(one.get("ip_address")), port)

    def _site_above(self, place: str) -> str | None:
        seen: set[str] = set()
        here: str = place
        while here in self.at and here not in seen:
            seen.add(here)
            one = self.at[here]
            if self.names.get(_id(one.get("location_type")), "").lower() == self.site_type:
                return here
            here = _id(one.get("parent")) or _id(one.get(_LOCATION))
        return None

    def plain(self, raw: NautobotObject) -> dict[str, Any]:
        """An object with numbers for ids, and words for its status and its role."""
        made: dict[str, Any] = {}
        for name, value in raw.items():
            made[name] = _reference(value) if isinstance(value, Mapping) and "id" in value else value
        made |= {"id": number_of(raw.get("id")), "uuid": raw.get("id")}
        if isinstance(raw.get("status"), Mapping):
            made["status"] = id_of(self.names.get(_id(raw["status"]), ""), "") or None
        if isinstance(raw.get("role"), Mapping):
            role = self.names.get(_id(raw["role"]), "")
            made["role"] = {"id": number_of(raw["role"].get("id")), "name": role, "slug": id_of(role, "")}
        return made

    def placed(self, one: dict[str, Any], raw: NautobotObject) -> dict[str, Any]:
        """An object with its site and its room in place of a location."""
        here = _id(raw.get(_LOCATION))
        site = self.site.get(here)
        room = here if here != site else _id(raw.get("rack_group"))
        return {
            **one,
            "site": _to(site),
            _LOCATION: _to(room) if room in self.at and self.site.get(room) is not None else None,
        }

    def rack(self, one: dict[str, Any], raw: NautobotObject) -> NautobotObject:
        """A rack; its role is not NetBox's."""
        return {**self.placed(one, raw), "max_weight": None, "starting_unit": 1}

    def device_type(self, one: dict[str, Any], raw: NautobotObject) -> NautobotObject:
        """A type, whose slug is made of who makes it and what it is called."""
        maker = self.names.get(_id(raw.get("manufacturer")), "")
        slug = id_of(f"{maker} {raw.get('model') or ''}", "")
        reference = {**(one.get("manufacturer") or {}), "name": maker, "slug": id_of(maker, "")}
        return {**one, "slug": slug, "manufacturer": reference}

    def device(self, one: dict[str, Any], raw: NautobotObject) -> NautobotObject:
        """A device; one in a bay says in which device."""
        bay = self.bays.get(_id(raw.get("parent_bay")))
        return {**self.placed(one, raw), "parent_device": _reference(bay.get(_DEVICE)) if bay else None}

    def networked(self, one: dict[str, Any], raw: NautobotObject) -> dict[str, Any]:
        """A VLAN or a prefix with the one site of its locations, if it is one."""
        places = [*(raw.get("locations") or ()), *([raw[_LOCATION]] if raw.get(_LOCATION) else ())]
        sites = {self.site.get(_id(place)) for place in places} - {None}
        return {**one, "site": _to(next(iter(sites))) if len(sites) == 1 else None}

    def prefix(self, one: dict[str, Any], raw: NautobotObject) -> NautobotObject:
        """A prefix; one of another namespace, or in a VRF, is of a space of its own."""
        made = self.networked(one, raw)
        kind = raw.get("type")
        if (kind.get("value") if isinstance(kind, Mapping) else kind) == "container":
            made["status"] = "container"
        return {**made, "vrf": self._space(raw), "scope_type": None}

    def _space(self, prefix: NautobotObject) -> NautobotObject | None:
        """The VRF of a prefix, or its namespace where that is another than the one that all have."""
        vrf = next((one for one in prefix.get("vrfs") or () if isinstance(one, Mapping)), None)
        namespace = prefix.get("namespace")
        if vrf is None and self.names.get(_id(namespace), _GLOBAL) == _GLOBAL:
            return None
        found, word = (vrf, "") if vrf is not None else (namespace, "of namespace ")
        return {**(_reference(found) or {}), "name": word + self.names.get(_id(found), "")}

    def address(self, one: dict[str, Any], raw: NautobotObject) -> NautobotObject:
        """An address with the device whose interface has it."""
        port = self.holders.get(str(raw.get("id")))
        parent = self.parents.get(_id(raw.get("parent")))
        holder = {_DEVICE: _reference(port.get(_DEVICE)), "name": port.get("name")} if port else None
        role = one.get("role")
        return {
            **one,
            "role": role["slug"] if isinstance(role, Mapping) else None,
            "assigned_object": holder,
            "vrf": self._space(parent) if parent is not None else None,
        }

    def sites(self) -> list[NautobotObject]:
        """Locations of the type of sites; what lies above one is its region."""
        made: list[NautobotObject] = []
        for place, one in self.at.items():
            if self.site[place] == place:
                above = self.at.get(_id(one.get("parent")))
                name = str(above.get("name") or "") if above else ""
                region = (
                    {**(_reference(one.get("parent")) or {}), "name": name, "slug": id_of(name, "")} if above else None
                )
                numbers = [{"asn": one["asn"]}] if one.get("asn") else []
                made.append({**_slugged(self.plain(one), one), "region": region, "asns": numbers})
        return made

    def rooms(self) -> list[NautobotObject]:
        """Locations below sites, and groups of racks."""
        made: list[NautobotObject] = []
        for place, one in self.at.items():
            site = self.site[place]
            if site is not None and site != place:
                above = _id(one.get("parent"))
                made.append(
                    {
                        **_slugged(self.plain(one), one),
                        "site": _to(site),
                        "parent": _to(above) if above != site else None,
                    }
                )
        return made


def _id(value: object) -> str:
    return str(value.get("id") or "") if isinstance(value, Mapping) else ""


def _to(place: str | None) -> NautobotObject | None:
    return {"id": number_of(place), "uuid": place} if place else None

"""A demo estate for a Nautobot, written for these tests: nested locations, a group of racks, what only Nautobot has."""

import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ACTIVE = {"name": "Active"}
_PORTS = ("PSU1", "PSU2")


@dataclass(kw_only=True)
class Writer:
    """Makes objects of a Nautobot.

    Attributes:
        url: where it answers.
        token: a superuser's.
        ids: of what was made, by endpoint and name.
    """

    url: str
    token: str
    ids: dict[tuple[str, str], str] = field(default_factory=dict)

    def make(self, endpoint: str, **values: Any) -> str:
        """Make an object; gives its id."""
        made = self.send("POST", f"{endpoint}/", values)
        name = str(values.get("name") or values.get("model") or values.get("prefix") or values.get("address") or "")
        self.ids[endpoint, name] = str(made["id"])
        return str(made["id"])

    def of(self, endpoint: str, name: str) -> dict[str, str]:
        """A reference to what was made."""
        return {"id": self.ids[endpoint, name]}

    def found(self, endpoint: str, **filters: str) -> list[Mapping[str, Any]]:
        """The objects that filters let through."""
        query = "&".join(f"{name}={value}" for name, value in filters.items())
        return list(self.send("GET", f"{endpoint}/?limit=200&{query}", None)["results"])

    def send(self, verb: str, path: str, body: Any) -> Any:
        """Ask, and read the answer."""
        request = urllib.request.Request(
            f"{self.url}/api/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=verb,
            headers={"Authorization": f"Token {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=300) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{verb} {path} {body}: {error.read().decode()[:600]}") from error


def fill(to: Writer) -> None:
    """Fill an empty Nautobot."""
    _words(to)
    _places(to)
    _types(to)
    _power(to)
    _devices(to)
    _networks(to)


def _words(to: Writer) -> None:
    """The statuses and the namespace that a Nautobot has from its migrations; without these they are made here."""
    kinds = {
        "Active": ["location", "rack", "device", "powerfeed", "interface"],
        "Staging": ["location"],
        "Reserved": ["rack"],
        "Inventory": ["device"],
        "Connected": ["cable"],
    }
    for name, models in kinds.items():
        types = [f"dcim.{one}" for one in models]
        types += ["ipam.prefix", "ipam.ipaddress", "ipam.vlan"] if name == "Active" else []
        if not to.found("extras/statuses", name=name):
            to.make("extras/statuses", name=name, content_types=types)
    if not to.found("ipam/namespaces", name="Global"):
        to.make("ipam/namespaces", name="Global")


def _places(to: Writer) -> None:
    region = {"id": to.make("dcim/location-types", name="Region", nestable=True)}
    kinds = ["dcim.rack", "dcim.device", "dcim.powerpanel", "dcim.rackgroup", "ipam.prefix", "ipam.vlan"]
    site = {"id": to.make("dcim/location-types", name="Site", parent=region, content_types=kinds)}
    hall = {"id": to.make("dcim/location-types", name="Hall", parent=site, content_types=kinds)}
    for name in ("Lagoon Bank", "Harbour Hosting"):
        to.make("tenancy/tenants", name=name)
    places = "dcim/locations"
    bay = {"id": to.make(places, name="Bay", location_type=region, status=ACTIVE)}
    harbour = to.of("tenancy/tenants", "Harbour Hosting")
    more = {"tenant": harbour, "time_zone": "Europe/Berlin", "latitude": "53.55", "longitude": "9.99"}
    north = {"id": to.make(places, name="North", location_type=site, parent=bay, status=ACTIVE, **more)}
    south = {"id": to.make(places, name="South", location_type=site, parent=bay, status={"name": "Staging"})}
    to.make(places, name="Hall 1", location_type=hall, parent=north, status=ACTIVE)
    group = {"id": to.make("dcim/rack-groups", name="Cage", location=south)}
    racks = "dcim/racks"
    to.make(racks, name="N101", location=to.of(places, "Hall 1"), status=ACTIVE, u_height=42)
    to.make(racks, name="N102", location=to.of(places, "Hall 1"), status=ACTIVE, u_height=42, desc_units=True)
    to.make(racks, name="S1", location=south, rack_group=group, status={"name": "Reserved"}, u_height=24)
    user = to.found("users/users")[0]["id"]
    taken = {
        "units": [20, 21],
        "user": {"id": user},
        "description": "growth",
        "tenant": to.of("tenancy/tenants", "Lagoon Bank"),
    }
    to.make("dcim/rack-reservations", rack=to.of(racks, "N101"), **taken)


def _types(to: Writer) -> None:
    maker = {"id": to.make("dcim/manufacturers", name="Acorn")}
    types = "dcim/device-types"
    for model, height, more in (
        ("Elm 1U", 1, {}),
        ("Oak 2U", 2, {}),
        ("Reed 48", 1, {"is_full_depth": False}),
        ("Strip 24", 0, {"is_full_depth": False}),
        ("Grove 6U", 6, {"subdevice_role": "parent"}),
        ("Leaf", 0, {"subdevice_role": "child"}),
    ):
        to.make(types, manufacturer=maker, model=model, u_height=height, **more)
    for port in _PORTS:
        draw = {"maximum_draw": 500, "allocated_draw": 180}
        to.make("dcim/power-port-templates", device_type=to.of(types, "Elm 1U"), name=port, **draw)
        to.make("dcim/power-port-templates", device_type=to.of(types, "Oak 2U"), name=port)
        to.make("dcim/module-bay-templates", device_type=to.of(types, "Grove 6U"), name=port, position=port[-1])
    to.make("dcim/power-port-templates", device_type=to.of(types, "Strip 24"), name="inlet")
    for number in range(1, 9):
        to.make("dcim/power-outlet-templates", device_type=to.of(types, "Strip 24"), name=f"outlet {number}")
    to.make("dcim/device-bay-templates", device_type=to.of(types, "Grove 6U"), name="bay 1")
    for model in ("Elm 1U", "Oak 2U"):
        to.make("dcim/interface-templates", device_type=to.of(types, model), name="eno1", type="25gbase-x-sfp28")
    for name in ("Server", "Switch", "Power strip"):
        to.make("extras/roles", name=name, content_types=["dcim.device"])


def _power(to: Writer) -> None:
    places, panels = "dcim/locations", "dcim/power-panels"
    to.make(panels, name="Panel A", location=to.of(places, "North"))
    to.make(panels, name="Panel B", location=to.of(places, "Hall 1"))
    to.make(panels, name="Panel S", location=to.of(places, "South"))
    plain = {"status": ACTIVE, "supply": "ac", "voltage": 230, "amperage": 32}
    for rack in ("N101", "N102"):
        for letter, kind in (("A", "primary"), ("B", "redundant")):
            more = {"power_panel": to.of(panels, f"Panel {letter}"), "rack": to.of("dcim/racks", rack), "type": kind}
            to.make("dcim/power-feeds", name=f"{rack}-{letter}", phase="single-phase", **more, **plain)
    more = {"power_panel": to.of(panels, "Panel S"), "rack": to.of("dcim/racks", "S1"), "type": "primary"}
    to.make("dcim/power-feeds", name="S1-A", phase="three-phase", **more, **{**plain, "voltage": 400, "amperage": 16})


def _device(to: Writer, name: str, model: str, role: str, where: tuple[str | None, int | None], **more: Any) -> None:
    rack, unit = where
    place = "South" if rack in {"S1", None} else "Hall 1"
    in_rack = {"rack": to.of("dcim/racks", rack)} if rack else {}
    stands = {"position": unit, "face": "front"} if unit else {}
    base = {"device_type": to.of("dcim/device-types", model), "role": {"name": role}, "status": ACTIVE}
    to.make("dcim/devices", name=name, location=to.of("dcim/locations", place), **{**base, **in_rack, **stands, **more})


def _devices(to: Writer) -> None:
    bank = {"tenant": to.of("tenancy/tenants", "Lagoon Bank")}
    for index in range(4):
        _device(to, f"db-{index + 1:03}", "Oak 2U", "Server", ("N101", 1 + 2 * index), **bank)
        _device(to, f"web{index + 1}", "Elm 1U", "Server", ("N102", 1 + index), **bank)
    _device(to, "old-1", "Elm 1U", "Server", ("S1", 3), **bank)
    _device(to, "N101-sw1", "Reed 48", "Switch", ("N101", 42), face="rear")
    _device(to, "N101-pdu-a", "Strip 24", "Power strip", ("N101", None))
    _device(to, "blades-1", "Grove 6U", "Server", ("N102", 20))
    _device(to, "blade-1", "Leaf", "Server", ("N102", None))
    _device(to, "spare-1", "Elm 1U", "Server", (None, None), status={"name": "Inventory"})
    bay = to.found("dcim/device-bays")[0]["id"]
    to.send("PATCH", f"dcim/device-bays/{bay}/", {"installed_device": to.of("dcim/devices", "blade-1")})
    inlet = to.found("dcim/power-ports", name="inlet")[0]["id"]
    for outlet in to.found("dcim/power-outlets"):
        to.send("PATCH", f"dcim/power-outlets/{outlet['id']}/", {"power_port": {"id": inlet}})
    _cable(to, "dcim.powerport", inlet, "dcim.powerfeed", to.ids["dcim/power-feeds", "N101-A"])
    outlets = sorted(to.found("dcim/power-outlets"), key=lambda one: str(one["name"]))
    ports = to.found("dcim/power-ports", device=to.ids["dcim/devices", "db-001"])  # both cords in the strip on A
    for port, outlet in zip(ports, outlets, strict=False):
        _cable(to, "dcim.powerport", port["id"], "dcim.poweroutlet", outlet["id"])


def _cable(to: Writer, kind: str, one: str, other_kind: str, other: str) -> None:
    ends = {"termination_a_type": kind, "termination_a_id": one, "termination_b_type": other_kind}
    to.make("dcim/cables", type="power", status={"name": "Connected"}, termination_b_id=other, **ends)


def _networks(to: Writer) -> None:
    north = to.of("dcim/locations", "North")
    vlan = {"id": to.make("ipam/vlans", vid=120, name="Servers", status=ACTIVE, locations=[north])}
    to.make("extras/roles", name="Management", content_types=["ipam.prefix"])
    other = {"id": to.make("ipam/namespaces", name="Lab")}
    prefixes = "ipam/prefixes"
    to.make(prefixes, prefix="10.20.0.0/16", type="container", status=ACTIVE, location=north)
    to.make(prefixes, prefix="10.20.1.0/24", type="network", status=ACTIVE, location=north, vlan=vlan)
    to.make(prefixes, prefix="10.20.9.0/26", status=ACTIVE, location=north, role={"name": "Management"})
    to.make(prefixes, prefix="192.0.2.0/24", status=ACTIVE)
    lab = {"id": to.make(prefixes, prefix="10.20.1.0/25", status=ACTIVE, location=north, namespace=other)}
    world = {"namespace": {"name": "Global"}, "status": ACTIVE}
    to.make("ipam/ip-addresses", address="10.20.1.1/24", description="gateway", **world)
    to.make("ipam/ip-addresses", address="10.20.1.200/24", **world)
    for number, name in enumerate(("db-001", "db-002", "web1", "web2"), start=11):
        port = to.found("dcim/interfaces", device=to.ids["dcim/devices", name])[0]["id"]
        address = to.make("ipam/ip-addresses", address=f"10.20.1.{number}/24", **world)
        to.make("ipam/ip-address-to-interface", ip_address={"id": address}, interface={"id": port})
        if name == "web2":  # the same host has that address of another space too, which is no second one of this pool
            again = to.make("ipam/ip-addresses", address="10.20.1.12/25", parent=lab, status=ACTIVE)
            to.make("ipam/ip-address-to-interface", ip_address={"id": again}, interface={"id": port})

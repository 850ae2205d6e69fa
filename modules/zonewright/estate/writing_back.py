"""Differences written into a NetBox: devices with their ports and cables, places, tenants and addresses.

Each step can be done again. What was left half done by a run that was cut short is a difference of the next one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_interface
from typing import Any, Protocol

from zonewright.estate.drift import Drift
from zonewright.estate.feeds import paths_of, rack_feeds
from zonewright.estate.naming import id_of
from zonewright.estate.places import Places
from zonewright.estate.work import AdoptionWork
from zonewright.model import NodeType
from zonewright.model.node_ports import UPLINK
from zonewright.model.power import FEEDS

ROLE = {"name": "Server", "slug": "server", "color": "9e9e9e"}
_PORT_TYPE = "iec-60320-c14"


class Writable(Protocol):
    """An inventory that takes objects in bulk."""

    def objects(self, endpoint: str, **filters: Any) -> list[Mapping[str, Any]]:
        """All objects of an endpoint that filters let through."""

    def create(self, endpoint: str, objects: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Make objects."""

    def change(self, endpoint: str, objects: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Change objects by their ids."""


@dataclass(kw_only=True)
class WritingBack:
    """One export, while it is under way.

    Attributes:
        inventory: where to.
        work: what was read of it, with the ids of the last adoption.
        places: where its sites and racks are.
        node_types: types by id.
        left: what could not be written, as sentences.
    """

    inventory: Writable
    work: AdoptionWork
    places: Places
    node_types: Mapping[str, NodeType]
    left: list[str] = field(default_factory=list)

    def write(self, found: Sequence[Drift]) -> dict[int, Drift]:
        """Write all differences that can be; gives the devices that were made by their numbers."""
        by_what: dict[str, list[Drift]] = {}
        for one in found:
            by_what.setdefault(one.what, []).append(one)
        gone = [one for what in ("leaves", "move") for one in by_what.get(what, ())]
        if gone:  # first out of all places, so that two can change theirs
            self.inventory.change("dcim/devices", [{"id": one.device, "position": None, "face": ""} for one in gone])
        leaving = [
            {"id": one.device, "rack": None, "location": None, "status": "inventory"}
            for one in by_what.get("leaves", ())
        ]
        if leaving:
            self.inventory.change("dcim/devices", leaving)
        moved = [{"id": one.device, **self._place(one)} for one in by_what.get("move", ())]
        if moved:
            self.inventory.change("dcim/devices", moved)
        made = self._create(by_what.get("create", ()))
        tenants = [{"id": one.device, "tenant": self._tenant(one)} for one in by_what.get("tenant", ())]
        if tenants:
            self.inventory.change("dcim/devices", tenants)
        wanted = [(one.device, one.address) for one in by_what.get("address", ()) if one.device is not None]
        wanted += [(number, text) for number, one in made.items() if one.node for text in one.node.addresses.values()]
        self._address(wanted)
        self._cable(made)
        self.left += [f"{one.subject}: {one.text}" for one in by_what.get("told", ())]
        return made

    def _place(self, one: Drift) -> dict[str, Any]:
        assert one.rack is not None  # noqa: S101 - of what has a place
        assert one.node is not None  # noqa: S101 - as above
        rack = self.work.estate.racks[one.rack]
        return {
            "site": rack.site.id,
            "location": rack.location.id if rack.location else None,
            "rack": one.rack,
            "position": one.position,
            "face": one.node.face,
        }

    def _tenant(self, one: Drift) -> int | None:
        party = one.node.party if one.node else ""
        return next((key for key, of in self.work.known.objects.get("parties", {}).items() if of.id == party), None)

    def _create(self, wanted: Iterable[Drift]) -> dict[int, Drift]:
        """Devices that are new, each with the power ports that its type gives it."""
        new = [one for one in wanted if one.node is not None]
        if not new:
            return {}
        types = {one.node.node_type: self._type(one.node.node_type) for one in new if one.node}
        role = self._one("dcim/device-roles", ROLE)
        objects = [
            {
                "name": one.node.host,
                "device_type": types[one.node.node_type],
                "role": role,
                "tenant": self._tenant(one),
                "status": "active",
                **self._place(one),
            }
            for one in new
            if one.node is not None
        ]
        made = self.inventory.create("dcim/devices", objects)
        return {int(device["id"]): one for device, one in zip(made, new, strict=True)}

    def _type(self, name: str) -> int:
        """The device type of a node type: the one that it was made of, else one that is made of it."""
        known = self.work.known.objects.get("types", {})
        base = name.rpartition("-v")[0] if name.rpartition("-v")[2].isdecimal() else name
        for wish in (name, base):
            number = next((key for key, of in known.items() if of.id == wish), None)
            if number in self.work.estate.device_types:
                return int(number or 0)
        node_type = self.node_types[name]
        maker = {"name": node_type.manufacturer, "slug": id_of(node_type.manufacturer, "maker")}
        number = self._one(
            "dcim/device-types",
            {
                "manufacturer": self._one("dcim/manufacturers", maker),
                "model": node_type.model,
                "slug": name,
                "u_height": node_type.u_height,
                "is_full_depth": node_type.is_full_depth,
                "weight": node_type.weight_kg,
                "weight_unit": "kg",
            },
        )
        count = node_type.power_supplies
        each = -(-node_type.maximum_draw // max(1, -(-count // 2)))
        budget = -(-node_type.allocated_draw // max(1, count))
        ports = [
            {
                "device_type": number,
                "name": f"PSU{index}",
                "type": _PORT_TYPE,
                "maximum_draw": each or None,
                "allocated_draw": budget or None,
            }
            for index in range(1, count + 1)
        ]
        if ports and not self.inventory.objects("dcim/power-port-templates", device_type_id=number):
            self.inventory.create("dcim/power-port-templates", ports)
        return number

    def _one(self, endpoint: str, wanted: Mapping[str, Any]) -> int:
        """The number of an object by its slug; it is made where there is none."""
        there = self.inventory.objects(endpoint, slug=wanted["slug"])
        return int((there or self.inventory.create(endpoint, [wanted]))[0]["id"])

    def _address(self, wanted: Sequence[tuple[int, str]]) -> None:
        """Addresses of devices, on their first port that is not for management; a bond is made where none is."""
        if not wanted:
            return
        ports: dict[int, int] = {}
        for one in self.inventory.objects("dcim/interfaces", device_id=sorted({device for device, _ in wanted})):
            if not one.get("mgmt_only"):
                ports.setdefault(int(one["device"]["id"]), int(one["id"]))
        without = sorted({device for device, _ in wanted} - ports.keys())
        made = self.inventory.create(
            "dcim/interfaces", [{"device": device, "name": UPLINK, "type": "lag"} for device in without]
        )
        ports |= {int(one["device"]["id"]): int(one["id"]) for one in made}
        there = {one.address: number for number, one in self.work.estate.addresses.items()}
        ends = {"assigned_object_type": "dcim.interface"}
        new = [(device, text) for device, text in wanted if text not in there]
        objects = [
            {"address": text, "status": "active", **ends, "assigned_object_id": ports[device]} for device, text in new
        ]
        numbers = {str(one["address"]): int(one["id"]) for one in self.inventory.create("ipam/ip-addresses", objects)}
        taken = [(device, text) for device, text in wanted if text in there]
        changes = [{"id": there[text], **ends, "assigned_object_id": ports[device]} for device, text in taken]
        self.inventory.change("ipam/ip-addresses", changes)
        numbers |= {text: there[text] for _, text in taken}
        primary: dict[int, dict[str, int]] = {}
        for device, text in wanted:
            primary.setdefault(device, {}).setdefault(f"primary_ip{ip_interface(text).version}", numbers[text])
        self.inventory.change("dcim/devices", [{"id": device, **of} for device, of in primary.items()])

    def _cable(self, made: Mapping[int, Drift]) -> None:
        """Cables from the power ports of new devices to free outlets of their rack, in turn on feed A and B."""
        if not made:
            return
        paths = paths_of(self.work, rack_feeds(self.work))
        outlets: dict[tuple[int, str], list[int]] = {}
        strips = {
            one.id: one.rack.id for one in self.work.estate.devices.values() if one.rack and one.id in paths.ports
        }
        for one in self.inventory.objects("dcim/power-outlets"):
            rack, port = strips.get(int(one["device"]["id"])), one.get("power_port")
            feed = paths.feed_of_port(int(port["id"])) if port else None
            if rack is not None and feed is not None and feed[0] == rack and not one.get("cable"):
                outlets.setdefault((rack, feed[1]), []).append(int(one["id"]))
        cables: list[dict[str, Any]] = []
        ports: dict[int, list[Mapping[str, Any]]] = {}
        for one in self.inventory.objects("dcim/power-ports", device_id=sorted(made)):
            ports.setdefault(int(one["device"]["id"]), []).append(one)
        for device, difference in made.items():
            for index, port in enumerate(sorted(ports.get(device, ()), key=lambda one: str(one["name"]))):
                feed_name = FEEDS[index % 2]
                free = outlets.get((difference.rack or 0, feed_name))
                if not free:
                    text = f"its rack has no free outlet on feed {feed_name}, so port {port['name']} has no cable"
                    self.left.append(f"{difference.subject}: {text}")
                    continue
                ends = (("a", "dcim.powerport", int(port["id"])), ("b", "dcim.poweroutlet", free.pop(0)))
                terms = {f"{side}_terminations": [{"object_type": kind, "object_id": end}] for side, kind, end in ends}
                cables.append({"type": "power", "status": "connected", **terms})
        self.inventory.create("dcim/cables", cables)

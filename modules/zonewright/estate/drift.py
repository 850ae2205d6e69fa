"""What a ledger holds against what an inventory says: the nodes that differ, and what is done about each. No I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_interface
from typing import Literal

from zonewright.estate.naming import id_of, line_of_text
from zonewright.estate.places import PlacedRack
from zonewright.estate.positions import lowest_unit, posts_number, whole_units
from zonewright.estate.reading import Estate
from zonewright.estate.records import DeviceRecord
from zonewright.estate.work import KnownIds
from zonewright.model import NodeType

What = Literal["create", "move", "tenant", "address", "leaves", "told"]
"""What is done about a difference; ``told`` cannot be written, or is not ours to write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldNode:
    """A node that the ledger holds and that has a resource.

    Attributes:
        party: whose it is.
        cluster: its cluster.
        number: its number in it.
        host: its host name.
        node_type: id of its type.
        rack: as ``site/room/row/rack``.
        position: its lowest rack unit.
        face: its side.
        addresses: with prefix length, by pool.
    """

    party: str
    cluster: str
    number: int
    host: str
    node_type: str
    rack: str
    position: int
    face: str
    addresses: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One difference.

    Attributes:
        what: what is done about it.
        subject: the node, or the device.
        text: what differs, as a sentence.
        node: what the ledger holds; None where it holds nothing.
        device: number of the device; None where there is none yet.
        position: its number on the rack's posts, for a place that is written.
        rack: number of the rack, as above.
        address: the address that is written.
    """

    what: What
    subject: str
    text: str
    node: HeldNode | None = None
    device: int | None = None
    rack: int | None = None
    position: float | None = None
    address: str = ""


def differences(
    estate: Estate,
    known: KnownIds,
    racks: Mapping[int, PlacedRack],
    held: Iterable[HeldNode],
    node_types: Mapping[str, NodeType],
) -> list[Drift]:
    """All differences, in the order in which they can be written.

    Args:
        estate: what the inventory says now.
        known: ids as the last adoption left them.
        racks: where its racks are in the declarations.
        held: what the ledger holds.
        node_types: types by id.
    """
    seen = _Seen(estate, known, racks)
    found: list[Drift] = []
    mine: set[int] = set()
    for node in sorted(held, key=lambda one: (one.party, one.host)):
        device = seen.device_of(node)
        if device is not None:
            mine.add(device.id)
        found += seen.of_node(node, device, node_types.get(node.node_type))
    for number, one in sorted(known.objects.get("nodes", {}).items()):
        device = estate.devices.get(number)
        if device is not None and number not in mine and device.rack is not None:
            text = "the ledger holds no such node any more; it leaves its rack and goes into store"
            found.append(Drift(what="leaves", subject=line_of_text(one.name), text=text, device=number))
    order: Sequence[What] = ("leaves", "move", "create", "tenant", "address", "told")
    return sorted(found, key=lambda one: order.index(one.what))


class _Seen:
    """What the inventory says, by what the ledger calls it."""

    def __init__(self, estate: Estate, known: KnownIds, racks: Mapping[int, PlacedRack]) -> None:
        self._estate = estate
        self._racks = racks
        self._by_id = {one.id: number for number, one in racks.items()}
        self._known = {
            (one.scope, int(one.id)): number
            for number, one in known.objects.get("nodes", {}).items()
            if number in estate.devices
        }
        self._by_name = {id_of(one.name, ""): one for one in estate.devices.values()}
        self._parties = {one.id: number for number, one in known.objects.get("parties", {}).items()}
        self._addresses: dict[int, set[str]] = {}
        for one in estate.addresses.values():
            holder = one.assigned_object.device if one.assigned_object else None
            if holder is not None:
                self._addresses.setdefault(holder.id, set()).add(one.address)

    def device_of(self, node: HeldNode) -> DeviceRecord | None:
        """The device that a node is: the one that was taken over as it, else the one with its name."""
        number = self._known.get((f"{node.party}/{node.cluster}", node.number))
        return self._estate.devices[number] if number is not None else self._by_name.get(node.host)

    def of_node(self, node: HeldNode, device: DeviceRecord | None, node_type: NodeType | None) -> Iterable[Drift]:
        """What differs of one node."""
        rack = self._by_id.get(node.rack)
        if rack is None:
            text = f"rack {node.rack} is none of the inventory's; adopt again, or record it there"
            yield Drift(what="told", subject=node.host, text=text, node=node)
            return
        if device is None:
            at = self._post(rack, node, float(node_type.u_height if node_type else 1))
            text = f"is in no rack of the inventory; it stands at {at:g} of rack {line_of_text(self._racks[rack].name)}"
            yield Drift(what="create", subject=node.host, text=text, node=node, rack=rack, position=at)
            return
        yield from self._place(node, device, rack)
        tenant = self._parties.get(node.party)
        if (device.tenant.id if device.tenant else None) != tenant and tenant is not None:
            text = (
                f"is {line_of_text(self._estate.tenants[tenant].name)}'s"
                if tenant in self._estate.tenants
                else "has no tenant"
            )
            yield Drift(what="tenant", subject=node.host, text=text, node=node, device=device.id)
        yield from self._lacking(node, device)

    def _post(self, rack: int, node: HeldNode, u_height: float) -> float:
        return posts_number(self._estate.racks[rack], node.position, u_height)

    def _place(self, node: HeldNode, device: DeviceRecord, rack: int) -> Iterable[Drift]:
        height = self._estate.device_types[device.device_type.id].u_height
        there: tuple[str, int, str] | None = None
        if device.rack is not None and device.position is not None and device.rack.id in self._racks:
            unit = lowest_unit(self._estate.racks[device.rack.id], device.position, height)
            there = (self._racks[device.rack.id].id, whole_units(unit, height)[0], device.face or "front")
        if there != (node.rack, node.position, node.face):
            at = self._post(rack, node, height)
            was = f"U{there[1]} {there[2]} of {there[0]}" if there else "no rack unit"
            text = f"stands at U{node.position} {node.face} of {node.rack}, and in the inventory at {was}"
            yield Drift(what="move", subject=node.host, text=text, node=node, device=device.id, rack=rack, position=at)

    def _lacking(self, node: HeldNode, device: DeviceRecord) -> Iterable[Drift]:
        has = {str(ip_interface(text).ip) for text in self._addresses.get(device.id, ())}
        for pool, address in sorted(node.addresses.items()):
            if str(ip_interface(address).ip) not in has:
                yield Drift(
                    what="address",
                    subject=node.host,
                    text=f"has address {address} of pool {pool}, which the inventory does not say",
                    node=node,
                    device=device.id,
                    address=address,
                )

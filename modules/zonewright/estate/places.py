"""Sites, rooms and racks of an inventory with their ids, and whose they are."""

from collections.abc import Mapping
from dataclasses import dataclass

from zonewright.estate.naming import id_of, line_of_text
from zonewright.estate.records import RackRecord
from zonewright.estate.work import AdoptionWork
from zonewright.model.derived_type import KILOGRAMS

_TALLEST = 60
_LEAST_KG, _MOST_KG = 100, 3000
_STATUS = {"planned": "planned", "deprecated": "decommissioning", "reserved": "planned"}
"""Of a rack, by its status in the inventory; others are active."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatedSite:
    """A site: its id, and the party that operates it."""

    id: str
    operator: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedRack:
    """A rack: each is a row of its own, so that feeds, height and weight are its own.

    Attributes:
        number: its number in the inventory.
        name: its name there.
        site: its site.
        room: id of its room.
        row: id of its row.
        status: of the row.
        max_weight_kg: what it may carry.
    """

    number: int
    name: str
    site: OperatedSite
    room: str
    row: str
    status: str
    max_weight_kg: int

    @property
    def id(self) -> str:
        """``site/room/row/rack``."""
        return f"{self.site.id}/{self.room}/{self.row}/01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where everything is.

    Attributes:
        sites: by number in the inventory.
        racks: by number in the inventory.
        rooms: titles of rooms by (site id, room id).
        parties: titles by id.
        tenants: ids of parties by number of the tenant.
    """

    sites: Mapping[int, OperatedSite]
    racks: Mapping[int, PlacedRack]
    rooms: Mapping[tuple[str, str], str]
    parties: Mapping[str, str]
    tenants: Mapping[int, str]

    def party_of_tenant(self, tenant: int, rack: PlacedRack) -> str | None:
        """The party of a tenant; None where it is the operator of the rack itself."""
        party = self.tenants.get(tenant)
        return None if party == rack.site.operator else party


def places_of(work: AdoptionWork) -> Places:
    """Ids and owners of all that has a place."""
    tenants = {
        number: work.id_of("parties", number, one.slug or one.name, word="tenant")
        for number, one in sorted(work.estate.tenants.items())
    }
    titles = {tenants[number]: line_of_text(one.name) for number, one in work.estate.tenants.items()}
    sites: dict[int, OperatedSite] = {}
    for number, site in sorted(work.estate.sites.items()):
        operator = _operator(work, site.slug, tenants.get(site.tenant.id) if site.tenant else None)
        titles.setdefault(operator, operator)
        sites[number] = OperatedSite(id=work.id_of("sites", number, site.slug or site.name), operator=operator)
    rooms: dict[tuple[str, str], str] = {}
    racks = {
        number: placed
        for number, rack in sorted(work.estate.racks.items())
        if (placed := _rack(work, rack, sites[rack.site.id], rooms)) is not None
    }
    return Places(sites=sites, racks=racks, rooms=rooms, parties=titles, tenants=tenants)


def _operator(work: AdoptionWork, site: str, tenant: str | None) -> str:
    mapped = work.operators.get(site) or work.operators.get("")
    return mapped or tenant or id_of(work.text("site_operator", site), "operator")


def _rack(
    work: AdoptionWork, rack: RackRecord, site: OperatedSite, rooms: dict[tuple[str, str], str]
) -> PlacedRack | None:
    if rack.u_height > _TALLEST:
        text = f"has {rack.u_height} U, expected at most {_TALLEST}; it and what stands in it are left out"
        work.note("racks", f"rack {rack.name}", text, is_fault=True)
        return None
    location = work.estate.locations.get(rack.location.id) if rack.location else None
    if location is not None and location.site.id != rack.site.id:
        work.note("racks", f"rack {rack.name}", "is in a location of another site; it is left out", is_fault=True)
        return None
    if location is None:
        room, title = id_of(work.text("rack_room", f"{site.id}: {rack.name}"), "main"), ""
    else:
        room, title = work.id_of("rooms", location.id, location.slug or location.name, scope=site.id), location.name
    rooms[site.id, room] = line_of_text(title)
    if rack.status in {"reserved", "available"}:
        work.note("racks", f"rack {rack.name}", f"is {rack.status}: its row is {_STATUS.get(rack.status, 'active')}")
    if rack.tenant is not None and work.now.objects["parties"][rack.tenant.id].id != site.operator:
        tenant = work.estate.tenants[rack.tenant.id].name
        text = f"is {tenant}'s in the inventory; any party may place in it, unless you write an offer"
        work.note("racks", f"rack {rack.name}", text)
    row = work.id_of("rows", rack.id, rack.name, scope=f"{site.id}/{room}", word="rack")
    return PlacedRack(
        number=rack.id,
        name=rack.name or f"rack {rack.id}",
        site=site,
        room=room,
        row=row,
        status=_STATUS.get(rack.status or "", "active"),
        max_weight_kg=_weight(work, rack, f"{site.id}/{room}/{row}"),
    )


def _weight(work: AdoptionWork, rack: RackRecord, row: str) -> int:
    scale = KILOGRAMS.get(rack.weight_unit or "kg")
    if rack.max_weight and scale is None:
        text = (
            f"may carry {rack.max_weight:g} '{rack.weight_unit}', expected {', '.join(KILOGRAMS)}; the default counts"
        )
        work.note("racks", f"rack {rack.name}", text, is_fault=True)
    elif rack.max_weight and scale is not None:
        stated = int(rack.max_weight * scale)
        if _LEAST_KG <= stated <= _MOST_KG:
            return stated
        text = f"may carry {stated:,} kg, expected {_LEAST_KG} to {_MOST_KG:,}; the nearest of them counts"
        work.note("racks", f"rack {rack.name}", text)
        return min(_MOST_KG, max(_LEAST_KG, stated))
    return min(_MOST_KG, max(_LEAST_KG, round(work.amount("rack_max_weight_kg", row))))

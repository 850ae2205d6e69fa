"""What stands in the racks: each device is placed, put with others, or named with the reason why it is not."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from zonewright.estate.feeds import PowerPaths
from zonewright.estate.places import PlacedRack, Places
from zonewright.estate.positions import lowest_unit, whole_units
from zonewright.estate.records import DeviceRecord
from zonewright.estate.types import DeviceKind, Types
from zonewright.estate.work import AdoptionWork
from zonewright.model.derived_type import KILOGRAMS
from zonewright.model.site import Face
from zonewright.model.supply import FeedName

_ABSENT = {"inventory": "lies in store", "planned": "is planned"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingDevice:
    """A device in its place.

    Attributes:
        device: the device.
        name: what people call it.
        kind: what it is.
        rack: its rack.
        unit: its lowest unit from the bottom, a half where it stands on one.
        face: its side.
        feed: the feed of a single supply.
        party: its tenant's party; None where it is the operator's or nobody's.
    """

    device: DeviceRecord
    name: str
    kind: DeviceKind
    rack: PlacedRack
    unit: float
    face: Face
    feed: FeedName
    party: str | None

    @property
    def whole(self) -> tuple[int, int]:
        """Its lowest whole unit, and the number of units that it takes some of."""
        return whole_units(self.unit, self.kind.exact_u)

    @property
    def faces(self) -> tuple[Face, ...]:
        """The sides that it takes."""
        return ("front", "rear") if self.kind.node_type.is_full_depth else (self.face,)


@dataclass(frozen=True, kw_only=True)
class PlacingContext:
    """What a device is looked at with.

    Attributes:
        work: the adoption.
        places: where sites and racks are.
        types: node types, made as they are needed.
        paths: where power ports lead to.
    """

    work: AdoptionWork
    places: Places
    types: Types
    paths: PowerPaths


def standing_devices(around: PlacingContext) -> list[StandingDevice]:
    """The devices that stand in racks; what becomes of every other one is noted."""
    work = around.work
    installed = {
        bay.installed_device.id: (bay.device.id, bay.name)
        for bay in work.estate.device_bays.values()
        if bay.installed_device is not None
    }
    extra = _weight_in_bays(work, installed)
    taken: dict[tuple[int, Face], list[StandingDevice]] = defaultdict(list)
    found: list[StandingDevice] = []
    earlier = {number for kind in ("nodes", "baseline") for number in work.known.objects.get(kind, {})}
    order = sorted(work.estate.devices.items(), key=lambda one: (one[0] not in earlier, one[0]))
    for number, device in order:  # who stood there at the last run stays, whatever is put in its place since
        name = device.name or f"device {number}"
        if number in installed:
            parent, bay = installed[number]
            above = work.estate.devices.get(parent)
            work.fates[number] = "in a device bay"
            work.note("device bays", name, f"is in bay {bay} of {above.name if above else parent}, and counts with it")
            continue
        one = _placed(around, device, name, extra.get(number, 0.0))
        if one is None:
            continue
        other = next((o for face in one.faces for o in taken[one.rack.number, face] if _overlap(one, o)), None)
        if other is not None:
            text = f"takes units of rack {one.rack.name} that {other.name} has; correct the position of one of them"
            _leave_out(work, number, name, text)
            continue
        for face in one.faces:
            taken[one.rack.number, face].append(one)
        found.append(one)
    return found


def _leave_out(work: AdoptionWork, number: int, name: str, text: str) -> None:
    work.fates[number] = "left out"
    work.note("positions", name, text, is_fault=True)


def _weight_in_bays(work: AdoptionWork, installed: Mapping[int, tuple[int, str]]) -> dict[int, float]:
    """Kilograms in the bays of each chassis, as far as types state them."""
    found: dict[int, float] = defaultdict(float)
    for child, (parent, _) in installed.items():
        device = work.estate.devices.get(child)
        record = work.estate.device_types[device.device_type.id] if device else None
        if record is not None and record.weight:
            found[parent] += record.weight * KILOGRAMS.get(record.weight_unit or "kg", 1.0)
    return found


def _placed(around: PlacingContext, device: DeviceRecord, name: str, extra_kg: float) -> StandingDevice | None:
    """A device in its place, or None after it was noted why it has none."""
    work, ports = around.work, around.paths.ports.get(device.id, ())
    record = work.estate.device_types[device.device_type.id]
    why = _not_standing(work, device, record.u_height)
    if why:
        work.fates[device.id] = "of no rack unit" if not record.u_height and device.rack else "not standing"
        work.note("not in a rack unit", name, why)
        return None
    assert device.rack is not None  # noqa: S101 - it stands nowhere otherwise
    assert device.position is not None  # noqa: S101 - as above
    rack = around.places.racks.get(device.rack.id)
    in_inventory = work.estate.racks[device.rack.id]
    if rack is None:
        _leave_out(work, device.id, name, f"stands in rack {in_inventory.name}, which was left out")
        return None
    if device.site.id != in_inventory.site.id:
        ours, theirs = work.estate.sites[device.site.id].name, work.estate.sites[in_inventory.site.id].name
        _leave_out(work, device.id, name, f"is of site {ours} and stands in rack {rack.name} of site {theirs}")
        return None
    unit = lowest_unit(in_inventory, device.position, record.u_height)
    if unit < 1 or unit + record.u_height - 1 > in_inventory.u_height:
        text = f"stands at {device.position:g} of rack {rack.name}, which has no such units for {record.u_height:g} U"
        _leave_out(work, device.id, name, text)
        return None
    if device.face not in {"front", "rear"}:
        work.note("positions", name, "has no face; it is taken as mounted at the front")
    hanging = around.paths.hanging(device.id, device.rack.id)
    single = _single(work, name, hanging, len(ports))
    kind = around.types.of(device, ports, single=single, extra_kg=extra_kg)
    if kind is None:
        _leave_out(work, device.id, name, f"is of type {record.model}, which can be no node type")
        return None
    if kind.node_type.power_supplies == 1 and single is None:
        single = "B" if work.text("single_supply_feed", name).upper() == "B" else "A"
    return StandingDevice(
        device=device,
        name=name,
        kind=kind,
        rack=rack,
        unit=unit,
        face="rear" if device.face == "rear" else "front",
        feed=single or "A",
        party=around.places.party_of_tenant(device.tenant.id, rack) if device.tenant else None,
    )


def _not_standing(work: AdoptionWork, device: DeviceRecord, u_height: float) -> str:
    """Why a device stands in no rack unit; empty where it does."""
    if device.status in _ABSENT:
        return f"{_ABSENT[device.status]}, and is in no declaration"
    if device.rack is None:
        return "stands in no rack, and is in no declaration"
    rack = work.estate.racks[device.rack.id].name
    if not u_height:
        return f"takes no rack unit of rack {rack}, such as a power strip; its cables count, its weight does not"
    if device.position is None:
        return f"has no position in rack {rack}, and is in no declaration; give it one"
    return ""


def _single(work: AdoptionWork, name: str, hanging: Mapping[str, int], ports: int) -> FeedName | None:
    """The one feed that all supplies of a device hang on; None where they hang on both, or it is not recorded."""
    if hanging.get("other"):
        work.note("cables", name, f"{hanging['other']} of its power ports lead to a feed of another rack")
    for feed in ("A", "B"):
        if ports and hanging.get(feed) == ports:
            if ports > 1:
                work.note("cables", name, f"all {ports} power ports lead to feed {feed}; it counts as one supply on it")
            return "A" if feed == "A" else "B"
    return None


def _overlap(one: StandingDevice, other: StandingDevice) -> bool:
    return one.unit < other.unit + other.kind.exact_u and other.unit < one.unit + one.kind.exact_u


def shared_units(found: Iterable[StandingDevice]) -> Iterator[Sequence[StandingDevice]]:
    """Groups of devices that share a whole rack unit because of half ones; most are groups of one.

    Args:
        found: what stands in racks.
    """
    by_rack: dict[int, list[StandingDevice]] = defaultdict(list)
    for one in found:
        by_rack[one.rack.number].append(one)
    for items in by_rack.values():
        groups: list[list[StandingDevice]] = []
        for one in sorted(items, key=lambda item: (item.unit, item.device.id)):
            meeting = [group for group in groups if any(_share(one, other) for other in group)]
            groups = [group for group in groups if group not in meeting]
            groups.append([*(other for group in meeting for other in group), one])
        yield from groups


def _share(one: StandingDevice, other: StandingDevice) -> bool:
    (low, count), (below, height) = one.whole, other.whole
    return low < below + height and below < low + count and bool(set(one.faces) & set(other.faces))


def as_operators(one: StandingDevice) -> StandingDevice:
    """The same as equipment that is in no stack."""
    return replace(one, party=None)

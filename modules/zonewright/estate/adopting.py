"""An estate as declarations: the zone's file, one file an owner, what is assumed, and what there is to say. No I/O."""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import available_timezones

from zonewright.estate.clusters import Group, grouped
from zonewright.estate.feeds import Feeds, paths_of, rack_feeds
from zonewright.estate.naming import id_of, line_of_text
from zonewright.estate.places import PlacedRack, Places, places_of
from zonewright.estate.pools import Networks, addressing
from zonewright.estate.positions import lowest_unit
from zonewright.estate.standing import PlacingContext, StandingDevice, as_operators, shared_units, standing_devices
from zonewright.estate.types import Types
from zonewright.estate.vlans import declare_vlans
from zonewright.estate.work import AdoptionWork, KnownIds, Note
from zonewright.model.assumption import Assumptions

ADMINISTRATION = "zone-administration"
Tree = dict[str, Any]
"""A declaration as it is written: plain values by key."""


@dataclass(frozen=True, kw_only=True)
class Adopted:
    """What an adoption gives.

    Attributes:
        zone: the administrator's file.
        owners: files of the owners by party id.
        assumptions: with the lists to work off.
        known: ids for the next run.
        notes: all that there is to say, in order.
        fates: how many devices became what.
    """

    zone: Tree
    owners: Mapping[str, Tree]
    assumptions: Assumptions
    known: KnownIds
    notes: Sequence[Note]
    fates: Mapping[str, int]


@dataclass(kw_only=True)
class _Made:
    """Declarations that grow."""

    work: AdoptionWork
    places: Places
    sites: dict[str, Tree] = field(default_factory=dict)
    owners: dict[str, Tree] = field(default_factory=lambda: defaultdict(dict))


def adopt(work: AdoptionWork, zone_id: str) -> Adopted:
    """Make the declarations of an estate.

    Args:
        work: what was read and what is assumed; it keeps the notes.
        zone_id: id of the zone.
    """
    places = places_of(work)
    feeds = rack_feeds(work)
    types = Types(work)
    standing = standing_devices(PlacingContext(work=work, places=places, types=types, paths=paths_of(work, feeds)))
    baseline, nodes = _parted(work, standing)
    groups = grouped(work, nodes)
    addresses = addressing(work, places, nodes)
    declare_vlans(work, places, nodes, addresses.networks, addresses.given)
    made = _Made(work=work, places=places)
    for number, site in sorted(work.estate.sites.items()):
        _site(made, number, addresses.networks.get(places.sites[number].id, Networks()))
        if site.status not in {"active", None}:
            work.note("sites", site.name, f"is {site.status}; its rooms are declared as they are")
    lived = {one.rack.number for one in nodes}
    for number in sorted(lived):
        if places.racks[number].status != "active":
            status = work.estate.racks[number].status
            text = f"is {status} and holds nodes: its row is active, so that they can be brought in"
            work.note("racks", f"rack {places.racks[number].name}", f"{text}; set its status after the load")
    _rows(made, feeds, baseline, _reserved(work, places, standing), lived)
    for party, of_party in groups.items():
        made.owners[party]["clusters"] = {one.id: _cluster(one, addresses.given) for one in of_party}
    used = {one.first.kind.id for of_party in groups.values() for one in of_party}
    _about_cables(work)
    _about_locations(work)
    work.now.source, work.now.first = work.known.source, work.known.first or work.today
    return Adopted(
        zone=_zone(made, zone_id, {name: types.node_types[name] for name in sorted(used)}),
        owners={party: {"owner": party, **tree} for party, tree in sorted(made.owners.items())},
        assumptions=work.assumed(),
        known=work.now,
        notes=sorted(work.notes, key=lambda one: (not one.is_fault, one.kind, one.subject, one.text)),
        fates=Counter(work.fates.values()),
    )


def _parted(
    work: AdoptionWork, standing: Iterable[StandingDevice]
) -> tuple[list[list[StandingDevice]], list[StandingDevice]]:
    """Equipment that is in no stack, in groups that share whole units, and the nodes of tenants."""
    baseline: list[list[StandingDevice]] = []
    nodes: list[StandingDevice] = []
    for group in shared_units(standing):
        if len(group) > 1:
            names = ", ".join(one.name for one in group)
            kept = "; those of tenants are in no stack" if any(one.party for one in group) else ""
            work.note("half units", names, f"share a rack unit, and are declared as one piece of equipment{kept}")
        elif group[0].kind.exact_u != group[0].whole[1]:
            text = f"its {group[0].kind.exact_u:g} U at {group[0].unit:g} take {group[0].whole[1]} whole units"
            work.note("half units", group[0].name, text)
        if len(group) == 1 and group[0].party is not None:
            nodes.append(group[0])
        else:
            baseline.append([as_operators(one) for one in group])
            work.fates |= {one.device.id: "baseline" for one in group}
    return baseline, nodes


def _site(made: _Made, number: int, networks: Networks) -> None:
    """A site with its panels and pools, still without rows."""
    work, record, placed = made.work, made.work.estate.sites[number], made.places.sites[number]
    district = record.region.slug or record.region.name if record.region else ""
    tree: Tree = {
        "title": line_of_text(record.name) or placed.id,
        "district": id_of(district or work.text("site_district", placed.id), "unassigned"),
    }
    if record.latitude is not None and record.longitude is not None:
        tree["location"] = {"latitude": record.latitude, "longitude": record.longitude, "crs": "WGS84"}
    if record.time_zone in available_timezones():
        tree["time_zone"] = record.time_zone
    tree |= _networks(networks)
    panels = {
        work.id_of("panels", key, panel.name, scope=placed.id, word="panel"): panel
        for key, panel in sorted(work.estate.panels.items())
        if panel.site.id == number
    }
    if panels:
        tree["power_panels"] = {
            name: {
                "title": line_of_text(panel.name),
                "substation": _substation(work, f"{placed.id}/{name}", placed.id),
            }
            for name, panel in panels.items()
        }
    tree["rooms"] = {}
    made.sites[placed.id] = tree
    made.owners[placed.operator].setdefault("sites", {})[placed.id] = tree


def _networks(networks: Networks) -> Tree:
    """What a site declares of its networks."""
    said: Tree = {
        "as_number": networks.as_number,
        "management": networks.management,
        "vlans": {
            key: one.model_dump(mode="json", exclude_defaults=True) for key, one in sorted(networks.vlans.items())
        },
        "address_pools": {
            one.id: {
                "prefix": str(one.network),
                "gateway": str(one.gateway),
                **({"interface": one.interface} if one.interface else {}),
                **({"vlan": one.vlan} if one.vlan else {}),
                **({"role": one.role} if one.role != "data" else {}),
                **({"taken": [str(address) for address in one.taken]} if one.taken else {}),
            }
            for one in sorted(networks.pools.values(), key=lambda pool: pool.id)
        },
    }
    return {key: value for key, value in said.items() if value}


def _substation(work: AdoptionWork, panel: str, site: str) -> str:
    return id_of(work.text("panel_substation", panel, site), f"{site}-grid")


def _rows(
    made: _Made,
    feeds: Feeds,
    baseline: Iterable[Sequence[StandingDevice]],
    reserved: Mapping[int, Mapping[str, Tree]],
    lived: Container[int],
) -> None:
    """The rooms and rows of all sites, with what stands there; those in which nodes stand are active."""
    in_rack: dict[int, dict[str, Tree]] = defaultdict(dict)
    for group in baseline:
        rack = group[0].rack
        one = min(group, key=lambda item: item.device.id)
        name = "-".join(id_of(item.name, "x") for item in sorted(group, key=lambda item: item.device.id))[:60]
        key = made.work.id_of("baseline", one.device.id, name, scope=rack.id, word="device")
        in_rack[rack.number][key] = _baseline(group)
        for other in group:
            made.work.now.objects["baseline"].setdefault(
                other.device.id,
                made.work.now.objects["baseline"][one.device.id].model_copy(update={"name": other.name}),
            )
    for number, rack in made.places.racks.items():
        site = made.sites[rack.site.id]
        title = made.places.rooms.get((rack.site.id, rack.room), "")
        room = site["rooms"].setdefault(rack.room, {**({"title": title} if title else {}), "rows": {}})
        room["rows"][rack.row] = {
            "racks": 1,
            "u_height": made.work.estate.racks[number].u_height,
            "max_weight_kg": rack.max_weight_kg,
            "status": "active" if number in lived else rack.status,
            "feeds": _feeds(made, rack, feeds),
            "baseline": dict(sorted({**in_rack.get(number, {}), **reserved.get(number, {})}.items())),
        }
    for site in made.sites.values():
        for room in site["rooms"].values():
            room["rows"] = {key: _plain(row) for key, row in sorted(room["rows"].items())}


def _plain(row: Tree) -> Tree:
    """A row without what is so by default."""
    defaults = {"status": "active", "baseline": {}}
    return {key: value for key, value in row.items() if defaults.get(key, ...) != value}


def _feeds(made: _Made, rack: PlacedRack, feeds: Feeds) -> Tree:
    work = made.work
    found = feeds.of_rack.get(rack.number)
    if not found:
        rated = round(work.amount("rack_feed_w", f"{rack.site.id}/{rack.room}/{rack.row}"))
        panels = made.sites[rack.site.id].setdefault("power_panels", {})
        name = "not-recorded"
        if name not in panels:
            panels[name] = {
                "title": "Feeds that are not recorded",
                "substation": _substation(work, f"{rack.site.id}/{name}", rack.site.id),
            }
        return {"A": {"power_panel": name, "rated_w": rated}}
    return {
        letter: {
            "power_panel": work.now.objects["panels"][feed.power_panel].id,
            "rated_w": feed.rated_w,
            "max_utilization": feed.max_utilization,
            **({"status": "failed"} if feed.has_failed else {}),
        }
        for letter, feed in sorted(found.items())
    }


def _baseline(group: Sequence[StandingDevice]) -> Tree:
    """One piece of equipment that is in no stack; several that share a unit are one."""
    types = [one.kind.node_type for one in group]
    low = min(one.whole[0] for one in group)
    faces = {face for one in group for face in one.faces}
    tree: Tree = {
        "racks": "01",
        "position": low,
        "u_height": max(sum(one.whole) for one in group) - low,
        "allocated_draw": sum(one.allocated_draw for one in types),
        "weight_kg": round(sum(one.weight_kg for one in types), 3),
    }
    if faces == {"rear"}:
        tree["face"] = "rear"
    if len(faces) == 1:
        tree["is_full_depth"] = False
    supplies = max(1, *(one.power_supplies for one in types))
    required = max(1, *(one.power_supplies_required for one in types))
    if any(one.power_supplies == 1 for one in types):
        supplies = required = 1  # what has one supply goes down with its feed, so the group counts on it
        tree["feed"] = next(one.feed for one in group if one.kind.node_type.power_supplies == 1)
    tree["power_supplies"], tree["power_supplies_required"] = min(12, supplies), min(12, required)
    return tree


def _reserved(work: AdoptionWork, places: Places, standing: Iterable[StandingDevice]) -> dict[int, dict[str, Tree]]:
    """Units that are reserved and free, as equipment of no weight and no draw that keeps them."""
    taken: dict[int, set[int]] = defaultdict(set)
    for one in standing:
        low, count = one.whole
        taken[one.rack.number].update(range(low, low + count))
    found: dict[int, dict[str, Tree]] = defaultdict(dict)
    for number, held in sorted(work.estate.reservations.items()):
        rack, record = places.racks.get(held.rack.id), work.estate.racks[held.rack.id]
        name = f"reservation {number} in rack {record.name}"
        if rack is None or held.status == "stale":
            work.note("reserved units", name, "is stale, or its rack was left out; it is in no declaration")
            continue
        units = sorted({int(lowest_unit(record, unit, 1)) for unit in held.units} - taken[rack.number])
        units = [unit for unit in units if 1 <= unit <= record.u_height]
        taken[rack.number].update(units)
        for index, (low, count) in enumerate(_runs(units), start=1):
            found[rack.number][f"reserved-{number}-{index}"] = {
                "racks": "01",
                "position": low,
                "u_height": count,
                "allocated_draw": 0,
                "power_supplies": 1,
            }
        whose = f" for {work.estate.tenants[held.tenant.id].name}" if held.tenant else ""
        kept = f"{len(units)} units{whose} are kept free as equipment of 0 W"
        work.note("reserved units", name, f"{kept}; take it out when its owner moves in" if units else "is all taken")
    return found


def _runs(units: Sequence[int]) -> list[tuple[int, int]]:
    """Runs of units as (lowest, how many)."""
    runs: list[tuple[int, int]] = []
    for unit in units:
        if runs and sum(runs[-1]) == unit:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((unit, 1))
    return runs


def _cluster(group: Group, given: Mapping[int, Mapping[str, str]]) -> Tree:
    numbers, first = list(group.members), group.first
    without = sorted(set(range(1, max(numbers) + 1)) - set(numbers))
    tree: Tree = {"site": first.rack.site.id, "node_type": first.kind.id, "count": max(numbers)}
    if without:
        tree["without"] = [f"{number:03}" for number in without]
    if first.face != "front":
        tree["face"] = first.face
    if first.kind.node_type.power_supplies == 1 and first.feed != "A":
        tree["feed"] = first.feed
    other = {number: name for number, name in group.names.items() if name != f"{group.id}-{number:03}"}
    if other:
        tree["names"] = {f"{number:03}": name for number, name in other.items()}
    tree["places"] = {
        f"{number:03}": {
            "rack": one.rack.id,
            "position": one.whole[0],
            **({"addresses": list(given[one.device.id].values())} if given.get(one.device.id) else {}),
        }
        for number, one in group.members.items()
    }
    return tree


def _zone(made: _Made, zone_id: str, node_types: Mapping[str, Any]) -> Tree:
    districts = sorted({site["district"] for site in made.sites.values()})
    parties: Tree = {ADMINISTRATION: {"title": "Administration of the zone", "roles": ["zone-administrator"]}}
    for party, tree in sorted(made.owners.items()):
        roles = [role for role, what in (("facility-operator", "sites"), ("tenant", "clusters")) if tree.get(what)]
        parties[party] = {"title": made.places.parties.get(party, party), "roles": roles}
    for party, title in sorted(made.places.parties.items()):
        if party not in parties:
            parties[party] = {"title": title, "roles": ["tenant"]}
    regions = {
        id_of(site.region.slug or site.region.name, ""): site.region.name
        for site in made.work.estate.sites.values()
        if site.region
    }
    return {
        "zone": zone_id,
        "title": f"Zone {zone_id}, taken over from an inventory",
        "districts": {name: {"title": line_of_text(regions.get(name, name)) or name} for name in districts},
        "parties": parties,
        "node_types": {name: one.model_dump(mode="json", exclude_defaults=True) for name, one in node_types.items()},
    }


def _about_cables(work: AdoptionWork) -> None:
    power = {"power"}
    kinds = Counter(one.type for one in work.estate.cables.values())
    others = sum(count for kind, count in kinds.items() if kind not in power)
    if others:
        text = "are of data, or do not say what of: they have no place in a declaration; cables of power say which feed"
        work.note("cables", f"{others} cables", text)


def _about_locations(work: AdoptionWork) -> None:
    used = {rack.location.id for rack in work.estate.racks.values() if rack.location}
    for number, one in sorted(work.estate.locations.items()):
        if number not in used:
            work.note("locations", one.name, "holds no rack itself, and is no room")
        elif one.parent is not None:
            above = work.estate.locations.get(one.parent.id)
            work.note("locations", one.name, f"is a room; that it lies in {above.name if above else '?'} is not kept")

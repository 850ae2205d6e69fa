"""Cross checks of the administrator's file: rule packs, waivers, rings, the zone's extent, and dates."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from zonewright.declare.checks.known import Known
from zonewright.declare.checks.own_rules import own_rule_faults
from zonewright.declare.problem import Fault, Path, one_of, shown, unknown
from zonewright.model import Extent, Location, OwnerFile, RulePack, Waiver, Zone
from zonewright.model.rule_pack import LEVELS, LOWER_IS_STRICTER, POSSIBLE, LimitName, chain_of

_TURN, _HALF_TURN = 360.0, 180.0


def zone_faults(known: Known, on: str | None) -> Iterator[Fault]:
    """Faults of the zone's file.

    Args:
        known: what there is.
        on: the day on which the pack in force must be valid, as ``2026-07-01``; None does not ask.
    """
    zone = known.zone
    if zone is None:
        return
    extent = zone.extent
    if extent is not None and (extent.south >= extent.north or not 0 < _across(extent) < _HALF_TURN):
        expected = "south below north, and less than 180 degrees from west to east"
        yield _fault(("extent",), "an extent without area", expected, _edges(zone))
    if zone.rule_pack is not None and zone.rule_pack not in zone.rule_packs:
        yield unknown("rule pack", zone.rule_pack, zone.rule_packs, owner="", path=("rule_pack",))
    for pack_id, pack in zone.rule_packs.items():
        yield from _pack(zone, pack_id, pack)
    if on is not None:
        yield from _in_force(zone, on)
    for waiver_id, waiver in zone.waivers.items():
        yield from _waiver(known, zone, ("waivers", waiver_id), waiver)
    yield from own_rule_faults(zone)
    yield from _rings(known, zone)
    yield from _quotas(known, zone)
    yield from _reserved_twice(zone)


def _fault(  # noqa: PLR0917 - as a fault is read
    path: Path, what: str, expected: str, got: str, fix: str = "correct one of them", owner: str = ""
) -> Fault:
    return Fault(owner=owner, path=path, what=what, expected=expected, got=got, fix=fix)


def _edges(zone: Zone) -> str:
    edges = zone.extent
    return f"south {edges.south:g}, north {edges.north:g}, west {edges.west:g}, east {edges.east:g}" if edges else ""


def date_faults(owner: str, path: Path, text: str | None) -> Iterator[Fault]:
    """A day that the calendar does not have."""
    if text is not None:
        try:
            date.fromisoformat(text)
        except ValueError:
            yield _fault(path, "a day that does not exist", "a day of the calendar", shown(text), "correct it", owner)


def _days(path: Path, first: str, last: str) -> Iterator[Fault]:
    wrong = [*date_faults("", (*path, "valid_from"), first), *date_faults("", (*path, "valid_until"), last)]
    yield from wrong
    if not wrong and first > last:
        yield _fault((*path, "valid_until"), "a time that ends before it begins", f"{first} or later", last)


def _pack(zone: Zone, pack_id: str, pack: RulePack) -> Iterator[Fault]:
    path: Path = ("rule_packs", pack_id)
    yield from _days(path, pack.valid_from, pack.valid_until)
    for name, limit in pack.limits.items():
        yield from date_faults("", (*path, "limits", name, "applies_from"), limit.applies_from)
        least, most = POSSIBLE.get(name, (limit.value, limit.value))
        if not least <= limit.value <= most:
            what, expected = "a limit that cannot be", f"a number from {least:g} to {most:g}"
            yield _fault((*path, "limits", name, "value"), what, expected, f"{limit.value:g}", "correct it")
    if pack.extends is None:
        return
    if pack.extends not in zone.rule_packs:
        yield unknown("rule pack", pack.extends, zone.rule_packs, owner="", path=(*path, "extends"))
        return
    above = chain_of(zone.rule_packs, pack.extends)
    if pack in above:
        way = " -> ".join([pack_id, *_cycle(zone, pack_id)])
        fix = "remove 'extends' from one of them"
        yield _fault((*path, "extends"), "rule packs that extend each other", "a chain that ends", way, fix)
        return
    yield from _looser(path, pack, above)


def _looser(path: Path, pack: RulePack, above: Sequence[RulePack]) -> Iterator[Fault]:
    """Where a pack says less than those that it extends."""
    for name, limit in pack.limits.items():
        parent = next((one.limits[name] for one in above if name in one.limits), None)
        if parent is not None and _is_looser(name, limit.value, parent.value):
            allowed = "at most" if name in LOWER_IS_STRICTER else "at least"
            what, expected = "a limit looser than that of the pack it extends", f"{allowed} {parent.value:g}"
            yield _fault((*path, "limits", name, "value"), what, expected, f"{limit.value:g}", "tighten it")
        if parent is not None and (limit.applies_from or "") > (parent.applies_from or ""):
            what, expected = (
                "a limit that begins later than in the pack it extends",
                f"{parent.applies_from or 'no day'}",
            )
            fix = "take the earlier day"
            yield _fault((*path, "limits", name, "applies_from"), what, expected, f"{limit.applies_from}", fix)
    sayers = [one for one in above if "trusted" in one.model_fields_set]
    further = [one for one in pack.trusted if not all(one in other.trusted for other in sayers)]
    if further and "trusted" in pack.model_fields_set:
        allowed_classes = [one for one in pack.trusted if one not in further]
        what, fix = "readings that the pack it extends does not trust", "delete them"
        expected = one_of(f"'{one}'" for one in allowed_classes) if allowed_classes else "fewer classes"
        yield _fault((*path, "trusted"), what, expected, one_of(f"'{one}'" for one in further), fix)
    for rule, level in pack.levels.items():
        parent_level = next((one.levels[rule] for one in above if rule in one.levels), None)
        if parent_level is not None and LEVELS.index(level) > LEVELS.index(parent_level):
            what = "a level looser than that of the pack it extends"
            yield _fault((*path, "levels", rule), what, f"'{parent_level}' or stricter", f"'{level}'", "tighten it")
    if pack.node_energy and not all(one.node_energy for one in above):
        what = "a pack looser than the one it extends"
        yield _fault((*path, "node_energy"), what, "false", "true", "tighten it")
    said = "uncertain" in pack.model_fields_set and pack.uncertain == "approval"
    if said and any(one.uncertain == "refused" for one in above):
        what = "a gate looser than that of the pack it extends"
        yield _fault((*path, "uncertain"), what, "'refused'", "'approval'", "tighten it")


def _cycle(zone: Zone, pack_id: str) -> Iterator[str]:
    following = zone.rule_packs[pack_id].extends
    while following is not None and following != pack_id:
        yield following
        following = zone.rule_packs[following].extends
    yield pack_id


def _is_looser(name: LimitName, value: float, parent: float) -> bool:
    return value > parent if name in LOWER_IS_STRICTER else value < parent


def _in_force(zone: Zone, on: str) -> Iterator[Fault]:
    for pack in chain_of(zone.rule_packs, zone.rule_pack):
        pack_id = next(name for name, one in zone.rule_packs.items() if one is pack)
        if on > pack.valid_until:
            what, got = "a rule pack that has expired", f"{pack.valid_until}, which is over on {on}"
            fix = "ask the administrator to issue the next pack and to name it in rule_pack"
            yield _fault(("rule_packs", pack_id, "valid_until"), what, f"{on} or later", got, fix)
        elif on < pack.valid_from:
            what, got = "a rule pack that is not in force yet", f"{pack.valid_from}, which is after {on}"
            fix = "name the pack that is valid today in rule_pack"
            yield _fault(("rule_packs", pack_id, "valid_from"), what, f"{on} or earlier", got, fix)


def _waiver(known: Known, zone: Zone, path: Path, waiver: Waiver) -> Iterator[Fault]:
    for name in ("owner", "approver"):
        party = getattr(waiver, name)
        if party not in zone.parties and not known.unsure("", ("parties", party)):
            yield unknown("party", party, zone.parties, owner="", path=(*path, name))
    if waiver.owner == waiver.approver:
        what, fix = "a waiver that its owner approves", "ask another party to approve it"
        yield _fault((*path, "approver"), what, "another party than the owner", shown(waiver.approver), fix)
    wrong = list(_days(path, waiver.valid_from, waiver.valid_until))
    yield from wrong
    limit = zone.limit("waiver-days")
    if not wrong and limit is not None:
        days = (date.fromisoformat(waiver.valid_until) - date.fromisoformat(waiver.valid_from)).days + 1
        if days > limit.value:
            what, fix = "a waiver that is valid too long", "shorten it, and ask for another waiver when it ends"
            yield _fault((*path, "valid_until"), what, f"at most {limit.value:g} days", f"{days:,} days", fix)


def _rings(known: Known, zone: Zone) -> Iterator[Fault]:
    declared = {link_id for file in known.owners.values() for link_id in file.links}
    faulty = any(known.unsure(owner, ("links",)) for owner in known.left_out if owner)
    for ring_id, ring in zone.rings.items():
        for index, link_id in enumerate(ring.links):
            path: Path = ("rings", ring_id, "links", str(index))
            if ring.links.index(link_id) != index:
                yield _fault(path, "a link that a ring has twice", "each link once", shown(link_id), "delete it")
            elif known.whole and not faulty and link_id not in declared:
                yield unknown("link", link_id, declared, owner="", path=path)


def _quotas(known: Known, zone: Zone) -> Iterator[Fault]:
    for quota_id, quota in zone.quotas.items():
        of: tuple[tuple[str, str, str | None, Mapping[str, object]], ...] = (
            ("district", "districts", quota.district, zone.districts),
            ("party", "parties", quota.party, zone.parties),
        )
        for word, section, name, names in of:
            if name is not None and name not in names and not known.unsure("", (section, name)):
                yield unknown(word, name, names, owner="", path=("quotas", quota_id, word))


def _reserved_twice(zone: Zone) -> Iterator[Fault]:
    """The same names for two parties; where one pattern or network is within another, the narrower one decides."""
    first: dict[tuple[str, str], str] = {}
    for party_id, party in zone.parties.items():
        for section in ("sites", "ducts", "links", "prefixes"):
            for index, name in enumerate(getattr(party.names, section)):
                holder = first.setdefault((section, str(name)), party_id)
                if holder != party_id:
                    path = ("parties", party_id, "names", section, str(index))
                    what, got = "names that two parties have", f"'{name}', which {shown(holder)} has too"
                    yield _fault(
                        path,
                        what,
                        "names of one party",
                        got,
                        "remove it from one of them, or make its pattern narrower",
                    )


def _across(extent: Extent) -> float:
    """Degrees from its western to its eastern edge, also across 180 degrees."""
    return extent.east - extent.west if extent.east >= extent.west else extent.east - extent.west + _TURN


def _within(extent: Extent, latitude: float, longitude: float) -> bool:
    east = longitude if longitude >= extent.west else longitude + _TURN
    return extent.south <= latitude <= extent.north and extent.west <= east <= extent.west + _across(extent)


def place_faults(known: Known, owner: str, file: OwnerFile) -> Iterator[Fault]:
    """Coordinates of sites and ducts that lie outside the zone."""
    extent = known.zone.extent if known.zone is not None else None
    if known.zone is None or extent is None:
        return
    points: list[tuple[Path, float, float]] = [
        (("sites", site_id, "location"), place.latitude, place.longitude)
        for site_id, site in file.sites.items()
        if isinstance(place := site.location, Location)
    ]
    points += [
        (("ducts", duct_id, "route", "points", str(index)), *point)
        for duct_id, duct in file.ducts.items()
        for index, point in enumerate(duct.route.points)
    ]
    for path, latitude, longitude in points:
        if not _within(extent, latitude, longitude):
            swapped = _within(extent, longitude, latitude)
            fix = "write degrees north before degrees east" if swapped else "correct the coordinates"
            got = f"{latitude:g} north, {longitude:g} east"
            yield _fault(path, "coordinates outside the zone", f"a point within {_edges(known.zone)}", got, fix, owner)

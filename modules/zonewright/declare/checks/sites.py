"""Cross checks of what a facility operator declares: districts, panels, ranges of rows, baseline, time zones."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from zonewright.declare.checks.known import Known
from zonewright.declare.checks.site_networks import network_faults
from zonewright.declare.checks.switches import switch_faults_of
from zonewright.declare.checks.zone import date_faults
from zonewright.declare.problem import Fault, Path, did_you_mean, shown, unknown
from zonewright.model import OwnerFile, Room, Row, Site
from zonewright.model.base import IDENTIFIER_PATTERN
from zonewright.model.expand import expand_ids, rack_number, units_of
from zonewright.model.limits import ELEMENTS, ROWS
from zonewright.model.metering import Meter
from zonewright.model.power import Supply
from zonewright.model.supply import Phase

_RANGE = re.compile(r"(\D*)([0-9]{1,9})\.\.(\D*)([0-9]{1,9})", re.ASCII)
_TIME_ZONE_OF_THE_MACHINE = re.compile(r"localtime|Factory|posix.*|right/.*")


@dataclass(slots=True)
class RowIndex:
    """Rows of an owner's rooms by (site, room) and id, and what is wrong with their ids."""

    rows: dict[tuple[str, str], dict[str, Row]] = field(default_factory=dict)
    unsure: set[tuple[str, str]] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)


def index_rows(owner: str, file: OwnerFile) -> RowIndex:
    """Expand the ranges of rows of an owner, up to a limit."""
    index = RowIndex()
    total = 0
    for site_id, site in file.sites.items():
        for room_id, room in site.rooms.items():
            total = _index_room(index, owner, ("sites", site_id, "rooms", room_id, "rows"), room, total=total)
    return index


def _index_room(index: RowIndex, owner: str, path: Path, room: Room, *, total: int) -> int:
    place = (path[1], path[3])
    rows = index.rows.setdefault(place, {})
    from_key: dict[str, str] = {}
    for key, row in room.rows.items():
        if total > ROWS.most:
            index.unsure.add(place)
            break
        ids = _expanded(key)
        if ids is None:
            index.unsure.add(place)
            index.faults.append(_unreadable(owner, (*path, key), "ids of rows", key))
            continue
        total += len(ids)
        if total > ROWS.most:
            index.unsure.add(place)
            index.faults.append(
                Fault(
                    owner=owner,
                    path=(*path, key),
                    what="too many rows",
                    expected=f"at most {ROWS.most:,} rows in the file of one owner",
                    got=f"{total:,} with this range",
                    fix="shorten the range",
                )
            )
        index.faults += _twice(owner, (*path, key), [row_id for row_id in ids if row_id in from_key], from_key)
        for row_id in ids:
            rows.setdefault(row_id, row)
            from_key.setdefault(row_id, key)
    return total


def _expanded(key: str) -> tuple[str, ...] | None:
    try:
        ids = expand_ids(key)
    except ValueError:
        return None
    return ids if all(re.search(IDENTIFIER_PATTERN, one) for one in ids) else None


def _unreadable(owner: str, path: Path, what: str, text: str) -> Fault:
    match = _RANGE.fullmatch(text)
    fix = "write ids or ranges, separated by commas"
    if match and match[1] == match[3]:
        low, high = sorted((int(match[2]), int(match[4])))
        width = max(len(match[2]), len(match[4]))
        better = f"{match[1]}{low:0{width}}..{match[1]}{high:0{width}}"
        fix = f"write '{better}'" if high - low < ROWS.most and _expanded(better) else "shorten the range"
    return Fault(
        owner=owner,
        path=path,
        what=f"{what} that cannot be read",
        expected=(
            "different ids or ranges from low to high, with the same number of digits, such as '01..25' or '01,02,07'"
        ),
        got=shown(text),
        fix=fix,
    )


def _twice(owner: str, path: Path, repeated: list[str], from_key: dict[str, str]) -> Iterator[Fault]:
    if repeated:
        more = f" and {len(repeated) - 1} more" if len(repeated) > 1 else ""
        yield Fault(
            owner=owner,
            path=path,
            what="a row that is declared twice",
            expected="each row of a room declared once",
            got=f"row '{repeated[0]}'{more}, which '{from_key[repeated[0]]}' declares too",
            fix="shorten one of the two ranges",
        )


def site_faults(known: Known, owner: str, file: OwnerFile) -> Iterator[Fault]:
    """Faults of the sites of one owner by themselves."""
    for site_id, site in file.sites.items():
        path: Path = ("sites", site_id)
        yield from _district(known, owner, (*path, "district"), site.district)
        yield from date_faults(owner, (*path, "commissioned"), site.commissioned)
        yield from _boundary(known, owner, path, site)
        yield from time_zone_faults(owner, (*path, "time_zone"), site.time_zone)
        if site.has_chain:
            yield from _supply(known, owner, path, site)
        yield from network_faults(known, owner, path, site)
        yield from switch_faults_of(known, owner, path, site)
        for room_id, room in site.rooms.items():
            room_path = (*path, "rooms", room_id)
            yield from _may_open(known, owner, room_path, room)
            for key, row in room.rows.items():
                yield from _row(known, owner, (*room_path, "rows", key), row, site)


def _district(known: Known, owner: str, path: Path, name: str) -> Iterator[Fault]:
    if known.zone is None or name in known.zone.districts or known.unsure("", ("districts", name)):
        return
    fix = "add the district to zone.yaml"
    yield unknown("district", name, known.zone.districts, owner=owner, path=path, otherwise=fix)


_INSIDE = {"ups-output", "pdu-output", "server-input"}
"""Points behind which IT equipment is; what is measured there cannot be all energy of a site."""


def _boundary(known: Known, owner: str, path: Path, site: Site) -> Iterator[Fault]:
    """Meters of the boundary are declared with their ratings, each on the side where it measures."""
    if site.boundary is None:
        return
    for side in ("facility", "it"):
        for index, meter in enumerate(getattr(site.boundary, side)):
            meter_path = (*path, "boundary", side, str(index))
            if meter not in site.meters and not known.unsure(owner, (*path, "meters", meter)):
                yield unknown("meter", meter, site.meters, owner=owner, path=meter_path)
            elif side == "it" and meter in site.boundary.facility:
                yield Fault(
                    owner=owner,
                    path=meter_path,
                    what="a meter on both sides of the energy ratio",
                    expected="meters of IT that are not meters of the facility",
                    got=shown(meter),
                    fix="remove it from one of the two lists",
                )
            elif meter in site.meters:
                yield from _boundary_meter(owner, meter_path, meter, site.meters[meter])


def _boundary_meter(owner: str, path: Path, name: str, meter: Meter) -> Iterator[Fault]:
    side = path[-2]
    if meter.kind == "temperature":
        yield Fault(
            owner=owner,
            path=path,
            what="a temperature as a side of the energy ratio",
            expected="a meter of energy",
            got=f"{shown(name)}, of the kind temperature",
            fix="remove it from the boundary; it counts for the load model by being declared",
        )
        return
    if (meter.point in _INSIDE) != (side == "it"):
        where = "inside" if side == "it" else "where energy comes in"
        points = sorted(_INSIDE) if side == "it" else ["cooling", "generator", "utility"]
        yield Fault(
            owner=owner,
            path=path,
            what="a meter on the wrong side of the energy ratio",
            expected=f"a meter that measures {where}: {', '.join(points[:-1])} or {points[-1]}",
            got=f"one with the point {meter.point}",
            fix="move it to the other list, or correct its point",
        )
    if meter.rating_w is None:
        yield Fault(
            owner=owner,
            path=(*path[:2], "meters", name),
            what="a meter of the boundary without a rating",
            expected="rating_w, the most that can flow through it in watts; without it no reading can be doubted",
            got="none",
            fix="add rating_w, from the breaker or the transformer",
        )


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(name for name in available_timezones() if not _TIME_ZONE_OF_THE_MACHINE.fullmatch(name))


def time_zone_faults(owner: str, path: Path, name: str) -> Iterator[Fault]:
    """Whether the IANA database has it; says nothing on a machine that has no such database."""
    if not _TIME_ZONE_OF_THE_MACHINE.fullmatch(name):
        try:
            ZoneInfo(name)
        except (OSError, ValueError, LookupError):
            pass
        else:
            return
    if _time_zones():
        fix = did_you_mean(name, _time_zones(), "write a name such as Asia/Shanghai")
        expected = "a name of the IANA time zone database"
        yield Fault(owner=owner, path=path, what="an unknown time zone", expected=expected, got=shown(name), fix=fix)


def _may_open(known: Known, owner: str, path: Path, room: Room) -> Iterator[Fault]:
    if known.zone is None:
        return
    parties = known.zone.parties
    for number, party in enumerate(room.may_open):
        if party not in parties and not known.unsure("", ("parties", party)):
            party_path = (*path, "may_open", str(number))
            yield unknown("party", party, parties, owner=owner, path=party_path, otherwise="add the party to zone.yaml")


def _row(known: Known, owner: str, path: Path, row: Row, site: Site) -> Iterator[Fault]:
    for name, feed in row.feeds.items():
        missing = feed.power_panel not in site.power_panels
        if missing and not known.unsure(owner, (*path[:2], "power_panels", feed.power_panel)):
            feed_path = (*path, "feeds", name, "power_panel")
            fix = "declare the panel in the site's power_panels"
            panels = site.power_panels
            yield unknown("power panel", feed.power_panel, panels, owner=owner, path=feed_path, otherwise=fix)
        yield from _legs(owner, (*path, "feeds", name, "legs"), feed.legs, row)
        breaker = feed.breaker
        is_breaker = breaker in site.power and site.power[breaker].kind == "breaker" if breaker is not None else True
        if breaker is not None and not is_breaker and not known.unsure(owner, (*path[:2], "power", breaker)):
            breakers = [name_ for name_, one in site.power.items() if one.kind == "breaker"]
            feed_path, fix = (*path, "feeds", name, "breaker"), "declare it in the site's power, with kind: breaker"
            yield unknown("breaker", breaker, breakers, owner=owner, path=feed_path, otherwise=fix)
    if not known.unsure(owner, path):
        if row.failed_racks:
            yield from _rack_numbers(owner, (*path, "failed_racks"), row.failed_racks, row)
        for racks in row.derated_racks:
            yield from _rack_numbers(owner, (*path, "derated_racks", racks), racks, row)
        for baseline_id in row.baseline:
            yield from _baseline(owner, (*path, "baseline", baseline_id), row, baseline_id)


def _legs(owner: str, path: Path, legs: Mapping[Phase, str], row: Row) -> Iterator[Fault]:
    """Each unit of a rack is on one phase at most, and the rack has it."""
    taken: dict[int, Phase] = {}
    for leg, text in legs.items():
        try:
            units = units_of(text, row.u_height)
        except ValueError:
            yield Fault(
                owner=owner,
                path=(*path, leg),
                what="units of a phase that the rack does not have",
                expected=f"rack units or ranges from 1 to {row.u_height}, in as many digits, such as 01..14",
                got=shown(text),
                fix="correct the units",
            )
            continue
        twice = [unit for unit in units if unit in taken]
        if twice:
            yield Fault(
                owner=owner,
                path=(*path, leg),
                what="a rack unit on two phases",
                expected="each unit on one phase",
                got=f"U{twice[0]}, which {taken[twice[0]]} has too",
                fix="shorten one of the two ranges",
            )
        taken |= dict.fromkeys(units, leg)


def _supply(known: Known, owner: str, path: Path, site: Site) -> Iterator[Fault]:
    """Elements of the supply have ids of their own and suppliers that exist, and no element supplies itself."""
    supply = Supply(site)
    if len(site.power) + len(site.power_panels) > ELEMENTS.most:
        yield Fault(
            owner=owner,
            path=(*path, "power"),
            what="too many elements of a supply",
            expected=f"at most {ELEMENTS.most:,} elements and panels at one site",
            got=f"{len(site.power) + len(site.power_panels):,}",
            fix="leave out breakers that no rating limits",
        )
        return
    for name in sorted(site.power.keys() & site.power_panels.keys()):
        yield Fault(
            owner=owner,
            path=(*path, "power", name),
            what="an element of the supply that is called as a panel",
            expected="an id that no power panel of the site has",
            got=shown(name),
            fix="rename one of the two",
        )
    sections = (("power", site.power), ("power_panels", site.power_panels))
    for section, name, suppliers in ((key, name, one.supplied_by) for key, of in sections for name, one in of.items()):
        for number, one in enumerate(suppliers):
            supplier_path = (*path, section, name, "supplied_by", str(number))
            sure = not any(known.unsure(owner, (*path, key, one)) for key, _ in sections)
            if one not in supply.elements and sure:
                fix = "declare it in the site's power"
                yield unknown("supplier", one, supply.elements, owner=owner, path=supplier_path, otherwise=fix)
            elif one in supply.elements and supply.is_behind(one, name):
                yield Fault(
                    owner=owner,
                    path=supplier_path,
                    what="an element that supplies itself",
                    expected="suppliers that lead away from it, to the grid",
                    got=shown(one),
                    fix=f"take {one} out of its suppliers",
                )


def _baseline(owner: str, path: Path, row: Row, baseline_id: str) -> Iterator[Fault]:
    baseline = row.baseline[baseline_id]
    top = baseline.position + baseline.u_height - 1
    if top > row.u_height:
        lowest = row.u_height - baseline.u_height + 1
        fix = f"lower its position to {lowest} or less" if lowest > 0 else "correct its u_height"
        yield Fault(
            owner=owner,
            path=(*path, "position"),
            what="baseline equipment above the top of the rack",
            expected=f"rack units within 1 to {row.u_height}",
            got=f"rack units {baseline.position} to {top}",
            fix=fix,
        )
    yield from _rack_numbers(owner, (*path, "racks"), baseline.racks, row)


def _rack_numbers(owner: str, path: Path, text: str, row: Row) -> Iterator[Fault]:
    """Numbers of racks can be read, and the row has them."""
    ids = _expanded(text)
    if ids is None:
        yield _unreadable(owner, path, "numbers of racks", text)
        return
    numbers = {rack_number(index) for index in range(1, row.racks + 1)}
    strangers = [one for one in ids if one not in numbers]
    if strangers:
        yield Fault(
            owner=owner,
            path=path,
            what="a rack that the row does not have",
            expected=f"rack numbers from 01 to {rack_number(row.racks)}, in two digits",
            got=f"{shown(strangers[0])}{f' and {len(strangers) - 1} more' if len(strangers) > 1 else ''}",
            fix="correct the numbers, or the row's 'racks'",
        )

"""Rules about radio: a new tower where one with room stands, stations too near or too far, key areas without cover.

Cover by plan is geometry: how many points of an area lie within the radius of enough active stations. A drive test is a
measurement. Each is told by itself, and an area without a test is told as not tested, however good its plan is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

from zonewright.model.coverage import DriveTest, KeyArea, RadioBand, Tower
from zonewright.model.geodesy import LatLon, distance_m
from zonewright.model.rule_pack import BANDS, LimitName
from zonewright.model.world import SiteFacts, ZoneFacts
from zonewright.rules.finding import Participant
from zonewright.rules.rule import Rule
from zonewright.rules.view import Breach, View
from zonewright.rules.words import count_of

if TYPE_CHECKING:
    from zonewright.rules.area_points import AreaGrid

_WHOLE = 100
"""Percent."""
DISTANCES: tuple[LimitName, ...] = tuple(name for pair in BANDS.values() for name in pair)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A tower where it stands.

    Attributes:
        site: id of its site.
        owner: the party that declares it.
        tower: the tower.
        at: degrees north and east; None where nobody has declared that.
    """

    site: str
    owner: str
    tower: Tower
    at: LatLon | None


def _towers(facts: ZoneFacts | None) -> list[_Placed]:
    """Towers that stay, in order of their sites."""
    held = sorted(facts.sites.items()) if facts is not None else []
    return [
        _Placed(name, one.owner, one.site.tower, _at(one))
        for name, one in held
        if one.site.tower is not None and not one.is_leaving
    ]


def _at(held: SiteFacts) -> LatLon | None:
    place = held.site.location
    return (place.latitude, place.longitude) if place is not None else None


def tower_reuse(view: View) -> Iterator[Breach]:
    """No tower is built near another one that has a free platform."""
    limit = view.zone.zone.limit("tower-reuse-distance-m") if view.zone is not None else None
    if limit is None:
        return
    towers = _towers(view.zone)
    for new in (one for one in towers if one.tower.status == "planned"):
        usable = [
            one
            for one in towers
            if one.tower.status == "active"
            and one.tower.free > 0
            and (one.tower.is_shared or one.owner == new.owner)
            and one.site != new.site
        ]
        if new.at is None:
            yield _breach(
                new,
                f"not decided: whether tower {new.site} is needed, for nobody has declared where it is",
                "declare 'location' of the site",
                value=0,
                limit=round(limit.value),
            )
            continue
        near = sorted((distance_m(new.at, one.at), one.site, one) for one in usable if one.at is not None)
        if near and near[0][0] < limit.value:
            away, name, other = near[0]
            yield _breach(
                new,
                f"tower {new.site} would stand {away:,.0f} m from tower {name}, which has "
                f"{count_of(other.tower.free, 'platform')} free (within {limit.value:g} m)",
                f"use a free platform of {name}, and no new tower",
                value=int(away),
                limit=round(limit.value),
                others=(other,),
            )


TOWER_REUSE = Rule(
    id="tower-reuse",
    title="No tower is built near another one that has a free platform.",
    level="mandatory",
    description=(
        "The rule judges planned towers. It compares them with active towers that have a free platform and are shared "
        "or belong to the same party. Nearer than the pack's `tower-reuse-distance-m` a new tower is refused: its "
        "stations use the free platform instead. Value is the distance. A planned tower without a `location` is not "
        "decided, and refused."
    ),
    unit="m",
    reference=(
        "joint construction and sharing: new exclusive towers are strictly limited (opinions of MIIT and SASAC since "
        "2008; notice of 14 ministries, 2023)"
    ),
    function=tower_reuse,
    reach="zone",
)


def station_distance(view: View) -> Iterator[Breach]:
    """Stations of a band are no nearer to each other than the pack allows, and none is far from all others."""
    for band, names in BANDS.items():
        least, most = (view.zone.zone.limit(name) if view.zone is not None else None for name in names)
        if least is None and most is None:
            continue
        placed = [
            (one, one.at)
            for one in _towers(view.zone)
            if one.at is not None and any(item.band == band for item in one.tower.stations.values())
        ]
        if least is not None:
            yield from _too_near(view, band, placed, round(least.value))
        if most is not None:
            yield from _too_far(view, band, placed, round(most.value))


STATION_DISTANCE = Rule(
    id="station-distance",
    title="Stations of a band are neither too near to each other nor too far from the next one.",
    level="no-worse",
    description=(
        "The pack's `station-distance-n78-least-m`, and the same of n41 and n28, say how near the towers of two "
        "stations of the band may be; those with `most` say how far the next such tower may be. Planned ones count. "
        "Two stations on one tower are no pair. A tower without a `location`, and a band with one station in the whole "
        "zone, are not judged. Value is the distance."
    ),
    unit="m",
    reference="inter-site distances of 3GPP TR 38.913 (200 m dense, 500 m urban macro, 1,732 m rural)",
    function=station_distance,
    reach="zone",
)


def _too_near(view: View, band: RadioBand, placed: Sequence[tuple[_Placed, LatLon]], limit: int) -> Iterator[Breach]:
    for index, (one, at) in enumerate(placed):
        for two, there in placed[index + 1 :]:
            away = int(distance_m(at, there))
            if away < limit:
                mine, other = (one, two) if view.acts(one.owner) else (two, one)
                yield _breach(
                    mine,
                    f"stations of {band} at {one.site} and {two.site} are {away:,} m apart; at least {limit:,} m "
                    "are needed",
                    f"use another tower, or another band, for the station at {mine.site}",
                    value=away,
                    limit=limit,
                    others=(other,),
                    subject=f"{one.site} and {two.site}: {band}",
                )


def _too_far(view: View, band: RadioBand, placed: Sequence[tuple[_Placed, LatLon]], limit: int) -> Iterator[Breach]:
    for one, at in placed:
        away = min(((distance_m(at, there), two) for two, there in placed if two is not one), default=None, key=_first)
        if away is not None and ceil(away[0]) > limit:
            yield _breach(
                one,
                f"the next station of {band} from {one.site} is {ceil(away[0]):,} m away, at {away[1].site}; at "
                f"most {limit:,} m are allowed",
                f"plan a station of {band} between them" if view.acts(one.owner) else f"keep a station near {one.site}",
                value=ceil(away[0]),
                limit=limit,
                others=(away[1],),
                subject=f"{one.site}: {band}",
            )


def _first(pair: tuple[float, _Placed]) -> float:
    return pair[0]


def coverage(view: View) -> Iterator[Breach]:
    """Enough of each key area is covered by plan, and enough of its drive test meets the target."""
    if view.zone is None:
        return
    towers, earlier = _towers(view.zone), _towers(view.before)
    gone = [one for one in earlier if one.site not in {other.site for other in towers}]
    for name, area in sorted(view.zone.zone.key_areas.items()):
        concerned = _concerned(area, [*towers, *gone])
        if view.acts("") or any(view.acts(one.owner) for one in concerned):
            found = _planned(name, area, towers, concerned)
            if found is not None:
                was = _planned(name, area, earlier, concerned) if view.before is not None else found
                is_worse = found.excess > (was.excess if was is not None else 0)
                yield found if is_worse else replace(found, level="advisory")
            yield from _measured(name, area, area.test, concerned)


COVERAGE = Rule(
    id="coverage",
    title="Enough of each key area is covered by plan, and enough of its drive test meets the target.",
    level="no-worse",
    description=(
        "The zone's `key_areas` are points, circles, lines or polygons, which are looked at in points of an even grid. "
        "Planned cover is geometry: a point is covered if as many active stations as the area asks for, in its band, "
        "reach it with their `radius_m`. Value and limit are points. A gap is advice until a change makes it larger. "
        "Measured is the area's `test`: the samples that meet the target, which is advisory, because no declaration "
        "mends it. An area without a test is told as not tested. Neither stands for the other. Operators are told "
        "whose towers are next to the area."
    ),
    unit="points of the plan, or samples of a test",
    reference="signal upgrade notice of MIIT, [2023] No. 257: 95 % of key places and lines",
    function=coverage,
    reach="zone",
)


def _grid_of(area: KeyArea) -> "AreaGrid":
    from zonewright.rules.area_points import grid_of  # noqa: PLC0415 - few zones have key areas

    return grid_of(area)


def _concerned(area: KeyArea, towers: Sequence[_Placed]) -> list[_Placed]:
    """The towers whose stations reach the area; where none does, the nearest one."""
    grid = _grid_of(area)
    near = [(min(grid.distances_m(one.at)), one.site, one) for one in towers if one.at is not None]
    reach = [one for away, _, one in near if any(away <= item.radius_m for item in one.tower.stations.values())]
    nearest = [min(near)[2]] if near and not reach else []
    return sorted(reach + nearest, key=lambda one: one.site)


def _planned(name: str, area: KeyArea, towers: Sequence[_Placed], concerned: Sequence[_Placed]) -> Breach | None:
    """What an area lacks by plan."""
    grid = _grid_of(area)
    reaching = [0] * len(grid.points)
    for one in towers:
        for item in one.tower.stations.values() if one.at is not None and one.tower.status == "active" else ():
            if one.at is not None and item.status == "active" and area.band in {None, item.band}:
                away = grid.distances_m(one.at)
                reaching = [count + (far <= item.radius_m) for count, far in zip(reaching, away, strict=True)]
    bare = [number for number, count in enumerate(reaching) if count < area.stations]
    whole = len(grid.points)
    value, least = whole - len(bare), ceil(Fraction(str(area.target_percent)) * whole / _WHOLE)
    if value >= least:
        return None
    band = f" by {area.band}" if area.band is not None else ""
    return _of_area(
        concerned,
        name,
        f"planned cover of key area {name}{band} is {value:,} of {count_of(whole, 'point')}, "
        f"{value * _WHOLE // whole} %; {area.target_percent:g} % are asked for: {least - value:,} missing"
        f"{_farthest(grid, bare, towers)}",
        "add stations on towers near it; a plan is no measurement",
        value=value,
        limit=least,
        unit="points",
    )


def _farthest(grid: "AreaGrid", bare: Sequence[int], towers: Sequence[_Placed]) -> str:
    """Of the points that are not covered the one that is farthest from all towers, with the next of them."""
    next_one: dict[int, tuple[float, str]] = {}
    for one in towers:
        away = grid.distances_m(one.at) if one.at is not None else ()
        for number in bare if away else ():
            next_one[number] = min(next_one.get(number, (float("inf"), "")), (away[number], one.site))
    if not next_one:
        return "; there is no tower"
    number = max(next_one, key=lambda one: next_one[one])
    north, east = grid.plane.back(grid.points[number])
    return f"; from {north:.4f}, {east:.4f} the next tower, {next_one[number][1]}, is {next_one[number][0]:,.0f} m away"


def _measured(name: str, area: KeyArea, test: DriveTest | None, concerned: Sequence[_Placed]) -> Iterator[Breach]:
    if test is None:
        message = f"key area {name} is not tested; a plan is no measurement"
        fix, value, limit = "drive a test, and write it under 'test' of the key area in zone.yaml", 0, 1
    else:
        value, limit = test.on_target, ceil(Fraction(str(area.target_percent)) * test.samples / _WHOLE)
        share = Fraction(value * _WHOLE, test.samples)
        message = (
            f"measured on {test.tested_on}, {value:,} of {count_of(test.samples, 'sample')} in key area {name} meet "
            f"the target, {float(share):.2f} %; {area.target_percent:g} % are asked for: {limit - value:,} missing"
        )
        fix = "mend the cover and test it again"
    if value < limit:
        found = _of_area(concerned, name, message, fix, value=value, limit=limit, unit="samples" if test else "tests")
        yield replace(found, level="advisory")


def _of_area(
    concerned: Sequence[_Placed], name: str, message: str, fix: str, *, value: int, limit: int, unit: str
) -> Breach:
    return Breach(
        subject=name,
        where=f"sites.{concerned[0].site}.tower" if concerned else "",
        message=message,
        value=value,
        limit=limit,
        unit=unit,
        excess=limit - value,
        participants=tuple(Participant(party=one.owner, name=one.site) for one in concerned),
        fix=fix,
    )


def _breach(
    tower: _Placed,
    message: str,
    fix: str,
    *,
    value: int,
    limit: int,
    others: tuple[_Placed, ...] = (),
    subject: str = "",
) -> Breach:
    return Breach(
        subject=subject or tower.site,
        where=f"sites.{tower.site}.tower",
        message=message,
        value=value,
        limit=limit,
        unit="m",
        excess=abs(value - limit),
        participants=tuple(Participant(party=one.owner, name=one.site) for one in (tower, *others)),
        fix=fix,
    )

"""What is out when something is taken out of service: feeds at racks, elements of a supply, ducts and links.

A subject is written as people write it: ``dc1/a/01:A`` is a feed of a row, ``dc1/a/01/07:A`` one of a rack,
``dc1/a/01/07`` a rack, ``dc1/a/01`` a row, ``dc1/a`` a room, ``dc1/pa`` a panel, another element or a substation, and
``d-06`` a duct or a bridge.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

from zonewright.errors import Exit, ZonewrightError
from zonewright.model.power import Supply
from zonewright.model.rack import Rack
from zonewright.model.site import Site
from zonewright.model.supply import FeedName
from zonewright.model.works import PlannedWork, minute_of
from zonewright.model.world import World, ZoneFacts
from zonewright.rules.words import listed

_FEEDS: Mapping[str, FeedName] = {"A": "A", "B": "B"}
_RACK, _ROW, _PAIR, _WORD = 4, 3, 2, 1


class UnknownSubjectError(ZonewrightError, LookupError):
    """Nothing is called so; ``str()`` is one sentence."""

    exit_code = Exit.MISUSE


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """What is out.

    Attributes:
        labels: what was taken out, for people.
        racks: racks that are out as a whole.
        feeds: feeds that supply nothing, by rack.
        elements: elements of supplies that are out, by site.
        ducts: ducts that are out.
        derated: what else carries only a part of its rating, with that part in thousandths.
    """

    labels: tuple[str, ...] = ()
    racks: frozenset[str] = frozenset()
    feeds: frozenset[tuple[str, FeedName]] = frozenset()
    elements: Mapping[str, frozenset[str]] = field(default_factory=dict)
    ducts: frozenset[str] = frozenset()
    derated: "tuple[tuple[Lost, int], ...]" = ()

    def with_also(self, other: "Lost") -> "Lost":
        """Both together."""
        sites = self.elements.keys() | other.elements.keys()
        nothing = frozenset[str]()
        return Lost(
            labels=tuple(dict.fromkeys((*self.labels, *other.labels))),
            racks=self.racks | other.racks,
            feeds=self.feeds | other.feeds,
            elements={one: self.elements.get(one, nothing) | other.elements.get(one, nothing) for one in sites},
            ducts=self.ducts | other.ducts,
            derated=(*self.derated, *other.derated),
        )


def lost_by(world: World, subject: str) -> Lost:
    """What is out with a subject.

    Args:
        world: the facts.
        subject: what is taken out.

    Raises:
        UnknownSubjectError: when nothing, or more than one thing, is called so.
    """
    place, _, feed = subject.partition(":")
    parts = place.split("/")
    if feed and (feed not in _FEEDS or len(parts) not in (_ROW, _RACK)):
        raise UnknownSubjectError(
            f"no feed is called {subject}: expected feed A or B of a row or a rack, such as dc1/a/01:A"
        )
    found: Lost | None = None
    if len(parts) >= _PAIR:
        found = _of_racks(world, place, len(parts), _FEEDS[feed] if feed else None)
    if len(parts) == _PAIR:
        element = _of_supply(world, *parts)
        if found is not None and element is not None:
            raise UnknownSubjectError(f"{subject} is a room and an element of the supply; name its rows one by one")
        found = found or element
    if len(parts) == _WORD or place.startswith("ducts/"):
        found = _of_ducts(world.zone, place.removeprefix("ducts/"))
    if found is None and place in {rack.site for rack in world.racks.values()}:
        room = min(rack.room for rack in world.racks.values() if rack.site == place)
        raise UnknownSubjectError(f"{place} is a whole site: name its rooms one by one, such as {room}")
    if found is None:
        near = get_close_matches(place[:80], _names(world), n=1, cutoff=0.6)
        meant = f"did you mean {near[0]}?" if near else "expected a feed (dc1/a/01:A), a rack, a row, a panel or a duct"
        raise UnknownSubjectError(f"nothing is called {subject}; {meant}")
    return found


def to_drain(world: World, subjects: Iterable[str]) -> Lost:
    """What nodes are to leave: racks, rows, rooms, feeds and elements of a supply.

    Args:
        world: the facts.
        subjects: what is drained.

    Raises:
        UnknownSubjectError: when a subject is not known, or is a duct: no node stands in one.
    """
    lost = lost_with(world, subjects, ())
    if lost.ducts:
        ways = [label for label in lost.labels if label.startswith(("duct ", "bridge "))]
        raise UnknownSubjectError(
            f"{listed(ways)} cannot be drained, for no node stands there: zonewright outage shows which links run "
            "through it, and their carriers give them other ducts"
        )
    return lost


def works_in(zone: ZoneFacts | None, begins: str | None, ends: str | None) -> list[tuple[str, PlannedWork]]:
    """Works that are declared and are under way at some moment of a window, by site and id.

    Args:
        zone: the zone.
        begins: the moment from which on, ISO 8601 with its offset; None for no works at all.
        ends: the moment before which; None for one minute.
    """
    if zone is None or begins is None:
        return []
    since = minute_of(begins)
    until = minute_of(ends) if ends is not None else since + 1
    return [
        (f"{site}/{name}", work)
        for site, facts in sorted(zone.sites.items())
        for name, work in sorted(facts.site.works.items())
        if work.first < until and since < work.last
    ]


def lost_with(world: World, subjects: Iterable[str], works: Iterable[tuple[str, PlannedWork]]) -> Lost:
    """What is out with some subjects, and with works that are under way meanwhile.

    Args:
        world: the facts.
        subjects: what is taken out.
        works: by site and id.

    Raises:
        UnknownSubjectError: when nothing, or more than one thing, is called as a subject says.
    """
    lost = Lost()
    for subject in subjects:
        lost = lost.with_also(lost_by(world, subject))
    for name, work in works:
        try:
            found = lost_by(world, work.what)
        except UnknownSubjectError:
            lost = lost.with_also(Lost(labels=(f"nothing by works {name}, whose {work.what} is not there any more",)))
            continue
        label = (f"{listed(list(found.labels))} by works {name}, {work.begins} to {work.ends}",)
        if work.derated_to is None:
            lost = lost.with_also(replace(found, labels=label))
        else:
            part = round(work.derated_to * 1000)
            label = (f"{label[0]}: {part / 10:g} % is left",)
            lost = lost.with_also(Lost(labels=label, derated=((found, part),)))
    return lost


def _names(world: World) -> list[str]:
    rows = {rack.row for rack in world.racks.values()}
    zone = world.zone
    sites = zone.sites.items() if zone is not None else ()
    panels = [f"{site}/{name}" for site, facts in sites for name in Supply(facts.site).elements]
    return [*world.racks, *rows, *panels, *(zone.ducts if zone is not None else ())]


def _of_racks(world: World, place: str, depth: int, feed: FeedName | None) -> Lost | None:
    words = {_RACK: "rack", _ROW: "row", _PAIR: "room"}
    racks = [
        rack
        for rack in world.racks.values()
        if place in (rack.id, rack.row, rack.room) and (feed is None or feed in rack.feeds)
    ]
    if not racks:
        return None
    if feed is None:
        return Lost(labels=(f"{words[depth]} {place}",), racks=frozenset(rack.id for rack in racks))
    return Lost(labels=(f"feed {feed} of {words[depth]} {place}",), feeds=frozenset((rack.id, feed) for rack in racks))


def _of_supply(world: World, site_id: str, name: str) -> Lost | None:
    facts = world.zone.sites.get(site_id) if world.zone is not None else None
    if facts is None:
        return None
    supply = Supply(facts.site)
    if name in supply.elements:
        label = f"{supply.label(name)} of {site_id}"
        return Lost(labels=(label,), elements={site_id: frozenset({name})})
    behind = frozenset(key for key, panel in facts.site.power_panels.items() if panel.substation == name)
    return Lost(labels=(f"substation {name} of {site_id}",), elements={site_id: behind}) if behind else None


def _of_ducts(zone: ZoneFacts | None, name: str) -> Lost | None:
    if zone is None:
        return None
    if name in zone.ducts:
        return Lost(labels=(f"duct {name}",), ducts=frozenset({name}))
    crossing = frozenset(key for key, held in zone.ducts.items() if held.duct.bridge == name)
    return Lost(labels=(f"bridge {name}",), ducts=crossing) if crossing else None


def site_without(site: Site, lost: Iterable[str]) -> Site:
    """A site in which some elements of the supply have failed."""
    gone = {"status": "failed"}
    names = frozenset(lost)

    def failed(elements: Mapping[str, Any]) -> dict[str, Any]:
        return {name: one.model_copy(update=gone) if name in names else one for name, one in elements.items()}

    return site.model_copy(update={"power": failed(site.power), "power_panels": failed(site.power_panels)})


def world_without(world: World, lost: Lost) -> World:
    """The world while something is out: feeds and racks have failed, ducts and what runs through them are gone.

    Args:
        world: the facts.
        lost: what is out.
    """
    zone = world.zone
    dead = {}
    if zone is not None:
        sites = dict(zone.sites)
        for name, elements in lost.elements.items():
            sites[name] = replace(sites[name], site=site_without(sites[name].site, elements))
            dead[name] = Supply(sites[name].site).dead()
        links = {name: held for name, held in zone.links.items() if not lost.ducts.intersection(held.link.ducts)}
        links = {
            name: held
            for name, held in links.items()
            if not any(one.partition("/")[2] in dead.get(one.partition("/")[0], ()) for one in held.link.power_panels)
        }
        zone = replace(zone, sites=sites, links=links)
    racks = {name: _rack_without(rack, lost, dead) for name, rack in world.racks.items()}
    found = replace(world, zone=zone, racks=racks)
    for scope, part in lost.derated:
        found = _derated(found, scope, part)
    return found


def _derated(world: World, scope: Lost, part: int) -> World:
    """The world in which some feeds and elements carry only a part of their rating."""
    zone = world.zone
    if zone is not None and scope.elements:
        sites = dict(zone.sites)
        for name, elements in scope.elements.items():
            sites[name] = replace(sites[name], site=_site_derated(sites[name].site, elements, part))
        zone = replace(zone, sites=sites)
    return replace(world, zone=zone, racks={name: _rack_derated(one, scope, part) for name, one in world.racks.items()})


def _rack_derated(rack: Rack, scope: Lost, part: int) -> Rack:
    names = {name for name in rack.feeds if rack.id in scope.racks or (rack.id, name) in scope.feeds}
    less = {name: replace(rack.feeds[name], available_w=rack.feeds[name].available_w * part // 1000) for name in names}
    return replace(rack, feeds={**rack.feeds, **less}) if less else rack


def _site_derated(site: Site, names: frozenset[str], part: int) -> Site:
    def less(elements: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: one.model_copy(update={"rated_kw": one.rated_kw * part / 1000})
            if name in names and one.rated_kw is not None
            else one
            for name, one in elements.items()
        }

    return site.model_copy(update={"power": less(site.power), "power_panels": less(site.power_panels)})


def _rack_without(rack: Rack, lost: Lost, dead: Mapping[str, frozenset[str]]) -> Rack:
    if rack.id in lost.racks:
        return replace(rack, failed_feeds=frozenset(rack.feeds), has_failed=True)
    of_site = dead.get(rack.site, frozenset[str]())
    gone = {
        name
        for name, feed in rack.feeds.items()
        if (rack.id, name) in lost.feeds or (feed.source or feed.power_panel) in of_site
    }
    return rack if gone <= rack.failed_feeds else replace(rack, failed_feeds=rack.failed_feeds | gone)

"""Power feeds of racks, and which of them a device hangs on, by the paths of its cables."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt

from zonewright.estate.records import FeedRecord, PowerOutletRecord, PowerPortRecord
from zonewright.estate.work import AdoptionWork
from zonewright.model.supply import FeedName

_LETTER = re.compile(r"(?i)(?:^|[^a-z])([ab])(?:[0-9]*$|[^a-z])")
_THREE = sqrt(3)
_LEAST_W, _MOST_W = 100, 1_000_000
_DEEPEST = 4
"""Outlets between a device and a feed: a strip on a strip, and one more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RackFeed:
    """A feed of a rack as a declaration has it.

    Attributes:
        power_panel: number of its panel in the inventory.
        rated_w: rating in watts.
        max_utilization: part of it that may be used.
        has_failed: whether it has failed.
    """

    power_panel: int
    rated_w: int
    max_utilization: float
    has_failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Feeds:
    """Feeds by rack, and the name of each feed of the inventory in its rack."""

    of_rack: Mapping[int, Mapping[FeedName, RackFeed]]
    named: Mapping[int, tuple[int, FeedName]]


def rating_w(feed: FeedRecord) -> int:
    """Rating in watts: volts times amperes, times the root of 3 where it has three phases (voltage between them).

    Example:
        >>> rating_w(FeedRecord(id=1, name="A", power_panel={"id": 1}, phase="three-phase", voltage=400, amperage=32))
        22170
    """
    return int(abs(feed.voltage) * feed.amperage * (_THREE if feed.phase == "three-phase" else 1))


def rack_feeds(work: AdoptionWork) -> Feeds:
    """The feeds A and B of each rack; what is no feed of a rack, or one too many, is noted."""
    by_rack: dict[int, list[FeedRecord]] = {}
    for feed in work.estate.feeds.values():
        if feed.rack is None:
            work.note("feeds", f"feed {feed.name}", "leads to no rack, and is in no declaration")
        elif feed.status in {"offline", "planned"}:
            work.note("feeds", f"feed {feed.name}", f"is {feed.status}, and is in no declaration")
        elif not _LEAST_W <= rating_w(feed) <= _MOST_W:
            text = f"has {rating_w(feed):,} W, expected {_LEAST_W} to {_MOST_W:,}; correct its volts or amperes"
            work.note("feeds", f"feed {feed.name}", text, is_fault=True)
        elif work.estate.panels[feed.power_panel.id].site.id != work.estate.racks[feed.rack.id].site.id:
            text = "leads from a panel of one site to a rack of another; correct one of them"
            work.note("feeds", f"feed {feed.name}", text, is_fault=True)
        else:
            by_rack.setdefault(feed.rack.id, []).append(feed)
    of_rack: dict[int, dict[FeedName, RackFeed]] = {}
    named: dict[int, tuple[int, FeedName]] = {}
    for rack, feeds in by_rack.items():
        for letter, group in _lettered(feeds).items():
            named |= {feed.id: (rack, letter) for feed in group}
            of_rack.setdefault(rack, {})[letter] = _one(work, rack, letter, group)
    return Feeds(of_rack=of_rack, named=named)


def _lettered(feeds: Sequence[FeedRecord]) -> dict[FeedName, list[FeedRecord]]:
    """Which of a rack's feeds are A and which are B: by their names, else by their type, else in order."""
    ordered = sorted(feeds, key=lambda one: (one.name, one.id))
    by_name = {feed.id: found[1].upper() for feed in ordered if (found := _LETTER.search(feed.name))}
    if len(by_name) < len(ordered):
        types = {feed.type for feed in ordered}
        by_name = {
            feed.id: ("A" if feed.type == "primary" else "B") if len(types) > 1 else "AB"[index % 2]
            for index, feed in enumerate(ordered)
        }
    groups: dict[FeedName, list[FeedRecord]] = {}
    for feed in ordered:
        groups.setdefault("A" if by_name[feed.id] == "A" else "B", []).append(feed)
    return {"A": groups["B"]} if groups.keys() == {"B"} else groups


def _one(work: AdoptionWork, rack: int, letter: FeedName, group: Sequence[FeedRecord]) -> RackFeed:
    """Several cords of one letter are one feed, with the sum of what those of its first panel carry."""
    first = group[0]
    same = [feed for feed in group if feed.power_panel.id == first.power_panel.id]
    if len(group) > 1:
        others = ", ".join(feed.name for feed in group if feed not in same)
        text = f"feeds {', '.join(feed.name for feed in same)} are one feed {letter} with the sum of their ratings"
        more = f"; {others} come from another panel, and do not count" if others else ""
        work.note("feeds", f"rack {work.estate.racks[rack].name}", text + more)
    if first.phase == "three-phase":
        work.note("feeds", f"feed {first.name}", "has three phases; which outlet is on which is not taken over")
    if first.supply_is_dc:
        work.note("feeds", f"feed {first.name}", "is a feed of direct current; it counts by its watts")
    return RackFeed(
        power_panel=first.power_panel.id,
        rated_w=min(_MOST_W, sum(rating_w(feed) for feed in same)),
        max_utilization=min(1.0, max(0.001, first.max_utilization / 100)),
        has_failed=first.status == "failed",
    )


@dataclass(frozen=True, kw_only=True)
class PowerPaths:
    """Where power ports lead to.

    Attributes:
        ports: ports by device.
        outlets: all outlets.
        feeds: which feed of which rack each feed is.
    """

    ports: Mapping[int, Sequence[PowerPortRecord]]
    outlets: Mapping[int, PowerOutletRecord]
    feeds: Mapping[int, tuple[int, FeedName]]
    by_id: Mapping[int, PowerPortRecord] = field(default_factory=dict)

    def hanging(self, device: int, rack: int) -> Counter[str]:
        """How many ports of a device hang on each feed of its rack; ``?`` for those that lead nowhere known.

        Args:
            device: number of the device.
            rack: number of its rack; a port that leads to a feed of another rack is counted as ``other``.
        """
        found: Counter[str] = Counter()
        for port in self.ports.get(device, ()):
            feed = self._feed_of(port, _DEEPEST)
            found["?" if feed is None else feed[1] if feed[0] == rack else "other"] += 1
        return found

    def feed_of_port(self, number: int) -> tuple[int, FeedName] | None:
        """The rack and the name of the feed that a port leads to; None where that is not recorded."""
        port = self.by_id.get(number)
        return None if port is None else self._feed_of(port, _DEEPEST)

    def _feed_of(self, port: PowerPortRecord, deepest: int) -> tuple[int, FeedName] | None:
        for end in port.connected_endpoints or ():
            if port.connected_endpoints_type == "dcim.powerfeed":
                return self.feeds.get(end.id)
            outlet = self.outlets.get(end.id)
            above = self.by_id.get(outlet.power_port.id) if outlet is not None and outlet.power_port else None
            if above is not None and deepest:
                return self._feed_of(above, deepest - 1)
        return None


def paths_of(work: AdoptionWork, feeds: Feeds) -> PowerPaths:
    """The paths of all power ports."""
    return PowerPaths(
        ports=_by_device(work.estate.power_ports.values()),
        outlets=work.estate.outlets,
        feeds=feeds.named,
        by_id=work.estate.power_ports,
    )


def _by_device(ports: Iterable[PowerPortRecord]) -> dict[int, list[PowerPortRecord]]:
    found: dict[int, list[PowerPortRecord]] = {}
    for port in ports:
        found.setdefault(port.device.id, []).append(port)
    return found

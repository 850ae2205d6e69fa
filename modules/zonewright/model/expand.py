"""Rows become racks, clusters become nodes: a few declared lines become the things that rules look at."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from zonewright.model.base import IDENTIFIER_PATTERN
from zonewright.model.cluster import Cluster, Place
from zonewright.model.power import Draw, Supply
from zonewright.model.rack import Feed, Rack
from zonewright.model.site import Baseline, Room, Row, Site
from zonewright.model.supply import FeedName, Phase, PowerFeed, thousandths
from zonewright.model.world import Occupant
from zonewright.model.zone import NodeType

_RANGE = re.compile(r"^(?P<prefix>[a-z0-9-]*?)(?P<first>[0-9]{1,18})\.\.(?P=prefix)(?P<last>[0-9]{1,18})$")
_MAX_EXPANSION = 10_000
HIGHEST = 60
"""Rack units of the tallest rack."""


def expand_ids(text: str) -> tuple[str, ...]:
    """The ids that an id, a range of ids or a comma list of both stands for.

    Args:
        text: ``07``, ``01..25``, ``row-01..row-25`` or ``01..03,07``.

    Returns:
        The ids in the order written, as wide as they were written.

    Raises:
        ValueError: when the text is none of these, says in one sentence what was expected.

    Example:
        >>> expand_ids("r08..r11,r20")
        ('r08', 'r09', 'r10', 'r11', 'r20')
    """
    ids: list[str] = []
    for part in text.split(","):
        word = part.strip()
        match = _RANGE.match(word)
        if match is None:
            if not re.match(IDENTIFIER_PATTERN, word):
                message = f"expected ids or ranges such as '01..25' or '01,02,07', got '{text}'"
                raise ValueError(message)
            ids.append(word)
            continue
        first, last = match["first"], match["last"]
        if len(first) != len(last) or int(last) < int(first) or int(last) - int(first) >= _MAX_EXPANSION:
            message = f"expected a range from low to high with the same number of digits, got '{word}'"
            raise ValueError(message)
        ids += [f"{match['prefix']}{number:0{len(first)}}" for number in range(int(first), int(last) + 1)]
    if len(set(ids)) != len(ids):
        message = f"'{text}' names the same id twice"
        raise ValueError(message)
    return tuple(ids)


def expanded_size(text: str) -> int:
    """How many ids a text stands for, counted without expanding it; what cannot be read counts at least 1.

    Args:
        text: as for :func:`expand_ids`.

    Example:
        >>> expanded_size("r08..r11,r20")
        5
    """
    ranges = (_RANGE.match(part.strip()) for part in text.split(","))
    return sum(1 if found is None else max(1, int(found["last"]) - int(found["first"]) + 1) for found in ranges)


def rows_of(site: Site) -> Iterator[tuple[str, str, Row]]:
    """Each row of a site as (room id, row id, row); ranges are expanded.

    Raises:
        ValueError: when a row's key is no id and no range.
    """
    for room_id, room in site.rooms.items():
        for key, row in room.rows.items():
            for row_id in expand_ids(key):
                yield room_id, row_id, row


FULL = 1000
"""A whole rating, in thousandths."""


def rack_number(index: int) -> str:
    """Number of the rack at ``index`` (from 1) within its row: two digits, as on the label."""
    return f"{index:02}"


def racks_of_row(row_path: str, row: Row, *, owner: str, room: Room, accepts: bool) -> Iterator[Rack]:
    """The racks of one row.

    Args:
        row_path: ``site/room/row``.
        row: the row.
        owner: the facility operator.
        room: its room.
        accepts: whether the asset itself is in a state in which others may place on it.
    """
    feeds: Mapping[FeedName, Feed] = {
        name: Feed(
            available_w=feed.available_w,
            power_panel=feed.power_panel,
            source=feed.breaker or "",
            legs=_legs(feed),
            derated=thousandths(feed.derated_to),
            built_w=0 if feed.derated_to is None else feed.design_w,
        )
        for name, feed in row.feeds.items()
    }
    is_open = accepts and row.status == "active"
    failed_feeds = frozenset(name for name, feed in row.feeds.items() if feed.status == "failed")
    failed = frozenset(expand_ids(row.failed_racks)) if row.failed_racks else frozenset[str]()
    derated: dict[str, int] = {}
    for racks, part in row.derated_racks.items():
        for rack in expand_ids(racks):
            derated[rack] = min(derated.get(rack, FULL), thousandths(part))
    may_open = frozenset(room.may_open) if is_open and room.status == "planned" else frozenset()
    for index in range(1, row.racks + 1):
        has_failed = row.status == "failed" or rack_number(index) in failed
        yield Rack(
            id=f"{row_path}/{rack_number(index)}",
            owner=owner,
            u_height=row.u_height,
            max_weight_kg=row.max_weight_kg,
            feeds=_derated(feeds, derated.get(rack_number(index), FULL)),
            accepts=is_open and room.status == "active" and not has_failed,
            may_open=frozenset[str]() if has_failed else may_open,
            cooling=room.cooling,
            is_planned="planned" in (row.status, room.status),
            failed_feeds=frozenset(feeds) if has_failed else failed_feeds,
            has_failed=has_failed,
            cooling_w=_watts(row.rack_cooling_kw),
            row_cooling_w=_watts(row.cooling_kw),
            cage=row.cage or "",
            at_m=None if row.place is None else row.place.of_rack(index),
        )


def _watts(kilowatts: float | None) -> int | None:
    return None if kilowatts is None else round(kilowatts * 1000)


def _derated(feeds: Mapping[FeedName, Feed], part: int) -> Mapping[FeedName, Feed]:
    """Feeds of a rack with so many thousandths of their rating."""
    if part == FULL:
        return feeds
    return {
        name: replace(
            feed,
            available_w=feed.available_w * part // FULL,
            derated=feed.derated * part // FULL,
            built_w=feed.design_w,
        )
        for name, feed in feeds.items()
    }


def _legs(feed: PowerFeed) -> tuple[tuple[Phase, int], ...]:
    """The units of each phase as bits."""
    return tuple((leg, sum(1 << unit for unit in units_of(text, HIGHEST))) for leg, text in sorted(feed.legs.items()))


def units_of(text: str, u_height: int) -> tuple[int, ...]:
    """The rack units that a text stands for.

    Args:
        text: as for :func:`expand_ids`, such as ``01..14``.
        u_height: height of the rack.

    Raises:
        ValueError: when the text cannot be read, or names a unit that the rack does not have.
    """
    ids = expand_ids(text) if expanded_size(text) <= HIGHEST else ()
    if not ids or not all(one.isdecimal() and len(one) <= len(str(HIGHEST)) for one in ids):
        message = f"expected rack units or ranges from 1 to {u_height}, in as many digits, such as 01..14, got '{text}'"
        raise ValueError(message)
    units = tuple(map(int, ids))
    if not 1 <= min(units) <= max(units) <= u_height:
        message = f"expected rack units from 1 to {u_height}, got '{text}'"
        raise ValueError(message)
    return units


def with_supply(racks: Mapping[str, Rack], sites: Mapping[str, Site]) -> dict[str, Rack]:
    """Racks with the elements of the supply that their feeds depend on; feeds behind what has failed have failed.

    Args:
        racks: by id.
        sites: by id; racks of a site that declares no chain stay as they are.
    """
    chains = {name: Supply(site) for name, site in sites.items() if site.has_chain}
    if not chains:
        return dict(racks)
    dead = {name: chain.dead() for name, chain in chains.items()}
    losses = {name: chain.losses() for name, chain in chains.items()}
    known: dict[tuple[str, Feed], Feed] = {}
    shared: dict[tuple[str, int], Mapping[FeedName, Feed]] = {}

    def supplied(site: str, feed: Feed) -> Feed:
        if (site, feed) not in known:
            source, chain = feed.source or feed.power_panel, chains[site]
            depends = frozenset(chain.label(name) for name, gone in losses[site].items() if source in gone)
            known[site, feed] = replace(feed, source=source, depends_on=depends)
        return known[site, feed]

    def all_supplied(rack: Rack) -> Mapping[FeedName, Feed]:
        key = rack.site, id(rack.feeds)  # racks of a row share their feeds
        if key not in shared:
            shared[key] = {name: supplied(rack.site, feed) for name, feed in rack.feeds.items()}
        return shared[key]

    found = dict(racks)
    for name, rack in racks.items():
        if rack.site in chains:
            feeds = all_supplied(rack)
            failed = {feed_name for feed_name, feed in feeds.items() if feed.source in dead[rack.site]}
            found[name] = replace(rack, feeds=feeds, failed_feeds=rack.failed_feeds | failed)
    return found


def feeds_told_as_now(before: Mapping[FeedName, Feed], now: Mapping[FeedName, Feed]) -> dict[FeedName, Feed]:
    """Feeds of before, with what the later declaration tells: derating, and for the first time phase and breaker.

    To say it changes nothing that stands there. What was said before stays as it was.

    Args:
        before: the earlier feeds of a rack.
        now: the later ones.
    """
    found = dict(before)
    for name, feed in before.items():
        later = now.get(name)
        if later is not None:
            source = later.source if later.power_panel == feed.power_panel else ""
            told = replace(feed, legs=feed.legs or later.legs, source=feed.source or source)
            found[name] = told.derated_as(later)
    return found


def baseline_of_row(row_path: str, row: Row, *, owner: str, path: str = "") -> Iterator[Occupant]:
    """What already stands in the racks of one row.

    Args:
        row_path: ``site/room/row``.
        row: the row.
        owner: the facility operator.
        path: path of the row in the owner's declaration.
    """
    for baseline_id, baseline in row.baseline.items():
        for number in expand_ids(baseline.racks):
            yield _baseline_in(
                f"{row_path}/{number}", baseline_id, baseline, owner=owner, path=f"{path}.baseline.{baseline_id}"
            )


def _baseline_in(rack: str, baseline_id: str, baseline: Baseline, *, owner: str, path: str) -> Occupant:
    return Occupant(
        party=owner,
        name=f"baseline/{baseline_id}/{rack}",
        rack=rack,
        position=baseline.position,
        u_height=baseline.u_height,
        face=baseline.face,
        is_full_depth=baseline.is_full_depth,
        draw=Draw(
            allocated_w=baseline.allocated_draw,
            supplies=baseline.power_supplies,
            required=baseline.power_supplies_required,
            single_feed=baseline.feed,
        ),
        weight_kg=baseline.weight_kg,
        protection_level=baseline.protection_level,
        leg=baseline.leg,
        standing="baseline",
        path=path,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One node that a cluster stands for, before it has a place.

    Attributes:
        name: ``<cluster>-<number>``, or the name that it was given; the host name and the name of its claim.
        number: its number in the cluster.
        cluster: id of its cluster.
        chosen: the place that the declaration chose, or None.
        path: path in the declaration.
    """

    name: str
    number: str
    cluster: str
    chosen: Place | None
    path: str


def node_numbers(cluster: Cluster) -> tuple[str, ...]:
    """Numbers of the nodes of a cluster, at least three digits wide, without those left out."""
    return _numbers(cluster.count, cluster.without)


@lru_cache(maxsize=64)
def _numbers(count: int, without: tuple[str, ...]) -> tuple[str, ...]:
    left_out = frozenset(without)
    return tuple(number for index in range(1, count + 1) if (number := f"{index:03}") not in left_out)


def nodes_of(cluster_id: str, cluster: Cluster) -> tuple[Node, ...]:
    """The nodes of one cluster, in order of their numbers."""
    if cluster.places or cluster.names:
        return _nodes_of_the_same(cluster_id, _Same(cluster))
    return _nodes(cluster_id, node_numbers(cluster))


def default_name(cluster_id: str, number: str) -> str:
    """Host name of a node that was given none."""
    return f"{cluster_id}-{number}"


@lru_cache(maxsize=64)
def _nodes(cluster_id: str, numbers: tuple[str, ...]) -> tuple[Node, ...]:
    path = f"clusters.{cluster_id}"
    return tuple(
        Node(name=default_name(cluster_id, number), number=number, cluster=cluster_id, chosen=None, path=path)
        for number in numbers
    )


class _Same:
    """A cluster as a key that nothing but the same object equals: to compare thousands of places takes long."""

    __slots__ = ("cluster",)

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def __hash__(self) -> int:
        return id(self.cluster)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.cluster is self.cluster


@lru_cache(maxsize=64)
def _nodes_of_the_same(cluster_id: str, same: _Same) -> tuple[Node, ...]:
    cluster, whole = same.cluster, f"clusters.{cluster_id}"
    places, names = cluster.places, cluster.names
    return tuple(
        Node(
            name=names.get(number) or default_name(cluster_id, number),
            number=number,
            cluster=cluster_id,
            chosen=places.get(number),
            path=f"{whole}.places.{number}" if number in places else whole,
        )
        for number in node_numbers(cluster)
    )


def draw_of(node_type: NodeType, cluster: Cluster) -> Draw:
    """Power of one node of a cluster."""
    return node_draw(node_type, cluster.feed)


def node_draw(node_type: NodeType, single_feed: FeedName) -> Draw:
    """Power of one node; ``single_feed`` counts where the type has one power supply."""
    return Draw(
        allocated_w=node_type.allocated_draw,
        supplies=node_type.power_supplies,
        required=node_type.power_supplies_required,
        worst_share_thousandths=round(node_type.power_supply_worst_share * 1000),
        single_feed=single_feed,
        supply_w=node_type.power_supply_w or 0,
    )

"""What alarms need: the limit of a site's energy ratio, its meters, its feeds at racks, and who is told."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from urllib.parse import urlsplit

from zonewright.model import Row, Site
from zonewright.model.surroundings import Surroundings
from zonewright.model.world import SiteFacts
from zonewright.rules.site_power import is_in_scope


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterPoint:
    """A meter of the site's boundary."""

    name: str
    point: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedLimit:
    """Racks that have the same limit at one feed; ``racks`` is a regular expression for their ids."""

    feed: str
    limit_w: int
    racks: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertTarget:
    """Who is told of alerts.

    Attributes:
        scheme: http or https.
        target: host and port.
        ca_file: file with the certificates that it must have, or empty.
        credentials_file: file with a bearer token, or empty.
    """

    scheme: str
    target: str
    ca_file: str
    credentials_file: str


def alert_targets(site: Site, ports: Mapping[str, int]) -> tuple[AlertTarget, ...]:
    """Who is told of a site's alerts, in order of id.

    Args:
        site: its declaration.
        ports: the usual port of each scheme.
    """
    return tuple(
        AlertTarget(
            scheme=(parts := urlsplit(one.url)).scheme,
            target=parts.netloc if parts.port else f"{parts.netloc}:{ports[parts.scheme]}",
            ca_file=one.ca_file or "",
            credentials_file=one.credentials_file or "",
        )
        for _, one in sorted(site.alertmanagers.items())
    )


def ratio_limit_of(name: str, site: Site, rows: Mapping[str, Row], around: Surroundings) -> Fraction:
    """The limit that holds for a site by its own declaration, planned rows counted; 0 where none does."""
    design_w = sum(row.racks * min(feed.design_w for feed in row.feeds.values()) for row in rows.values())
    held = SiteFacts(owner=name, site=site)
    if not around.ratio_limit or not is_in_scope(held, design_w, around.ratio_applies_from or None):
        return Fraction(0)
    return Fraction(around.ratio_limit)


def meter_points(site: Site) -> tuple[MeterPoint, ...]:
    """The meters of a site's boundary, in order of name."""
    wanted = {*site.boundary.facility, *site.boundary.it} if site.boundary is not None else set()
    return tuple(MeterPoint(name=one, point=site.meters[one].point) for one in sorted(wanted) if one in site.meters)


def feed_limits(name: str, rows: Mapping[str, Row]) -> Iterator[FeedLimit]:
    """What each feed may carry at which racks."""
    by_limit: dict[tuple[str, int], list[str]] = defaultdict(list)
    for path, row in sorted(rows.items()):
        for feed, declared in sorted(row.feeds.items()):
            by_limit[feed, declared.available_w].append(path)
    yield from _limits(name, rows, by_limit)


def failover_limits(name: str, rows: Mapping[str, Row]) -> Iterator[FeedLimit]:
    """What racks may draw in all with one feed lost."""
    by_limit: dict[tuple[str, int], list[str]] = defaultdict(list)
    for path, row in sorted(rows.items()):
        if len(row.feeds) > 1:
            limit_w, feed = min((declared.available_w, feed) for feed, declared in row.feeds.items())
            by_limit[feed, limit_w].append(path)
    yield from _limits(name, rows, by_limit)


def _limits(name: str, rows: Mapping[str, Row], by_limit: Mapping[tuple[str, int], list[str]]) -> Iterator[FeedLimit]:
    for (feed, limit_w), paths in sorted(by_limit.items()):
        yield FeedLimit(feed=feed, limit_w=limit_w, racks=_racks(name, paths, rows))


def _racks(name: str, paths: list[str], rows: Mapping[str, Row]) -> str:
    """A regular expression for the ids of all racks of some rows: room by room, a whole room as such."""
    chosen: dict[str, list[str]] = defaultdict(list)
    whole: dict[str, int] = defaultdict(int)
    for path in rows:
        whole[path.split("/")[1]] += 1
    for path in paths:
        _, room, row = path.split("/")
        chosen[room].append(row)
    parts = [
        f"{room}/[^/]+" if len(of_room) == whole[room] else f"{room}/(?:{'|'.join(of_room)})"
        for room, of_room in sorted(chosen.items())
    ]
    return f"{name}/(?:{'|'.join(parts)})/[^/]+"

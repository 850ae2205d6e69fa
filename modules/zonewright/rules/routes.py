"""Whether the ducts of a link join its ends: what meets what, and where the gaps are. No policy stands here."""

from collections.abc import Sequence
from dataclasses import dataclass

from zonewright.model.geodesy import LatLon, distance_m
from zonewright.model.network import Duct, Link
from zonewright.model.world import ZoneFacts

_TOLERANCE_M = 0.001
"""Points are given in decimals of a degree: what is within the distance on paper is within it here."""


@dataclass(frozen=True, slots=True)
class RouteEnd:
    """An end of something.

    Attributes:
        of: how it is called in messages.
        name: the site or manhole that it says it ends at, or None.
        point: where it is, or None if nobody says so.
        is_site: whether it is a site, and no end of a duct.
    """

    of: str
    name: str | None
    point: LatLon | None
    is_site: bool = False


@dataclass(frozen=True, slots=True)
class Joint:
    """Two ends that should meet.

    Attributes:
        one: one of them.
        two: the other.
        meets: None where it is not known.
        distance_m: between them in metres, None where it is not known.
    """

    one: RouteEnd
    two: RouteEnd
    meets: bool | None
    distance_m: float | None

    @property
    def cost(self) -> tuple[int, float]:
        """Smaller is better: what meets, what may meet, and what is near."""
        return ({True: 0, None: 1, False: 1_000}[self.meets], self.distance_m or 0.0)

    def text(self) -> str:
        """Why the two do not meet."""
        if self.one.name and self.two.name and self.one.name != self.two.name:
            duct, other = (self.two, self.one) if self.one.is_site else (self.one, self.two)
            tail = f"not at {other.of}" if other.is_site else f"{other.of} at {other.name}"
            return f"{duct.of} ends at {duct.name}, and {tail}"
        return f"from {self.one.of} to {self.two.of} are {self.distance_m or 0:,.0f} m"


def joint_limit_m(facts: ZoneFacts) -> float:
    """How far two ends that meet may be apart, in metres."""
    limit = facts.zone.limit("route-joint-distance-m")
    return limit.value if limit is not None else 0.0


def joint(one: RouteEnd, two: RouteEnd, limit_m: float) -> Joint:
    """Whether two ends meet: within the distance, and not at two places that have different names."""
    distance = distance_m(one.point, two.point) if one.point is not None and two.point is not None else None
    if one.name and two.name and one.name != two.name:
        return Joint(one, two, meets=False, distance_m=distance)
    if distance is None:
        return Joint(one, two, meets=True if one.name and two.name else None, distance_m=None)
    return Joint(one, two, meets=distance <= limit_m + _TOLERANCE_M, distance_m=distance)


def ends_of(duct_id: str, duct: Duct) -> tuple[RouteEnd, RouteEnd]:
    """Both ends of a duct, in the order of its points."""
    points = duct.route.points
    return RouteEnd(f"duct {duct_id}", duct.a, points[0]), RouteEnd(f"duct {duct_id}", duct.b, points[-1])


def touch(one: tuple[str, Duct], two: tuple[str, Duct], limit_m: float) -> bool:
    """Whether two ducts meet with one end of each."""
    return any(joint(mine, yours, limit_m).meets is True for mine in ends_of(*one) for yours in ends_of(*two))


def joints_of(link: Link, facts: ZoneFacts) -> tuple[Joint, ...]:
    """What must meet along a link from its end ``a`` to its end ``b``, with each duct laid the way that fits best.

    Nothing where a duct or an end of it is not known, or where the whole route is not.
    """
    held = [(duct_id, facts.ducts.get(duct_id)) for duct_id in link.ducts]
    if link.route == "unknown" or link.a not in facts.sites or link.b not in facts.sites:
        return ()
    ducts = [(duct_id, duct.duct) for duct_id, duct in held if duct is not None]
    if len(ducts) != len(held):
        return ()
    return min((_along(link, chain, facts) for chain in (ducts, ducts[::-1])), key=_total)


def _along(link: Link, ducts: Sequence[tuple[str, Duct]], facts: ZoneFacts) -> tuple[Joint, ...]:
    """The cheapest way to lay each of the ducts forward or backward."""
    limit_m, start, end = joint_limit_m(facts), _site(link.a, facts), _site(link.b, facts)
    ways: list[tuple[RouteEnd, tuple[Joint, ...]]] = []
    for duct_id, duct in ducts:
        ends = ends_of(duct_id, duct)
        ways = [
            (
                leaves,
                min(((*so_far, joint(last, enters, limit_m)) for last, so_far in ways), key=_total)
                if ways
                else (joint(start, _at_site(enters, facts), limit_m),),
            )
            for enters, leaves in (ends, ends[::-1])
        ]
    return min(((*so_far, joint(_at_site(last, facts), end, limit_m)) for last, so_far in ways), key=_total)


def _site(site_id: str, facts: ZoneFacts) -> RouteEnd:
    location = facts.sites[site_id].site.location
    point = (location.latitude, location.longitude) if location is not None else None
    return RouteEnd(f"site {site_id}", site_id, point, is_site=True)


def _at_site(end: RouteEnd, facts: ZoneFacts) -> RouteEnd:
    """An end as a site sees it: a manhole before its door is no other place."""
    return end if end.name in facts.sites else RouteEnd(end.of, None, end.point)


def _total(joints: Sequence[Joint]) -> tuple[int, float]:
    return sum(one.cost[0] for one in joints), sum(one.cost[1] for one in joints)

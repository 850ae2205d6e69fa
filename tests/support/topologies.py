"""Networks of the size of known backbones, made from a seed: their own data may not be copied, and size is what counts.

Sites lie in a country of 800 km, along one ring through all of them but the spurs; the shortest links that are left
join neighbours, as in a backbone. Each link has a duct of its own.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random

from support.zone_project import ZONE
from zonewright.model import Site, Zone
from zonewright.model.geodesy import LatLon, distance_m
from zonewright.model.network import Duct, Link, Route
from zonewright.model.world import DuctFacts, LinkFacts, SiteFacts, ZoneFacts

_SOUTH, _WEST, _SIDE = 47.0, 7.0, 7.0


@dataclass(frozen=True, slots=True)
class Size:
    """How large a network is: sites, links, sites with one link, and bridges that two ducts have in common."""

    sites: int
    links: int
    spurs: int = 0
    bridges: int = 0


NAMED = {
    "germany50": Size(50, 88),
    "Garr": Size(61, 75, spurs=20),
    "Dfn": Size(51, 80, spurs=5),
    "germany50, shared bridges": Size(50, 88, bridges=12),
}
"""Sites and links of SNDlib's germany50 and of Garr (2012) and Dfn (2011) of the Topology Zoo."""


def network(size: Size, seed: int = 1) -> ZoneFacts:
    """A connected network of a size; the same seed gives the same one."""
    chance = Random(seed)
    at = {
        f"s{number:02}": (_SOUTH + chance.random() * _SIDE, _WEST + chance.random() * _SIDE)
        for number in range(size.sites)
    }
    names = list(at)
    inner, spurs = names[size.spurs :], names[: size.spurs]
    tour = _tour(inner, at)
    chosen = [(min(pair), max(pair)) for pair in zip(tour, [*tour[1:], tour[0]], strict=True)]
    chosen += [(spur, min((distance_m(at[one], at[spur]), one) for one in inner)[1]) for spur in spurs]
    degree = Counter(name for pair in chosen for name in pair)
    for one, two in sorted(combinations(inner, 2), key=lambda pair: distance_m(at[pair[0]], at[pair[1]])):
        if len(chosen) < size.links and (one, two) not in chosen and max(degree[one], degree[two]) < _MOST:
            chosen.append((one, two))
            degree.update((one, two))
    bridges = dict.fromkeys(range(len(chosen)), "")
    for number in range(size.bridges):
        for index in chance.sample(range(len(chosen)), 2):
            bridges[index] = f"b{number}"
    return ZoneFacts(
        zone=Zone.model_validate(ZONE),
        sites={
            name: SiteFacts(owner="op", site=Site.model_validate({"title": name, "district": "north"})) for name in at
        },
        ducts={f"d{index:02}": _duct(at[one], at[two], bridges[index]) for index, (one, two) in enumerate(chosen)},
        links={
            f"l{index:02}": LinkFacts(owner="net", link=Link(a=one, b=two, ducts=(f"d{index:02}",), cores=96))
            for index, (one, two) in enumerate(chosen)
        },
    )


_MOST = 5
"""Links at one site."""


def _tour(names: Sequence[str], at: Mapping[str, LatLon]) -> list[str]:
    """A way through all sites, each time to the nearest one that is left, with its crossings undone."""
    left, tour = list(names[1:]), [names[0]]
    while left:
        tour.append(min(left, key=lambda one: distance_m(at[one], at[tour[-1]])))
        left.remove(tour[-1])

    def length(order: list[str]) -> float:
        return sum(distance_m(at[order[index - 1]], at[order[index]]) for index in range(len(order)))

    for first, last in [*combinations(range(1, len(tour)), 2)] * 2:
        turned = [*tour[:first], *reversed(tour[first : last + 1]), *tour[last + 1 :]]
        if length(turned) < length(tour):
            tour = turned
    return tour


def _duct(one: LatLon, two: LatLon, bridge: str) -> DuctFacts:
    route = Route(crs="WGS84", points=(one, two))
    length_m = max(1, round(distance_m(one, two) * 1.35))
    return DuctFacts(owner="net", duct=Duct(route=route, length_m=length_m, bores=8, bridge=bridge or None))

"""The ways that routing takes between two sites: over the fewest sites, and over drained links only where it must.

It is what the routers that are rendered do: each site is one step of BGP, a route over a drained link goes behind every
other one (RFC 8326), and equal ways are all used. Which of them a packet takes nobody chooses, so all are told.
"""

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from zonewright.model.network import Link

_Distance = tuple[bool, int]
"""Whether a drained link is on the way, and how many links."""
_NOWHERE: _Distance = (True, 2**62)


class Ways:
    """The active links of a zone, to be asked many times.

    Args:
        links: all of its links, by id.
    """

    def __init__(self, links: Mapping[str, Link]) -> None:
        self._out: dict[str, list[tuple[str, str, bool]]] = defaultdict(list)
        for name, link in sorted(links.items()):
            if link.status == "active" and link.a != link.b:
                self._out[link.a].append((link.b, name, link.drained))
                self._out[link.b].append((link.a, name, link.drained))

    def links_between(self, start: str, end: str, down: Collection[str] = ()) -> frozenset[str]:
        """The links of all ways that a packet may take; none where there is no way.

        Args:
            start: id of a site.
            end: id of the other.
            down: links that carry nothing.
        """
        known = self._distances(end, down)
        if start not in known:
            return frozenset()
        found: set[str] = set()
        seen, waiting = {start}, [start]
        while waiting:
            site = waiting.pop()
            for to, name, drained in self._out[site] if site != end else ():
                behind = known.get(to, _NOWHERE)
                if name not in down and (behind[0] or drained, behind[1] + 1) == known[site]:
                    found.add(name)
                    waiting += [] if to in seen else [to]
                    seen.add(to)
        return frozenset(found)

    def _distances(self, end: str, down: Collection[str]) -> Mapping[str, _Distance]:
        known: dict[str, _Distance] = {}
        queue: list[tuple[_Distance, str]] = [((False, 0), end)]
        while queue:
            distance, site = heapq.heappop(queue)
            if site in known:
                continue
            known[site] = distance
            for one, name, drained in self._out[site]:
                if one not in known and name not in down:
                    heapq.heappush(queue, ((distance[0] or drained, distance[1] + 1), one))
        return known


def by_what_fails(risks: Mapping[str, Iterable[tuple[str, str]]]) -> Mapping[tuple[str, str], frozenset[str]]:
    """The links that go down with each thing: with a link itself, and with each of its risks.

    Args:
        risks: kinds and names of the risks of each link.
    """
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for link, of_link in risks.items():
        for one in (("link", link), *of_link):
            found[one].add(link)
    return {one: frozenset(links) for one, links in sorted(found.items())}

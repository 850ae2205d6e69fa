"""Fastest paths and pairs of disjoint paths: a pair, a proof that there is none, or "not decided".

That two paths share no risk is easy to check and hard to find: where links share ducts, bridges or panels as they like,
and both paths have a limit of delay, no quick way is known (J.-Q. Hu, "Diverse routing in optical mesh networks", IEEE
Transactions on Communications 51(3), 2003). So the search tries all ways of one path, and leaves each as soon as what
it hangs on leaves no second path. It counts its work and not the time, so that its answer is the same everywhere.
"""

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from zonewright.model.base import RiskKind
from zonewright.model.world import ZoneFacts
from zonewright.rules.paths import BLIND_KINDS, LinkPath, RouteRisk, link_delay_ns, risks_of

MAX_SEARCHES = 4_000
"""Searches for a second path until a pair is given up; where one is to be found, some tens are enough."""
_FAR = 2**62
_LINK = "link"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairAnswer:
    """Whether there are two paths that share nothing of what they must not share.

    Attributes:
        pair: the two, the faster one first; None where none was found.
        cut: kinds and names of things, one of which every path within the limit hangs on, and none of which can be
            left out; where it is a single one, it proves that there is no pair. Empty where there is a pair or no path.
        is_decided: without a pair: whether there is none. False where the search was given up, which proves nothing.
        unknown: links whose route would have to be known: with them there may be a pair.
    """

    pair: tuple[LinkPath, LinkPath] | None = None
    cut: tuple[tuple[str, str], ...] = ()
    is_decided: bool = True
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Step:
    """A link in one direction.

    Attributes:
        to: the site that it leads to.
        link: its id.
        delay_ns: its delay.
        mask: a bit for the link itself and for each risk that counts.
        is_blind: whether a kind of risk counts that nobody knows of the link.
    """

    to: str
    link: str
    delay_ns: int
    mask: int
    is_blind: bool


class LinkNetwork:
    """The active links of a zone, to be asked many times.

    Args:
        facts: the zone.
        searches: how many searches for a second path are made until a pair is given up.
        only_timed: whether links whose delay nobody knows are left out; else they count as if they took no time.
    """

    def __init__(self, facts: ZoneFacts, *, searches: int = MAX_SEARCHES, only_timed: bool = False) -> None:
        self._facts, self._searches = facts, searches
        delays = {name: link_delay_ns(held.link, facts) for name, held in facts.links.items()}
        self._links = [
            (name, held.link, delays[name] or 0, risks_of(held.link, facts))
            for name, held in sorted(facts.links.items())
            if held.link.status == "active" and not (only_timed and delays[name] is None)
        ]

    def fastest(self, start: str, end: str) -> LinkPath | None:
        """The path of least delay between two sites, or None; of equal ones the one whose links come first."""
        steps, _ = self._steps((), (start, end))
        return _fastest(steps, start, end, banned=0, most_ns=_FAR)

    def disjoint_pair(
        self, start: str, end: str, kinds: Collection[RiskKind], *, most_ns: int | None = None
    ) -> PairAnswer:
        """Two paths between two sites that share neither a link nor a risk of some kinds.

        The ends, their panels and the substations of these are left out: all paths between the ends share those. Where
        ducts or bridges count, a link whose route is unknown is in no pair, and without a pair nothing is decided
        for as long as such a link could be in one.

        Args:
            start: id of a site.
            end: id of the other.
            kinds: kinds of risk that must not be shared.
            most_ns: the most that either path may take, in nanoseconds; None for any.
        """
        steps, names = self._steps(kinds, (start, end))
        limit = _FAR if most_ns is None else most_ns
        seen = {site: [step for step in out if not step.is_blind] for site, out in steps.items()}
        answer = self._pair(defaultdict(list, seen), names, start, end, limit)
        blind = {step.link for out in steps.values() for step in out if step.is_blind}
        if answer.pair is not None or not blind:
            return answer
        hoped = self._pair(steps, names, start, end, limit)
        if hoped.pair is None:
            return hoped  # not even with links of which nothing is known
        unknown = blind.intersection(hoped.pair[0].links + hoped.pair[1].links)
        return PairAnswer(is_decided=False, unknown=tuple(sorted(unknown))) if unknown else hoped

    def _pair(
        self, steps: dict[str, list[_Step]], names: dict[int, tuple[str, str]], start: str, end: str, limit: int
    ) -> PairAnswer:
        """A pair over some links, or why there is none; the cut is of as few things as leaving out one by one gives."""
        first = _fastest(steps, start, end, banned=0, most_ns=limit)
        if first is None:
            return PairAnswer()
        for bit in _bits(_mask_of(steps, start, first)):
            if _fastest(steps, start, end, banned=bit, most_ns=limit) is None:
                return PairAnswer(cut=(names[bit],))
        search = _Search(steps=steps, start=start, end=end, most_ns=limit, left=self._searches)
        found = search.run()
        if found is not None:
            one, two = sorted(found, key=lambda path: (path.delay_ns, path.links))
            return PairAnswer(pair=(one, two))
        if search.left <= 0:
            return PairAnswer(is_decided=False)
        # No path is disjoint from the first one, so that what it hangs on takes down all of them.
        cut = _mask_of(steps, start, first)
        for bit in _bits(cut):
            if _fastest(steps, start, end, banned=cut & ~bit, most_ns=limit) is None:
                cut &= ~bit
        return PairAnswer(cut=tuple(names[bit] for bit in _bits(cut)))

    def fastest_pair(self, start: str, end: str, kinds: Collection[RiskKind], slower: LinkPath) -> PairAnswer:
        """The pair whose slower path is fastest, from one that was found before; undecided if a search was given up.

        Args:
            start: id of a site.
            end: id of the other.
            kinds: kinds of risk that must not be shared.
            slower: the slower path of a pair.
        """
        best, answer = None, self.disjoint_pair(start, end, kinds, most_ns=slower.delay_ns)
        while answer.pair is not None:
            best = answer.pair
            answer = self.disjoint_pair(start, end, kinds, most_ns=best[1].delay_ns - 1)
        return PairAnswer(pair=best, is_decided=answer.is_decided)

    def _steps(
        self, kinds: Collection[RiskKind], ends: tuple[str, str]
    ) -> tuple[dict[str, list[_Step]], dict[int, tuple[str, str]]]:
        """The links by the site where they begin, and what each bit of their masks stands for."""
        shared = self._shared_by_nature(ends)
        bits: dict[tuple[str, str], int] = {}
        steps: dict[str, list[_Step]] = defaultdict(list)
        for name, link, delay_ns, risks in self._links:
            counted = sorted(risk for risk in risks if risk[0] in kinds and risk not in shared)
            mask = 0
            for one in ((_LINK, name), *counted):
                mask |= bits.setdefault(one, 1 << len(bits))
            is_blind = link.route == "unknown" and not BLIND_KINDS.isdisjoint(kinds)
            steps[link.a].append(_Step(link.b, name, delay_ns, mask, is_blind))
            steps[link.b].append(_Step(link.a, name, delay_ns, mask, is_blind))
        return steps, {bit: one for one, bit in bits.items()}

    def _shared_by_nature(self, ends: tuple[str, str]) -> set[RouteRisk]:
        found: set[RouteRisk] = {("site", end) for end in ends}
        for end in ends:
            held = self._facts.sites.get(end)
            for name, panel in held.site.power_panels.items() if held is not None else ():
                found |= {("power-panel", f"{end}/{name}"), ("power-panel", f"substation {panel.substation}")}
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    """A path that has begun.

    Attributes:
        path: its links so far.
        mask: what it hangs on.
        seen: its sites.
        second: a path between the ends that shares nothing with it.
        ways: links that were not tried yet.
    """

    path: LinkPath
    mask: int
    seen: frozenset[str]
    second: LinkPath
    ways: Iterator[_Step]


@dataclass(slots=True, kw_only=True)
class _Search:
    """Tries all ways of a path for which a second one is left.

    Attributes:
        steps: links by the site where they begin.
        start: where both paths begin.
        end: where they end.
        most_ns: the most that either may take.
        left: searches for a second path that may still be made.
    """

    steps: dict[str, list[_Step]]
    start: str
    end: str
    most_ns: int
    left: int
    _rest_ns: dict[str, int] = field(default_factory=dict)

    def run(self) -> tuple[LinkPath, LinkPath] | None:
        """A pair; None where there is none, or where nothing is left of the work."""
        self._rest_ns = _delays_to(self.steps, self.end)
        second = _fastest(self.steps, self.start, self.end, banned=0, most_ns=self.most_ns)
        if second is None:
            return None
        stack = [self._begun(self.start, LinkPath((), 0), 0, frozenset({self.start}), second)]
        while stack:
            here = stack[-1]
            step = next(here.ways, None)
            if step is None:
                stack.pop()
                continue
            hangs_on = here.mask | step.mask
            other = self._second(here.second, hangs_on, step)
            if self.left <= 0:
                return None
            if other is None:
                continue
            longer = LinkPath((*here.path.links, step.link), here.path.delay_ns + step.delay_ns)
            if step.to == self.end:
                return longer, other
            stack.append(self._begun(step.to, longer, hangs_on, here.seen | {step.to}, other))
        return None

    def _second(self, second: LinkPath, hangs_on: int, step: _Step) -> LinkPath | None:
        """A path beside one that goes on over a step: that of before, or another one."""
        if not _mask_of(self.steps, self.start, second) & step.mask:
            return second
        self.left -= 1
        return _fastest(self.steps, self.start, self.end, banned=hangs_on, most_ns=self.most_ns)

    def _begun(self, site: str, path: LinkPath, mask: int, seen: frozenset[str], second: LinkPath) -> "_Begun":
        return _Begun(path=path, mask=mask, seen=seen, second=second, ways=self._ways(site, path, seen))

    def _ways(self, site: str, path: LinkPath, seen: frozenset[str]) -> Iterator[_Step]:
        """Links that lead on within the limit, first those that are nearest to the end."""
        ways = [
            (path.delay_ns + step.delay_ns + self._rest_ns.get(step.to, _FAR), step.link, step)
            for step in self.steps[site]
            if step.to not in seen
        ]
        yield from (step for total, _, step in sorted(ways, key=lambda way: way[:2]) if total <= self.most_ns)


def _fastest(steps: dict[str, list[_Step]], start: str, end: str, *, banned: int, most_ns: int) -> LinkPath | None:
    """The fastest path over links that hang on nothing that is banned; None beyond the limit."""
    queue: list[tuple[int, tuple[str, ...], str]] = [(0, (), start)]
    done: set[str] = set()
    while queue:
        delay, links, site = heapq.heappop(queue)
        if delay > most_ns:
            return None
        if site == end:
            return LinkPath(links, delay)
        if site in done:
            continue
        done.add(site)
        for step in steps[site]:
            if not step.mask & banned and step.to not in done:
                heapq.heappush(queue, (delay + step.delay_ns, (*links, step.link), step.to))
    return None


def _delays_to(steps: dict[str, list[_Step]], end: str) -> dict[str, int]:
    """The least delay from each site to the end."""
    found: dict[str, int] = {}
    queue = [(0, end)]
    while queue:
        delay, site = heapq.heappop(queue)
        if site not in found:
            found[site] = delay
            for step in steps[site]:
                heapq.heappush(queue, (delay + step.delay_ns, step.to))
    return found


def _mask_of(steps: dict[str, list[_Step]], start: str, path: LinkPath) -> int:
    """What a path hangs on."""
    mask, site = 0, start
    for link in path.links:
        step = next(step for step in steps[site] if step.link == link)
        mask, site = mask | step.mask, step.to
    return mask


def _bits(mask: int) -> Iterator[int]:
    """The bits of a mask, one by one."""
    while mask:
        bit = mask & -mask
        yield bit
        mask ^= bit

"""Fastest paths and pairs of disjoint paths: a pair, a proof that there is none, or "not decided".

That two paths share no risk is easy to check and hard to find: where links share ducts, bridges or panels as they like,
and both paths have a limit of delay, no quick way is known (J.-Q. Hu, "Diverse routing in optical mesh networks", IEEE
Transactions on Communications 51(3), 2003). So the search tries all ways of one path, leaves each as soon as what it
hangs on leaves no second path, and remembers why. It counts its work and not the time, so that its answer is the same
everywhere.
"""

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass

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
        first: the bit of the link itself.
        is_blind: whether a kind of risk counts that nobody knows of the link.
    """

    to: str
    link: str
    delay_ns: int
    mask: int
    first: int
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
        search = _Search(steps, start, end, most_ns=limit, left=self._searches)
        found = next(search.pairs(), None)
        if found is not None:
            return PairAnswer(pair=_in_order(found))
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
        steps, _ = self._steps(kinds, (start, end))
        has_blind = any(step.is_blind for out in steps.values() for step in out)
        seen = {site: [step for step in out if not step.is_blind] for site, out in steps.items()}
        best: tuple[LinkPath, LinkPath] | None = None
        search = _Search(defaultdict(list, seen), start, end, most_ns=slower.delay_ns, left=self._searches)
        for pair in search.pairs():
            best = _in_order(pair)
            search.most_ns = best[1].delay_ns - 1
        return PairAnswer(pair=best, is_decided=search.left > 0 and not has_blind)

    def _steps(
        self, kinds: Collection[RiskKind], ends: tuple[str, str]
    ) -> tuple[dict[str, list[_Step]], dict[int, tuple[str, str]]]:
        """The links by the site where they begin, and what each bit of their masks stands for."""
        shared = shared_by_nature(self._facts, ends)
        bits: dict[tuple[str, str], int] = {}
        steps: dict[str, list[_Step]] = defaultdict(list)
        for name, link, delay_ns, risks in self._links:
            counted = sorted(risk for risk in risks if risk[0] in kinds and risk not in shared)
            mask = 0
            for one in ((_LINK, name), *counted):
                mask |= bits.setdefault(one, 1 << len(bits))
            first = bits[_LINK, name]
            is_blind = link.route == "unknown" and not BLIND_KINDS.isdisjoint(kinds)
            steps[link.a].append(_Step(link.b, name, delay_ns, mask, first, is_blind))
            steps[link.b].append(_Step(link.a, name, delay_ns, mask, first, is_blind))
        return steps, {bit: one for one, bit in bits.items()}


def shared_by_nature(facts: ZoneFacts, ends: tuple[str, str]) -> set[RouteRisk]:
    """What all paths between two sites share: the sites, their panels and the substations of these.

    Args:
        facts: the zone.
        ends: ids of the two sites.
    """
    found: set[RouteRisk] = {("site", end) for end in ends}
    for end in ends:
        held = facts.sites.get(end)
        for name, panel in held.site.power_panels.items() if held is not None else ():
            found |= {("power-panel", f"{end}/{name}"), ("power-panel", f"substation {panel.substation}")}
    return found


def _in_order(pair: tuple[LinkPath, LinkPath]) -> tuple[LinkPath, LinkPath]:
    """The faster one first."""
    one, two = sorted(pair, key=lambda path: (path.delay_ns, path.links))
    return one, two


@dataclass(slots=True, kw_only=True)
class _Begun:
    """A path that has begun.

    Attributes:
        site: where it is.
        path: its links so far.
        mask: what it hangs on.
        seen: its sites.
        second: a path between the ends that shares nothing with it.
        second_mask: what that one hangs on.
        ways: links that were not tried yet.
        why: of what it hangs on, what kept all ways that were tried from a second path.
    """

    site: str
    path: LinkPath
    mask: int
    seen: frozenset[str]
    second: LinkPath
    second_mask: int
    ways: Iterator[_Step]
    why: int = 0


class _Search:
    """Tries all ways of a path for which a second one is left, and learns from those that end.

    Where a beginning leads nowhere, it notes of what it hangs on what was to blame. Another beginning that comes to the
    same site later, and hangs on that as well, leads nowhere either.

    Args:
        steps: links by the site where they begin.
        start: where both paths begin.
        end: where they end.
        most_ns: the most that either may take; it may be lowered between two pairs.
        left: searches for a path that may still be made.
    """

    def __init__(self, steps: dict[str, list[_Step]], start: str, end: str, *, most_ns: int, left: int) -> None:
        self._steps, self._start, self._end = steps, start, end
        self.most_ns, self.left = most_ns, left
        self._rest_ns = _delays_to(steps, end)
        self._tried = 0
        """First links of which it is known that no pair has them: what one path tried, the other need not try."""
        self._known: dict[str, list[tuple[int, int]]] = defaultdict(list)
        """By site: what led nowhere from there, as the delay so far and what was to blame."""

    def pairs(self) -> Iterator[tuple[LinkPath, LinkPath]]:
        """Pairs within the limit, as it is at that time; their end proves that there is no other, if work is left."""
        second, _ = self._path(self._start, 0, self.most_ns)
        stack = [self._begun(None, None, second)] if second else []
        while stack and self.left > 0:
            here = stack[-1]
            step = next(here.ways, None) if self._renewed(here) else None
            if step is None:
                self._leave(stack)
                continue
            child = self._child(here, step)
            if len(stack) == 1:
                self._tried |= step.first
            if child is None:
                continue
            rest: LinkPath | None = LinkPath((), 0)
            if child.site != self._end:
                stack.append(child)
                left_ns = self.most_ns - child.path.delay_ns
                rest, _ = self._path(child.site, child.second_mask, left_ns, seen=child.seen)
            if rest is not None:
                here.why = here.mask  # what was found is no reason, and what it lowers is not looked at
                child.why = child.mask
                yield LinkPath(child.path.links + rest.links, child.path.delay_ns + rest.delay_ns), child.second

    def _child(self, here: _Begun, step: _Step) -> _Begun | None:
        """The path with one more link, or None where that leads nowhere."""
        delay_ns, mask = here.path.delay_ns + step.delay_ns, here.mask | step.mask
        if delay_ns + self._rest_ns.get(step.to, _FAR) > self.most_ns:
            return None
        for least_ns, why in self._known[step.to]:
            if least_ns <= delay_ns and not why & ~mask:
                here.why |= why & here.mask
                return None
        second: LinkPath | None = here.second
        if here.second_mask & step.mask:
            second, why = self._path(self._start, mask, self.most_ns, own=step.mask & ~here.mask)
            here.why |= why & here.mask if second is None else 0
        return self._begun(here, step, second) if second is not None else None

    def _leave(self, stack: list[_Begun]) -> None:
        """Note what was to blame, for the path itself and for the one that it went on from."""
        done = stack.pop()
        self._known[done.site].append((done.path.delay_ns, done.why))
        if stack:
            stack[-1].why |= done.why & stack[-1].mask

    def _renewed(self, here: _Begun) -> bool:
        """Whether there is a second path within a limit that may have been lowered."""
        if here.second.delay_ns <= self.most_ns:
            return True
        second, why = self._path(self._start, here.mask, self.most_ns)
        if second is None:
            here.why |= why
            return False
        here.second, here.second_mask = second, _mask_of(self._steps, self._start, second)
        return True

    def _path(
        self, start: str, banned: int, most_ns: int, *, own: int = 0, seen: frozenset[str] = frozenset()
    ) -> tuple[LinkPath | None, int]:
        """The fastest path from a site to the end that hangs on nothing that is banned, or what bans it.

        Args:
            start: where it begins.
            banned: what it must not hang on; nor on what was tried already.
            most_ns: the most that it may take.
            own: what is blamed before anything else.
            seen: sites that it must not pass.
        """
        self.left -= 1
        rest, free = self._rest_ns, own | self._tried
        banned |= self._tried
        queue: list[tuple[int, int, tuple[str, ...], str]] = [(rest.get(start, _FAR), 0, (), start)]
        done, why = set(seen) - {start}, 0
        while queue:
            _, delay, links, site = heapq.heappop(queue)
            if site == self._end:
                return LinkPath(links, delay), 0
            if site in done:
                continue
            done.add(site)
            for step in self._steps[site]:
                least = delay + step.delay_ns + rest.get(step.to, _FAR)
                if step.to in done or least > most_ns:
                    continue
                if hit := step.mask & banned:
                    why |= 0 if hit & free else hit & -hit
                else:
                    heapq.heappush(queue, (least, delay + step.delay_ns, (*links, step.link), step.to))
        return None, why

    def _begun(self, here: _Begun | None, step: _Step | None, second: LinkPath) -> _Begun:
        """A path with one more link, whose ways on are those first that are nearest to the end."""
        site = step.to if step is not None else self._start
        seen = (here.seen if here is not None else frozenset()) | {site}
        ways = (one for one in self._steps[site] if one.to not in seen)
        before, links = (here.path, here.path.links) if here is not None else (LinkPath((), 0), ())
        return _Begun(
            site=site,
            path=LinkPath((*links, step.link), before.delay_ns + step.delay_ns) if step is not None else before,
            mask=(here.mask if here is not None else 0) | (step.mask if step is not None else 0),
            seen=seen,
            second=second,
            second_mask=_mask_of(self._steps, self._start, second),
            ways=iter(sorted(ways, key=lambda one: (one.delay_ns + self._rest_ns.get(one.to, _FAR), one.link))),
        )


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

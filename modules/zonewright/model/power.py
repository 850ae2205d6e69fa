"""How a node's draw falls on its two feeds: live and sharing evenly, live at worst, and after a feed is lost.

All figures are integer watts, rounded up, so that a sum of them is never below the true load.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple, TypeVar

from zonewright.model.site import Site
from zonewright.model.supply import FeedName, PowerElement, PowerPanel, thousandths

FEEDS: tuple[FeedName, FeedName] = ("A", "B")


class Wiring(NamedTuple):
    """The feeds of a rack.

    Attributes:
        present: those that it has.
        failed: those of them that have failed.
    """

    present: frozenset[FeedName]
    failed: frozenset[FeedName] = frozenset()

    @property
    def live(self) -> frozenset[FeedName]:
        """Those that supply something."""
        return self.present - self.failed if self.failed else self.present


@lru_cache(maxsize=256)
def wiring_of(present: frozenset[FeedName], failed: frozenset[FeedName]) -> Wiring:
    """The wiring of these feeds, one object for all racks that have it: what is kept by it is found by identity."""
    return Wiring(present, failed)


def other(feed: FeedName) -> FeedName:
    """The feed that is left when ``feed`` is lost."""
    return "B" if feed == "A" else "A"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What a node draws and how it is corded.

    Attributes:
        allocated_w: budgeted draw of the whole node, in watts.
        supplies: power supplies; they alternate between A and B, beginning with A.
        required: supplies that must be fed for the node to stay up.
        worst_share_thousandths: largest part that one of two live feeds may carry, in thousandths (500 to 1000).
        single_feed: the feed of a node with one supply.
        supply_w: rating of the weakest supply in watts; 0 where it is not known, so that ``required`` are enough.
    """

    allocated_w: int
    supplies: int = 2
    required: int = 1
    worst_share_thousandths: int = 600
    single_feed: FeedName = "A"
    supply_w: int = 0

    @property
    def needed(self) -> int:
        """Supplies that the node truly needs: more than ``required``, up to all, where those are rated too low."""
        if not self.supply_w:
            return self.required
        return max(self.required, min(self.supplies, -(-self.allocated_w // self.supply_w)))

    def cords(self, feed: FeedName, present: frozenset[FeedName]) -> int:
        """How many supplies hang on ``feed`` in a rack that has the feeds ``present``."""
        if feed not in present:
            return 0
        if len(present) == 1:
            return self.supplies
        if self.supplies == 1:
            return 1 if feed == self.single_feed else 0
        return (self.supplies + 1) // 2 if feed == "A" else self.supplies // 2

    def is_up(self, wiring: Wiring, *, lost: Collection[FeedName] = ()) -> bool:
        """Whether enough supplies are fed by feeds that have not failed, also without those ``lost``."""
        fed = sum(self.cords(feed, wiring.present) for feed in wiring.live if feed not in lost)
        return fed >= self.required

    def live(self, present: frozenset[FeedName]) -> Mapping[FeedName, int]:
        """Watts on each feed while all are live and the supplies share evenly."""
        return {
            feed: -(-self.allocated_w * self.cords(feed, present) // max(self.supplies, 1))
            for feed in FEEDS
            if feed in present
        }

    def live_at_worst(self, present: frozenset[FeedName]) -> Mapping[FeedName, int]:
        """Watts on each feed while all are live and the supplies share as unevenly as the node type says."""
        even = self.live(present)
        if min(even.values()) == 0 or len(even) == 1:
            return even
        worst = -(-self.allocated_w * self.worst_share_thousandths // 1000)
        return {feed: max(load, worst) for feed, load in even.items()}

    def after_loss(self, lost: FeedName, present: frozenset[FeedName]) -> int:
        """Watts on the surviving feed after ``lost`` has failed; 0 where the node goes down with it."""
        survivor = other(lost)
        return self.allocated_w if self.cords(survivor, present) >= self.required else 0


class Supply:
    """How the panels of a site are supplied: a graph of elements, of which each may be lost.

    Args:
        site: the site; one that declares no chain has panels without ratings only.
    """

    def __init__(self, site: Site) -> None:
        self.elements: Mapping[str, PowerElement | PowerPanel] = {**site.power, **site.power_panels}
        self._suppliers = {name: self._of(one) for name, one in self.elements.items()}

    def _of(self, one: PowerElement | PowerPanel) -> tuple[str, ...]:
        straight = (one.substation,) if isinstance(one, PowerPanel) and one.substation in self.elements else ()
        return tuple(name for name in one.supplied_by if name in self.elements) or straight

    def suppliers(self, name: str) -> tuple[str, ...]:
        """What supplies an element; none for one that stands at the beginning."""
        return self._suppliers.get(name, ())

    def is_behind(self, name: str, start: str) -> bool:
        """Whether an element is ``start``, or is supplied by it."""
        seen, waiting = set[str](), [name]
        while waiting:
            one = waiting.pop()
            if one == start:
                return True
            if one not in seen:
                seen.add(one)
                waiting += self.suppliers(one)
        return False

    def label(self, name: str) -> str:
        """Kind and id of an element, for people."""
        one = self.elements.get(name)
        return f"{one.kind if isinstance(one, PowerElement) else 'panel'} {name}"

    def dead(self, lost: str | None = None) -> frozenset[str]:
        """Elements that supply nothing: those that have failed, one that is lost, and those behind nothing else."""
        return self._dead_now if lost is None else self._without(lost)

    @cached_property
    def _dead_now(self) -> frozenset[str]:
        working = {name for name, one in self.elements.items() if one.status != "failed"}
        alive = {name for name in working if not self.suppliers(name)}  # so a ring supplies nothing by itself
        waiting = list(alive)
        while waiting:
            for name in self._behind.get(waiting.pop(), ()):
                if name in working and name not in alive:
                    alive.add(name)
                    waiting.append(name)
        return frozenset(self.elements.keys() - alive)

    def _without(self, lost: str) -> frozenset[str]:
        """What is dead without an element: only what is behind it is looked at."""
        dead, waiting = {*self._dead_now, lost}, [lost]
        while waiting:
            for name in self._behind.get(waiting.pop(), ()):
                if name not in dead and dead.issuperset(self.suppliers(name)):
                    dead.add(name)
                    waiting.append(name)
        return frozenset(dead)

    @cached_property
    def _behind(self) -> Mapping[str, Sequence[str]]:
        """What each element supplies."""
        found: dict[str, list[str]] = {}
        for name, suppliers in self._suppliers.items():
            for one in suppliers:
                found.setdefault(one, []).append(name)
        return found

    @cached_property
    def downwards(self) -> Sequence[str]:
        """All elements, each before those that supply it; without those of a ring."""
        left = {name: len(self._behind.get(name, ())) for name in self.elements}
        order = [name for name, count in left.items() if not count]
        for name in order:
            for one in self.suppliers(name):
                left[one] -= 1
                if not left[one]:
                    order.append(one)
        return order

    def losses(self) -> Mapping[str, frozenset[str]]:
        """For each element that can be lost as a whole, and works now, what is dead without it."""
        now = self.dead()
        return {
            name: self.dead(name) for name, one in self.elements.items() if one.redundancy == "N" and name not in now
        }


def told_as_now(before: Site, now: Site) -> Site:
    """A site of before, with what the later declaration of it only tells: what has failed, and what was not said yet.

    To declare a failure, an element or a rating for the first time changes nothing that stands there. What was declared
    stays as it was.

    Args:
        before: the earlier declaration.
        now: the later one.
    """
    power = {name: _told(one, now.power.get(name)) for name, one in before.power.items()}
    panels = {name: _told(one, now.power_panels.get(name)) for name, one in before.power_panels.items()}
    return before.model_copy(update={"power": {**now.power, **power}, "power_panels": {**now.power_panels, **panels}})


_Element = TypeVar("_Element", PowerElement, PowerPanel)


def _told(one: _Element, now: _Element | None) -> _Element:
    if now is None:
        return one
    first = {
        "rated_kw": now.rated_kw if one.rated_kw is None else one.rated_kw,
        "supplied_by": one.supplied_by or now.supplied_by,
    }
    less = min(thousandths(one.derated_to), thousandths(now.derated_to))
    derated = one.derated_to if less == thousandths(one.derated_to) else now.derated_to
    return one.model_copy(update={"status": now.status, "derated_to": derated, **first})

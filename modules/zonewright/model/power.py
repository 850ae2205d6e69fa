"""How a node's draw falls on its two feeds: live and sharing evenly, live at worst, and after a feed is lost.

All figures are integer watts, rounded up, so that a sum of them is never below the true load.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from zonewright.model.site import FeedName

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
    """

    allocated_w: int
    supplies: int = 2
    required: int = 1
    worst_share_thousandths: int = 600
    single_feed: FeedName = "A"

    def cords(self, feed: FeedName, present: frozenset[FeedName]) -> int:
        """How many supplies hang on ``feed`` in a rack that has the feeds ``present``."""
        if feed not in present:
            return 0
        if len(present) == 1:
            return self.supplies
        if self.supplies == 1:
            return 1 if feed == self.single_feed else 0
        return (self.supplies + 1) // 2 if feed == "A" else self.supplies // 2

    def is_up(self, wiring: Wiring, *, lost: FeedName | None = None) -> bool:
        """Whether enough supplies are fed by feeds that have not failed, also without ``lost``."""
        fed = sum(self.cords(feed, wiring.present) for feed in wiring.live if feed != lost)
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

"""What is left in one rack while nodes are put into it in thought: units, watts, weight and offers."""

from collections.abc import Sequence

from zonewright.model.rack import Rack
from zonewright.model.world import Occupant
from zonewright.rules.geometry import bits, lowest_free, occupied
from zonewright.rules.loads import Figures, LegShares, figures, full_phases, leg_share, leg_shares, limits, sums_of
from zonewright.rules.offered import Remaining


class FreeSpace:
    """What is left in one rack.

    Args:
        rack: the rack.
        inside: what stands in it.
        offers: what offers leave to the party whose nodes are put in; None where nothing is offered.
        may_mix: whether nodes of several protection levels may share it.
    """

    def __init__(
        self, rack: Rack, inside: Sequence[Occupant], offers: Remaining | None, *, may_mix: bool = False
    ) -> None:
        self._rack, self._offers = rack, offers
        self._wiring = rack.wiring
        self._taken = occupied(inside)
        self._levels = frozenset() if may_mix else frozenset(item.protection_level for item in inside)
        self._sums: Figures = sums_of(inside, self._wiring)
        self._limits = limits(rack)
        self._legs = leg_shares(rack, inside) if rack.has_legs else None
        self._put_in = 0
        self._mended = FreeSpace(rack.mended, inside, None, may_mix=True) if rack.failed_feeds else None

    def take(self, like: Occupant, most: int) -> int:
        """Put in up to ``most`` nodes like this one; how many found a place. A rack of another level takes none."""
        count = 0
        while count < most and self.put(like) is not None:
            count += 1
        return count

    def put(self, like: Occupant) -> int | None:
        """Put in one node like this one; its position, or None where the rack does not take it."""
        if self._levels - {like.protection_level}:
            return None
        watts = like.draw.allocated_w
        mask = 0 if self._offers is None else self._offers.closed(self._rack, watts)
        for face in like.faces:
            mask |= self._taken[face]
        asked = figures(like, self._wiring)
        full = 0 if self._legs is None else full_phases(self._rack, self._legs, asked)
        position = lowest_free(mask, rack_u=self._rack.u_height, needed_u=like.u_height, no_start=full)
        if position is None or not self.carries(like):
            return None
        for face in like.faces:
            self._taken[face] |= bits(position, like.u_height)
        if self._offers is not None:
            self._offers.take(self._rack, position, watts)
        self.load(like)
        if self._legs is not None:
            self._put_on_phases(self._legs, asked, position)
        return position

    def _put_on_phases(self, legs: LegShares, asked: Figures, position: int) -> None:
        for name, feed in self._rack.feeds.items():
            leg = feed.leg_of(position)
            if leg is not None:
                self._put_in += 1
                legs.setdefault((name, leg), {})["", "", str(self._put_in)] = leg_share(asked, name)

    def carries(self, like: Occupant) -> bool:
        """Whether the rack carries one more: now, and when what has failed of it works again."""
        is_over = any(map(int.__gt__, self._with(like), self._limits))
        return not is_over and (self._mended is None or self._mended.carries(like))

    def load(self, like: Occupant) -> None:
        """One more draws and weighs in the rack."""
        self._sums = self._with(like)
        if self._mended is not None:
            self._mended.load(like)

    def _with(self, like: Occupant) -> Figures:
        return tuple(map(int.__add__, self._sums, figures(like, self._wiring)))

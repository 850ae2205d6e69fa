"""What offers still leave to a party, while nodes are put into racks in thought. Rules and placement share it."""

from collections.abc import Collection, Iterable, Iterator

from zonewright.model.rack import OfferFacts, Rack
from zonewright.model.world import Occupant, World
from zonewright.rules.geometry import bits
from zonewright.rules.loads import Key


def opening_of(rack: Rack, item: Occupant) -> OfferFacts | None:
    """The offer in whose units something stands by its lowest unit, whoever may use it; None where there is none."""
    return next((one for one in rack.offers or () if one.first <= item.position <= one.last), None)


def is_inside(rack: Rack, item: Occupant) -> bool:
    """Whether all units of something are in offers that its party may use; the owner needs none."""
    return not units_outside(rack, item)


def units_outside(rack: Rack, item: Occupant) -> int:
    """How many units of something are in no offer that its party may use."""
    found = rack.offers_for(item.party)
    if found is None:
        return 0
    return sum(1 for unit in item.units if not any(one.first <= unit <= one.last for one in found))


def units_for(rack: Rack, party: str) -> list[int]:
    """The units of a rack that a party may use as far as offers go; all for an empty one."""
    found = rack.offers_for(party) if party else None
    whole = range(1, rack.u_height + 1)
    return [unit for unit in whole if found is None or any(one.first <= unit <= one.last for one in found)]


def users_of(world: World, key: str) -> Iterator[Occupant]:
    """What others than the owner have in an offer; what leaves counts until it is gone, as it does for the feeds.

    Args:
        world: everything.
        key: of the offer.
    """
    inside = frozenset(world.offered.get(key, ()))
    around = world.bystanders.by_rack
    items = [item for rack_id in inside for item in around.get(rack_id, ())]
    items += [item for item in world.occupants if item.rack in inside]
    for item in items:
        rack = world.racks.get(item.rack)
        if rack is None or item.standing == "baseline" or item.party == rack.owner:
            continue
        opening = opening_of(rack, item)
        if opening is not None and opening.key == key:
            yield item


def used_w(world: World, key: str, *, without: Iterable[Key] = ()) -> dict[Key, int]:
    """Watts of what others than the owner have in an offer, each node once.

    Args:
        world: everything.
        key: of the offer.
        without: nodes that are left out.
    """
    left_out, found = set(without), dict[Key, int]()
    for item in users_of(world, key):
        if item.key not in left_out:
            found[item.key] = max(found.get(item.key, 0), item.draw.allocated_w)
    return found


class Remaining:
    """What offers leave to one party.

    Args:
        world: everything; what stands or is wanted in it is used already.
        party: whose nodes are to be placed.
        without: own nodes that are about to be placed anew, so that they do not count yet.
    """

    def __init__(self, world: World, party: str, *, without: Iterable[Key] = ()) -> None:
        self._world, self._party, self._without = world, party, tuple(without)
        self._left: dict[str, int] = {}

    def left_w(self, one: OfferFacts) -> int | None:
        """Watts that an offer has left, perhaps fewer than none; None where it has no limit."""
        if one.power_w is None:
            return None
        if one.key not in self._left:
            used = sum(used_w(self._world, one.key, without=self._without).values())
            self._left[one.key] = one.power_w - used
        return self._left[one.key]

    def closed(self, rack: Rack, watts: int) -> int:
        """Bits of the units of a rack that a node of so many watts may not take."""
        found = rack.offers_for(self._party)
        if found is None:
            return 0
        mask = bits(1, rack.u_height)
        for one in found:
            left = self.left_w(one)
            if left is None or left >= watts:
                mask &= ~bits(one.first, one.last - one.first + 1)
        return mask

    def take(self, rack: Rack, position: int, watts: int) -> None:
        """Count a node that was put somewhere."""
        for one in rack.offers_for(self._party) or ():
            left = self.left_w(one)
            if left is not None and one.first <= position <= one.last:
                self._left[one.key] = left - watts

    def grant(self, rack: Rack, units: Collection[int], watts: int) -> int:
        """Watts, of so many, that what is offered in a rack leaves for its free units; they are used up then.

        Args:
            rack: the rack.
            units: those of it that are free; an offer of others gives nothing.
            watts: what the rack could bear.
        """
        found = rack.offers_for(self._party)
        if found is None:
            return watts
        granted = 0
        for one in sorted(found, key=lambda one: one.power_w is not None):
            left = self.left_w(one)
            if any(one.first <= unit <= one.last for unit in units):
                part = watts - granted if left is None else min(watts - granted, max(0, left))
                granted += part
                if left is not None:
                    self._left[one.key] = left - part
        return granted

    def missing_w(self, rack: Rack, watts: int) -> int | None:
        """Watts that the fullest-handed offer in a rack lacks for a node; None where none lacks only watts."""
        lefts = [left for one in rack.offers_for(self._party) or () if (left := self.left_w(one)) is not None]
        return watts - max(lefts) if lefts and max(lefts) < watts else None

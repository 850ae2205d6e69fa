"""The read set of a proposal: the inequalities that it rests on, so that it is void only if one of them fails.

Each says how much others must leave to the stack, whatever the stack itself has there now: "feed B of
``qp-dc1/c/01/07`` has at least 2,900 W for this stack after the loss of feed A".
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from zonewright.model.site import FeedName
from zonewright.model.world import Occupant, Rack, World
from zonewright.rules.geometry import bits, occupied
from zonewright.rules.loads import ALONE, GRAMS, WORST, Figures, by_key, limits, total
from zonewright.rules.words import amount, kilograms, span

Kind = Literal["rack-open", "units-free", "feed-live", "feed-failover", "weight"]
_FEEDS: tuple[FeedName, ...] = ("A", "B")


@dataclass(frozen=True, slots=True, kw_only=True)
class Premise:
    """One inequality.

    Attributes:
        kind: what it is about.
        subject: rack id.
        of: the party (``rack-open``), the face or ``both`` (``units-free``) or the feed (``feed-...``).
        position: lowest rack unit, for ``units-free``.
        at_least: what must be left to the stack: watts, grams, or units from ``position`` upward.
    """

    kind: Kind
    subject: str
    of: str = ""
    position: int = 0
    at_least: int = 0

    def sentence(self) -> str:
        """The premise for people."""
        if self.kind == "rack-open":
            return f"rack {self.subject} takes new nodes of {self.of}"
        if self.kind == "units-free":
            face = "both faces" if self.of == "both" else f"the {self.of} face"
            return f"{span(self.position, self.at_least)} of rack {self.subject} is free on {face}"
        if self.kind == "weight":
            return f"rack {self.subject} carries at least {kilograms(self.at_least)} for this stack"
        loss = f" after the loss of feed {'B' if self.of == 'A' else 'A'}" if self.kind == "feed-failover" else ""
        return f"feed {self.of} of rack {self.subject} has at least {amount(self.at_least, 'W')} for this stack{loss}"

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Premise":
        """The reverse of ``to_data``."""
        return cls(**data)


def read_set(world_after: World, *, stack: str) -> tuple[Premise, ...]:
    """What the wanted seats of a stack rest on, by rack.

    Args:
        world_after: the world as ``change_world`` makes it.
        stack: id of the stack.
    """
    own: dict[str, list[Occupant]] = defaultdict(list)
    for item in world_after.occupants:
        if item.stack == stack:
            own[item.rack].append(item)
    premises: list[Premise] = []
    for rack_id in sorted(own):
        wanted = [item for item in own[rack_id] if item.standing == "wanted"]
        if wanted:
            premises += _of_rack(rack_id, world_after.racks.get(rack_id), wanted, own[rack_id])
    return tuple(premises)


def _of_rack(rack_id: str, rack: Rack | None, wanted: Sequence[Occupant], own: Sequence[Occupant]) -> Iterator[Premise]:
    known = {item.key for item in own if item.standing != "wanted"}
    for party in sorted({item.party for item in wanted if item.key not in known}):
        yield Premise(kind="rack-open", subject=rack_id, of=party)
    for face, position, units in _pieces(wanted):
        yield Premise(kind="units-free", subject=rack_id, of=face, position=position, at_least=units)
    if rack is not None:
        needed = total(by_key(own, frozenset(rack.feeds)).values())
        for kind, of, index in _FIGURES:
            if needed[index]:
                yield Premise(kind=kind, subject=rack_id, of=of, at_least=needed[index])


_FIGURES: tuple[tuple[Kind, str, int], ...] = (
    *(("feed-live", feed, WORST[feed]) for feed in _FEEDS),
    *(("feed-failover", feed, ALONE[feed]) for feed in _FEEDS),
    ("weight", "", GRAMS),
)


def _pieces(wanted: Iterable[Occupant]) -> Iterator[tuple[str, int, int]]:
    """Units that are wanted, joined where they touch: face or ``both``, lowest unit, number of units."""
    seats = sorted(("both" if item.is_full_depth else item.face, item.position, item.units.stop) for item in wanted)
    while seats:
        face, first, stop = seats.pop(0)
        while seats and seats[0][0] == face and seats[0][1] <= stop:
            stop = max(stop, seats.pop(0)[2])
        yield face, first, stop - first


def failed(premises: Iterable[Premise], world_without_change: World, *, stack: str) -> tuple[Premise, ...]:
    """The premises that no longer hold.

    Args:
        premises: a read set.
        world_without_change: the world now; what the stack itself has in it does not count.
        stack: id of the stack.
    """
    asked = tuple(premises)
    subjects = {premise.subject for premise in asked}
    others: dict[str, list[Occupant]] = defaultdict(list)
    for item in world_without_change.occupants:
        if item.rack in subjects and item.stack != stack:
            others[item.rack].append(item)
    free = {
        rack_id: _Free(rack, others[rack_id])
        for rack_id in subjects
        if (rack := world_without_change.racks.get(rack_id)) is not None
    }
    return tuple(premise for premise in asked if premise.subject not in free or not free[premise.subject].has(premise))


class _Free:
    """What others leave in one rack."""

    def __init__(self, rack: Rack, others: Sequence[Occupant]) -> None:
        self._rack = rack
        self._taken = occupied(others)
        used = total(by_key(others, frozenset(rack.feeds)).values())
        self._left: Figures = tuple(limit - load for limit, load in zip(limits(rack), used, strict=True))

    def has(self, premise: Premise) -> bool:
        """Whether a premise holds."""
        if premise.kind == "rack-open":
            return self._rack.takes_nodes_of(premise.of)
        if premise.kind == "units-free":
            taken = self._taken["front"] | self._taken["rear"] if premise.of == "both" else self._taken[_face(premise)]
            inside = premise.position >= 1 and premise.position + premise.at_least - 1 <= self._rack.u_height
            return inside and not taken & bits(premise.position, premise.at_least)
        index = next(index for kind, of, index in _FIGURES if (kind, of) == (premise.kind, premise.of))
        return self._left[index] >= premise.at_least


def _face(premise: Premise) -> Literal["front", "rear"]:
    return "rear" if premise.of == "rear" else "front"

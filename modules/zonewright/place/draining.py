"""Empties racks: who must move where, in changes of one stack each, of which every state is admissible.

Each change is found by placement and judged by the rules, like a change that its owner would make: while both ends of
its moves draw power, and when the old ends are gone.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydantic import ConfigDict

from zonewright.model.cluster import Place
from zonewright.model.demand import Demand
from zonewright.model.expand import nodes_of
from zonewright.model.rack_position import RackPosition
from zonewright.model.totals import room_totals, usage_of
from zonewright.model.world import NOBODY, Occupant, World
from zonewright.place.change import change_world
from zonewright.place.filling import at_own_sites
from zonewright.place.placing import place
from zonewright.rules import WorldJudge, evaluate
from zonewright.rules.lost import Lost, world_without
from zonewright.rules.outage import outage_of
from zonewright.rules.words import count_of, listed

_FORBID = ConfigDict(extra="forbid")
_Key = tuple[str, str]
"""Party and stack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingStack:
    """A stack as it stands.

    Attributes:
        party: whose it is.
        stack: its id; empty in a folder.
        demand: what it declares.
        seats: where its nodes stand, by name.
    """

    party: str
    stack: str
    demand: Demand
    seats: Mapping[str, RackPosition]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainMove:
    """A node that moves.

    Attributes:
        node: its name.
        cluster: id of its cluster.
        number: its number there.
        old: where it stands.
        new: where it goes.
    """

    __pydantic_config__ = _FORBID

    node: str
    cluster: str
    number: str
    old: RackPosition
    new: RackPosition


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainStep:
    """One change of one stack.

    Attributes:
        party: whose it is.
        stack: its id; empty in a folder.
        moves: its moves.
    """

    __pydantic_config__ = _FORBID

    party: str
    stack: str
    moves: tuple[DrainMove, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainStuck:
    """Something that cannot be moved.

    Attributes:
        party: whose it is.
        node: its name.
        place: where it stands.
        why: what is missing.
    """

    __pydantic_config__ = _FORBID

    party: str
    node: str
    place: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainPlan:
    """How racks are emptied.

    Attributes:
        drained: what is drained.
        steps: the changes, in an order in which each is admissible.
        stuck: what cannot be moved.
        states: how many states were judged.
        hidden: how many moves of others the reader may not see.
    """

    __pydantic_config__ = _FORBID

    drained: tuple[str, ...]
    steps: tuple[DrainStep, ...] = ()
    stuck: tuple[DrainStuck, ...] = ()
    states: int = 0
    hidden: int = 0


def drain(world: World, stacks: Sequence[StandingStack], lost: Lost, *, judge: WorldJudge = evaluate) -> DrainPlan:
    """Find how to empty what is to be taken out of service.

    Args:
        world: racks, what stands there already or is reserved, and all nodes of the stacks.
        stacks: the stacks that have nodes in what is drained; others do not move.
        lost: what is drained. Of a feed only those go that would go down without it, or be too much for the other one.
        judge: what judges each state on the way.
    """
    return _Drain(world, stacks, lost, judge).plan()


@dataclass(slots=True)
class _State:
    """The world on its way: nodes of stacks that may move, and everything else."""

    base: World
    own: dict[_Key, dict[str, Occupant]] = field(default_factory=dict)

    def around(self, key: _Key) -> World:
        """The world without the nodes of one stack."""
        others = (item for other, items in self.own.items() if other != key for item in items.values())
        return replace(self.base, occupants=(*self.base.occupants, *others))


class _Drain:
    """One search."""

    def __init__(self, world: World, stacks: Sequence[StandingStack], lost: Lost, judge: WorldJudge) -> None:
        self._lost, self._judge = lost, judge
        self._stacks = {(one.party, one.stack): one for one in stacks}
        going = _going(world, lost)
        closed = {
            name: replace(rack, accepts=False, may_open=frozenset())
            if name in lost.racks or name in {rack for rack, _ in lost.feeds} or _is_behind(world, name, lost)
            else rack
            for name, rack in world.racks.items()
        }
        own: dict[_Key, dict[str, Occupant]] = {key: {} for key in self._stacks}
        rest: list[Occupant] = []
        for item in world.everybody:
            key = (item.party, item.stack)
            if key in own and item.standing in ("wanted", "active", "admitted"):
                own[key][item.name] = replace(item, standing="active")
            else:
                rest.append(item)
        self._state = _State(replace(world, racks=closed, occupants=tuple(rest), bystanders=NOBODY, clusters=()), own)
        self._going = {key: {name for name, item in items.items() if item.key in going} for key, items in own.items()}
        self._fixed = [item for item in rest if item.key in going and item.standing != "releasing"]
        self._seats = {key: dict(one.seats) for key, one in self._stacks.items()}
        self.states = 0

    def plan(self) -> DrainPlan:
        """Whole changes first; when none is left, those of which a part can be done."""
        steps: list[DrainStep] = []
        why: dict[tuple[_Key, str], str] = {}
        is_whole = True
        while any(self._going.values()):
            made = [step for key in sorted(self._going) if (step := self._step(key, why, is_whole=is_whole))]
            steps += made
            if not made and not is_whole:
                break
            is_whole = bool(made)
        stuck = [
            self._stuck(self._state.own[key][name], why.get((key, name), "no place was found"))
            for key, names in sorted(self._going.items())
            for name in sorted(names)
        ]
        stuck += [self._stuck(item, _why_fixed(item)) for item in self._fixed]
        return DrainPlan(drained=self._lost.labels, steps=tuple(steps), stuck=tuple(stuck), states=self.states)

    def _stuck(self, item: Occupant, why: str) -> DrainStuck:
        return DrainStuck(party=item.party, node=item.name, place=f"{item.rack} U{item.position}", why=why)

    def _step(self, key: _Key, why: dict[tuple[_Key, str], str], *, is_whole: bool) -> DrainStep | None:
        """The next change of a stack; None where nothing of it can be done."""
        going = self._going[key]
        if not going:
            return None
        one, seats = self._stacks[key], self._seats[key]
        around, standing = self._state.around(key), tuple(self._state.own[key].values())
        demand = _without_places(one.demand, going)
        sticky = {name: seat for name, seat in seats.items() if name not in going}
        here = at_own_sites(around, demand)
        found = place(here, demand, stack=one.stack, sticky=sticky, standing=standing, asks_for_moves=False)
        why |= {(key, name): found.unplaced[name] for name in going if name in found.unplaced}
        new = {name: found.seats[name] for name in sorted(going) if name in found.seats}
        while new:
            if is_whole and len(new) < len(going):
                return None
            against = self._against(key, {**seats, **new})
            if not against:
                return self._done(key, new)
            why |= {(key, name): against for name in new}
            if is_whole or len(new) == 1:
                return None
            new = dict(list(new.items())[: len(new) // 2])
        return None

    def _against(self, key: _Key, seats: Mapping[str, RackPosition]) -> str:
        """What the rules say against a change, while it is made or afterwards, that was not so before; else empty."""
        one = self._stacks[key]
        around, standing = self._state.around(key), tuple(self._state.own[key].values())
        demand = _at(one.demand, seats)
        before = change_world(
            around, _at(one.demand, self._seats[key]), self._seats[key], stack=one.stack, standing=standing
        )
        during = change_world(around, demand, seats, stack=one.stack, standing=standing)
        after = change_world(around, demand, seats, stack=one.stack)
        after = replace(
            after,
            occupants=tuple(
                replace(item, standing="active") if item.standing == "wanted" else item for item in after.occupants
            ),
        )
        racks = frozenset(item.rack for item in (*standing, *(during.occupants)) if (item.party, item.stack) == key)
        known = _refusing(before, racks, self._judge)
        for world in (during, after):
            self.states += 1
            for (rule, subject), (excess, message) in _refusing(world, racks, self._judge).items():
                if excess > known.get((rule, subject), (0, ""))[0]:
                    return f"{message} ({rule})"
        return ""

    def _done(self, key: _Key, new: Mapping[str, RackPosition]) -> DrainStep:
        one, own = self._stacks[key], self._state.own[key]
        numbers = {
            node.name: (cluster_id, node.number)
            for cluster_id, wanted in one.demand.clusters.items()
            for node in nodes_of(cluster_id, wanted.cluster)
        }
        moves = tuple(
            DrainMove(
                node=name,
                cluster=numbers[name][0],
                number=numbers[name][1],
                old=RackPosition(own[name].rack, own[name].position, own[name].face),
                new=seat,
            )
            for name, seat in new.items()
        )
        for name, seat in new.items():
            own[name] = replace(own[name], rack=seat.rack, position=seat.position, face=seat.face)
            self._seats[key][name] = seat
        self._going[key] -= new.keys()
        return DrainStep(party=one.party, stack=one.stack, moves=moves)


def _going(world: World, lost: Lost) -> frozenset[tuple[str, str, str]]:
    """Who must move: all in racks that are drained, and with a feed those who need it."""
    found = {item.key for item in world.everybody if item.rack in lost.racks}
    if not (lost.feeds or lost.elements):
        return frozenset(found)
    report = outage_of(world, lost)
    names = {(one.party, one.name, one.rack) for one in report.down}
    found |= {item.key for item in world.everybody if (item.party, item.name, item.rack) in names}
    for one in report.overloaded:
        if one.place in world.racks:
            over = one.value_w - one.limit_w
            able = [item for item in world.in_rack(one.place) if item.standing not in ("baseline", "releasing")]
            for item in sorted(able, key=lambda item: (-item.draw.allocated_w, item.key)):
                if over > 0 and item.key not in found:
                    found.add(item.key)
                    over -= item.draw.allocated_w
    return frozenset(found)


def _is_behind(world: World, rack_id: str, lost: Lost) -> bool:
    """Whether a rack has a feed that is out with elements of its site's supply."""
    rack = world.racks[rack_id]
    if rack.site not in lost.elements:
        return False
    alone = replace(world, racks={rack_id: rack}, occupants=(), bystanders=NOBODY)
    return world_without(alone, replace(lost, racks=frozenset(), feeds=frozenset())).racks[rack_id] != rack


def _refusing(world: World, racks: Collection[str], judge: WorldJudge) -> dict[tuple[str, str], tuple[int, str]]:
    """Excess and message by rule and subject, of what refuses."""
    if world.zone is not None:
        usage = usage_of(world.occupants) if world.zone.zone.counts_usage else {}
        zone = replace(world.zone, rooms=room_totals(world.racks, world.occupants), usage=usage)
        world = replace(world, zone=zone)
    sums: Counter[tuple[str, str]] = Counter()
    told: dict[tuple[str, str], str] = {}
    for one in judge(world, racks=frozenset(racks)):
        if one.level != "advisory":
            key = (one.rule, one.subject)
            sums[key] += max(one.excess, 1)
            told.setdefault(key, one.message)
    return {key: (sums[key], told[key]) for key in sums}


def _without_places(demand: Demand, names: Collection[str]) -> Demand:
    """The demand without places of its own choice for some nodes."""
    return _with_places(demand, dict.fromkeys(names))


def _at(demand: Demand, seats: Mapping[str, RackPosition]) -> Demand:
    """The demand, with what it chooses at these places instead."""
    chosen = {
        node.name
        for cluster_id, wanted in demand.clusters.items()
        for node in nodes_of(cluster_id, wanted.cluster)
        if node.chosen is not None
    }
    return _with_places(demand, {name: seats.get(name) for name in chosen})


def _with_places(demand: Demand, seats: Mapping[str, RackPosition | None]) -> Demand:
    clusters = {}
    for cluster_id, wanted in demand.clusters.items():
        places = dict(wanted.cluster.places)
        for node in nodes_of(cluster_id, wanted.cluster):
            if node.name in seats and node.number in places:
                seat = seats[node.name]
                del places[node.number]
                if seat is not None:
                    places[node.number] = Place(rack=seat.rack, position=seat.position)
        cluster = wanted.cluster.model_copy(update={"places": places})
        clusters[cluster_id] = wanted.model_copy(update={"cluster": cluster})
    return demand.model_copy(update={"clusters": clusters})


def _why_fixed(item: Occupant) -> str:
    if item.standing == "baseline":
        return "it stands there already and is nobody's stack: its operator moves it by hand and declares it elsewhere"
    if item.standing == "reserved":
        return f"it is reserved until {item.until[:16]}Z: ask for another reservation"
    return "no declaration of its stack is at hand, so nobody can say where it may stand"


def step_text(step: DrainStep) -> Iterator[str]:
    """A step as the part of a declaration that its party commits.

    Args:
        step: the step.
    """
    names = [one.node for one in step.moves]
    yield f"# {step.party}: {count_of(len(names), 'node')} ({listed(names)}); put these places into your file"
    yield "clusters:"
    for cluster_id in sorted({one.cluster for one in step.moves}):
        yield f"  {cluster_id}:"
        yield "    places:"
        for one in sorted(step.moves, key=lambda move: move.number):
            if one.cluster == cluster_id:
                yield f'      "{one.number}": {{rack: {one.new.rack}, position: {one.new.position}}}'

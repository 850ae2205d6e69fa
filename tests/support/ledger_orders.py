"""Clients of a ledger in every order of their transactions, with what must hold after each step."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, cast

from sqlalchemy import Connection

from support.ledger_invariants import (
    LedgerState,
    broken,
    closed,
    groundless,
    overstepped,
    read_state,
    with_assets,
    with_claims,
)
from support.ledger_places import Kept
from support.schedules import Explored, Kind, Scheduler, explore
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import ProposeRequest
from zonewright.ledger.protocol.holding_messages import Confirmation
from zonewright.ledger.protocol.journal_messages import HistoryRequest
from zonewright.ledger.protocol.verbs import Answer, Request, Verb
from zonewright.ledger.store.asking import AskedQuestion
from zonewright.ledger.store.clock import Clock
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.journal import verify
from zonewright.ledger.store.scopes import Touch
from zonewright.ledger.verbs.table import FUNCTIONS
from zonewright.model.demand import Demand
from zonewright.model.rack_position import RackPosition

Programs = Mapping[str, Callable[[], None]]
_READING = (verbs.EVALUATE, verbs.STANDING, verbs.READ, verbs.REPORT)


class Calls(Protocol):
    """Whatever carries out verbs, such as a :class:`zonewright.ledger.client.LedgerClient`."""

    def call(self, verb: Verb[Request, Answer], request: Request) -> Answer:
        """Carry out one verb."""
        ...


class SteppingStore:
    """A store whose transactions each wait for their turn; any store that has these methods can be within."""

    def __init__(self, store: Database, stop: Callable[[Kind], None]) -> None:
        self._store, self._stop = store, stop
        self.path = store.path

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """As the store's, when it is this client's turn."""
        self._stop("reading")
        with self._store.reading() as connection:
            yield connection

    @contextmanager
    def glance(self, *asked: AskedQuestion) -> Iterator[Connection]:
        """As the store's, when it is this client's turn."""
        self._stop("reading")
        with self._store.glance(*asked) as connection:
            yield connection

    @contextmanager
    def writing(self, touch: Touch | None = None, also: Sequence[AskedQuestion] = ()) -> Iterator[Connection]:
        """As the store's, when it is this client's turn."""
        self._stop("writing")
        with self._store.writing(touch, also) as connection:
            yield connection


@dataclass
class Direct:
    """The verbs without a road between."""

    context: Context

    def call(self, verb: Verb[Request, Answer], request: Request) -> Answer:
        """Carry out one verb."""
        return cast("Answer", FUNCTIONS[verb](self.context, request))


@dataclass
class SteppingCalls:
    """A road whose calls each wait for their turn: for a service, whose transactions cannot be stopped from here."""

    road: Calls
    stop: Callable[[Kind], None]

    def call(self, verb: Verb[Request, Answer], request: Request) -> Answer:
        """Carry out one verb when it is this client's turn."""
        self.stop("reading" if verb in _READING else "writing")
        return self.road.call(verb, request)


@dataclass
class Call:
    """One call of a client: from its first step to its last one, as they are counted; -1 where it is not so far."""

    client: str
    verb: str
    request: Any
    begin: int = -1
    end: int = -1
    answer: Any = None
    refused: LedgerRefusedError | None = None

    @property
    def stack(self) -> str:
        """The stack that it acts for."""
        return str(getattr(self.request, "stack_id", ""))


@dataclass
class OrderedLedger:
    """A ledger that is put back before each order, and whose calls and states are recorded.

    Attributes:
        store: the ledger's file.
        clock: time of decisions.
        road: another way to the same file, whose calls are the steps; None steps the transactions themselves.
        calls: the calls of the present order.
        states: the states of the present order, before and after each step.
    """

    store: Database
    clock: Clock
    road: Calls | None = None
    scheduler: Scheduler = field(default_factory=Scheduler)
    calls: list[Call] = field(default_factory=list)
    states: list[LedgerState] = field(default_factory=list)
    demands: dict[str, Demand] = field(default_factory=dict)
    outcomes: set[tuple[str, ...]] = field(default_factory=set)
    _programs: Programs = field(default_factory=dict)
    _base: Kept | None = None
    _first: LedgerState | None = None

    def __post_init__(self) -> None:
        stepping = cast("Database", SteppingStore(self.store, self._stop))
        self._unstepped = Direct(Context(database=self.store, clock=self.clock))
        self._stepped: Calls = Direct(Context(database=stepping, clock=self.clock))
        if self.road is not None:
            self._stepped = SteppingCalls(self.road, self._stop)

    def _stop(self, kind: Kind) -> None:
        self.scheduler.stop(kind)
        client = self.scheduler.current
        call = next((call for call in reversed(self.calls) if call.client == client), None)
        if call is not None and call.begin < 0:
            call.begin = len(self.scheduler.taken) - 1

    def call(self, verb: Verb[Request, Answer], request: Request) -> Answer:
        """Carry out one verb: step by step where a client asks, at once where the test does."""
        if isinstance(request, ProposeRequest):
            self.demands[request.demand.digest()] = request.demand
        client = self.scheduler.current
        if client is None or verb is verbs.STORE:  # a text that is there already is no step
            return self._unstepped.call(verb, request)
        made = Call(client, verb.name, request)
        self.calls.append(made)
        try:
            answer = self._stepped.call(verb, request)
        except LedgerRefusedError as error:
            made.refused, made.end = error, len(self.scheduler.taken)
            raise
        made.answer, made.end = answer, len(self.scheduler.taken)
        return answer

    def run(self, programs: Programs) -> Explored:
        """Run every order of the programs, each from the state that the ledger has now, which it has again after it."""
        self._programs, self._base = programs, Kept(self.store.path)
        with closing(self._base):
            self._first = self._read()
            assert not broken(self._first), broken(self._first)
            self.outcomes.clear()
            try:
                return explore(self.scheduler, self)
            finally:
                self.reset()

    def reset(self) -> Programs:
        """Put the ledger back."""
        assert self._base is not None
        assert self._first is not None
        self._base.put_back()
        self.calls, self.states = [], [self._first]
        return self._programs

    def stepped(self, client: str, kind: Kind) -> None:
        """What must hold after each step."""
        before = self.states[-1]
        after = self._read() if kind == "writing" or self.road is not None else before
        self.states.append(after)
        assert not broken(after), "; ".join(broken(after))
        moment = len(self.scheduler.taken)
        call = next(call for call in reversed(self.calls) if call.client == client and call.begin >= 0)
        assert not overstepped(before, after, call.stack), "; ".join(overstepped(before, after, call.stack))
        if call.end == moment:
            self._judge(call, before, after)

    def ended(self) -> None:
        """What must hold of a whole order."""
        entries = self._unstepped.call(verbs.HISTORY, HistoryRequest()).entries
        assert verify(entries) is None, verify(entries)
        won = (f"{call.client} {call.verb}" for call in self.calls if call.refused is None)
        self.outcomes.add(tuple(sorted(won)))

    def _read(self) -> LedgerState:
        with self.store.reading() as connection:
            return read_state(connection, self._unstepped.context.now(connection))

    def _judge(self, call: Call, before: LedgerState, after: LedgerState) -> None:
        """An answer is what the ledger has; a refusal was right at some moment of its call and changed nothing."""
        if call.refused is not None:
            assert before.of(call.stack) == after.of(call.stack), f"{call.verb} was refused and changed something"
            seen = self.states[call.begin : call.end]
            assert any(_is_right(call, state, self.demands) for state in seen), (
                f"{call.client} was refused {call.verb} without a reason at any moment: {call.refused}: "
                f"{[finding.message for finding in call.refused.findings]}"
            )
            if call.verb == "admit" and call.refused.code == "findings":
                kinds = [entry[1] for entry in after.journal[len(before.journal) :]]
                assert kinds == ["refused"], "the refusal is not in the journal"
            return
        judge = _ANSWERS.get(call.verb)
        if judge is not None:
            judge(call, before, after, self.demands)


def _wanted_claims(demand: Demand, seats: Mapping[str, RackPosition], addresses: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, seat in seats.items():
        part = demand.clusters[name.rsplit("-", 1)[0]]
        found[name] = {
            **asdict(seat),
            "addresses": dict(addresses.get(name, {})),
            "node_type": part.node_type.model_dump(mode="json", exclude_defaults=True),
            "feed": part.cluster.feed,
        }
    return found


def _as_admitted(call: Call, state: LedgerState, demand: Demand) -> LedgerState:
    request = call.request
    claims = _wanted_claims(demand, request.seats, request.addresses)
    assets = json.loads(demand.canonical()).get("assets", {})
    state = with_assets(state, request.stack_id, request.party, assets)
    return with_claims(state, request.stack_id, request.party, claims)


def _is_right(call: Call, state: LedgerState, demands: Mapping[str, Demand]) -> bool:
    """Whether a refusal is justified by this state."""
    code = call.refused.code if call.refused else ""
    request = call.request
    if code in ("not-enrolled", "another-lineage"):
        return state.enrolled.get(call.stack) != (request.party, request.lineage)
    if code == "another-zone-file":
        demand = request.demand if call.verb == "propose" else demands[request.demand_digest]
        return bool(demand.zone_digest != state.zone)
    if code == "findings":
        would_be = _as_admitted(call, state, demands[request.demand_digest])
        new = [item for item in would_be.claims if item.id < 0]
        return bool(broken(would_be) or groundless(would_be) or closed(state, new))
    if code == "not-admitted":
        confirms = getattr(request, "confirms", (request,))
        return not all(any(_is_held(one, item) for item in state.of(call.stack)) for one in confirms)
    if code == "in-use":
        name = getattr(request, "name", None)
        left = tuple(item for item in state.assets if item.stack != call.stack or name not in (None, item.name))
        return bool(broken(LedgerState(**{**vars(state), "assets": left})))
    return False


def _is_held(one: Confirmation, item: Any) -> bool:
    wanted = all(item.data.get(key) == value for key, value in one.expect.items())
    return bool(item.name == one.name and item.is_current and wanted)


def _admitted(call: Call, before: LedgerState, after: LedgerState, demands: Mapping[str, Demand]) -> None:
    request, demand = call.request, demands[call.request.demand_digest]
    assert after.enrolled.get(call.stack) == (request.party, request.lineage), (
        "a state that is not enrolled is admitted"
    )
    assert after.zone == demand.zone_digest, "a change is admitted that was made for another file of the zone"
    current = [item for item in after.of(call.stack) if item.is_current]
    has = {item.name: item.data for item in current if item.kind == "node"}
    wanted = _wanted_claims(demand, request.seats, request.addresses)
    assert {name: {key: data[key] for key in wanted[name]} for name, data in has.items() if name in wanted} == wanted
    assert {item.name for item in current} == wanted.keys() | demand.assets.keys()
    held = {item.id for item in before.of(call.stack) if item.kind == "node"}
    new = [item for item in current if item.kind == "node" and item.id not in held]
    assert not closed(before, new), "; ".join(closed(before, new))
    gone = [item for item in before.of(call.stack) if item.state != "admitted" and item.id not in _ids(after, item)]
    assert not gone, f"an admission freed what a resource holds: {gone}"
    assert after.admissions[call.answer.admission_id] == (call.stack, "current")
    (entry,) = after.journal[len(before.journal) :]
    assert (entry[1], entry[2], json.loads(entry[3])["admission_id"]) == (
        "admitted",
        call.stack,
        call.answer.admission_id,
    )
    assert not [item for item in after.reserved if item.stack == call.stack], "the admission left its reservation"


def _ids(state: LedgerState, like: Any) -> set[int]:
    return {item.id for item in state.of(like.stack) if item.kind == like.kind}


def _proposed(call: Call, before: LedgerState, after: LedgerState, demands: Mapping[str, Demand]) -> None:
    del before, demands
    answer = call.answer
    if answer.expires_at is None:
        return
    assert after.zone == call.request.demand.zone_digest, "reserved for another file of the zone"
    has = {item.name: item.data for item in after.of(call.stack) if item.is_current}
    has |= {item.name: item.data for item in after.reserved if item.stack == call.stack}
    for name, seat in answer.seats.items():
        held = has.get(name)
        assert held is not None, f"{name} was promised and is not reserved"
        assert seat == RackPosition(rack=held["rack"], position=held["position"], face=held["face"])


def _confirmed(call: Call, before: LedgerState, after: LedgerState, demands: Mapping[str, Demand]) -> None:
    del demands
    gone = [item for item in before.of(call.stack) if item.id not in _ids(after, item)]
    assert all((item.name, item.generation) == (call.request.name, call.request.generation) for item in gone), (
        f"the confirm of generation {call.request.generation} freed {gone}"
    )
    found = [item for item in after.of(call.stack) if item.name == call.request.name and item.is_current]
    assert [(item.state, item.generation) for item in found] == [("active", call.answer.generation)]
    assert call.answer.generation > max(call.request.generation, before.spent.get(call.stack, 0))


def _confirmed_many(call: Call, before: LedgerState, after: LedgerState, demands: Mapping[str, Demand]) -> None:
    del demands
    wanted = {(one.name, one.generation) for one in call.request.confirms}
    gone = [item for item in before.of(call.stack) if item.id not in _ids(after, item)]
    assert {(item.name, item.generation) for item in gone} <= wanted, f"the confirms of {wanted} freed {gone}"
    stands = {item.name: (item.state, item.generation) for item in after.of(call.stack) if item.is_current}
    for one, generation in zip(call.request.confirms, call.answer.generations, strict=True):
        assert stands[one.name] == ("active", generation)
        assert generation > max(one.generation, before.spent.get(call.stack, 0))


def _released(call: Call, before: LedgerState, after: LedgerState, demands: Mapping[str, Demand]) -> None:
    del demands
    gone = [item for item in before.of(call.stack) if item.id not in _ids(after, item)]
    assert bool(gone) == call.answer.freed
    assert all((item.name, item.generation) == (call.request.name, call.request.generation) for item in gone), (
        f"a delete of generation {call.request.generation} freed {gone}"
    )


def _settled(call: Call, before: LedgerState, after: LedgerState, demands: Mapping[str, Demand]) -> None:
    del demands
    gone = [item for item in before.of(call.stack) if item.id not in _ids(after, item)]
    word = before.admissions[call.request.admission_id][1]
    assert word == "current" or all(item.state == "releasing" for item in gone), f"settling freed {gone}"
    assert word != "settled" or not gone, f"what was settled before freed {gone}"
    under_way = {item.name for item in before.of(call.stack) if item.state == "admitted"}
    assert word == "current" or not [item for item in gone if item.name in under_way], f"a move under way lost {gone}"
    assert after.admissions[call.request.admission_id][1] == "settled"


def _enrolled(call: Call, before: LedgerState, after: LedgerState, demands: Mapping[str, Demand]) -> None:
    del before, demands
    assert after.enrolled[call.stack] == (call.request.party, call.request.lineage)


_ANSWERS: Mapping[str, Callable[[Call, LedgerState, LedgerState, Mapping[str, Demand]], None]] = {
    "admit": _admitted,
    "propose": _proposed,
    "confirm": _confirmed,
    "confirm-many": _confirmed_many,
    "release": _released,
    "settle": _settled,
    "enrol": _enrolled,
}

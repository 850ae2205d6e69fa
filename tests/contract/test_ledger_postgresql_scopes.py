"""Scopes of a ledger on PostgreSQL: changes that could spoil something for each other wait, and others do not."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Connection

from support.ledger_history import Recorder, Slot, judge
from support.ledger_invariants import broken, read_state
from support.ledger_orders import Direct
from support.ledger_party import EMPTY, Party
from support.ledger_races import Race, admit_request, admits, until, waiting
from support.postgresql import PostgresqlServer
from support.schedules import Scheduler
from support.zone_project import ZONE, cluster, facility
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import Proposal
from zonewright.ledger.protocol.content_messages import ContentRequest
from zonewright.ledger.protocol.journal_messages import HistoryRequest
from zonewright.ledger.protocol.stack_messages import InitRequest, ReportRequest
from zonewright.ledger.store import scope_facts, scopes
from zonewright.ledger.store.asking import AskedQuestion
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.engines import postgresql_server as engine
from zonewright.ledger.store.engines import postgresql_words
from zonewright.ledger.store.journal import verify
from zonewright.ledger.store.scopes import LockScope, ScopeFacts, Touch, WholeZone
from zonewright.ledger.store.state import verify_state
from zonewright.ledger.store.texts import get_content, put_contents, sweep
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone
from zonewright.model.canonical import digest_of

QUOTAS = {
    "north": {"district": "north", "it_kw": 0.3},
    "ours": {"party": "tenant-c", "it_kw": 0.3},
}
PARTIES = {
    **ZONE["parties"],
    "carrier": {"title": "Carrier", "roles": ["network-operator"]},
    "carrier-0": {"title": "Second carrier", "roles": ["network-operator"]},
    "carrier-1": {"title": "Third carrier", "roles": ["network-operator"]},
}
DISTRICTS = {"north": {"title": "North"}, "south": {"title": "South"}, "west": {"title": "West"}}
FILE = Zone.model_validate({**ZONE, "parties": PARTIES, "districts": DISTRICTS, "quotas": QUOTAS})
DUCT = {"route": {"crs": "WGS84", "points": [[31.0, 120.8], [31.0, 120.9]]}, "length_m": 10_000, "bores": 1}
LINK = {"a": "s1", "b": "s2", "ducts": ["d-1"], "cores": 96}
SITES = ("s1", "s2", "n1", "n2", "w1", "w2", "w3")
"""Each in the district that its letter names."""
EMPTY_BESIDES = (2, 3, 4, 5)
"""Hosts of the pool of ``s1``, which has one address that is free."""


def sites() -> dict[str, Any]:
    """Seven sites of one row with two racks; a feed of ``s2`` bears one node, which has no address."""
    found = {}
    for number, name in enumerate(SITES):
        shape = {"rated_w": 300} if name == "s2" else {}
        site = facility(2, **shape)["sites"]["dc1"]
        pools = {"v4": {"prefix": f"10.{90 + number}.0.0/20", "gateway": f"10.{90 + number}.0.1"}}
        more: dict[str, Any] = {"address_pools": pools, "name_servers": [f"10.{90 + number}.0.2"]}
        if name == "s2":
            more = {"address_pools": {}}
        if name == "s1":
            more["address_pools"] = {"v4": {"prefix": "10.90.0.0/29", "gateway": "10.90.0.1"}}
            more["name_servers"] = [f"10.90.0.{host}" for host in EMPTY_BESIDES]
        district = next(one for one in DISTRICTS if one[0] == name[0])
        found[name] = {**site, "title": name, "district": district, **more}
    return found


def at(site: str, position: int | None = None, count: int = 1) -> dict[str, Any]:
    """A cluster at a site, at a unit where one is given."""
    where = {f"{number:03}": {"rack": f"{site}/a/01/01", "position": (position or 0) + number - 1} for number in (1,)}
    return {"web": {**cluster(count), "site": site, **({"places": where} if position else {})}}


@dataclass
class World:
    """A ledger in a database of its own, and two services of it."""

    server: PostgresqlServer
    name: str
    folder: Path
    clients: tuple[LedgerClient, LedgerClient]

    def stack(self, number: int, party: str = "", name: str = "") -> Party:
        """A stack of a tenant, of a party of its own unless one is named, at one of the services."""
        tenant = party or f"tenant-{'abdefgh'[number % 7]}"
        return Party(self.clients[number % 2], name or f"stack-number-{number}", tenant, zone=FILE)

    def enrolled(self, number: int, party: str = "", name: str = "") -> Party:
        """The same, enrolled."""
        made = self.stack(number, party, name)
        made.enrol()
        return made

    def database(self, wait_s: float = 30) -> Database:
        """Another service's database."""
        return Database(self.folder / "ledger.db", self.server.url(self.name), lock_wait_s=wait_s)

    def faults(self) -> list[str]:
        """What must not be so, by the tables, the journal and what it says of them."""
        with closing(self.database()) as database, database.reading() as connection:
            found = [*broken(read_state(connection, "9")), *verify_state(connection).faults]
        wrong = verify(self.clients[0].call(verbs.HISTORY, HistoryRequest()).entries)
        return [*found, *([wrong] if wrong else [])]


@pytest.fixture(name="made", scope="module")
def _made(postgresql: PostgresqlServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with seven sites and a duct with one bore, to be copied."""
    name = postgresql.copy_template()
    with LedgerClient(postgresql.url(name), root=tmp_path_factory.mktemp("made")) as client:
        client.call(verbs.INIT, InitRequest(zone=FILE))
        Party(client, "stack-of-operator", "operator", zone=FILE).bring_up(sites=sites())
        Party(client, "stack-of-carrier", "carrier", zone=FILE).bring_up(ducts={"d-1": DUCT})
        client.call(verbs.STORE, ContentRequest(texts=[EMPTY]))
    yield name
    postgresql.drop(name)


@pytest.fixture(name="world")
def _world(postgresql: PostgresqlServer, made: str, tmp_path: Path) -> Iterator[World]:
    name = postgresql.create(made)
    with ExitStack() as stack:
        url = postgresql.url(name)
        clients = [stack.enter_context(LedgerClient(url, root=tmp_path)) for _ in range(2)]
        yield World(postgresql, name, tmp_path, (clients[0], clients[1]))
    postgresql.drop(name)


def offered_last(world: World, last: str) -> list[tuple[Party, Proposal]]:
    """Stacks that each were offered the last of something."""
    declared: Sequence[tuple[Party, dict[str, Any]]]
    if last == "bore":
        carriers = [world.enrolled(number, f"carrier-{number}") for number in range(2)]
        declared = [(one, {"links": {f"l-{number}": LINK}}) for number, one in enumerate(carriers)]
    elif last == "kW of a party":
        wanted = enumerate(("w1", "w2", "s1", "s2"))
        declared = [(world.enrolled(number, "tenant-c"), {"clusters": at(site)}) for number, site in wanted]
    else:
        wishes = {
            "U": [at("w1", 7)] * 4,
            "kW of a feed": [at("s2", 3 + 2 * number) for number in range(4)],
            "address": [at("s1", 3 + 2 * number) for number in range(4)],
            "kW of a district": [at(f"n{1 + number // 2}") for number in range(4)],
        }
        declared = [(world.enrolled(number), {"clusters": wish}) for number, wish in enumerate(wishes[last])]
    offers = [(one, one.propose(one.demand(**wanted), reserve=False)) for one, wanted in declared]
    if last in {"U", "kW of a feed", "address"}:  # each has its own way to the same: nobody was offered another one
        assert all(not offer.unplaced for _, offer in offers), offers
    return offers


def racers(world: World, last: str) -> list[Callable[[], None]]:
    """Racers that want the last of something."""
    return [admits(one, offer) for one, offer in offered_last(world, last)]


RACES = ("U", "kW of a feed", "address", "kW of a district", "kW of a party", "bore")


@pytest.mark.parametrize("last", RACES)
def test_of_many_for_the_last_one_is_admitted(world: World, monkeypatch: pytest.MonkeyPatch, last: str) -> None:
    """Over two services, one gets the last of anything, and the others are refused by the rule."""
    found = racers(world, last)
    assert Race(world.server, world.name).run(found, monkeypatch) == ["admitted", *["findings"] * (len(found) - 1)]
    assert world.faults() == []


def without(monkeypatch: pytest.MonkeyPatch, kinds: Sequence[str]) -> None:
    """A ledger that leaves scopes out; ``alone`` is one that is never alone."""

    def fewer(touch: Touch, known: ScopeFacts) -> tuple[LockScope, ...] | WholeZone:
        found = whole(touch, known)
        return found if isinstance(found, WholeZone) else tuple(one for one in found if one.kind not in kinds)

    whole = scopes.scopes_of
    monkeypatch.setattr(scope_facts, "scopes_of", fewer)
    if "stack" in kinds:
        monkeypatch.setattr(scope_facts, "_hold", lambda _connection, _names: frozenset())
    if "alone" in kinds:
        monkeypatch.setattr(scopes, "_alone", lambda _touch, _known: "")


@pytest.mark.parametrize(
    ("last", "kinds"),
    [
        ("U", ["site"]),
        ("kW of a feed", ["site"]),
        ("address", ["site"]),
        ("kW of a district", ["district"]),
        ("kW of a party", ["party"]),
        ("bore", ["alone"]),
    ],
)
@pytest.mark.tampers
def test_a_ledger_that_leaves_a_scope_out_is_told_apart(
    world: World, monkeypatch: pytest.MonkeyPatch, last: str, kinds: list[str]
) -> None:
    """The same races do not end like that: else the test before this one would show nothing."""
    without(monkeypatch, kinds)
    found = racers(world, last)
    assert Race(world.server, world.name).run(found, monkeypatch) != ["admitted", *["findings"] * (len(found) - 1)]


@pytest.mark.parametrize(("last", "kinds"), [("kW of a feed", ["site"]), ("kW of a feed", [])])
@pytest.mark.tampers
def test_the_judge_of_histories_rejects_a_ledger_without_locks(
    world: World, monkeypatch: pytest.MonkeyPatch, last: str, kinds: list[str]
) -> None:
    """By what clients alone saw, a ledger without locks of sites holds the last thing twice, and ours does not."""
    without(monkeypatch, kinds)
    recorder, calls = Recorder(), list[Callable[[], object]]()
    for one, offer in offered_last(world, last):
        wants = slots_of(
            (seat.rack, seat.position, offer.addresses.get(name, {})) for name, seat in offer.seats.items()
        )
        calls.append(partial(recorder.call, one.stack_id, wants, admits(one, offer)))
    Race(world.server, world.name).run(calls, monkeypatch)
    final: dict[str, dict[Slot, int]] = {}
    with closing(world.database()) as database, database.reading() as connection:
        for item in read_state(connection, "9").claims:
            final[item.stack] = slots_of([(item.data["rack"], item.data["position"], item.data["addresses"])])
    found = judge(recorder.operations, {("watts", "s2/a/01/01"): 240, ("watts", "s1/a/01/01"): 10_000}, final)
    assert any("are held at" in one for one in found) if kinds else found == [], found


def slots_of(places: Iterable[tuple[str, int, Mapping[str, str]]]) -> dict[Slot, int]:
    """What nodes of one U hold: units, the watts of a feed, and addresses."""
    found: dict[Slot, int] = {}
    for rack, position, addresses in places:
        found |= {("unit", rack, str(position)): 1, ("watts", rack): 200}
        found |= {("address", address): 1 for address in addresses.values()}
    return found


def test_two_that_do_not_wait_for_the_head_are_told_apart(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the lock on the head, two entries would follow the same one: the second is not kept."""
    hold = postgresql_words.hold

    def without_head(connection: Connection, names: Sequence[str], **more: bool) -> frozenset[str]:
        return frozenset(names) if list(names) == [scopes.HEAD.name] else hold(connection, names, **more)

    monkeypatch.setattr(postgresql_words, "hold", without_head)
    # No text that both keep is new then, for which the second one would wait before it comes to the head.
    world.stack(2).bring_up(clusters={site: {**cluster(1), "site": site} for site in ("w1", "w2")})
    declared = [(world.enrolled(number), at(site)) for number, site in enumerate(("w1", "w2"))]
    found = [admits(one, one.propose(one.demand(clusters=wish), reserve=False)) for one, wish in declared]
    assert Race(world.server, world.name).run(found, monkeypatch) == ["IntegrityError", "admitted"]


@dataclass
class StoppingStore:
    """A store whose writing transactions stop within: they hold what they need, and have decided nothing."""

    store: Database
    stop: Callable[[], None]
    path: Path = field(init=False)

    def __post_init__(self) -> None:
        self.path = self.store.path
        self.reading, self.glance = self.store.reading, self.store.glance

    @contextmanager
    def writing(self, touch: Touch | None = None, also: Sequence[AskedQuestion] = ()) -> Iterator[Connection]:
        """As the store's, stopped at its begin."""
        with self.store.writing(touch, also) as connection:
            self.stop()
            yield connection


def stopping(world: World, scheduler: Scheduler, stack: ExitStack) -> Direct:
    """The verbs of another service, stopped within their transactions by a scheduler."""
    store = StoppingStore(stack.enter_context(closing(world.database())), lambda: scheduler.stop("writing"))
    return Direct(Context(database=cast("Database", store)))


def offered(world: World, number: int, wish: dict[str, Any]) -> Any:
    """What an enrolled stack would admit."""
    one = world.enrolled(number)
    return admit_request(one, one.propose(one.demand(clusters=wish), reserve=False))


@pytest.mark.parametrize("sites_", [("s1", "w1"), ("w1", "w2"), ("s1", "n1")])
def test_changes_of_different_sites_are_inside_at_the_same_time(world: World, sites_: tuple[str, str]) -> None:
    """Two admissions stand within their transactions at once, and then each goes on to its end, in either order."""
    requests = {
        name: offered(world, number, at(site)) for number, (name, site) in enumerate(zip("ab", sites_, strict=True))
    }
    scheduler = Scheduler()
    with ExitStack() as stack:
        roads = {name: stopping(world, scheduler, stack) for name in requests}
        calls = {name: lambda name=name: roads[name].call(verbs.ADMIT, requests[name]) for name in requests}
        scheduler.start(cast("dict[str, Callable[[], None]]", calls))
        assert scheduler.waiting() == {"a": "writing", "b": "writing"}
        for name in ("b", "a"):
            scheduler.step(name)
        scheduler.end()
    assert [state for number in range(2) for _, state in world.stack(number).states()] == ["admitted", "admitted"]
    assert world.faults() == []


@pytest.mark.parametrize(
    "wishes",
    [(at("w1"), at("w1")), (at("n1"), at("n2")), ({**at("s1"), "db": {**cluster(1), "site": "w1"}}, at("w1"))],
    ids=["one site", "one district with a quota", "one of two sites"],
)
def test_changes_that_could_collide_are_not(world: World, wishes: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """While one stands within its transaction, the other one waits for its lock; then it goes on."""
    first, second = (offered(world, number, wish) for number, wish in enumerate(wishes))
    scheduler, inside = Scheduler(), threading.Event()
    with ExitStack() as stack:
        road, other = stopping(world, scheduler, stack), stack.enter_context(closing(world.database()))
        scheduler.start({"a": lambda: cast("None", road.call(verbs.ADMIT, first))})
        store = StoppingStore(other, inside.set)
        context = Context(database=cast("Database", store))
        with ThreadPoolExecutor(1) as pool:
            ended = pool.submit(Direct(context).call, verbs.ADMIT, second)
            until(lambda: waiting(world.server, world.name) == 1, "the second one waits")
            assert not inside.is_set()
            scheduler.step("a")
            scheduler.end()
            with suppress(LedgerRefusedError):
                ended.result()
        assert inside.is_set()
    assert world.faults() == []


def test_random_changes_over_many_sites_never_lock_each_other_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight clients change stacks over one to three sites, with an operator among them: not one deadlock."""
    states = Counter[str]()
    told = engine.PostgresqlServer.told

    def counted(server: engine.PostgresqlServer, error: Exception) -> Exception | None:
        orig = getattr(error, "orig", error)
        states[getattr(orig, "sqlstate", None) or type(error).__name__] += 1
        return told(server, error)

    monkeypatch.setattr(engine.PostgresqlServer, "told", counted)
    outcomes = Counter[str]()

    def client(number: int) -> None:
        chance = random.Random(number)
        mine = world.enrolled(number)
        for _ in range(3):
            chosen = chance.sample(("w1", "w2", "w3", "s2", "n1"), chance.randint(1, 3))
            clusters = {f"c-{site}": {**cluster(chance.randint(1, 2)), "site": site} for site in chosen}
            outcomes[changed(mine, clusters)] += 1

    def operator() -> None:
        mine = Party(world.clients[0], "stack-of-operator", "operator", zone=FILE)
        for number in range(2):
            outcomes[changed(mine, {}, sites={**sites(), "s2": {**sites()["s2"], "title": f"Title {number}"}})] += 1

    with ThreadPoolExecutor(8) as pool:
        running = [pool.submit(client, number) for number in range(7)]
        for one in (*running, pool.submit(operator)):
            one.result()
    assert outcomes["admitted"] > 8
    assert states == Counter(), "no transaction was given up by the server"
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert world.server.sql(world.name, deadlocks) == [(0,)]
    assert world.faults() == []


def changed(mine: Party, clusters: dict[str, Any], **more: Any) -> str:
    """Propose, admit, confirm: as an ``up`` does, with another declaration each time."""
    declared = {**({"clusters": clusters} if clusters else {}), **more}
    try:
        offer = mine.propose(mine.demand(**declared))
        if any(finding.refuses for finding in offer.findings):
            return "not offered"
        mine.admit(offer)
    except LedgerRefusedError as error:
        return error.code
    report = mine.client.call(verbs.REPORT, ReportRequest(stack_id=mine.stack_id))
    for item in report.holdings:
        if item.state == "admitted":
            mine.confirm(item.name, kind=item.kind)
        elif item.state == "releasing":
            mine.release(item.name, item.generation, kind=item.kind)
    return "admitted"


def test_a_text_that_is_removed_at_the_same_moment_is_kept(world: World) -> None:
    """A text whose day is over is removed by one transaction while another keeps it for good: it is there after."""
    text = "a text of yesterday"
    with ExitStack() as stack:
        first, second = (stack.enter_context(closing(world.database())) for _ in range(2))
        with first.writing(Touch(party="tenant-a")) as connection:
            put_contents(connection, [text], until=datetime(2020, 1, 2, tzinfo=UTC))
        with ThreadPoolExecutor(1) as pool:
            with first.writing(Touch(party="tenant-a")) as connection:
                sweep(connection, datetime(2020, 1, 3, tzinfo=UTC))

                def keeps() -> None:
                    with second.writing(Touch(party="tenant-b")) as other:
                        put_contents(other, [text])

                kept = pool.submit(keeps)
                until(lambda: waiting(world.server, world.name) == 1 or kept.done(), "the other one waits, or is done")
            kept.result(30)
        with first.reading() as connection:
            assert get_content(connection, digest_of(text)) == text

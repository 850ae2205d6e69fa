"""Signed telemetry: what a head vouches for counts as signed, and whatever was left out, changed or added does not."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest

from support.live import GATEWAY, site_of
from support.readings import METERS, START, month
from support.signed_host import Key, SignedHost, points_of, received
from zonewright.audit.evidence.checks import Check
from zonewright.audit.evidence.signed_file import SignedBatch, SignedFile
from zonewright.audit.verify.signed_readings import bundle_check
from zonewright.model.asset import SiteAsset
from zonewright.model.base import TrustClass
from zonewright.pue.readings import Reading
from zonewright.telemetry import Store
from zonewright.telemetry.chain import ChainError, packed, unpacked
from zonewright.telemetry.feeding import Feeder
from zonewright.telemetry.figures import Terms, measured
from zonewright.telemetry.linking import MOST_EVENTS, MOST_FORKS
from zonewright.telemetry.register_lines import READINGS_HEAD, reading_line
from zonewright.telemetry.samples import Samples
from zonewright.telemetry.summing import DAY_US

NOW_NS = (START + 400 * DAY_US) * 1_000
READINGS = {name: items[:20] for name, items in month().items()}
COUNT = min(map(len, READINGS.values()))
SITE = site_of(METERS)


def at(number: int) -> dict[str, Reading]:
    """What all meters read at one of their times."""
    return {name: items[number] for name, items in READINGS.items()}


class World:
    """A gateway, and the service that it reports to."""

    def __init__(self, folder: Path) -> None:
        self.samples, self.store = Samples(folder / "s.db"), Store(folder / "t.db", create=True)
        self.host = SignedHost(GATEWAY)
        self.enrolled = self.host.key.public

    def batches(self, count: int, host: SignedHost | None = None) -> list[bytes]:
        """The first batches of the gateway."""
        return [(host or self.host).next(points_of(METERS, at(number % COUNT))) for number in range(count)]

    def take(self, *bodies: bytes, ledger: str = "a" * 32, agent: str = GATEWAY) -> None:
        """Batches come in."""
        for body in bodies:
            self.samples.append(received(body, key=self.enrolled, ledger=ledger, agent=agent), NOW_NS)

    def signed(self) -> list[int]:
        """The numbers of the batches that a head vouches for."""
        return [one.sequence for one in self.samples.chains.batches(GATEWAY) if one.head]

    def events(self) -> list[str]:
        """What was out of the ordinary."""
        return [one.kind for one in self.samples.chains.events(GATEWAY)]

    def told(self) -> str:
        """What was said of that, last."""
        return self.samples.chains.events(GATEWAY)[-1].told

    def feed(self) -> None:
        """What came in becomes readings."""
        Feeder(self.samples, self.store, {"dc1": SITE}, now_ns=NOW_NS).feed()

    def trusts(self, meter: str) -> list[str]:
        """The class of each reading of a meter, in order."""
        with self.store.opened() as connection:
            query = "select trust from reading join meter on id = meter where name = ? order by time_us"
            return [row[0] for row in connection.execute(query, (meter,))]


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path)
    with closing(found.samples):
        yield found


def test_what_a_head_vouches_for_is_signed_and_the_rest_is_not_yet(world: World) -> None:
    """Readings come in as authenticated; the next head raises them, to the batch that it names."""
    first, *rest = world.batches(8)
    world.take(first)
    world.feed()
    assert world.trusts("main") == ["authenticated"]
    world.take(*rest)
    world.feed()
    assert world.signed() == [1, 2, 3, 4, 5, 6]
    assert world.trusts("main") == ["signed"] * 6 + ["authenticated"] * 2
    assert world.events() == ["begun"]
    (standing,) = world.samples.chains.standings()
    assert (standing.unsigned, standing.since_ns) == (2, NOW_NS)


def test_numbers_that_begin_again_below_hide_nothing(world: World) -> None:
    """Since when nothing is signed goes by when batches came: their numbers are the sender's word."""
    world.host.sequence = 1000
    world.take(*world.batches(4))
    later = received(SignedHost(GATEWAY, Key(9)).next(), key=world.enrolled)
    world.samples.append(later, NOW_NS + 10)
    (standing,) = world.samples.chains.standings()
    assert (standing.newest_ns, standing.unsigned) == (NOW_NS + 10, 3)


def left_out(bodies: list[bytes], _world: World) -> list[bytes]:
    """The fifth batch never comes."""
    return [*bodies[:4], *bodies[5:]]


def flipped(bodies: list[bytes], _world: World) -> list[bytes]:
    """One value of the fifth batch is another one."""
    old = bodies[4]
    at_value = old.index(b'"asDouble":') + len(b'"asDouble":')
    digit = b"1" if old[at_value : at_value + 1] != b"1" else b"2"
    return [*bodies[:4], old[:at_value] + digit + old[at_value + 1 :], *bodies[5:]]


def added(bodies: list[bytes], _world: World) -> list[bytes]:
    """Who has the token alone puts a batch in the place of the fifth, which then comes too."""
    return [*bodies[:4], SignedHost(GATEWAY, Key(9), sequence=4, previous="0" * 64).next(), *bodies[4:]]


@pytest.mark.parametrize(
    ("change", "signed", "kinds"),
    [
        (left_out, [1, 2, 3, 6], ["begun", "gap"]),
        (flipped, [1, 2, 3, 6], ["begun", "gap"]),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_what_does_not_lie_on_the_chain_is_not_signed(
    change: Callable[[list[bytes], World], list[bytes]], signed: list[int], kinds: list[str], world: World
) -> None:
    """A batch that is left out, changed or added breaks the chain: a head leads back as far as to that place."""
    world.take(*change(world.batches(8), world))
    world.feed()
    assert world.signed() == signed
    assert world.events() == kinds
    assert world.trusts("main").count("signed") == len(signed)


def test_what_the_host_signed_wins_its_number(world: World) -> None:
    """Who has the token alone takes numbers before the host: both batches are kept until a head says which counts."""
    bodies = world.batches(8)
    thief = SignedHost(GATEWAY, Key(9), sequence=2, previous="0" * 64)
    wrong = {name: Reading(one.start_us, one.time_us, one.value + 1, 0) for name, one in at(4).items()}
    theirs = [thief.next(points_of(METERS, wrong)) for _ in range(4)]
    world.take(*bodies[:2], *theirs, *bodies[2:])
    world.feed()
    assert world.signed() == [1, 2, 3, 4, 5, 6]
    assert world.trusts("main") == ["signed"] * 6 + ["authenticated"] * 2
    assert {name: one[0] for name, one in world.store.last("dc1").items() if name == "main"} == {
        "main": at(7)["main"].time_us
    }
    told = [one.told for one in world.samples.chains.events(GATEWAY)]
    assert "of two batches 4 the host signed the one that came second; it counts" in told
    with world.samples._home.opened() as connection:
        assert connection.execute("select count(*) from chain_fork where sequence < 7").fetchone() == (0,)


def test_many_events_of_one_kind_drown_no_other(world: World) -> None:
    """Whoever has the token makes as many gaps as it likes: the last one says so, and another kind is still named."""
    for number in range(3, 3 + 2 * (MOST_EVENTS + 9), 2):
        world.take(SignedHost(GATEWAY, Key(9), sequence=number, previous="0" * 64).next())
    gaps = [one for one in world.samples.chains.events(GATEWAY) if one.kind == "gap"]
    assert (len(gaps), "more than 100 events" in gaps[-1].told) == (MOST_EVENTS + 1, True)
    world.take(SignedHost(GATEWAY, Key(9), sequence=3).next())
    assert world.events()[-1] == "fork"
    for number in range(MOST_FORKS + 5):
        world.take(SignedHost(GATEWAY, Key(9), sequence=3, previous=f"{number:064}").next())
    with world.samples._home.opened() as connection:
        assert connection.execute("select count(*) from chain_fork").fetchone() == (MOST_FORKS,)


def test_batches_in_any_order_are_signed_in_the_end(world: World) -> None:
    """A batch that comes late fills its gap, which is told; heads vouch for it then, and nothing counts twice."""
    bodies = world.batches(8)
    world.take(*bodies[:4], bodies[5], bodies[6], bodies[4], bodies[7], *bodies)
    assert world.signed() == [1, 2, 3, 4, 5, 6]
    assert world.events() == ["begun", "gap", "filled"]
    world.feed()
    assert world.trusts("main") == ["signed"] * 6 + ["authenticated"] * 2


@pytest.mark.parametrize(
    ("case", "why"),
    [
        ("another host", "agent 'gw-2'"),
        ("another ledger", "for ledger 'bbb"),
        ("no ledger", "for no ledger"),
        ("no ledger at the service either", "the service has no ledger"),
        ("another key", "by another key"),
        ("no key", "no key is enrolled"),
        ("another purpose", "another purpose"),
    ],
)
def test_a_head_that_does_not_count_raises_nothing(case: str, why: str, world: World) -> None:
    """Heads of another host, ledger, key or purpose leave the class at authenticated, and are told once."""
    if case == "another host":
        world.host.name = "gw-2"
    elif case == "another ledger":
        world.host.ledger = "b" * 32
    elif case.startswith("no ledger"):
        world.host.ledger = ""
    elif case == "another key":
        world.enrolled = Key(7).public
    elif case == "no key":
        world.enrolled = ""
    else:
        sign = world.host.key.sign
        world.host.key.sign = lambda text, namespace="zonewright-health": sign(text, namespace)  # type: ignore[method-assign]
    world.take(*world.batches(8), ledger="" if case.endswith("either") else "a" * 32)
    world.feed()
    assert world.signed() == []
    assert set(world.trusts("main")) == {"authenticated"}
    assert world.events() == ["begun", "head"]
    assert why in world.told()


def test_a_key_that_changes_is_told_and_what_was_signed_before_stays(world: World) -> None:
    """Readings that counted by the old key stay signed after it was revoked; from then on it signs for nothing."""
    world.take(*world.batches(5))
    world.feed()
    assert world.signed() == [1, 2, 3]
    new = world.enrolled = Key(2).public
    world.take(*world.batches(3))  # the old key signs on
    assert (world.signed(), world.events()) == ([1, 2, 3], ["begun", "head"])
    world.host.key = Key(2)
    world.take(*world.batches(2))
    world.take(*world.batches(2))
    assert world.signed() == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert world.events() == ["begun", "head", "key"]
    assert {one.key for one in world.samples.chains.heads(GATEWAY)} == {Key(1).public, new}


def test_a_host_that_signs_two_chains_is_told(world: World) -> None:
    """A fork, as of a copy of a host, is an event: the head names another batch than came."""
    twin = SignedHost(GATEWAY)
    same, own = world.batches(2), world.batches(2)
    assert same == world.batches(2, twin)
    world.take(*same, *own, twin.next(), twin.next())
    assert world.events() == ["begun", "fork", "fork", "fork"]
    assert world.told() == "the host signed another batch 3 than came"
    assert world.signed() == [1, 2, 3]


def test_what_is_signed_outranks_what_came_with_the_token(world: World) -> None:
    """Who has the token but not the key reports another value first: the signed one counts, the other stays beside."""
    thief = SignedHost(GATEWAY, Key(9), sequence=1000)
    wrong = {name: Reading(one.start_us, one.time_us, one.value + 1, 0) for name, one in at(0).items()}
    world.take(thief.next(points_of(METERS, wrong)))
    world.feed()
    world.take(*world.batches(4))
    world.feed()
    assert world.trusts("main") == ["signed"] * 3 + ["authenticated"]
    assert [one.kind for one in world.store.superseded("dc1") if one.meter == "main"] == ["outranked"]


def test_what_another_host_signed_is_not_signed_for_a_node(world: World) -> None:
    """A token may be given for another node, but no signature names it: the readings stay as they came."""
    other = SignedHost("gw-2")
    for body in world.batches(8, other):
        world.samples.append(replace(received(body, key=other.key.public), node=GATEWAY), NOW_NS)
    world.feed()
    assert [bool(one.head) for one in world.samples.chains.batches("gw-2")] == [True] * 6 + [False] * 2
    assert set(world.trusts("main")) == {"authenticated"}


def test_a_new_meter_gets_what_was_signed_before(world: World) -> None:
    """A meter that is bound later has its readings in the class in which they came."""
    world.take(*world.batches(8))
    world.feed()
    second = Store(Path(str(world.samples.chains._home.path)).with_name("u.db"), create=True)  # type: ignore[attr-defined]
    Feeder(world.samples, second, {"dc1": SITE}, now_ns=NOW_NS).feed()
    world.store = second
    assert world.trusts("main") == ["signed"] * 6 + ["authenticated"] * 2


def test_old_batches_go_and_the_chain_goes_on(world: World) -> None:
    """After old batches were removed the next one still has its place, and no gap is told."""
    world.take(*world.batches(8))
    world.samples.prune(NOW_NS + 1)
    assert [one.sequence for one in world.samples.chains.batches(GATEWAY)] == [8]
    world.take(*world.batches(3))
    assert world.events() == ["begun"]
    assert world.signed() == [8, 9]


@pytest.mark.parametrize(
    ("trusted", "minutes", "becomes", "said"),
    [
        (("signed",), 10, ("signed", False), ""),
        (("signed",), 31, ("", True), "it-2: no reading since 2026-01-30T22:45Z"),
        (("signed", "authenticated"), 31, ("authenticated", False), "it-2: no reading since 2026-01-30T22:45Z"),
        (("signed", "authenticated"), 10, ("authenticated", False), ""),
    ],
)
def test_what_waits_for_its_signature_does_not_count_yet(
    trusted: tuple[TrustClass, ...], minutes: int, becomes: tuple[str, bool], said: str, tmp_path: Path
) -> None:
    """Where only signed readings count, the last ones wait half an hour; after that the figure says since when."""
    store, every = Store(tmp_path / "t.db", create=True), month()
    ends = {name: items[-1].time_us for name, items in every.items()}
    last = min(ends.values()) - 3_600_000_000
    before = {name: [one for one in items if one.time_us <= last] for name, items in every.items()}
    store.append("dc1", METERS, before, trust="signed")
    first = min(one.time_us for items in every.values() for one in items if one.time_us > last)
    rest = {name: [one for one in items if last < one.time_us <= first] for name, items in every.items()}
    store.append("dc1", METERS, rest, trust="authenticated")
    now = datetime.fromtimestamp(first / 10**6 + 60 * minutes, UTC)
    terms = Terms(limit=Fraction(3), trusted=frozenset(trusted), max_age_days=7)
    found = measured(store, "dc1", SITE, now=now, terms=terms, model=None)
    assert found is not None
    assert (found.trust, "do not count" in found.reason) == becomes
    told = " ".join([found.reason, *found.findings])
    assert said in told, told
    assert said or "is signed" not in told


def test_a_kept_batch_is_the_batch() -> None:
    """What is kept is what came, to the byte; what is no kept batch has a sentence."""
    assert unpacked(packed(b"x" * 10_000)) == b"x" * 10_000
    with pytest.raises(ChainError, match="cannot be read"):
        unpacked("AAAA")


def test_the_readings_of_a_bundle_are_those_that_the_host_signed(world: World) -> None:
    """What a bundle says is signed is in the host's batches, to the watt-hour; another value, and a gap, are named."""
    bodies = world.batches(8)
    world.take(*bodies)
    world.feed()
    with world.store.opened() as connection:
        query = (
            "select m.name, m.kind, start_us, time_us, micro, trust from reading join meter m on m.id = meter "
            "where m.name = 'main' order by time_us"
        )
        lines = [reading_line(row) for row in connection.execute(query)]
    asset = SiteAsset(site=SITE).model_dump(mode="json")
    facts = {
        "assets/dc1.json": json.dumps([{"name": "dc1", "data": asset}]),
        "readings/dc1/main/2026-01.csv": "\n".join([READINGS_HEAD, *lines]) + "\n",
    }
    held = SignedFile(agent=GATEWAY, node=GATEWAY, ledger="a" * 32)
    batches = [SignedBatch(sequence=at + 1, received_ns=NOW_NS, body=body) for at, body in enumerate(bodies)]

    def judged() -> Check:
        return bundle_check(facts, held, batches, set(world.signed()))

    name = "readings/dc1/main/2026-01.csv"
    before, found = facts[name], judged()
    assert (found.verdict, found.detail.split(",")[0]) == ("good", "6 of gas")
    last = lines[5].split(",")
    wrong = ",".join([*last[:4], str(int(last[4]) + 10**6), last[5]])
    facts["readings/dc1/main/2026-01.csv"] = facts["readings/dc1/main/2026-01.csv"].replace(lines[5], wrong)
    found = bundle_check(facts, held, batches, set(world.signed()))
    assert found.verdict == "wrong"
    assert "main of dc1: the reading of 2026-01-01T02:00:00Z is not what the host signed" in found.detail
    lowered = wrong.replace("signed", "authenticated")
    facts[name] = before.replace(lines[5], lowered)
    assert "counts as authenticated, and the host signed another value" in judged().detail
    facts[name] = facts[name].replace(",signed", ",authenticated")
    assert judged().verdict == "wrong"
    facts["corrected/dc1.json"] = json.dumps([["main", int(last[3]), None, int(last[4]), "signed", "corrected", 9]])
    facts[name] = before.replace(lines[5], wrong)
    found = judged()
    assert (found.verdict, "1 reading corrected or withdrawn on record" in found.detail) == ("good", True)
    del facts["corrected/dc1.json"]
    kind = next(one for one in METERS if METERS[one].kind == "gauge")
    rows = [(kind, "gauge", one.start_us, one.time_us, int(one.value * 10**6), "signed") for one in READINGS[kind]]
    facts[name], few = before, f"readings/dc1/{kind}/2026-01.csv"
    facts[few] = "\n".join([READINGS_HEAD, *(reading_line(row) for row in rows[:6])]) + "\n"
    assert judged().verdict == "good"
    facts[few] = facts[few].replace(f"{reading_line(rows[3])}\n", "")
    assert f"1 that the host signed in these months are not in it, the first: {kind} of dc1" in judged().detail
    other = [SignedBatch(sequence=1, received_ns=NOW_NS, body=SignedHost("x").next(points_of(METERS, at(0))))]
    found = bundle_check(facts, SignedFile(agent="x", node=GATEWAY, ledger="a" * 32), other, {1})
    assert (found.verdict, found.detail) == ("not-checked", "no meter of the bundle's sites is read by x")

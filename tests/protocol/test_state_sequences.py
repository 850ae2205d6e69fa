"""Random sequences of what people do to a state, through the real provider: who frees must hold."""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import create_engine

from support.ledger_invariants import broken, read_state
from support.ledger_party import ZONE_FILE, Party, bring_up_racks
from support.provider_process import ProviderProcess, provider_process
from support.soak import again, examples, shares_s
from support.state_engine import SINGLE, Entry, Run, StateEngine, Wish, claim_of
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.store.clock import stamp, utc_now
from zonewright.ledger.transport.client import LedgerClient

LETTERS = "abc"
PREFIXES = ("", "other-", "third-")
STACKS = {"a": "tenant-a-0123456789ab", "b": "tenant-b-0123456789ab"}
CHECKOUTS = ("a", "b", "clone of a")
BEGUN: dict[str, Wish] = {"a": {"a": 1, "b": None}, "b": {"a": 4}}


@dataclass(frozen=True)
class Begun:
    """A ledger in which both stacks are up, and their states."""

    ledger: Path
    states: dict[str, list[Entry]]
    provider: ProviderProcess


def checkouts(client: LedgerClient, provider: ProviderProcess) -> dict[str, StateEngine]:
    """The checkouts of two stacks, and a second one of the first stack, with no state."""
    return {
        name: StateEngine(party=Party(client, STACKS[name[-1]], f"tenant-{name[-1]}"), provider=provider)
        for name in CHECKOUTS
    }


@pytest.fixture(scope="module", name="begun")
def _begun() -> Iterator[Begun]:
    with tempfile.TemporaryDirectory() as name, provider_process(Path(name)) as provider:
        ledger = Path(name) / "ledger.db"
        with LedgerClient(f"sqlite:///{ledger}", create=True) as client:
            client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
            bring_up_racks(client)
            made = checkouts(client, provider)
            for stack, wish in BEGUN.items():
                assert made[stack].up(wish, Run())
        with closing(sqlite3.connect(ledger)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        yield Begun(ledger, {stack: made[stack].entries for stack in BEGUN}, provider)


class WhatPeopleDo(RuleBasedStateMachine):
    """Two tenants and a second checkout of the first, on one ledger with two racks."""

    begun: ClassVar[Begun]

    def __init__(self) -> None:
        super().__init__()
        begun = self.begun
        self.folder = Path(tempfile.mkdtemp(dir=begun.ledger.parent))
        shutil.copy(begun.ledger, self.folder / "ledger.db")
        self.client = LedgerClient(f"sqlite:///{self.folder / 'ledger.db'}")
        self.engine = create_engine(self.client.url)
        self.checkouts = checkouts(self.client, begun.provider)
        for name, entries in begun.states.items():
            self.checkouts[name].entries = deepcopy(entries)
            self.checkouts[name].keep()
        self.wishes: dict[str, Wish] = dict(BEGUN)
        self.held: list[tuple[StateEngine, Entry]] = []
        self.is_sound = True

    # What people do.

    @rule(
        name=st.sampled_from(CHECKOUTS), wish=st.dictionaries(st.sampled_from(LETTERS), st.none() | st.integers(1, 4))
    )
    def declares_and_runs_up(self, name: str, wish: Wish) -> None:
        """A change of the declaration, carried out or refused."""
        self.wishes[name[-1]] = wish
        self.up(name, Run())

    @rule(
        name=st.sampled_from(CHECKOUTS),
        wish=st.dictionaries(st.sampled_from(LETTERS), st.none() | st.integers(1, 4)),
        steps=st.integers(0, 7),
        answer_lost=st.booleans(),
    )
    def cancels_an_up(self, name: str, wish: Wish, steps: int, *, answer_lost: bool) -> None:
        """A change that is stopped in the middle."""
        self.wishes[name[-1]] = wish
        self.up(name, Run(steps=steps, answer_lost=answer_lost))

    @rule(name=st.sampled_from(CHECKOUTS))
    def runs_up(self, name: str) -> None:
        """The same declaration once more."""
        self.up(name, Run())

    @rule(
        name=st.sampled_from("ab"),
        wish=st.dictionaries(st.sampled_from(LETTERS), st.none() | st.integers(1, 4)),
        letters=st.sets(st.sampled_from(LETTERS)),
        single=st.sets(st.sampled_from(sorted(SINGLE.values()))),
    )
    def targets(self, name: str, wish: Wish, letters: set[str], single: set[str]) -> None:
        """``--target`` of some nodes, of the Admission, of others."""
        self.wishes[name] = wish
        prefix = self.checkouts[name].prefix
        self.up(name, Run(), targets=single | {f"{prefix}{claim_of(letter)}" for letter in letters})

    @rule(
        name=st.sampled_from("ab"),
        letters=st.sets(st.sampled_from(LETTERS), min_size=1),
        single=st.sets(st.sampled_from(["admission"])),
        steps=st.none() | st.integers(0, 7),
        delete_first=st.booleans(),
    )
    def replaces(
        self, name: str, letters: set[str], single: set[str], steps: int | None, *, delete_first: bool
    ) -> None:
        """``--replace`` of what has not changed, in either order."""
        prefix = self.checkouts[name].prefix
        replaced = single | {f"{prefix}{claim_of(letter)}" for letter in letters}
        self.up(name, Run(steps=steps), replaced=replaced, delete_first=delete_first)

    @rule(name=st.sampled_from(CHECKOUTS), letter=st.sampled_from(LETTERS), prefix=st.sampled_from(PREFIXES))
    def imports(self, name: str, letter: str, prefix: str) -> None:
        """``pulumi import`` of a node that is in the state already, or that was lost, or into another checkout."""
        self.checkouts[name].import_node(claim_of(letter), f"{prefix}{claim_of(letter)}")

    @rule(
        name=st.sampled_from("ab"), prefix=st.sampled_from(PREFIXES), has_alias=st.booleans(), steps=st.integers(0, 7)
    )
    def renames(self, name: str, prefix: str, *, has_alias: bool, steps: int) -> None:
        """The program names its nodes in another way, with aliases or without."""
        stack = self.checkouts[name]
        if has_alias:
            stack.alias(prefix)
        else:
            stack.prefix = prefix
        self.up(name, Run(steps=steps or None))

    @rule(name=st.sampled_from("ab"), data=st.data(), prefix=st.sampled_from(PREFIXES))
    def renames_in_the_state(self, name: str, data: st.DataObject, prefix: str) -> None:
        """``pulumi state rename`` of a node."""
        stack = self.checkouts[name]
        nodes = [entry for entry in stack.of("Node") if not entry.going]
        if nodes:
            entry = nodes[data.draw(st.integers(0, len(nodes) - 1))]
            if stack.find("Node", f"{prefix}{entry.claim}") is None:
                entry.name = f"{prefix}{entry.claim}"

    @rule(name=st.sampled_from(CHECKOUTS), data=st.data())
    def deletes_from_the_state(self, name: str, data: st.DataObject) -> None:
        """``pulumi state delete``, with what depends on it."""
        if entries := self.checkouts[name].entries:
            self.checkouts[name].forget(entries[data.draw(st.integers(0, len(entries) - 1))])

    @rule(name=st.sampled_from(CHECKOUTS))
    def refreshes(self, name: str) -> None:
        """``pulumi refresh``."""
        self.checkouts[name].refresh()

    @rule(name=st.sampled_from("ab"))
    def keeps_the_state(self, name: str) -> None:
        """A copy of the state file for later."""
        self.checkouts[name].keep()

    @rule(name=st.sampled_from("ab"), data=st.data())
    def restores(self, name: str, data: st.DataObject) -> None:
        """An older state file in the place of the present one."""
        stack = self.checkouts[name]
        stack.restore(data.draw(st.integers(0, len(stack.kept) - 1)))

    @rule(
        name=st.sampled_from(CHECKOUTS),
        steps=st.none() | st.integers(0, 7),
        answer_lost=st.booleans(),
        late=st.booleans(),
    )
    def destroys(self, name: str, steps: int | None, *, answer_lost: bool, late: bool) -> None:
        """``pulumi destroy``, to its end or not; what was imported goes first or last."""
        self.checkouts[name].destroy(Run(steps=steps, answer_lost=answer_lost), imports_last=late)

    @precondition(lambda self: any(self.checkouts[name].of("Node") for name in CHECKOUTS))
    @rule(data=st.data())
    def destroys_a_target(self, data: st.DataObject) -> None:
        """``pulumi destroy --target --target-dependents`` of one node."""
        name = data.draw(st.sampled_from([name for name in CHECKOUTS if self.checkouts[name].of("Node")]))
        stack = self.checkouts[name]
        node = data.draw(st.sampled_from([entry.name for entry in stack.of("Node")]))
        stack.destroy(Run(), targets={node, "completion"})

    @rule(name=st.sampled_from("ab"))
    def recovers(self, name: str) -> None:
        """``zonewright recover --take-over`` and its ``up``: the state of the other checkout is the lost one."""
        stack = self.checkouts[name]
        if stack.recover():
            for other in self.checkouts.values():
                if other is not stack and other.party.stack_id == stack.party.stack_id:
                    other.entries = []
        with closing(sqlite3.connect(self.folder / "ledger.db")) as connection, connection:
            connection.execute("DELETE FROM reservation")  # five minutes later
        self.wishes[name] = self.possible(name)
        assert stack.up(self.wishes[name], Run()), stack.fault
        self.agrees(stack)
        assert {row["state"] for row in self.rows(stack)} <= {"active"}

    def possible(self, name: str) -> Wish:
        """The same nodes, where they stand if that is theirs for sure, else where nobody else wishes to be."""
        stack = self.checkouts[name]
        found: dict[str, int | None] = {}
        rows = self.rows(stack)
        for number, letter in enumerate(sorted(self.wishes[name])):
            nodes = [one for one in stack.of("Node") if one.claim == claim_of(letter) and is_claimed(one, rows)]
            units = [one.place[1] for one in nodes if one.place[1] not in found.values()]
            found[letter] = units[0] if units else {"a": 10, "b": 20}[name] + number
        return found

    def up(self, name: str, run: Run, **options: Any) -> None:
        """An ``up`` of what is declared."""
        stack, wish = self.checkouts[name], self.wishes[name[-1]]
        if stack.up(wish, run, **options) and options.get("targets") is None:
            self.agrees(stack)

    # What must hold.

    def agrees(self, stack: StateEngine) -> None:
        """After a whole ``up``: active claims are the nodes of the state, each held by its resource, and no others.

        What the state lost may be releasing yet: it is freed after the ledger was told that it was lost.
        """
        rows = [row for row in self.rows(stack) if row["state"] != "releasing"]
        assert {row["state"] for row in rows} <= {"active"}
        nodes = stack.of("Node")
        assert sorted((row["name"], row["place"]) for row in rows) == sorted((one.claim, one.place) for one in nodes)
        assert [entry.claim for entry in nodes if not is_held(entry, rows)] == []

    def rows(self, stack: StateEngine) -> list[dict[str, Any]]:
        """Claims of a stack that are not freed."""
        query = (
            "SELECT name, state, coalesce(holder, '') AS holder, json_extract(data, '$.rack') AS rack, "
            "json_extract(data, '$.position') AS unit FROM claim WHERE stack_id = ?"
        )
        with closing(sqlite3.connect(self.folder / "ledger.db")) as connection:
            connection.row_factory = sqlite3.Row
            rows = connection.execute(query, (stack.party.stack_id,)).fetchall()
        return [{**dict(row), "place": (row["rack"], row["unit"])} for row in rows]

    @invariant()
    def nothing_is_held_twice(self) -> None:
        """No unit, watt or address has two holders, and whatever else must be so at any moment."""
        with self.engine.connect() as connection:
            assert broken(read_state(connection, stamp(utc_now()))) == []

    @invariant()
    def nothing_is_freed_that_a_live_state_holds(self) -> None:
        """What was held before the step, and is in a state after it, has a claim yet."""
        self.is_sound = False
        for stack, entry in self.held:
            if entry in stack.entries and not entry.unsure:
                assert is_claimed(entry, self.rows(stack)), f"{entry.name} runs, and {entry.claim} is free for others"
        self.held = [
            (stack, entry)
            for stack in self.checkouts.values()
            for entry in stack.of("Node")
            if is_held(entry, self.rows(stack))
        ]
        self.is_sound = True

    def teardown(self) -> None:
        """After all that, a recovery and an ``up`` of each stack settle everything."""
        try:
            if self.is_sound:
                for name in BEGUN:
                    self.recovers(name)
                    self.nothing_is_held_twice()
                    self.nothing_is_freed_that_a_live_state_holds()
                    stack = self.checkouts[name]
                    nothing_to_do = stack.up(self.wishes[name], Run(steps=0))
                    assert nothing_to_do, f"the next up has something to do: {stack.fault}"
        finally:
            self.engine.dispose()
            self.client.close()
            shutil.rmtree(self.folder)


def is_held(entry: Entry, rows: list[dict[str, Any]]) -> bool:
    """Whether a resource of a state is the holder of its claim."""
    mine = entry.claim, entry.outputs["holder"]
    return any((row["name"], row["holder"]) == mine and row["state"] in ("active", "releasing") for row in rows)


def is_claimed(entry: Entry, rows: list[dict[str, Any]]) -> bool:
    """Whether nobody else can get where a resource stands, or it has moved since."""
    return is_held(entry, rows) or any((row["name"], row["place"]) == (entry.claim, entry.place) for row in rows)


def test_a_second_import_that_is_deleted_frees_nothing(begun: Begun) -> None:
    """The sequence that showed it: a node is imported again, and the next `up` deletes that one."""
    WhatPeopleDo.begun = begun
    people = WhatPeopleDo()
    people.nothing_is_freed_that_a_live_state_holds()
    people.imports("a", "a", "other-")
    assert [entry.name for entry in people.checkouts["a"].of("Node")] == ["a-001", "b-001", "other-a-001"]
    people.runs_up("a")
    assert [entry.name for entry in people.checkouts["a"].of("Node")] == ["a-001", "b-001"]
    people.nothing_is_freed_that_a_live_state_holds()
    people.teardown()


def test_a_move_that_the_state_did_not_learn_of_is_confirmed_by_the_next_up(begun: Begun) -> None:
    """The sequence that showed it: a move was done and its answer lost, and the next `up` wants the old place again.

    The engine saw no difference, so the ledger kept the place of the move and only admitted the old one.
    """
    WhatPeopleDo.begun = begun
    people = WhatPeopleDo()
    stack = people.checkouts["a"]
    people.cancels_an_up("a", {"a": 3, "b": None}, 1, answer_lost=True)
    node = stack.find("Node", "a-001")
    assert node is not None
    assert node.place[1] == BEGUN["a"]["a"]
    assert (node.claim, 3) in {(row["name"], row["unit"]) for row in people.rows(stack)}
    people.declares_and_runs_up("a", {"a": 1, "b": None})
    assert stack.fault == ""
    assert [(row["unit"], row["state"]) for row in people.rows(stack) if row["name"] == node.claim] == [(1, "active")]
    people.teardown()


@pytest.mark.soak
def test_whatever_people_do_to_a_state_only_the_holder_frees(begun: Begun) -> None:
    """Nothing is held twice or freed while a live state holds it, and a recovery with an ``up`` settles everything."""
    chosen = settings(
        deadline=None,
        max_examples=examples(10_000),
        stateful_step_count=8,
        suppress_health_check=list(HealthCheck),
    )
    WhatPeopleDo.begun = begun

    def one_run() -> None:
        run_state_machine_as_test(WhatPeopleDo, settings=chosen)

    one_run()
    again(shares_s()["state sequences"], one_run)

"""The life of claims under any sequence of changes, crashes and lost answers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from hypothesis import example, given
from hypothesis import strategies as st

from zonewright.ledger.protocol.holding_messages import ClaimState
from zonewright.ledger.store import life

NAMES = ("a", "b", "c")


@dataclass(frozen=True)
class Change:
    """One run of an engine.

    Attributes:
        wanted: digest by name.
        replaced: names whose resource is replaced instead of updated when it differs.
        steps: how many steps are done before the engine is killed; None for all.
        answer_lost: the ledger does the last step, and the engine does not learn of it.
        left_out: names whose create or update fails or is not targeted, while the run goes on.
    """

    wanted: dict[str, str]
    replaced: frozenset[str] = frozenset()
    steps: int | None = None
    answer_lost: bool = False
    left_out: frozenset[str] = frozenset()


@dataclass
class Stack:
    """The rows of a stack in the ledger, and the resources in its engine's state.

    Attributes:
        rows: by id, also the freed ones.
        resources: generation and digest by name, as the engine knows them.
        stale: names of which the engine did not get the last answer.
        old: replaced resources that are still to be deleted, as name and generation.
        released: generations by name whose place the ledger was told is left, whether the engine knows it or not.
    """

    rows: dict[int, life.LifeRow] = field(default_factory=dict)
    resources: dict[str, tuple[int, str]] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)
    old: list[tuple[str, int]] = field(default_factory=list)
    released: set[tuple[str, int]] = field(default_factory=set)

    def held(self, name: str | None = None) -> list[life.LifeRow]:
        """Rows that are not freed."""
        return [row for row in self.rows.values() if row.state != "freed" and name in (None, row.name)]

    def set_states(self, states: dict[int, ClaimState]) -> None:
        """Carry out what the pure functions say."""
        for id_, state in states.items():
            self.rows[id_] = replace(self.rows[id_], state=state)

    def admit(self, wanted: dict[str, str]) -> None:
        """The verb `admit`, with what must hold of every admission."""
        before = dict(self.rows)
        moves = life.admit(self.held(), wanted)
        self.set_states(dict(moves.states))
        for name in moves.new:
            id_ = len(self.rows) + 1
            self.rows[id_] = life.LifeRow(id=id_, name=name, state="admitted", generation=0, digest=wanted[name])
        current = {row.name: row.digest for row in self.held() if row.state in life.CURRENT}
        assert current == wanted
        assert sum(row.state in life.CURRENT for row in self.held()) == len(wanted)
        assert life.admit(self.held(), wanted) == life.Moves(new=(), states={})
        freed = [row for id_, row in self.rows.items() if row.state == "freed" and before[id_].state != "freed"]
        assert all(row.generation == 0 for row in freed), "an admission never frees what a resource holds"

    def confirm(self, name: str, digest: str, generation: int) -> int:
        """The verb `confirm`; gives the raised generation."""
        group = self.held(name)
        current = life.current_of(group)
        assert current is not None
        assert current.digest == digest
        raised = max(generation, *(row.generation for row in self.rows.values() if row.name == name)) + 1
        self.rows[current.id] = replace(current, state="active", generation=raised)
        self.set_states(dict.fromkeys(life.freed_by_confirm(group, generation), "freed"))
        self.released.add((name, generation))
        return raised

    def release(self, name: str, generation: int) -> None:
        """The verb `release`: frees at most one place, and never one of another generation."""
        freed = life.freed_by_release(self.held(name), generation)
        assert [self.rows[id_].generation for id_ in freed] in ([], [generation])
        self.set_states(dict.fromkeys(freed, "freed"))
        self.released.add((name, generation))

    def nothing_is_given_away(self) -> None:
        """Each resource that the engine surely has stands on a place that is not free for others."""
        for name, (_, digest) in self.resources.items():
            if name not in self.stale:
                assert digest in {row.digest for row in self.held(name)}, f"{name} stands where others may place"
        for name, generation in self.old:
            if (name, generation) not in self.released:
                assert generation in {row.generation for row in self.held(name)}, f"the replaced {name} still stands"


def run(stack: Stack, change: Change) -> None:
    """One run: the admission, then step by step until the end or the kill."""
    stack.admit(change.wanted)
    stack.nothing_is_given_away()
    for number, (ledger_does, engine_learns, name) in enumerate(steps(stack, change), start=1):
        if change.steps is not None and number > change.steps:
            return
        learn = ledger_does()
        if change.answer_lost and number == change.steps:
            stack.stale.add(name)
            return
        engine_learns(learn)
        stack.stale.discard(name)
        stack.nothing_is_given_away()
    stack.set_states(dict.fromkeys(life.freed_by_settle(stack.held(), is_current=False), "freed"))
    stack.nothing_is_given_away()


Step = tuple[Callable[[], int], Callable[[int], None], str]


def steps(stack: Stack, change: Change) -> Iterator[Step]:
    """Creates, updates and replacements first, then deletes, as the engine does; the name of whom a step tells."""
    yield from confirms(stack, change)
    yield from releases(stack, change)


def confirms(stack: Stack, change: Change) -> Iterator[Step]:
    """A confirm for each resource that is new, differs or is not as admitted."""
    for name, digest in change.wanted.items():
        has = stack.resources.get(name)
        current = life.current_of(stack.held(name))
        if has and has[1] == digest and current and current.state == "active" and name not in stack.stale:
            continue
        if name in change.left_out:
            continue
        old = [(name, has[0])] if has and name in change.replaced else []
        held = has[0] if has and not old else 0

        def confirm(name: str = name, digest: str = digest, held: int = held) -> int:
            return stack.confirm(name, digest, held)

        def know(generation: int, name: str = name, digest: str = digest, old: list[tuple[str, int]] = old) -> None:
            stack.old += old
            stack.resources[name] = (generation, digest)

        yield confirm, know, name


def releases(stack: Stack, change: Change) -> Iterator[Step]:
    """A release for each resource that was replaced or is not wanted."""
    gone = [(name, has[0]) for name, has in stack.resources.items() if name not in change.wanted]
    for name, generation in [*stack.old, *gone]:

        def release(name: str = name, generation: int = generation) -> int:
            stack.release(name, generation)
            return generation

        def forget(generation: int, name: str = name) -> None:
            if (name, generation) in stack.old:
                stack.old.remove((name, generation))
            if stack.resources.get(name, (0, ""))[0] == generation:
                del stack.resources[name]

        yield release, forget, name if stack.resources.get(name, (0, ""))[0] == generation else ""


wishes = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(("p1", "p2", "p3")))
changes = st.builds(
    Change,
    wanted=wishes,
    replaced=st.frozensets(st.sampled_from(NAMES)),
    steps=st.none() | st.integers(0, 6),
    answer_lost=st.booleans(),
    left_out=st.frozensets(st.sampled_from(NAMES)),
)


REPLACED_AND_MOVED = [
    Change({"a": "p1"}),
    Change({"a": "p2"}, replaced=frozenset("a"), steps=1),
    Change({"a": "p3"}, steps=1),
]
REPLACED_AND_TAKEN_BACK = [
    Change({"a": "p1"}),
    Change({"a": "p2"}, replaced=frozenset("a"), steps=1),
    Change({}, steps=0),
    Change({"a": "p1"}, left_out=frozenset("a")),
]


@given(st.lists(changes, max_size=6), wishes)
@example(REPLACED_AND_MOVED, {"a": "p1"})
@example(REPLACED_AND_TAKEN_BACK, {"a": "p1"})
def test_whatever_happened_one_whole_run_settles(history: list[Change], last: dict[str, str]) -> None:
    """After any kills and lost answers, a run to its end leaves exactly what is wanted, active, and nothing else."""
    stack = Stack()
    for change in history:
        run(stack, change)
    run(stack, Change(last))
    assert {row.name: (row.state, row.digest) for row in stack.held()} == {
        name: ("active", digest) for name, digest in last.items()
    }
    assert {name: digest for name, (_, digest) in stack.resources.items()} == last
    for name, (generation, _) in stack.resources.items():
        assert [row.generation for row in stack.held(name)] == [generation]


@given(st.lists(changes, max_size=6))
def test_generations_only_rise(history: list[Change]) -> None:
    """No two rows of a name ever share a generation, so a late delete finds its own place or none."""
    stack = Stack()
    for change in history:
        run(stack, change)
        for name in NAMES:
            given_out = [row.generation for row in stack.rows.values() if row.name == name and row.generation]
            assert len(given_out) == len(set(given_out))


@given(st.lists(changes, max_size=6))
def test_a_destroy_leaves_nothing(history: list[Change]) -> None:
    """When the present admission's resource is deleted, everything of the stack is free."""
    stack = Stack()
    for change in history:
        run(stack, change)
    stack.set_states(dict.fromkeys(life.freed_by_settle(stack.held(), is_current=True), "freed"))
    assert stack.held() == []

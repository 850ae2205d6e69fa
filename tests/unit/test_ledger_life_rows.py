"""What one admission, confirm, release and settle do to the rows of claims, case by case; see also the properties."""

from types import SimpleNamespace

import pytest

from zonewright.ledger.protocol.holding_messages import ClaimState
from zonewright.ledger.store.life import (
    LifeRow,
    Moves,
    admit,
    by_name,
    current_of,
    freed_by_confirm,
    freed_by_release,
    freed_by_settle,
    let_go,
)


def row(id_: int, state: ClaimState, generation: int = 0, digest: str = "p1", name: str = "a") -> LifeRow:
    """A row."""
    return LifeRow(id=id_, name=name, state=state, generation=generation, digest=digest)


def test_a_row_is_read_from_what_has_its_fields() -> None:
    """Each field is that of the same name."""
    found = LifeRow.of(SimpleNamespace(id=4, name="a", state="active", generation=2, holder=None, digest="p1", more=1))
    assert found == row(4, "active", 2)


def test_freed_rows_belong_to_nobody() -> None:
    """Rows are grouped by name without the freed ones, also where nothing else is there."""
    rows = [
        row(1, "freed"),
        row(2, "active"),
        row(3, "releasing"),
        row(4, "freed", name="b"),
        row(5, "admitted", name="c"),
    ]
    assert {name: [one.id for one in group] for name, group in by_name(rows).items()} == {"a": [2, 3], "c": [5]}


@pytest.mark.parametrize(
    ("rows", "wanted", "new", "states"),
    [
        ([], {"b": "p1", "a": "p1"}, ("a", "b"), {}),
        ([row(1, "admitted")], {"a": "p1"}, (), {}),
        ([row(1, "active", 1)], {"a": "p1"}, (), {}),
        ([row(1, "admitted")], {}, (), {1: "freed"}),
        ([row(1, "active", 1)], {}, (), {1: "releasing"}),
        ([row(1, "admitted")], {"a": "p2"}, ("a",), {1: "freed"}),
        ([row(1, "active", 1)], {"a": "p2"}, ("a",), {1: "releasing"}),
        ([row(1, "releasing", 1)], {"a": "p1"}, (), {1: "active"}),
        ([row(1, "releasing", 1)], {"a": "p2"}, ("a",), {}),
        ([row(1, "releasing", 1)], {}, (), {}),
        # Only the newest resource's place is taken back, whatever the order of the rows.
        ([row(1, "releasing", 1), row(2, "releasing", 2, "p2")], {"a": "p1"}, ("a",), {}),
        ([row(2, "releasing", 2, "p2"), row(1, "releasing", 1)], {"a": "p1"}, ("a",), {}),
        ([row(1, "releasing", 1), row(2, "releasing", 2, "p2")], {"a": "p2"}, (), {2: "active"}),
        # A move that did not happen is undone; a resource that stands elsewhere by now takes nothing back.
        ([row(1, "releasing", 1), row(2, "admitted", 0, "p2")], {"a": "p1"}, (), {2: "freed", 1: "active"}),
        ([row(1, "releasing", 1), row(2, "active", 2, "p2")], {"a": "p1"}, ("a",), {2: "releasing"}),
        # Each name for itself.
        ([row(1, "active", 1), row(2, "active", 1, name="b")], {"b": "p1", "c": "p1"}, ("c",), {1: "releasing"}),
    ],
)
def test_an_admission_moves_rows(
    rows: list[LifeRow], wanted: dict[str, str], new: tuple[str, ...], states: object
) -> None:
    """A row without a resource is freed, one with a resource is releasing, the newest releasing one comes back."""
    moves = admit(rows, wanted)
    assert (moves.new, moves.states) == (new, states)


def test_the_current_row_is_admitted_or_active() -> None:
    """What is releasing is not current; without another there is none."""
    assert current_of([row(1, "releasing", 1), row(2, "admitted")]) == row(2, "admitted")
    assert current_of([row(1, "releasing", 1), row(2, "active")]) == row(2, "active")
    assert current_of([row(1, "releasing", 1)]) is None


def test_a_confirm_frees_what_its_resource_held() -> None:
    """Only the releasing place of the generation in the resource's state; a new resource has 0 and frees nothing."""
    group = [row(1, "releasing", 1), row(2, "releasing", 2), row(3, "active", 2), row(4, "releasing")]
    assert freed_by_confirm(group, 2) == (2,)
    assert freed_by_confirm(group, 3) == ()
    assert freed_by_confirm(group, 0) == ()


def test_a_delete_frees_its_own_generation() -> None:
    """The place of the deleted generation, active or releasing; never one that no resource stands on."""
    group = [row(1, "releasing", 1), row(2, "active", 2), row(3, "admitted", 3), row(4, "releasing")]
    assert freed_by_release(group, 1) == (1,)
    assert freed_by_release(group, 2) == (2,)
    assert freed_by_release(group, 3) == ()
    assert freed_by_release(group, 0) == ()


def test_settling_keeps_the_old_place_of_a_move() -> None:
    """What is releasing is freed, but not where the current row has no resource yet; a destroy frees all."""
    rows = [
        row(1, "releasing", 1, name="gone"),
        row(2, "releasing", 1, name="moved"),
        row(3, "active", 2, name="moved"),
        row(4, "releasing", 1, name="moving"),
        row(5, "admitted", name="moving"),
        row(6, "freed", name="past"),
    ]
    assert freed_by_settle(rows, is_current=False) == (1, 2)
    assert freed_by_settle(rows, is_current=True) == (1, 2, 3, 4, 5)


def test_a_move_that_its_holder_confirms_frees_the_old_place() -> None:
    """The place that a token held is freed by the confirm of that token only, whatever generation the state has."""
    old = LifeRow(id=1, name="web-001", state="releasing", generation=3, holder="a", digest="old")
    new = LifeRow(id=2, name="web-001", state="admitted", generation=0, digest="new")
    assert freed_by_confirm([old, new], 0, "a") == (1,)
    assert freed_by_confirm([old, new], 3, "b") == ()


def test_what_has_no_resource_is_not_lost_by_a_state() -> None:
    """An empty state lets go of what was active or releasing; what is only admitted or freed stays as it is."""
    rows = [row(1, "admitted"), row(2, "active"), row(3, "releasing"), row(4, "freed")]
    assert let_go(rows, (), is_empty=True) == Moves(new=(), states={2: "admitted", 3: "freed"})

"""The judge of histories: it accepts what a ledger may do, and rejects each thing that it must never do."""

from collections.abc import Mapping
from typing import Any

import pytest

from support.ledger_history import Operation, Outcome, Recorder, Slot, judge
from zonewright.ledger import LedgerRefusedError, LedgerUnavailableError

U, WATTS = ("unit", "r", "7"), ("watts", "r")


def asked(stack: str, begin: int, end: int, outcome: Outcome = "ok", **more: Any) -> Operation:
    """A stack asks for the unit, or for what is given."""
    return Operation(stack=stack, begin=begin, end=end, outcome=outcome, wants=more.get("wants", {U: 1}))


def found(*operations: Operation, final: Mapping[str, Mapping[Slot, int]] | None = None, watts: int = 2) -> list[str]:
    """What is wrong."""
    return judge(operations, {WATTS: watts}, final or {})


NOTHING: dict[str, Any] = {"wants": {}}


@pytest.mark.parametrize(
    ("operations", "final"),
    [
        ([asked("a", 0, 1), asked("b", 2, 3, "refused")], {"a": {U: 1}}),
        ([asked("a", 0, 3), asked("b", 1, 2, "refused")], {"a": {U: 1}}),
        ([asked("a", 0, 1), asked("a", 2, 4, **NOTHING), asked("b", 3, 5)], {"b": {U: 1}}),
        ([asked("a", 0, 1, "unknown"), asked("b", 2, 3, "refused")], {}),
        ([asked("a", 0, 1, "unknown"), asked("b", 2, 3)], {"b": {U: 1}}),
        ([asked("a", 0, 1, "unknown"), asked("a", 2, 3)], {"a": {U: 1}}),
        ([asked("a", 0, 1), asked("a", 2, 3, "unknown", **NOTHING), asked("b", 4, 5)], {"b": {U: 1}}),
        ([asked(x, 2 * n, 2 * n + 1, wants={WATTS: 1}) for n, x in enumerate("ab")], {x: {WATTS: 1} for x in "ab"}),
        ([asked("a", 0, 1), asked("a", 2, 3, "refused", wants={WATTS: 3})], {"a": {U: 1}}),
    ],
    ids=[
        "first",
        "together",
        "given up",
        "unknown is held",
        "unknown is not",
        "again",
        "given up unknown",
        "sum",
        "own",
    ],
)
def test_what_a_ledger_may_do_passes(operations: list[Operation], final: dict[str, Any]) -> None:
    """Whoever asks while another one may have it may be refused, and an answer that was lost may mean either."""
    assert found(*operations, final=final) == []


@pytest.mark.parametrize(
    ("operations", "final", "word"),
    [
        (
            [asked("a", 0, 1), asked("b", 2, 3)],
            {x: {U: 1} for x in "ab"},
            "2 of unit r 7 are held at 3, 1 are there: a, b",
        ),
        ([asked("a", 0, 3), asked("b", 1, 2)], {x: {U: 1} for x in "ab"}, "2 of unit r 7 are held"),
        ([asked("a", 0, 1), asked("a", 3, 4, **NOTHING), asked("b", 1, 2)], {"b": {U: 1}}, "are held at 2"),
        (
            [asked(x, n, 9 + n, wants={WATTS: 1}) for n, x in enumerate("abc")],
            {x: {WATTS: 1} for x in "abc"},
            "3 of watts",
        ),
        ([asked("a", 0, 1)], {}, "a has nothing at the end, and was told 1 of unit r 7"),
        ([asked("a", 0, 1), asked("a", 2, 3, **NOTHING)], {"a": {U: 1}}, "a has 1 of unit r 7 at the end"),
        ([asked("a", 0, 1, "refused")], {"a": {U: 1}}, "a has 1 of unit r 7 at the end, and was told nothing"),
        ([asked("a", 0, 1, "unknown"), asked("a", 2, 3, **NOTHING)], {"a": {U: 1}}, "was told nothing"),
        ([asked("a", 0, 1, "refused")], {}, "a was refused 1 of unit r 7 at 0, and nobody had it until 1"),
        ([asked("a", 0, 1, "refused"), asked("b", 2, 3)], {"b": {U: 1}}, "a was refused"),
        ([asked("a", 0, 1), asked("a", 2, 3, **NOTHING), asked("b", 4, 5, "refused")], {}, "b was refused"),
        ([asked("a", 0, 2), asked("a", 1, 3)], {"a": {U: 1}}, "a asked twice at once"),
        ([], {"a": {U: 1}}, "a has 1 of unit r 7, and never asked"),
    ],
)
def test_what_it_must_not_do_is_told(operations: list[Operation], final: dict[str, Any], word: str) -> None:
    """Held twice, lost, there though it was refused, refused without a reason."""
    assert any(word in sentence for sentence in found(*operations, final=final)), found(*operations, final=final)


def test_a_recorder_notes_how_a_call_ended() -> None:
    """What was refused, and what nobody knows; moments rise."""
    recorder = Recorder()

    def fails(error: Exception) -> None:
        raise error

    assert recorder.call("a", {U: 1}, lambda: None) == "ok"
    assert recorder.call("b", {U: 1}, lambda: fails(LedgerRefusedError("findings", "no"))) == "refused"
    assert recorder.call("b", {U: 1}, lambda: fails(LedgerUnavailableError("database", "gone"))) == "unknown"
    assert [(one.stack, one.begin, one.end) for one in recorder.operations] == [("a", 0, 1), ("b", 2, 3), ("b", 4, 5)]


def test_ten_thousand_operations_are_judged_at_once() -> None:
    """The time grows with the number of operations, not with its square: each slot is looked at by itself."""
    operations = [
        asked(f"s-{number}", 2 * number, 2 * number + 1, wants={("unit", f"r-{number}", "1"): 1})
        for number in range(10_000)
    ]
    assert judge(operations, {}, {one.stack: one.wants for one in operations}) == []

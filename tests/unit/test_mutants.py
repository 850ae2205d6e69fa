"""``make mutants`` kills what a test notices and reports what none does; its table and its list keep to the code."""

import ast
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import CodeType
from typing import TYPE_CHECKING, Any

import pytest
from tools.mutants import choosing
from tools.mutants.choosing import Equivalent
from tools.mutants.mutant import Mutant
from tools.mutants.swapping import changed_functions, swap

from support.soak import is_full, seeded

if TYPE_CHECKING:
    from tools.mutants.mutations import Place

TEXT = """\
LIMIT = 3


def over(value: int) -> bool:
    if value < 0:
        raise ValueError(str(value))
    return value > LIMIT


class Gauge:
    def level(self) -> str:
        return "high" if over(self.value) else "low"
"""
DECIDING = (
    "ledger/store/life.py", "ledger/verbs/admissions.py", "ledger/verbs/decided_admissions.py",
    "ledger/verbs/proposals.py", "ledger/verbs/closing.py",
    "ledger/deciding/decide.py", "ledger/deciding/reservation_quota.py", "ledger/store/names.py",
    "ledger/store/state.py", "ledger/store/steps.py", "render/quoting.py", "audit/verify/verify.py",
    "fleet/rollout/rollout.py", "rules/energy.py", "seal/decide.py", "pue/gate.py", "place/placing.py",
)  # fmt: skip


def places_in(file: str, text: str) -> "list[Place]":
    """Where something may change; what finds them takes a second to import, and each process collects this file."""
    from tools.mutants.mutations import places_of  # noqa: PLC0415

    return list(places_of(file, text))


def mutants(file: str, text: str) -> list[Mutant]:
    """All of them."""
    return [place.mutant() for place in places_in(file, text)]


def test_conditions_are_forced_and_comparisons_are_moved() -> None:
    """Each condition is taken as true and as false, each comparison is moved by one; types and errors stay."""
    found = mutants("x.py", TEXT)
    diffs = {one.diff: one.scope for one in found}
    assert diffs["-if value < 0:\n+if (value < 0) and False:"] == "over"
    assert diffs["-if value < 0:\n+if (value < 0) or True:"] == "over"
    assert diffs["-return value > LIMIT\n+return value >= LIMIT"] == "over"
    assert diffs["-LIMIT = 3\n+LIMIT = 4"] == ""
    assert "level" in {one.scope.rpartition(".")[2] for one in found}
    assert not [one for one in found if "raise" in one.before or "None: " in one.after]
    assert len({one.key for one in found}) == len(found)


def test_the_words_of_an_error_are_no_mutants() -> None:
    """What the next line raises is not mutated, nor how much of a text a sentence shows; what decides on it is."""
    text = """\
def check(value: str) -> str:
    if len(value) > 3:
        message = f"got {value[:40]}" or "nothing"
        raise ValueError(message)
    other = value or "nothing"
    return f"{other[:40]} of {len(value) + 1}"
"""
    assert {one.before for one in mutants("x.py", text)} == {
        "if len(value) > 3:",
        'other = value or "nothing"',
        'return f"{other[:40]} of {len(value) + 1}"',
    }
    assert not [one for one in mutants("x.py", text) if "41" in one.after]


def test_a_key_outlives_what_stands_above() -> None:
    """A mutant has the same key when other lines move it, and another one when its own line changes."""
    keys = {one.key for one in mutants("x.py", TEXT)}
    assert {one.key for one in mutants("x.py", f'"""A page."""\n\n{TEXT}')} == keys
    assert keys.isdisjoint(one.key for one in mutants("y.py", TEXT))


def code_of(text: str) -> CodeType:
    """A module's code."""
    return compile(text, "/nowhere/x.py", "exec")


def test_code_is_swapped_where_a_function_is_held() -> None:
    """Whoever holds a function runs the mutant; what runs at import cannot be swapped, and moved lines are equal."""
    old = code_of(TEXT)
    space: dict[str, Any] = {}
    exec(old, space)
    held = space["over"]
    assert held(3) is False
    pairs = changed_functions(old, code_of(TEXT.replace("> LIMIT", ">= LIMIT")))
    assert pairs is not None
    assert [one.co_name for one, _ in pairs] == ["over"]
    assert swap(pairs)
    assert held(3) is True
    assert changed_functions(old, code_of(TEXT.replace("LIMIT = 3", "LIMIT = 4"))) is None
    assert changed_functions(old, code_of(f"\n\n{TEXT}")) == []


@cache
def _piece_of(file: str, scope: str) -> str:
    """The function or class at the level of the module that a scope is in; the whole module where it is in none."""
    text = (choosing.REPOSITORY / file).read_text(encoding="utf-8")
    name = scope.partition(".")[0]
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef) and node.name == name:
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            return "\n".join(text.splitlines()[first - 1 : node.end_lineno]) + "\n"
    return text


@cache
def _places_of(file: str, piece: str) -> "list[Place]":
    return places_in(file, piece)


def _is_there(known: Equivalent) -> bool:
    """Whether a mutant of the code is this one, looked for in its own function: a file's are many, and slow to find.

    Those that look like it are made first, as making one is slow too.
    """
    piece = _piece_of(known.file, known.scope)
    lines = piece.splitlines()
    places = [place for place in _places_of(known.file, piece) if place.scope == known.scope]

    def unlikely(place: "Place") -> int:
        code = place.module.code_for_node(place.new).strip()
        return (lines[place.line - 1].strip() not in known.before) + (code.partition("\n")[0] not in known.after)

    places.sort(key=unlikely)
    return any(known.names(place.mutant()) for place in places)


def test_the_table_has_what_decides() -> None:
    """Every file of the table and every test is there, no pattern is empty, and the rooms that decide are in it."""
    table = choosing.rows()
    files = choosing.names(table)
    assert len(files) == len(set(files))
    assert {f"modules/zonewright/{name}" for name in DECIDING} <= set(files)
    for row in table:
        assert row.files
        for test in row.tests:
            assert (choosing.REPOSITORY / test.partition("::")[0]).is_file(), test


@pytest.mark.slow
def test_equivalent_mutants_are_mutants_of_the_code() -> None:
    """What is named as equivalent is still a mutant, is named once, and has a reason of a few words at least.

    To make mutants is slow: in a soak all are looked for, else those of a fifth of the files.
    """
    known = choosing.equivalents()
    assert len({(one.file, one.scope, one.before, one.after) for one in known}) == len(known)
    assert [one for one in known if len(one.why.split()) < 4] == []
    files = sorted({one.file for one in known})
    chosen = files if is_full() else seeded("equivalent mutants").sample(files, -(-len(files) // 5))
    for one in known:
        assert one.file not in chosen or _is_there(one), (one.file, one.before)


@pytest.mark.slow
def test_mutants_are_told_from_the_code() -> None:
    """Code that is the same but for its place survives, also when it is imported again; mutants are killed by name."""
    file = choosing.REPOSITORY / "modules/zonewright/render/quoting.py"
    source = file.read_text(encoding="utf-8")
    texts = {
        "same": source.replace("    text = plain(value)\n", "    text = plain(value)\n    del value\n", 1),
        "import": f"{source}\n_MORE = 1\n",
        "killed": source.replace(' and "%" not in text', ""),
        "constant": source.replace("_MAX_NAME = 254", "_MAX_NAME = 255"),
    }
    answers = _answers(file, texts)
    assert {key: one["result"] for key, one in answers.items()} == {
        "same": "survived", "import": "survived", "killed": "killed", "constant": "killed",
    }  # fmt: skip
    assert "test_an_address_with_a_zone_is_refused" in answers["killed"]["by"]
    assert "test_each_filter_refuses_in_one_sentence" in answers["constant"]["by"]
    assert answers["same"]["tests"] < answers["import"]["tests"]


def _answers(file: Path, texts: dict[str, str]) -> dict[str, dict[str, Any]]:
    """What comes out for each text of a file."""
    with TemporaryDirectory() as folder:
        lines = [{"args": ["tests/unit/test_render_quoting.py"], "files": [str(file)], "parallel": 2}]
        for key, text in texts.items():
            (Path(folder) / key).write_text(text, encoding="utf-8")
            lines.append({"key": key, "file": str(file), "text": str(Path(folder) / key)})
        done = subprocess.run(
            [sys.executable, "-m", "tools.mutants.server"],
            input="".join(f"{json.dumps(line)}\n" for line in lines),
            capture_output=True, text=True, cwd=choosing.REPOSITORY, check=True,
        )  # fmt: skip
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert said[0]["ready"] > 10
    return {one["key"]: one for one in said[1:]}

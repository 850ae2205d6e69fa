"""Whatever is done to a good declaration, loading it gives sentences with a file and a line, and never an exception."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zonewright.declare.load import Loaded, load_zone
from zonewright.declare.problem import Problem
from zonewright.declare.yaml_text.compose import FAST_LOADER, compose
from zonewright.declare.yaml_text.tree import data_of

ROOT = Path(__file__).parents[2]
BASE = ROOT / "tests" / "cases" / "declare" / "base"
REFERENCE = ROOT / "stacks" / "zones" / "reference"
FILES = [*sorted(BASE.glob("*.yaml")), *sorted(REFERENCE.glob("*.yaml"))]
LOADERS = st.sampled_from([FAST_LOADER, yaml.SafeLoader])
FRAGMENTS = [
    "null", "~", "-1", "007", "0x1F", "1e999", "yes", "true", "'", '"', "[", "{", "}", "- ", "? ", ": ", "&a ", "*a",
    "<<: *a", "!!str ", "!x ", "%", "@", "`", "|", ">", "---", "...", "\t", "\n", "\r", "\x00", "\x1b", "\x85",
    "\u2028", "\ufeff", "\u202e", "\ud7ff", "é", "😀", "#", ",", "..", "01..99", "0..9999999999", "a" * 300,
    "10.0.0.0/33",
    "fe80::1%a", '"\\UFFFFFFFF"', '"\\ud800"', '"\\0"',
]  # fmt: skip
RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def room() -> Iterator[Path]:
    """A folder to put mutated zones into."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def load_with(room: Path, path: Path, raw: bytes, loader: type = FAST_LOADER) -> Loaded:
    """Load the zone that a file belongs to, with that file's content replaced."""
    folder = room / path.parent.name
    shutil.copytree(path.parent, folder, dirs_exist_ok=True)
    (folder / path.name).write_bytes(raw)
    return load_zone(folder, loader=loader)


def lines_of(raw: bytes) -> int:
    """How many lines an editor shows; at least one."""
    text = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return max(1, text.count(b"\n") + (not text.endswith(b"\n")))


def assert_readable(problem: Problem, path: Path, raw: bytes) -> None:
    """A problem names a file and a line in it, and says in one printable line what to do."""
    here = raw if problem.file == path.name else (path.parent / problem.file).read_bytes()
    assert 1 <= problem.line <= lines_of(here)
    assert all((problem.what, problem.expected, problem.got, problem.fix))
    assert str(problem).isprintable()
    str(problem).encode()


@st.composite
def mutated_text(draw: st.DrawFn) -> tuple[Path, bytes]:
    """A file with its bytes cut, and fragments inserted or put in place of others."""
    path = draw(st.sampled_from(FILES))
    text = path.read_text(encoding="utf-8")
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = start + draw(st.sampled_from([0, 0, 1, 3, 12, 40]))
        text = text[:start] + draw(st.sampled_from(["", *FRAGMENTS])) + text[end:]
    raw = text.encode()
    if draw(st.booleans()):
        raw = raw[: draw(st.integers(0, len(raw)))]
    if draw(st.integers(0, 9)) == 0:
        raw += draw(st.binary(min_size=1, max_size=4))
    return path, raw


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["qp-dc1", "01..25", "10.80.16.0/20", "tenant-fin", "zone", "qp-dc1/a/01/05", "5 kW", "yes"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
"""Values that are seldom wanted where they are put."""


@st.composite
def mutated_tree(draw: st.DrawFn) -> tuple[Path, bytes]:
    """A file with values replaced, and keys renamed, deleted, added or taken from elsewhere."""
    path = draw(st.sampled_from(FILES))
    data = data_of(compose(path.read_text(encoding="utf-8"), path.name, []))  # type: ignore[arg-type]
    for _ in range(draw(st.integers(1, 5))):
        holder = data
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(holder[key], dict | list) and draw(st.integers(0, 4)):
                holder = holder[key]
                continue
            action = draw(st.sampled_from(["replace", "delete", "rename", "wrap"]))
            value = holder.pop(key)
            if action == "replace":
                value = draw(VALUES)
            elif action == "wrap":
                value = [value]
            if action != "delete" and isinstance(holder, dict):
                holder[draw(st.text(max_size=12)) if action == "rename" else key] = value
            elif action != "delete":
                holder.append(value)
            break
    return path, yaml.safe_dump(data, allow_unicode=draw(st.booleans()), sort_keys=False).encode()


@RELAXED
@given(case=mutated_text() | mutated_tree(), loader=LOADERS)
def test_bad_input_gives_sentences(room: Path, case: tuple[Path, bytes], loader: type) -> None:
    """Any change of a good file gives a declaration, or problems that each name a line of a file and a fix."""
    path, raw = case
    loaded = load_with(room, path, raw, loader)
    assert (loaded.declaration is None) == bool(loaded.problems)
    for problem in loaded.problems:
        assert_readable(problem, path, raw)


@RELAXED
@given(case=mutated_text() | mutated_tree())
def test_both_parsers_come_to_the_same_verdict(room: Path, case: tuple[Path, bytes]) -> None:
    """Both parsers, libyaml and PyYAML, give the same declaration; where the text is YAML, also the same sentences."""
    path, raw = case
    fast, pure = (load_with(room, path, raw, loader) for loader in (FAST_LOADER, yaml.SafeLoader))
    if any(problem.what == "not YAML" for problem in (*fast.problems, *pure.problems)):
        return
    assert fast.problems == pure.problems
    assert fast.declaration == pure.declaration


@RELAXED
@given(case=mutated_tree(), count=st.integers(1, 40))
def test_comments_shift_lines_by_their_number(room: Path, case: tuple[Path, bytes], count: int) -> None:
    """Comment lines at the top shift each line of a problem by exactly their number, and change nothing else."""
    path, raw = case
    before = load_with(room, path, raw).problems
    after = load_with(room, path, b"# comment\n" * count + raw).problems

    def shifted(problem: Problem, by: int) -> tuple[object, ...]:
        line = problem.line + (by if problem.file == path.name else 0)
        return (problem.file, line, problem.path, problem.what, problem.expected)

    assert [shifted(problem, count) for problem in before] == [shifted(problem, 0) for problem in after]


@RELAXED
@given(
    opening=st.sampled_from(["[", "{", "- ", "a:\n ", "{a: ", "? "]),
    count=st.integers(1, 3_000),
    loader=LOADERS,
)
def test_depth_is_limited(room: Path, opening: str, count: int, loader: type) -> None:
    """However deep a document is nested, it is read or refused, never a crash."""
    path = BASE / "tenant-fin.yaml"
    raw = (opening * count).encode()
    for problem in load_with(room, path, raw, loader).problems:
        assert_readable(problem, path, raw)

"""One file: its tree, its problems, and what remains of it when the faulty parts are left out.

What remains is used to look for further problems, so that a typing error in one cluster does not hide an unknown
rack in another. It is never handed on as a declaration.
"""

from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import ValidationError

from zonewright.declare.passed_over import without_ignored
from zonewright.declare.problem import Path, Problem, dotted
from zonewright.declare.schema.sentences import Wrong, wrongs_of
from zonewright.declare.schema.shape import FileType
from zonewright.declare.secrets import misplaced_references, secret_lines, secret_problems, without_secrets
from zonewright.declare.yaml_text.compose import FAST_LOADER, MAX_PROBLEMS, compose
from zonewright.declare.yaml_text.text import read_text
from zonewright.declare.yaml_text.tree import Fields, Items, YamlNode, data_of, line_of, node_at, scalars, walk
from zonewright.model import OwnerFile, Zone
from zonewright.model.device_type import DeviceType, ModuleType, TypeOverlays
from zonewright.model.fleet import FleetFile
from zonewright.model.format_file import FormatFile

if TYPE_CHECKING:
    from zonewright.model.assumption import Assumptions  # only an adoption reads them
    from zonewright.model.csv_map import CsvMap  # only an import of an export reads one
    from zonewright.model.own_rule_cases import OwnRuleCases  # only their test reads them

Content: TypeAlias = (
    "Zone | OwnerFile | DeviceType | ModuleType | TypeOverlays | FleetFile | FormatFile | CsvMap | Assumptions"
    " | OwnRuleCases"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file that was read.

    Attributes:
        file: its name.
        root: its tree, or None when it is no YAML.
        content: what it declares, without its faulty parts; None when nothing remains.
        left_out: paths of the faulty parts.
        problems: what is wrong with it by itself.
        hidden: lines that hold what looks like a secret; no sentence repeats them.
    """

    file: str
    root: YamlNode | None
    content: "Content | None"
    left_out: frozenset[Path]
    problems: tuple[Problem, ...]
    hidden: frozenset[int] = frozenset()

    @property
    def owner(self) -> str | None:
        """The party that the file names as its owner, also where the rest of it is faulty."""
        entry = self.root.entries.get("owner") if isinstance(self.root, Fields) else None
        value = data_of(entry.node) if entry else None
        return value if isinstance(value, str) else None


def read_document(path: FilePath, model: FileType, *, loader: type = FAST_LOADER, name: str = "") -> Document:
    """Read one file.

    Args:
        path: the file; problems call it by its name without the folder.
        model: what it holds.
        loader: PyYAML's parser to use.
        name: what problems call it instead, where its name alone says too little.
    """
    problems: list[Problem] = []
    name = name or path.name
    text = read_text(path, name, problems)
    root = None if text is None else compose(text, name, problems, loader=loader)
    if text is not None and root is not None:
        text, passed_over = without_ignored(text, root, model)
        problems = [problem for problem in problems if problem.line not in passed_over]
    lines = {} if text is None else secret_lines(text)
    if root is None:
        problems = [*without_secrets(problems, lines), *secret_problems(lines, name, ())]
        return Document(file=name, root=None, content=None, left_out=frozenset(), problems=tuple(problems))
    refused = _refused(root)
    remains = _validated(root, model)
    said: dict[tuple[object, ...], Problem] = {}
    for wrong in remains.wrongs:
        if wrong.path not in refused:
            # A value that aliases repeat is one place to correct, so it is said at its first path only.
            key = (id(node_at(root, wrong.path)), wrong.missing, wrong.of_key, wrong.why)
            said.setdefault(key, _problem(wrong, name, root))
    problems += said.values()
    if remains.untold:
        problems.append(_and_more(remains.untold, name, problems[-1].line))
    problems = without_secrets(problems, lines)
    problems += [*secret_problems(lines, name, problems), *misplaced_references(root, model, name)]
    return Document(
        file=name,
        root=root,
        content=remains.content,
        left_out=remains.left_out | refused,
        problems=tuple(problems),
        hidden=frozenset(lines),
    )


def _problem(wrong: Wrong, file: str, root: YamlNode) -> Problem:
    return Problem(
        file=file,
        line=line_of(root, wrong.path, of_key=wrong.of_key),
        path=dotted(wrong.path),
        what=wrong.why.what,
        expected=wrong.why.expected,
        got=wrong.why.got,
        fix=wrong.why.fix,
    )


def _and_more(count: int, file: str, line: int) -> Problem:
    return Problem(
        file=file,
        line=line,
        path="",
        what=f"{count:,} more problems in this file",
        expected="a declaration",
        got="a file of another kind",
        fix="correct those named above first",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Remains:
    """What remains when faulty parts are left out, what is wrong with those, and how many were not looked at."""

    content: "Content | None"
    wrongs: tuple[Wrong, ...]
    left_out: frozenset[Path] = frozenset()
    untold: int = 0


def _validated(root: YamlNode, model: FileType) -> _Remains:
    """Validate; leave out what is faulty and validate again, until nothing is faulty or nothing remains."""
    data = data_of(root)
    wrongs: tuple[Wrong, ...] = ()
    left_out: frozenset[Path] = frozenset()
    while True:
        try:
            return _Remains(content=model.model_validate(data), wrongs=wrongs, left_out=left_out)
        except ValidationError as error:
            errors = error.errors(include_url=False, include_input=False)
        found = wrongs_of(errors[:MAX_PROBLEMS], model, root)
        # What goes wrong only now and holds a part that was left out, goes wrong because of that.
        wrongs += tuple(wrong for wrong in found if not any(path[: len(wrong.path)] == wrong.path for path in left_out))
        paths = frozenset(_outside_lists(root, wrong.path) for wrong in found)
        left_out |= paths
        untold = len(errors) - MAX_PROBLEMS
        if untold > 0 or () in paths or not _leave_out(data, paths):
            return _Remains(content=None, wrongs=wrongs, left_out=left_out, untold=max(0, untold))


def _outside_lists(root: YamlNode, path: Path) -> Path:
    """The path up to the first list on it: a list is left out as a whole, so that its items keep their numbers."""
    for depth, entry in enumerate(walk(root, path)):
        if isinstance(entry.node, Items):
            return path[:depth]
    return path


def _leave_out(data: Any, paths: frozenset[Path]) -> bool:
    """Delete the values at these paths; whether any was there."""
    done = False
    for path in paths:
        holder = data
        for key in path[:-1]:
            holder = holder.get(key) if isinstance(holder, dict) else None
        if isinstance(holder, dict) and path[-1] in holder:
            del holder[path[-1]]
            done = True
    return done


def _refused(root: YamlNode) -> frozenset[Path]:
    """Paths of the values that were refused while the file was read."""
    return frozenset(path for path, node in scalars(root) if node.refused)

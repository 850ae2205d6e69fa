"""The mutants of a file: mutmut's operators, applied to one place at a time. Text in, text out.

mutmut's own runner is not used. It copies the project, mutates no decorated function and no module level, and chooses
tests by a run of the whole suite. Its operators are plain functions over syntax trees, and those are what is kept.
"""

import difflib
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation import mutators
from tools.mutants.mutant import Mutant

Operator = tuple[type, Callable[[Any], Iterable[cst.CSTNode]]]

OPERATORS: tuple[Operator, ...] = (
    # Texts are messages, which golden files and case files compare.
    *(one for one in mutators.mutation_operators if one[1] is not mutators.operator_string),
    # What mutmut does to the condition of a ternary, for every condition: `if False`, `if True`.
    (cst.If, mutators.operator_if_exp),
    (cst.CompIf, mutators.operator_if_exp),
)

# Nothing in them decides anything: types, what a decorator is given, and the words of an error.
_PASSED_OVER = (cst.Annotation, cst.Decorator, cst.Raise, cst.Import, cst.ImportFrom, cst.Assert)
_SAME_LENGTH = {"len", "isinstance", "cast", "TypeVar", "NewType", "ParamSpec"}
"""Calls whose arguments are not taken away: without them nothing runs at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A mutant that is not made yet: most of them are only counted.

    Attributes:
        file: the file.
        line: the line, from 1.
        scope: as of ``Mutant``.
        number: which one of this line, from 0.
        module: the file's tree.
        source: the file's text.
        old: what is there.
        new: what may stand there instead.
    """

    file: str
    line: int
    scope: str
    number: int
    module: cst.Module
    source: str
    old: cst.CSTNode
    new: cst.CSTNode

    def mutant(self) -> Mutant:
        """Make it."""
        changed = cast("cst.Module", self.module.deep_replace(self.old, self.new)).code
        before, after = _lines(self.source, changed)
        words = (self.file, self.scope, before, after, str(self.number))
        key = hashlib.sha256("\0".join(words).encode()).hexdigest()[:10]
        return Mutant(
            file=self.file, line=self.line, scope=self.scope, before=before, after=after, key=key, text=changed
        )


class _Collector(cst.CSTVisitor):
    """Finds each place and what may stand there instead."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, str, cst.CSTNode, cst.CSTNode]] = []
        self._scope: list[str] = []
        self._words: set[int] = set()

    def on_visit(self, node: cst.CSTNode) -> bool:
        is_alias = isinstance(node, cst.Assign) and isinstance(node.value, cst.Subscript) and not self._scope
        if isinstance(node, _PASSED_OVER) or is_alias or id(node) in self._words:
            return False
        if isinstance(node, cst.IndentedBlock):
            self._words |= _words_of_errors(node)
        if isinstance(node, cst.FormattedStringExpression) and isinstance(node.expression, cst.Subscript):
            return not isinstance(node.expression.slice[0].slice, cst.Slice)  # how much of a text is shown
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value in _SAME_LENGTH:
            return node.func.value == "len"
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            self._scope.append(node.name.value)
        line = self.get_metadata(PositionProvider, node).start.line if not isinstance(node, cst.Module) else 0
        for kind, operator in OPERATORS:
            if isinstance(node, kind):
                self.found += [(line, ".".join(self._scope), node, other) for other in operator(node)]
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, cst.FunctionDef | cst.ClassDef):
            self._scope.pop()


def _words_of_errors(block: cst.IndentedBlock) -> set[int]:
    """Assignments of what the next line raises: ``message = ...`` and ``raise ValueError(message)``."""
    found: set[int] = set()
    for one, two in pairwise(block.body):
        match one, two:
            case (
                cst.SimpleStatementLine(body=[cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))])]),
                cst.SimpleStatementLine(body=[cst.Raise(exc=cst.Call(args=[cst.Arg(value=cst.Name(value=told)), *_]))]),
            ) if name == told:
                found.add(id(one))
            case _:
                pass
    return found


def places_of(file: str, text: str) -> list[Place]:
    """All mutants of a file, from top to bottom.

    Args:
        file: its name, for ``Mutant.file``.
        text: its content.
    """
    wrapper = MetadataWrapper(cst.parse_module(text))
    collector = _Collector()
    wrapper.visit(collector)
    counted: Counter[int] = Counter()
    found = []
    for line, scope, old, new in sorted(collector.found, key=lambda one: one[0]):
        found.append(
            Place(
                file=file, line=line, scope=scope, number=counted[line], module=wrapper.module, source=text,
                old=old, new=new,
            )
        )  # fmt: skip
        counted[line] += 1
    return found


def _lines(old: str, new: str) -> tuple[str, str]:
    """The lines that differ, without indentation."""
    left, right = old.splitlines(), new.splitlines()
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    places = [place for place in matcher.get_opcodes() if place[0] != "equal"]
    removed = [line.strip() for _, start, end, _, _ in places for line in left[start:end]]
    added = [line.strip() for _, _, _, start, end in places for line in right[start:end]]
    return "\n".join(removed), "\n".join(added)

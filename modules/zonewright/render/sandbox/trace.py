"""Line by line, where a file comes from: the line of its template, and the values that are printed in it.

The template is walked by itself, node by node. What comes out is compared with what Jinja2 renders, so that a line is
never explained that is not the file's.
"""

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from jinja2 import nodes

from zonewright.render.errors import RenderError
from zonewright.render.formats.format import subject_text
from zonewright.render.quoting import FILTERS
from zonewright.render.sandbox.composing import compose
from zonewright.render.sandbox.job import Job, render
from zonewright.render.sandbox.templates import load


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A value within a line: its path in the context, such as ``node.addresses[1].gateway``, and what is printed."""

    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedLine:
    """One line of a rendered file.

    Attributes:
        number: its number, from 1.
        text: the line.
        template: name of the template.
        template_line: the template's line that it begins in, from 1.
        uses: the values that are printed in it, in order.
        because: values that decided that it is there: what is looped over, and what conditions look at.
    """

    number: int
    text: str
    template: str
    template_line: int
    uses: tuple[Use, ...]
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Bound:
    """What a name stands for, and the path of it."""

    value: object
    path: str


@dataclass(frozen=True, slots=True)
class _Piece:
    """Text from one place of the template; ``path`` is that of the value, or empty for the template's own text."""

    text: str
    line: int
    path: str
    because: tuple[str, ...]


def trace(job: Job) -> tuple[TracedLine, ...]:
    """The lines of a file with where each comes from.

    Raises:
        RenderError: when the file cannot be rendered, or is not what was walked through.
    """
    rendered = render(job)
    source = load(job.format, job.file, job.source).source
    scope = {name: _Bound(value, _root_path(job, name)) for name, value in job.names().items()}
    pieces = list(_Walk(()).pieces(compose(job.file.template, source).tree.body, scope))
    walked = "".join(piece.text for piece in pieces)
    if (walked if walked.endswith("\n") else f"{walked}\n") != rendered:
        raise RenderError("its lines look the same", template=job.file.template, subject=subject_text(job.context))
    return tuple(
        replace(line, template=template, template_line=number)
        for line in _lines(pieces, job.file.template)
        for template, number in [source.place(line.template, line.template_line)]
    )


def _root_path(job: Job, name: str) -> str:
    if name == job.format.subject:
        return name
    index = next(
        index for index, one in enumerate(getattr(job.context, job.file.each)) if one is job.item or one == job.item
    )
    return f"{job.format.subject}.{job.file.each}[{index}]"


def _lines(pieces: list[_Piece], template: str) -> Iterator[TracedLine]:
    """Pieces cut at line breaks. The line of a template begins where its first piece that is not empty does."""
    text, line, number = "", 0, 1
    uses: list[Use] = []
    because: tuple[str, ...] = ()

    def made(whole: str) -> TracedLine:
        return TracedLine(
            number=number, text=whole, template=template, template_line=line, uses=tuple(uses), because=because
        )

    for piece in pieces:
        if piece.path:
            uses.append(Use(path=piece.path, text=piece.text))
        at = piece.line
        for part in piece.text.splitlines(keepends=True):
            if not line:
                line, because = at, piece.because
            because = piece.because if len(piece.because) > len(because) else because
            text += part
            if part.endswith("\n"):
                yield made(text[:-1])
                text, uses, line, because = "", [], 0, ()
                number += 1
                at += 0 if piece.path else 1
    if text:
        yield made(text)


@dataclass(frozen=True, slots=True)
class _Walk:
    """A walk over the statements that a checked template can hold."""

    because: tuple[str, ...]

    def pieces(self, body: list[nodes.Node], scope: Mapping[str, _Bound]) -> Iterator[_Piece]:
        """The text of statements, piece by piece."""
        for node in body:
            if isinstance(node, nodes.Output):
                for child in node.nodes:
                    yield self._piece(child, scope)
            elif isinstance(node, nodes.If):
                yield from self._branch(node, scope)
            elif isinstance(node, nodes.For):
                yield from self._loop(node, scope)

    def _piece(self, node: nodes.Node, scope: Mapping[str, _Bound]) -> _Piece:
        if isinstance(node, nodes.TemplateData):
            return _Piece(node.data, node.lineno, "", self.because)
        bound = _value(node, scope)
        return _Piece(str(bound.value), node.lineno, bound.path, self.because)

    def _branch(self, node: nodes.If, scope: Mapping[str, _Bound]) -> Iterator[_Piece]:
        seen = self.because
        for test, body in ((node.test, node.body), *((one.test, one.body) for one in node.elif_)):
            seen += tuple(_paths(test, scope))
            if _value(test, scope).value:
                yield from _Walk(seen).pieces(body, scope)
                return
        yield from _Walk(seen).pieces(node.else_, scope)

    def _loop(self, node: nodes.For, scope: Mapping[str, _Bound]) -> Iterator[_Piece]:
        over = _value(node.iter, scope)
        items = over.value if isinstance(over.value, tuple) else ()
        name = getattr(node.target, "name", "")
        for index, item in enumerate(items):
            place = f"{over.path}[{index}]"
            loop = {"first": index == 0, "last": index == len(items) - 1, "index": index + 1}
            inner = {**scope, name: _Bound(item, place), "loop": _Bound(loop, "")}
            yield from _Walk((*self.because, place)).pieces(node.body, inner)
        if not items:
            yield from _Walk((*self.because, over.path)).pieces(node.else_, scope)


def _paths(node: nodes.Node, scope: Mapping[str, _Bound]) -> Iterator[str]:
    """Paths of the values that a condition looks at."""
    if isinstance(node, nodes.Name | nodes.Getattr):
        path = _value(node, scope).path
        if path:
            yield path
        return
    for child in node.iter_child_nodes():
        yield from _paths(child, scope)


def _value(node: nodes.Node, scope: Mapping[str, _Bound]) -> _Bound:  # noqa: PLR0911 - one line for each kind of node
    match node:
        case nodes.Name(name=name):
            return scope[name]
        case nodes.Getattr(node=owner, attr=attr):
            bound = _value(owner, scope)
            if isinstance(bound.value, Mapping):
                return _Bound(bound.value[attr], "")
            return _Bound(getattr(bound.value, attr), f"{bound.path}.{attr}")
        case nodes.Filter(node=inner, name=name) if inner is not None:
            bound = _value(inner, scope)
            return _Bound(FILTERS[name](bound.value), bound.path)
        case nodes.Const(value=value):
            return _Bound(value, "")
        case nodes.Not(node=inner):
            return _Bound(not _value(inner, scope).value, "")
        case nodes.And(left=left, right=right):
            return _Bound(_value(left, scope).value and _value(right, scope).value, "")
        case nodes.Or(left=left, right=right):
            return _Bound(_value(left, scope).value or _value(right, scope).value, "")
        case nodes.Compare(expr=expr, ops=ops):
            return _Bound(_compared(_value(expr, scope).value, ops, scope), "")
    raise RenderError(f"a template must not have {type(node).__name__}", line=node.lineno)


def _compared(left: object, ops: list[nodes.Operand], scope: Mapping[str, _Bound]) -> bool:
    for operand in ops:
        right = _value(operand.expr, scope).value
        if not _COMPARE[operand.op](left, right):
            return False
        left = right
    return True


_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
    "in": lambda left, right: left in right,
    "notin": lambda left, right: left not in right,
}

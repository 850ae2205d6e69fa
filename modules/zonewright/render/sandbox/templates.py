"""Templates as checked before they run: they print fields of the context, and choose and repeat by them; no more.

A misspelt field is found here, also in a branch that is not taken, where a strict sandbox would not see it.
"""

import dataclasses
import re
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from jinja2 import Template, TemplateError, nodes
from jinja2.runtime import Context

from zonewright.render.contexts.node_context import OF_ONE_NODE
from zonewright.render.errors import RenderError
from zonewright.render.formats.format import CONTEXTS, ITEM, File, Format, item_type
from zonewright.render.formats.format_set import MARK, TemplateText
from zonewright.render.sandbox.environment import environment
from zonewright.render.sandbox.parts import Stretch, look_of, seen_by, stretches

_ALLOWED = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.For,
    nodes.If,
    nodes.Name,
    nodes.Getattr,
    nodes.Filter,
    nodes.Not,
    nodes.And,
    nodes.Or,
    nodes.Compare,
    nodes.Operand,
    nodes.Const,
)
_MAX_CHARACTERS = 200_000
_OTHERS = re.compile(r"\{%[-+]?\s*(?:include|import|from|macro)\b|\{\{[^}]*\(")
"""What may call or include; a template without any of it is taken as it is."""
_NAME = "name"
"""Field of a subject that no two have alike."""


@dataclass(frozen=True, slots=True)
class _Loop:
    """What Jinja2 tells within a loop, as far as templates may ask."""

    first: bool
    last: bool
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """Where a template uses a value.

    Attributes:
        line: line of the template, from 1.
        text: the expression as written.
        path: the field it stands for, such as ``node.addresses[].gateway``.
    """

    line: int
    text: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedTemplate:
    """A compiled template, its text, and where it uses which value."""

    parts: tuple[Stretch, ...]
    expressions: tuple[Expression, ...]
    source: TemplateText

    def text(self, names: Mapping[str, object]) -> str:
        """What it says.

        Args:
            names: what it starts from.
        """
        return self.text_in(seen_by(names))

    def text_in(self, seen: Context) -> str:
        """The same, with what several templates start from."""
        return "".join([part.text(seen) for part in self.parts])

    def place(self, template: str, line: int) -> tuple[str, int]:
        """The file that a line is in, and its number there: it may be one that the template includes."""
        return self.source.place(template, line)


@dataclass(frozen=True, slots=True)
class _Field:
    path: str
    type: object


@cache
def load(format_: Format, file: File, source: TemplateText | str | None = None) -> LoadedTemplate:
    """The template of one file of a format, checked and compiled once in a process.

    Args:
        format_: the format.
        file: one of its files.
        source: text of the template where it is a user's, with those beside it.

    Raises:
        RenderError: when there is no such template, or it is not one that may run.
    """
    sandbox = environment()
    name = file.template
    try:
        if source is None:
            if sandbox.loader is None:
                raise RenderError("the sandbox has no loader")
            source, _, _ = sandbox.loader.get_source(sandbox, name)
        text = TemplateText(source) if isinstance(source, str) else source
        tree, _, expressions = _checked(text, format_=format_, file=file)
        parts = tuple(_parts(tree, format_, file))
    except TemplateError as error:
        raise RenderError(f"no template to run: {error.message}", template=name) from error
    return LoadedTemplate(expressions=expressions, parts=parts, source=text)


def _parts(tree: nodes.Template, format_: Format, file: File) -> Iterator[Stretch]:
    """A checked template, compiled: of nodes, of which there are many, in parts."""
    if format_.subject != "node" or file.each:
        yield Stretch(_compiled(tree, file))
        return
    checker, scope = _Checker(format_.filters), _scope(format_, file)

    def fields_of(node: nodes.Node) -> set[str]:
        paths = (one.path.split(".") for one in checker.walk(node, scope))
        # Who looks at the subject as a whole depends on what no other has.
        return {path[1].removesuffix("[]") if path[1:] else _NAME for path in paths if path[0] == format_.subject}

    for stretch, fields in stretches(tree, fields_of, OF_ONE_NODE):
        look = look_of(fields) if fields.isdisjoint(OF_ONE_NODE) else None
        yield Stretch(_compiled(stretch, file), format_.subject, look)


def _compiled(tree: nodes.Template, file: File) -> Template:
    sandbox = environment()
    code = sandbox.compile(tree, name=file.template, filename=file.template)
    return Template.from_code(sandbox, code, sandbox.make_globals(None))


def check(source: TemplateText | str, *, format_: Format, file: File) -> frozenset[str]:
    """Check a template, with all that it includes and calls.

    Args:
        source: the template's text, with those beside it.
        format_: its format, whose filters it may use.
        file: the file that it is for.

    Returns:
        Names of the files beside it that it uses.

    Raises:
        RenderError: names the first line that holds more than a template may.
    """
    text = TemplateText(source) if isinstance(source, str) else source
    _, used, _ = _checked(text, format_=format_, file=file)
    return used


def _composed(name: str, source: TemplateText) -> tuple[nodes.Template, frozenset[str]]:
    """The template as one, and which of the files beside it it uses; most templates are one as they are."""
    if _OTHERS.search(source.text) is None:
        return environment().parse(source.text, name), frozenset()
    from zonewright.render.sandbox.composing import compose  # noqa: PLC0415 - only zones' own templates need it

    composed = compose(name, source)
    return composed.tree, composed.used


def _checked(
    source: TemplateText, *, format_: Format, file: File
) -> tuple[nodes.Template, frozenset[str], tuple[Expression, ...]]:
    """The template as one, which files beside it it uses, and where it uses which value."""
    name = file.template
    if len(source.text) > _MAX_CHARACTERS:
        what = f"a template has at most {_MAX_CHARACTERS:,} characters, this one has {len(source.text):,}"
        raise RenderError(what, template=name)
    scope = _scope(format_, file)
    try:
        tree, used = _composed(name, source)
        return tree, used, tuple(_Checker(format_.filters).walk(tree, scope))
    except TemplateError as error:
        line = getattr(error, "lineno", 0)
        raise RenderError(f"not a template: {error.message}", template=name, line=line) from error
    except RecursionError:
        raise RenderError("its expressions are nested too deeply", template=name) from None
    except RenderError as error:
        where, line = source.place(name, error.line)
        raise RenderError(error.what, template=where, line=line, variable=error.variable) from None


def _scope(format_: Format, file: File) -> dict[str, _Field]:
    """What the names stand for that a template starts from."""
    subject = format_.subject
    scope: dict[str, _Field] = {subject: _Field(subject, CONTEXTS[subject])}
    if file.each:
        scope[ITEM] = _Field(f"{subject}.{file.each}[]", item_type(subject, file))
    return scope


class _Checker:
    """One walk over a parsed template; ``scope`` holds what names stand for."""

    def __init__(self, filters: frozenset[str]) -> None:
        self.filters = filters

    def walk(self, node: nodes.Node, scope: Mapping[str, _Field]) -> Iterator[Expression]:
        """Yield the expressions below a node, in order."""
        if not isinstance(node, _ALLOWED):
            what = f"a template must not have {type(node).__name__}; the value must be in the context"
            raise RenderError(what, line=node.lineno or 0)  # what Jinja2 puts in by itself has no line
        if isinstance(node, nodes.For):
            yield from self._loop(node, scope)
        elif isinstance(node, nodes.Filter | nodes.Getattr | nodes.Name):
            field = self._field(node, scope)
            yield Expression(line=node.lineno, text=_text(node), path=field.path)
        else:
            if isinstance(node, nodes.Output):
                self._output(node, scope)
            for child in node.iter_child_nodes():
                yield from self.walk(child, scope)

    def _loop(self, node: nodes.For, scope: Mapping[str, _Field]) -> Iterator[Expression]:
        if node.recursive or node.test is not None or not isinstance(node.target, nodes.Name):
            raise RenderError("a loop must be 'for NAME in FIELD'; the list must be in the context", line=node.lineno)
        yield from self.walk(node.iter, scope)
        field = self._field(node.iter, scope)
        if typing.get_origin(field.type) is not tuple:
            raise RenderError("a loop must go over a list of the context", line=node.lineno, variable=_text(node.iter))
        target = _Field(f"{field.path}[]", typing.get_args(field.type)[0])
        inner = {**scope, node.target.name: target, "loop": _Field("loop", _Loop)}
        for child in node.body:
            yield from self.walk(child, inner)
        for child in node.else_:
            yield from self.walk(child, scope)

    def _output(self, node: nodes.Output, scope: Mapping[str, _Field]) -> None:
        for child in node.nodes:
            quoted = isinstance(child, nodes.TemplateData | nodes.Filter)
            if not quoted and self._field(child, scope).type is not int:
                what = f"expected a filter of this format to print text: {', '.join(sorted(self.filters))}"
                raise RenderError(what, line=child.lineno, variable=_text(child))

    def _field(self, node: nodes.Node, scope: Mapping[str, _Field]) -> _Field:
        """What an expression stands for."""
        match node:
            case nodes.Name(name=name) if name in scope:
                return scope[name]
            case nodes.Getattr(node=owner, attr=attr):
                field = self._field(owner, scope)
                type_ = _fields(field.type).get(attr)
                if type_ is not None:
                    return _Field(f"{field.path}.{attr}", type_)
            case nodes.Const(value=value):
                return _Field("", type(value))
            case nodes.Filter(node=inner, name=name, args=[], kwargs=[], dyn_args=None, dyn_kwargs=None) if (
                inner is not None and name in self.filters
            ):
                return self._field(inner, scope)
            case _:
                pass
        raise RenderError(
            "something that is neither a field of the context nor a filter of this format",
            line=node.lineno,
            variable=_text(node),
        )


@cache
def _fields(type_: object) -> Mapping[str, object]:
    if not isinstance(type_, type) or not dataclasses.is_dataclass(type_):
        return {}
    return typing.get_type_hints(type_)


def _text(node: nodes.Node) -> str:
    match node:
        case nodes.Name(name=name):
            return str(name).partition(MARK)[0]
        case nodes.Const(value=value):
            return repr(value)
        case nodes.Getattr(node=owner, attr=attr):
            return f"{_text(owner)}.{attr}"
        case nodes.Filter(node=inner, name=name) if inner is not None:
            return f"{_text(inner)} | {name}"
        case _:
            return type(node).__name__.lower()

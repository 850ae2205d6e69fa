"""Templates that include others and call macros, as one template that does neither.

What a template may hold is checked on what it is with all of it put in place. So macros and includes can do nothing
that the template could not say by itself. A macro sees its parameters only.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from jinja2 import TemplateError, nodes

from zonewright.render.errors import RenderError
from zonewright.render.formats.format_set import LINES, MARK, TemplateText
from zonewright.render.sandbox.environment import environment

MOST_NODES = 50_000
"""Parts of a template with all that it includes and calls."""
_MOST_DEEP = 20


@dataclass(frozen=True, slots=True)
class Composed:
    """A template as one.

    Attributes:
        tree: the template with all that it includes and calls.
        used: names of the parts that it uses, also through others.
    """

    tree: nodes.Template
    used: frozenset[str]


def compose(name: str, source: TemplateText) -> Composed:
    """A template as one; its lines are those of :meth:`TemplateText.place`.

    Args:
        name: of the template.
        source: its text and those of its folder.

    Raises:
        RenderError: when something that it includes or calls is not there, or never ends; its line is as above.
        TemplateError: when the template itself is none.
    """
    composer = _Composer(name, source)
    file = composer.file("")
    tree = nodes.Template(composer.body(file), lineno=1)
    tree.set_environment(environment())
    return Composed(tree, frozenset(composer.used))


@dataclass(frozen=True, slots=True)
class _Macro:
    name: str
    node: nodes.Macro
    file: "_File"


@dataclass(slots=True)
class _File:
    """A file as it was read: its statements, and the macros that it can call."""

    name: str
    statements: list[nodes.Node]
    macros: dict[str, _Macro] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Scope:
    """What names stand for where statements are put in place.

    Attributes:
        file: whose statements they are.
        within: names of files and macros that are being put in place.
        given: what stands for each name; None in templates and what they include, which see all names.
        is_in_loop: whether a loop of the macro itself is around.
    """

    file: _File
    within: tuple[str, ...]
    given: Mapping[str, nodes.Expr] | None = None
    is_in_loop: bool = False


class _Composer:
    def __init__(self, name: str, source: TemplateText) -> None:
        self.name, self.source = name, source
        self.texts = dict(source.parts)
        self.order = {part: number for number, (part, _) in enumerate(source.parts, start=1)}
        self.read: dict[str, _File] = {}
        self.opening: list[str] = []
        self.used: set[str] = set()
        self.made = 0
        self.loops = 0

    def body(self, file: _File) -> list[nodes.Node]:
        """The statements of the template itself."""
        return self._statements(file.statements, _Scope(file, (file.name,)))

    def file(self, part: str, line: int = 0) -> _File:
        """A file by its name, read once; the template itself has none."""
        if part in self.opening:
            raise RenderError(f"'{part or self.name}' imports itself", line=line)
        if part in self.read:
            return self.read[part]
        text = self.source.text if not part else self.texts.get(part)
        if text is None:
            known = ", ".join(sorted(self.texts)) or "none"
            raise RenderError(f"no file '{part}' beside the template; there are: {known}", line=line)
        number = self.order.get(part, 0)
        try:
            tree = environment().parse(text, part or self.name)
        except TemplateError as error:
            if not part:
                raise
            at = number * LINES + getattr(error, "lineno", 1)
            raise RenderError(f"not a template: {error.message}", line=at) from None
        for node in tree.find_all(nodes.Node):
            if node.lineno is not None:
                node.lineno += number * LINES
        if part:
            self.used.add(part)
        file = self.read[part] = _File(part, [])
        self.opening.append(part)
        for node in tree.body:
            self._top(file, node)
        self.opening.pop()
        return file

    def _top(self, file: _File, node: nodes.Node) -> None:
        """A statement at the top of a file: a macro, an import, or a part of what it says."""
        if isinstance(node, nodes.Macro):
            file.macros[node.name] = _Macro(node.name, node, file)
        elif isinstance(node, nodes.Import | nodes.FromImport):
            if node.with_context:
                raise RenderError("a macro sees its parameters only; leave 'with context' out", line=node.lineno)
            other = self._imported(_constant(node.template, node.lineno), node.lineno)
            if isinstance(node, nodes.Import):
                file.macros |= {f"{node.target}.{name}": one for name, one in other.macros.items()}
                return
            for item in node.names:
                name, alias = (item, item) if isinstance(item, str) else item
                if name not in other.macros:
                    raise RenderError(f"'{other.name}' has no macro '{name}'", line=node.lineno)
                file.macros[alias] = other.macros[name]
        else:
            file.statements.append(node)

    def _imported(self, part: str, line: int) -> _File:
        other = self.file(part, line)
        said = next((one for one in other.statements if not _is_blank(one)), None)
        self._count(line, len(other.macros))
        if said is not None:
            raise RenderError("a file that is imported has macros only; include it instead", line=said.lineno)
        return other

    def _statements(self, found: Iterable[nodes.Node], scope: _Scope) -> list[nodes.Node]:
        placed: list[nodes.Node] = []
        for node in found:
            self._count(node.lineno)
            if isinstance(node, nodes.Include):
                placed += self._included(node, scope)
            elif isinstance(node, nodes.Output):
                placed += self._output(node, scope)
            elif isinstance(node, nodes.For) and isinstance(node.target, nodes.Name):
                placed.append(self._loop(node, node.target, scope))
            elif isinstance(node, nodes.If):
                placed.append(self._branch(node, scope))
            elif isinstance(node, nodes.Macro | nodes.Import | nodes.FromImport):
                raise RenderError("a macro or an import stands at the top of its file, in no block", line=node.lineno)
            else:
                placed.append(node)
        return placed

    def _count(self, line: int, more: int = 1) -> None:
        self.made += more
        if self.made > MOST_NODES:
            what = f"with what it includes and calls it has more than {MOST_NODES:,} parts"
            raise RenderError(what, line=line)

    def _included(self, node: nodes.Include, scope: _Scope) -> list[nodes.Node]:
        part = _constant(node.template, node.lineno)
        if node.ignore_missing or not node.with_context:
            raise RenderError("an include is 'include \"NAME\"', without more words", line=node.lineno)
        if scope.given is not None:
            raise RenderError("a macro includes nothing; call another macro", line=node.lineno)
        file = self.file(part, node.lineno)
        return self._statements(file.statements, _Scope(file, _deeper(scope, part or self.name, node.lineno)))

    def _branch(self, node: nodes.If, scope: _Scope) -> nodes.If:
        elifs = [
            nodes.If(self._expression(one.test, scope), self._statements(one.body, scope), [], [], lineno=one.lineno)
            for one in node.elif_
        ]
        return nodes.If(
            self._expression(node.test, scope),
            self._statements(node.body, scope),
            elifs,
            self._statements(node.else_, scope),
            lineno=node.lineno,
        )

    def _loop(self, node: nodes.For, target: nodes.Name, scope: _Scope) -> nodes.For:
        name, inner = target.name, scope
        if scope.given is not None:  # its own names are nobody else's
            self.loops += 1
            name = f"{target.name.partition(MARK)[0]}{MARK}{self.loops}"
            own = nodes.Name(name, "load", lineno=node.lineno)
            inner = replace(scope, given={**scope.given, target.name: own}, is_in_loop=True)
        return nodes.For(
            nodes.Name(name, "store", lineno=target.lineno),
            self._expression(node.iter, scope),
            self._statements(node.body, inner),
            self._statements(node.else_, scope),
            node.test,
            node.recursive,
            lineno=node.lineno,
        )

    def _output(self, node: nodes.Output, scope: _Scope) -> list[nodes.Node]:
        placed: list[nodes.Node] = []
        said: list[nodes.Expr] = []
        for child in node.nodes:
            if not isinstance(child, nodes.Call):
                said.append(child if isinstance(child, nodes.TemplateData) else self._expression(child, scope))
                continue
            if said:
                placed.append(nodes.Output(said, lineno=node.lineno))
                said = []
            placed += self._called(child, scope)
        if said:
            placed.append(nodes.Output(said, lineno=node.lineno))
        return placed

    def _called(self, node: nodes.Call, scope: _Scope) -> list[nodes.Node]:
        name = _called_name(node.node)
        macro = scope.file.macros.get(name)
        if macro is None:
            known = ", ".join(sorted(scope.file.macros)) or "none"
            raise RenderError(f"no macro of this name; there are: {known}", line=node.lineno, variable=name)
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            raise RenderError("a macro is called with its arguments one by one", line=node.lineno, variable=name)
        within = _deeper(scope, f"{macro.file.name}:{macro.name}", node.lineno)
        return self._statements(macro.node.body, _Scope(macro.file, within, self._given(node, macro, scope)))

    def _given(self, node: nodes.Call, macro: _Macro, scope: _Scope) -> Mapping[str, nodes.Expr]:
        """What stands for each parameter of a macro."""
        names = [one.name for one in macro.node.args]
        defaults = macro.node.defaults
        given: dict[str, nodes.Expr] = dict(zip(names[len(names) - len(defaults) :], defaults, strict=True))
        wanted = f"{macro.name}({', '.join(names)})"
        if len(node.args) > len(names) or any(one.key not in names[len(node.args) :] for one in node.kwargs):
            raise RenderError(f"other arguments than the macro has: {wanted}", line=node.lineno)
        given |= {name: self._expression(one, scope) for name, one in zip(names, node.args, strict=False)}
        given |= {one.key: self._expression(one.value, scope) for one in node.kwargs}
        missing = [name for name in names if name not in given]
        if missing:
            raise RenderError(f"no argument for {', '.join(missing)} of {wanted}", line=node.lineno)
        if any(not isinstance(one, nodes.Const) for one in defaults):
            raise RenderError("the default of a parameter is a text, a number, true or false", line=macro.node.lineno)
        return given

    def _expression(self, node: nodes.Node, scope: _Scope) -> nodes.Expr:
        """An expression with what its names stand for."""
        if not isinstance(node, nodes.Expr):
            raise RenderError(f"a template must not have {type(node).__name__}", line=node.lineno)
        self._count(node.lineno)
        if scope.given is None:
            return node
        if isinstance(node, nodes.Name):
            return self._name(node, scope)
        return type(node)(*(self._field(getattr(node, one), scope) for one in node.fields), lineno=node.lineno)

    def _field(self, value: object, scope: _Scope) -> object:
        if isinstance(value, nodes.Expr):
            return self._expression(value, scope)
        if isinstance(value, nodes.Operand):
            return nodes.Operand(value.op, self._expression(value.expr, scope), lineno=value.lineno)
        if isinstance(value, list):
            return [self._field(one, scope) for one in value]
        return value

    def _name(self, node: nodes.Name, scope: _Scope) -> nodes.Expr:
        if node.name == "loop" and scope.is_in_loop:
            return node
        given = (scope.given or {}).get(node.name)
        if given is None:
            raise RenderError("a macro sees its parameters only", line=node.lineno, variable=node.name)
        if scope.is_in_loop and any(one.name == "loop" for one in _names(given)):
            what = "'loop' of another loop cannot be used within a loop of the macro"
            raise RenderError(what, line=node.lineno, variable=node.name)
        for _ in given.find_all(nodes.Node):
            self._count(node.lineno)
        return given


def _deeper(scope: _Scope, name: str, line: int) -> tuple[str, ...]:
    if name in scope.within or len(scope.within) >= _MOST_DEEP:
        raise RenderError(f"'{name.removeprefix(':')}' includes or calls itself, or is too deep", line=line)
    return (*scope.within, name)


def _constant(node: nodes.Expr, line: int) -> str:
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        return node.value
    raise RenderError("the name of a file that is included or imported must be a text", line=line)


def _is_blank(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Output) and all(
        isinstance(one, nodes.TemplateData) and not one.data.strip() for one in node.nodes
    )


def _called_name(node: nodes.Node) -> str:
    match node:
        case nodes.Name(name=name):
            return str(name)
        case nodes.Getattr(node=nodes.Name(name=name), attr=attr):
            return f"{name}.{attr}"
        case _:
            return ""


def _names(node: nodes.Expr) -> Iterable[nodes.Name]:
    return [node] if isinstance(node, nodes.Name) else node.find_all(nodes.Name)

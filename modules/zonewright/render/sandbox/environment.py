"""The sandbox that templates run in: nothing undefined, nothing ambient, nothing of this machine.

``templates`` refuses what a template must not hold before it is run; this is the second layer, for what gets past it.
"""

from functools import cache
from typing import Any, Never

from jinja2 import PackageLoader, StrictUndefined
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from zonewright.render.errors import RenderError
from zonewright.render.quoting import FILTERS, Quoted

_OF_LOOP = frozenset({"first", "last", "index"})


class _Sandbox(ImmutableSandboxedEnvironment):
    """No calls and no arithmetic: both belong into the context, and both can fill the memory."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "**", "%"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Never:  # noqa: ARG002
        raise SecurityError(f"a template must not calculate ({operator}); the value must be in the context")

    def is_safe_callable(self, obj: Any) -> bool:  # noqa: ARG002
        return False

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A field of our own data, or what a loop tells, as it is, which is most; all else by the sandbox's rules."""
        kind = type(obj)
        if attribute in getattr(kind, "__dataclass_fields__", ()) or (kind is LoopContext and attribute in _OF_LOOP):
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)


@cache
def environment() -> ImmutableSandboxedEnvironment:
    """The environment of this process; templates are compiled once."""
    made = _Sandbox(
        loader=PackageLoader("zonewright_templates", package_path=""),
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
        newline_sequence="\n",
        auto_reload=False,
    )
    made.globals.clear()  # range, lipsum, cycler, joiner, namespace, dict
    made.tests.clear()
    made.filters.clear()  # among them random, and default, which hides what is missing
    made.filters.update(FILTERS)
    return made


def _finalize(value: object) -> Quoted | int:
    """What is printed was quoted by a filter, or is a whole number."""
    if type(value) is Quoted or type(value) is int:
        return value
    if isinstance(value, StrictUndefined):
        str(value)  # raises, and says what is undefined
    kind = "None" if value is None else type(value).__name__
    raise RenderError(f"expected quoted text or a whole number, got {kind}; print text through a filter")

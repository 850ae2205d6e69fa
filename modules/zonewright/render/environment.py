"""The sandbox that templates run in: nothing undefined, nothing ambient, nothing of this machine."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from zonewright.render.errors import RenderError
from zonewright.render.quoting import comment, plain, yaml_string

FILTERS: Mapping[str, Any] = {"yaml": yaml_string, "comment": comment}
_GLOBALS_KEPT = frozenset({"range", "dict"})
_FILTERS_DROPPED = ("random", "pprint", "urlize", "xmlattr", "tojson", "filesizeformat")


@cache
def environment() -> ImmutableSandboxedEnvironment:
    """The environment of this process; templates are compiled once."""
    made = ImmutableSandboxedEnvironment(
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
    for name in set(made.globals) - _GLOBALS_KEPT:
        del made.globals[name]
    for name in _FILTERS_DROPPED:
        made.filters.pop(name, None)
    made.filters.update(FILTERS)
    return made


def _finalize(value: Any) -> Any:
    """Every value that is printed passes here, also one that no filter has quoted."""
    if value is None:
        raise RenderError("a value is None; give it in the declaration, or test for it in the template")
    if isinstance(value, str | int) and not isinstance(value, bool):
        return plain(value)
    if callable(value) or isinstance(value, bool | float | list | tuple | dict | set):
        raise RenderError(f"expected text or a whole number, got {type(value).__name__}")
    return value

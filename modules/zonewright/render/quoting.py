"""How values get into files: each format's own quoting, and no value that could add a line."""

import unicodedata
from typing import Any

from zonewright.render.errors import RenderError

_FORBIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"})
"""Unicode categories that never reach a file: controls, format marks, surrogates, separators, unassigned."""


def plain(value: Any) -> str:
    """A value as text, without anything that a terminal or parser could take for more than text.

    Raises:
        RenderError: when the value holds a control or format character, or is no text or number.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise RenderError(f"expected text or a whole number, got {type(value).__name__}")
    text = str(value)
    for index, character in enumerate(text):
        if unicodedata.category(character) in _FORBIDDEN:
            raise RenderError(f"character {index + 1} of {text!r} is {character!r}, which must not get into a file")
    return text


def yaml_string(value: Any) -> str:
    """A double-quoted YAML scalar that every YAML 1.1 and 1.2 reader takes for exactly this text."""
    escaped = plain(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def comment(value: Any) -> str:
    """Text inside a comment: it stays on its line because ``plain`` refuses line breaks."""
    return plain(value)

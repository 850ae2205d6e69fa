"""What a plain YAML word means: YAML 1.2's true, false, null, decimal numbers, and text; nothing else.

``yes``, ``on``, ``12:30`` and ``2026-01-01`` are text. What other readers of YAML would take for another number
than its writer (``007``, ``0x1F``) is refused.
"""

import math
import re
from dataclasses import dataclass

from zonewright.declare.problem import shown
from zonewright.declare.yaml_text.text import UNSEEN, name_of

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}
_BEGINS_A_NUMBER = frozenset("+-.0123456789")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_LEADING_ZERO = re.compile(r"[-+]?0+(?=[0-9])")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_OTHER_BASE = re.compile(r"0(?:x[0-9a-fA-F]{1,20}|o[0-7]{1,20})")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_MAX_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a value is refused: what it is, what was expected, and the fix."""

    what: str
    expected: str
    got: str
    fix: str


def meaning_of(text: str) -> str | int | float | bool | Refusal | None:
    """The value of a plain word."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _BEGINS_A_NUMBER:
        return text
    if _OTHER_BASE.fullmatch(text) or _NOT_FINITE.fullmatch(text):
        return _unusual(text)
    if not _FLOAT.fullmatch(text):
        return text
    if len(text) > _MAX_DIGITS + 1 or _LEADING_ZERO.match(text) or not math.isfinite(float(text)):
        return _unusual(text)
    return int(text) if _INTEGER.fullmatch(text) else float(text)


def _unusual(text: str) -> Refusal:
    """Why a number is refused."""
    if _NOT_FINITE.fullmatch(text):
        return Refusal("not a finite number", "a finite number", text, "write the number itself")
    if _OTHER_BASE.fullmatch(text):
        fix = f"write {int(text, 0)} if it is a number, or '{text}' in quotes if it is text"
        return Refusal("a number that is not decimal", "a decimal number", text, fix)
    if len(text) > _MAX_DIGITS + 1:
        fix = "round it if it is a number, or put it in quotes if it is text"
        return Refusal("too many digits", f"a number of at most {_MAX_DIGITS} digits", shown(text), fix)
    if _LEADING_ZERO.match(text):
        fix = f"write {_LEADING_ZERO.sub('', text)} if it is a number, or '{text}' in quotes if it is an id"
        return Refusal("a number with a leading zero", "a number without it, or text in quotes", text, fix)
    return Refusal("too large a number", "a number that the program can calculate with", text, "correct it")


def unseen_in(text: str) -> Refusal | None:
    """Why quoted text is refused: an escape in it stands for a character that nobody sees."""
    match = None if text.isascii() and text.isprintable() else UNSEEN.search(text)
    if match is None:
        return None
    return Refusal(
        "a character that cannot be seen", "text with visible characters only", name_of(match[0]), "delete that escape"
    )

"""Flat ``name = value`` lines, a subset of TOML: what the deployer writes, and all there is before Python 3.11.

Values are strings in double quotes, numbers, true, false, and lists of those on one line. What needs no escapes is read
without the modules ``re`` and ``json``, since the settings are read twice on every host of a roll-out.
"""

from __future__ import annotations


class TOMLDecodeError(ValueError):
    """The text is not of this subset; it says on which line."""


def loads(text: str) -> dict[str, object]:
    """The values by name.

    Raises:
        TOMLDecodeError: for the first line that is none.
    """
    found: dict[str, object] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = _without_comment(raw).strip()
        if not line:
            continue
        name, _, given = line.partition("=")
        name, given = name.strip(), given.strip()
        value = _value(given) if given and _is_name(name) and name not in found else None
        if value is None:
            raise TOMLDecodeError(f"Expected one name = value (at line {number}, column 1)")
        found[name] = value
    return found


def _is_name(text: str) -> bool:
    return text.isascii() and text.replace("_", "a").replace("-", "a").isalnum()


def _without_comment(line: str) -> str:
    """The line up to a ``#`` that stands in no string."""
    start = line.find("#")
    while start >= 0:
        before = line[:start].replace("\\\\", "").replace('\\"', "")
        if before.count('"') % 2 == 0:
            return line[:start]
        start = line.find("#", start + 1)
    return line


def _value(text: str) -> object:
    """What JSON and TOML write alike; None where it is none."""
    value = _plain(text)
    if value is None and text[0] == "[" and text[-1] == "]":
        items = [_plain(item.strip()) for item in text[1:-1].split(",")]
        value = None if None in items else items
    if value is not None:
        return value
    import json  # noqa: PLC0415 - what the deployer writes seldom needs it

    try:
        return json.loads(text)
    except ValueError:
        return None


def _plain(text: str) -> object:
    """A string without escapes, or a number without a sign; None for all else."""
    inner = text[1:-1]
    if text[:1] == text[-1:] == '"' and len(text) > 1 and '"' not in inner and "\\" not in inner:
        return inner if inner.isprintable() else None
    whole, dot, part = text.partition(".")
    digits = whole.isdigit() and whole.isascii() and (whole == "0" or whole[0] != "0")
    if not digits or (dot and not (part.isdigit() and part.isascii())):
        return None
    return float(text) if dot else int(text)

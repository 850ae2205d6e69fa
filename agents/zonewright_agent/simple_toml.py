"""The settings' file where Python has no ``tomllib`` (before 3.11): flat ``name = value`` lines, a subset of TOML.

Values are strings in double quotes, numbers, true, false, and lists of those on one line: what the deployer writes.
"""

import json
import re
from typing import Any

_LINE = re.compile(r"([A-Za-z0-9_-]+)\s*=\s*(.+)")
_COMMENT = re.compile(r'((?:[^"#]|"(?:[^"\\]|\\.)*")*)(#.*)?')


class TOMLDecodeError(ValueError):
    """The text is not of this subset; it says on which line."""


def loads(text: str) -> dict[str, Any]:
    """The values by name.

    Raises:
        TOMLDecodeError: for the first line that is none.
    """
    found: dict[str, Any] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        without = _COMMENT.fullmatch(raw.strip())
        line = without.group(1).strip() if without else raw.strip()
        if not line:
            continue
        match = _LINE.fullmatch(line)
        value = _value(match.group(2)) if match and match.group(1) not in found else None
        if match is None or value is None:
            raise TOMLDecodeError(f"Expected one name = value (at line {number}, column 1)")
        found[match.group(1)] = value
    return found


def _value(text: str) -> Any:
    """What JSON and TOML write alike; None where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return None

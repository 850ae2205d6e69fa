"""JSON that says one thing: no key twice, no NaN, one value."""

import json
from typing import Any

from zonewright.seal.errors import SealError


def strict_json(text: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        SealError: when it is none, has a key twice, or a number that is none.
    """
    try:
        data = json.loads(text, object_pairs_hook=_pairs, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise SealError(f"it is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise SealError(f"expected a JSON object, got {type(data).__name__}")
    return data


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key appears twice")
    return found


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is not a number")

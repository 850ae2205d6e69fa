"""The shape of a request before its fields are looked at: depth, sizes and numbers that anything may have."""

import math
from collections.abc import Iterable
from typing import Any

from pydantic_core import from_json

from zonewright.ledger.protocol.errors import LedgerMisuseError
from zonewright.model.limits import BODY, DEPTH, INTEGER, ITEMS, TEXT, InputLimit

_NUL = b"\\u0000"


def require_bounds(body: bytes) -> Any:
    """Refuse what no request can be.

    Args:
        body: the request; what is no JSON is left to whoever reads its fields.

    Returns:
        What the request says; None where it is no JSON.

    Raises:
        LedgerMisuseError: names the limit and what came.
    """
    if len(body) > BODY.most:
        raise _beyond(BODY, f"{len(body):,}")
    try:
        content = from_json(body)
    except ValueError:
        return None
    # A text is no longer than its request, and JSON has only one way to write a NUL: without it no text has one.
    is_plain = TEXT.most >= BODY.most and _NUL not in body
    level: list[Any] = [content]
    depth = 0
    while level:
        depth += 1
        level = _require_level(level, depth, is_plain=is_plain)
    return content


def _require_level(values: Iterable[Any], depth: int, *, is_plain: bool) -> list[Any]:
    """Refuse what no value at one depth can be; gives the values one level deeper.

    Args:
        values: those of this depth.
        depth: from 1.
        is_plain: whether all texts are known to be none that is refused.
    """
    deeper: list[Any] = []
    for value in values:
        kind = type(value)
        if kind is str:
            if not is_plain:
                _require_plain(value)
        elif kind is dict or kind is list:
            if depth > DEPTH.most:
                raise _beyond(DEPTH, "more")
            if len(value) > ITEMS.most:
                raise _beyond(ITEMS, f"{len(value):,}")
            if kind is dict:
                for key in () if is_plain else value:
                    _require_plain(key)
                deeper += value.values()
            else:
                deeper += value
        else:
            _require_plain(value)
    return deeper


def _require_plain(value: object) -> None:
    if isinstance(value, str):
        if len(value) > TEXT.most:
            raise _beyond(TEXT, f"{len(value):,}")
        if "\0" in value:
            raise LedgerMisuseError(
                "bounds", "a text in the request has a NUL character, which databases cannot store; remove it"
            )
    elif isinstance(value, int) and abs(value) > INTEGER.most:
        raise _beyond(INTEGER, f"one of {value.bit_length()} bits")
    elif isinstance(value, float) and not math.isfinite(value):
        raise LedgerMisuseError("bounds", "a number in the request is not finite; give a finite one")


def _beyond(limit: InputLimit, got: str) -> LedgerMisuseError:
    most = f"{limit.most:,} {limit.unit}".strip()
    return LedgerMisuseError("bounds", f"the request is over a limit: {limit.what}: expected at most {most}, got {got}")

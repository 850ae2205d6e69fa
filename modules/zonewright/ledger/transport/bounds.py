"""The shape of a request before its fields are looked at: depth, sizes and numbers that anything may have."""

import math
from typing import Any

from pydantic_core import from_json

from zonewright.ledger.protocol.errors import LedgerMisuseError
from zonewright.model.limits import BODY, DEPTH, INTEGER, ITEMS, TEXT, InputLimit


def require_bounds(body: bytes) -> None:
    """Refuse what no request can be.

    Args:
        body: the request; what is no JSON is left to whoever reads its fields.

    Raises:
        LedgerMisuseError: names the limit and what came.
    """
    if len(body) > BODY.most:
        raise _beyond(BODY, f"{len(body):,}")
    try:
        content = from_json(body)
    except ValueError:
        return
    todo: list[tuple[Any, int]] = [(content, 1)]
    while todo:
        value, depth = todo.pop()
        if isinstance(value, dict | list):
            if depth > DEPTH.most:
                raise _beyond(DEPTH, "more")
            if len(value) > ITEMS.most:
                raise _beyond(ITEMS, f"{len(value):,}")
            if isinstance(value, dict):
                todo += [(key, depth) for key in value]
                value = list(value.values())
            todo += [(one, depth + 1) for one in value]
        else:
            _require_plain(value)


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

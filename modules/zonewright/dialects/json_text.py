"""JSON with its keys told twice refused, and the line of what is wrong."""

import json
from collections.abc import Iterable
from typing import TypeAlias

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"


class NoJsonError(ValueError):
    """Text that is no JSON: the line, and why."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line, self.what = line, what


def read(text: str) -> Json:
    """What a text holds.

    Raises:
        NoJsonError: when it is no JSON, or an object has a key twice.
    """
    try:
        found: Json = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise NoJsonError(error.lineno, f"not JSON: {error.msg}") from None
    except RecursionError:
        raise NoJsonError(1, "not JSON: nested too deeply") from None
    except _TwiceError as error:
        raise NoJsonError(line_of(text, error.key), f"key '{error.key}' for the second time") from None
    except ValueError as error:
        raise NoJsonError(1, f"not JSON: {error}") from None
    return found


def line_of(text: str, key: str) -> int:
    """The line where a key stands first, 1 where it is not found."""
    at = text.find(json.dumps(key, ensure_ascii=False))
    return text.count("\n", 0, at) + 1 if at >= 0 else 1


class _TwiceError(Exception):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _once(pairs: Iterable[tuple[str, Json]]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for key, value in pairs:
        if key in found:
            raise _TwiceError(key)
        found[key] = value
    return found


def _no_constant(name: str) -> None:
    message = f"{name} is no number"
    raise ValueError(message)

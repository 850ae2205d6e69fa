"""One byte form for each value, so that equal things have equal digests on every machine."""

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Any

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _made_once() -> Callable[[Any, int], Iterable[str]] | None:
    """What ``JSONEncoder.encode`` makes anew at each call, which takes as long as encoding a small object.

    It is of CPython and none of the documented names: without it the encoder itself is used, which gives the same.
    """
    form = {"indent": None, "key_separator": ":", "item_separator": ",", "sort_keys": True, "skipkeys": False}
    try:
        made: Callable[[Any, int], Iterable[str]] = json.encoder.c_make_encoder(  # type: ignore[attr-defined]
            markers=None, default=_ENCODER.default, encoder=json.encoder.encode_basestring, allow_nan=False, **form
        )
        is_same = "".join(made({"b": ["é", 1.5, None], "a": {}}, 0)) == '{"a":{},"b":["é",1.5,null]}'
    except (AttributeError, TypeError):
        return None
    return made if is_same else None


_ENCODE = _made_once()


def canonical_json(data: Any) -> str:
    """JSON with sorted keys, no spaces and no ASCII escapes; NaN is refused.

    Example:
        >>> canonical_json({"b": 1, "a": "é"})
        '{"a":"é","b":1}'
    """
    return _ENCODER.encode(data) if _ENCODE is None else "".join(_ENCODE(data, 0))


def digest_of(content: str | bytes) -> str:
    """``sha256:`` and 64 hexadecimal digits of the content, as in OCI and in-toto."""
    raw = content.encode() if isinstance(content, str) else content
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"

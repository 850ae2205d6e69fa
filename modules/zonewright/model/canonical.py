"""One byte form for each value, so that equal things have equal digests on every machine."""

import hashlib
import json
from typing import Any

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(data: Any) -> str:
    """JSON with sorted keys, no spaces and no ASCII escapes; NaN is refused.

    Example:
        >>> canonical_json({"b": 1, "a": "é"})
        '{"a":"é","b":1}'
    """
    return _ENCODER.encode(data)


def digest_of(content: str | bytes) -> str:
    """``sha256:`` and 64 hexadecimal digits of the content, as in OCI and in-toto."""
    raw = content.encode() if isinstance(content, str) else content
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"

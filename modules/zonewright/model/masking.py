"""Takes secrets that are known out of a text, however they were written."""

import base64
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

MASK = "[secret]"
_LEAST = 6
"""A shorter part of an encoded form may stand there by chance."""


def masked(text: str, secrets: Iterable[str]) -> str:
    """A text without some secrets: themselves, escaped for JSON or URLs, in base64 wherever it begins, in hexadecimal.

    Args:
        text: the text.
        secrets: what must not be in it; empty ones are passed over.

    Example:
        >>> masked('{"said": "c2VjcmV0LXdvcmQ="}', ["secret-word"])
        '{"said": "[secret]="}'
    """
    forms = {form for secret in secrets if secret for form in _forms(secret)}
    for form in sorted(forms, key=lambda form: (-len(form), form)):
        text = text.replace(form, MASK)
    return text


def _forms(secret: str) -> Iterator[str]:
    escaped = json.dumps(secret, ensure_ascii=False)[1:-1]
    yield from (secret, escaped, json.dumps(secret)[1:-1], json.dumps(escaped, ensure_ascii=False)[1:-1])
    data = secret.encode()
    others = [quote(secret, safe=""), quote(secret), quote_plus(secret), data.hex(), data.hex().upper()]
    for offset in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            coded = encode(bytes(offset) + data).decode("ascii").rstrip("=")
            # The characters at both ends depend on what stands before and after.
            others.append(coded[4 if offset else 0 : -1])
            others += [coded] if not offset else []
    yield from (form for form in others if len(form) >= _LEAST)

"""References to secrets: what stands in declarations and rendered files in place of a value.

A reference is written as `vals` and `helm-secrets` write it. It is resolved only where a file is installed; this module
knows the words and puts values into their places, and asks whoever calls for the values themselves.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import StringConstraints

from zonewright.errors import ZonewrightError

Scheme = Literal["env", "file", "vault"]
_PART = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
_KEY = rf"#(?:/{_PART})+"
_REFERENCE = (
    rf"ref\+(?:env://[A-Za-z_][A-Za-z0-9_]*|file://(?:/{_PART})+(?:{_KEY})?|vault://{_PART}(?:/{_PART})+{_KEY})"
)
REFERENCE_PATTERN = rf"^{_REFERENCE}$"
"""No part begins with a dot, so none is ``..``; there is nothing in it that a format must quote."""
EXAMPLE = "ref+vault://network/link-01#/bgp"
HIDDEN = "text that is not shown"

SecretReference = Annotated[str, StringConstraints(pattern=REFERENCE_PATTERN, max_length=300, strict=True)]
"""A reference such as ``ref+vault://network/link-01#/bgp``, never a secret itself."""

_WHOLE = re.compile(REFERENCE_PATTERN[:-1] + r"\Z")
_BYTES = re.compile(_REFERENCE.encode())
LIKE_ONE = re.compile(r"ref\+[A-Za-z0-9]*:")
"""What a reference begins with, in any spelling."""
_LIKE_ONE = re.compile(LIKE_ONE.pattern.encode())
_FIT = re.compile(r"[!#-\[\]-~]{1,4096}")
"""Values that stand as they are in each format, in quotes or without: ASCII without spaces, ``"`` and backslash."""


class SecretError(ZonewrightError, ValueError):
    """A secret that could not be had or used; ``str()`` is one sentence for each, none of which holds a value."""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Reference:
    """One reference.

    Attributes:
        text: the reference as it is written.
        scheme: what kind of place it names.
        path: the variable's name, the file's absolute path, or ``mount/path`` in Vault.
        key: the keys to the value within a JSON document; empty for the whole.
    """

    text: str
    scheme: Scheme
    path: str
    key: tuple[str, ...] = ()


def reference_of(text: str) -> Reference:
    """A reference as its parts.

    Raises:
        SecretError: when it is none; the sentence does not repeat the text, which may be a secret.

    Example:
        >>> reference_of("ref+vault://network/link-01#/bgp").path
        'network/link-01'
    """
    if _WHOLE.match(text) is None:
        raise SecretError(f"expected a reference to a secret such as {EXAMPLE}, got {HIDDEN}")
    scheme, _, rest = text.removeprefix("ref+").partition("://")
    path, _, key = rest.partition("#/")
    kind: Scheme = "env" if scheme == "env" else "file" if scheme == "file" else "vault"
    return Reference(text=text, scheme=kind, path=path, key=tuple(key.split("/")) if key else ())


def references_in(data: bytes) -> tuple[Reference, ...]:
    """The references that stand in a rendered file, each once, in order.

    Args:
        data: the file.
    """
    found = {match[0].decode("ascii") for match in _BYTES.finditer(data)}
    return tuple(sorted(reference_of(text) for text in found))


def resolved(data: bytes, resolve: Callable[[Reference], str]) -> bytes:
    r"""A rendered file with the values in the places of their references.

    Args:
        data: the file as it was rendered, reviewed and approved.
        resolve: gives the value of a reference, or raises ``SecretError``.

    Raises:
        SecretError: one sentence for each reference that has no value, or one that could break the file.

    Example:
        >>> resolved(b"password ref+env://BGP\n", lambda reference: "example")
        b'password example\n'
    """
    values: dict[str, bytes] = {}
    sentences: list[str] = []
    for reference in references_in(data):
        try:
            values[reference.text] = _fitting(reference, resolve(reference))
        except SecretError as error:
            sentences += error.sentences
    left = len(_LIKE_ONE.findall(_BYTES.sub(b"", data)))
    if left:
        sentences.append(f"{left} more look like references but are not; write them as {EXAMPLE}")
    if sentences:
        raise SecretError(*sentences)
    return _BYTES.sub(lambda match: values[match[0].decode("ascii")], data)


def _fitting(reference: Reference, value: str) -> bytes:
    """A value that stays in its place, whatever the format: it adds no line and ends no quotes."""
    if _FIT.fullmatch(value) is None:
        what = "it is empty" if not value else "it has a space, a line break, a quote, a backslash or is not ASCII"
        fix = (
            "a secret in a file must be one word of at most 4,096 characters; for other secrets, put a "
            "path into the file"
        )
        raise SecretError(f"{reference.text}: its value cannot be written into a file: {what}; {fix}")
    return value.encode("ascii")

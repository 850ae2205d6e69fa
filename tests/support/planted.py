"""Secrets that are planted in a run, and the hunt for them in everything that the run left behind."""

import base64
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

_LEAST = 12
"""Characters of a part of a form that cannot be there by chance."""


def a_password() -> str:
    """One that no other run has, with signs that URLs and JSON escape."""
    return f"Tr0ub4dor/{secrets.token_hex(8)}+&"


def a_word() -> str:
    """One that may stand in a file of any format."""
    return f"w{secrets.token_hex(12)}"


def a_private_key() -> str:
    """A new private key as PEM: several lines."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")


def forms_of(value: str) -> Iterator[tuple[str, bytes]]:
    """How a value may have been written: itself, base64 wherever it begins, hexadecimal, for URLs, for JSON.

    A value of several lines is looked for line by line too, since many programs indent lines.
    """
    for text in {value, *(line for line in value.splitlines() if len(line) > _LEAST and "-----" not in line)}:
        data = text.encode()
        yield "raw", data
        yield "hex", data.hex().encode()
        yield "HEX", data.hex().upper().encode()
        yield "url", quote(text, safe="").encode()
        yield "url", quote(text).encode()
        yield "json", json.dumps(text)[1:-1].encode()
        yield "json in json", json.dumps(json.dumps(text)[1:-1])[1:-1].encode()
        for offset in range(3):
            # Without the characters that depend on what stands before and after.
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                coded = encode(b"\0" * offset + data).rstrip(b"=")
                yield f"base64 at {offset}", coded[4 if offset else 0 : -1]


def leaks(files: Iterable[Path], planted: Mapping[str, str]) -> list[str]:
    """Each planted value that stands in a file in some form, as ``file: name (form)``; values are not repeated."""
    wanted = [(name, form, needle) for name, value in planted.items() for form, needle in forms_of(value)]
    found = []
    for path in files:
        data = path.read_bytes()
        found += [f"{path}: {name} ({form})" for name, form, needle in wanted if needle in data]
    return sorted(set(found))


def files_below(folder: Path, *, but: Iterable[Path] = ()) -> list[Path]:
    """All files below a folder, but for some files and folders; programs of the engine's plugins among them."""
    left_out = list(but)
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and not any(path == one or one in path.parents for one in left_out)
    ]

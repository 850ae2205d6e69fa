"""Credentials of devices: a file that only its owner may read, or references in it. No value is ever told."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from zonewright_gateway.documents import Faults, close_to, pairs, read

FIELDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "snmp": (("community",), ("user", "auth", "auth_key", "privacy", "privacy_key")),
    "redfish": (("user", "password"),),
    "ipmi": (("user", "password"),),
    "nut": (("user", "password"),),
}
"""What the credentials of a protocol may have, in one or another form; the first field of a form must be there."""
WORDS = {"auth": ("md5", "sha", "sha256", "sha512"), "privacy": ("des", "aes")}
_REFERENCE = re.compile(r"ref\+(env|file)://(\S+)")
_LEAST = 8
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class CredentialError(ValueError):
    """A value cannot be had; ``str()`` names the reference and never a value."""


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """The credentials of one name; its values are read when they are used, so that they can be replaced.

    Attributes:
        name: of the credentials.
        values: text or references by field.
    """

    name: str
    values: Mapping[str, str]

    def has(self, field: str) -> bool:
        """Whether it has a field."""
        return field in self.values

    def get(self, field: str) -> str:
        """A value, or nothing where there is none.

        Raises:
            CredentialError: when a reference leads nowhere.
        """
        text = self.values.get(field, "")
        match = _REFERENCE.fullmatch(text)
        if match is None:
            return text
        try:
            if match[1] == "env":
                return os.environ[match[2]]
            with open(match[2], encoding="utf-8") as file:
                return file.read().removesuffix("\n")
        except (OSError, KeyError, UnicodeDecodeError):
            raise CredentialError(f"credentials '{self.name}': {text} leads to nothing that can be read") from None


def load(path: str, faults: Faults, line: int) -> dict[str, Secret]:
    """The credentials of a file by name; what is wrong is noted.

    Args:
        path: of the file.
        faults: of the file that names it.
        line: where that names it.
    """
    try:
        with open(path, encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        faults.add(line, f"credentials_file: {path}: {(getattr(error, 'strerror', None) or 'cannot be read').lower()}")
        return {}
    if mode & _OTHERS:
        faults.add(line, f"credentials_file: {path}: others than its owner may read it (mode {mode:o}); chmod 600")
    inner = Faults(path, is_secret=True)
    document = read(text, inner)
    if document is not None and not isinstance(document.content, dict):
        inner.add(1, "expected a mapping of names, each with its fields")
    found: dict[str, Secret] = {}
    for name, given in pairs(document.content if document else None):
        values = dict(pairs(given))
        _note(name, values, inner, document.line((name,)) if document else 1)
        found[name] = Secret(name, {field: str(value) for field, value in values.items()})
    for sentence in inner.sentences:
        faults.add(line, f"credentials_file: {sentence}")
    return found


def _note(name: str, values: Mapping[str, object], faults: Faults, line: int) -> None:
    """Note what is wrong with the credentials of a name; neither a value nor an unknown field is told."""
    if not values or any(
        not isinstance(value, str) or not value.isprintable() or not value for value in values.values()
    ):
        faults.add(line, f"{name}: expected fields with text, such as community or user and password; quote each text")
    for field, value in values.items():
        text = str(value)
        if text.startswith("ref+vault:"):
            faults.add(line, f"{name}.{field}: a gateway does not ask Vault; fill the file where it is deployed")
        elif text.startswith("ref+") and _REFERENCE.fullmatch(text) is None:
            faults.add(line, f"{name}.{field}: expected a reference such as ref+file:///PATH or ref+env://NAME")


def unreadable(secrets: Iterable[Secret]) -> list[str]:
    """References that lead nowhere on this host, one sentence each."""
    found = set()
    for secret in secrets:
        for field in secret.values:
            try:
                secret.get(field)
            except CredentialError as error:
                found.add(str(error))
    return sorted(found)


def form_fault(protocol: str, secret: Secret) -> str:
    """Why credentials do not fit a protocol; empty where they do."""
    forms = FIELDS.get(protocol, ())
    known = sorted({field for form in forms for field in form})
    for field, value in secret.values.items():
        if field not in known:
            # Not the field itself: with a colon too few it has the value in it.
            return f"credentials '{secret.name}' have a field that is not known; {close_to(field, known)}"
        if field in WORDS and value not in WORDS[field]:
            return f"credentials '{secret.name}': {field} is one of {', '.join(WORDS[field])}"
    keys = [field for field in ("auth_key", "privacy_key") if field in secret.values]
    short = [one for one in keys if len(secret.values[one]) < _LEAST and not secret.values[one].startswith("ref+")]
    if short:
        return f"credentials '{secret.name}': {short[0]} has {_LEAST} letters or more (RFC 3414)"
    if keys == ["privacy_key"]:
        return f"credentials '{secret.name}': privacy_key needs an auth_key"
    if not any(form[0] in secret.values and set(secret.values) <= set(form) for form in forms):
        said = " or ".join(_and(form) for form in forms)
        return f"credentials '{secret.name}' do not fit {protocol}, which needs {said}"
    return ""


def _and(form: Sequence[str]) -> str:
    return form[0] if len(form) == 1 else f"{form[0]} with {', '.join(form[1:])}"

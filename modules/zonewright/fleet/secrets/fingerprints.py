"""Has a secret changed? Fingerprints with the zone's key say so, and tell nobody without the key anything else.

A digest without a key would let anybody who sees it try all likely passwords; and one of the value alone would show
that two references have the same value, so the reference is part of it.
"""

import hmac
import json
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from zonewright.model.secret import Reference, SecretError

KEY_VARIABLE = "ZONEWRIGHT_FINGERPRINT_KEY"
KEY_FILE = "/etc/zonewright/fingerprint.key"
_BYTES = 32
_FOR_OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class Keys:
    """The zone's keys, newest last; older ones compare with what they have made and make nothing new."""

    keys: tuple[bytes, ...]

    def __repr__(self) -> str:
        """How many, and nothing of them."""
        return f"{len(self.keys)} keys"

    def fingerprint(self, reference: Reference, value: str) -> str:
        """The fingerprint of a value by the newest key, with the key's name."""
        return _made(self.keys[-1], reference, value)

    def changed(self, reference: Reference, value: str, before: str | None) -> str:
        """``yes`` or ``no``, ``new`` for one that was never installed, ``unknown`` when the key is gone.

        Args:
            reference: the reference.
            value: its value now.
            before: the fingerprint of its value when it was last installed, or None.
        """
        if before is None:
            return "new"
        key = next((key for key in self.keys if before.startswith(f"{_name(key)}:")), None)
        if key is None:
            return "unknown"
        return "no" if hmac.compare_digest(_made(key, reference, value), before) else "yes"


def _name(key: bytes) -> str:
    """What a key is called in a fingerprint."""
    return f"hmac-sha256:{hmac.new(key, b'zonewright fingerprint key', 'sha256').hexdigest()[:8]}"


def _made(key: bytes, reference: Reference, value: str) -> str:
    message = f"zonewright secret\0{reference.text}\0{value}".encode()
    return f"{_name(key)}:{hmac.new(key, message, 'sha256').hexdigest()}"


def key_file_here() -> Path:
    """Where the zone's keys lie on this machine."""
    return Path(os.environ.get(KEY_VARIABLE) or KEY_FILE)


def make_key(path: Path, *, rotate: bool = False) -> None:
    """Write a new key, readable by its owner only.

    Args:
        path: the file.
        rotate: add it to the keys that are there.

    Raises:
        SecretError: when there is a file already, or none to rotate, or it cannot be written.
    """
    old = read_keys(path).keys if rotate else ()
    if not rotate and path.exists():
        raise SecretError(f"{path} has a key already; add a newer one with --rotate")
    lines = [*(key.hex() for key in old), secrets.token_bytes(_BYTES).hex()]
    _replace(path, "".join(f"{line}\n" for line in lines))


def read_keys(path: Path) -> Keys:
    """The zone's keys.

    Raises:
        SecretError: when the file is missing, is open to others, or holds something else.
    """
    how = "make one with: zonewright secret key"
    try:
        mode, lines = path.stat().st_mode, path.read_text(encoding="ascii").split()
        keys = tuple(bytes.fromhex(line) for line in lines)
    except FileNotFoundError:
        raise SecretError(f"{path}: there is no fingerprint key here; {how}, or copy the zone's") from None
    except OSError:
        raise SecretError(f"{path}: this user may not read the fingerprint key; run as its owner") from None
    except ValueError:
        keys, mode = (), 0
    if mode & _FOR_OTHERS:
        raise SecretError(f"{path}: others may read the fingerprint key; run: chmod 600 {path}")
    if not keys or any(len(key) != _BYTES for key in keys):
        raise SecretError(f"{path}: expected lines of {2 * _BYTES} hexadecimal digits; copy the zone's key again")
    return Keys(keys)


def read_record(path: Path) -> dict[str, str]:
    """Fingerprints by reference, as they were when files were last installed; none where nothing was.

    Raises:
        SecretError: when the file is something else.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        document = None
    found = document.get("fingerprints") if isinstance(document, dict) else None
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise SecretError(f"{path}: expected fingerprints as zonewright wrote them; delete it to begin again")
    return found


def write_record(path: Path, fingerprints: Mapping[str, str]) -> None:
    """Write fingerprints by reference: no value, and nothing that helps without the key."""
    _replace(path, json.dumps({"version": 1, "fingerprints": dict(fingerprints)}, indent=1, sort_keys=True) + "\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretStanding:
    """Whether one secret has changed since it was last installed."""

    reference: str
    changed: str
    fingerprint: str


def standings(
    references: Iterable[Reference], resolve: Callable[[Reference], str], keys: Keys, before: Mapping[str, str]
) -> tuple[SecretStanding, ...]:
    """Which secrets have changed since files were last installed.

    Args:
        references: the references.
        resolve: gives their values.
        keys: the zone's keys.
        before: fingerprints of that time by reference.

    Raises:
        SecretError: one sentence for each reference that has no value.
    """
    found: list[SecretStanding] = []
    sentences: list[str] = []
    for one in sorted(set(references)):
        try:
            value = resolve(one)
        except SecretError as error:
            sentences += error.sentences
            continue
        changed = keys.changed(one, value, before.get(one.text))
        found.append(SecretStanding(reference=one.text, changed=changed, fingerprint=keys.fingerprint(one, value)))
    if sentences:
        raise SecretError(*sentences)
    return tuple(found)


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        with os.fdopen(
            os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        temporary.replace(path)
    except OSError as error:
        raise SecretError(f"{path}: cannot be written: {error.strerror}") from None

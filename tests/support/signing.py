"""Signers of the small zone: one key each, made from their name, so that every run signs the same bytes."""

import hashlib
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from support.zone_project import ZONE
from zonewright.audit.evidence.keys import FileKey

PEOPLE = {
    "anna": ("tenant-a", ()),
    "ben": ("operator", ("operators",)),
    "bea": ("operator", ("operators", "safety")),
    "carl": ("tenant-b", ("safety",)),
}


def key_of(person: str) -> FileKey:
    """The person's key."""
    return FileKey(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(person.encode()).digest()))


def write_keys(folder: Path) -> None:
    """Everybody's key as a file, private and public."""
    for person in PEOPLE:
        key = key_of(person)
        pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{person}.pem").write_bytes(pem)
        (folder / f"{person}.pub").write_text(f"{key.public} {person}\n", encoding="ascii")


def signers() -> dict[str, Any]:
    """Signers as zone.yaml declares them."""
    return {
        person: {"title": person.title(), "party": party, "groups": list(groups), "keys": [key_of(person).public]}
        for person, (party, groups) in PEOPLE.items()
    }


def policy(needs: dict[str, int], **more: Any) -> dict[str, Any]:
    """An approval policy for changes of normal and high risk."""
    return {"title": "Policy", "risks": ["normal", "high"], "needs": needs, **more}


def zone_with(**policies: Any) -> dict[str, Any]:
    """The small zone with the signers and these policies."""
    return {**ZONE, "signers": signers(), "approvals": policies}

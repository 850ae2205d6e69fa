"""Salted digests of facts: they bind a fact to a plan, and let nobody guess a short one.

Each snapshot has a random salt, which only the zone's bundle holds. A fact's own salt is made from it and from the
fact's name, so that the same export can be made again, and one fact can be opened without the others.
"""

import hashlib
import hmac
from collections.abc import Mapping

from zonewright.changes.errors import BundleError
from zonewright.ledger.deciding.snapshot import SALT
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.seal.strict import strict_json

FACTS = "facts.json"
"""The plan's list of the salted digests of all facts."""


def salt_of(master: str, name: str) -> str:
    """The salt of one fact.

    Args:
        master: text of the snapshot's salt.
        name: the fact's name.
    """
    return hmac.new(master.encode(), name.encode(), hashlib.sha256).hexdigest()


def item_digest(name: str, *, digest: str, salt: str) -> str:
    """The salted digest of one fact.

    Args:
        name: its name within its snapshot.
        digest: of its text.
        salt: its own salt.
    """
    return digest_of(canonical_json({"content": digest, "name": name, "salt": salt}))


def items_of(files: Mapping[str, str], master: str) -> list[str]:
    """The salted digests of some facts, in an order that says nothing about their names.

    Args:
        files: digest of each fact by its name.
        master: text of the snapshot's salt.
    """
    names = files.keys() - {SALT}
    return sorted(item_digest(name, digest=files[name], salt=salt_of(master, name)) for name in names)


def facts_text(files: Mapping[str, str], master: str) -> str:
    """The text of ``facts.json``.

    Args:
        files: digest of each fact by its name.
        master: text of the snapshot's salt.
    """
    return canonical_json({"format": 1, "items": items_of(files, master)})


def items_in(text: str) -> frozenset[str]:
    """The salted digests of ``facts.json``.

    Raises:
        BundleError: when it has none.
    """
    items = strict_json(text).get("items")
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise BundleError(f"{FACTS} has no list of items")
    return frozenset(items)

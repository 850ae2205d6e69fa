"""The facts behind a change as its own party may read them: few texts, and salted digests in place of the others.

Each snapshot has a random salt, which only the ledger and the zone's bundle hold. A fact's own salt is made from it
and from the fact's name, so that the same export can be made again, and one fact can be opened without the others.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping

from zonewright.ledger.protocol.evidence_messages import Opened, PartyFacts
from zonewright.model.canonical import canonical_json, digest_of

SALT = "salt.txt"
"""Random in each snapshot: without it the others cannot be guessed from digests; never given to a party."""
FACTS, SNAPSHOT = "facts.json", "snapshot.json"
"""Files of a plan: the list of the salted digests of all facts, and the index of the snapshot."""
SHOWN = frozenset({"zone.json", "present.json", "remembered.json"})
"""Facts that are the party's own, or everybody's."""
HELD = frozenset({"admitted", "active"})
"""States of a claim whose node stands, or is about to."""


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


def opened_facts(files: Mapping[str, str], master: str, names: Iterable[str] = SHOWN) -> dict[str, Opened]:
    """What opens some facts of a snapshot; a name that it lacks is passed over.

    Args:
        files: digest of each fact by its name.
        master: text of the snapshot's salt.
        names: of the facts.
    """
    return {name: Opened(digest=files[name], salt=salt_of(master, name)) for name in sorted(names) if name in files}


def party_facts(
    files: Mapping[str, str],
    texts: Mapping[str, str],
    *,
    at: str,
    withheld: Mapping[str, str],
    before: Mapping[str, str],
) -> PartyFacts:
    """What a party may read of a snapshot.

    Args:
        files: digest of each fact by its name.
        texts: by digest: the salt, and the facts that are shown.
        at: moment of the snapshot.
        withheld: digest by name of what is left out and is no fact of the snapshot.
        before: where the stack's nodes stand, by name.
    """
    master = texts[files[SALT]]
    opened = opened_facts(files, master)
    return PartyFacts(
        at=at,
        opened=opened,
        texts={one.digest: texts[one.digest] for one in opened.values()},
        items=items_of(withheld, master),
        before=dict(before),
    )

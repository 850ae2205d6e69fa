"""The salted digests of a plan's facts: in the zone's bundle made again, in a party's compared with what it shows."""

import re
from collections.abc import Iterator

from zonewright.audit.evidence.checks import Check, all_or_wrong, open_, wrong
from zonewright.audit.evidence.contents import Contents, Partial
from zonewright.audit.evidence.withheld import items_in
from zonewright.ledger.deciding.party_facts import FACTS, SALT, item_digest, items_of

_SALT = re.compile(r"[0-9a-f]{64}")
_UNSEEN = {
    "rules when it was planned": "the rules need racks, claims and reservations of other parties",
    "energy ratio when it was planned": "its registers and loads belong to other parties",
    "risk when it was planned": "it depends on the findings of the rules",
    "premises when it was admitted": "they depend on what other parties hold",
    "sites": "the declaration of a site belongs to its operator; the files rest on the ledger's data about the site",
}


def fact_checks(contents: Contents) -> Iterator[Check]:
    """Whether the plan's list of facts is that of its snapshot, or of what is shown of it."""
    items = items_in(contents.texts[FACTS])
    if contents.partial is not None:
        count = len(items) - len(contents.partial.opened)
        shown = f"{', '.join(contents.partial.opened)}: each is one of the {len(items):,} facts of the plan"
        yield all_or_wrong("facts", _shown(contents.partial, items), shown)
        yield open_("facts left out", f"{count:,} also concern other parties; their salted digests are in {FACTS}")
        return
    salt = contents.object(contents.snapshot.files[SALT])
    if not _SALT.fullmatch(salt):
        yield wrong("facts", f"{SALT} of the snapshot: expected 64 hexadecimal digits")
        return
    again = items_of(contents.snapshot.files, salt)
    faults = [] if items == set(again) else [f"the salted digests in {FACTS} do not match the facts of the snapshot"]
    yield all_or_wrong("facts", faults, f"{len(items):,} have the salted digests of a party's bundle")


def unseen() -> Iterator[Check]:
    """What of the decision cannot be made again from a party's bundle, and why."""
    for name, why in _UNSEEN.items():
        yield open_(name, f"{why}; verify the zone's bundle of the same plan")


def _shown(partial: Partial, items: frozenset[str]) -> Iterator[str]:
    for name, one in partial.opened.items():
        if item_digest(name, digest=one.digest, salt=one.salt) not in items:
            yield f"{name} is not among the facts of the plan"

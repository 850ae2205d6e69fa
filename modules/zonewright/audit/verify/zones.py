"""Zone files: was each change decided by the one that the administrator had registered last?

Whoever can write the ledger's tables can exchange the zone's row, have a change admitted, and put it back. What decided
is named in the entry of each decision, and what was registered has an entry of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from zonewright.audit.evidence.checks import Check, all_or_wrong, good, open_, wrong
from zonewright.audit.evidence.contents import Contents
from zonewright.ledger.protocol.journal_messages import JournalEntry
from zonewright.rules.words import count_of

REGISTERED, DECIDED = "zone-registered", ("admitted", "refused")


@dataclass
class ZoneFiles:
    """The zone's files of a journal, followed entry by entry.

    Attributes:
        registered: by digest, the first entry that registered it.
        last: the entry that registered the present one; None before the first.
        unnamed: decisions of older versions, which name no file.
    """

    registered: dict[str, int] = field(default_factory=dict)
    last: JournalEntry | None = None
    unnamed: int = 0

    def follow(self, entry: JournalEntry) -> str | None:
        """What is wrong with the next entry, as a sentence, or None."""
        said = entry.payload.get("zone_digest")
        if entry.kind == REGISTERED:
            self.registered.setdefault(str(said), entry.sequence)
            self.last = entry
        elif entry.kind in DECIDED and said is None:
            self.unnamed += 1
        elif entry.kind in DECIDED and (self.last is None or self.last.payload.get("zone_digest") != said):
            return f"{_decided_by(entry)}, {self._but(said)}"
        return None

    def _but(self, said: object) -> str:
        known = self.registered.get(str(said))
        if known is None:
            return "which was never registered before it"
        at = self.last.sequence if self.last is not None else 0
        return f"which entry {known} registered, but entry {at} had registered another one since"


def zone_file_check(files: ZoneFiles, faults: list[str]) -> Check:
    """What came out of following a whole journal.

    Args:
        files: at its end.
        faults: what was wrong on the way.
    """
    if not faults and files.unnamed:
        what = f"{count_of(files.unnamed, 'decision')} of older versions"
        return open_("zone files", f"{what} name no zone file; all others name the one that was registered last")
    return all_or_wrong("zone files", faults, "each decision names the one that was registered last before it")


def zone_checks(contents: Contents) -> Iterator[Check]:
    """The zone's file of each decision on a bundle's plan, against the plan's and the bundle's journal.

    Args:
        contents: the bundle.
    """
    plan, decisions = contents.plan, list(contents.decisions())
    faults: list[str] = []
    for entry in decisions:
        said = entry.payload.get("zone_digest")
        if said not in (None, plan.zone_digest):
            faults.append(f"{_decided_by(entry)}, but the plan names {_short(plan.zone_digest)}")
    numbers = {entry.sequence for entry in decisions}
    registered: JournalEntry | None = None
    for entry in contents.journal:  # what was registered before the plan is not in the bundle
        if entry.kind == REGISTERED:
            registered = entry
        elif entry.sequence in numbers and registered is not None:
            last = registered.payload.get("zone_digest")
            if entry.payload.get("zone_digest", last) != last:
                faults.append(f"{_decided_by(entry)}, but entry {registered.sequence} had registered another one")
    if faults:
        yield wrong("zone file", "; ".join(faults))
    elif not decisions:
        yield open_("zone file", "the change was not decided (yet)")
    elif any("zone_digest" not in entry.payload for entry in decisions):
        yield open_("zone file", "an entry on the decision names none, because an older version made it")
    else:
        yield good("zone file", f"{_short(plan.zone_digest)} of the plan decided on it")


def _decided_by(entry: JournalEntry) -> str:
    return f"entry {entry.sequence} ({entry.kind}) was decided by zone file {_short(entry.payload.get('zone_digest'))}"


def _short(digest: object) -> str:
    return str(digest)[7:19]

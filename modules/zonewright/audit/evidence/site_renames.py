"""What sites were called when the journal spoke of them: an entry has the names of its moment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from zonewright.ledger.protocol.journal_messages import JournalEntry
from zonewright.ledger.store.steps import ADMITTED
from zonewright.model.asset import former_assets
from zonewright.model.demand import Demand

RENAMED = "renamed"
"""In an entry on an admission: new name by old name of the assets that it renamed, where there are any."""


@dataclass(frozen=True, slots=True)
class SiteRenames:
    """The renames of a journal.

    Attributes:
        steps: number of an entry, and new name by old name of what it renamed; in order.
        pending: new name by old name of what the change that is looked at renames itself.

    Example:
        >>> names = SiteRenames(((7, {"dc1": "hall"}), (9, {"hall": "barn"})))
        >>> names.now("dc1", since=3), names.now("dc1", since=8), names.then("barn", at=8)
        ('barn', 'dc1', 'hall')
    """

    steps: tuple[tuple[int, Mapping[str, str]], ...] = ()
    pending: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Iterable[JournalEntry], pending: Mapping[str, str] | None = None) -> "SiteRenames":
        """The renames among entries.

        Args:
            entries: of a journal, in any order.
            pending: what the change that is looked at renames itself.
        """
        found = {
            one.sequence: names
            for one in entries
            if one.kind == ADMITTED and isinstance(names := one.payload.get(RENAMED), dict)
        }
        return cls(tuple(sorted(found.items())), pending or {})

    def now(self, site: str, *, since: int) -> str:
        """What is called otherwise now.

        Args:
            site: its name in an entry of the journal.
            since: the entry's number.
        """
        for sequence, names in self.steps:
            if sequence > since:
                site = names.get(site, site)
        return self.pending.get(site, site)

    def then(self, site: str, *, at: int) -> str:
        """What was called otherwise, right after an entry of the journal.

        Args:
            site: its name after the last entry.
            at: the entry's number.
        """
        for sequence, names in reversed(self.steps):
            if sequence > at:
                site = next((old for old, new in names.items() if new == site), site)
        return site


def own_renames(demand: Demand, offered: Mapping[str, str]) -> dict[str, str]:
    """New name by old name of the assets that a change renames: what was offered for it, and it asks for itself.

    Args:
        demand: what the change wants.
        offered: old name by new name, as the ledger offered it.
    """
    was = former_assets(demand.assets)
    return {old: new for new, old in offered.items() if old in was.get(new, ())}

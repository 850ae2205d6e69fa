"""What a check may rely on: the declarations that are there, and what of them was left out as faulty."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from zonewright.declare.problem import Path
from zonewright.model import OwnerFile, Site, Zone
from zonewright.model.base import IDENTIFIER_PATTERN


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The declarations that cross checks look at.

    Attributes:
        zone: the zone's file, or None where it could not be read.
        owners: owner files by party.
        whole: whether all owners' files are there, so that what is in none of them does not exist.
        left_out: paths of faulty parts, by owner; those of ``zone.yaml`` under the empty name.
    """

    zone: Zone | None
    owners: Mapping[str, OwnerFile]
    whole: bool
    left_out: Mapping[str, frozenset[Path]] = field(default_factory=dict)

    def unsure(self, owner: str, path: Path) -> bool:
        """Whether a part at, above or below the path was left out, so that nothing can be said about it."""
        return any(
            part[: len(path)] == path
            or path[: len(part)] == part
            or (
                part[:-1] == path[:-1] and not re.search(IDENTIFIER_PATTERN, part[-1])
            )  # a misspelt id, perhaps of this
            for part in self.left_out.get(owner, frozenset())
        )

    def site(self, site_id: str) -> tuple[str, Site] | None:
        """The owner and the declaration of a site; the first one where two declare it."""
        return next(
            ((owner, file.sites[site_id]) for owner, file in self.owners.items() if site_id in file.sites), None
        )

    def site_may_exist(self, site_id: str) -> bool:
        """Whether a site may exist although it is not among those that are known."""
        return not self.whole or any(self.unsure(owner, ("sites", site_id)) for owner in self.left_out)

    def site_ids(self) -> list[str]:
        """Ids of all sites that are known."""
        return sorted({site_id for file in self.owners.values() for site_id in file.sites})

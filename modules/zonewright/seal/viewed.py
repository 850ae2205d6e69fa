"""What a signer says to have seen: groups of equal differences, and the files that are in none of them.

``viewed`` of a verdict's predicate is ``{"groups": {ID: FILES}, "left": [PATH, ...]}``. A verdict without it says
nothing about this, as verdicts of older versions do.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from zonewright.seal.errors import SealError
from zonewright.seal.statement import Statement

_ID = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Viewed:
    """What was seen.

    Attributes:
        groups: how many files each group has, by its id.
        left: paths of the files that change and that are in none of these groups.
    """

    groups: Mapping[str, int]
    left: tuple[str, ...]

    def to_data(self) -> dict[str, object]:
        """Its form in a predicate."""
        return {"groups": dict(self.groups), "left": sorted(self.left)}

    def fault(self, changed: Collection[str]) -> str:
        """What is wrong with it for a change of these files, or nothing."""
        strange = sorted(set(self.left) - set(changed))
        if strange:
            return f"it leaves out {strange[0]}, which the change does not change"
        files = sum(self.groups.values()) + len(self.left)
        if files != len(changed):
            return f"it accounts for {files:,} files, but the change changes {len(changed):,}"
        return ""


def viewed_of(statement: Statement) -> Viewed | None:
    """What the signer of a verdict says to have seen; None where nothing is said.

    Raises:
        SealError: when it has another form.
    """
    said = statement.predicate.get("viewed")
    if said is None:
        return None
    groups, left = (said.get("groups"), said.get("left")) if isinstance(said, dict) else (None, None)
    if not isinstance(groups, dict) or not isinstance(left, list) or set(said) != {"groups", "left"}:
        raise SealError("what it says to have seen has another form than groups and left")
    for name, count in groups.items():
        if not _ID.fullmatch(name) or type(count) is not int or count < 1:
            raise SealError(f"it says to have seen '{str(name)[:80]}', which is no group of differences")
    if left != sorted({str(path) for path in left}):
        raise SealError("the paths that it has not seen are not sorted, or not each once")
    return Viewed(groups, tuple(left))

"""What a signer says to have seen: groups of equal differences with their files, and the files that are in none.

``viewed`` of a verdict's predicate is ``{"groups": {ID: [PATH, ...]}, "left": [PATH, ...]}``. Each file that changes
stands in it once, and an ID is the digest of its files with their contents, so whoever has the two lists of digests can
tell whether it is true of the change. A verdict without it says nothing about this, as verdicts of older versions do.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from zonewright.model.canonical import canonical_json, digest_of
from zonewright.seal.errors import SealError
from zonewright.seal.statement import Statement

_ID = re.compile(r"sha256:[0-9a-f]{64}")


def group_id(files: Iterable[tuple[str, str, str]]) -> str:
    """The id of a group: the digest of what it is about.

    Args:
        files: path, digest before and digest now of each; empty where there is no file.
    """
    return digest_of(canonical_json([list(one) for one in sorted(files)]))


@dataclass(frozen=True, slots=True)
class Viewed:
    """What was seen.

    Attributes:
        groups: paths of the files of each group, by its id.
        left: paths of the files that change and that are in none of these groups.
    """

    groups: Mapping[str, tuple[str, ...]]
    left: tuple[str, ...]

    @property
    def files(self) -> int:
        """How many files were seen."""
        return sum(map(len, self.groups.values()))

    def to_data(self) -> dict[str, object]:
        """Its form in a predicate."""
        return {"groups": {name: sorted(paths) for name, paths in self.groups.items()}, "left": sorted(self.left)}

    def fault(self, before: Mapping[str, str], after: Mapping[str, str]) -> str:
        """What is wrong with it for a change, or nothing.

        Args:
            before: digest by path.
            after: digest by path.
        """
        changed = {path for path, _ in before.items() ^ after.items()}
        named = Counter(path for paths in (*self.groups.values(), self.left) for path in paths)
        if strange := sorted(named.keys() - changed):
            return f"it names {strange[0]}, which the change does not change"
        if twice := sorted(path for path, count in named.items() if count > 1):
            return f"it names {twice[0]} twice"
        if lost := sorted(changed - named.keys()):
            return f"it accounts for {len(named):,} files, but the change changes {len(changed):,}: not for {lost[0]}"
        for name, paths in self.groups.items():
            if group_id((path, before.get(path, ""), after.get(path, "")) for path in paths) != name:
                return f"group {name[7:19]} is not of the files that it names, as this change changes them"
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
    for name, paths in groups.items():
        if not _ID.fullmatch(name) or not isinstance(paths, list) or not paths:
            raise SealError(f"it says to have seen '{str(name)[:80]}', which is no group of differences")
    for paths in (*groups.values(), left):
        if paths != sorted({str(path) for path in paths}):
            raise SealError("the paths that it has seen, or not, are not sorted, or not each once")
    return Viewed({name: tuple(paths) for name, paths in groups.items()}, tuple(left))

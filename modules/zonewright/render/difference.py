"""What changed between two trees of files, as git would show it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import Literal

MAX_LINES = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDifference:
    """One file that is not the same.

    Attributes:
        path: its path.
        kind: added, removed or changed.
        text: the unified difference, ending in a line break.
    """

    path: str
    kind: Literal["added", "removed", "changed"]
    text: str


def file_differences(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[FileDifference, ...]:
    """The differences of two trees, in order of path.

    Args:
        old: text by path.
        new: text by path.
    """
    found = []
    for path in sorted(old.keys() | new.keys()):
        before, after = old.get(path), new.get(path)
        if before == after:
            continue
        kind: Literal["added", "removed", "changed"] = (
            "added" if before is None else "removed" if after is None else "changed"
        )
        lines = "".join(_lines(path, before, after))
        found.append(FileDifference(path=path, kind=kind, text=lines))
    return tuple(found)


def _lines(path: str, before: str | None, after: str | None) -> Iterator[str]:
    one = "/dev/null" if before is None else f"a/{path}"
    two = "/dev/null" if after is None else f"b/{path}"
    old, new = (before or "").splitlines(keepends=True), (after or "").splitlines(keepends=True)
    if max(len(old), len(new)) > MAX_LINES:
        yield f"--- {one}\n+++ {two}\n# {len(old)} lines -> {len(new)} lines: too long to compare line by line\n"
        return
    for line in unified_diff(old, new, one, two):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"

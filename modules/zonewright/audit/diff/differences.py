"""The differences of two trees of files, computed once and shown in several ways."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from zonewright.audit.diff.matching import Block, Matching, match
from zonewright.audit.diff.trees import Change, TooLargeError, tree_changes

DiffKind = Literal["added", "removed", "changed"]
CONTEXT = 3
MAX_LINE = 20_000
NO_LINE_BREAK = "\\ No newline at end of file"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDiff:
    """One file that is not the same.

    Attributes:
        path: its path.
        kind: added, removed or changed.
        old: its lines before.
        new: its lines now.
        matching: which lines belong together.
        changes: the differences as trees, None where the format is not known or the file too large.
        notes: what was capped, in sentences.
    """

    path: str
    kind: DiffKind
    old: tuple[str, ...]
    new: tuple[str, ...]
    matching: Matching
    changes: tuple[Change, ...] | None
    notes: tuple[str, ...] = field(default=())

    def changed_lines(self) -> tuple[int, int]:
        """How many lines were removed and added."""
        blocks = [block for block in self.matching.blocks if block.tag != "equal"]
        return sum(block.i2 - block.i1 for block in blocks), sum(block.j2 - block.j1 for block in blocks)

    def hunks(self, context: int = CONTEXT) -> Iterator[list[Block]]:
        """Groups of blocks with so many equal lines around them."""
        group: list[Block] = []
        for block in self.matching.blocks:
            if block.tag != "equal":
                group.append(block)
                continue
            size = block.i2 - block.i1
            if group and size > 2 * context:
                yield [*group, Block("equal", block.i1, block.i1 + context, block.j1, block.j1 + context)]
                group = []
            first = block.i1 if group else max(block.i1, block.i2 - context)
            group.append(Block("equal", first, block.i2, block.j2 - (block.i2 - first), block.j2))
        if any(block.tag != "equal" for block in group):
            last = group[-1]
            if last.tag == "equal":
                group[-1] = Block(
                    "equal", last.i1, min(last.i2, last.i1 + context), last.j1, min(last.j2, last.j1 + context)
                )
            yield group


def kinds(old: Mapping[str, str], new: Mapping[str, str]) -> dict[DiffKind, int]:
    """How many files were added, changed and removed; those of which there are none are left out."""
    names: tuple[tuple[DiffKind, int], ...] = (
        ("added", len(new.keys() - old.keys())),
        ("changed", sum(1 for path in old.keys() & new.keys() if old[path] != new[path])),
        ("removed", len(old.keys() - new.keys())),
    )
    return {kind: count for kind, count in names if count}


def file_diffs(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[FileDiff, ...]:
    """The differences of two trees, in order of path; what is the same costs a comparison.

    Args:
        old: text by path.
        new: text by path.
    """
    return tuple(
        file_diff(path, old.get(path), new.get(path))
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    )


def file_diff(path: str, old: str | None, new: str | None) -> FileDiff:
    """The difference of one file.

    Args:
        path: its path.
        old: its text before, None where there was none.
        new: its text now, None where there is none.
    """
    one, two = split_lines(old), split_lines(new)
    matching = match(one, two)
    notes = ["parts that are too long to compare line by line are shown as replaced"] if matching.is_capped else []
    changes = None
    try:
        changes = tree_changes(path, old, new)
    except TooLargeError as error:
        notes.append(str(error))
    kind: DiffKind = "added" if old is None else "removed" if new is None else "changed"
    return FileDiff(path=path, kind=kind, old=one, new=two, matching=matching, changes=changes, notes=tuple(notes))


def split_lines(text: str | None) -> tuple[str, ...]:
    """Lines without their line breaks; as in git, a last one that has none is another line than one that has."""
    if not text:
        return ()
    *lines, last = text.split("\n")
    return (*lines, f"{last}\n{NO_LINE_BREAK}") if last else tuple(lines)


def unified(diff: FileDiff) -> str:
    """The difference as git would show it; the form that is archived."""
    one = "/dev/null" if diff.kind == "added" else f"a/{diff.path}"
    two = "/dev/null" if diff.kind == "removed" else f"b/{diff.path}"
    lines = [f"--- {one}", f"+++ {two}", *(f"# {note}" for note in diff.notes)]
    for hunk in diff.hunks():
        first, last = hunk[0], hunk[-1]
        lines.append(f"@@ -{_span(first.i1, last.i2)} +{_span(first.j1, last.j2)} @@")
        for block in hunk:
            if block.tag == "equal":
                lines += [f" {line}" for line in diff.old[block.i1 : block.i2]]
            else:
                lines += [f"-{line}" for line in diff.old[block.i1 : block.i2]]
                lines += [f"+{line}" for line in diff.new[block.j1 : block.j2]]
    return "\n".join(lines) + "\n"


def _span(start: int, stop: int) -> str:
    length = stop - start
    return f"{start + 1}" if length == 1 else f"{start + bool(length)},{length}"


@dataclass(frozen=True, slots=True)
class DiffRow:
    """One row of a side-by-side view: line number and text on both sides; None where there is none."""

    tag: Literal["equal", "replace", "delete", "insert", "gap"]
    left: tuple[int, str] | None = None
    right: tuple[int, str] | None = None


def side_by_side(diff: FileDiff) -> Iterator[DiffRow]:
    """The difference as rows, with a gap where equal lines are left out."""
    end = 0
    for hunk in diff.hunks():
        if hunk[0].i1 > end:
            yield DiffRow("gap")
        for block in hunk:
            yield from _rows(diff, block)
        end = hunk[-1].i2
    if end < len(diff.old) and diff.kind == "changed":
        yield DiffRow("gap")


def _rows(diff: FileDiff, block: Block) -> Iterator[DiffRow]:
    left = _numbered(diff.old, block.i1, block.i2)
    right = _numbered(diff.new, block.j1, block.j2)
    for number in range(max(len(left), len(right))):
        one = left[number] if number < len(left) else None
        two = right[number] if number < len(right) else None
        tag = block.tag if block.tag == "equal" else "delete" if two is None else "insert" if one is None else "replace"
        yield DiffRow(tag, one, two)


def _numbered(lines: Sequence[str], start: int, stop: int) -> list[tuple[int, str]]:
    return [(number + 1, cut(lines[number])) for number in range(start, stop)]


def cut(line: str) -> str:
    """A line as it is shown: very long ones are cut, and say so."""
    line = line.removesuffix(f"\n{NO_LINE_BREAK}")
    return line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]} ... ({len(line):,} characters)"

"""Differences as text: unified, side by side, by path, or one line for each file; and as data."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, Literal

from zonewright.audit.diff.differences import FileDiff, side_by_side, unified
from zonewright.audit.diff.grouping import DiffGroup
from zonewright.audit.diff.telling import deviation, files_line, place_of, sentence
from zonewright.audit.diff.words import Spans, changed_words

DiffView = Literal["unified", "side", "tree", "summary"]
MAX_COLUMNS = 200


def view(diff: FileDiff, how: DiffView, *, columns: int) -> str:
    """One file's difference as text, ending in a line break.

    Args:
        diff: the difference.
        how: which view.
        columns: the terminal's width, for the side-by-side view.
    """
    if how == "unified":
        return unified(diff)
    head = f"{diff.kind} {diff.path}"
    lines = {"side": _side, "tree": _tree, "summary": _summary}[how](diff, columns)
    return "\n".join([head, *(f"  # {note}" for note in diff.notes), *lines]) + "\n"


def _summary(diff: FileDiff, _columns: int) -> Iterator[str]:
    gone, new = diff.changed_lines()
    parts = "" if diff.changes is None else f", {len(diff.changes):,} parts"
    yield f"  {new:,} lines added, {gone:,} removed{parts}"


def _tree(diff: FileDiff, columns: int) -> Iterator[str]:
    if diff.changes is None:
        yield "  its format has no tree; by lines:"
        yield from _summary(diff, columns)
        return
    if not diff.changes:
        yield "  the program reads no difference: only comments, order or spaces differ"
    for change in diff.changes:
        yield f"  {change.line()}"


def _side(diff: FileDiff, columns: int) -> Iterator[str]:
    """Both sides beside each other; long lines are broken, and the words that changed have ``^`` below them."""
    half = (min(columns, MAX_COLUMNS) - 3) // 2
    for row in side_by_side(diff):
        if row.tag == "gap":
            yield f"{'...':<{half}} | ..."
            continue
        mark = {"equal": " ", "replace": "|", "delete": "<", "insert": ">"}[row.tag]
        is_pair = row.tag == "replace" and row.left is not None and row.right is not None
        spans = changed_words(row.left[1], row.right[1]) if is_pair and row.left and row.right else ((), ())
        left, right = _cell(row.left, spans[0], half), _cell(row.right, spans[1], half)
        for one, two in zip_longest(left, right, fillvalue=" " * half):
            yield f"{one} {mark} {two}".rstrip()


def _cell(side: tuple[int, str] | None, spans: Spans, width: int) -> list[str]:
    """The lines of one side, each as wide as it: pieces of the text, and below a piece what changed in it."""
    if side is None:
        return [" " * width]
    text, room, lines = side[1].replace("\t", " ").replace("\r", " "), max(1, width - 5), []
    marks = "".join("^" if any(a <= at < b for a, b in spans) else " " for at in range(len(text))) if spans else ""
    for start in range(0, max(1, len(text)), room):
        number = f"{side[0]:>4}" if not start else ""
        lines.append(f"{number:4} {text[start : start + room]:<{room}}")
        if "^" in marks[start : start + room]:
            lines.append(f"{'':4} {marks[start : start + room]:<{room}}")
    return lines


def group_view(group: DiffGroup, how: DiffView, *, columns: int) -> str:
    """The differences of a group as text, ending in a line break: one of them, and the names of all.

    Args:
        group: the group.
        how: which view.
        columns: the terminal's width, for the side-by-side view.
    """
    notes = [deviation(group)] if group.is_deviation else []
    if len(group.members) > 1:
        notes += [f"{group.sample.kind} {place_of(group)}: {sentence(group)}; one of them is shown", files_line(group)]
    return "".join(f"# {note}\n" for note in notes) + view(group.sample, how, columns=columns)


def diff_data(diff: FileDiff) -> dict[str, Any]:
    """A difference as plain data: its kind, the unified text, and what changed by path."""
    changes = None
    if diff.changes is not None:
        changes = [{"path": one.path, "kind": one.kind, "old": one.old, "new": one.new} for one in diff.changes]
    return {
        "path": diff.path,
        "kind": diff.kind,
        "text": unified(diff),
        "changes": changes,
        "notes": list(diff.notes),
    }


def group_data(group: DiffGroup) -> dict[str, Any]:
    """A group as plain data: what it has in common, and each of its files with what is its own there."""
    return {
        "id": group.id,
        "place": place_of(group),
        "kind": group.sample.kind,
        "shown": group.sample.path,
        "varying": list(group.varying),
        "others": group.others,
        "files": [{"path": one.path, "own": dict(one.values)} for one in group.members],
    }

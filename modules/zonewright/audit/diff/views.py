"""Differences as text: unified, side by side, by path, or one line for each file; and as data."""

from collections.abc import Iterator
from typing import Any, Literal

from zonewright.audit.diff.differences import DiffRow, FileDiff, side_by_side, unified

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
    gone, new = changed_lines(diff)
    parts = "" if diff.changes is None else f", {len(diff.changes):,} parts"
    yield f"  {new:,} lines added, {gone:,} removed{parts}"


def changed_lines(diff: FileDiff) -> tuple[int, int]:
    """How many lines were removed and added."""
    blocks = [block for block in diff.matching.blocks if block.tag != "equal"]
    return sum(block.i2 - block.i1 for block in blocks), sum(block.j2 - block.j1 for block in blocks)


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
    half = (min(columns, MAX_COLUMNS) - 3) // 2
    for row in side_by_side(diff):
        if row.tag == "gap":
            yield f"{'...':<{half}} | ..."
            continue
        mark = {"equal": " ", "replace": "|", "delete": "<", "insert": ">"}[row.tag]
        yield f"{_cell(row.left, half)} {mark} {_cell(row.right, half)}".rstrip()


def _cell(side: tuple[int, str] | None, width: int) -> str:
    if side is None:
        return " " * width
    text = f"{side[0]:>4} {side[1]}".replace("\t", " ").replace("\r", " ")
    return f"{text[: width - 3]}..." if len(text) > width else f"{text:<{width}}"


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


def rows_of(diff: FileDiff, limit: int) -> tuple[list[DiffRow], int]:
    """The rows of a side-by-side view, at most so many, and how many were left out."""
    rows = list(side_by_side(diff))
    return rows[:limit], max(0, len(rows) - limit)

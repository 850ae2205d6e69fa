"""File and line of each part of a declaration that a program builds in Python, so that findings name them.

The program's text is read, never run: from the call in its frame to the arguments that are written out there, by names
to where these were given their values. What is made otherwise, as in a loop, has the line of what it is a part of.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType

from zonewright.model import OwnerFile
from zonewright.model.declaration import Source

_DEEPEST = 8
"""Parts within parts; a declaration has fewer."""


def sources_of_call(frame: FrameType | None, owner: OwnerFile, root: Path) -> Mapping[str, Source]:
    """Where each part of an owner's declaration stands, by ``owner/path``.

    Args:
        frame: that called ``Stack``; None where nobody knows.
        owner: what was built.
        root: folder of Pulumi.yaml, from which files are named.
    """
    if frame is None:
        return {}
    path = Path(frame.f_code.co_filename)
    file = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    lines = _Lines(path, frame).found
    sources: dict[str, Source] = {f"{owner.owner}/owner": Source(file=file, line=frame.f_lineno)}
    for parts in _paths(owner.model_dump(exclude_unset=True), ()):
        known = (lines.get(parts[:end]) for end in range(len(parts), 0, -1))
        line = next((one for one in known if one is not None), frame.f_lineno)
        sources[f"{owner.owner}/{'.'.join(parts)}"] = Source(file=file, line=line)
    return sources


def _paths(tree: object, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, inner in tree.items() if isinstance(tree, Mapping) else ():
        yield (*above, str(name))
        yield from _paths(inner, (*above, str(name)))


class _Lines:
    """Lines by path, as the text of a program shows them."""

    def __init__(self, path: Path, frame: FrameType) -> None:
        self.found: dict[tuple[str, ...], int] = {}
        try:
            tree = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError, RecursionError):
            return
        self._values = {
            target.id: node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and node.lineno <= frame.f_lineno
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        at = list(frame.f_code.co_positions())[frame.f_lasti // 2]
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and at == (
                *(node.lineno, node.end_lineno),
                *(node.col_offset, node.end_col_offset),
            ):
                self._walk(node, (), _DEEPEST)

    def _walk(self, node: ast.AST, path: tuple[str, ...], deepest: int) -> None:
        """Take note of a value, and of its parts."""
        if path:
            self.found.setdefault(path, getattr(node, "lineno", 0))
        if not deepest:
            return
        if isinstance(node, ast.Name) and node.id in self._values:
            del self.found[path]
            self._walk(self._values[node.id], path, deepest - 1)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant):
                    self._walk(value, (*path, str(key.value)), deepest - 1)
        elif isinstance(node, ast.Call):
            for one in node.keywords:
                if one.arg is not None:
                    self._walk(one.value, (*path, one.arg), deepest - 1)

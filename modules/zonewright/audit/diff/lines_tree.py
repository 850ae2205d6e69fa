"""Texts of lines as trees: blocks by their indentation, and records whose order means nothing."""

from typing import Any


def indented(text: str) -> dict[str, Any]:
    """Lines as keys, what stands indented below a line as its mapping; comments and ``!`` are left out.

    A line that stands twice in one block gets a number, so that none is lost.
    """
    root: dict[str, Any] = {}
    stack: list[tuple[int, dict[str, Any]]] = [(-1, root)]
    for line in text.splitlines():
        key = line.strip()
        if not key or key[0] in "!#":
            continue
        depth = len(line) - len(line.lstrip())
        while depth <= stack[-1][0]:
            stack.pop()
        block = stack[-1][1]
        name, number = key, 2
        while name in block:
            name, number = f"{key} ({number})", number + 1
        block[name] = {}
        stack.append((depth, block[name]))
    return root


def records(text: str) -> list[str]:
    """Lines that are records: comments and empty lines left out, runs of spaces as one."""
    lines = (line.split(";", 1)[0].split("#", 1)[0] for line in text.splitlines())
    return [" ".join(line.split()) for line in lines if line.strip()]

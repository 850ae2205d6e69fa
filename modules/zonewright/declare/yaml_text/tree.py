"""What a YAML document holds, with the line of each key and each value."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from zonewright.declare.problem import Path, shown


@dataclass(slots=True, kw_only=True)
class Scalar:
    """A single value.

    Attributes:
        line: where it stands.
        text: as it is written, without quotes.
        value: as it is meant.
        refused: whether a problem about it has been said already.
    """

    line: int
    text: str
    value: str | int | float | bool | None
    refused: bool = False
    size: int = 1


@dataclass(slots=True, kw_only=True)
class Items:
    """A list."""

    line: int
    items: "list[YamlNode]" = field(default_factory=list)
    size: int = 1


@dataclass(slots=True, kw_only=True)
class Entry:
    """A key of a mapping: the line of the key, and its value."""

    line: int
    node: "YamlNode"


@dataclass(slots=True, kw_only=True)
class Fields:
    """A mapping; ``size`` counts all values below, with what aliases repeat."""

    line: int
    entries: dict[str, Entry] = field(default_factory=dict)
    size: int = 1


YamlNode = Scalar | Items | Fields


def data_of(node: YamlNode) -> Any:
    """The plain data of a node: what pydantic validates."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Items):
        return [data_of(item) for item in node.items]
    return {key: data_of(entry.node) for key, entry in node.entries.items()}


def scalars(root: YamlNode) -> Iterator[tuple[Path, Scalar]]:
    """All single values of a document with their paths, in no order; what aliases repeat comes again."""
    waiting: list[tuple[Path, YamlNode]] = [((), root)]
    while waiting:
        path, node = waiting.pop()
        if isinstance(node, Fields):
            waiting += [((*path, key), entry.node) for key, entry in node.entries.items()]
        elif isinstance(node, Items):
            waiting += [((*path, str(index)), item) for index, item in enumerate(node.items)]
        else:
            yield path, node


def child_of(node: YamlNode, key: str) -> Entry | None:
    """The value of ``key`` in a mapping, or of that index in a list."""
    if isinstance(node, Fields):
        return node.entries.get(key)
    if isinstance(node, Items) and key.isascii() and key.isdigit() and len(key) < 8 and int(key) < len(node.items):  # noqa: PLR2004
        item = node.items[int(key)]
        return Entry(line=item.line, node=item)
    return None


def walk(root: YamlNode, path: Path) -> Iterator[Entry]:
    """The entries along a path, from the top on, as far as they exist; the first is the whole document."""
    entry: Entry | None = Entry(line=root.line, node=root)
    yield Entry(line=root.line, node=root)
    for key in path:
        entry = child_of(entry.node, key) if entry else None
        if entry is None:
            return
        yield entry


def node_at(root: YamlNode, path: Path) -> YamlNode | None:
    """The value at a path, or None."""
    entries = list(walk(root, path))
    return entries[-1].node if len(entries) == len(path) + 1 else None


def line_of(root: YamlNode, path: Path, *, of_key: bool = False) -> int:
    """Line of a value, or of the nearest thing above that exists.

    Args:
        root: the document.
        path: keys to the value.
        of_key: take the line of its key, also where the value stands on a line of its own.
    """
    entries = list(walk(root, path))
    last = entries[-1]
    if of_key or len(entries) <= len(path) or not isinstance(last.node, Scalar):
        return last.line
    return last.node.line


def got_at(root: YamlNode, path: Path) -> str:
    """What stands at a path, in words."""
    node = list(walk(root, path))[-1].node
    if isinstance(node, Fields):
        return "a mapping" if node.entries else "an empty mapping"
    if isinstance(node, Items):
        return f"a list of {len(node.items)}" if node.items else "an empty list"
    if node.value is None:
        return "nothing"
    if isinstance(node.value, str):
        return shown(node.text)
    return f"{'' if isinstance(node.value, bool) else 'the number '}{node.text}"

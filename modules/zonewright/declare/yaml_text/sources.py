"""Where declared values stand: a mapping from paths to files and lines that expands ranges of rows when asked.

It is looked up in the trees of the files rather than written out: a row of a range of 10,000 costs nothing until
somebody asks for its line.
"""

from collections.abc import ItemsView, Iterator, Mapping

from zonewright.declare.yaml_text.tree import Entry, Fields, Items, YamlNode, child_of
from zonewright.model import Source
from zonewright.model.declaration import SourcesByOwner
from zonewright.model.expand import expand_ids

_ROWS_DEPTH = 5
"""``sites.S.rooms.R.rows``: the keys of the mapping here are ids or ranges of rows."""


class Sources(SourcesByOwner):
    """Sources by ``owner/path`` (``tenant-fin/clusters.core.places.003``); ``zone.yaml`` is under ``zone/``."""

    def __init__(self, documents: Mapping[str, tuple[str, YamlNode]]) -> None:
        """Take the documents by owner, as (file, tree)."""
        self._documents = documents

    def __getitem__(self, name: str) -> Source:
        """Where the value stands: the line of its key.

        Raises:
            KeyError: when there is no such value.
        """
        owner, _, path = name.partition("/")
        if owner not in self._documents or not path:
            raise KeyError(name)
        file, root = self._documents[owner]
        entry = _find(root, path.split("."), ())
        if entry is None:
            raise KeyError(name)
        return Source(file=file, line=entry.line)

    def __iter__(self) -> Iterator[str]:
        """All paths, with ranges of rows expanded."""
        return (name for name, _ in self.each())

    def items(self) -> ItemsView[str, Source]:
        """All paths with where their values stand, found on one walk."""
        return _SourceItems(self)

    def each(self) -> Iterator[tuple[str, Source]]:
        """All paths with where their values stand, in the order of the files."""
        for owner in self._documents:
            for path, source in self.of_owner(owner):
                yield f"{owner}/{path}", source

    def of_owner(self, owner: str) -> Iterator[tuple[str, Source]]:
        """Path within its file, and source, of each value of one owner."""
        if owner in self._documents:
            file, root = self._documents[owner]
            for path, line in _paths(root, ()):
                yield path, Source(file=file, line=line)

    def __len__(self) -> int:
        """How many there are; counts them."""
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        """The files, not the thousands of paths."""
        return f"<Sources of {', '.join(file for file, _ in self._documents.values())}>"


class _SourceItems(ItemsView[str, Source]):
    """What ``Sources.items()`` gives."""

    _mapping: Sources

    def __iter__(self) -> Iterator[tuple[str, Source]]:
        """Each path with where its value stands."""
        return self._mapping.each()


def _is_rows(above: tuple[str, ...]) -> bool:
    return len(above) == _ROWS_DEPTH and (above[0], above[2], above[4]) == ("sites", "rooms", "rows")


def _ids(key: str) -> tuple[str, ...]:
    try:
        return expand_ids(key)
    except ValueError:
        return ()


def _find(node: YamlNode, segments: list[str], above: tuple[str, ...]) -> Entry | None:
    """The entry that the segments of a dotted path lead to; keys may hold dots themselves (``01..25``)."""
    for end in range(1, min(len(segments), 64) + 1):
        key = ".".join(segments[:end])
        entry = child_of(node, key) or _of_range(node, key, above)
        if entry is not None and segments[end:]:
            entry = _find(entry.node, segments[end:], (*above, key))
        if entry is not None:
            return entry
    return None


def _of_range(node: YamlNode, key: str, above: tuple[str, ...]) -> Entry | None:
    if not isinstance(node, Fields) or not _is_rows(above):
        return None
    return next((entry for range_key, entry in node.entries.items() if key in _ids(range_key)), None)


def _paths(node: YamlNode, above: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """Each path below a node, with the line that it stands in."""
    children = node.entries.items() if isinstance(node, Fields) else ()
    items = enumerate(node.items) if isinstance(node, Items) else ()
    for key, entry in children:
        for one in (_ids(key) if _is_rows(above) else None) or (key,):
            yield ".".join((*above, one)), entry.line
            yield from _paths(entry.node, (*above, one))
    for index, item in items:
        yield ".".join((*above, str(index))), item.line
        yield from _paths(item, (*above, str(index)))

"""How much a change renders: files and bytes by site and format, as numbers that a preview shows."""

from collections.abc import Mapping
from dataclasses import dataclass

from zonewright.render.formats.format import ROOTS
from zonewright.render.formats.format_set import FormatSet


@dataclass(frozen=True, slots=True)
class FormatSize:
    """What a site has of one format: number of files, and their bytes."""

    files: int
    bytes: int


def sizes_by_format(files: Mapping[str, str], formats: FormatSet) -> dict[str, FormatSize]:
    """Number of files and bytes of each format, by its id; formats without any file are left out.

    Args:
        files: text by path, of one site or of several.
        formats: the zone's formats.
    """
    found: dict[str, FormatSize] = {}
    known: dict[tuple[str, str], str] = {}
    depths = {root.partition("/")[0]: root.count("/") + 1 for root in ROOTS.values()}
    for path, text in files.items():
        kind = path.partition("/")[0]
        shape = (kind, path.split("/", depths[kind])[-1])  # nodes are many, and their files have the same names
        if shape not in known:
            known[shape] = next(one.id for one in formats.formats if one.owns(path))
        size = found.get(known[shape], FormatSize(0, 0))
        found[known[shape]] = FormatSize(size.files + 1, size.bytes + len(text.encode()))
    return dict(sorted(found.items()))

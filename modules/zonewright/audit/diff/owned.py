"""What a file has because of whose it is: name, rack, unit and addresses of its node, its site, or its signed zone.

Two files are equal but for these where each has its own at the same places. Only known values count, each whole and
each for its own file: an address of somebody else stays what it is, and makes a file differ from its fellows.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from zonewright.model.rack_position import RackPosition

_ROOTS = {"nodes": 3, "sites": 2, "groups": 3, "routers": 3, "servers": 3}
"""How many parts the folder of a subject has, by its first one."""
_SIGNED = re.compile(r".*/(K|zonewright-)([a-z0-9.-]+)\.\+[0-9]{3}\+[0-9]{5}\.[a-z]+", re.ASCII)
"""A file of a zone of the DNS that is signed, as BIND names it; a site has some for each of its zones."""
OwnedValues = Mapping[str, "tuple[OwnValue, ...]"]
"""What is each subject's own, by its folder."""


@dataclass(frozen=True, slots=True)
class OwnValue:
    """One value of a subject: what it is, such as ``name`` or ``address in servers-v4``, and its text."""

    label: str
    text: str

    def ends(self, text: str, start: int, end: int) -> bool:
        """Whether it stands there as a whole, and not as a part of something longer."""
        before, after = text[start - 1] if start else " ", text[end] if end < len(text) else " "
        if self.label.startswith("address"):
            return not (before.isalnum() or after.isalnum() or before in ":." or after in ":.")
        return not (before.isalnum() or after.isalnum() or before in "-_" or after in "-_")


def folder_of(path: str) -> str:
    """The folder of the subject that a rendered file is for; empty for a file of another kind."""
    parts = path.split("/")
    depth = _ROOTS.get(parts[0], 0)
    return "/".join(parts[:depth]) if depth and len(parts) > depth else ""


def node_values(name: str, seat: RackPosition, addresses: Mapping[str, str]) -> tuple[OwnValue, ...]:
    """What is a node's own.

    Args:
        name: of the node.
        seat: where it stands.
        addresses: by pool, with their prefix length.
    """
    return (
        OwnValue("name", name),
        OwnValue("rack", seat.rack),
        OwnValue("unit", f"U{seat.position}"),
        *(OwnValue(f"address in {pool}", text.partition("/")[0]) for pool, text in sorted(addresses.items())),
    )


def owned_by(seats: Mapping[str, RackPosition], addresses: Mapping[str, Mapping[str, str]]) -> OwnedValues:
    """What is each node's own, by the folder of its files.

    Args:
        seats: where each node stands, by name.
        addresses: by name and pool.
    """
    return {
        f"nodes/{seat.rack.partition('/')[0]}/{name}": node_values(name, seat, addresses.get(name, {}))
        for name, seat in seats.items()
    }


def owned_held(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> OwnedValues:
    """The same of what the ledger holds.

    Args:
        rows: names of nodes, with the data of their claims.
    """
    held = [(name, data) for name, data in rows if data.get("rack") and data.get("position")]
    return owned_by(
        {name: RackPosition(rack=str(data["rack"]), position=int(data["position"])) for name, data in held},
        {name: dict(data.get("addresses") or {}) for name, data in held},
    )


def own_values(path: str, known: OwnedValues) -> tuple[OwnValue, ...]:
    """What is a file's own: that of its subject, the name of its site, and that of the zone that it signs.

    Args:
        path: of the file.
        known: what is each subject's own.
    """
    folder = folder_of(path)
    if not folder:
        return ()
    kind, site, *name = folder.split("/")
    mine = known.get(folder) or ((OwnValue("name" if kind == "nodes" else "party", name[0]),) if name else ())
    return (*mine, OwnValue("site", site), *_zone_values(path))


def _zone_values(path: str) -> Iterator[OwnValue]:
    """The name of the zone of a file of a signed zone, that of the file, and that of the zone's content."""
    found = _SIGNED.fullmatch(path)
    if found is not None:
        *labels, kind, _ = found[2].split(".")
        source = ("." if kind == "in-addr" else "").join(reversed(labels))
        yield OwnValue("zone", found[2])
        yield OwnValue("file", f"{found[1]}{found[2]}")
        if source:
            yield OwnValue("content", source)


@dataclass(frozen=True, slots=True)
class Hit:
    """Where an own value stands in a text."""

    start: int
    end: int
    label: str


def hits(text: str, values: tuple[OwnValue, ...]) -> list[Hit]:
    """Where own values stand in a text, in order; of two that overlap the first, and of those the longer one.

    Args:
        text: of a file or a line.
        values: what is its own.
    """
    found: list[Hit] = []
    for value in values:
        start = text.find(value.text)
        while start >= 0:
            end = start + len(value.text)
            if value.ends(text, start, end):
                found.append(Hit(start, end, value.label))
            start = text.find(value.text, end)
    kept: list[Hit] = []
    for one in sorted(found, key=lambda hit: (hit.start, -hit.end)):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept


def masked(text: str, values: tuple[OwnValue, ...]) -> tuple[str, frozenset[str]]:
    """A text with a placeholder for each own value, and the labels of those that it has.

    Args:
        text: of a file.
        values: what is its own.
    """
    if "\0" in text:  # no format has it, and it could pass for a placeholder
        return text.replace("\0", "\0\0"), frozenset()
    parts, end = [], 0
    found = hits(text, values)
    for one in found:
        parts += [text[end : one.start], "\0", one.label, "\0"]
        end = one.end
    return "".join([*parts, text[end:]]), frozenset(one.label for one in found)

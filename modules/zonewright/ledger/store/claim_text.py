"""The claims of a row of racks as a snapshot keeps them: what nodes of a cluster have in common is said once.

A text is a list of groups, ``{"nodes": [[NODE...], ...], "of": {...}}``, in the order of the ledger's rows: ``of`` has
the other columns of :data:`ROW` and the rest of ``data``. A node takes 100 bytes instead of 500.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import chain, groupby
from operator import is_, itemgetter
from typing import TYPE_CHECKING, Any

from zonewright.model.canonical import canonical_json, digest_of

if TYPE_CHECKING:
    from sqlalchemy import Row

ROW = (
    "stack_id",
    "party",
    "kind",
    "name",
    "state",
    "generation",
    "site",
    "rack",
    "room",
    "draw_w",
    "active_since",
    "data",
)
"""The columns of a claim or an asset that a decision may look at, as the ledger's tables have them."""
NODE = ("name", "generation", "active_since", "rack", "position", "face", "addresses")
"""What is said of each node, in this order; the last four are in the row's ``data``."""
_COLUMNS, _DATA = NODE[:3], NODE[3:]
_STACK, _RACK, _ID = ROW.index("stack_id"), ROW.index("rack"), len(ROW)


def packed(rows: Iterable[Sequence[object]]) -> str:
    """Claims as text, in canonical form.

    Args:
        rows: the columns of ``ROW`` of each claim, ``data`` as its JSON text.
    """
    groups = (
        f'{{"nodes":[{",".join(node for _, node in group)}],"of":{common}}}'
        for common, group in groupby((_parts(tuple(row)) for row in rows), itemgetter(0))
    )
    return f"[{','.join(groups)}]"


@lru_cache(maxsize=65536)
def _parts(row: tuple[object, ...]) -> tuple[str, str]:
    """What a claim shares with others, and what is its own; the key is all that it is made from."""
    common = dict(zip(ROW, row, strict=True))
    data = json.loads(str(common["data"]))
    node = [common.pop(name) for name in _COLUMNS] + [data.pop(name) for name in _DATA]
    if common["rack"] == node[NODE.index("rack")]:
        del common["rack"]
    return canonical_json({**common, "data": data}), canonical_json(node)


def unpacked(text: str) -> Iterator[dict[str, Any]]:
    """The claims of a text, each with the columns of ``ROW``, ``data`` as plain data.

    Raises:
        ValueError: when the text is none of :func:`packed`.
        KeyError: likewise.
        TypeError: likewise.
    """
    for group in json.loads(text):
        for node in group["nodes"]:
            own = dict(zip(NODE, node, strict=True))
            data = group["of"]["data"] | {name: own[name] for name in _DATA}
            columns = {name: own[name] for name in _COLUMNS}
            yield {"rack": own["rack"]} | group["of"] | columns | {"data": data}


_Text = tuple[str, str]
"""Digest of the claims of a row of racks in canonical form, and that text."""
ClaimRows = tuple["Row[Any]", ...]
"""Claims in order of their ids; each is the columns of ``ROW`` and then its id."""
_NO_ROWS: ClaimRows = ()


@dataclass(frozen=True, slots=True)
class _Packed:
    """Texts of a site, and what they were made of: its claims by stack, and those of each row of racks."""

    stacks: Mapping[str, ClaimRows] = field(default_factory=dict)
    rows: Mapping[str, tuple[ClaimRows, _Text]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class SiteClaims:
    """All claims of one site.

    Attributes:
        stacks: its claims by stack; those that are as they were when the site was read before are the same object.
        numbers: by stack the number under which its claims were read.
        before: texts that were made of an earlier state of the site.
    """

    stacks: Mapping[str, ClaimRows] = field(default_factory=dict)
    numbers: Mapping[str, int] = field(default_factory=dict)
    before: _Packed = field(default_factory=_Packed)

    @cached_property
    def rows(self) -> ClaimRows:
        """All of them, in order of their ids."""
        return tuple(sorted(chain.from_iterable(self.stacks.values()), key=itemgetter(_ID)))

    @property
    def texts(self) -> Mapping[str, _Text]:
        """By name of a row of racks: the digest of its claims in canonical form, and that text."""
        return {name: text for name, (_, text) in self._packed.rows.items()}

    @cached_property
    def _packed(self) -> _Packed:
        old, new = self.before.stacks, self.stacks
        changed = {stack for stack in old.keys() | new.keys() if old.get(stack) is not new.get(stack)}
        groups: dict[str, list[Row[Any]]] = defaultdict(list)
        for stack in changed:
            for row in new.get(stack, ()):
                groups[_row_of(row)].append(row)
            for row in old.get(stack, ()):
                groups[_row_of(row)]
        found = dict(self.before.rows)
        for name, rows in groups.items():
            before = found.pop(name, (_NO_ROWS, None))
            rows += [row for row in before[0] if row[_STACK] not in changed]
            every = tuple(sorted(rows, key=itemgetter(_ID)))
            if before[1] is not None and are_same(before[0], every):
                found[name] = before[0], before[1]
            elif every:
                text = packed(row[:_ID] for row in every)
                found[name] = every, (digest_of(text), text)
        return _Packed(new, found)

    def other_than(self, numbers: Mapping[str, int]) -> set[str]:
        """Stacks whose claims may be others than these: with another number, or with claims and none."""
        lost = self.stacks.keys() - numbers.keys()
        return lost | {stack for stack, number in numbers.items() if self.numbers.get(stack) != number}

    def again(self, rows: Iterable[Any], numbers: Mapping[str, int]) -> "SiteClaims":
        """The same site, read later.

        Args:
            rows: the claims of the stacks whose numbers are others now, in order of their ids.
            numbers: of all stacks that ever had something there.
        """
        groups: dict[str, list[Row[Any]]] = defaultdict(list)
        for row in rows:
            groups[row[_STACK]].append(row)
        others = self.other_than(numbers)
        stacks = {stack: held for stack, held in self.stacks.items() if stack not in others}
        for stack, found in groups.items():
            stacks[stack] = _kept(self.stacks.get(stack, ()), found)
        return SiteClaims(stacks, numbers, self.__dict__.get("_packed", self.before))


def _row_of(row: "Row[Any]") -> str:
    """Name of the row of racks in which a claim is."""
    return str(row[_RACK]).rpartition("/")[0]


def _kept(known: ClaimRows, found: Sequence["Row[Any]"]) -> ClaimRows:
    """Claims as they were found; one that is as it was known is the same object, and so are all together."""
    same = {tuple(row): row for row in known}  # a comparison of rows themselves is slow
    rows = tuple(same.get(tuple(row), row) for row in found)
    return known if are_same(known, rows) else rows


def are_same(one: Sequence[object], two: Sequence[object]) -> bool:
    """Whether things are the same objects, in the same order."""
    return len(one) == len(two) and all(map(is_, one, two))

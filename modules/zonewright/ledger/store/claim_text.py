"""The claims of a row of racks as a snapshot keeps them: what nodes of a cluster have in common is said once.

A text is a list of groups, ``{"nodes": [[NODE...], ...], "of": {...}}``, in the order of the ledger's rows: ``of`` has
the other columns of :data:`ROW` and the rest of ``data``. A node takes 100 bytes instead of 500.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any

from zonewright.model.canonical import canonical_json

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

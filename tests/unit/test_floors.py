"""Floors of imports of each room, and how many modules one admission enters: fewer is fine, and more is not."""

import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import grimp
import pytest
import yaml

from support.ledger_party import ZONE_FILE, Party, bring_up_racks
from support.zone_project import REPOSITORY, cluster
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient

TABLE = REPOSITORY / "tests" / "floors.yaml"


def table(part: str) -> dict[str, int]:
    """The committed numbers of one part."""
    read: dict[str, dict[str, int]] = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return read[part]


def rooms(modules: set[str]) -> Iterator[str]:
    """Wings, and the rooms within them, as ``ledger`` and ``ledger.store``."""
    for name in sorted(modules):
        if name.count(".") in (1, 2) and any(other.startswith(f"{name}.") for other in modules):
            yield name.removeprefix("zonewright.")


def floors(graph: grimp.ImportGraph, room: str) -> int:
    """The longest chain of imports among the modules of a room; imports for types only are none."""
    inside = {name for name in graph.modules if f"{name}.".startswith(f"zonewright.{room}.")}

    @cache
    def height(module: str) -> int:
        return 1 + max(map(height, graph.find_modules_directly_imported_by(module) & inside), default=0)

    return max(map(height, inside))


def differing(found: dict[str, int], known: dict[str, int]) -> list[str]:
    """What is not as the table says, each with what to do."""
    told = []
    for name in sorted(found.keys() | known.keys()):
        was, now = known.get(name, 0), found.get(name, 0)
        if now > was:
            told.append(f"{name}: {now}, at most {was} in {TABLE.name}; move what it needs down, or into another room")
        elif now < was:
            told.append(f"{name}: {now} instead of {was}; write the smaller number into {TABLE.name}")
    return told


def test_no_room_gets_more_floors() -> None:
    """Each room has the floors of the table: more are a step back, and fewer are written down so that they stay."""
    graph = grimp.build_graph("zonewright", exclude_type_checking_imports=True, cache_dir=None)
    found = {room: floors(graph, room) for room in rooms(graph.modules)}
    assert differing(found, table("floors of imports")) == []


def test_a_room_of_more_floors_is_told() -> None:
    """More, fewer, a new room and one that is gone are each told by name."""
    told = differing({"a": 3, "b": 1, "c": 2, "same": 5}, {"a": 2, "b": 2, "d": 4, "same": 5})
    assert [one.partition(":")[0] for one in told] == ["a", "b", "c", "d"]
    assert "at most 2" in told[0]
    assert "smaller number" in told[1]


def test_one_admission_enters_no_more_modules(tmp_path: Path) -> None:
    """A change of two nodes that is admitted runs code of so many modules, of the ledger and of all."""
    entered: set[str] = set()

    def seen(frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call":
            entered.add(frame.f_globals.get("__name__", ""))

    with LedgerClient(f"sqlite:///{tmp_path / 'ledger.db'}", create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        bring_up_racks(client)
        Party(client, "stack-of-tenant-b", "tenant-b").bring_up(clusters={"db": cluster(1)})  # fills what is remembered
        party = Party(client, "stack-of-tenant-a", "tenant-a")
        party.enrol()
        request = party.admit_request(party.propose(party.demand(clusters={"web": cluster(2)})))
        before = sys.getprofile()
        sys.setprofile(seen)
        try:
            client.call(verbs.ADMIT, request)
        finally:
            sys.setprofile(before)
    ours = {name for name in entered if name.startswith("zonewright.")}
    found = {"of the ledger": sum(name.startswith("zonewright.ledger.") for name in ours), "of all": len(ours)}
    assert differing(found, table("modules that one admission enters")) == []


@pytest.mark.parametrize("part", ["floors of imports", "modules that one admission enters"])
def test_the_table_is_in_order(part: str) -> None:
    """A room is found where it is looked for."""
    assert part.startswith("modules") or list(table(part)) == sorted(table(part))

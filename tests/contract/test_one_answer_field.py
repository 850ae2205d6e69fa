"""Zones on which doors once disagreed: addresses, homes of clusters, rooms that are somebody's alone, what would fit.

Each is a folder, written anew, that goes through the commands and through the ledger in both orders of its tenants.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.doors import Step, Told, folder, told, with_owner
from zonewright.changes.loading import loading_order
from zonewright.cli import main
from zonewright.declare.load import load_zone
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.capacity_messages import ExplainRequest, FitRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Declaration
from zonewright.model.demand import demand_of
from zonewright.model.expand import nodes_of

Data = dict[str, Any]
PARTIES = {"op": "facility-operator", "ta": "tenant", "tb": "tenant"}


def kind(u_height: int, watts: int = 100) -> Data:
    """A node type."""
    draw = {"maximum_draw": watts, "allocated_draw": watts}
    return {"manufacturer": "M", "model": "X", "u_height": u_height, "weight_kg": 10, **draw}


ZONE: Data = {
    "zone": "t",
    "title": "T",
    "districts": {"d": {"title": "D"}},
    "parties": {name: {"title": name, "roles": [role]} for name, role in PARTIES.items()},
    "node_types": {"one-u": kind(1), "four-u": kind(4)},
}


def row(racks: int = 1, **more: Any) -> Data:
    """A row with two feeds of 10 kW."""
    feeds = {name: {"power_panel": f"p{name.lower()}", "rated_w": 10_000, "max_utilization": 1.0} for name in "AB"}
    return {"racks": racks, "feeds": feeds, **more}


def operator(rooms: Mapping[str, Sequence[Data]], **more: Any) -> Data:
    """The operator's file: site ``dc`` with these rows in these rooms."""
    panels = {"pa": {"substation": "s1"}, "pb": {"substation": "s2"}}
    held = {room: {"rows": {str(number): one for number, one in enumerate(rows, 1)}} for room, rows in rooms.items()}
    return {"sites": {"dc": {"title": "S", "district": "d", "power_panels": panels, "rooms": held, **more}}}


def cluster(count: int, node_type: str = "one-u", **more: Any) -> Data:
    """A cluster at ``dc``."""
    return {"site": "dc", "node_type": node_type, "count": count, **more}


POOL: Data = {"address_pools": {"s": {"prefix": "10.9.0.0/29", "gateway": "10.9.0.1"}}, "name_servers": ["10.9.0.2"]}
V6: Data = {"address_pools": {"s6": {"prefix": "fd00::/126", "gateway": "fd00::1"}}}
TWO_ROOMS = operator({"a": [row(4)], "b": [row(4)]})
TOGETHER = [{"cluster": "shelf", "scope": "rack"}]
CASES: Mapping[str, tuple[Data, Sequence[tuple[str, str, int]]]] = {
    # A /29 has six hosts, without the gateway and a server four.
    "a pool with an address for each": ({"op": operator({"a": [row(2)]}, **POOL), "ta": {"c": cluster(4)}}, ()),
    "a pool that lacks one address": (
        {"op": operator({"a": [row(2)]}, **POOL), "ta": {"c": cluster(5)}},
        [("placement", "c-005", 1)],
    ),
    "a pool that two tenants use up": (
        {"op": operator({"a": [row(2)]}, **POOL), "ta": {"c": cluster(3)}, "tb": {"c": cluster(3)}},
        [("placement", "c", 2)],
    ),
    "one of two pools is too small": (
        {
            "op": operator({"a": [row(2)]}, address_pools={**POOL["address_pools"], **V6["address_pools"]}),
            "ta": {"c": cluster(3)},
        },
        [("placement", "c-003", 1)],
    ),
    "a home that takes both clusters": (
        {
            "op": operator({"a": [row(u_height=8), row(u_height=20)]}),
            "ta": {"head": cluster(1, together_with=TOGETHER), "shelf": cluster(2, "four-u")},
        },
        (),
    ),
    "no home that takes both clusters": (
        {
            "op": operator({"a": [row(u_height=8), row(u_height=8)]}),
            "ta": {"head": cluster(1, together_with=TOGETHER), "shelf": cluster(2, "four-u")},
        },
        [("placement", "head-001", 1)],
    ),
    "a room of another alone": (
        {"op": TWO_ROOMS, "ta": {"core": cluster(1, exclusive="room")}, "tb": {"web": cluster(1)}},
        (),
    ),
    "a room of another alone, named the other way": (
        {"op": TWO_ROOMS, "ta": {"web": cluster(1)}, "tb": {"core": cluster(1, exclusive="room", rooms=["a"])}},
        (),
    ),
    "the only room is another's alone": (
        {"op": operator({"a": [row(4)]}), "ta": {"core": cluster(1, exclusive="room")}, "tb": {"web": cluster(1)}},
        [("placement", "web-001", 1)],
    ),
}
BY_ORDER = {"a room of another alone, named the other way": "who comes first takes room a, which the other asks for"}
"""Zones whose tenants are not both admitted if those who want nothing alone come first; a load takes care of that."""


def write(folder: Path, owners: Data) -> Declaration:
    """The folder of a zone; gives what it declares."""
    folder.mkdir()
    (folder / "zone.yaml").write_text(yaml.safe_dump(ZONE, sort_keys=False), encoding="utf-8")
    for name, given in owners.items():
        fields = given if name == "op" else {"clusters": given}
        path = folder / f"{'facility' if name == 'op' else 'tenant'}-{name}.yaml"
        path.write_text(yaml.safe_dump({"owner": name, **fields}, sort_keys=False), encoding="utf-8")
    declaration = load_zone(folder).declaration
    assert declaration is not None, load_zone(folder).problems
    return declaration


def command(*arguments: str) -> tuple[int, str]:
    """Run the command line; gives its exit code and what it printed."""
    text = StringIO()
    with redirect_stdout(text), redirect_stderr(text):
        code = main(list(arguments))
    return code, text.getvalue()


@pytest.mark.parametrize("name", CASES)
def test_a_zone_has_one_answer(name: str, tmp_path: Path) -> None:
    """Check, and each owner against a ledger, find the same; a load of the whole folder ends as its check does."""
    owners, expected = CASES[name]
    declaration = write(tmp_path / "zone", owners)
    code, text = command("check", str(tmp_path / "zone"), "--format", "json")
    found = json.loads(text)["findings"]
    assert [(one["rule"], one["subject"], one["excess"]) for one in found] == list(expected)
    assert code == (1 if expected else 0)
    code, text = command("ledger", "load", str(tmp_path / "zone"), "--ledger", f"sqlite:///{tmp_path / 'l.db'}")
    assert code == (1 if expected else 0), text
    assert all(" ".join(one["message"].split()) in " ".join(text.split()) for one in found)
    for backwards in (False, True):
        refused = owner_by_owner(declaration, tmp_path / f"{backwards}.db", backwards=backwards)
        assert refused == len(expected) or name in BY_ORDER


def by_rule(findings: Iterable[Told]) -> list[tuple[str, int]]:
    """Rule and excess of findings, whomever they are told of."""
    return sorted((rule, excess) for rule, *_, excess in findings)


def owner_by_owner(declaration: Declaration, at: Path, *, backwards: bool) -> int:
    """Take owners to a ledger one by one; gives how many are refused."""
    order = loading_order(declaration.owners, ())
    held: list[str] = []
    refused = 0
    with LedgerClient(f"sqlite:///{at}", create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=declaration.zone))
        for owner in [*order[:1], *(order[:0:-1] if backwards else order[1:])]:
            step = Step(client=client, declaration=with_owner(declaration, held, owner), owner=owner)
            found, said = told(folder(step.declaration)), step.asked()
            assert said["preview"] == said["check --stack"]
            is_refused = bool(said["preview"])
            if backwards:  # in a folder who wants a room alone is placed first, whoever came first to the ledger
                assert by_rule(told(said["preview"])) == by_rule(found) or not found
            else:
                assert told(said["preview"]) == found
            assert told(step.up() if is_refused else said["preview"]) == told(step.load()) == told(said["preview"])
            held += [] if is_refused else [owner]
            refused += is_refused
    return refused


def test_why_and_where_have_one_answer(tmp_path: Path) -> None:
    """Why each node stands where it does, and what fits where, is the same of a folder and of a ledger."""
    owners = {"op": TWO_ROOMS, "ta": {"core": cluster(2, exclusive="room")}, "tb": {"web": cluster(2, "four-u")}}
    declaration = write(tmp_path / "zone", owners)
    zone, url = str(tmp_path / "zone"), f"sqlite:///{tmp_path / 'l.db'}"
    assert command("ledger", "load", zone, "--ledger", url)[0] == 0
    code, text = command("fit", "--kw", "1", "--u", "4", "--zone", zone, "--format", "json")
    with LedgerClient(url) as client:
        rooms = client.call(verbs.FIT, FitRequest(watts=1_000, units=4)).rooms
        assert (code, json.loads(text)["rooms"]) == (0, json.loads(json.dumps([one.to_data() for one in rooms])))
        for owner in ("ta", "tb"):
            demand = demand_of(declaration, owner)
            for name, wanted in demand.clusters.items():
                for node in nodes_of(name, wanted.cluster):
                    request = ExplainRequest(stack_id=f"loaded-{owner}", party=owner, demand=demand, node=node.name)
                    told_by_ledger = client.call(verbs.EXPLAIN, request).explanation
                    _, text = command("explain", node.name, "--zone", zone, "--owner", owner, "--format", "json")
                    assert told_by_ledger is not None
                    assert json.loads(text) == {**json.loads(json.dumps(told_by_ledger.to_data())), "version": 1}


@pytest.mark.parametrize(
    ("rooms", "ta", "free"),
    [
        ({"a": [row(4)]}, {"core": cluster(1, exclusive="room")}, (0, 0)),
        ({"a": [row(4)]}, {"core": cluster(1, exclusive="row")}, (0, 0)),
        ({"a": [row(2)]}, {"core": cluster(1, exclusive="rack")}, (10_000, 42)),
        (
            {
                "a": [
                    row(
                        max_weight_kg=100,
                        baseline={
                            "b": {"racks": "01", "position": 1, "u_height": 1, "allocated_draw": 10, "weight_kg": 100}
                        },
                    )
                ]
            },
            {},
            (9_990, 41),
        ),
    ],
)
def test_nothing_fits_where_nothing_may_stand(tmp_path: Path, rooms: Data, ta: Data, free: tuple[int, int]) -> None:
    """What is another's alone does not fit anybody else; a rack at its weight has space, but takes no node."""
    write(tmp_path / "zone", {"op": operator(rooms), "ta": ta})
    code, text = command("fit", "--kw", "1", "--u", "4", "--zone", str(tmp_path / "zone"), "--format", "json")
    (room,) = json.loads(text)["rooms"]
    assert (room["free_w"], room["free_units"]) == free
    assert (code, bool(room["racks"])) == ((0, True) if free == (10_000, 42) else (1, False))


def test_a_zone_without_owners_is_not_called_good(tmp_path: Path) -> None:
    """Where there is nothing but zone.yaml, the last line says that nothing was checked."""
    write(tmp_path / "zone", {})
    code, text = command("check", str(tmp_path / "zone"))
    assert code == 0
    assert "good" not in text
    assert text.splitlines()[-1].startswith("nothing was checked: ")

"""Clusters and nodes that get another name: nothing moves, nothing is held twice, nobody else is touched."""

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import create_engine

from support.ledger_invariants import broken, read_state
from support.ledger_party import ZONE_FILE, Party, bring_up_racks
from support.ledger_sums import require_sums
from support.renaming import RenamingStack, StoppedError
from support.soak import examples
from support.zone_project import cluster, facility
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.journal_messages import HistoryRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.store.clock import stamp, utc_now
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model.power import Draw
from zonewright.model.world import Occupant
from zonewright.place.renames import renames_of


@contextmanager
def _zone(url: str) -> Iterator[tuple[RenamingStack, RenamingStack]]:
    """Two tenants' stacks on one ledger with two racks."""
    with LedgerClient(url, create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        bring_up_racks(client)
        stacks = tuple(RenamingStack(Party(client, f"stack-of-tenant-{one}", f"tenant-{one}")) for one in "ab")
        for stack in stacks:
            stack.party.enrol()
        yield stacks[0], stacks[1]


@pytest.fixture(name="stacks")
def _stacks(tmp_path: Path) -> Iterator[tuple[RenamingStack, RenamingStack]]:
    with _zone(f"sqlite:///{tmp_path / 'ledger.db'}") as stacks:
        yield stacks


def _renamed(places: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {name.replace(f"{old}-", f"{new}-"): place for name, place in places.items()}


def test_a_renamed_cluster_stays_where_it_is(stacks: tuple[RenamingStack, RenamingStack]) -> None:
    """Places, addresses and holders follow the new name; resources are updated in place; the journal says how many."""
    stack, other = stacks
    other.up({"web": cluster(2)})
    stack.up({"web": cluster(3)})
    before, theirs = stack.places(), other.places()
    holders = {name: outputs["holder"] for name, (_, outputs) in stack.state.items()}
    proposal = stack.up({"shop": cluster(3, was="web")})
    assert proposal.findings == []
    assert stack.places() == _renamed(before, "web", "shop")
    assert stack.told == [("update", f"shop-00{number}") for number in (1, 2, 3)]
    assert {name: outputs["holder"] for name, (_, outputs) in stack.state.items()} == _renamed(holders, "web", "shop")
    assert other.places() == theirs
    entries = stack.party.client.call(verbs.HISTORY, HistoryRequest()).entries
    last = [entry for entry in entries if entry.kind == "admitted"][-1]
    assert last.payload["claims"] == {"admitted": 0, "renamed": 3}
    assert "(0 new, 0 moved, 0 leaving, 3 renamed)" in last.payload["summary"]


def test_a_former_name_that_is_left_in_the_file_changes_nothing(stacks: tuple[RenamingStack, RenamingStack]) -> None:
    """The same declaration again, and without its `was`, finds everything as it is."""
    stack, _ = stacks
    stack.up({"web": cluster(2)})
    stack.up({"shop": cluster(2, was="web")})
    before = stack.places()
    for declared in (cluster(2, was="web"), cluster(2)):
        assert stack.up({"shop": declared}).findings == []
        assert stack.told == []
        assert stack.places() == before


def test_rename_move_and_count_in_one_change(stacks: tuple[RenamingStack, RenamingStack]) -> None:
    """A node that moves is updated, one that is new is created, one that leaves is deleted under its old name."""
    stack, _ = stacks
    stack.up({"web": cluster(3)})
    before = stack.places()
    target = {"001": {"rack": "dc1/a/01/02", "position": 40}}
    stack.up({"shop": cluster(4, was="web", without=["003"], places=target)})
    assert stack.told == [
        ("update", "shop-001"),
        ("update", "shop-002"),
        ("create", "shop-004"),
        ("delete", "web-003"),
    ]
    after = stack.places()
    assert after["shop-001"] == ("dc1/a/01/02", 40, before["web-001"][2])
    assert after["shop-002"] == before["web-002"]
    assert {one.state for one in stack.held()} == {"active"}


def test_a_chain_of_names(stacks: tuple[RenamingStack, RenamingStack]) -> None:
    """A stack that missed a rename follows the list of former names from the one that it has."""
    stack, _ = stacks
    stack.up({"a": cluster(2)})
    before = stack.places()
    stack.up({"c": cluster(2, was=["b", "a"])})
    assert stack.places() == _renamed(before, "a", "c")
    assert stack.told == [("update", "c-001"), ("update", "c-002")]


def test_host_names_of_ones_own(stacks: tuple[RenamingStack, RenamingStack]) -> None:
    """A node that gets a name, another one, or its number back stays where it is, whatever its cluster is called."""
    stack, _ = stacks
    stack.up({"web": cluster(2)})
    first, second = stack.places().values()
    for declared, names in (
        ({"web": cluster(2, names={"001": "alpha"})}, ("alpha", "web-002")),
        ({"web": cluster(2, names=["beta", "gamma"])}, ("beta", "gamma")),
        ({"shop": cluster(2, was="web", names=["beta"])}, ("beta", "shop-002")),
        ({"shop": cluster(2)}, ("shop-001", "shop-002")),
    ):
        stack.up(declared)
        assert stack.places() == {names[0]: first, names[1]: second}
        assert {word for word, _ in stack.told} <= {"update"}


def test_a_name_stays_with_its_node(stacks: tuple[RenamingStack, RenamingStack]) -> None:
    """Names that change their numbers move nothing: who has a name keeps it."""
    stack, _ = stacks
    stack.up({"web": cluster(2, names=["alpha", "beta"])})
    before = stack.places()
    stack.up({"web": cluster(2, names=["beta", "alpha"])})
    assert stack.told == []
    assert stack.places() == before
    stack.up({"web": cluster(3, names=["gamma", "alpha", "beta"])})
    assert stack.told == [("create", "gamma")]
    assert {name: place for name, place in stack.places().items() if name in before} == before


def test_a_former_name_that_nobody_has_is_said(stacks: tuple[RenamingStack, RenamingStack]) -> None:
    """A misspelt `was` is an advice with its field; another stack's cluster of that name is not looked at."""
    stack, other = stacks
    other.up({"web": cluster(2)})
    theirs = other.places()
    proposal = stack.party.propose(stack.party.demand(clusters={"shop": cluster(1, was="web")}))
    (found,) = proposal.findings
    assert (found.rule, found.level, found.where) == ("former-name", "advisory", "clusters.shop.was")
    stack.up({"shop": cluster(1, was="web")})
    assert other.places() == theirs


def test_two_clusters_do_not_become_one(stacks: tuple[RenamingStack, RenamingStack]) -> None:
    """A `was` of a cluster that has nodes beside those of the old one is refused, and nothing changes."""
    stack, _ = stacks
    stack.up({"web": cluster(2), "shop": cluster(1)})
    before = stack.places()
    with pytest.raises(LedgerRefusedError) as refused:
        stack.up({"shop": cluster(2, was="web")})
    assert [one.rule for one in refused.value.findings] == ["former-name"]
    assert stack.places() == before


def test_no_node_takes_a_name_whose_node_is_not_gone(stacks: tuple[RenamingStack, RenamingStack]) -> None:
    """A late delete of the node that had the name must free nothing else: the rename waits until it is done."""
    stack, _ = stacks
    stack.up({"web": cluster(2), "shop": cluster(1)})
    before = stack.places()
    with pytest.raises(StoppedError):
        stack.up({"web": cluster(2)}, steps=0)
    for wants in ({"shop": cluster(2, was="web")}, {"web": cluster(2, names=["shop-001"])}):
        with pytest.raises(LedgerRefusedError) as refused:
            stack.up(wants)
        (found,) = refused.value.findings
        assert (found.rule, found.message.count("shop-001")) == ("former-name", 1)
    stack.up({"web": cluster(2)})
    stack.up({"shop": cluster(2, was="web")})
    assert stack.places() == _renamed({name: place for name, place in before.items() if "web" in name}, "web", "shop")


def test_a_cluster_is_split_and_merged(stacks: tuple[RenamingStack, RenamingStack]) -> None:
    """Nodes go into another cluster and back: places, addresses and holders stay, and each is updated in place."""
    stack, _ = stacks
    stack.up({"web": cluster(4), "db": cluster(1)})
    before, holders = stack.places(), {name: outputs["holder"] for name, (_, outputs) in stack.state.items()}
    split = {
        "web": cluster(4, without=["003", "004"]),
        "api": cluster(2, nodes_were={"001": "web-003", "002": "web-004"}, spread={"scope": "rack", "at_least": 1}),
        "db": cluster(1),
    }
    assert stack.up(split).findings == []
    assert stack.told == [("update", "api-001"), ("update", "api-002")]
    renamed = {"web-003": "api-001", "web-004": "api-002"}
    assert stack.places() == {renamed.get(name, name): place for name, place in before.items()}
    assert {name: outputs["holder"] for name, (_, outputs) in stack.state.items()} == {
        renamed.get(name, name): holder for name, holder in holders.items()
    }
    assert stack.up(split).findings == [], "what is done already changes nothing"
    assert stack.told == []
    into = {"db": cluster(5, nodes_were={"002": "api-002", "003": "api-001", "004": "web-001", "005": "web-002"})}
    with pytest.raises(StoppedError):
        stack.up(into, steps=2)
    stack.up(into)
    assert {word for word, _ in stack.told} == {"update"}, "the ledger had renamed, the state had not"
    merged = {"api-002": "db-002", "api-001": "db-003", "web-001": "db-004", "web-002": "db-005"}
    first = {renamed.get(name, name): place for name, place in before.items()}
    assert stack.places() == {merged.get(name, name): place for name, place in first.items()}
    kept = {"shop": cluster(5, was="db", nodes_were=into["db"]["nodes_were"])}
    assert stack.up(kept).findings == [], "they are nodes of their new cluster, whatever they were before"
    assert stack.places() == {merged.get(name, name).replace("db", "shop"): place for name, place in first.items()}
    assert {one.state for one in stack.held()} == {"active"}


@pytest.mark.parametrize("were", ["web-002", ["web-002"], ["app-001", "web-002"], ["web-002", "old-001"]])
def test_a_node_of_before_is_of_its_new_cluster(were: str | list[str]) -> None:
    """What stands is called by its new cluster too, also after several renames, and what stays there by its old one."""
    clusters = {"web": cluster(1), "api": cluster(1, nodes_were={"001": were})}
    demand = Party(None, "stack", "tenant-a").demand(clusters=clusters)  # type: ignore[arg-type]
    places: dict[str, Any] = {
        "party": "tenant-a",
        "rack": "dc1/a/01/01",
        "u_height": 1,
        "draw": Draw(allocated_w=100),
        "standing": "active",
    }
    own = [Occupant(name=f"web-00{n}", cluster="web", position=n, **places) for n in (1, 2)]
    renames = renames_of(demand, own, {})
    assert [(one.name, one.cluster) for one in map(renames.occupant, own)] == [("web-001", "web"), ("api-001", "api")]


def test_a_node_that_was_nobody_is_said(stacks: tuple[RenamingStack, RenamingStack]) -> None:
    """A former name that this stack has nothing of, also one of another party, is told, and the node is new."""
    stack, other = stacks
    other.up({"web": cluster(1)})
    theirs = other.places()
    (found,) = stack.up({"api": cluster(1, nodes_were={"001": "web-001"})}).findings
    assert (found.rule, found.level, found.where) == ("former-name", "advisory", "clusters.api.nodes_were")
    assert "web-001, of which this stack has nothing in the ledger" in found.message
    assert stack.told == [("create", "api-001")]
    assert other.places() == theirs


@pytest.mark.parametrize(
    ("clusters", "says"),
    [
        ({"api": cluster(1, nodes_were={"001": "web-001"}), "web": cluster(1)}, "was 'web-001', which is declared too"),
        ({"api": cluster(2, nodes_were={"001": "w-1", "002": "w-1"})}, "so was node 001 of cluster 'api'"),
        ({"shop": cluster(1, was="web"), "web": cluster(1)}, "was 'web', which is declared too"),
        ({"shop": cluster(1, was="web"), "cart": cluster(1, was="web")}, "so was 'shop'"),
        ({"web": cluster(2, names=["web-002"])}, "host name 'web-002' is of two nodes"),
    ],
    ids=["node and both", "node twice", "both", "twice", "host name"],
)
def test_the_ledger_itself_refuses_what_cannot_be(clusters: dict[str, Any], says: str) -> None:
    """A demand that came past the checks of the client is refused where it is read."""
    with pytest.raises(ValidationError, match=says):
        Party(None, "stack", "tenant-a").demand(clusters=clusters)  # type: ignore[arg-type]


def test_a_killed_rename_is_gone_on_with(stacks: tuple[RenamingStack, RenamingStack]) -> None:
    """The ledger has renamed, the state has not: the next run updates in place, and a node that leaves is free."""
    stack, _ = stacks
    stack.up({"web": cluster(3)})
    before = stack.places()
    with pytest.raises(StoppedError):
        stack.up({"shop": cluster(3, was="web")}, steps=1)
    stack.up({"shop": cluster(2, was="web")})
    assert stack.told == [("update", "shop-002"), ("delete", "web-003")]
    kept = {name: place for name, place in _renamed(before, "web", "shop").items() if name != "shop-003"}
    assert stack.places() == kept
    assert {one.state for one in stack.held()} == {"active"}


SPLIT = {"web": cluster(2, without=["002"]), "api": cluster(1, nodes_were={"001": "web-002"})}


@pytest.mark.parametrize(
    ("then", "told"),
    [
        ({"web": cluster(2)}, "update"),
        ({"web": cluster(2, without=["002"]), "db": cluster(1, nodes_were={"001": "web-002"})}, "replace"),
    ],
    ids=["back", "elsewhere"],
)
def test_a_killed_rename_is_given_up(
    stacks: tuple[RenamingStack, RenamingStack], then: dict[str, Any], told: str
) -> None:
    """The ledger has renamed, the state has not, and the file goes back or elsewhere: no name in between stays held."""
    stack, _ = stacks
    stack.up({"web": cluster(2)})
    state = dict(stack.state)
    with pytest.raises(StoppedError):
        stack.up(SPLIT, steps=0)
    stack.state = state
    stack.up(then)
    assert [word for word, _ in stack.told] == [told]
    assert {one.name for one in stack.held()} == stack.state.keys()
    assert {one.state for one in stack.held()} == {"active"}


def test_a_late_delete_frees_what_was_renamed(stacks: tuple[RenamingStack, RenamingStack]) -> None:
    """A resource that is replaced under its name of before is deleted later: the name that it had meanwhile is free."""
    stack, _ = stacks
    stack.up({"web": cluster(2)})
    _, outputs = stack.state["web-002"]
    with pytest.raises(StoppedError):
        stack.up(SPLIT, steps=0)
    stack.up({"web": cluster(2)})
    assert ("create", "web-002") in stack.told
    assert ("delete", "web-002") in stack.told
    assert {one.name: one.state for one in stack.held()} == {"web-001": "active", "web-002": "active"}
    assert stack.state["web-002"][1]["holder"] != outputs["holder"]


def test_a_quota_counts_a_renamed_node_once(tmp_path: Path) -> None:
    """A stack at its quota may rename: its nodes are not counted under both names."""
    zone = ZONE_FILE.model_validate(
        {**ZONE_FILE.model_dump(mode="json", exclude_defaults=True), "quotas": _quota(units=3)}
    )
    with LedgerClient(f"sqlite:///{tmp_path / 'ledger.db'}", create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=zone))
        operator = Party(client, "stack-of-operator", "operator", zone=zone)
        operator.bring_up(sites=facility(2)["sites"])
        stack = RenamingStack(Party(client, "stack-of-tenant-a", "tenant-a", zone=zone))
        stack.party.enrol()
        stack.up({"web": cluster(3)})
        assert stack.up({"shop": cluster(3, was="web")}).findings == []


def _quota(*, units: int) -> dict[str, Any]:
    return {"few": {"party": "tenant-a", "units": units}}


IDS, HOSTS = ("a", "b", "c", "d"), ("alpha", "beta", "gamma", "delta")


@dataclass
class Shape:
    """A cluster on its way through a history.

    Attributes:
        id: as it is called now.
        was: as it was called in the declaration before, where that was otherwise.
        count: how many nodes it has.
        names: host names of its own, by number.
    """

    id: str
    was: str = ""
    count: int = 1
    names: dict[str, str] = field(default_factory=dict)

    def declared(self) -> dict[str, Any]:
        """The cluster as a file has it."""
        more: dict[str, Any] = {"was": self.was} if self.was else {}
        return cluster(self.count, names=dict(self.names), **more)


def _changed(draw: st.DrawFn, one: Shape, ids: set[str], taken: set[str]) -> Shape:
    """Another id, another count and another host name, or none of them; of ids and names those that nobody has."""
    free = sorted(set(IDS) - ids)
    new = draw(st.sampled_from([one.id, *free]))
    count = draw(st.integers(1, 4))
    names = {number: name for number, name in one.names.items() if int(number) <= count}
    fresh = sorted(set(HOSTS) - taken)
    if draw(st.booleans()) and fresh:
        names[f"{draw(st.integers(1, count)):03}"] = draw(st.sampled_from(fresh))
    return Shape(id=new, was=one.id if new != one.id else "", count=count, names=names)


@st.composite
def _histories(draw: st.DrawFn) -> list[tuple[list[Shape], int | None]]:
    """Declarations, each with the step at which its first run is killed; a cluster keeps its place in the list."""
    shapes = [Shape(id="a", count=draw(st.integers(1, 4)))]
    history: list[tuple[list[Shape], int | None]] = [(shapes, None)]
    for _ in range(draw(st.integers(1, 4))):
        ids, taken = {one.id for one in shapes}, {name for one in shapes for name in one.names.values()}
        found: list[Shape] = []
        for one in shapes:
            new = _changed(draw, one, ids, taken)
            ids.add(new.id)
            taken |= set(new.names.values())
            found.append(new)
        free = sorted(set(IDS) - ids)
        if draw(st.booleans()) and free and len(found) == 1:
            found.append(Shape(id=draw(st.sampled_from(free)), count=draw(st.integers(1, 3))))
        shapes = found
        history.append((shapes, draw(st.none() | st.integers(0, 5))))
    return history


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_histories())
def test_random_renames_move_nothing(history: list[tuple[list[Shape], int | None]]) -> None:
    """Whatever is renamed, grows, shrinks or is killed on the way: who stays keeps place and address, once."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/ledger.db"
        with _zone(url) as (stack, other), closing(_Tables(url)) as tables:
            other.up({"a": cluster(3), "b": cluster(2, names=["alpha"])})
            theirs = other.places()
            known: dict[tuple[int, int], Any] = {}
            for shapes, steps in history:
                declared = {one.id: one.declared() for one in shapes}
                if steps is not None:
                    with suppress(StoppedError):
                        stack.up(declared, steps=steps)
                    assert tables.faults() == []
                stack.up(declared)
                places = stack.places()
                now = {
                    (index, number): places[one.names.get(f"{number:03}", f"{one.id}-{number:03}")]
                    for index, one in enumerate(shapes)
                    for number in range(1, one.count + 1)
                }
                assert {key: place for key, place in known.items() if key in now} == {
                    key: place for key, place in now.items() if key in known
                }
                assert len(places) == len(now) == len({outputs["holder"] for _, outputs in stack.state.values()})
                assert {one.state for one in stack.held()} == {"active"}
                assert (stack.going, tables.faults()) == ([], [])
                known = now
            assert other.places() == theirs
        require_sums([Path(folder) / "ledger.db"])


class _Tables:
    """The ledger's tables, looked at from outside."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url)

    def faults(self) -> list[str]:
        """What must not be so at any moment."""
        with self._engine.connect() as connection:
            return broken(read_state(connection, stamp(utc_now())))

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

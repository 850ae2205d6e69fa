"""A joint repair: few edits that make a refused change admissible, and move nothing that stands without need."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from support.full_halls import full_hall, hall, wish
from support.soak import count
from support.zone_project import ZONE, cluster, facility
from zonewright.model import Declaration, OwnerFile, Place, Zone
from zonewright.model.demand import Demand
from zonewright.model.rack_position import RackPosition
from zonewright.model.world import World
from zonewright.place import judge_declaration, zone_repair
from zonewright.place.change import change_world
from zonewright.place.placing import place
from zonewright.place.repair import PLACEMENT, RepairEdit, Trial, joint_repair, nodes_in, repair_text, with_repair
from zonewright.place.unplaced import unplaced_findings
from zonewright.place.zone_repair import ZoneRepair, repair_declaration, with_repairs
from zonewright.rules import evaluate
from zonewright.rules.finding import Finding, Participant

Seats = Mapping[str, RackPosition]
NONE: Seats = MappingProxyType({})
DAY = "2026-07-01"


def trial_in(world: World, sticky: Seats = NONE) -> Callable[[Demand], Trial]:
    """Places a demand in a hall, and judges it by the rules of racks."""

    def trial(demand: Demand) -> Trial:
        made = place(world, demand, stack="s", sticky=sticky)
        after = change_world(world, demand, made.seats, stack="s")
        found = [*unplaced_findings(demand, made.seats, made.unplaced)]
        found += evaluate(after, racks=frozenset(seat.rack for seat in made.seats.values()), reach="rack")
        return Trial(findings=[one for one in found if one.refuses], seats=made.seats)

    return trial


def chosen(demand: Demand, seats: Mapping[str, tuple[str, int | None]]) -> Demand:
    """The demand with chosen places of nodes, by name."""
    clusters = dict(demand.clusters)
    for node in nodes_in(demand):
        if node.name in seats:
            rack, position = seats[node.name]
            wanted = clusters[node.cluster]
            places = {**wanted.cluster.places, node.number: Place(rack=rack, position=position)}
            own = wanted.cluster.model_copy(update={"places": places})
            clusters[node.cluster] = wanted.model_copy(update={"cluster": own})
    return demand.model_copy(update={"clusters": clusters})


def broken(seed: int) -> tuple[World, Demand]:
    """A hall whose nodes all have a chosen place that fits; then some of them are put upon others, or into one rack."""
    number = random.Random(seed)
    world, demand = full_hall(seed, racks=number.randint(3, 6), filled=0.6, height=20, kinds=4)
    fit = place(world, demand, stack="s", sticky={})
    assert not fit.unplaced
    seats: dict[str, tuple[str, int | None]] = {
        name: (seat.rack, seat.position) for name, seat in fit.seats.items() if number.random() < 0.8
    }
    names, racks = sorted(seats), sorted(world.racks)
    crowded = number.choice(racks)
    for name in number.sample(names, min(len(names), number.randint(1, 4))):
        kind = number.choice(["upon", "crowd", "rack"])
        seats[name] = {
            "upon": seats[number.choice(names)],
            "crowd": (crowded, number.randint(1, 20)),
            "rack": (crowded, None),
        }[kind]
    return world, chosen(demand, seats)


@pytest.mark.parametrize("seed", range(count(300)))
def test_a_repair_is_admissible_in_one_round_and_none_of_its_edits_can_be_left_out(seed: int) -> None:
    """Of a hall that holds all nodes, the repair is found; nothing refuses after it, and each edit is needed."""
    world, demand = broken(seed)
    trial = trial_in(world)
    edits = joint_repair(demand, trial)
    if not trial(demand).findings:
        assert edits is None
        return
    assert edits is not None
    assert trial(with_repair(demand, edits)).findings == []
    assert not any(edit.count for edit in edits)
    for edit in edits:
        assert trial(with_repair(demand, [one for one in edits if one != edit])).findings, str(edit)


def test_the_random_halls_are_faulty() -> None:
    """Most of them refuse something, or the test above would show nothing."""
    refused = [bool(trial_in(world)(demand).findings) for world, demand in map(broken, range(30))]
    assert sum(refused) >= 20


@pytest.mark.parametrize("seed", range(count(100)))
def test_no_node_that_stands_moves_for_a_new_one(seed: int) -> None:
    """New nodes whose places were taken go elsewhere; what stands, chosen or not, stays where the change left it."""
    number = random.Random(seed)
    world, demand = full_hall(seed, racks=4, filled=0.5, height=20, kinds=3)
    stands = place(world, demand, stack="s", sticky={}).seats
    some = {name: (seat.rack, seat.position) for name, seat in stands.items() if number.random() < 0.6}
    name, wanted = next(iter(demand.clusters.items()))
    more = wanted.cluster.model_copy(update={"count": wanted.cluster.count + 2})
    grown = demand.model_copy(update={"clusters": {**demand.clusters, name: replaced(wanted, more)}})
    new = sorted({node.name for node in nodes_in(grown)} - stands.keys())
    upon = {one: number.choice([(seat.rack, seat.position) for seat in stands.values()]) for one in new}
    grown, trial = chosen(grown, {**some, **upon}), trial_in(world, stands)
    first, edits = trial(grown), joint_repair(grown, trial, standing=stands)
    after = trial(with_repair(grown, edits or ()))
    assert after.findings == []
    assert {f"{edit.cluster}-{edit.number}" for edit in edits or ()} <= set(new)
    stayed = {one: seat for one, seat in stands.items() if first.seats.get(one) == seat}
    assert {one: after.seats[one] for one in stayed} == stayed


def replaced(wanted: Any, own: Any) -> Any:
    """The demand of a cluster with another declaration."""
    return wanted.model_copy(update={"cluster": own})


def test_a_cluster_that_has_no_room_gets_as_many_nodes_as_there_is_room_for() -> None:
    """Two racks of 10 U hold 20 of the 23 nodes, and no fewer are asked for."""
    world, demand = hall((10, 9000, 900), 2), wish({"c": ((1, 100, 10), 23)})
    assert joint_repair(demand, trial_in(world)) == (RepairEdit(cluster="c", count=20),)


def test_a_node_that_stands_is_not_given_up_for_a_number_before_it() -> None:
    """Number 001 comes back and has no room; the last number stands, so fewer nodes would be another one's end."""
    world, demand = hall((10, 9000, 900), 1), wish({"c": ((5, 100, 10), 3)})
    stands = {"c-002": RackPosition("dc/a/1/001", 1), "c-003": RackPosition("dc/a/1/001", 6)}
    assert joint_repair(demand, trial_in(world, stands), standing=stands) is None


def test_a_rack_far_too_full_is_emptied_in_few_rounds() -> None:
    """Of 60 nodes chosen for one rack the power of 20 is there: one finding, 40 other places, and not one more."""
    world, demand = hall((60, 4000, 9000), 4), wish({"c": ((1, 200, 10), 60)})
    demand = chosen(demand, {f"c-{unit:03}": ("dc/a/1/001", unit) for unit in range(1, 61)})
    edits = joint_repair(demand, trial_in(world))
    assert edits is not None
    assert len(edits) == 40
    assert trial_in(world)(with_repair(demand, edits)).findings == []


def test_an_edit_that_a_later_one_made_needless_is_left_out() -> None:
    """Node 002 was given the place that 001 left; once 002 stays where it was, 001 can stay too."""
    old = {f"c-{n:03}": ("dc/a/1/001", n) for n in (1, 2, 3)}
    new = {1: 11, 2: 1, 3: 13}
    demand = chosen(wish({"c": ((1, 1, 1), 3)}), dict(old))

    def trial(one: Demand) -> Trial:
        nodes = {node.name: node.chosen and node.chosen.position for node in nodes_in(one)}
        at_unit = {name: unit or new[int(name[-3:])] for name, unit in nodes.items()}
        wrong = sorted(at_unit) if at_unit["c-003"] == 3 else []
        wrong += [name for name in at_unit if list(at_unit.values()).count(at_unit[name]) > 1]
        seats = {name: RackPosition("dc/a/1/001", unit) for name, unit in at_unit.items()}
        return Trial(findings=[found_of(name) for name in wrong], seats=seats)

    assert joint_repair(demand, trial) == (RepairEdit(cluster="c", number="003", rack="dc/a/1/001", position=13),)


def test_the_trials_of_many_nodes_are_few() -> None:
    """A search is bounded by nodes that are placed: 60 trials of a small demand, ten of one with 10,000 nodes."""
    for nodes, most in ((10, 60), (10_000, 10)):
        demand = chosen(wish({"c": ((1, 1, 1), nodes)}), {f"c-{n:03}": ("r/r/r/r", n) for n in range(1, 9)})
        tried: list[Demand] = []

        def trial(one: Demand, tried: list[Demand] = tried) -> Trial:
            tried.append(one)
            names = [node for node in nodes_in(one) if node.chosen and node.chosen.rack == "r/r/r/r"]
            return Trial(findings=[found_of(node.name) for node in names] or [found_of("other")], seats={})

        assert joint_repair(demand, trial) is None
        assert 1 < len(tried) <= most


def test_a_cluster_is_not_cut_deeper_than_it_must() -> None:
    """Five of ten nodes found no place, but where two are fewer the other three find one."""

    def trial(one: Demand) -> Trial:
        names = [node.name for node in nodes_in(one)]
        short = replace(
            found_of(""),
            rule=PLACEMENT,
            participants=tuple(Participant(party="t1", name=name) for name in names[-5:]),
        )
        return Trial(findings=[short] if len(names) > 8 else [], seats={})

    assert joint_repair(wish({"c": ((1, 1, 1), 10)}), trial) == (RepairEdit(cluster="c", count=8),)


def found_of(name: str) -> Finding:
    """A finding of one node of the party."""
    return Finding(
        rule="unit-overlap",
        level="mandatory",
        subject=name,
        where="",
        message="",
        participants=(Participant(party="t1", name=name),),
    )


def zone(**tenants: dict[str, Any]) -> Declaration:
    """A zone of three racks with 3 kW each, and clusters of tenants."""
    files = [facility(3, rated_w=3000)]
    files += [{"owner": owner.replace("_", "-"), "clusters": clusters} for owner, clusters in tenants.items()]
    owners = [OwnerFile.model_validate(file) for file in files]
    return Declaration(zone=Zone.model_validate(ZONE), owners={one.owner: one for one in owners})


def at(position: int, rack: str = "01") -> dict[str, Any]:
    """A chosen place."""
    return {"rack": f"dc1/a/01/{rack}", "position": position}


def repaired(declaration: Declaration) -> tuple[ZoneRepair, list[Finding]]:
    """Its repair, and what refuses after it."""
    repair = repair_declaration(declaration, judge_declaration(declaration, on=DAY), on=DAY)
    after = judge_declaration(with_repairs(declaration, repair.edits), on=DAY)
    return repair, [one for one in after.findings if one.refuses]


@pytest.mark.parametrize("seed", range(count(50)))
def test_a_zone_of_two_tenants_is_repaired_jointly(seed: int) -> None:
    """Chosen places of both lie upon each other or are too heavy; one repair of both files, and nothing refuses."""
    number = random.Random(seed)
    declared = {
        owner: {"web": cluster(6, places={f"{n:03}": at(number.randint(1, 12)) for n in range(1, 5)})}
        for owner in ("tenant_a", "tenant_b")
    }
    declaration = zone(**declared)
    before = [one for one in judge_declaration(declaration, on=DAY).findings if one.refuses]
    repair, left = repaired(declaration)
    assert bool(repair.edits) == bool(before)
    assert left == []
    assert repair.left == 0


def test_what_places_cannot_mend_is_told_and_the_rest_is_mended() -> None:
    """A room that needs a larger zone keeps its finding; the text says that one will still refuse."""
    declaration = zone(tenant_a={"web": cluster(2, places={"001": at(1), "002": at(1)})})
    owners = dict(declaration.owners)
    site = owners["operator"].sites["dc1"]
    panels = {name: panel.model_copy(update={"substation": "sub-1"}) for name, panel in site.power_panels.items()}
    site = site.model_copy(update={"power_panels": panels})
    owners["operator"] = owners["operator"].model_copy(update={"sites": {"dc1": site}})
    repair, left = repaired(replace(declaration, owners=owners))
    assert [one.rule for one in left] == ["feed-diversity"]
    assert repair.left == 1
    (edits,) = repair.edits.values()
    assert "after which 1 finding will still refuse:" in repair_text(edits, left=repair.left)


def test_a_repair_that_makes_another_fault_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is right for one owner alone is judged with all others, and dropped where anything new would refuse."""
    declaration = zone(tenant_a={"web": cluster(2, places={"001": at(1), "002": at(1)})})
    wrong = RepairEdit(cluster="web", number="002", rack="dc1/a/01/03", position=60)
    monkeypatch.setattr(zone_repair, "joint_repair", lambda *_, **__: (wrong,))
    repair, left = repaired(declaration)
    assert repair == ZoneRepair(edits={}, left=1)
    assert [one.rule for one in left] == ["unit-overlap"]

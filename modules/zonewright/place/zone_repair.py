"""A joint repair of a folder: of each owner's file in turn, with what all others have and get."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from zonewright.model import Declaration
from zonewright.model.demand import Demand, demand_of
from zonewright.model.world import World
from zonewright.place.change import change_world
from zonewright.place.placing import place
from zonewright.place.repair import RepairEdit, Trial, joint_repair, with_edits
from zonewright.place.unplaced import unplaced_findings
from zonewright.place.zone_placement import JudgedZone, judge_declaration, placing_order
from zonewright.rules import evaluate
from zonewright.rules.finding import Finding
from zonewright.rules.waivers import with_waivers

Repairs = Mapping[str, Sequence[RepairEdit]]


def repair_declaration(declaration: Declaration, judged: JudgedZone, *, on: str) -> Repairs:
    """The edits of each owner's file after which nothing of theirs is refused that places can mend; empty if none.

    Args:
        declaration: as it is.
        judged: what the rules say of it.
        on: the day on which waivers are looked at, as ``2026-07-01``.
    """
    world, found = judged.world, dict[str, Sequence[RepairEdit]]()
    for owner in placing_order(declaration.owners):
        demand = demand_of(declaration, owner)
        if demand.clusters and _concerns(judged.findings, owner):
            tries = _Tries(world, demand, declaration, on)
            edits = joint_repair(demand, tries.judge)
            if edits:
                found[owner] = edits
                world = tries.after(world, _edited(demand, edits))
    if not found:
        return {}
    before = {(one.rule, one.subject) for one in judged.findings if one.refuses}
    after = judge_declaration(with_repairs(declaration, found), on=on)
    left = {(one.rule, one.subject) for one in after.findings if one.refuses}
    return found if left < before else {}


def with_repairs(declaration: Declaration, repairs: Repairs) -> Declaration:
    """The declaration after its repair."""
    owners = dict(declaration.owners)
    for owner, edits in repairs.items():
        clusters = dict(owners[owner].clusters)
        for name, group in groupby(edits, key=lambda edit: edit.cluster):
            clusters[name] = with_edits(clusters[name], list(group))
        owners[owner] = owners[owner].model_copy(update={"clusters": clusters})
    return replace(declaration, owners=owners)


def _concerns(findings: Iterable[Finding], owner: str) -> bool:
    return any(one.refuses and any(item.party == owner for item in one.participants) for one in findings)


class _Tries:
    """Demands of one owner, tried among what all others have at the sites of its clusters."""

    def __init__(self, world: World, demand: Demand, declaration: Declaration, on: str) -> None:
        sites = {wanted.cluster.site for wanted in demand.clusters.values()}
        racks = {name: rack for name, rack in world.racks.items() if rack.site in sites}
        others = (item for item in world.occupants if item.party != demand.party or item.standing != "wanted")
        self._others = replace(
            world,
            racks=racks,
            occupants=tuple(item for item in others if item.rack in racks),
            clusters=tuple(one for one in world.clusters if one.party != demand.party),
        )
        self._zone, self._on = declaration.zone, on

    def judge(self, demand: Demand) -> Trial:
        """Place a demand and judge it by the rules of racks."""
        placement = place(self._others, demand, stack="", sticky={})
        seats = placement.seats
        after = change_world(self._others, demand, seats, stack="")
        found = [*unplaced_findings(demand, seats, placement.unplaced)]
        found += evaluate(after, racks=frozenset(seat.rack for seat in seats.values()), reach="rack")
        mine = [one for one in found if any(item.party == demand.party for item in one.participants)]
        refusing = [one for one in with_waivers(mine, self._zone, self._on) if one.refuses]
        return Trial(findings=refusing, seats=seats)

    def after(self, world: World, demand: Demand) -> World:
        """The whole world once a demand has its places."""
        others = (item for item in world.occupants if item.party != demand.party or item.standing != "wanted")
        seats = place(self._others, demand, stack="", sticky={}).seats
        whole = replace(
            world,
            occupants=tuple(others),
            clusters=tuple(one for one in world.clusters if one.party != demand.party),
        )
        return change_world(whole, demand, seats, stack="")


def _edited(demand: Demand, edits: Sequence[RepairEdit]) -> Demand:
    clusters = dict(demand.clusters)
    for name, group in groupby(edits, key=lambda edit: edit.cluster):
        edited = with_edits(clusters[name].cluster, list(group))
        clusters[name] = clusters[name].model_copy(update={"cluster": edited})
    return demand.model_copy(update={"clusters": clusters})

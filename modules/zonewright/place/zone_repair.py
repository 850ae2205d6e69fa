"""A joint repair of a folder: of each owner's file in turn, with what all others have and get."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from zonewright.model import Declaration
from zonewright.model.demand import Demand, demand_of
from zonewright.model.world import World
from zonewright.place.change import change_world
from zonewright.place.placing import place
from zonewright.place.repair import RepairEdit, Trial, joint_repair, with_edits, with_repair
from zonewright.place.unplaced import unplaced_findings
from zonewright.place.zone_placement import JudgedZone, judge_declaration, placing_order
from zonewright.rules import WorldJudge, evaluate
from zonewright.rules.finding import Finding
from zonewright.rules.waivers import with_waivers

Repairs = Mapping[str, Sequence[RepairEdit]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneRepair:
    """The edits of a zone's files.

    Attributes:
        edits: by owner.
        left: how many findings refuse all the same: what other files, or more than places and counts, must mend.
    """

    edits: Repairs
    left: int


def repair_declaration(
    declaration: Declaration, judged: JudgedZone, *, on: str, judge: WorldJudge = evaluate
) -> ZoneRepair:
    """Edits after which fewer findings refuse, none of them a new one and none a worse one; no edits if none are found.

    Args:
        declaration: as it is.
        judged: what the rules say of it.
        on: the day on which waivers are looked at, as ``2026-07-01``.
        judge: what judges, as it has judged ``declaration``.
    """
    world, found = judged.world, dict[str, Sequence[RepairEdit]]()
    for owner in placing_order(declaration.owners):
        demand = demand_of(declaration, owner)
        if demand.clusters and _concerns(judged.findings, owner):
            tries = _Tries(world, demand, declaration, on, judge)
            edits = joint_repair(demand, tries.judge)
            if edits:
                found[owner] = edits
                world = tries.after(world, with_repair(demand, edits))
    before = _refusing(judged.findings)
    if not found:
        return ZoneRepair(edits={}, left=len(before))
    left = _refusing(judge_declaration(with_repairs(declaration, found), on=on, judge=judge).findings)
    is_better = left.keys() < before.keys() and all(excess <= before[key] for key, excess in left.items())
    return ZoneRepair(edits=found if is_better else {}, left=len(left if is_better else before))


def with_repairs(declaration: Declaration, repairs: Repairs) -> Declaration:
    """The declaration after its repair."""
    owners = dict(declaration.owners)
    for owner, edits in repairs.items():
        clusters = dict(owners[owner].clusters)
        for name, group in groupby(edits, key=lambda edit: edit.cluster):
            clusters[name] = with_edits(clusters[name], list(group))
        owners[owner] = owners[owner].model_copy(update={"clusters": clusters})
    return replace(declaration, owners=owners)


def _refusing(findings: Iterable[Finding]) -> Mapping[tuple[str, str, str], int]:
    """By how much each finding that refuses exceeds its limit."""
    found: dict[tuple[str, str, str], int] = {}
    for one in findings:
        if one.refuses:
            key = (one.rule, one.subject, one.unit)
            found[key] = max(found.get(key, 0), one.excess)
    return found


def _concerns(findings: Iterable[Finding], owner: str) -> bool:
    return any(one.refuses and any(item.party == owner for item in one.participants) for one in findings)


class _Tries:
    """Demands of one owner, tried among what all others have at the sites of its clusters."""

    def __init__(self, world: World, demand: Demand, declaration: Declaration, on: str, judge: WorldJudge) -> None:
        sites = {wanted.cluster.site for wanted in demand.clusters.values()}
        racks = {name: rack for name, rack in world.racks.items() if rack.site in sites}
        others = (item for item in world.occupants if item.party != demand.party or item.standing != "wanted")
        self._others = replace(
            world,
            racks=racks,
            occupants=tuple(item for item in others if item.rack in racks),
            clusters=tuple(one for one in world.clusters if one.party != demand.party),
        )
        self._zone, self._on, self._judge = declaration.zone, on, judge

    def judge(self, demand: Demand) -> Trial:
        """Place a demand and judge it by the rules of racks."""
        placement = place(self._others, demand, stack="", sticky={})
        seats = placement.seats
        after = change_world(self._others, demand, seats, stack="")
        found = [*unplaced_findings(demand, seats, placement.unplaced)]
        found += self._judge(after, racks=frozenset(seat.rack for seat in seats.values()), reach="rack")
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

"""A joint repair of a folder: of each owner's file in turn, with what all others have and get."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from zonewright.model import Declaration
from zonewright.model.demand import Demand, demand_of
from zonewright.model.rack_position import RackPosition
from zonewright.model.world import World
from zonewright.place.change import change_world
from zonewright.place.filling import FillingZone
from zonewright.place.placing import Placement, place
from zonewright.place.repair import RepairEdit, Trial, joint_repair, with_edits, with_repair
from zonewright.place.unplaced import unplaced_findings
from zonewright.place.zone_placement import JudgedZone, empty_world, judge_declaration, placing_order
from zonewright.rules import WorldJudge, evaluate
from zonewright.rules.finding import Finding
from zonewright.rules.waivers import with_waivers

Repairs = Mapping[str, Sequence[RepairEdit]]
_Breach = tuple[str, str, str]
"""Rule, subject and unit."""
_PASSES = 4
"""How often all owners have their turn: what one of them gave up may be another one's way out."""


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
    before = _refusing(judged.findings)
    best, least = declaration, before
    now: Declaration | None = declaration
    findings = judged.findings
    for _ in range(_PASSES):
        now = _pass(now, findings, on, judge) if now is not None and least else None
        if now is None:
            break
        findings = judge_declaration(now, on=on, judge=judge).findings
        left = _refusing(findings)
        if _is_better(left, before) and len(left) < len(least):
            best, least = now, left
    return ZoneRepair(edits=_edits(declaration, best), left=len(least))


def _pass(declaration: Declaration, findings: Sequence[Finding], on: str, judge: WorldJudge) -> Declaration | None:
    """Repair each owner's file in the order in which owners are placed; None where nothing was found.

    As in a check, each has what those before it got and, of those after it, the places that they choose in full.
    """
    demands = [demand_of(declaration, owner) for owner in placing_order(declaration.owners)]
    zone, found = FillingZone(empty_world(declaration, demands, on), demands), dict[str, Sequence[RepairEdit]]()
    for number, demand in enumerate(demands):
        tries = _Tries(zone.around(number), declaration, on, judge)
        now = demand
        if demand.clusters and _concerns(findings, demand.party):
            edits = joint_repair(demand, tries.judge)
            if edits:
                found[demand.party], now = edits, with_repair(demand, edits)
        zone.put(now, tries.seats(now))
    return with_repairs(declaration, found) if found else None


def _is_better(after: Mapping[_Breach, int], before: Mapping[_Breach, int]) -> bool:
    """Whether fewer findings refuse, none of them a new one and none a worse one."""
    return after.keys() < before.keys() and all(excess <= before[key] for key, excess in after.items())


def _edits(before: Declaration, after: Declaration) -> Repairs:
    """What was changed on the way from one declaration to another."""
    found: dict[str, list[RepairEdit]] = {}
    for owner, file in after.owners.items():
        for name, cluster in file.clusters.items():
            was = before.owners[owner].clusters[name]
            mine = [RepairEdit(cluster=name, count=cluster.count)] if cluster.count != was.count else []
            for number in sorted({*was.places, *cluster.places}):
                place = cluster.places.get(number)
                if place != was.places.get(number):
                    rack, position = (place.rack, place.position or 0) if place is not None else ("", 0)
                    mine.append(RepairEdit(cluster=name, number=number, rack=rack, position=position))
            if mine:
                found.setdefault(owner, []).extend(mine)
    return found


def with_repairs(declaration: Declaration, repairs: Repairs) -> Declaration:
    """The declaration after its repair."""
    owners = dict(declaration.owners)
    for owner, edits in repairs.items():
        clusters = dict(owners[owner].clusters)
        for name, group in groupby(edits, key=lambda edit: edit.cluster):
            clusters[name] = with_edits(clusters[name], list(group))
        owners[owner] = owners[owner].model_copy(update={"clusters": clusters})
    return replace(declaration, owners=owners)


def _refusing(findings: Iterable[Finding]) -> Mapping[_Breach, int]:
    """By how much each finding that refuses exceeds its limit."""
    found: dict[_Breach, int] = {}
    for one in findings:
        if one.refuses:
            key = (one.rule, one.subject, one.unit)
            found[key] = max(found.get(key, 0), one.excess)
    return found


def _concerns(findings: Iterable[Finding], owner: str) -> bool:
    return any(one.refuses and any(item.party == owner for item in one.participants) for one in findings)


class _Tries:
    """Demands of one owner, tried among what others have at the sites of its clusters."""

    def __init__(self, around: World, declaration: Declaration, on: str, judge: WorldJudge) -> None:
        self._others = around
        self._zone, self._on, self._judge = declaration.zone, on, judge

    def judge(self, demand: Demand) -> Trial:
        """Place a demand and judge it by the rules of racks."""
        placement = self._placed(demand)
        seats = placement.seats
        after = change_world(self._others, demand, seats, stack="")
        found = [*unplaced_findings(demand, seats, placement.unplaced)]
        found += self._judge(after, racks=frozenset(seat.rack for seat in seats.values()), reach="rack")
        mine = [one for one in found if any(item.party == demand.party for item in one.participants)]
        refusing = [one for one in with_waivers(mine, self._zone, self._on) if one.refuses]
        return Trial(findings=refusing, seats=seats)

    def seats(self, demand: Demand) -> Mapping[str, RackPosition]:
        """Places of a demand among the others."""
        return self._placed(demand).seats

    def _placed(self, demand: Demand) -> Placement:
        return place(self._others, demand, stack="", sticky={})

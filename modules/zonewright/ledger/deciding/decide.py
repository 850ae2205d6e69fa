"""Decisions as data: facts and a demand in, a proposal or findings out. No database, no clock."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVarTuple, Unpack

from zonewright.ledger.deciding.facts import Facts
from zonewright.ledger.deciding.impact import impact_of
from zonewright.ledger.deciding.node_addresses import address_findings, readable
from zonewright.ledger.deciding.zone_facts import ZoneBase
from zonewright.ledger.deciding.zone_judge import judge_racks, judge_zone, with_contacts
from zonewright.ledger.protocol.admission_messages import Impact
from zonewright.model.demand import Demand
from zonewright.model.expand import feeds_told_as_now, nodes_of, with_supply
from zonewright.model.power import told_as_now
from zonewright.model.rack_position import RackPosition
from zonewright.model.world import World, ZoneFacts
from zonewright.place import change_world, place, read_set, short_findings, touched, unplaced_findings
from zonewright.place.asset_renames import asset_rename_findings, asset_renames
from zonewright.place.node_addresses import given_addresses
from zonewright.place.precondition import Precondition
from zonewright.place.renames import rename_findings
from zonewright.place.unplaced import NOT_BROUGHT_IN
from zonewright.rules.finding import Finding, worst_first
from zonewright.rules.waivers import with_waivers
from zonewright.rules.words import count_of, listed


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedProposal:
    """What a proposal says, before it is put into a message."""

    seats: Mapping[str, RackPosition]
    addresses: Mapping[str, Mapping[str, str]]
    unplaced: Mapping[str, str]
    premises: tuple[Precondition, ...]
    findings: tuple[Finding, ...]
    impact: Mapping[str, Impact]


@dataclass(frozen=True, kw_only=True)
class PlacedChange:
    """A change at its places; the world that it makes is built once for all that is asked of it.

    Attributes:
        facts: what was gathered for the sites of the change.
        demand: what the stack wants.
        seats: places by node name.
        stack_id: whose change it is.
        given: addresses that the pools have just given at these places, and who is short of one; None where somebody
            asks for addresses. What they would give to nodes that have these is the same.
    """

    facts: Facts
    demand: Demand
    seats: Mapping[str, RackPosition]
    stack_id: str
    given: tuple[Mapping[str, Mapping[str, str]], Mapping[str, str]] | None = None

    @cached_property
    def after(self) -> World:
        """The world during the change."""
        facts = self.facts
        return change_world(facts.world, self.demand, self.seats, stack=self.stack_id, standing=facts.standing)

    def earlier(self) -> World:
        """The world without the change, but with what that only tells: what has failed, what was not said yet."""
        world = self.after
        zone = None if self.facts.base is None else self._told_as_now(self.facts.base.before())
        racks = dict(world.racks)
        for rack_id, rack in world.racks_before.items():
            now = world.racks.get(rack_id, rack)
            failed = now.failed_feeds & frozenset(rack.feeds)
            feeds = feeds_told_as_now(rack.feeds, now.feeds)
            racks[rack_id] = replace(rack, feeds=feeds, failed_feeds=failed, has_failed=now.has_failed)
        if zone is not None:
            racks = with_supply(racks, {name: facts.site for name, facts in zone.sites.items()})
        others = [
            item
            for item in self.facts.world.occupants
            if item.standing != "baseline"
            or (item.rack not in world.racks_before and item.rack.rpartition("/")[0] not in self.facts.new_rows)
        ]
        own = (item for item in self.facts.own if item.standing != "releasing")
        return replace(world, racks=racks, zone=zone, occupants=(*others, *self.facts.baseline_before, *own))

    def _told_as_now(self, zone: ZoneFacts) -> ZoneFacts:
        """The zone, with what the change only tells of a supply: what has failed, and what was not said yet."""
        sites = dict(zone.sites)
        for name, now in self.facts.sites.items():
            if now.has_chain and name in sites:
                sites[name] = replace(sites[name], site=told_as_now(sites[name].site, now))
        return replace(zone, sites=sites)

    @cached_property
    def racks(self) -> frozenset[str] | None:
        """The racks to be judged; None for all of them."""
        return None if self.demand.assets else touched(self.after, self.stack_id)


def offer(facts: Facts, demand: Demand, *, stack_id: str, on: str) -> PlacedProposal:
    """Find places and addresses for a demand.

    Args:
        facts: what was gathered.
        demand: what the stack wants.
        stack_id: whose it is.
        on: the day on which waivers are looked at, as ``2026-07-01``.
    """
    placement = place(facts.world, demand, stack=stack_id, sticky=facts.seats, standing=facts.standing)
    seats = dict(placement.seats)
    unplaced = dict(placement.unplaced) | _unknown_sites(facts, demand)
    addresses, short = given_addresses(facts.sites, facts.taken, demand, seats.keys(), facts.addresses)
    step = PlacedChange(facts=facts, demand=demand, seats=seats, stack_id=stack_id, given=(addresses, short))
    after = step.after
    if facts.base is not None:
        zone = replace(facts.base.after(demand, seats), measured=facts.measured)
        after = replace(after, zone=zone, before=facts.base.before())
    found = judge_local(step, addresses, unplaced=unplaced)
    found += judge_whole(step, facts.base)
    return PlacedProposal(
        seats=seats,
        addresses=addresses,
        unplaced=unplaced | short,
        premises=read_set(after, stack=stack_id),
        findings=answer(found, facts.base, on),
        impact=impact_of(facts, demand, seats),
    )


def judge_local(
    step: PlacedChange, addresses: Mapping[str, Mapping[str, str]], *, unplaced: Mapping[str, str]
) -> tuple[Finding, ...]:
    """Findings at the sites of a change: rules of racks, nodes without a place, addresses that no pool gives them."""
    return _judged_once(_judged, step, addresses, unplaced)


_By = TypeVarTuple("_By")
_LAST: dict[object, tuple[PlacedChange, tuple[object, ...], tuple[Finding, ...]]] = {}
"""What each part of the judging said last: an admission asks what the check and the proposal before it asked."""


def _judged_once(
    judge: Callable[[PlacedChange, Unpack[_By]], tuple[Finding, ...]], step: PlacedChange, *by: *_By
) -> tuple[Finding, ...]:
    """Findings, judged anew unless all that they follow from is what it was the last time.

    Args:
        judge: what judges.
        step: the change.
        by: what else is looked at.
    """
    last = _LAST.get(judge)
    if last is not None and last[1] == by and _is_same(last[0], step):
        return last[2]
    found = judge(step, *by)
    if not any(one.refuses or one.is_undecided for one in found):  # a rule that had no answer is asked again
        _LAST[judge] = step, by, found
    return found


def _is_same(one: PlacedChange, two: PlacedChange) -> bool:
    """Whether two changes are judged alike; revisions and what was reserved only say when facts were read."""
    if (one.stack_id, one.demand, one.seats) != (two.stack_id, two.demand, two.seats):
        return False
    return replace(one.facts, revisions={}, held=()) == replace(two.facts, revisions={}, held=())


def _judged(
    step: PlacedChange, addresses: Mapping[str, Mapping[str, str]], unplaced: Mapping[str, str]
) -> tuple[Finding, ...]:
    facts, demand = step.facts, step.demand
    findings = list(
        judge_racks(step.earlier, step.after, party=demand.party, racks=step.racks, operates=bool(demand.assets))
    )
    findings += facts.handed
    if demand.assets and facts.base is not None:
        findings = [with_contacts(finding, facts.base.zone, demand.party) for finding in findings]
    if facts.beneath:
        from zonewright.ledger.deciding.beneath import beneath_findings  # noqa: PLC0415 - rarely needed

        findings += beneath_findings(facts.beneath, demand, step.seats, since=facts.admitted_at)
    findings += rename_findings(facts.renames, demand)
    given, short = step.given or given_addresses(
        facts.sites, facts.taken, demand, step.seats.keys(), readable(addresses)
    )
    findings += unplaced_findings(demand, step.seats.keys(), unplaced)
    findings += short_findings(demand, short)
    findings += address_findings(facts, demand, step.seats.keys() - short.keys(), addresses, given)
    return tuple(findings)


def judge_whole(step: PlacedChange, base: ZoneBase | None) -> tuple[Finding, ...]:
    """Findings beyond the racks of a change, against the zone as it is now.

    Args:
        step: the change.
        base: the zone as a whole; it may be newer than the facts.
    """
    return () if base is None else _judged_once(_whole_judged, step, base)


def _whole_judged(step: PlacedChange, base: ZoneBase) -> tuple[Finding, ...]:
    told = _renames_told(step.demand, base)
    base = replace(base, renamed=step.facts.renames.nodes)
    zone = replace(base.after(step.demand, step.seats), measured=step.facts.measured)
    found = judge_zone(base.before(), replace(step.after, zone=zone), party=step.demand.party, racks=step.racks)
    return (*told, *found)


def _renames_told(demand: Demand, base: ZoneBase) -> tuple[Finding, ...]:
    """What is said of names of assets, of those that it brings and those that it uses."""
    if not (demand.assets or demand.formerly):
        return ()
    own = {name for name, is_leaving in base.own.assets.items() if not is_leaving}
    leaving = base.own.assets.keys() - own
    others = base.others.assets.keys()
    renames = asset_renames(demand, own=own, leaving=leaving, others=others, former=base.former)
    return tuple(asset_rename_findings(renames, demand, used=demand.formerly))


def answer(findings: Iterable[Finding], base: ZoneBase | None, on: str) -> tuple[Finding, ...]:
    """Findings with their waivers, worst first.

    Args:
        findings: all findings of a change.
        base: the zone with its registered waivers.
        on: the day, as ``2026-07-01``.
    """
    found = worst_first(findings)
    return found if base is None else with_waivers(found, base.zone, on)


def _unknown_sites(facts: Facts, demand: Demand) -> dict[str, str]:
    """Why nodes at sites that nobody has brought in have no place; with the operator, where the zone has one only."""
    parties = facts.base.zone.parties if facts.base is not None else {}
    operators = [name for name, party in parties.items() if "facility-operator" in party.roles]
    whose = f"; {operators[0]} brings it in" if len(operators) == 1 else ""
    return {
        node.name: f"site {wanted.cluster.site} {NOT_BROUGHT_IN}{whose}"
        for cluster_id, wanted in demand.clusters.items()
        if wanted.cluster.site not in facts.sites
        for node in nodes_of(cluster_id, wanted.cluster)
    }


def _assets_line(demand: Demand) -> str:
    kinds = Counter(item.kind for item in demand.assets.values())
    parts = []
    if kinds["site"]:
        sites = sorted(name for name, item in demand.assets.items() if item.kind == "site")
        parts.append(f"{count_of(kinds['row'], 'row')} at {listed(sites)}")
    if kinds["duct"] or kinds["link"]:
        parts.append(f"{count_of(kinds['duct'], 'duct')} and {count_of(kinds['link'], 'link')}")
    return ", ".join(parts)


def summary(demand: Demand, seats: Mapping[str, RackPosition], facts: Facts) -> str:
    """One line: what the change holds at each site, and how much of it is new, moves or goes."""
    if demand.assets and not demand.clusters:
        return _assets_line(demand)
    units: Counter[str] = Counter()
    watts: Counter[str] = Counter()
    for cluster_id, wanted in demand.clusters.items():
        placed = sum(1 for node in nodes_of(cluster_id, wanted.cluster) if node.name in seats)
        units[wanted.cluster.site] += placed * wanted.node_type.u_height
        watts[wanted.cluster.site] += placed * wanted.node_type.allocated_draw
    held = (
        "; ".join(f"{units[site]:,} U, {watts[site] / 1000:,.1f} kW at {site}" for site in sorted(units)) or "nothing"
    )
    new = sum(1 for name in seats if name not in facts.seats)
    moved = sum(1 for name, seat in seats.items() if name in facts.seats and facts.seats[name] != seat)
    gone = sum(1 for name in facts.seats if name not in seats)
    renamed = f", {len(facts.renames.nodes)} renamed" if facts.renames.nodes else ""
    return f"{held} ({new} new, {moved} moved, {gone} leaving{renamed})"

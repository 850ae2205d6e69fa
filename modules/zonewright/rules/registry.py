"""All rules in one tuple, and the one evaluation that check, preview, admission and placement share."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from zonewright.model.world import Occupant, World
from zonewright.rules import (
    backup,
    bandwidth,
    connections,
    cores,
    distances,
    energy,
    feeds,
    land,
    leases,
    n_minus,
    names,
    neighbours,
    network,
    offers,
    phases,
    pue_gate,
    quotas,
    reuse,
    rings,
    room_load,
    rooms,
    sharing,
    spread,
    stations,
    stranded,
    supply,
    units,
)
from zonewright.rules.elsewhere import Elsewhere
from zonewright.rules.finding import Finding
from zonewright.rules.rule import Reach, Rule
from zonewright.rules.view import View, view_of

RULES: tuple[Rule, ...] = (
    units.RACK_EXISTS,
    units.UNIT_RANGE,
    units.UNIT_OVERLAP,
    offers.OFFERED_PLACE,
    offers.OFFERED_POWER,
    leases.LEASE_TERM,
    feeds.RACK_WEIGHT,
    feeds.FEED_CAPACITY,
    feeds.FEED_FAILOVER,
    spread.SPREAD,
    n_minus.N_MINUS,
    neighbours.APART,
    neighbours.TOGETHER,
    distances.DISTANCE,
    neighbours.EXCLUSIVE,
    neighbours.CLASS_SEPARATION,
    feeds.FEED_KEPT,
    feeds.FEED_FAILED,
    phases.PHASE_LOAD,
    phases.PHASE_BALANCE,
    supply.DUAL_POWER,
    supply.SINGLE_LOSS,
    supply.SUPPLY_CAPACITY,
    supply.SUPPLY_RATING,
    rooms.ROOM_COOLING,
    room_load.RACK_COOLING,
    rooms.FILL_BEFORE_OPEN,
    room_load.COOLING_CAPACITY,
    room_load.ROOM_DENSITY,
    stranded.STRANDED,
    supply.FEED_DIVERSITY,
    energy.DESIGN_PUE,
    pue_gate.PUE_GATE,
    energy.CONNECTION_CAPACITY,
    energy.ENERGY_QUOTA,
    land.LAND_QUOTA,
    backup.BACKUP_POWER,
    quotas.QUOTA,
    energy.ZONE_UTILIZATION,
    sharing.SITE_SHARING,
    stations.TOWER_REUSE,
    stations.STATION_DISTANCE,
    stations.COVERAGE,
    names.NAME_OWNER,
    network.LINK_ROUTE,
    network.DUCT_BORES,
    offers.OFFERED_BORES,
    cores.LINK_CORES,
    cores.OFFERED_CORES,
    reuse.REUSE_FIRST,
    rings.RING_CLOSED,
    connections.SRLG_DISJOINT,
    connections.LATENCY_BUDGET,
    bandwidth.BANDWIDTH_AFTER_FAILURE,
)
"""In the order of the reference page: single racks, clusters, the zone, the network."""


class WorldJudge(Protocol):
    """What judges a world: :func:`evaluate`, or one that adds the zone's own rules to it."""

    def __call__(
        self, world: World, *, racks: Collection[str] | None = None, reach: Reach | None = None
    ) -> tuple[Finding, ...]:
        """All findings of a world, worst first."""


def evaluate(
    world: World,
    *,
    racks: Collection[str] | None = None,
    reach: Reach | None = None,
    further: Sequence[Rule] = (),
) -> tuple[Finding, ...]:
    """All findings of a world, worst first; the order of the world's parts makes no difference.

    Args:
        world: the facts; the clusters that are to be judged are ``world.clusters``.
        racks: ids of the racks to be judged; None judges all.
        reach: only the rules of this reach; None for all.
        further: rules beside those of zonewright.
    """
    view = view_of(world, racks)
    chosen = (rule for rule in (*RULES, *further) if reach in (None, rule.reach))
    found = [pair for rule in chosen for pair in _apply(rule, view)]
    found.sort(key=lambda pair: (pair[0].rule, pair[0].subject, pair[0].where, pair[0].message))
    found.sort(key=lambda pair: pair[0].severity)
    elsewhere = Elsewhere(view)
    return tuple(
        replace(finding, fix=elsewhere.fix(finding.fix, moving)) if moving else finding for finding, moving in found
    )


def _apply(rule: Rule, view: View) -> Iterator[tuple[Finding, tuple[Occupant, ...]]]:
    level = (view.zone.zone.level(rule.id) if view.zone is not None else None) or rule.level
    for breach in rule.function(view):
        finding = Finding(
            rule=rule.id,
            level=breach.level or level,
            subject=breach.subject,
            where=breach.where,
            message=breach.message,
            value=breach.value,
            limit=breach.limit,
            unit=breach.unit,
            excess=breach.excess,
            participants=breach.participants,
            fix=breach.fix,
            reference=rule.reference,
        )
        yield finding, breach.moving

"""What a change does to each site that it touches: kilowatts, rack units, and the projected energy ratio."""

from collections import Counter
from collections.abc import Mapping

from zonewright.ledger.deciding.facts import Facts
from zonewright.ledger.deciding.zone_parts import Part, RowSums, wanted_part
from zonewright.ledger.protocol.admission_messages import Impact
from zonewright.model.demand import Demand
from zonewright.model.expand import nodes_of
from zonewright.model.rack_position import RackPosition
from zonewright.model.world import ZoneFacts
from zonewright.rules.energy_state import ratio_text, state_of
from zonewright.rules.site_power import rooms_of


def impact_of(facts: Facts, demand: Demand, seats: Mapping[str, RackPosition]) -> dict[str, Impact]:
    """By site, what there is with the change less what there is now; a site where nothing changes is left out.

    Args:
        facts: what was gathered.
        demand: what the stack wants.
        seats: places by node name.
    """
    watts, units = _claimed(facts, demand, seats)
    capacity_w: Counter[str] = Counter()
    capacity_units: Counter[str] = Counter()
    if facts.base is not None:
        for part, sign in ((facts.base.own, -1), (wanted_part(demand, facts.base.stack_id), 1)):
            for site, row in _rows(part):
                watts[site] += sign * row.baseline_w
                units[site] += sign * row.baseline_units
                capacity_w[site] += sign * row.design_w
                capacity_units[site] += sign * row.units
    before = facts.base.before() if facts.base is not None else None
    after = facts.base.after(demand, seats) if facts.base is not None else None
    own_sites = {name for name, item in demand.assets.items() if item.kind == "site"}
    found = {
        site: Impact(
            kw=watts[site] / 1000,
            units=units[site],
            capacity_kw=capacity_w[site] / 1000,
            capacity_units=capacity_units[site],
            ratio_before=_ratio(before, site, facts),
            ratio_after=_ratio(after, site, facts, since=before),
        )
        for site in sorted({*watts, *units, *capacity_w, *own_sites})
    }
    return {site: item for site, item in found.items() if _is_change(item)}


def _is_change(item: Impact) -> bool:
    counts = (item.kw, item.units, item.capacity_kw, item.capacity_units)
    return any(counts) or item.ratio_before != item.ratio_after


def _claimed(facts: Facts, demand: Demand, seats: Mapping[str, RackPosition]) -> tuple[Counter[str], Counter[str]]:
    watts: Counter[str] = Counter()
    units: Counter[str] = Counter()
    for item in facts.own:
        site = item.rack.partition("/")[0]
        watts[site] -= item.draw.allocated_w
        units[site] -= item.u_height
    for cluster_id, wanted in demand.clusters.items():
        for node in nodes_of(cluster_id, wanted.cluster):
            if node.name in seats:
                watts[wanted.cluster.site] += wanted.node_type.allocated_draw
                units[wanted.cluster.site] += wanted.node_type.u_height
    return watts, units


def _rows(part: Part) -> list[tuple[str, RowSums]]:
    return [(name.partition("/")[0], row) for (_, name), row in part.rows.items()]


def _ratio(zone: ZoneFacts | None, site_id: str, facts: Facts, *, since: ZoneFacts | None = None) -> str | None:
    """Energy ratio of the next twelve months by the load model, five decimals; None where it is not known."""
    held = zone.sites.get(site_id) if zone is not None else None
    if zone is None or held is None or held.site.overhead is None:
        return None
    state = state_of(
        held,
        rooms_of(zone).get(site_id, {}),
        facts.measured.get(site_id),
        since=rooms_of(since).get(site_id, {}) if since is not None else None,
    )
    return None if state.ratio is None else ratio_text(state.ratio)

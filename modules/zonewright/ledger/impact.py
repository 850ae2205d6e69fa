"""What a change does to each site that it touches: kilowatts, rack units, and the projected energy ratio."""

from collections import Counter
from collections.abc import Mapping

from zonewright.ledger.facts import Facts
from zonewright.ledger.messages import Impact, SeatData
from zonewright.model.demand import Demand
from zonewright.model.expand import nodes_of
from zonewright.model.world import ZoneFacts
from zonewright.rules.energy import rooms_of
from zonewright.rules.energy_state import state_of


def impact_of(facts: Facts, demand: Demand, seats: Mapping[str, SeatData]) -> dict[str, Impact]:
    """By site, what is claimed with the change less what is claimed now; a site where nothing changes is left out.

    Args:
        facts: what was gathered.
        demand: what the stack wants.
        seats: places by node name.
    """
    watts: Counter[str] = Counter()
    units: Counter[str] = Counter()
    for item in facts.own:
        site = item.rack.split("/", 1)[0]
        watts[site] -= item.draw.allocated_w
        units[site] -= item.u_height
    for cluster_id, wanted in demand.clusters.items():
        for node in nodes_of(cluster_id, wanted.cluster):
            if node.name in seats:
                watts[wanted.cluster.site] += wanted.node_type.allocated_draw
                units[wanted.cluster.site] += wanted.node_type.u_height
    before = facts.base.before() if facts.base is not None else None
    after = facts.base.after(demand, seats) if facts.base is not None else None
    return {
        site: Impact(
            kw=watts[site] / 1000,
            units=units[site],
            ratio_before=_ratio(before, site, facts),
            ratio_after=_ratio(after, site, facts, since=before),
        )
        for site in sorted(watts.keys() | units.keys())
        if watts[site] or units[site]
    }


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
    return None if state.ratio is None else f"{float(state.ratio):.5f}"

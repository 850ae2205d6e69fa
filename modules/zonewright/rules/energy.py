"""Rules about energy and fill, over sites, districts and the zone: design PUE, connection, quota, utilisation."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from zonewright.model.world import RoomTotals, SiteFacts, ZoneFacts
from zonewright.rules.finding import Participant
from zonewright.rules.rule import Rule
from zonewright.rules.site_power import KILO, committed_power, data_centres, design_power, is_in_scope, size_class
from zonewright.rules.view import Breach, View

HOURS_PER_YEAR = 8_760
MEGA = 1_000_000


def design_pue(view: View) -> Iterator[Breach]:
    """A newly built large or mega data centre is designed within the limit of the energy ratio."""
    limit = view.zone.zone.limit("design-pue") if view.zone is not None else None
    if view.zone is None or limit is None:
        return
    thousandths = round(limit.value * KILO)
    for site_id, site, rooms in data_centres(view.zone):
        power = design_power(site, rooms)
        if not is_in_scope(site, power.it_w, limit.applies_from):
            continue
        size = size_class(power.it_w)
        if power.total_w is None:
            yield _no_overhead(site_id, site, "its design PUE")
        elif power.total_w * KILO > power.it_w * thousandths:
            allowed = power.it_w * thousandths // KILO
            # Rounded up, so that a breach never prints as the limit itself.
            ratio = -(-power.total_w * 10_000 // power.it_w) / 10_000
            yield Breach(
                subject=site_id,
                where=f"sites.{site_id}.overhead",
                message=(
                    f"{site_id} ({size}, {_kw(power.it_w)} of IT by design) is designed for a PUE of {ratio:.4f}, "
                    f"limit {limit.value:g}: {_kw(power.total_w)} in all, {_kw(power.total_w - allowed)} too much"
                ),
                value=power.total_w,
                limit=allowed,
                unit="W",
                excess=power.total_w - allowed,
                participants=(Participant(party=site.owner, name=site_id),),
                fix=(
                    f"lower plant, rooms and slope by {_kw(power.total_w - allowed)} at full load, or do not open the "
                    "room that adds most"
                ),
            )


DESIGN_PUE = Rule(
    id="design-pue",
    title=("A newly built large or mega data centre is designed within the limit of the energy ratio."),
    level="no-worse",
    description=(
        "The ratio is total power over IT power at full design load. Total power is IT, plant, the fixed "
        "part of each room that counts, and slope times IT. A data centre is large from 3,000 standard racks "
        "of 2.5 kW on, and mega from 10,000 on, counted by design IT power and not by cabinets. A site is "
        "newly built if it was commissioned on the limit's `applies_from` or later, or if it has no date. "
        "Whole watts are compared, never a rounded ratio. Planned rooms count after something draws power in "
        "them."
    ),
    unit="W",
    reference="NDRC letter Fa Gai Gao Ji [2022] No. 211 (PUE within 1.25); GB 40879-2021 (scope, standard rack)",
    function=design_pue,
    reach="zone",
)


def _no_overhead(site_id: str, site: SiteFacts, what: str) -> Breach:
    return Breach(
        subject=site_id,
        where=f"sites.{site_id}",
        message=f"{site_id} declares no overhead, so {what} cannot be judged; an unknown value never counts as good",
        participants=(Participant(party=site.owner, name=site_id),),
        fix="declare 'overhead' with plant_kw and slope, and fixed_kw of each room",
    )


def _by_district(facts: ZoneFacts) -> Iterator[tuple[str, list[tuple[str, SiteFacts, Mapping[str, RoomTotals]]]]]:
    members: dict[str, list[tuple[str, SiteFacts, Mapping[str, RoomTotals]]]] = defaultdict(list)
    for site_id, site, rooms in data_centres(facts):
        members[site.site.district].append((site_id, site, rooms))
    yield from sorted(members.items())


def connection_capacity(view: View) -> Iterator[Breach]:
    """The data centres of a district, at full design load, are within what the grid grants it."""
    for district, members in _by_district(view.zone) if view.zone is not None else ():
        declared = view.zone.zone.districts.get(district) if view.zone is not None else None
        if declared is None or declared.connection_capacity_kw is None:
            continue
        powers = {site_id: design_power(site, rooms) for site_id, site, rooms in members}
        yield from (
            _no_overhead(site_id, site, f"the connection of district {district}")
            for site_id, site, _ in members
            if powers[site_id].total_w is None
        )
        value = -(-sum(power.total_w or power.it_w for power in powers.values()) // KILO)
        limit = declared.connection_capacity_kw
        if value > limit:
            parts = ", ".join(f"{name} {_kw(power.total_w or power.it_w)}" for name, power in sorted(powers.items()))
            yield _over_district(
                district,
                members,
                f"data centres of {district} take {value:,} kW at full design load ({parts}) of {limit:,} kW that the "
                f"grid grants: {value - limit:,} kW too much",
                value=value,
                limit=limit,
                unit="kW",
                fix=f"build {value - limit:,} kW less, or ask for a larger connection of {district} first",
            )


CONNECTION_CAPACITY = Rule(
    id="connection-capacity",
    title="At full design load, a district's data centres take no more power than the grid grants.",
    level="no-worse",
    description=(
        "Value is the design IT power and overhead of the district's data centres. Edge sites have their own "
        "supply and do not count."
    ),
    unit="kW",
    reference="the grid connection of each district, `connection_capacity_kw` with its `source` in zone.yaml",
    function=connection_capacity,
    reach="zone",
)


def energy_quota(view: View) -> Iterator[Breach]:
    """The data centres of a district, with what is claimed, are within its energy for a year."""
    for district, members in _by_district(view.zone) if view.zone is not None else ():
        declared = view.zone.zone.districts.get(district) if view.zone is not None else None
        if declared is None or declared.energy_quota_mwh is None:
            continue
        powers = {site_id: committed_power(site, rooms) for site_id, site, rooms in members}
        yield from (
            _no_overhead(site_id, site, f"the energy of district {district}")
            for site_id, site, _ in members
            if powers[site_id].total_w is None
        )
        watts = sum(power.total_w or power.it_w for power in powers.values())
        value, limit = -(-watts * HOURS_PER_YEAR // MEGA), declared.energy_quota_mwh
        if value > limit:
            yield _over_district(
                district,
                members,
                f"data centres of {district} take {value:,} MWh in a year of {HOURS_PER_YEAR:,} h with what is claimed "
                f"({_kw(watts)}), of a quota of {limit:,} MWh: {value - limit:,} MWh too much",
                value=value,
                limit=limit,
                unit="MWh",
                fix=f"claim {-(-(value - limit) * MEGA // (HOURS_PER_YEAR * KILO)):,} kW less, or use another district",
            )


ENERGY_QUOTA = Rule(
    id="energy-quota",
    title="With all claims, a district's data centres stay within its energy quota for a year.",
    level="no-worse",
    description=(
        "Value is the energy of 8,760 h: claims, reservations for days and baseline of the data centres with their "
        "budgeted draw, "
        "plant, the fixed part of each open room, and slope."
    ),
    unit="MWh",
    reference="the energy quota of each district, `energy_quota_mwh` with its `source` in zone.yaml",
    function=energy_quota,
    reach="zone",
)


def _over_district(
    district: str,
    members: list[tuple[str, SiteFacts, Mapping[str, RoomTotals]]],
    message: str,
    *,
    value: int,
    limit: int,
    unit: str,
    fix: str,
) -> Breach:
    """The operator with the largest design is asked to act."""
    largest = max(members, key=lambda member: (sum(room.design_w for room in member[2].values()), member[0]))
    ordered = [largest, *(member for member in members if member is not largest)]
    return Breach(
        subject=district,
        where=f"sites.{largest[0]}",
        message=message,
        value=value,
        limit=limit,
        unit=unit,
        excess=value - limit,
        participants=tuple(Participant(party=site.owner, name=site_id) for site_id, site, _ in ordered),
        fix=fix,
    )


def zone_utilization(view: View) -> Iterator[Breach]:
    """Claimed IT power over design IT power of all data centres, weighted by power, reaches the limit."""
    limit = view.zone.zone.limit("zone-utilization") if view.zone is not None else None
    if view.zone is None or limit is None:
        return
    fills = {
        site_id: (sum(r.contracted_w for r in rooms.values()), sum(r.design_w for r in rooms.values()))
        for site_id, _, rooms in data_centres(view.zone)
    }
    used, design = sum(one for one, _ in fills.values()), sum(two for _, two in fills.values())
    thousandths = round(limit.value * KILO)
    if design == 0 or used * KILO >= design * thousandths:
        return
    least = min(
        sorted(name for name, (_, two) in fills.items() if two), key=lambda name: fills[name][0] / fills[name][1]
    )
    value = used * KILO // design
    missing = -(-design * thousandths // KILO) - used
    yield Breach(
        subject=view.zone.zone.zone,
        where=f"sites.{least}",
        message=(
            f"the zone's data centres use {_kw(used)} of {_kw(design)} by design, {100 * used / design:.1f} % "
            f"(weighted), limit {100 * limit.value:g} %: {_kw(missing)} missing; the least filled is {least} with "
            f"{100 * fills[least][0] / fills[least][1]:.1f} %"
        ),
        value=value,
        limit=thousandths,
        unit="per mille",
        excess=thousandths - value,
        participants=(Participant(party=view.zone.sites[least].owner, name=least),),
        fix="fill what is built before more is built, or keep the new room planned until it is needed",
    )


ZONE_UTILIZATION = Rule(
    id="zone-utilization",
    title="The zone uses what is built: claimed power over design IT power, weighted.",
    level="no-worse",
    description=(
        "Value is the sum of claims and baseline over the sum of design IT power of all data centres. A mean "
        "of the sites' percentages would be wrong. Only a change that adds design power to a site of the "
        "ledger is refused. A site that is new to the ledger is inventory."
    ),
    unit="per mille",
    reference="NDRC letter Fa Gai Gao Ji [2022] No. 211: average rack utilisation of at least 65 %",
    function=zone_utilization,
    reach="zone",
)


def _kw(watts: int) -> str:
    return f"{watts / KILO:,.3f}".rstrip("0").rstrip(".") + " kW"

"""What each district has and what is taken of it: racks built, grants of the grid, quotas, land; with its history."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from sqlalchemy import Connection, func, select

from zonewright.ledger.deciding.zone_facts import ZoneBase
from zonewright.ledger.store.engines.dialect import words_of
from zonewright.ledger.store.tables import asset, claim
from zonewright.model.offer import Offer
from zonewright.model.world import ZoneFacts
from zonewright.rules.energy import HOURS_PER_YEAR
from zonewright.rules.exhaustion import DistrictResource, Lump
from zonewright.rules.quotas import counts
from zonewright.rules.site_power import committed_power, data_centres, rooms_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KILO, _MEGA = 1_000, 10**6


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What a stack of a party brought to a site on a day: watts and rack units of nodes that still stand there."""

    party: str
    site: str
    day: int
    watts: int
    units: int


def day_number(text: str) -> int:
    """Days since 1970 of a day or moment in ISO 8601."""
    return (datetime.fromisoformat(f"{text[:10]}T00:00:00+00:00") - _EPOCH) // timedelta(days=1)


def brought(connection: Connection, today: int) -> list[Brought]:
    """All that stands, by stack and day; what has no resource yet is of today.

    What was freed since is not known any more, so growth is rather taken for too fast.
    """
    day = func.substr(claim.c.active_since, 1, 10)
    height = words_of(connection).number_in(claim.c.data, "node_type", "u_height")
    by = (claim.c.stack_id, claim.c.party, claim.c.site, day)
    query = (
        select(claim.c.party, claim.c.site, day, func.sum(claim.c.draw_w), func.sum(height))
        .where(claim.c.state.in_(("admitted", "active")))
        .group_by(*by)
        .order_by(*by)
    )
    return [
        Brought(
            party=party,
            site=site,
            day=today if since is None else day_number(since),
            watts=int(watts),
            units=int(units or 0),
        )
        for party, site, since, watts, units in connection.execute(query)
    ]


def sites_since(connection: Connection) -> dict[str, int]:
    """Since which day each site is active; one that has no resource yet is left out."""
    query = select(asset.c.name, func.min(asset.c.active_since)).where(
        asset.c.kind == "site", asset.c.state == "active", asset.c.active_since.is_not(None)
    )
    return {name: day_number(since) for name, since in connection.execute(query.group_by(asset.c.name))}


def district_resources(
    base: ZoneBase,
    facts: ZoneFacts,
    came: Sequence[Brought],
    offers: Iterable[Offer],
    *,
    since: Mapping[str, int],
    today: int,
) -> Iterator[DistrictResource]:
    """The resources of each district, in order.

    Args:
        base: the parts of the zone.
        facts: the zone as it is.
        came: what stands, with its days.
        offers: all that is offered.
        since: since which day each site is active.
        today: days since 1970.
    """
    sites: dict[str, list[str]] = defaultdict(list)
    for site_id, site in sorted(facts.sites.items()):
        sites[site.site.district].append(site_id)
    known = list(offers)
    for district in sorted(facts.zone.districts):
        here = frozenset(sites[district])
        promised = list(_promised(known, here, today))
        yield from _built(district, base, facts, [one for one in came if one.site in here], promised, here)
        yield from _granted(district, facts, came)
        yield from _quotas(district, facts, came, promised)
        yield from _land(district, facts, here, since, today)


def _built(  # noqa: PLR0917 - private
    district: str,
    base: ZoneBase,
    facts: ZoneFacts,
    came: Sequence[Brought],
    promised: Sequence[Lump],
    here: frozenset[str],
) -> Iterator[DistrictResource]:
    """Power with one feed lost, and rack units, of the racks that are built."""
    rooms = [sums for room, sums in facts.rooms.items() if room.partition("/")[0] in here]
    design = sum(sums.design_w for sums in rooms)
    if design:
        yield DistrictResource(
            district=district,
            name="built it_kw",
            unit="kW",
            limit=Fraction(design, _KILO),
            used=Fraction(sum(sums.contracted_w + sums.reserved_w for sums in rooms), _KILO),
            lumps=[Lump(one.day, Fraction(one.watts, _KILO)) for one in came],
            promised=promised,
        )
    rows = [
        row
        for part in (base.others, base.own)
        for (_, name), row in part.rows.items()
        if name.partition("/")[0] in here and not row.is_planned
    ]
    if rows:
        held = sum(
            data["node_type"]["u_height"]
            for one in base.reserved
            for data in one.claims.values()
            if data["rack"].partition("/")[0] in here
        )
        yield DistrictResource(
            district=district,
            name="built units",
            unit="U",
            limit=Fraction(sum(row.units for row in rows)),
            used=Fraction(sum(row.baseline_units for row in rows) + sum(one.units for one in came) + held),
            lumps=[Lump(one.day, Fraction(one.units)) for one in came],
        )


def _granted(district: str, facts: ZoneFacts, came: Sequence[Brought]) -> Iterator[DistrictResource]:
    """Power and energy that the grid grants to the data centres, with their overhead."""
    declared, rooms = facts.zone.districts[district], rooms_of(facts)
    centres = {name: site for name, site, _ in data_centres(facts) if site.site.district == district}
    powers = {name: committed_power(site, rooms.get(name, {})) for name, site in centres.items()}
    used_w = sum(one.total_w if one.total_w is not None else one.it_w for one in powers.values())
    slopes = {name: Fraction(str(site.site.overhead.slope)) for name, site in centres.items() if site.site.overhead}
    lumps = [Lump(one.day, one.watts * (1 + slopes.get(one.site, Fraction()))) for one in came if one.site in centres]
    for name, unit, limit, factor in (
        ("connection_capacity_kw", "kW", declared.connection_capacity_kw, Fraction(1, _KILO)),
        ("energy_quota_mwh", "MWh", declared.energy_quota_mwh, Fraction(HOURS_PER_YEAR, _MEGA)),
    ):
        if limit is not None:
            yield DistrictResource(
                district=district,
                name=name,
                unit=unit,
                limit=Fraction(limit),
                used=used_w * factor,
                lumps=[Lump(one.day, one.amount * factor) for one in lumps],
            )


def _quotas(
    district: str, facts: ZoneFacts, came: Sequence[Brought], promised: Sequence[Lump]
) -> Iterator[DistrictResource]:
    """What the zone's quotas of the district limit for all parties, or for some."""
    for quota_id, one in sorted(facts.zone.quotas.items()):
        if one.district != district:
            continue
        counted = [used for key, used in facts.usage.items() if counts(facts, one, *key)]
        lumps = [item for item in came if counts(facts, one, item.party, item.site)]
        watts, units = sum(used.watts for used in counted), sum(used.units for used in counted)
        energy = Fraction(HOURS_PER_YEAR, _MEGA)
        is_for_all = one.party is None and not one.sizes
        for name, unit, limit, used, amounts in (
            ("it_kw", "kW", one.it_kw, Fraction(watts, _KILO), [Fraction(item.watts, _KILO) for item in lumps]),
            ("energy_mwh", "MWh", one.energy_mwh, watts * energy, [item.watts * energy for item in lumps]),
            ("units", "U", one.units, Fraction(units), [Fraction(item.units) for item in lumps]),
        ):
            if limit is not None:
                yield DistrictResource(
                    district=district,
                    name=f"quota {quota_id} {name}",
                    unit=unit,
                    limit=Fraction(str(limit)),
                    used=used,
                    lumps=[Lump(item.day, amount) for item, amount in zip(lumps, amounts, strict=True)],
                    promised=promised if name == "it_kw" and is_for_all else (),
                )


def _land(
    district: str, facts: ZoneFacts, here: frozenset[str], since: Mapping[str, int], today: int
) -> Iterator[DistrictResource]:
    limit = facts.zone.districts[district].land_ha
    if limit is None:
        return
    taken = {name: Fraction(str(facts.sites[name].site.land_ha or 0)) for name in sorted(here)}
    yield DistrictResource(
        district=district,
        name="land_ha",
        unit="ha",
        limit=Fraction(str(limit)),
        used=sum(taken.values(), Fraction()),
        lumps=[Lump(since.get(name, today), amount) for name, amount in taken.items()],
    )


def _promised(offers: Iterable[Offer], here: frozenset[str], today: int) -> Iterator[Lump]:
    """Power of offers with a lease that begins later, from its first day on."""
    for offer in offers:
        if offer.site in here and offer.it_kw is not None:
            later = [day for day in (day_number(one.begins) for one in offer.leases) if day > today]
            if later:
                yield Lump(min(later), Fraction(str(offer.it_kw)))

"""The rule about quotas: what parties have claimed and reserved, against what the zone grants them."""

from collections.abc import Iterator, Mapping
from fractions import Fraction

from zonewright.model.world import Usage, ZoneFacts
from zonewright.model.zone import EnterpriseSize, Quota
from zonewright.rules.energy import HOURS_PER_YEAR, MEGA
from zonewright.rules.finding import Participant
from zonewright.rules.rule import Rule
from zonewright.rules.view import Breach, View
from zonewright.rules.words import amount, listed

_WATTS = 1000


def quota(view: View) -> Iterator[Breach]:
    """What is claimed and reserved in a district, by a party, or by a party in a district, is within its quota."""
    zone = view.zone
    for quota_id, one in sorted(zone.zone.quotas.items()) if zone is not None else ():
        counted = {key: used for key, used in zone.usage.items() if counts(zone, one, *key)} if zone else {}
        total = Usage(sum(used.watts for used in counted.values()), sum(used.units for used in counted.values()))
        parties = sorted({party for (party, _), used in counted.items() if used.watts or used.units})
        for kind, value, limit, unit in _figures(one, total):
            if value > limit:
                yield Breach(
                    subject=f"quota {quota_id} {kind}",
                    where="clusters",
                    message=f"quota {quota_id} ({_of(one)}) has {amount(limit, unit)}; claims and reservations would "
                    f"take {amount(value, unit)}, {amount(value - limit, unit)} too much",
                    value=value,
                    limit=limit,
                    unit=unit,
                    excess=value - limit,
                    participants=tuple(Participant(party=party, name="") for party in parties),
                    fix=f"ask for {amount(value - limit, unit)} less, free a reservation that is not needed, "
                    "or let nodes that leave be deleted first",
                )
        if one.scarce_from is not None:
            yield from _shares(view, quota_id, one, counted)


def _shares(view: View, quota_id: str, one: Quota, counted: Mapping[tuple[str, str], Usage]) -> Iterator[Breach]:
    """What is scarce goes to those first who have less than an equal share of it; nobody is thrown out."""
    by_party: dict[str, Usage] = {}
    for (party, _), used in counted.items():
        known = by_party.get(party, Usage())
        by_party[party] = Usage(known.watts + used.watts, known.units + used.units)
    sharing = {party: used for party, used in sorted(by_party.items()) if used.watts or used.units}
    total = Usage(sum(used.watts for used in sharing.values()), sum(used.units for used in sharing.values()))
    part = Fraction(str(one.scarce_from))  # as it is written: 0.57 of 100 is 57, and not a little less
    scarce = {kind for kind, value, limit, _ in _figures(one, total) if value > part * limit}
    for party, used in sharing.items() if scarce and len(sharing) > 1 else ():
        for kind, value, limit, unit in _figures(one, used) if view.acts(party) else ():
            share = limit // len(sharing)
            if kind in scarce and value > share:
                yield Breach(
                    subject=f"quota {quota_id} {kind} of {party}",
                    where="clusters",
                    message=f"quota {quota_id} ({_of(one)}) is scarce, and an equal share of it for each of "
                    f"{len(sharing)} parties is {amount(share, unit)}; {party} would take "
                    f"{amount(value, unit)}, {amount(value - share, unit)} too much",
                    value=value,
                    limit=share,
                    unit=unit,
                    excess=value - share,
                    participants=tuple(Participant(party=party, name="") for party in sharing),
                    fix=f"ask for {amount(value - share, unit)} less; those who have less than their share go first",
                )


QUOTA = Rule(
    id="quota",
    title="Claims and reservations stay within the quotas of districts and parties.",
    level="no-worse",
    description=(
        "Value is the sum over the nodes of all parties that the quota names, or that have one of its sizes (large "
        "where none is known): claimed, and reserved for days. A node "
        "that leaves counts until its resource is deleted. Power is the budgeted draw. Energy is that power for "
        "8,760 h, without overhead, rounded up. Baseline and racks of the operators do not count. Beyond `scarce_from` "
        "of a quota, a party takes no more than an equal share: the quota over the parties that have something in it."
    ),
    unit="W, MWh or U",
    reference="the quotas of the zone, `quotas` with their `source` in zone.yaml",
    function=quota,
    reach="zone",
    is_sum=True,
)


def counts(zone: ZoneFacts, one: Quota, party: str, site: str) -> bool:
    """Whether what a party has at a site counts for a quota."""
    facts = zone.sites.get(site)
    in_district = one.district is None or (facts is not None and facts.site.district == one.district)
    return in_district and one.party in (None, party) and (not one.sizes or _size_of(zone, party) in one.sizes)


def _size_of(zone: ZoneFacts, party: str) -> EnterpriseSize:
    """A party's size; one that is not known is large, so that nobody takes what is kept for small ones unseen."""
    known = zone.zone.parties.get(party)
    return "large" if known is None or known.size is None else known.size


def _figures(one: Quota, used: Usage) -> Iterator[tuple[str, int, int, str]]:
    """Kind, value, limit and unit of what a quota limits."""
    if one.it_kw is not None:
        yield "it_kw", used.watts, round(one.it_kw * _WATTS), "W"
    if one.energy_mwh is not None:
        yield "energy_mwh", -(-used.watts * HOURS_PER_YEAR // MEGA), one.energy_mwh, "MWh"
    if one.units is not None:
        yield "units", used.units, one.units, "U"


def _of(one: Quota) -> str:
    whose = one.party or (f"{listed(list(one.sizes))} parties" if one.sizes else "all parties")
    return f"{whose} in {one.district}" if one.district is not None else whose

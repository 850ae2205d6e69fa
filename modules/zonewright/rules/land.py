"""The rule about land: what the sites of a district take of what it has."""

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction

from zonewright.model.world import SiteFacts
from zonewright.rules.finding import Participant
from zonewright.rules.rule import Rule
from zonewright.rules.view import Breach, View

_SQUARE_METRES = 10_000


def land_quota(view: View) -> Iterator[Breach]:
    """The sites of a district take no more land together than it has."""
    by_district: dict[str, dict[str, SiteFacts]] = defaultdict(dict)
    for site_id, site in sorted(view.zone.sites.items()) if view.zone is not None else ():
        by_district[site.site.district][site_id] = site
    for district, sites in sorted(by_district.items()):
        declared = view.zone.zone.districts.get(district) if view.zone is not None else None
        if declared is None or declared.land_ha is None:
            continue
        taken = {name: _square_metres(site.site.land_ha or 0) for name, site in sites.items()}
        value, limit = sum(taken.values()), _square_metres(declared.land_ha)
        if value > limit:
            ordered = sorted(taken, key=lambda name: (-taken[name], name))
            parts = ", ".join(f"{name} {taken[name] / _SQUARE_METRES:g}" for name in ordered if taken[name])
            over = (value - limit) / _SQUARE_METRES
            yield Breach(
                subject=district,
                where=f"sites.{ordered[0]}.land_ha",
                message=f"sites of {district} take {value / _SQUARE_METRES:g} ha of land ({parts}) of "
                f"{declared.land_ha:g} ha: {over:g} ha too much",
                value=value,
                limit=limit,
                unit="m2",
                excess=value - limit,
                participants=tuple(Participant(party=sites[name].owner, name=name) for name in ordered),
                fix=f"take {over:g} ha less, or ask for more land in {district} first",
            )


LAND_QUOTA = Rule(
    id="land-quota",
    title="The sites of a district take no more land than it has.",
    level="no-worse",
    description="Value is the sum of `land_ha` of the district's sites, edge sites too. A site without it takes none.",
    unit="m2",
    reference="the land of each district, `land_ha` with its `source` in zone.yaml",
    function=land_quota,
    reach="zone",
)


def _square_metres(hectares: float) -> int:
    return round(Fraction(str(hectares)) * _SQUARE_METRES)

"""From the zone as a whole to what the configurations of some sites rest on."""

from collections.abc import Collection

from zonewright.model.surroundings import LOCAL_SERVICE, LinkEnds, Routing, Surroundings
from zonewright.model.world import ZoneFacts
from zonewright.rules.paths import BLIND_KINDS, risks_of


def surroundings_of(facts: ZoneFacts, sites: Collection[str]) -> Surroundings:
    """What the configurations of sites need of the zone around them.

    Args:
        facts: the zone as a whole.
        sites: ids of the sites.
    """
    limit, age = facts.zone.limit("design-pue"), facts.zone.limit("figure-age-days")
    return Surroundings(
        service=facts.zone.service or LOCAL_SERVICE,
        service_addresses=tuple(str(address) for address in facts.zone.service_addresses),
        ratio_limit=f"{limit.value:g}" if limit is not None else "",
        ratio_applies_from=(limit.applies_from or "") if limit is not None else "",
        figure_age_days=age.value if age is not None else 0,
        routing={
            site_id: Routing(
                as_number=held.site.as_number,
                networks=tuple(sorted(str(pool.prefix) for pool in held.site.address_pools.values())),
            )
            for site_id, held in sorted(facts.sites.items())
            if held.site.as_number is not None
        },
        links={
            link_id: LinkEnds(
                a=held.link.a,
                b=held.link.b,
                status=held.link.status,
                prefixes=tuple(str(prefix) for prefix in held.link.prefixes),
                risks=tuple(
                    sorted(f"{kind} {name}" for kind, name in risks_of(held.link, facts) if kind in BLIND_KINDS)
                    + (["whatever lies on its route, which is unknown"] if held.link.route == "unknown" else [])
                ),
                password=held.link.password or "",
            )
            for link_id, held in sorted(facts.links.items())
            if held.link.a in sites or held.link.b in sites
        },
    )

"""From the zone as a whole to what the configurations of some sites rest on."""

from collections import defaultdict
from collections.abc import Collection

from zonewright.model import Site
from zonewright.model.surroundings import LOCAL_SERVICE, LinkEnds, OtherEnd, Routing, Surroundings
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
            site_id: routing_of(held.site.as_number, held.site)
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
                drained=held.link.drained,
            )
            for link_id, held in sorted(facts.links.items())
            if held.link.a in sites or held.link.b in sites
        },
        stretched=_stretched(facts, sites),
        tenants=_tenants(facts, sites),
    )


def _stretched(facts: ZoneFacts, sites: Collection[str]) -> dict[str, tuple[OtherEnd, ...]]:
    """Where VLANs of some sites go on: at each site of theirs that names them, and says the same of the network."""
    ends = [
        (vlan.vni, vlan.tenant, frozenset(vlan.prefixes), vlan.sites, name, str(address))
        for name, held in sorted(facts.sites.items())
        for vlan in held.site.vlans.values()
        for address in held.site.loopbacks
        if vlan.vni is not None and address.version == 4  # noqa: PLR2004
    ]
    found: dict[str, list[OtherEnd]] = defaultdict(list)
    for vni, *own, wanted, name, _ in ends:
        for other, *theirs, agreed, site, address in ends if name in sites else ():
            if site in wanted and name in agreed and site != name and (vni, own) == (other, theirs):
                found[name].append(OtherEnd(site=site, vni=vni, address=address))
    return {name: tuple(others) for name, others in found.items()}


def _tenants(facts: ZoneFacts, sites: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Networks of tenants that have VLANs at some sites, at all sites of the zone."""
    known = {vlan.tenant for name in sites if name in facts.sites for vlan in facts.sites[name].site.vlans.values()}
    found: dict[str, set[str]] = defaultdict(set)
    for held in facts.sites.values():
        for pool in held.site.address_pools.values():
            tenant = held.site.vlans[pool.vlan].tenant if pool.vlan is not None else None
            if tenant is not None and tenant in known:
                found[tenant].add(str(pool.prefix))
    return {tenant: tuple(sorted(networks)) for tenant, networks in sorted(found.items())}


def routing_of(as_number: int, site: Site) -> Routing:
    """What other sites know of a site with an autonomous system.

    Args:
        as_number: number of its autonomous system.
        site: its declaration.
    """
    others = [str(one.prefix) for one in site.networks.values() if one.role != "upstream"]
    others += [f"{address}/{address.max_prefixlen}" for address in site.all_loopbacks.values()]
    gateways = [pool.gateway for pool in site.address_pools.values()]
    gateways += [one.gateway for one in site.networks.values() if one.role != "upstream"]
    return Routing(
        as_number=as_number,
        networks=tuple(sorted(str(pool.prefix) for pool in site.address_pools.values())),
        others=tuple(sorted(others)),
        defaults=tuple(sorted({address.version for address in site.default_gateways})),
        name_servers=tuple(map(str, site.name_servers)),
        time_servers=tuple(map(str, site.time_servers)),
        named=tuple(map(str, dict.fromkeys((*site.fixed_addresses, *gateways, *site.all_loopbacks.values())))),
        signing_key=site.dnssec.public_key if site.dnssec is not None else "",
        other_key=site.dnssec.other_public_key if site.dnssec is not None else "",
        is_stretched=any(vlan.vni is not None for vlan in site.vlans.values()),
    )

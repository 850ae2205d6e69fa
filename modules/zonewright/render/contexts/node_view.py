"""What all nodes of a stack at one site have in common, computed once for all of them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from zonewright.model import Site
from zonewright.model.surroundings import LOCAL_SERVICE, Surroundings
from zonewright.render.contexts.naming import address_ranges, domain_of
from zonewright.render.contexts.related import HomeSite, home_site
from zonewright.render.contexts.routing import of_version, prefix_order

SOURCES = 3
"""How many time servers tell a node which one of them is wrong."""
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Both:
    """Addresses, ranges or networks of both IP versions."""

    v4: tuple[str, ...] = ()
    v6: tuple[str, ...] = ()


def fellows_of(addresses: Iterable[Mapping[str, str]]) -> Both:
    """Ranges of the addresses of a stack's nodes, from their addresses with prefix length by pool id."""
    texts = [text.partition("/")[0] for of_node in addresses for text in of_node.values()]
    return Both(v4=address_ranges(texts, 4), v6=address_ranges(texts, 6))


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteView:
    """What all nodes of a stack at one site have in common; each list once for IPv4 and once for IPv6."""

    site_id: str
    site: Site
    party: str
    name_servers: tuple[str, ...]
    time_servers: tuple[str, ...]
    fellows: Both
    servers: Both
    zone: Both
    management: Both
    service: Both
    service_url: str
    service_port: int
    search_domain: str
    home: HomeSite


def site_view(*, site_id: str, site: Site, party: str, fellows: Both, around: Surroundings | None) -> SiteView:
    """What the nodes of a stack at one site have in common.

    Args:
        site_id: id of the site.
        site: its declaration; rooms are not looked at.
        party: whose nodes they are.
        fellows: all nodes of the stack.
        around: the zone around the site; without it, its own pools are all that is known of it.
    """
    networks = {str(pool.prefix) for pool in site.address_pools.values()}
    if around is not None:
        networks |= {text for routing in around.routing.values() for text in (*routing.networks, *routing.others)}
    time_servers = tuple(times_of(site_id, site, around))
    service_url = around.service if around is not None else LOCAL_SERVICE
    address = urlsplit(service_url)
    return SiteView(
        site_id=site_id,
        site=site,
        party=party,
        name_servers=tuple(str(one) for one in site.name_servers),
        time_servers=time_servers,
        fellows=fellows,
        servers=_both((*(str(one) for one in site.name_servers), *time_servers)),
        zone=_both(networks),
        management=_both(str(network) for network in site.management),
        service=_both(around.service_addresses if around is not None else ()),
        service_url=f"{service_url}/v1/metrics",
        service_port=address.port or PORTS[address.scheme],
        search_domain=domain_of(party, site_id),
        home=home_site(site_id, site),
    )


def times_of(site_id: str, site: Site, around: Surroundings | None) -> Iterator[str]:
    """The site's own time servers, and where they are fewer than three, one of each next site in order of id.

    With three sources a node finds out which one of them is wrong.
    """
    own = [str(one) for one in site.time_servers]
    yield from own
    known = around.routing if around is not None and own else {}
    after = sorted(known, key=lambda one: (one < site_id, one))
    yield from [known[one].time_servers[0] for one in after if one != site_id and known[one].time_servers][
        : max(0, SOURCES - len(own))
    ]


def _both(texts: Iterable[str]) -> Both:
    found = sorted(set(texts), key=prefix_order)
    return Both(v4=of_version(found, 4), v6=of_version(found, 6))

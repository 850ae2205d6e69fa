"""Whose each name is: what an asset is called and holds, for whom a name is reserved, and who had it first."""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network

from zonewright.model.asset import AnyAsset, DuctAsset, LinkAsset, SiteAsset
from zonewright.model.demand import Demand
from zonewright.model.world import NameFacts, NameKind
from zonewright.model.zone import Role, Zone

ROLE_OF: Mapping[str, Role] = {
    "sites": "facility-operator",
    "ducts": "network-operator",
    "links": "network-operator",
    "clusters": "tenant",
}
"""By section of an owner's file the role that its owner needs; rows are part of their site."""
_SECTION: Mapping[str, str] = {"site": "sites", "row": "sites", "duct": "ducts", "link": "links"}


def names_in(name: str, item: AnyAsset) -> tuple[tuple[NameKind, str, str], ...]:
    """What an asset holds: kind, name, and path in the declaration.

    Args:
        name: name of the asset, such as ``links/l03``.
        item: the asset.
    """
    id_ = name.rsplit("/", 1)[-1]
    if isinstance(item, SiteAsset):
        pools = item.site.address_pools.items()
        path = f"sites.{name}"
        networks = [(str(pool.prefix), f"{path}.address_pools.{key}.prefix") for key, pool in pools]
        networks += [
            (str(one.prefix), f"{path}.networks.{key}.prefix") for key, one in sorted(item.site.networks.items())
        ]
        loopbacks = item.site.all_loopbacks.items()
        networks += [(f"{one}/{one.max_prefixlen}", f"{path}.{where}") for where, one in loopbacks]
        hosts: list[tuple[NameKind, str, str]] = [("host", key, f"{path}.hosts.{key}") for key in item.site.hosts]
        return (("site", name, path), *hosts, *_networks(networks))
    if isinstance(item, DuctAsset):
        return (("duct", id_, f"ducts.{id_}"),)
    if isinstance(item, LinkAsset):
        path = f"links.{id_}"
        networks = [(str(one), f"{path}.prefixes.{index}") for index, one in enumerate(item.link.prefixes)]
        return (("link", id_, path), *_networks(networks))
    site, room, row = name.split("/")
    return (("row", name, f"sites.{site}.rooms.{room}.rows.{row}"),)


def _networks(networks: Iterable[tuple[str, str]]) -> Iterator[tuple[NameKind, str, str]]:
    for network, path in networks:
        yield "prefix", network, path


def sections_of(demand: Demand) -> frozenset[str]:
    """The sections of an owner's file that a demand has something of."""
    found = {_SECTION[item.kind] for item in demand.assets.values()}
    return frozenset(found | ({"clusters"} if demand.clusters else set()))


class Reserved:
    """The names that the zone's file reserves for parties.

    Args:
        zone: the administrator's file.
    """

    def __init__(self, zone: Zone) -> None:
        parties = sorted(zone.parties.items())
        self._patterns: Mapping[str, list[tuple[str, str]]] = {
            "site": [(pattern, name) for name, party in parties for pattern in party.names.sites],
            "duct": [(pattern, name) for name, party in parties for pattern in party.names.ducts],
            "link": [(pattern, name) for name, party in parties for pattern in party.names.links],
        }
        self._networks = [(network, name) for name, party in parties for network in party.names.prefixes]

    def party_of(self, kind: NameKind, name: str) -> str | None:
        """The party that an id is reserved for, or None; the longest pattern that fits decides.

        Args:
            kind: of what it is the name; a row has the party of its site, and networks are for ``may_use``.
            name: the name.
        """
        if kind == "row":
            kind, name = "site", name.partition("/")[0]
        fitting = [(len(pattern), party) for pattern, party in self._patterns.get(kind, ()) if _fits(pattern, name)]
        return max(fitting, key=lambda one: one[0])[1] if fitting else None

    def may_use(self, prefix: IPv4Network | IPv6Network, party: str) -> bool:
        """Whether no reserved network keeps a prefix from a party; of those around it the smallest decides."""
        found = [pair for pair in self._networks if pair[0].version == prefix.version and pair[0].overlaps(prefix)]
        around = [pair for pair in found if pair[0].prefixlen <= prefix.prefixlen]
        nearest = max(around, key=lambda pair: pair[0].prefixlen, default=None)
        within = (name for network, name in found if network.prefixlen > prefix.prefixlen)
        return (nearest is None or nearest[1] == party) and all(name == party for name in within)


def _fits(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def holders(zone: Zone, names: Iterable[NameFacts]) -> dict[tuple[NameKind, str], str]:
    """The stack that each name belongs to: of those who have it the one that it is reserved for, else the first."""
    reserved = Reserved(zone)
    best: dict[tuple[NameKind, str], tuple[tuple[bool, int, str], str]] = {}
    for one in names:
        key = (one.kind, one.name)
        rank = (reserved.party_of(*key) not in {None, one.party}, one.since, one.stack)
        if key not in best or rank < best[key][0]:
            best[key] = (rank, one.stack)
    return {key: stack for key, (_, stack) in best.items()}


def missing_roles(zone: Zone, demand: Demand) -> Iterator[tuple[str, Role]]:
    """Sections of a demand that its party may not declare, each with the role that it lacks; none of an unknown one."""
    party = zone.parties.get(demand.party)
    for section in sorted(sections_of(demand)):
        if party is not None and ROLE_OF[section] not in party.roles:
            yield section, ROLE_OF[section]


def offered_to_nobody(zone: Zone, demand: Demand) -> Iterator[tuple[str, str]]:
    """Offers of a demand with a party that they name and the zone has not."""
    for asset in demand.assets.values():
        for offer_id, offer in asset.offers.items() if isinstance(asset, SiteAsset | DuctAsset | LinkAsset) else ():
            yield from ((f"{offer_id}.{path}", party) for path, party in offer.named if party not in zone.parties)

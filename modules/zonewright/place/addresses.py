"""One address from each pool for each node: the lowest that is free, and the same one again as long as it may."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address

from zonewright.model.addresses import address_of
from zonewright.model.ip import Address
from zonewright.model.site_network import AddressPool

_V4 = 4
_HOST_PAIR = 2  # a network of two addresses has no network address and no broadcast (RFC 3021, RFC 6164)


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """What was assigned.

    Attributes:
        assigned: by node name and pool id, with prefix length, such as ``10.80.16.5/20``.
        short: ids of the pools that have no address left for a node, by its name, in order.
    """

    assigned: Mapping[str, Mapping[str, str]]
    short: Mapping[str, tuple[str, ...]]


def assign_addresses(
    pools: Mapping[str, AddressPool],
    names: Iterable[str],
    *,
    sticky: Mapping[str, Mapping[str, str]],
    taken: Mapping[str, Collection[str]],
    fixed: Collection[Address] = (),
) -> Addresses:
    """Give each node an address from each pool.

    Args:
        pools: by id.
        names: nodes, in any order; lower numbers get lower addresses.
        sticky: present addresses by node name and pool id; kept while they are in the pool and nobody else's.
        taken: addresses of others by pool id, with or without prefix length.
        fixed: addresses of servers that the site itself has.
    """
    ordered = sorted(dict.fromkeys(names), key=_natural)  # most often in order already, which sorts quickly
    assigned: dict[str, dict[str, str]] = {name: {} for name in ordered}
    short: dict[str, list[str]] = {}
    for pool_id, pool in sorted(pools.items()):
        present = {name: sticky[name][pool_id] for name in ordered if pool_id in sticky.get(name, ())} if sticky else {}
        servers = (int(one) for one in fixed if one.version == pool.prefix.version)
        others = _numbers(frozenset(taken.get(pool_id, ()))).union(servers)
        chosen = _from_pool(pool, ordered, present, others)
        text_of = _text_v4 if pool.prefix.version == _V4 else IPv6Address
        length = pool.prefix.prefixlen
        for name, number in chosen.items():
            assigned[name][pool_id] = f"{text_of(number)}/{length}"
        for name in ordered if len(chosen) < len(ordered) else ():
            if name not in chosen:
                short.setdefault(name, []).append(pool_id)
    return Addresses(assigned=assigned, short={name: tuple(short[name]) for name in ordered if name in short})


def _from_pool(
    pool: AddressPool, names: Iterable[str], present: Mapping[str, str], taken: Collection[int]
) -> dict[str, int]:
    hosts, leased = _hosts(pool), _leased(pool)
    used = {int(pool.gateway), *map(int, pool.taken), *taken}
    chosen: dict[str, int] = {}
    for name, text in present.items():
        number = _number(text)
        if number in hosts and number not in leased and number not in used and _version(text) == pool.prefix.version:
            chosen[name] = number
            used.add(number)
    waiting = [name for name in names if name not in chosen] if chosen else names
    chosen.update(zip(waiting, _free(hosts, used, leased), strict=False))
    return chosen


def _free(hosts: range, used: set[int], leased: range) -> Iterator[int]:
    """Free addresses from the lowest; no list of the pool is made."""
    before, after = range(hosts.start, min(hosts.stop, leased.start)), range(max(hosts.start, leased.stop), hosts.stop)
    for numbers in (before, after) if leased else (hosts,):
        for number in numbers:
            if number not in used:
                yield number


def _leased(pool: AddressPool) -> range:
    """Addresses that are the site's DHCP's."""
    return range(0) if pool.dynamic is None else range(int(pool.dynamic.first), int(pool.dynamic.last) + 1)


def _hosts(pool: AddressPool) -> range:
    """Addresses that a node may have: not the network's own, and not the broadcast of IPv4."""
    first, last = int(pool.prefix.network_address), int(pool.prefix.broadcast_address)
    if last - first < _HOST_PAIR:
        return range(first, last + 1)
    return range(first + 1, last if pool.prefix.version == _V4 else last + 1)


@lru_cache(maxsize=64)
def _numbers(texts: frozenset[str]) -> frozenset[int]:
    """Addresses as numbers; what others have at a site is the same set for many changes."""
    return frozenset(map(_number, texts))


@lru_cache(maxsize=65536)
def _number(text: str) -> int:
    return int(address_of(text.partition("/")[0]))


def _version(text: str) -> int:
    return address_of(text.partition("/")[0]).version


def _text_v4(number: int) -> str:
    """An address of IPv4 as the library writes it, which takes six times as long."""
    return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def _natural(name: str) -> tuple[str, int, str]:
    """``core-9999`` before ``core-10000``."""
    cluster, _, number = name.rpartition("-")
    return (cluster, len(number), number)

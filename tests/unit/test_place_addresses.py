"""Addresses: the lowest free ones, the same ones again, and none that a node may not have."""

from collections.abc import Mapping
from ipaddress import ip_network

from zonewright.model import AddressPool
from zonewright.place import addresses as placing
from zonewright.place import assign_addresses


def pool(prefix: str, gateway: str) -> AddressPool:
    """A pool."""
    return AddressPool.model_validate({"prefix": prefix, "gateway": gateway})


def v4(prefix: str, gateway: str, names: list[str], **given: Mapping[str, str]) -> dict[str, str]:
    """Addresses of one pool by name."""
    sticky = {name: {"p": text} for name, text in given.get("sticky", {}).items()}
    result = assign_addresses({"p": pool(prefix, gateway)}, names, sticky=sticky, taken={"p": given.get("taken", {})})
    return {name: addresses["p"] for name, addresses in result.assigned.items() if addresses}


def test_lowest_free_addresses_in_order_of_number() -> None:
    """Neither the network nor the gateway is given; node 10000 comes after node 9999."""
    assert v4("10.80.16.0/20", "10.80.16.1", ["core-10000", "core-9999", "core-001"]) == {
        "core-001": "10.80.16.2/20",
        "core-9999": "10.80.16.3/20",
        "core-10000": "10.80.16.4/20",
    }


def test_taken_and_present_addresses() -> None:
    """Addresses of others are passed over, with or without prefix length; present ones stay."""
    taken = {"10.0.0.2/24": "", "10.0.0.3": ""}
    assert v4("10.0.0.0/24", "10.0.0.1", ["a-1", "a-2"], taken=taken, sticky={"a-2": "10.0.0.4/24"}) == {
        "a-1": "10.0.0.5/24",
        "a-2": "10.0.0.4/24",
    }


def test_present_addresses_that_are_not_allowed_are_left() -> None:
    """Outside the pool, the gateway, the network, the broadcast, somebody else's, or a second node's: a new one."""
    for bad in ("10.9.0.9/24", "10.0.0.1/24", "10.0.0.0/24", "10.0.0.255/24", "10.0.0.7/24", "::a00:9/64"):
        found = v4("10.0.0.0/24", "10.0.0.1", ["a-1"], taken={"10.0.0.7": ""}, sticky={"a-1": bad})
        assert found == {"a-1": "10.0.0.2/24"}
    both = v4("10.0.0.0/24", "10.0.0.1", ["a-1", "a-2"], sticky={"a-1": "10.0.0.9/24", "a-2": "10.0.0.9/24"})
    assert both == {"a-1": "10.0.0.9/24", "a-2": "10.0.0.2/24"}


def test_prefix_length_follows_the_pool() -> None:
    """A pool that grew keeps the addresses and states the new length."""
    assert v4("10.0.0.0/16", "10.0.0.1", ["a-1"], sticky={"a-1": "10.0.0.9/24"}) == {"a-1": "10.0.0.9/16"}


def test_a_used_up_pool_is_said() -> None:
    """Nodes without an address are named in order; the others have theirs."""
    names = [f"a-{number}" for number in range(1, 9)]
    result = assign_addresses({"p": pool("10.0.0.0/29", "10.0.0.6")}, names, sticky={}, taken={})
    assert [result.assigned[name]["p"] for name in names[:5]] == [f"10.0.0.{last}/29" for last in range(1, 6)]
    assert result.short == {"a-6": ("p",), "a-7": ("p",), "a-8": ("p",)}
    assert result.assigned["a-8"] == {}


def test_small_networks() -> None:
    """A /31 and a /127 have two hosts; a /32 has one, which is the gateway's."""
    assert v4("10.0.0.0/31", "10.0.0.0", ["a-1"]) == {"a-1": "10.0.0.1/31"}
    assert v4("2001:db8::/127", "2001:db8::1", ["a-1"]) == {"a-1": "2001:db8::/127"}
    assert v4("10.0.0.0/32", "10.0.0.0", ["a-1"]) == {}


def test_ipv6_is_not_listed() -> None:
    """A /48 is served at once: the lowest hosts, without the network's own address; its last address is a host's."""
    assert v4("2001:db8::/48", "2001:db8::1", ["a-1"]) == {"a-1": "2001:db8::2/48"}
    last = str(ip_network("2001:db8::/48").broadcast_address)
    assert v4("2001:db8::/48", "2001:db8::1", ["a-1"], sticky={"a-1": f"{last}/48"}) == {"a-1": f"{last}/48"}


def test_all_pools_are_served() -> None:
    """Each node gets one address of each pool, whatever others need of it."""
    pools = {"v6": pool("2001:db8::/64", "2001:db8::1"), "v4": pool("10.0.0.0/30", "10.0.0.1")}
    result = assign_addresses(pools, ["a-2", "a-1"], sticky={}, taken={})
    assert result.assigned == {"a-1": {"v4": "10.0.0.2/30", "v6": "2001:db8::2/64"}, "a-2": {"v6": "2001:db8::3/64"}}
    assert result.short == {"a-2": ("v4",)}


def test_an_address_that_is_taken_is_never_given() -> None:
    """Addresses of equipment that no stack declares are skipped, as the gateway is."""
    told = {"prefix": "10.0.0.0/29", "gateway": "10.0.0.1", "taken": ["10.0.0.2", "10.0.0.4"]}
    found = assign_addresses({"p": AddressPool.model_validate(told)}, ["a-001", "a-002"], sticky={}, taken={})
    assert {name: of["p"] for name, of in found.assigned.items()} == {"a-001": "10.0.0.3/29", "a-002": "10.0.0.5/29"}


def test_what_others_have_is_kept_for_few_sites_only() -> None:
    """Sets of addresses are large: a service keeps a few of them, and of single texts many."""
    assert placing._numbers.cache_parameters()["maxsize"] == 64
    assert not hasattr(placing._numbers.__wrapped__, "cache_parameters"), "one cache, not one around another"
    assert placing._number.cache_parameters()["maxsize"] == 65_536

"""VLANs of a site: what cannot be is refused, and whose addresses a node gets."""

from typing import Any

import pytest

from zonewright.model import Cluster, NodeType, Site
from zonewright.model.demand import ClusterDemand, Demand
from zonewright.model.site_servers import Dnssec
from zonewright.place.node_addresses import given_addresses
from zonewright.render.contexts.dhcp import leases_of

SITE: dict[str, Any] = {
    "title": "dc",
    "district": "d",
    "as_number": 65001,
    "vlans": {
        "a": {"vid": 110, "tenant": "tenant-a"},
        "b": {"vid": 120, "tenant": "tenant-b"},
        "a2": {"vid": 111, "tenant": "tenant-a"},
        "plain": {"vid": 7},
    },
    "address_pools": {
        "a4": {"prefix": "10.0.1.0/24", "gateway": "10.0.1.1", "interface": "lan0", "vlan": "a"},
        "a-s": {"prefix": "10.9.1.0/24", "gateway": "10.9.1.1", "interface": "lan0", "vlan": "a", "role": "storage"},
        "b4": {"prefix": "10.0.2.0/24", "gateway": "10.0.2.1", "interface": "lan0", "vlan": "b"},
        "all": {"prefix": "10.0.0.0/24", "gateway": "10.0.0.1", "interface": "lan0"},
        "all-s": {
            "prefix": "10.9.0.0/24",
            "gateway": "10.9.0.1",
            "interface": "lan0",
            "vlan": "plain",
            "role": "storage",
        },
    },
    "networks": {"m": {"prefix": "10.8.0.0/24", "gateway": "10.8.0.1", "interface": "mgmt0", "role": "management"}},
}


def site(**more: Any) -> Site:
    """The site with something else."""
    return Site.model_validate(SITE | more)


@pytest.mark.parametrize(
    ("party", "pools"),
    [("tenant-a", {"a4", "a-s"}), ("tenant-b", {"b4", "all-s"}), ("tenant-c", {"all", "all-s"})],
)
def test_a_party_has_its_own_pools_else_those_of_nobody(party: str, pools: set[str]) -> None:
    """For each role a party has the pools of its VLANs, or where it has none those of no tenant; never another's."""
    assert set(site().pools_for(party)) == pools


def test_a_tenant_is_told_of_no_other_tenants_vlans() -> None:
    """What a tenant sees of a site has its own VLANs and pools and those of nobody, and no place of a key or token."""
    own: dict[str, Any] = {"name_servers": ["10.8.0.2"], "dnssec": {"dnskey": DNSKEY, "private_key": "ref+env://K"}}
    leased = SITE["address_pools"]["all"] | {"dynamic": {"first": "10.0.0.9", "last": "10.0.0.9"}}
    own |= {"address_pools": SITE["address_pools"] | {"all": leased}}
    own["second_dhcp_server"] = PAIR | {"key_file": "/secret/key.pem"}
    seen = site(**own, alertmanagers={"a": {"url": "https://a", "credentials_file": "/token"}}).seen_by("tenant-a")
    assert (seen.dnssec, seen.alertmanagers) == (None, {})
    assert "/secret" not in seen.model_dump_json()
    assert seen.fixed_addresses == site(**own).fixed_addresses  # no node of the tenant gets one of them
    own["second_dhcp_server"]["address"] = "10.0.2.6"  # in a pool that is not told
    apart = site(**own).seen_by("tenant-a")
    assert Site.part(apart.model_dump(mode="json", exclude_defaults=True)).dhcp_servers == site(**own).dhcp_servers
    assert (set(seen.vlans), set(seen.address_pools)) == ({"a", "a2", "plain"}, {"a4", "a-s", "all", "all-s"})
    assert "tenant-b" not in seen.model_dump_json()
    plain = Site.model_validate({"title": "dc", "district": "d"})
    assert plain.seen_by("tenant-a") is plain


def test_nodes_get_addresses_of_their_tenants_vlan() -> None:
    """A node has addresses of its tenant's pools only; a tenant that no pool is for is told."""
    node_type = NodeType(manufacturer="a", model="b", u_height=1, weight_kg=1, maximum_draw=1, allocated_draw=1)
    cluster = Cluster.model_validate({"site": "dc", "node_type": "t", "count": 1})
    wanted = {"web": ClusterDemand(cluster=cluster, node_type=node_type)}

    def given(party: str, known: Site) -> tuple[dict[str, Any], dict[str, str]]:
        demand = Demand(zone="z", zone_digest="", party=party, clusters=wanted)
        assigned, short = given_addresses({"dc": known}, {}, demand, ["web-001"], {"web-001": {"b4": "10.0.2.9/24"}})
        return {name: dict(of) for name, of in assigned.items()}, short

    assert given("tenant-a", site()) == ({"web-001": {"a4": "10.0.1.2/24", "a-s": "10.9.1.2/24"}}, {})
    only_b = site(address_pools={"b4": SITE["address_pools"]["b4"]})
    lacking = {"web-001": "site dc has no address pool for tenant-a"}
    assert given("tenant-a", only_b) == ({"web-001": {}}, lacking)
    for_storage = site(address_pools={key: SITE["address_pools"][key] for key in ("b4", "all-s")})
    assert given("tenant-a", for_storage)[1] == lacking  # an address for storage alone is no way to a gateway


@pytest.mark.parametrize("prefix", ["10.0.0.0/24", "10.0.0.0/25"])
def test_addresses_stay_whose_they_are_when_a_pool_gets_another_name(prefix: str) -> None:
    """A pool that is renamed or divided gives no node the address of another, and a node keeps the one that it has."""
    pools = {"new": {"prefix": prefix, "gateway": "10.0.0.1", "interface": "lan0"}}
    if prefix.endswith("25"):
        pools["all"] = {"prefix": "10.0.0.128/25", "gateway": "10.0.0.129", "interface": "lan0"}
    node_type = NodeType(manufacturer="a", model="b", u_height=1, weight_kg=1, maximum_draw=1, allocated_draw=1)
    cluster = Cluster.model_validate({"site": "dc", "node_type": "t", "count": 2})
    demand = Demand(
        zone="z",
        zone_digest="",
        party="tenant-c",
        clusters={"web": ClusterDemand(cluster=cluster, node_type=node_type)},
    )
    assigned, short = given_addresses(
        {"dc": site(address_pools=pools)},
        {("dc", "all"): {"10.0.0.2/24"}},
        demand,
        ["web-001", "web-002"],
        {"web-002": {"all": "10.0.0.9/24"}},
    )
    assert not short
    length = prefix.partition("/")[2]
    assert [assigned[name]["new"] for name in ("web-001", "web-002")] == [f"10.0.0.3/{length}", f"10.0.0.9/{length}"]


def test_each_of_two_routers_has_a_cable_to_its_interface() -> None:
    """Two ports of switches lead to an interface that both routers have; a third one, or a second one for one, not."""
    second = {"name": "dc-r2", "interconnect": "x0"}
    cables = {f"Ethernet{number}": {"router": "lan0"} for number in (1, 2, 3)}

    def spine(ports: int) -> dict[str, Any]:
        return {"spine-1": {"platform": "eos", "role": "spine", "interfaces": dict(list(cables.items())[:ports])}}

    assert site(second_router=second, switches=spine(2)).second_router is not None
    for more in ({"second_router": second, "switches": spine(3)}, {"switches": spine(2)}):
        with pytest.raises(ValueError, match="are all cabled to lan0"):
            site(**more)


V6 = {"prefix": "2001:db8::/64", "gateway": "2001:db8::1"}
POOL = {"prefix": "10.0.1.0/24", "gateway": "10.0.1.1"}
PAIR = {"name": "dhcp-2", "address": "10.0.0.6", "first_address": "10.0.0.5"}
DNSKEY = "257 3 13 29Lz00vuv3cSHvKW066mJWJCieHctYuL1NvHTfAiKVeUoWu+fldi0Os+iQq8Ju00WH5SEz7bgJ4+NEs7ODj7nw=="
ALIKE = (
    "257 3 13 MB2eUC3H4F2oXaAmp66aoPrJ231SqVs+Pj+aoKG0W4tlUbb2swYSI+DSPAJrAX1yKY2a5GiHymHVjbauoX7iZw==",
    "257 3 13 BdrowsWlr7p+U7nvysHQuCJFWRRpGNMgh5u4LZbvSWO7B6RNA8CBGeL3gtDXAwTO8pnoAtHTv2JWkCNgUdNDJA==",
)
WHOLE = {"vni": 9, "sites": ["dc2"], "prefixes": ["10.0.0.0/16"]}
TWICE = {"vni": 9, "sites": ["dc2"], "prefixes": ["10.0.1.0/24", "0.0.0.0/0"]}
V4_LEASED = {"first": "10.0.1.8", "last": "10.0.1.9"}
DUID, MAC = {"duid": "00:04:5a:57", "address": "10.0.1.8"}, {"mac_address": "52:54:00:00:00:01"}
NO_STORAGE = {"address_pools": {key: one for key, one in SITE["address_pools"].items() if key != "all-s"}}
LEASED = {"first": "2001:db8::f:1", "last": "2001:db8::f:9", "interfaces": ["eno1"]}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"vlans": SITE["vlans"] | {"c": {"vid": 110}}}, "VLANs a and c have the same vid 110"),
        ({"address_pools": {"p": {**POOL, "vlan": "x"}}}, "pool p is in VLAN 'x', which the site does not have"),
        ({"address_pools": {"p": {**POOL, "vlan": "a"}}}, "of tenant tenant-a and names no interface"),
        ({"as_number": None}, "a VLAN of a tenant at a site without as_number"),
        (
            {
                "networks": {
                    "m": {**POOL, "prefix": "10.0.1.0/24", "interface": "lan0", "role": "management", "vlan": "a"}
                }
            },
            "network m is in VLAN a of tenant tenant-a and has the role management",
        ),
        (
            {
                "address_pools": {
                    "p": {**POOL, "vlan": "a", "interface": "lan0"},
                    "q": {**POOL, "vlan": "a", "interface": "l1"},
                }
            },
            "pool q has VLAN a at l1, and it is at lan0 already",
        ),
        ({"address_pools": {"p": {**POOL, "vlan": "a", "interface": "enp129s0f0np0"}}}, "longer than 15 characters"),
        (
            {
                "address_pools": {
                    "p": {**POOL, "vlan": "a", "interface": "lan0"},
                    "q": {**POOL, "interface": "lan0.110"},
                }
            },
            "pool q is at interface 'lan0.110', which is another VLAN's",
        ),
        (
            {"address_pools": {**SITE["address_pools"], "a6": {**V6, "vlan": "a2", "interface": "lan0"}}},
            "pools a4 and a6 are for data of tenant tenant-a, and not in one VLAN",
        ),
        (
            {"address_pools": {**SITE["address_pools"], "all6": {**V6, "vlan": "plain", "interface": "lan0"}}},
            "pools all and all6 are for data of no tenant, and not in one VLAN",
        ),
        (
            {"address_pools": SITE["address_pools"] | {"a-s": SITE["address_pools"]["a-s"] | {"mtu": 9000}}},
            "pool a-s has another mtu than another pool at interface 'lan0.110'",
        ),
        (
            {"address_pools": SITE["address_pools"] | {"all-s": SITE["address_pools"]["all-s"] | {"mtu": 9000}}},
            "pool all-s has an mtu of 9000, and untagged at lan0 is 1500",
        ),
        (
            {"vlans": SITE["vlans"] | {"c": {"vid": 9, "vni": 9}}},
            "VLAN c has no prefixes and no sites; name vni, prefixes and sites, or none of them",
        ),
        ({"vlans": SITE["vlans"] | {"c": {"vid": 9, **WHOLE}}}, "VLAN c has a vni and is no tenant's"),
        (
            {"vlans": SITE["vlans"] | {key: {**SITE["vlans"][key], **WHOLE} for key in ("a", "a2")}},
            "VLANs a and a2 have the same vni 9",
        ),
        (
            {"vlans": SITE["vlans"] | {"a": {**SITE["vlans"]["a"], **WHOLE}}},
            "pool a-s is part of none of the prefixes of VLAN a",
        ),
        (
            {"vlans": SITE["vlans"] | {"a": {**SITE["vlans"]["a"], **WHOLE}}},
            "pool b4 has addresses of 10.0.0.0/16, which is wholly in VLAN a; name smaller prefixes",
        ),
        (
            {"vlans": SITE["vlans"] | {"a": {**SITE["vlans"]["a"], **TWICE}}},
            "VLANs a and a have 10.0.1.0/24 and 0.0.0.0/0 in prefixes, which overlap",
        ),
        (
            {
                "vlans": SITE["vlans"] | {"a": {**SITE["vlans"]["a"], **WHOLE}},
                "address_pools": {"a4": SITE["address_pools"]["a4"] | {"interface": "enp129s0f0np0"}},
            },
            "pool a4 would be at interface 'enp129s0f0np0.110', longer than 15 characters",
        ),
        (
            {"vlans": SITE["vlans"] | {"a": {**SITE["vlans"]["a"], **WHOLE, "vrf": "vx9"}}},
            "VRF 'vx9' has the name of an interface",
        ),
        (
            {"vlans": SITE["vlans"] | {"a": {**SITE["vlans"]["a"], **WHOLE}}},
            "without an IPv4 address in 'loopbacks', where its frames would end",
        ),
        (
            {
                "vlans": SITE["vlans"] | {"b": {**SITE["vlans"]["b"], **WHOLE}},
                "loopbacks": ["10.9.9.9"],
                "second_router": {"name": "r2", "interconnect": "x0"},
            },
            "with two routers, which would both pass on its frames",
        ),
        ({"vlans": SITE["vlans"] | {"plain": {"vid": 7, "vrf": "x"}}}, "VLAN plain is in VRF x and is no tenant's"),
        (
            {"vlans": {key: {**one, "vrf": "x"} for key, one in SITE["vlans"].items() if key != "plain"}} | NO_STORAGE,
            "VRF x would be of tenant tenant-a and of tenant tenant-b",
        ),
        ({"networks": {"m": SITE["networks"]["m"] | {"vrf": "lan0"}}}, "VRF 'lan0' has the name of an interface"),
        (
            {"networks": {"m": SITE["networks"]["m"] | {"vrf": "x", "role": "service"}}},
            "VRF x and has the role service",
        ),
        (
            {"networks": SITE["networks"] | {"n": {**V6, "interface": "mgmt0", "role": "management", "vrf": "x"}}},
            "network n is in another VRF than another network at interface 'mgmt0'",
        ),
        ({"management": ["10.0.0.0/22"]}, "management 10.0.0.0/22 holds addresses of pool b4"),
        ({"alertmanagers": {"a": {"url": "http://a", "ca_file": "/ca"}}}, "for HTTPS only"),
        (
            {"dnssec": {"dnskey": DNSKEY, "private_key": "ref+env://K"}},
            "without name_servers that could",
        ),
        ({"second_dhcp_server": PAIR | {"address": "10.77.0.6"}}, "10.77.0.6, which is in no network of the site"),
        ({"second_dhcp_server": PAIR}, "a second_dhcp_server at a site without 'dynamic' addresses"),
        (
            {"second_dhcp_server": PAIR | {"first_address": "2001:db8::6"}},
            "hears at 10.0.0.6, and the first at 2001:db8::6; name one version",
        ),
        ({"second_dhcp_server": PAIR | {"first_address": "10.0.0.6"}}, "both DHCP servers at 10.0.0.6"),
        (
            {"address_pools": {"p": {**POOL, "dynamic": V4_LEASED | {"reservations": {"m": DUID}}}}},
            "a duid in 10.0.1.0/24, where DHCP knows machines by mac_address",
        ),
        (
            {"address_pools": {"p": {**V6, "dynamic": LEASED | {"reservations": {"m": DUID | MAC}}}}},
            "expected one of mac_address and duid",
        ),
        (
            {"address_pools": {"p": {**V6, "dynamic": LEASED | {"interfaces": []}}}},
            "expected one interface of the DHCP",
        ),
        ({"address_pools": {"p": {**V6, "dynamic": LEASED | {"first": "10.0.1.9"}}}}, "must lie from 2001:db8::1 to"),
        (
            {"address_pools": {"p": {**V6, "dynamic": LEASED | {"boot": {"next_server": "::1", "bios_file": "b"}}}}},
            "a bios_file for IPv6",
        ),
        (
            {
                "address_pools": {
                    "p": {**V6, "dynamic": LEASED | {"boot": {"next_server": "1.2.3.4", "uefi_file": "u"}}}
                }
            },
            "cannot start from 1.2.3.4, of the other IP version",
        ),
    ],
)
def test_networks_that_cannot_be_are_refused(more: dict[str, Any], said: str) -> None:
    """A VLAN that is nowhere or keeps nobody apart, addresses that no server leases, a pair that is none."""
    with pytest.raises(
        ValueError,
        match=r"vid|VLAN|VRF|interface|administrators|mtu|DHCP|dynamic|version|IPv6|mac_address|HTTPS|dnssec",
    ) as caught:
        site(**more)
    assert said in str(caught.value)


def test_a_key_is_taken_as_bind_writes_it_and_only_if_it_is_one() -> None:
    """The two words of a file K*.key are one key; one that is no point of the curve is refused."""
    written = f"{DNSKEY[:65]} {DNSKEY[65:]}"
    assert Dnssec(dnskey=written, private_key="ref+env://K").dnskey == DNSKEY
    with pytest.raises(ValueError, match="the same key twice"):
        Dnssec(dnskey=DNSKEY, private_key="ref+env://K", other_key={"dnskey": DNSKEY, "private_key": "ref+env://L"})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="two keys with the same number"):
        Dnssec(dnskey=ALIKE[0], private_key="ref+env://K", other_key={"dnskey": ALIKE[1], "private_key": "ref+env://L"})  # type: ignore[arg-type]
    for wrong in (DNSKEY.replace("29L", "39L"), DNSKEY.replace("nw==", "nx=="), f"257 3 13 {'A' * 86}=="):
        with pytest.raises(ValueError, match="no key of ECDSA"):
            Dnssec(dnskey=wrong, private_key="ref+env://K")


def test_networks_that_begin_alike_have_numbers_of_their_own() -> None:
    """Kea refuses two networks with one number; those of IPv6 are longer than a number."""
    pools = {
        f"p{number}": {
            "prefix": f"fd00:{part}::/64",
            "gateway": f"fd00:{part}::1",
            "dynamic": {"first": f"fd00:{part}::8", "last": f"fd00:{part}::9", "interfaces": ["eth0"]},
        }
        for number, part in enumerate(("0:0:2", "1:0:0", "0:2:0", "2:0:0"))
    }
    found = [one.number for one in leases_of(Site.model_validate({**SITE, "address_pools": pools}), 6)]
    assert len(set(found)) == len(pools)
    assert all(0 < one < 2**32 - 1 for one in found)

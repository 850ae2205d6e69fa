"""A router whose ports have VLANs: what is untagged, how large packets are, and its own programs."""

from ipaddress import ip_address
from typing import Any

import pytest
import yaml

from support.validators import installed_validator
from zonewright.model import Site
from zonewright.model.site_network import vrf_tables
from zonewright.model.surroundings import Surroundings
from zonewright.render import render_all
from zonewright.render.contexts.site_context import SiteContext, site_context
from zonewright.render.formats.router_netplan import ROUTER_NETPLAN
from zonewright.render.formats.router_nftables import ROUTER_NFTABLES
from zonewright.render.network.firewall import ROUTER_CHAINS, Packet, read_firewall
from zonewright.render.network.reachability import network_findings

BOOT = {"next_server": "10.7.0.5", "uefi_file": "ipxe.efi"}
A: dict[str, Any] = {"prefix": "10.0.1.0/24", "gateway": "10.0.1.1", "interface": "lan0", "vlan": "a"}
B: dict[str, Any] = {"prefix": "10.0.2.0/24", "gateway": "10.0.2.1", "interface": "lan0", "vlan": "b"}
PLAIN = {"prefix": "10.0.0.0/24", "gateway": "10.0.0.1", "interface": "lan0"}
V6 = {"prefix": "2001:db8::/64", "gateway": "2001:db8::1", "interface": "lan0", "vlan": "a"}


VLANS: dict[str, dict[str, Any]] = {"a": {"vid": 110, "tenant": "tenant-a"}, "b": {"vid": 120, "tenant": "tenant-b"}}


def site_of(
    pools: dict[str, dict[str, Any]],
    vlans: dict[str, dict[str, Any]] = VLANS,
    service: tuple[str, ...] = (),
    loopbacks: tuple[str, ...] = (),
) -> SiteContext:
    """What templates see of a site with some pools."""
    site = Site.model_validate(
        {
            "title": "dc",
            "district": "d",
            "as_number": 65001,
            "vlans": vlans,
            "loopbacks": loopbacks,
            "address_pools": pools,
            "networks": {
                "m": {"prefix": "10.7.0.0/24", "gateway": "10.7.0.1", "interface": "srv0", "role": "management"}
            },
        }
    )
    return site_context(name="dc", site=site, rows={}, around=Surroundings(service_addresses=service))


def files(**pools: dict[str, Any]) -> dict[str, str]:
    """Netplan and nftables of a router with some pools."""
    return files_of(site_of(pools))


def files_of(site: SiteContext) -> dict[str, str]:
    """Netplan and nftables of a router."""
    made = render_all([site])
    wanted = {one.files[0].path: one for one in (ROUTER_NETPLAN, ROUTER_NFTABLES)}
    found = {path: made[f"sites/dc/{path}"] for path in wanted if f"sites/dc/{path}" in made}
    for path, text in found.items():
        verdict = installed_validator(wanted[path]).validate({path: text})
        assert (verdict.status, verdict.detail) == ("pass", "")
    return found


def sizes(found: dict[str, str]) -> dict[str, int | None]:
    """The mtu of each interface in the netplan file, None for the system's own."""
    network = yaml.safe_load(found[ROUTER_NETPLAN.files[0].path])["network"]
    return {name: of.get("mtu") for kind in ("ethernets", "vlans") for name, of in network.get(kind, {}).items()}


@pytest.mark.parametrize(
    ("pools", "expected"),
    [
        ({"a": A, "b": B}, {"lan0": None, "lan0.110": None, "lan0.120": None}),
        ({"a": A | {"mtu": 9000}, "b": B}, {"lan0": 9000, "lan0.110": 9000, "lan0.120": 1500}),
        ({"a": A | {"mtu": 1400}, "b": B}, {"lan0": 1500, "lan0.110": 1400, "lan0.120": None}),
        ({"all": PLAIN | {"mtu": 9000}}, {"lan0": 9000}),
    ],
)
def test_routers_take_packets_as_large_as_their_networks_have(
    pools: dict[str, dict[str, Any]], expected: dict[str, int | None]
) -> None:
    """An interface takes its network's packets, the one beneath the largest, and a usual VLAN stays usual."""
    assert sizes(files(**pools)) == expected


@pytest.mark.parametrize(("pools", "passes"), [({"a": A, "b": B}, False), ({"a": A, "all": PLAIN}, True)])
def test_nothing_untagged_comes_from_a_port_that_only_vlans_are_on(
    pools: dict[str, dict[str, Any]],
    passes: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Else whoever sends untagged there could say to be anybody, to the router and to what is behind it."""
    firewall = read_firewall(files(**pools)[ROUTER_NFTABLES.files[0].path], ROUTER_CHAINS)
    source, target = ip_address("10.0.0.7" if passes else "192.0.2.7"), ip_address("192.0.2.9")
    packet = Packet(source=source, target=target, protocol="icmp", port=0, arrives="lan0", leaves="wan0")
    assert [firewall.lets(chain, packet) for chain in ("input", "forward")] == [passes, passes]


def test_machines_in_a_tenants_vlan_reach_what_they_boot_from() -> None:
    """The server that a pool's machines boot from exchanges packets with that pool's VLAN, and with no other."""
    dynamic = {"first": "10.0.1.100", "last": "10.0.1.120", "boot": BOOT}
    text = files(a=A | {"dynamic": dynamic}, a6=V6, b=B)[ROUTER_NFTABLES.files[0].path]
    sets = read_firewall(text, ROUTER_CHAINS).sets
    number = int(ip_address("10.7.0.5"))
    held = {name: any(one.first <= number <= one.last for one in of) for name, of in sets.items() if "vlan" in name}
    assert held == {"vlan_110_v4": True, "vlan_110_v6": False, "vlan_120_v4": False, "vlan_120_v6": False}


def test_a_vlan_hears_of_packets_that_are_too_big() -> None:
    """What belongs to a connection of a VLAN goes in before anything else is asked, also from another site's router."""
    lines = [line.strip() for line in files(a=A)[ROUTER_NFTABLES.files[0].path].splitlines()]
    about = [line for line in lines if "lan0.110" in line and ("related" in line or "@vlan_110_v4 drop" in line)]
    assert about[0] == 'oifname "lan0.110" ct state related accept'


@pytest.mark.parametrize(("as_number", "told"), [(None, "as_number of the site"), (65001, "interface of pool p")])
def test_addresses_that_no_router_announces_itself_for_are_told(as_number: int | None, told: str) -> None:
    """Machines that are leased IPv6 addresses have their default route from a router, not from DHCPv6."""
    leased = {"first": "2001:db8::8", "last": "2001:db8::9", "interfaces": ["eth0"]}
    pool = {"prefix": "2001:db8::/64", "gateway": "2001:db8::1", "dynamic": leased}
    site = Site.model_validate({"title": "dc", "district": "d", "as_number": as_number, "address_pools": {"p": pool}})
    context = site_context(name="dc", site=site, rows={}, around=Surroundings())
    (found,) = (one for one in network_findings([context], {}) if one.subject == "pool p at dc")
    assert (found.level, f"declare {told}, or let a router of your own" in found.fix) == ("advisory", True)


def test_a_vrf_is_closed_without_any_rule_and_keeps_its_number() -> None:
    """Its table has no way to other tenants, and one to what its VLANs reach within a closed network."""
    vlans = VLANS | {"a": VLANS["a"] | {"vrf": "red"}}
    (red,) = site_of({"a": A, "b": B}, vlans, service=("10.7.0.10",)).vrfs
    assert (red.ports, red.closed, red.opened) == (("lan0.110",), ("10.0.2.0/24", "10.7.0.0/24"), ("10.7.0.10/32",))
    assert vrf_tables(["red"]) == {"red": red.table}
    assert vrf_tables(["red", "blue", "green"])["red"] == red.table


def test_large_packets_go_on_to_other_sites() -> None:
    """What is between a VLAN and other sites takes packets as large as the VLAN does."""
    vlans = {"a": VLANS["a"] | {"vni": 9, "sites": ["dc2"], "prefixes": ["10.0.1.0/24"]}}
    made = files_of(site_of({"a": A | {"mtu": 9000}}, vlans, loopbacks=("10.9.9.9",)))
    network = yaml.safe_load(made["etc/netplan/60-zonewright-router.yaml"])["network"]
    ports = [network[kind][name] for kind, name in (("vlans", "lan0.110"), ("tunnels", "vx9"), ("bridges", "br110"))]
    assert [one["mtu"] for one in ports] == [9000, 9000, 9000]

"""What a zone must do as a network is computed: each way of not doing it is a finding, and a gap is told."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from shutil import copytree

import pytest

from support.golden import compare_golden
from support.validators import installed_validator
from support.zone_contexts import SMALL_ZONE, STRETCHED_ZONE, contexts_of_folder, switched_contexts
from zonewright.ledger.deciding.zone_serials import serial_in
from zonewright.model import NodeType, Site
from zonewright.model.surroundings import Routing, Surroundings
from zonewright.render import NodeContext, SiteContext, render_all, site_context
from zonewright.render.contexts.dhcp import DhcpPeer
from zonewright.render.contexts.group_context import GroupContext
from zonewright.render.contexts.node_view import Both, site_view
from zonewright.render.contexts.routing import Interface
from zonewright.render.contexts.serials import numbered_group, numbered_site
from zonewright.render.formats.format import AnyContext, Format, sites_in
from zonewright.render.formats.frr import FRR
from zonewright.render.formats.kea import KEA, KEA_V6
from zonewright.render.formats.router_host import ROUTER_KEEPALIVED, ROUTER_SYSCTL
from zonewright.render.formats.router_netplan import ROUTER_NETPLAN
from zonewright.render.formats.router_nftables import ROUTER_NFTABLES
from zonewright.render.network.answers import name_servers_of
from zonewright.render.network.firewall import ROUTER_CHAINS, Packet, read_firewall
from zonewright.render.network.paths import Paths, paths_of
from zonewright.render.network.reachability import network_findings
from zonewright.render.network.whole import incomplete

CASE = SMALL_ZONE
ROUTER = "sites/east/etc/nftables.conf"


@cache
def other_files() -> Mapping[str, str]:
    """The files of the site whose router has VRFs, and of sites with one network of layer 2, without those of nodes."""
    return render_all(sites_in((*switched_contexts(), *contexts_of_folder(STRETCHED_ZONE))).values())


@cache
def zone() -> tuple[tuple[AnyContext, ...], Mapping[str, str]]:
    """The zone that the boot test starts, with its files."""
    contexts = contexts_of_folder(CASE)
    return contexts, render_all(contexts)


def changed(name: str, **more: object) -> list[AnyContext]:
    """The zone with something else in one site."""
    return [
        replace(one, **more) if isinstance(one, SiteContext) and one.name == name else one  # type: ignore[arg-type]
        for one in zone()[0]
    ]


def site(name: str) -> SiteContext:
    """One of its sites."""
    return next(one for one in zone()[0] if isinstance(one, SiteContext) and one.name == name)


def _peer(number: int) -> DhcpPeer:
    return site("east").dhcp.peers[number]


def rules(path: str, right: str, wrong: str) -> dict[str, str]:
    """The files with something else in one of them."""
    text = zone()[1][path]
    assert right in text
    return {**zone()[1], path: text.replace(right, wrong)}


def test_the_zone_that_boots_has_no_finding() -> None:
    """What the boot test shows with packets is computed without a finding."""
    assert network_findings(*zone()) == ()


def test_a_router_that_all_links_end_at_is_told(tmp_path: Path) -> None:
    """With all ways at one of two routers, its loss cuts the site off, and that is said of it and of no other."""
    contexts = changed_folder(tmp_path / "zone", "links: [l03]", "links: []")
    (told,) = network_findings(contexts, render_all(contexts))
    assert (told.subject, told.level) == ("router east of east", "advisory")
    assert re.match(r"if it is lost, node \S+ at \S+ is cut off: \S+ does not reach .*, and \d+ more", told.message)


@pytest.mark.parametrize(
    ("format_", "root"),
    [
        (ROUTER_NETPLAN, "sites/east"),
        (ROUTER_NFTABLES, "sites/east"),
        (ROUTER_KEEPALIVED, "sites/east"),
        (ROUTER_KEEPALIVED, "routers/east/east-2"),
        (FRR, "routers/east/east-2"),
        (KEA, "sites/east"),
        (KEA, "servers/east/east-dhcp-2"),
        (KEA_V6, "sites/east"),
        (KEA_V6, "servers/east/east-dhcp-2"),
        *((one, "sites/one") for one in (FRR, ROUTER_NETPLAN, ROUTER_NFTABLES)),
        *((one, "sites/dc1") for one in (FRR, ROUTER_NETPLAN, ROUTER_NFTABLES, ROUTER_SYSCTL)),
    ],
    ids=lambda item: item.replace("/", "-") if isinstance(item, str) else item.id,
)
def test_routers_and_dhcp_servers_are_as_committed_and_their_programs_take_it(format_: Format, root: str) -> None:
    """Files of two routers and DHCP servers, and of a router with VRFs, are the golden ones; their programs pass."""
    path = format_.files[0].path
    text = {**zone()[1], **other_files()}[f"{root}/{path}"]
    compare_golden(f"{format_.id}/{root.replace('/', '-')}/{path}", text)
    verdict = installed_validator(format_).validate({path: text})
    assert verdict.status == "pass", verdict.detail


def test_with_vrfs_the_same_is_reached_and_without_rules_no_tenant_more(tmp_path: Path) -> None:
    """Tables of VRFs close what rules close, also where two routers share the gateways; a wrong table is found."""
    own = "tenant: tenant-a}", "tenant: tenant-a, vrf: red}"
    contexts = changed_folder(tmp_path / "zone", *own)
    files = render_all(contexts)
    for format_, root in (
        (ROUTER_KEEPALIVED, "routers/east/east-2"),
        (FRR, "sites/west"),
        (ROUTER_NETPLAN, "sites/west"),
    ):
        path = format_.files[0].path
        assert "red" in files[f"{root}/{path}"] or format_ is ROUTER_KEEPALIVED
        verdict = installed_validator(format_).validate({path: files[f"{root}/{path}"]})
        assert verdict.status == "pass", verdict.detail
    assert "10.80.32.0/24 dev lan0.110\n" in files["routers/east/east-2/etc/keepalived/keepalived.conf"]
    assert network_findings(contexts, files) == ()
    bare = replace(paths_of(contexts, files), firewalls={})
    asked = [("10.80.32.2", "10.80.33.2"), ("10.80.32.2", "10.80.48.2"), ("10.80.48.2", "10.80.33.2")]
    assert [bare.reaches(*pair, "tcp", 22) for pair in asked] == [False, True, False]
    assert replace(paths_of(*zone()), firewalls={}).reaches("10.80.32.2", "10.80.33.2", "tcp", 22)
    opened = [
        replace(one, vrfs=tuple(replace(vrf, opened=(*vrf.opened, "10.80.33.0/24")) for vrf in one.vrfs))
        if isinstance(one, SiteContext)
        else one
        for one in contexts
    ]
    assert replace(paths_of(opened, files), firewalls={}).reaches("10.80.32.2", "10.80.33.2", "tcp", 22)


def test_a_network_of_layer_2_goes_on_only_where_both_sites_say_the_same(tmp_path: Path) -> None:
    """Sites that name other prefixes or another tenant, or of which one does not name the other, take no frames."""
    copytree(STRETCHED_ZONE, tmp_path / "zone")
    path = tmp_path / "zone" / "facility-operator.yaml"
    own = contexts_of_folder(STRETCHED_ZONE)
    one, between, two = (sites_in(own)[name] for name in ("one", "between", "two"))
    assert [(peer.site, peer.vnis, peer.address) for peer in one.stretched.peers] == [("two", (10130,), "10.79.254.3")]
    assert [(peer.site, peer.vnis, peer.others) for peer in between.stretched.peers] == [("two", (1013,), ())]
    assert [(peer.site, peer.vnis, peer.others) for peer in two.stretched.peers] == [
        ("between", (1013,), (10130,)),
        ("one", (10130,), (1013,)),
    ]
    assert "stretched-one seq 1 deny _RT:65000:1013_\n" in other_files()["sites/two/etc/frr/frr.conf"]
    assert paths_of(own, render_all(own)).reaches(
        "10.84.0.2", two.ports[0].inside_v4[0].replace("128/25", "130"), "icmp"
    )
    text = path.read_text(encoding="utf-8")
    head, second = text.split("  two:\n")
    exchanged = second.replace("tenant-a", "?").replace("tenant-b", "tenant-a").replace("?", "tenant-b")
    renamed = second.replace("title: Two", "title: Two, once called second\n    was: [second]")
    path.write_text(f"{head.replace('sites: [two]', 'sites: [second]')}  two:\n{renamed}", encoding="utf-8")
    followed = sites_in(contexts_of_folder(tmp_path / "zone"))
    assert followed["two"].stretched == two.stretched, "an old name is good as long as somebody uses it"
    for other, fellows in (
        (second.replace("10.84.0.0/24", "10.84.0.0/23"), ["between"]),
        (second.replace("sites: [one]", "sites: [elsewhere]"), ["between"]),
        (exchanged, []),
    ):
        path.write_text(f"{head}  two:\n{other}", encoding="utf-8")
        changed_sites = sites_in(contexts_of_folder(tmp_path / "zone"))
        assert [peer.site for name in ("one", "two") for peer in changed_sites[name].stretched.peers] == fellows
        found = network_findings(changed_sites.values(), render_all(changed_sites.values()))
        assert [(one.subject, one.level) for one in found if "says the same of vni 10130" in one.message] == [
            ("VLAN 130 at one", "advisory"),
            ("VLAN 140 at two", "advisory"),
        ]


def test_devices_and_networks_that_another_declaration_has_too_are_told(tmp_path: Path) -> None:
    """A VRF with the name of a link's interface, and another's network within one that is of layer 2, are findings."""
    copytree(STRETCHED_ZONE, tmp_path / "zone")
    path = tmp_path / "zone" / "facility-operator.yaml"
    text = path.read_text(encoding="utf-8").replace("10.84.0.0/24", "10.84.0.0/16")
    head, last = text.replace("vid: 130,", "vid: 130, vrf: l01,").split("  two:\n")
    path.write_text(f"{head.replace('10.85.0.', '10.84.7.')}  two:\n{last}", encoding="utf-8")
    sites = sites_in(contexts_of_folder(tmp_path / "zone"))
    found = [(one.subject, one.message) for one in network_findings(sites.values(), render_all(sites.values()))]
    assert ("router of one", "VRF l01 has the name of the interface of link l01") in found
    told = "10.84.7.0/25 is another's, and nodes would take it for a part of 10.84.0.0/16, their own network"
    assert ("VLAN 130 at one", told) in found


@pytest.mark.parametrize("number", [0, 1])
def test_while_two_keys_count_either_one_is_enough(number: int) -> None:
    """A site that believes the key that comes, or the one that goes, believes what both are published for."""
    known = [one for one in site("west").trust_anchors if one.zone == "east.internal"]
    assert len({one.public_key for one in known}) == 2
    anchors = tuple(one for one in site("west").trust_anchors if one.public_key == known[number].public_key)
    contexts = changed("west", trust_anchors=anchors)
    assert network_findings(contexts, zone()[1]) == ()
    assert name_servers_of(contexts).proves("west", "10.80.16.9", "ns1.east.internal.")
    keys = [one for one in site("east").zone_keys if one.zone == "east.internal"]
    assert [one.signs for one in keys] == [True, False]
    state = zone()[1][f"sites/east/etc/bind/keys/K{keys[1].key}.state"]
    assert ("ZSK: no\n" in state, "ZRRSIGState" in state, "KRRSIGState: omnipresent" in state) == (True, False, True)


BROKEN: dict[str, Callable[[], tuple[list[AnyContext], Mapping[str, str], str]]] = {
    "no link is in use": lambda: (
        [
            replace(
                one,
                sessions=tuple(replace(each, status="planned") for each in one.sessions),
                sessions_v4=tuple(replace(each, status="planned") for each in one.sessions_v4),
                sessions_v6=tuple(replace(each, status="planned") for each in one.sessions_v6),
            )
            if isinstance(one, SiteContext)
            else one
            for one in zone()[0]
        ],
        zone()[1],
        "does not reach the zone's service",
    ),
    "the service's network has another filter": lambda: (
        list(zone()[0]),
        rules(ROUTER, "tcp dport 8480 accept", "tcp dport 8481 accept"),
        "does not reach the zone's service",
    ),
    "the router drops what comes from nodes": lambda: (
        list(zone()[0]),
        rules(ROUTER, "ip saddr != { 10.80.32.0/24 }", "ip saddr != { 10.80.32.128/25 }"),
        "does not reach",
    ),
    "a router's rule that is not understood": lambda: (
        list(zone()[0]),
        rules(ROUTER, 'oifname "mgmt0" drop', 'oifname "mgmt0" counter drop'),
        "not understood",
    ),
    "the servers of leases are elsewhere": lambda: (
        changed("east", dhcp=replace(site("east").dhcp, peers=(_peer(0), replace(_peer(1), address="10.99.0.1")))),
        zone()[1],
        "it does not reach the other one of the pair, 10.80.0.2 tcp port 8067",
    ),
    "machines start from somewhere else": lambda: (
        changed(
            "east", leases_v6=tuple(replace(one, next_server="2001:db8:ffff:ff::5") for one in site("east").leases_v6)
        ),
        zone()[1],
        "2001:db8::f:1 does not reach what it starts from, 2001:db8:ffff:ff::5",
    ),
    "a site believes another key": lambda: (
        changed("west", trust_anchors=tuple(replace(one, public_key="x") for one in site("west").trust_anchors)),
        zone()[1],
        "they believe answers for east.internal by a key that it is not signed by",
    ),
    "names of another site are asked of nobody": lambda: (
        changed("east", forwards=()),
        zone()[1],
        "is not told",
    ),
    "ways back of another site are asked of nobody": lambda: (
        [replace(one, forwards=()) if isinstance(one, GroupContext) else one for one in zone()[0]],
        zone()[1],
        "is not told router.",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_a_zone_does_not_do_is_found(case: str) -> None:
    """A way, a name or a rule that is missing is a mandatory finding that says what does not get where."""
    contexts, files, said = BROKEN[case]()
    found = network_findings(contexts, files)
    assert any(said in one.message and one.refuses for one in found), [one.message for one in found]


def without_hosts_rules() -> dict[str, str]:
    """The files with nodes that let everything through."""
    return {
        path: text.replace("ip daddr @zone_v4 reject", "ip daddr @zone_v4 accept").replace(
            "policy drop;", "policy accept;"
        )
        if path.startswith("nodes/")
        else text
        for path, text in zone()[1].items()
    }


def test_routers_keep_tenants_with_vlans_apart_without_their_hosts() -> None:
    """If all hosts of all tenants accept everything, no tenant with a VLAN reaches another, here or elsewhere."""
    assert [one.message for one in network_findings(zone()[0], without_hosts_rules())] == []


def test_a_vlan_that_only_hosts_keep_apart_is_found() -> None:
    """A router that lets one VLAN into another is told, although the nodes' own rules would still refuse it."""
    text = zone()[1][ROUTER]
    open_ = {**zone()[1], ROUTER: "\n".join(one for one in text.splitlines() if "@vlan_" not in one)}
    messages = " ".join(one.message for one in network_findings(zone()[0], open_))
    assert re.search(r"only hosts' own rules keep 10\.80\.32\.\S+ from \S+ of another party, 10\.80\.33\.", messages)


def test_a_party_that_reaches_another_is_found() -> None:
    """If both ends let packets between two parties through, it is told: here rules of nodes and of VLANs accept."""
    files = without_hosts_rules()
    for router in (ROUTER, ROUTER.replace("east", "west")):
        files[router] = "\n".join(one for one in files[router].splitlines() if "@vlan_" not in one)
    messages = [one.message for one in network_findings(zone()[0], files)]
    assert any("of another party" in one for one in messages)
    assert not any("reaches administrators" in one for one in messages)  # the router still keeps them apart
    files[ROUTER] = files[ROUTER].replace('oifname "mgmt0" drop', 'oifname "mgmt0" accept')
    assert any("reaches administrators" in one.message for one in network_findings(zone()[0], files))


def test_a_router_that_lacks_something_is_told_and_not_refused() -> None:
    """A declaration of the version before has gaps: each is an advisory finding, and the files are rendered."""
    pools = {"v4": {"prefix": "10.0.0.0/24", "gateway": "10.0.0.1"}}
    document = {
        "title": "s",
        "district": "d",
        "as_number": 65001,
        "address_pools": pools,
        "management": ["10.9.0.0/24"],
    }
    around = Surroundings(
        service="https://service.internal", service_addresses=("10.8.0.1",), routing={"s": Routing(as_number=65001)}
    )
    made = site_context(name="s", site=Site.model_validate(document), rows={}, around=around)
    found = network_findings([made], render_all([made]))
    assert [one.level for one in found] == ["advisory"] * 3
    assert not any(one.refuses for one in found)
    said = " ".join(one.message for one in found)
    for text in ("no interface in 10.0.0.0/24", "10.8.0.1, an address of the zone's service", "announces 10.9.0.0/24"):
        assert text in said
    assert "sites/s/etc/nftables.conf" not in render_all([made])


@pytest.mark.parametrize(
    ("gateways", "said"),
    [([], [4, 6]), (["192.0.2.1"], [6]), (["2001:db8:eeee::1"], [4]), (["192.0.2.1", "2001:db8:eeee::1"], [])],
)
def test_a_default_route_counts_for_its_own_ip_version(gateways: list[str], said: list[int]) -> None:
    """A way out for IPv4 leads to no service in IPv6, and the other way round."""
    networks = {
        "v4": {"prefix": "192.0.2.0/30", "gateway": "192.0.2.2", "interface": "wan0", "role": "upstream"},
        "v6": {"prefix": "2001:db8:eeee::/64", "gateway": "2001:db8:eeee::2", "interface": "wan0", "role": "upstream"},
    }
    document = {
        "title": "s",
        "district": "d",
        "as_number": 65001,
        "networks": networks,
        "default_gateways": gateways,
        "management": ["203.0.113.0/24", "2001:db8:aaaa::/48"],
    }
    services = ("198.51.100.1", "2001:db8:bbbb::1")
    around = Surroundings(service="https://service.internal", service_addresses=services)
    made = site_context(name="s", site=Site.model_validate(document), rows={}, around=around)
    messages = " ".join(one.message for one in incomplete(made))
    for version, texts in (
        (4, ("198.51.100.1,", "203.0.113.0/24,")),
        (6, ("2001:db8:bbbb::1,", "2001:db8:aaaa::/48,")),
    ):
        assert all((text in messages) == (version in said) for text in texts)


def test_servers_that_routers_keep_from_nodes_are_found(tmp_path: Path) -> None:
    """A name server at the gateway's own address takes no question there, and one among administrators neither."""
    for address in ("10.80.0.1", "10.79.255.20"):
        contexts = changed_folder(tmp_path / address, "[10.80.0.2,", f"[{address},")
        messages = [one.message for one in network_findings(contexts, render_all(contexts))]
        assert any(f"does not reach its name server, {address}" in one for one in messages)
    contexts = changed_folder(tmp_path / "time", "[10.80.0.3, 10.80.0.4]", "[10.79.254.1]")
    messages = [one.message for one in network_findings(contexts, render_all(contexts))]
    assert any("does not reach its time server, 10.79.254.1" in one for one in messages)


def test_a_network_of_one_address_is_judged(tmp_path: Path) -> None:
    """A management network of the router's address alone stops no check."""
    contexts = changed_folder(tmp_path / "zone", "prefix: 10.79.255.0/26", "prefix: 10.79.255.1/32")
    messages = [one.message for one in network_findings(contexts, render_all(contexts))]
    assert not any("reaches administrators" in one for one in messages)


def test_a_cut_duct_leaves_the_other_and_both_leave_none() -> None:
    """Ways are computed without links that are down, and back again with them."""
    paths = paths_of(*zone())
    nodes = [one for one in zone()[0] if isinstance(one, NodeContext) and one.party == "tenant-a"]
    here, there = (next(one for one in nodes if one.site == name) for name in ("east", "west"))
    source, target = (one.addresses[0].address.partition("/")[0] for one in (here, there))
    for down, reached in ((set(), True), ({"l01"}, True), ({"l02", "l03"}, True), ({"l01", "l02", "l03"}, False)):
        assert paths.without(down).reaches(source, target, "tcp", 22) is reached, down
    assert paths.reaches(source, target, "icmp")


def test_a_drained_link_is_the_last_that_is_taken() -> None:
    """Two links carry what goes to the other site and the drained one nothing, until it is the only one."""
    paths, here, there = paths_of(*zone()), ip_network("10.80.0.0/20"), ip_network("10.80.16.0/20")
    for down, taken, by_east in (
        (set(), {"l02", "l03"}, "l02"),
        ({"l02"}, {"l03"}, "x0"),  # by way of the second router, where l03 ends
        ({"l02", "l03"}, {"l01"}, "l01"),
    ):
        assert {hop.interface for hop in paths.without(down).routes("west", 4)[here]} == taken
        assert {hop.interface for hop in paths.without(down).routes("east", 4)[there]} == {by_east}


def test_the_router_that_is_left_is_the_gateway() -> None:
    """With either of two routers lost, a site has the ways of the other one; with both it has none."""
    paths, here, there = paths_of(*zone()), ip_network("10.80.0.0/20"), ip_network("10.80.16.0/20")
    for lost, by_west, own, ways in (
        ([], {"l02", "l03"}, "east", {"l02"}),
        (["east"], {"l03"}, "east/east-2", {"l03"}),
        (["east/east-2"], {"l02"}, "east", {"l02"}),
    ):
        left = paths.without_routers(lost)
        assert {hop.interface for hop in left.routes("west", 4)[here]} == by_west
        assert {hop.interface for hop in left.routes(own, 4)[there]} == ways
        assert left.reaches("10.80.16.5", "10.80.32.2", "tcp", 22) is left.reaches(
            "10.80.32.2", "10.80.16.5", "tcp", 22
        )
        assert left.reaches("10.80.48.2", "10.80.32.2", "tcp", 22)
    assert not paths.without_routers(["east", "east/east-2"]).reaches("10.80.48.2", "10.80.32.2", "tcp", 22)


def test_one_end_of_a_drained_link_tells_all_routers() -> None:
    """What comes in over a drained link says so as what goes out does, so routers behind one end know of both ways."""
    maps = zone()[1]["sites/east/etc/frr/frr.conf"].split("\nexit\n")
    for version in ("v4", "v6"):
        for way in ("in", "out"):
            (told,) = (one for one in maps if f"route-map drained-{way}-{version} permit" in one)
            assert " set community graceful-shutdown additive" in told.splitlines(), way


def test_a_longer_way_goes_before_a_drained_link() -> None:
    """Three sites in a ring: where the link between two of them is drained, both go by way of the third."""
    ring = {("a", "b"): True, ("b", "c"): False, ("a", "c"): False}
    sites = {name: _in_ring(name, ring) for name in "abc"}
    paths = Paths(sites, sites, {}, {})
    for here, there in (("a", "b"), ("b", "a")):
        network = ip_network(sites[there].networks_v4[0])
        assert [hop.router for hop in paths.routes(here, 4)[network]] == ["c"]
        assert [hop.router for hop in paths.without({"bc"}).routes(here, 4)[network]] == [there]


def _in_ring(name: str, ring: Mapping[tuple[str, str], bool]) -> SiteContext:
    """A site of a ring; nothing but its sessions and its network is looked at."""
    sessions = tuple(
        replace(
            site("east").sessions_v4[0], interface="".join(ends), link="".join(ends), peer=other, drained=is_drained
        )
        for ends, is_drained in ring.items()
        for other in ends
        if name in ends and other != name
    )
    networks = (f"10.{ord(name)}.0.0/24",)
    return replace(
        site("east"),
        name=name,
        sessions_v4=sessions,
        interfaces=tuple(
            Interface(name=one.link, link=one.link, peer=one.peer, risks="", v4="", v6="") for one in sessions
        ),
        ports=(),
        networks_v4=networks,
        originated_v4=networks,
        defaults_v4=(),
        loopbacks_v4=(),
    )


def test_a_router_takes_bgp_from_its_neighbours_only() -> None:
    """From a node, an administrator and outside nobody reaches a router's port for BGP; administrators reach SSH."""
    paths = paths_of(*zone())
    loopback = site("west").loopbacks_v4[0].partition("/")[0]
    for source in ("10.80.0.5", "10.79.255.32", "198.51.100.7"):
        assert not paths.reaches(source, loopback, "tcp", 179)
    assert paths.reaches("10.79.255.32", loopback, "tcp", 22)
    assert not paths.reaches("10.80.0.5", loopback, "tcp", 22)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("10.80.16.5", "10.80.0.5"),
        ("2001:db8:1::5", "2001:db8:0::5"),
        ("10.79.255.20", "10.80.0.5"),
        ("10.79.255.20", "10.79.255.30"),
        ("10.79.254.2", "10.79.254.1"),
    ],
)
def test_nothing_from_outside_has_an_address_of_the_zone(source: str, target: str) -> None:
    """A node takes its fellows by their addresses, at whatever site they are, so nobody outside may have one."""
    router = read_firewall(zone()[1][ROUTER], ROUTER_CHAINS)
    packet = Packet(source=ip_address(source), target=ip_address(target), protocol="udp", port=9999, arrives="wan0")
    leaves = "mgmt0" if target.startswith("10.79.255") else "lan0"
    assert not router.lets("forward", replace(packet, leaves=leaves))
    assert not router.lets("input", replace(packet, protocol="tcp", port=22))
    stranger = replace(packet, source=ip_address("2001:db8:eeee::9" if ":" in source else "198.51.100.9"))
    assert router.lets("forward", replace(stranger, leaves="lan0"))


def test_the_names_of_interfaces_decide_nothing() -> None:
    """A node with an administrator's address is dropped where it comes in, also by a port that stands last."""
    names = {"lan0": "vlan10", "mgmt0": "adm0"}
    ports = (replace(one, name=names.get(one.name, one.name)) for one in site("east").ports)
    files = render_all(changed("east", ports=tuple(sorted(ports, key=lambda one: one.name))))
    router = read_firewall(files[ROUTER], ROUTER_CHAINS)
    for source, target in (("10.79.255.20", "10.79.255.30"), ("2001:db8:ffff:ff::20", "2001:db8:ffff:ff::30")):
        packet = Packet(source=ip_address(source), target=ip_address(target), protocol="udp", port=9999, leaves="adm0")
        assert not router.lets("forward", replace(packet, arrives="vlan10"))


def test_a_network_that_is_called_a_tenants_is_no_fellow() -> None:
    """A node takes packets from addresses of its own stack's nodes, not from whoever is in a VLAN of its tenant."""
    path = "nodes/east/web-001/etc/nftables.conf"
    firewall = read_firewall(zone()[1][path].partition("\n")[2])
    (fellow, *_) = nodes_at("west", [one for one in zone()[0] if getattr(one, "party", "") == "tenant-a"])
    known = ip_address(fellow.addresses[0].address.partition("/")[0])
    packet = Packet(source=known, target=ip_address("10.80.32.2"), protocol="tcp", port=22)
    assert firewall.lets("input", packet)
    assert not firewall.lets("input", replace(packet, source=ip_address("10.80.48.200")))


def test_only_the_other_router_says_who_is_the_gateway() -> None:
    """VRRP is taken at the interface between two routers from neighbours, is sent there only, and nowhere else."""
    for root in ("sites/east", "routers/east/east-2"):
        about = [line.strip() for line in zone()[1][f"{root}/etc/nftables.conf"].splitlines() if "l4proto 112" in line]
        assert about == ['iifname "x0" ip6 saddr fe80::/10 ip6 hoplimit 255 meta l4proto 112 accept']
        said = zone()[1][f"{root}/etc/keepalived/keepalived.conf"]
        assert re.findall(r"(?m)^    interface (\S+)$", said) == ["x0"]
    alone = zone()[1]["sites/west/etc/nftables.conf"]
    assert "l4proto 112" not in alone


def changed_folder(folder: Path, old: str, new: str) -> tuple[AnyContext, ...]:
    """The zone with something else in what the facility operator declares."""
    copytree(CASE, folder, ignore=lambda *_: ["expected.yaml"])
    path = folder / "facility-operator.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return contexts_of_folder(folder)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"2001:db8:0::2"]', '"2001:db8:0::2", 10.80.0.9]'),
        ('[10.80.0.2, "2001:db8:0::2"]', "[10.80.0.2]"),
        ("10.80.16.2", "10.80.16.9"),
        ("[10.80.16.3]", "[10.80.16.3, 10.80.16.8]"),
        ("10.80.16.1", "10.80.16.30"),
    ],
)
def test_no_zone_file_changes_without_a_higher_serial(tmp_path: Path, old: str, new: str) -> None:
    """What a day two changes, such as a name server more, is seen by whoever compares serial numbers."""
    before = zone()[1]
    known = {path: found for path, text in before.items() if path.endswith(".zone") and (found := serial_in(text))}
    numbered = [
        numbered_site(one, known)
        if isinstance(one, SiteContext)
        else numbered_group(one, known)
        if isinstance(one, GroupContext)
        else one
        for one in changed_folder(tmp_path / "zone", old, new)
    ]
    after = render_all(numbered)
    changed_ones = [path for path in known if path in after and after[path] != before[path]]
    assert changed_ones
    for path in changed_ones:
        found = serial_in(after[path])
        assert found is not None
        assert found.serial == known[path].serial + 1, path


def test_a_name_server_among_administrators_asks_as_no_administrator(tmp_path: Path) -> None:
    """It passes on what other parties' nodes ask, so it is not told what only administrators may know."""
    contexts = changed_folder(tmp_path / "zone", '[10.80.0.2, "2001:db8:0::2"]', "[10.79.255.20]")
    servers = name_servers_of(contexts)
    asking = {one.party: one.addresses[0].address.partition("/")[0] for one in nodes_at("east", contexts)}
    name = "replica-001.tenant-a.west.internal."
    assert servers.answer("east", asking["tenant-a"], name)
    assert not servers.answer("east", asking["tenant-b"], name)
    assert servers.answer("west", "10.79.255.30", name), "administrators are told"
    named = render_all(contexts)["sites/west/etc/bind/named.conf"]
    assert "match-clients { !zone_servers; management; };" in named
    assert "10.79.255.20;" in named.partition("acl zone_servers {")[2].partition("}")[0]


def nodes_at(name: str, contexts: Iterable[AnyContext]) -> list[NodeContext]:
    """The nodes at a site."""
    return [one for one in contexts if isinstance(one, NodeContext) and one.site == name]


def test_a_node_has_three_time_servers_where_the_zone_has_them() -> None:
    """Own servers come first; those of other sites fill up to three, and a site without any takes none."""
    routing = {
        name: Routing(as_number=65000 + number, time_servers=(f"10.{number}.0.3",))
        for number, name in enumerate("abcd", start=1)
    }
    around = Surroundings(routing=routing)

    def servers(name: str, own: list[str]) -> tuple[str, ...]:
        declared = Site.model_validate({"title": "x", "district": "d", "time_servers": own})
        return site_view(site_id=name, site=declared, party="p", fellows=Both(), around=around).time_servers

    assert servers("b", ["10.2.0.3"]) == ("10.2.0.3", "10.3.0.3", "10.4.0.3")
    assert servers("d", ["10.4.0.3", "10.4.0.4"]) == ("10.4.0.3", "10.4.0.4", "10.1.0.3")
    assert servers("a", ["10.1.0.3", "10.1.0.4", "10.1.0.5", "10.1.0.6"])[3:] == ("10.1.0.6",)
    assert servers("a", []) == ()


@pytest.mark.parametrize(
    ("interfaces", "uplinks"),
    [
        ([], ()),
        ([{"name": "eno1"}, {"name": "enx0", "mgmt_only": True}], ("eno1",)),
        ([{"name": "eno2", "lag": "uplink"}, {"name": "eno1"}, {"name": "ens1", "lag": "storage"}], ("eno2",)),
        ([{"name": "eno1"}, {"name": "ens1", "lag": "storage"}], ("eno1",)),
    ],
)
def test_a_bond_takes_the_ports_that_the_type_names(
    interfaces: list[dict[str, object]], uplinks: tuple[str, ...]
) -> None:
    """Ports with `lag: uplink`, else those without a bond of their own; never one that is for management only."""
    document = {
        "manufacturer": "m",
        "model": "m",
        "u_height": 1,
        "weight_kg": 1,
        "maximum_draw": 1,
        "allocated_draw": 1,
    }
    assert NodeType.model_validate({**document, "interfaces": interfaces}).uplinks == uplinks


@pytest.mark.parametrize(
    ("interfaces", "said"),
    [
        ([{"name": "eno1"}, {"name": "eno1"}], "two interfaces with the name eno1"),
        ([{"name": "enx0", "mgmt_only": True}], "no interface that a node can use"),
        ([{"name": "eno1; reboot"}], "pattern"),
        ([{"name": "a-name-too-long-x"}], "at most 15"),
    ],
)
def test_ports_that_no_node_can_have_are_refused(interfaces: list[dict[str, object]], said: str) -> None:
    """A name twice, no port for data, and a name that Linux would not take."""
    document = {
        "manufacturer": "m",
        "model": "m",
        "u_height": 1,
        "weight_kg": 1,
        "maximum_draw": 1,
        "allocated_draw": 1,
    }
    with pytest.raises(ValueError, match=said):
        NodeType.model_validate({**document, "interfaces": interfaces})


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"loopbacks": ["10.0.0.1", "10.0.0.2"]}, "two loopbacks of one IP version"),
        ({"default_gateways": ["10.0.0.1"]}, "no network with the role 'upstream'"),
        (
            {"networks": {"m": {"prefix": "10.0.0.0/24", "gateway": "10.1.0.1", "interface": "m0", "role": "service"}}},
            "is not inside prefix",
        ),
    ],
)
def test_networks_of_a_router_that_cannot_be_are_refused(more: dict[str, object], said: str) -> None:
    """Two router addresses of one kind, a way out through no network, an address outside its network."""
    with pytest.raises(ValueError, match=said):
        Site.model_validate({"title": "x", "district": "d", **more})

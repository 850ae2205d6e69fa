"""VRFs and VLANs of a router, bonds and VLANs of nodes: rendered files in a kernel that has all of these."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support.guest import UNTESTED, require_guest, run_in_guest
from support.guest_site import ROUTER, SWITCH, Question, files_of, script_of, written
from support.parts import require
from support.zone_contexts import switched_contexts
from zonewright.render import NodeContext, SiteContext, render_all
from zonewright.render.formats.format import sites_in
from zonewright.render.network.firewall import Protocol
from zonewright.render.network.paths import Paths, paths_of

WITH_RULES, VRF_ALONE = "with-rules", "vrf-alone"
ADMINISTRATOR, SERVICE = "administrator", "service"
_ASKED = re.compile(r"^asked: (\S+) (\S+) (\S+) (\S+) (yes|no)$", re.MULTILINE)
_RUNNING = re.compile("^running: (.*)$", re.MULTILINE)
_WITHIN_S = 900.0
"""An emulator is slow where others work too."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(_WITHIN_S + 120)]


def _questions(site: SiteContext, nodes: dict[str, NodeContext]) -> tuple[Question, ...]:
    """Who asks whom; the same of each tenant."""
    first = {name: one.addresses[0].address.partition("/")[0] for name, one in nodes.items()}
    loopback = site.loopbacks_v4[0].partition("/")[0]
    found = [Question("web-001", "lake-001", "tcp/22", first["lake-001"])]
    for name, node in nodes.items():
        found += [
            Question(name, "gateway", "ping", node.gateways_v4[0]),
            Question(name, SERVICE, f"tcp/{site.service_port}", site.service_v4[0]),
            Question(name, ADMINISTRATOR, "tcp/22", "10.79.255.9"),
            Question(name, ROUTER, "tcp/22", loopback),
            Question(ADMINISTRATOR, name, "tcp/22", first[name]),
        ]
        found += [
            Question(name, other, "tcp/22", there) for other, there in first.items() if nodes[other].party != node.party
        ]
    return (*found, Question(ADMINISTRATOR, ROUTER, "tcp/22", loopback))


def _asked(stage: str, questions: Iterable[Question], paths: Paths, sources: dict[str, str]) -> Iterator[str]:
    """Lines of a stage: what must be answered is asked by itself and given time, the rest some at once."""
    by_answer: dict[bool, list[Question]] = {True: [], False: []}
    for one in questions:
        by_answer[_computed(paths, sources, one)].append(one)
    for one in by_answer[True]:
        yield f"ask {stage} {one.source} {one.target} {one.how} {one.address} 9; answers"
    for number, one in enumerate(by_answer[False]):
        yield f"ask {stage} {one.source} {one.target} {one.how} {one.address} 2"
        yield "answers" if number % 4 == 3 else ":"
    yield "answers"


def _computed(paths: Paths, sources: dict[str, str], one: Question) -> bool:
    protocol, _, port = one.how.partition("/")
    kind: Protocol = "tcp" if protocol == "tcp" else "icmp"
    return paths.reaches(sources[one.source], one.address, kind, int(port or 0))


def test_vrfs_vlans_and_bonds_work_in_a_kernel_that_has_them(tmp_path: Path) -> None:
    """Packets get where they must from each tenant's VRF and nowhere else, as computed, over bonds and tagged VLANs.

    Without any rules of its own, a router with VRFs has no way from one tenant to another.
    """
    require_guest()
    require("netplan", "netplan.io", UNTESTED)
    contexts = switched_contexts()
    site = sites_in(contexts)["dc1"]
    assert {one.name for one in site.vrfs} == {"mgmt", "tenant-a", "tenant-b"}
    chosen = ("web-001", "lake-001", "app-001")
    nodes = {one.name: one for one in contexts if isinstance(one, NodeContext) and one.name in chosen}
    files = render_all(contexts)
    written(tmp_path, ROUTER, files_of(files, site, "etc/netplan/60-zonewright-router.yaml"))
    for below in ("etc/frr/frr.conf", "etc/nftables.conf", "etc/sysctl.d/60-zonewright.conf"):
        name = below.rpartition("/")[2].replace("60-zonewright", "sysctl")
        (tmp_path / ROUTER / name).write_text(files_of(files, site, below), encoding="utf-8")
    for name, node in nodes.items():
        written(tmp_path, name, files_of(files, node, "etc/netplan/50-zonewright.yaml"))
    ports = {port.role: port for port in site.ports if not port.parent}
    hosts = {ADMINISTRATOR: (ports["management"], "10.79.255.9"), SERVICE: (ports["service"], site.service_v4[0])}
    sources = {name: one.addresses[0].address.partition("/")[0] for name, one in nodes.items()}
    sources[ADMINISTRATOR] = "10.79.255.9"
    whole = paths_of(contexts, files)
    questions = _questions(site, nodes)
    apart = [one for one in questions if {one.source, one.target} <= {*nodes, "gateway", SERVICE}]
    with_rules, vrf_alone = whole.without_hosts_rules(), replace(whole, firewalls={})
    storage = next(one.address for one in nodes["lake-001"].addresses if one.address.startswith("10.80.40."))
    stages = [
        "until_ 'in_ lake-001 grep -q \"Number of ports: 2\" /proc/net/bonding/uplink'",
        *(f"in_ {name} busybox httpd -p 22" for name in (ROUTER, ADMINISTRATOR, *nodes)),
        f"in_ {SERVICE} busybox httpd -p {site.service_port}",
        *_asked(WITH_RULES, questions, with_rules, sources),
        f"ask tagged web-001 lake-001 ping {storage.partition('/')[0]} 9; answers",
        f"in_ {ROUTER} vtysh -c 'show running-config' | sed 's/^/running: /'",
        f"in_ {ROUTER} nft delete table inet zonewright",
        *_asked(VRF_ALONE, apart, vrf_alone, sources),
        "in_ web-001 sed 's/^/web: /' /proc/net/bonding/uplink",
        "in_ lake-001 sed 's/^/lake: /' /proc/net/bonding/uplink",
        f"ip -n {SWITCH} link set web-0-0 down",
        "until_ 'in_ web-001 grep -q \"Slave: ens1f1\" /proc/net/bonding/uplink'",
        f"ask one-port web-001 gateway ping {nodes['web-001'].gateways_v4[0]} 9; answers",
        "in_ web-001 sed 's/^/one-port: /' /proc/net/bonding/uplink",
    ]
    said = run_in_guest(script_of(site, list(nodes.values()), hosts, stages), tmp_path, within_s=_WITHIN_S)
    answers = {(stage, source, target, how): yes == "yes" for stage, source, target, how, yes in _ASKED.findall(said)}
    failed = [
        f"{stage}: {one.source} to {one.target} by {one.how}: computed and by packets differ"
        for stage, some, paths in ((WITH_RULES, questions, with_rules), (VRF_ALONE, apart, vrf_alone))
        for one in some
        if answers[stage, one.source, one.target, one.how] is not _computed(paths, sources, one)
    ]
    assert failed == [], "\n".join([*failed, said])
    for stage in (WITH_RULES, VRF_ALONE):
        open_to = {(source, target) for (at, source, target, _), yes in answers.items() if at == stage and yes}
        assert open_to == {
            ("web-001", "lake-001"),
            *((name, "gateway") for name in nodes),
            *((name, SERVICE) for name in nodes),
            *((ADMINISTRATOR, name) for name in (*nodes, ROUTER) if stage == WITH_RULES),
        }
    assert answers["tagged", "web-001", "lake-001", "ping"]
    assert answers["one-port", "web-001", "gateway", "ping"]
    assert "web: Currently Active Slave: ens1f0" in said
    assert "one-port: Currently Active Slave: ens1f1" in said
    assert "lake: Bonding Mode: IEEE 802.3ad Dynamic link aggregation" in said
    assert said.count("lake: MII Status: up") == 3
    assert not re.search(r"lake: Partner Mac Address: 00:00:00:00:00:00", said), said
    intended, running = (
        {line for line in text.splitlines() if line.startswith(("ip route ", "interface ", " ip address "))}
        for text in (files_of(files, site, "etc/frr/frr.conf"), "\n".join(_RUNNING.findall(said)))
    )
    assert running == intended

"""The whole network: sessions, addresses, names and firewalls fit together, and each way of not fitting is found."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any

import pytest

from support.parts import find, require, search_path, skip_or_fail
from support.reference_nodes import reference_contexts, reference_groups, reference_nodes, zone_files
from support.reference_sites import edge_site as lili
from support.reference_sites import reference_sites, reference_views
from zonewright.model.secret import resolved
from zonewright.render import NodeContext, RenderError, SiteContext
from zonewright.render.formats.format import AnyContext, root_of
from zonewright.render.formats.nftables import NFTABLES
from zonewright.render.network.firewall import Packet, read_firewall
from zonewright.render.network.reachability import network_findings

pytestmark = pytest.mark.slow

DAEMONS = ("zebra", "staticd", "bgpd")


def firewall_of(node: NodeContext) -> str:
    """The rendered firewall of a node."""
    return zone_files()[f"{root_of(node)}/{NFTABLES.files[0].path}"]


def test_the_reference_zone_fits_together() -> None:
    """Over all sites, nodes and parties of the reference zone nothing is found."""
    everything: list[AnyContext] = [*reference_contexts(), *reference_views()]
    assert len(everything) > 900
    assert network_findings(everything, zone_files()) == ()


def site(name: str, **more: Any) -> SiteContext:
    """A site of the reference zone with something else in it."""
    return replace(reference_sites()[name], **more)


def first_session(name: str, **more: Any) -> SiteContext:
    """A site whose first session is another one."""
    made = reference_sites()[name]
    return replace(made, sessions=(replace(made.sessions[0], **more), *made.sessions[1:]))


BROKEN: dict[str, Callable[[], tuple[SiteContext, str]]] = {
    "another number": lambda: (first_session("wj-edge-lili", as_number=65000), "the peer's number"),
    "another address": lambda: (first_session("wj-edge-lili", neighbor="10.79.0.99"), "the neighbour's address"),
    "another state": lambda: (first_session("wj-edge-lili", status="planned"), "the state"),
    "no other end": lambda: (site("wj-edge-lili", sessions=lili().sessions[2:]), "has no session over"),
    "another network": lambda: (
        site("wj-edge-lili", interfaces=(replace(lili().interfaces[0], v4="10.79.7.1/31"), *lili().interfaces[1:])),
        "the link's network",
    ),
    "an address twice": lambda: (
        site("wj-edge-lili", names=(*lili().names, replace(lili().names[0], name="ns9"))),
        "ns1 of wj-edge-lili and ns9",
    ),
    "a name that does not lead back": lambda: (
        site("wj-edge-lili", reverse_zones=lili().reverse_zones[1:]),
        "no name leads back from there",
    ),
    "a way back without a name": lambda: (
        site("wj-edge-lili", names=lili().names[1:]),
        "that name does not lead to the address",
    ),
    "a leased address that is somebody's": lambda: (
        site("wj-edge-lili", leases=(replace(lili().leases[0], first="10.80.96.2"),)),
        "is an address that DHCP leases",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_does_not_fit_is_found(case: str) -> None:
    """Each way in which two sites, or names and addresses, can disagree is a finding that says it."""
    broken, said = BROKEN[case]()
    contexts = [*(one for one in reference_views() if one.name != broken.name or one.is_second), broken]
    assert any(said in one.message for one in network_findings(contexts, {}))
    assert all(one.refuses for one in network_findings(contexts, {}))


def test_two_nodes_with_one_address_are_found() -> None:
    """An address that two parties' nodes have is named with both of them."""
    one = reference_nodes()[0]
    other = next(node for node in reference_nodes() if node.party != one.party)
    found = network_findings([one, replace(other, addresses=one.addresses), *reference_groups()], {})
    assert any(one.name in item.message and other.name in item.message for item in found)


def test_a_node_without_a_name_is_found() -> None:
    """A node that asks name servers and is in none of them is a finding."""
    node = reference_nodes()[0]
    found = network_findings([node], {})
    assert [item.message for item in found] == [
        f"node {node.name} of {node.party} at {node.site} has no name in the DNS"
    ]


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("tcp dport 443 accept", "tcp dport 444 accept", "cannot reach the zone's service"),
        ("{ 53, 123 }", "{ 53 }", "cannot reach a time server"),
        ("{ 53, 123 }", "{ 123 }", "cannot reach a name server"),
        ("ip saddr @own_v4 accept", "ip saddr @management_v4 accept", "does not belong to its own stack"),
        ("ip daddr @own_v4 accept", "ip daddr @own_v4 counter accept", "not understood"),
    ],
)
def test_a_firewall_that_keeps_agents_from_reporting_is_found(right: str, wrong: str, said: str) -> None:
    """It is computed from the rendered rules: another port, a set that is missing, a rule that is not understood."""
    node = next(one for one in reference_nodes() if one.time_servers)
    text = firewall_of(node).replace("policy accept", "policy drop")
    assert right in text
    path = f"{root_of(node)}/{NFTABLES.files[0].path}"
    assert network_findings([node, *reference_groups()], {path: text}) == ()
    found = network_findings([node, *reference_groups()], {path: text.replace(right, wrong)})
    assert any(said in one.message for one in found)


def test_parties_do_not_reach_each_other() -> None:
    """From a node of one party no packet leaves to a node of another, and none that came would get in."""
    one = reference_nodes()[0]
    other = next(node for node in reference_nodes() if node.party != one.party)
    ends = [ip_address(node.addresses[0].address.partition("/")[0]) for node in (one, other)]
    for port in (22, 53, 80, 443):
        packet = Packet(source=ends[0], target=ends[1], protocol="tcp", port=port)
        assert not read_firewall(firewall_of(one)).lets("output", packet)
        assert not read_firewall(firewall_of(other)).lets("input", packet)


@pytest.mark.parametrize("text", ["", "table inet x {}", "table inet x {\n\tchain input {\n\t}\n}"])
def test_a_firewall_of_another_form_is_not_judged(text: str) -> None:
    """What has not our chains is no firewall that lets something through."""
    with pytest.raises(RenderError, match="not judged"):
        read_firewall(text)


def needs(*programs: str) -> None:
    """Skip loudly where programs or network namespaces are missing; fail where CI promises them."""
    for one in programs:
        require(one, PACKAGES.get(one, "frr"), "what real packets and sessions do")
    if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode != 0:
        skip_or_fail("network namespaces need root: what real packets and sessions do is NOT tested")


PACKAGES = {"ip": "iproute2", "nft": "nftables", "python3": "python3"}


@dataclass(frozen=True)
class Namespace:
    """A network namespace with a name of its own."""

    name: str

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command in it."""
        done = subprocess.run(
            ["ip", "netns", "exec", self.name, *command],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "PATH": search_path()},
        )
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(name="namespace")
def _namespace() -> Iterator[Callable[[str], Namespace]]:
    made: list[str] = []

    def make(name: str) -> Namespace:
        whole = f"zw{os.getpid()}-{name}"
        subprocess.run(["ip", "netns", "add", whole], check=True)
        made.append(whole)
        space = Namespace(whole)
        space.run("ip", "link", "set", "lo", "up")
        for which in ("all", "default"):  # an address is there at once, without looking for a second one
            space.run("sh", "-c", f"echo 0 > /proc/sys/net/ipv6/conf/{which}/accept_dad")
        return space

    yield make
    for name in made:
        subprocess.run(["ip", "netns", "delete", name], check=False)


def test_the_kernel_agrees_with_what_is_computed(namespace: Callable[[str], Namespace], tmp_path: Path) -> None:
    """With the rendered rules in the kernel, real packets get where the computation says, and nowhere else."""
    needs("nft", "ip", "python3")
    node = next(one for one in reference_nodes() if one.party == "tenant-fin")
    fellow = next(one for one in reference_nodes() if (one.party, one.site) == (node.party, node.site) and one != node)
    stranger = next(one for one in reference_nodes() if one.party != "tenant-fin" and one.addresses)
    inside, outside = namespace("in"), namespace("out")
    inside.run("ip", "link", "add", "uplink", "type", "veth", "peer", "name", "far", "netns", outside.name)
    own = node.addresses[0].address.partition("/")[0]
    inside.run("ip", "address", "add", f"{own}/8", "dev", "uplink")
    inside.run("ip", "link", "set", "uplink", "up")
    outside.run("ip", "link", "set", "far", "up")
    path = tmp_path / "nftables.conf"
    path.write_text(firewall_of(node), encoding="utf-8")
    inside.run("nft", "-f", str(path))
    firewall = read_firewall(firewall_of(node))
    others = {
        "fellow": fellow.addresses[0].address.partition("/")[0],
        "stranger": stranger.addresses[0].address.partition("/")[0],
        "service": node.service_v4[0],
        "management": str(ip_interface(node.management_v4[0]).network[9]),
        "elsewhere": "10.200.0.1",
    }
    for address in others.values():
        outside.run("ip", "address", "add", f"{address}/8", "dev", "far")
    asked = [(name, port) for name in others for port in (22, 443)]
    there = reached(inside, outside, [(others[name], port, "") for name, port in asked])
    back = reached(outside, inside, [(own, port, others[name]) for name, port in asked])
    said = dict(zip(asked, zip(there, back, strict=True), strict=True))
    for name, port in asked:
        ends = ip_address(own), ip_address(others[name])
        goes = Packet(source=ends[0], target=ends[1], protocol="tcp", port=port)
        comes = Packet(source=ends[1], target=ends[0], protocol="tcp", port=port)
        assert said[name, port] == (firewall.lets("output", goes), firewall.lets("input", comes)), (name, port)
    assert said["fellow", 22] == (True, True)
    assert said["stranger", 22] == (False, False)
    assert said["management", 22] == (False, True)
    assert said["management", 443][1] is False
    assert said["service", 443][0] is True


_ASK = """
import json, socket, sys
found = []
for address, port, source in json.loads(sys.argv[1]):
    try:
        socket.create_connection((address, port), 0.5, (source, 0) if source else None).close()
        found.append(True)
    except OSError:
        found.append(False)
print(json.dumps(found))
"""
_ANSWER = """
import json, socket, sys, time
made = [socket.create_server((address, port)) for address, port in json.loads(sys.argv[1])]
print('ready', flush=True)
time.sleep(60)
"""


def reached(asking: Namespace, answering: Namespace, wanted: Sequence[tuple[str, int, str]]) -> list[bool]:
    """Whether TCP connections come about between two namespaces: to an address and a port, from an address or any."""
    ends = json.dumps(sorted({(address, port) for address, port, _ in wanted}))
    command = ["ip", "netns", "exec", answering.name, "python3", "-c", _ANSWER, ends]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        found: list[bool] = json.loads(asking.run("python3", "-c", _ASK, json.dumps(wanted)))
        server.kill()
    return found


def test_real_sessions_come_up_and_exchange_what_sites_announce(
    namespace: Callable[[str], Namespace], frr: Callable[[str, Namespace], "Router"]
) -> None:
    """FRR's own bgpd of three sites, with the rendered files: sessions Established, prefixes of all three in each."""
    needs(*DAEMONS, "vtysh", "ip")
    names = ("wj-dc1", "wj-edge-lili", "wj-edge-sz")
    spaces = {name: namespace(name[-4:]) for name in names}
    links: dict[str, list[str]] = {}
    for name in names:
        for item in reference_sites()[name].interfaces:
            links.setdefault(item.link, []).append(name)
    shared = {link: ends for link, ends in links.items() if len(ends) == 2}
    assert len(shared) >= 2
    for link, (a, b) in shared.items():
        spaces[a].run("ip", "link", "add", link, "type", "veth", "peer", "name", link, "netns", spaces[b].name)
        for one in (a, b):
            spaces[one].run("ip", "link", "set", link, "up")
    routers = {name: frr(name, spaces[name]) for name in names}
    texts = {name: zone_files()[f"sites/{name}/etc/frr/frr.conf"] for name in names}
    for name, router in routers.items():
        # Addresses come before sessions, as on a router that starts: bgpd takes no IPv6 prefix over a session that came
        # up before zebra told it of the interface.
        router.configure(texts[name].partition("router bgp ")[0])
        for item in reference_sites()[name].interfaces:
            if item.link in shared:
                router.until(lambda router=router, item=item: {item.v4, item.v6} <= router.addresses())  # type: ignore[misc]
    time.sleep(1)  # zebra tells bgpd
    for name, router in routers.items():
        router.configure(texts[name])
    for name, router in routers.items():
        own = reference_sites()[name]
        wanted = {one.neighbor for one in own.sessions if one.link in shared and one.status == "active"}
        assert wanted
        router.until(lambda router=router, wanted=wanted: wanted <= router.established())  # type: ignore[misc]
        everybody = [reference_sites()[one] for one in names]
        v4 = {prefix for one in everybody for prefix in one.networks_v4}
        v6 = {prefix for one in everybody for prefix in one.networks_v6}
        router.until(lambda router=router, v4=v4, v6=v6: (router.routes("ipv4"), router.routes("ipv6")) == (v4, v6))  # type: ignore[misc]


def test_real_sessions_come_up_with_the_password_that_is_filled_in(
    namespace: Callable[[str], Namespace], frr: Callable[[str, Namespace], "Router"]
) -> None:
    """Two real bgpd with their rendered files: no session with two values of the reference, one with the same value."""
    needs(*DAEMONS, "vtysh", "ip")
    names = ("qp-dc1", "js-edge-yz")
    spaces = {name: namespace(name[-4:]) for name in names}
    spaces["qp-dc1"].run(
        "ip", "link", "add", "l07", "type", "veth", "peer", "name", "l07", "netns", spaces["js-edge-yz"].name
    )
    sites = {name: reference_sites()[name] for name in names}
    neighbors = {name: {one.neighbor for one in site.sessions if one.link == "l07"} for name, site in sites.items()}
    routers = {}
    for name in names:
        spaces[name].run("ip", "link", "set", "l07", "up")
        routers[name] = frr(name, spaces[name])

    def install(values: dict[str, str]) -> None:
        for name, router in routers.items():
            text = zone_files()[f"sites/{name}/etc/frr/frr.conf"].encode()
            assert b"password ref+vault://network/l07#/bgp\n" in text
            router.configure(resolved(text, lambda _reference, name=name: values[name]).decode())  # type: ignore[misc]

    install({"qp-dc1": "one-value", "js-edge-yz": "another-value"})
    for name, router in routers.items():
        router.until(lambda name=name: wrong_signatures(spaces[name]) > 0)  # type: ignore[misc]
    assert [router.established() for router in routers.values()] == [set(), set()]
    install(dict.fromkeys(names, "one-value"))
    for name, router in routers.items():
        router.until(lambda name=name, router=router: neighbors[name] <= router.established())  # type: ignore[misc]


def wrong_signatures(space: Namespace) -> int:
    """How many packets a kernel has dropped for a signature with another password."""
    lines = [line.split() for line in space.run("cat", "/proc/net/netstat").splitlines() if line.startswith("TcpExt:")]
    return int(dict(zip(*lines, strict=True))["TCPMD5Failure"])


@dataclass(frozen=True)
class Router:
    """FRR's daemons of one site in a namespace of its own."""

    space: Namespace
    folder: Path

    def ask(self, command: str) -> Any:
        """What vtysh answers in JSON."""
        text = self.space.run("vtysh", "--vty_socket", str(self.folder), "-c", f"{command} json", check=False)
        return json.loads(text) if text.strip().startswith("{") else {}

    def configure(self, text: str) -> None:
        """Load a configuration; vtysh complains of its own missing one, and of nothing else."""
        path = self.folder / "frr.conf"
        path.write_text(text, encoding="utf-8")
        self.space.run("vtysh", "--vty_socket", str(self.folder), "-f", str(path), check=False)

    def addresses(self) -> set[str]:
        """Addresses of all its interfaces, with the length of their networks."""
        return set(self.space.run("vtysh", "--vty_socket", str(self.folder), "-c", "show interface brief").split())

    def established(self) -> set[str]:
        """Neighbours whose sessions are up."""
        return {
            name
            for family in ("ipv4Unicast", "ipv6Unicast")
            for name, peer in self.ask("show bgp summary").get(family, {}).get("peers", {}).items()
            if peer["state"] == "Established"
        }

    def routes(self, family: str) -> set[str]:
        """Prefixes with a valid path."""
        routes = self.ask(f"show bgp {family} unicast").get("routes", {})
        return {prefix for prefix, paths in routes.items() if any(path.get("valid") for path in paths)}

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait at most 90 s for something; the retry of a first connection that failed takes a while."""
        end_s = time.monotonic() + 90
        while not holds():
            seen = [self.ask(f"show bgp {family} unicast") for family in ("ipv4", "ipv6")]
            assert time.monotonic() < end_s, (self.established(), seen)
            time.sleep(0.5)


@pytest.fixture(name="frr")
def _frr() -> Iterator[Callable[[str, Namespace], Router]]:
    with ExitStack() as ends:

        def start(name: str, space: Namespace) -> Router:
            # FRR gives up its rights to a user of its own, who cannot look into pytest's folders.
            folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix=f"zonewright-{name}-")))
            shutil.chown(folder, "frr", "frr")
            folder.chmod(0o755)
            router = Router(space, folder)
            for daemon in DAEMONS:
                command = ["ip", "netns", "exec", space.name, find(daemon) or daemon]
                command += ["-f", "/dev/null", "-z", str(folder / "zserv"), "-i", str(folder / f"{daemon}.pid")]
                command += ["--vty_socket", str(folder), "-P", "0"]
                quiet = subprocess.DEVNULL
                process = ends.enter_context(subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet))
                ends.callback(process.terminate)
                # One after another, zebra first, as FRR's own start does: a daemon that finds no zebra waits long.
                router.until(lambda daemon=daemon: (folder / f"{daemon}.vty").exists())  # type: ignore[misc]
                router.until((folder / "zserv").exists)
            return router

        yield start

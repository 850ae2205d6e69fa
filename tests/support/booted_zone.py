"""A zone that is up: routers, name servers, time servers and nodes with their rendered files and the real programs.

Each host is one of ``network_hosts``. Where a site has two routers, a host is the switch that both are at. A router's
ports in its own site are bridges, one for each VLAN, since the kernel of a build machine may have no VLAN and no bond;
so is a node's bond a single port. All else is what the files say.
"""

import base64
import itertools
import json
import os
import re
import shutil
import socket
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path
from typing import Any

import yaml

from support.authority import CLIENT, SERVER, authority
from support.network_hosts import NetworkHost, until
from support.parts import require
from zonewright.model.secret import Reference, resolved
from zonewright.render import NodeContext, SiteContext
from zonewright.render.contexts.router_ports import RouterPort
from zonewright.render.formats.format import AnyContext, root_of, sites_in

ROUTING = ("zebra", "staticd", "bgpd", "bfdd")
PROGRAMS = {
    **dict.fromkeys((*ROUTING, "vtysh"), "frr"),
    "named": "bind9",
    "rndc-confgen": "bind9",
    "dig": "bind9-dnsutils",
    "nft": "nftables",
    "chronyd": "chrony",
    "kea-dhcp4": "kea-dhcp4-server",
    "kea-dhcp6": "kea-dhcp6-server",
    "keepalived": "keepalived",
    "prometheus": "prometheus",
}
RELOAD = Path("/usr/lib/frr/frr-reload.py")
OUTSIDE = ("198.51.100.7", "2001:db8:beef::7")
"""A host that is not of the zone, behind its way out."""
SIGNED_BY = base64.b64encode((79).to_bytes(32, "big")).decode()
"""The private key of the site that signs its zones; a number for whose public key the declaration has no better use."""
NEXT_KEY = base64.b64encode((80).to_bytes(32, "big")).decode()
"""The same of the key that comes next."""
_TIME_SERVER = "local stratum 5\nallow all\ncmdport 0\npidfile /run/chronyd.pid\n"
_ONLY_A_SWITCH = "for one in /proc/sys/net/bridge/bridge-nf-call-ip*tables; do test ! -e $one || echo 0 > $one; done"
"""A router's bridge stands for the switches of its site, which do not ask the router's rules."""
_NO_WAIT = "for one in all default; do echo 0 > /proc/sys/net/ipv6/conf/$one/accept_dad; done"


def signed_by(reference: Reference) -> str:
    """The value of a reference in files of name servers."""
    return NEXT_KEY if reference.text.endswith("NEXT") else SIGNED_BY


def require_programs() -> None:
    """Skip loudly where one of the programs is missing."""
    for program, package in PROGRAMS.items():
        require(program, package, "whether rendered files work as a network")


@dataclass
class BootedZone:
    """Hosts by name, and what stands in their files.

    Attributes:
        contexts: what the files were rendered from.
        files: text by path.
        with_servers: whether names, times and leases are served.
        hosts: all hosts: ``router SITE``, ``router SITE/NAME``, ``switch SITE``, ``server SITE``, ``standby SITE``,
            ``service``, ``administrator``, ``outside``, ``node NAME``.
        addresses: addresses of each host.
        listening: sockets that stand for programs of a host, by its name.
    """

    contexts: Sequence[AnyContext]
    files: Mapping[str, str]
    with_servers: bool = True
    hosts: dict[str, NetworkHost] = field(default_factory=dict)
    addresses: dict[str, list[str]] = field(default_factory=dict)
    listening: dict[str, list[socket.socket]] = field(default_factory=dict)

    @property
    def sites(self) -> dict[str, SiteContext]:
        """The sites that have a router."""
        return {name: one for name, one in sites_in(self.contexts).items() if one.as_number}

    @property
    def routers(self) -> dict[str, SiteContext]:
        """All routers: the first one of a site by its id, the second one by ``SITE/NAME``."""
        seconds = (one for one in self.contexts if isinstance(one, SiteContext) and one.is_second)
        return {**self.sites, **{f"{one.name}/{one.router}": one for one in seconds}}

    @property
    def nodes(self) -> dict[str, NodeContext]:
        """The nodes by the name of their host."""
        return {f"node {one.name}": one for one in self.contexts if isinstance(one, NodeContext)}

    def links(self) -> dict[str, tuple[str, str]]:
        """The two routers of each link in use."""
        ends: dict[str, list[str]] = {}
        for name, site in sorted(self.routers.items()):
            active = {one.link for one in site.sessions if one.status == "active"}
            for item in site.interfaces:
                if item.link in active:
                    ends.setdefault(item.link, []).append(name)
        return {link: (found[0], found[1]) for link, found in ends.items() if len(found) > 1}

    def shared_risks(self) -> dict[str, frozenset[str]]:
        """Links in use that fail together, by what it is that fails; a link by itself has its own name."""
        found: dict[str, set[str]] = {f"link {link}": {link} for link in self.links()}
        for site in self.routers.values():
            for item in site.interfaces:
                for risk in item.risks.split(", ") if item.link in self.links() else ():
                    found.setdefault(risk, set()).add(item.link)
        first: dict[frozenset[str], str] = {}
        for risk, links in found.items():
            first.setdefault(frozenset(links), risk)
        return {risk: links for links, risk in first.items()}

    def ways(self, router: str) -> dict[str, frozenset[str]]:
        """Interfaces by network, of what a router has learned and put into its kernel's tables."""
        found: dict[str, frozenset[str]] = {}
        host = self.hosts[f"router {router}"]
        for family, default in (("-4", "0.0.0.0/0"), ("-6", "::/0")):
            said = host.run("ip", "-j", family, "route", "show", "proto", "bgp")
            for one in json.loads(said or "[]"):
                name = default if one["dst"] == "default" else one["dst"]
                name = name if "/" in name else f"{name}/{ip_address(name).max_prefixlen}"
                hops = one.get("nexthops", [one])
                found[name] = found.get(name, frozenset()) | {hop["dev"] for hop in hops}
        return found

    def vtysh(self, router: str, command: str) -> str:
        """What a router answers."""
        return self.hosts[f"router {router}"].run("vtysh", "-c", command)

    def established(self, router: str) -> bool:
        """Whether every session of a router that should be up is up."""
        own = self.routers[router]
        wanted = {one.neighbor for one in own.sessions if one.status == "active" and one.link in self.links()}
        wanted |= {own.interconnect} if own.interconnect else set()
        lines = [line.split() for line in self.vtysh(router, "show bgp summary established").splitlines()]
        return wanted <= {line[0] for line in lines if line}

    def cut(self, links: Collection[str]) -> None:
        """Let some links carry nothing any more, without loss of carrier."""
        for site, held in self.routers.items():
            names = [one.name for one in held.interfaces if one.link in links]
            drops = "".join(f'iifname "{name}" drop\n' for name in names)
            rules = f"table inet cut {{\nchain in {{\ntype filter hook prerouting priority -300;\n{drops}}}\n}}\n"
            if names:
                self.hosts[f"router {site}"].run("nft", "-f", "-", text=rules)

    def mend(self, links: Collection[str]) -> None:
        """Let them carry packets again."""
        for site, held in self.routers.items():
            if any(one.link in links for one in held.interfaces):
                self.hosts[f"router {site}"].run("nft", "delete", "table", "inet", "cut")

    def switch_off(self, router: str) -> None:
        """Let a router and all of its cables be dead at once."""
        self.hosts[f"router {router}"].ip([f"link set {name} down" for name in self._cables(router)])

    def switch_on(self, router: str) -> None:
        """Let it come up again, and the first router of its site be the gateway as at the start."""
        self.hosts[f"router {router}"].ip([f"link set {name} up" for name in self._cables(router)])
        first, second = (key for key, one in self.routers.items() if one.name == self.routers[router].name)
        assert until(lambda: self.established(first) and self.established(second), within_s=60)
        if self.is_gateway(second):
            name = self.routers[first].tracked[0]
            self.hosts[f"router {second}"].ip([f"link set {name} down"])
            assert until(lambda: self.is_gateway(first), within_s=10)
            self.hosts[f"router {second}"].ip([f"link set {name} up"])

    def is_gateway(self, router: str) -> bool:
        """Whether a router has the addresses of gateways."""
        port = next(port for port in self.routers[router].ports if port.v4 or port.v6)
        said = self.hosts[f"router {router}"].run("ip", "-o", "address", "show", "dev", port.name)
        return any(text in said for text in (*port.v4, *port.v6))

    def _cables(self, router: str) -> list[str]:
        own = self.routers[router]
        ends = [item.name for item in own.interfaces if item.link in self.links()]
        return [*ends, *own.tracked, *(port.name for port in own.ports if port.parent), own.interconnect]


@contextmanager
def booted(
    contexts: Sequence[AnyContext], files: Mapping[str, str], folder: Path, *, with_servers: bool = True
) -> Iterator[BootedZone]:
    """Start a zone; what does not come up is found by what is asked of it.

    Args:
        contexts: what files were rendered from: all sites, and the nodes that are to be there.
        files: text by path.
        folder: where hosts have their files.
        with_servers: whether names, times and leases are served; without them the hosts of servers are there and idle.
    """
    zone = BootedZone(contexts, files, with_servers)
    with ExitStack() as ends:
        make = _maker(zone, folder, ends)
        ports = {port.role for site in zone.sites.values() for port in site.ports}
        for name, site in zone.routers.items():
            make(f"router {name}")
            if site.is_second:
                make(f"switch {site.name}")
                _pair(zone, site)
        for link in zone.links():
            _link(zone, link)
        for name, site in zone.sites.items():
            _ports(zone, name, site, make)
        for host, node in zone.nodes.items():
            _node(zone, host, node, make(host))
        assert "nodes" in ports, "no router has an interface at its nodes"
        with ThreadPoolExecutor(len(zone.routers)) as pool:
            list(pool.map(lambda name: _routing(zone, name), zone.routers))
        for name, own in zone.routers.items():
            if own.interconnect:
                _gateway(zone, name, own)
        yield zone


def _maker(zone: BootedZone, folder: Path, ends: ExitStack) -> Callable[[str], NetworkHost]:
    def make(name: str) -> NetworkHost:
        own = folder / name.replace(" ", "-")
        own.mkdir()
        host = NetworkHost(name, own)
        ends.callback(host.stop)
        host.start()
        host.run("sh", "-c", f"{_NO_WAIT}; ip link set lo up")
        zone.hosts[name] = host
        return host

    return make


def _link(zone: BootedZone, link: str) -> None:
    """A link's two ends; addresses come from the routers' files."""
    a, b = (zone.hosts[f"router {router}"] for router in zone.links()[link])
    name = next(one.name for one in zone.routers[zone.links()[link][0]].interfaces if one.link == link)
    a.ip([f"link add {name} type veth peer name {name} netns {b.pid}", f"link set {name} up"])
    b.ip([f"link set {name} up"])


_CABLES = itertools.count(1)


def _pair(zone: BootedZone, second: SiteContext) -> None:
    """The cable between two routers of a site, and interfaces that only VLANs are on."""
    first, other = zone.hosts[f"router {second.name}"], zone.hosts[f"router {second.name}/{second.router}"]
    name = second.interconnect
    first.ip([f"link add {name} type veth peer name {name} netns {other.pid}", f"link set {name} up"])
    other.ip([f"link set {name} up"])
    switch = zone.hosts[f"switch {second.name}"]
    for router in (first, other):
        router.run(
            "sh", "-c", "for one in all default; do echo 1 > /proc/sys/net/ipv6/conf/$one/keep_addr_on_down; done"
        )
        for name in set(second.tracked) - {port.name for port in second.ports}:
            far = f"p{next(_CABLES)}"
            router.ip([f"link add {name} type veth peer name {far} netns {switch.pid}", f"link set {name} up"])
            switch.ip([f"link set {far} up"])


def _plug(router: NetworkHost, port: str, host: NetworkHost, name: str) -> None:
    """A cable from a host to a router's port, or to a switch's."""
    far = f"p{next(_CABLES)}"
    router.ip([f"link add {far} type veth peer name {name} netns {host.pid}", f"link set {far} master {port} up"])


def _ports(zone: BootedZone, name: str, site: SiteContext, make: Callable[[str], NetworkHost]) -> None:
    router = _switch(zone, name)
    router.run("sh", "-c", _ONLY_A_SWITCH)
    for port in site.ports:
        router.ip([f"link add {port.name} type bridge", f"link set {port.name} up"])
        if port.vni:
            local = site.stretched.local
            router.ip([f"link add vx{port.vni} type vxlan id {port.vni} local {local} dstport 4789 nolearning"])
            router.ip([f"link set vx{port.vni} master {port.name} up"])
        for key, one in zone.routers.items() if site.interconnect else ():
            if one.name == name:
                _plug(router, port.name, zone.hosts[f"router {key}"], port.name)
                zone.hosts[f"router {key}"].ip([f"link set {port.name} up"])
        if port.is_apart:
            continue
        if port.role == "nodes":
            servers = list(dict.fromkeys((*site.name_servers, *_time_servers(zone, site))))
            server = _host(zone, router, port, make(f"server {name}"), servers)
            if not zone.with_servers:
                continue
            _names(zone, name, server)
            _leases(zone, site, server)
            for peer in site.dhcp.peers[1:]:
                _leases(zone, site, _host(zone, router, port, make(f"standby {name}"), [peer.address]), peer.name)
        elif port.role == "upstream":
            outside = _host(zone, router, port, make("outside"), [*site.defaults_v4, *site.defaults_v6])
            zone.addresses["outside"] = list(OUTSIDE)
            outside.ip([f"address add {one}{'/128' if ':' in one else '/32'} dev lo" for one in OUTSIDE])
        else:
            _host(zone, router, port, make("service"), [*site.service_v4, *site.service_v6])
            known = {*site.management_v4, *site.management_v6}
            own = [str(ip_network(text)[32]) for text in (*port.inside_v4, *port.inside_v6) if text in known]
            _host(zone, router, port, make("administrator"), own)


def _switch(zone: BootedZone, site: str) -> NetworkHost:
    """What the hosts of a site are plugged into: its router, or the switch of its two routers."""
    return zone.hosts.get(f"switch {site}") or zone.hosts[f"router {site}"]


def _time_servers(zone: BootedZone, site: SiteContext) -> list[str]:
    """Time servers of a site, as its nodes are told of them."""
    own = [ip_network(text) for text in (*site.networks_v4, *site.networks_v6)]
    known = {text for node in zone.nodes.values() for text in node.time_servers}
    return sorted(text for text in known if any(ip_address(text) in network for network in own))


def _host(
    zone: BootedZone, router: NetworkHost, port: RouterPort, host: NetworkHost, addresses: Collection[str]
) -> NetworkHost:
    """A host with some addresses of a port's networks, whose default routes go to the router."""
    _plug(router, port.name, host, "eth0")
    lines = ["link set eth0 up"]
    for text in (*port.v4, *port.v6):
        gateway = ip_interface(text)
        own = [one for one in addresses if ip_address(one) in gateway.network]
        lines += [
            f"address add {one}/{gateway.network.prefixlen} dev eth0 nodad"
            if ":" in one
            else f"address add {one}/{gateway.network.prefixlen} dev eth0"
            for one in own
        ]
        lines += [f"route add default via {gateway.ip}"] if own else []
    host.ip(lines)
    zone.addresses[host.name] = list(addresses)
    return host


def _node(zone: BootedZone, name: str, node: NodeContext, host: NetworkHost) -> None:
    """A node with what its netplan and nftables files say."""
    root = root_of(node)
    site = zone.sites[node.site]
    ports = {str(ip_interface(text).network): port.name for port in site.ports for text in (*port.v4, *port.v6)}
    network = yaml.safe_load(zone.files[f"{root}/etc/netplan/50-zonewright.yaml"])["network"]
    zone.addresses[name] = []
    for bond, said in network["bonds"].items():
        port = ports[str(ip_interface(said["addresses"][0]).network)]
        _plug(_switch(zone, node.site), port, host, bond)
        host.ip([f"link set {bond} up", *(f"address add {text} dev {bond}" for text in said["addresses"])])
        host.ip([_route(bond, one) for one in said.get("routes", [])])
        rules = said.get("routing-policy", [])
        host.ip([f"rule add from {one['from']} table {one['table']} priority {one['priority']}" for one in rules])
        zone.addresses[name] += [text.partition("/")[0] for text in said["addresses"]]
    host.run("nft", "-f", "-", text=zone.files[f"{root}/etc/nftables.conf"])


def _route(bond: str, said: Mapping[str, Any]) -> str:
    """A route of a netplan file as ``ip`` takes it."""
    where = f"via {said['via']}" if "via" in said else f"dev {bond} scope {said['scope']}"
    return f"route add {said['to']} {where} table {said.get('table', 'main')}"


def _routing(zone: BootedZone, name: str) -> None:
    """Start a router's filter and FRR, as FRR's own start does: daemons, then the whole file."""
    host, own = zone.hosts[f"router {name}"], zone.routers[name]
    root = root_of(own)
    etc = host.folder / "frr"
    etc.mkdir()
    text = zone.files[f"{root}/etc/frr/frr.conf"].encode()
    (etc / "frr.conf").write_bytes(resolved(text, lambda _reference: "a-password"))
    (etc / "vtysh.conf").write_text("service integrated-vtysh-config\n", encoding="utf-8")
    for path in (etc, *etc.iterdir()):
        shutil.chown(path, "frr", "frr")
    host.bind(etc, "/etc/frr")
    host.run("sh", "-c", "mount -t tmpfs tmp /var/tmp && mkdir /run/frr && chown frr:frr /run/frr")
    (host.folder / "sysctl.conf").write_text(zone.files[f"{root}/etc/sysctl.d/60-zonewright.conf"], encoding="utf-8")
    host.run("sysctl", "-q", "-p", str(host.folder / "sysctl.conf"))
    rules = zone.files.get(f"{root}/etc/nftables.conf")
    if rules is not None:
        host.run("nft", "-f", "-", text=rules)
    host.run("hostname", own.router)
    for daemon in ROUTING:
        host.daemon(daemon, "-A", "127.0.0.1", *(("-s", "90000000") if daemon == "zebra" else ()))
        ready = f"test -S /run/frr/{daemon}.vty && test -S /run/frr/zserv.api && echo yes"
        assert until(lambda ready=ready: "yes" in host.run("sh", "-c", ready, check=False), within_s=20)  # type: ignore[misc]
    host.run("vtysh", "-b")


def _gateway(zone: BootedZone, name: str, own: SiteContext) -> None:
    """Start what decides which of two routers is the gateway; the first one is it then."""
    host = zone.hosts[f"router {name}"]
    conf = host.folder / "keepalived.conf"
    conf.write_text(zone.files[f"{root_of(own)}/etc/keepalived/keepalived.conf"], encoding="utf-8")
    host.daemon("keepalived", "--dont-fork", "--log-console", "--vrrp", "-f", str(conf))
    if not own.is_second:
        until(lambda: zone.is_gateway(name), within_s=10)


def _names(zone: BootedZone, name: str, host: NetworkHost) -> None:
    """Start the name server with the site's files and those of all parties there, and the time server beside it."""
    etc = host.folder / "bind"
    pattern = re.compile(rf"(?:sites/{name}|groups/{name}/[^/]+)/etc/bind/(.+)")
    for path, text in zone.files.items():
        found = pattern.fullmatch(path)
        if found is not None:
            target = etc / found[1]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(resolved(text.encode(), signed_by))
    signed = host.folder / "signed"
    signed.mkdir()
    below = f"sites/{name}/var/lib/bind/"
    for path in (one for one in zone.files if one.startswith(below)):
        (signed / path.removeprefix(below)).write_text(zone.files[path], encoding="utf-8")
    if etc.exists():
        host.bind(etc, "/etc/bind")
        host.bind(signed, "/var/lib/bind")
        host.bind(host.folder / "cache", "/var/cache/bind")
        host.run("sh", "-c", "mkdir /run/named && rndc-confgen -a -k rndc-key -A hmac-sha256 > /dev/null 2>&1")
        host.daemon("named", "-g", "-n", "1", "-c", "/etc/bind/named.conf")
    (host.folder / "chrony.conf").write_text(_TIME_SERVER, encoding="utf-8")
    host.daemon("chronyd", "-d", "-x", "-u", "root", "-f", str(host.folder / "chrony.conf"))


DHCP = ("kea-dhcp4", "kea-dhcp6")


def _leases(zone: BootedZone, site: SiteContext, host: NetworkHost, server: str = "") -> None:
    """Start a DHCP server of a site, on the host of its name server or on one of its own.

    Args:
        zone: the zone.
        site: whose server it is.
        host: where it runs.
        server: name of the second server, empty for the first one.
    """
    root = f"servers/{site.name}/{server}" if server else f"sites/{site.name}"
    etc = host.folder / "kea"
    etc.mkdir()
    for program in DHCP:
        text = zone.files.get(f"{root}/etc/kea/{program}.conf")
        if text is not None:
            (etc / f"{program}.conf").write_text(text, encoding="utf-8")
    if not any(etc.iterdir()):
        return
    if site.dhcp.peers:
        ours = authority("dhcp")
        (etc / "ha").mkdir()
        (etc / "ha" / "ca.pem").write_bytes(ours.made.pem)
        own = ours.give(f"DNS:{server or site.name}.example", usage=(CLIENT, SERVER))
        shutil.copy(own.write(etc / "ha" / "cert.pem"), etc / "ha" / "key.pem")
    host.bind(etc, "/etc/kea")
    host.bind(host.folder / "leases", "/var/lib/kea")
    host.run("sh", "-c", "install -d -m 0750 /run/kea /run/lock && mount -t tmpfs tmp /var/log")
    start_dhcp(host)


def start_dhcp(host: NetworkHost) -> None:
    """Start what leases addresses on a host, by the files that it has."""
    for program in DHCP:
        if (host.folder / "kea" / f"{program}.conf").exists():
            host.daemon(program, "-c", f"/etc/kea/{program}.conf")


@contextmanager
def machine_without_system(zone: BootedZone, site: str, mac_address: str) -> Iterator[NetworkHost]:
    """A machine with nothing but a port, at the router's interface for nodes.

    Args:
        zone: the zone.
        site: where it is.
        mac_address: its port's, ``eth0``.
    """
    router = _switch(zone, site)
    port = next(one for one in zone.sites[site].ports if one.role == "nodes" and not one.is_apart)
    folder = router.folder.parent / f"machine-{mac_address.replace(':', '')}"
    folder.mkdir(exist_ok=True)
    host = NetworkHost(f"machine {mac_address}", folder)
    host.start()
    try:
        host.run("sh", "-c", _NO_WAIT)
        _plug(router, port.name, host, "eth0")
        host.ip([f"link set eth0 address {mac_address}", "link set eth0 up"])
        yield host
    finally:
        host.stop()


def sample(contexts: Sequence[AnyContext], *, each: int) -> list[AnyContext]:
    """All sites and groups, and of each party's nodes at a site only the first few."""
    seen: dict[tuple[str, str], int] = {}
    found: list[AnyContext] = []
    for one in contexts:
        if isinstance(one, NodeContext):
            seen[one.party, one.site] = seen.get((one.party, one.site), 0) + 1
            if seen[one.party, one.site] > each:
                continue
        found.append(one)
    return found


def cpu_s() -> float:
    """CPU seconds of this process and of all its children that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system

"""A zone boots from its rendered files, with the real programs, and does what its table says and nothing else.

``tests/cases/network/two-sites`` has the zone and the table. Each failed assertion is named. What ``[whole-network]``
computes without running anything must say the same of each of them.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, ip_address, ip_interface
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from support.booted_service import agent_once, resolve_by, serve, start_prometheus
from support.booted_zone import (
    DHCP,
    RELOAD,
    SIGNED_BY,
    BootedZone,
    booted,
    machine_without_system,
    require_programs,
    sample,
    signed_by,
    start_dhcp,
)
from support.dhcp_client import BIOS, UEFI_X64, Leased, LeasedV6, ask, ask_v6
from support.network_hosts import Pinger, connected, require_hosts, until
from support.parts import skip_or_fail
from support.reference_nodes import reference_contexts, zone_files
from support.reference_sites import reference_views
from support.soak import is_full
from support.zone_contexts import contexts_of_folder
from zonewright.model.secret import resolved
from zonewright.render import NodeContext, SiteContext, render_all
from zonewright.render.contexts.group_context import GroupContext
from zonewright.render.formats.format import AnyContext
from zonewright.render.network.answers import name_servers_of
from zonewright.render.network.firewall import Protocol
from zonewright.render.network.leasing import lease_told
from zonewright.render.network.paths import Paths, paths_of
from zonewright.render.network.whole import wanted_names

pytestmark = pytest.mark.slow

CASE = Path(__file__).parents[1] / "cases" / "network" / "two-sites"
EXPECTED = yaml.safe_load((CASE / "expected.yaml").read_text(encoding="utf-8"))
PORTS = frozenset({22, 53, 80, 443, 9999})
"""What hosts other than routers listen to; a name server has its port 53 itself."""


Booting = tuple[Sequence[AnyContext], Mapping[str, str]]


def _two_sites() -> Booting:
    contexts = contexts_of_folder(CASE)
    return contexts, render_all(contexts)


def _reference() -> Booting:
    """All twelve sites, and one node of each party at each of its sites."""
    return [*reference_views(), *sample(reference_contexts(), each=1)], zone_files()


BOOTED = [_two_sites, *([pytest.param(_reference, marks=pytest.mark.soak)] if is_full() else [])]


@pytest.fixture(name="zone", scope="module", params=BOOTED)
def _zone(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BootedZone]:
    """The zone of the case, up, with all sessions established; in a soak the reference zone too."""
    contexts, files = request.param()
    with _up(contexts, files, tmp_path_factory.mktemp("zone")) as zone:
        yield zone


@contextmanager
def _up(
    contexts: Sequence[AnyContext], files: Mapping[str, str], folder: Path, *, with_servers: bool = True
) -> Iterator[BootedZone]:
    require_hosts()
    require_programs()
    if not RELOAD.exists():
        skip_or_fail("frr-reload.py is not installed (Debian package frr-pythontools): reloading is NOT tested")
    with ExitStack() as ends, booted(contexts, files, folder, with_servers=with_servers) as zone:
        service = next(iter(zone.nodes.values())).service_port
        listened = {"router": {22}, "server": PORTS - {53}, "service": PORTS | {service}, "standby": {22}}
        for name, host in zone.hosts.items():
            for one in host.listen(listened.get(_kind(name), PORTS)):
                zone.listening.setdefault(name, []).append(ends.enter_context(one))
        for router in zone.routers:
            assert until(lambda router=router: zone.established(router), within_s=90), zone.vtysh(  # type: ignore[misc]
                router, "show bgp summary"
            )
        assert until(lambda: _all_reached(zone), within_s=30), "fellows do not reach each other"
        yield zone


_MOST_TOLD = 200


def _told(failed: Sequence[str]) -> str:
    """Each assertion that failed, one a line."""
    return f"{len(failed)} failed:\n" + "\n".join(failed[:_MOST_TOLD])


@dataclass(frozen=True)
class Asked:
    """One question: who asks whom, how, and what the answer must be."""

    source: str
    source_address: str
    target: str
    target_address: str
    how: str
    holds: bool

    def __str__(self) -> str:
        """The assertion in one line."""
        must = "reaches" if self.holds else "does not reach"
        return f"{self.source} ({self.source_address}) {must} {self.target} ({self.target_address}) by {self.how}"


def _questions(zone: BootedZone, rows: Sequence[Mapping[str, Any]]) -> Iterator[Asked]:
    for row in rows:
        for source in (name for name in zone.hosts if _kind(name) == row["from"]):
            for target, addresses in _targets(zone, source, row["to"]):
                for there in addresses:
                    version = ip_address(there).version
                    here = [one for one in zone.addresses[source] if ip_address(one).version == version]
                    for how in row["with"] if here else ():
                        yield Asked(source, here[0], target, there, _how(zone, how), row["holds"])


def _kind(host: str) -> str:
    return host.partition(" ")[0]


def _how(zone: BootedZone, how: str) -> str:
    return how.replace("SERVICE", str(next(iter(zone.nodes.values())).service_port))


def _targets(zone: BootedZone, source: str, kind: str) -> Iterator[tuple[str, Sequence[str]]]:
    node = zone.nodes.get(source)
    site = node.site if node is not None else source.partition(" ")[2]
    if kind == "own-gateway" and node is not None:
        yield f"router {site}", (*node.gateways_v4, *node.gateways_v6)
    elif kind == "own-server" and node is not None:
        yield f"server {site}", node.name_servers
    elif kind == "router":
        for name, one in zone.routers.items():
            yield f"router {name}", [text.partition("/")[0] for text in (*one.loopbacks_v4, *one.loopbacks_v6)]
    elif kind in {"fellow", "stranger"}:
        for name, other in zone.nodes.items():
            if name != source and (other.party == getattr(node, "party", "")) is (kind == "fellow"):
                yield name, zone.addresses[name]
    else:
        for name in zone.hosts:
            if _kind(name) == kind and name != source:
                yield name, [one for one in zone.addresses[name] if kind != "server" or _serves_names(zone, one)]


def _serves_names(zone: BootedZone, address: str) -> bool:
    return any(address in site.name_servers for site in zone.sites.values())


_WAIT_S = 0.7
"""How long an answer may take; what is not answered costs this once for each batch."""
_BATCH = 300


def _answers(zone: BootedZone, questions: Sequence[Asked]) -> dict[Asked, bool]:
    """Ask many at once."""
    found: dict[Asked, bool] = {}
    for first in range(0, len(questions), _BATCH):
        found |= _batch(zone, questions[first : first + _BATCH])
    return found


def _batch(zone: BootedZone, questions: Sequence[Asked]) -> dict[Asked, bool]:
    with ExitStack() as ends:
        asking: dict[Asked, Callable[[], bool]] = {}
        for one in questions:
            host = zone.hosts[one.source]
            if one.how == "ping":
                pinger = host.pinger(one.target_address)
                ends.callback(pinger.close)
                pinger.send(1)
                asking[one] = partial(_is_answered, pinger)
            else:
                port = int(one.how.partition("/")[2])
                asking[one] = partial(
                    connected, ends.enter_context(host.connect(one.target_address, port, one.source_address))
                )
        found = dict.fromkeys(questions, False)

        def all_said() -> bool:
            for one, has in asking.items():
                found[one] = found[one] or has()
            return all(found.values())

        until(all_said, within_s=_WAIT_S, step_s=0.05)
        return found


def _is_answered(pinger: Pinger) -> bool:
    return bool(pinger.answers())


def _computed(paths: Paths, asked: Asked) -> bool:
    protocol, _, port = asked.how.partition("/")
    kind: Protocol = "tcp" if protocol == "tcp" else "icmp"
    return paths.reaches(asked.source_address, asked.target_address, kind, int(port or 0))


def _all_reached(zone: BootedZone) -> bool:
    known = {("node", "fellow"), ("node", "outside"), ("administrator", "node")}
    rows = [row for row in EXPECTED["reach"] if (row["from"], row["to"]) in known and row["holds"]]
    return all(_answers(zone, [one for one in _questions(zone, rows) if one.how == "ping"]).values())


def test_packets_get_where_the_table_says_and_nowhere_else(zone: BootedZone) -> None:
    """Each pair of hosts in the table is reached by packets, or not, as it says; the computation says the same."""
    paths = paths_of(zone.contexts, zone.files)
    questions = list(_questions(zone, EXPECTED["reach"]))
    asked = {(_kind(one.source), one.holds) for one in questions}
    assert asked >= {(kind, holds) for kind in ("node", "server", "administrator") for holds in (True, False)}
    failed = [f"packets: {one}" for one, said in _answers(zone, questions).items() if said is not one.holds]
    failed += [f"computed: {one}" for one in questions if _computed(paths, one) is not one.holds]
    assert failed == [], _told(failed)


def test_a_node_without_its_own_rules_gets_no_further(zone: BootedZone) -> None:
    """Who deletes the rules of an own node reaches no node of another party, no administrator and no router."""
    rows = EXPECTED["reach-without-own-rules"]
    for name in list(zone.nodes)[:2]:
        zone.hosts[name].run("nft", "delete", "table", "inet", "zonewright")
        try:
            own = [one for one in _questions(zone, rows) if one.source == name]
            failed = [str(one) for one, said in _answers(zone, own).items() if said is not one.holds]
        finally:
            text = next(
                text
                for path, text in zone.files.items()
                if path.endswith(f"/{zone.nodes[name].name}/etc/nftables.conf")
            )
            zone.hosts[name].run("nft", "-f", "-", text=text)
        assert failed == [], _told(failed)


def test_routers_keep_tenants_apart_whatever_their_hosts_do(zone: BootedZone) -> None:
    """With VLANs, nodes of two tenants do not reach each other, although no node has rules of its own any more.

    A packet with the address of another tenant or of an administrator goes nowhere either.
    """
    if not any(site.apart for site in zone.sites.values()):
        pytest.skip("no site of this zone has a tenant's VLAN: isolation by routers is NOT tested with it")
    rows = [row for row in EXPECTED["reach-without-own-rules"] if row["to"] in {"stranger", "fellow"}]
    for name in zone.nodes:
        zone.hosts[name].run("nft", "delete", "table", "inet", "zonewright")
    try:
        unlocked = paths_of(zone.contexts, zone.files).without_hosts_rules()
        apart = {one for name in zone.nodes for one in zone.addresses[name] if unlocked.is_apart(one)}
        # Of tenants that have no VLAN, routers keep nobody from another one.
        questions = [
            one for one in _questions(zone, rows) if one.holds or {one.source_address, one.target_address} & apart
        ]
        failed = [str(one) for one, said in _answers(zone, questions).items() if said is not one.holds]
        failed += [f"computed: {one}" for one in questions if _computed(unlocked, one) is not one.holds]
        failed += _spoofed(zone)
    finally:
        for name, node in zone.nodes.items():
            zone.hosts[name].run("nft", "-f", "-", text=_file(zone, f"/{node.site}/{node.name}/etc/nftables.conf"))
    assert failed == [], _told(failed)


def _spoofed(zone: BootedZone) -> Iterator[str]:
    """Packets of a node that come in at a fellow at another site with a false source, or do not with their own."""
    paths = paths_of(zone.contexts, zone.files)
    apart = {key: one for key, one in zone.nodes.items() if paths.is_apart(zone.addresses[key][0])}
    name, fellow, stranger = next(
        (name, fellow, stranger)
        for name, node in apart.items()
        for fellow, one in apart.items()
        for stranger, other in zone.nodes.items()
        if one.party == node.party and one.site != node.site
        if other.party != node.party and other.site == node.site
    )
    for who in (name, stranger, "administrator"):
        for source in zone.addresses[who]:
            target = _same_version(zone.addresses[fellow], source)
            is_seen = zone.hosts[name].is_seen_at(zone.hosts[fellow], source=source, target=target)
            if is_seen is not (who == name):
                yield f"{name} sends as {who} ({source}) to {fellow}: {'seen' if is_seen else 'not seen'}"


_MOST_NAMES = 60
"""Names of one kind that a node is asked about; a larger zone's are taken evenly from all."""
Names = Sequence[tuple[str, str]]
"""Whole names, each with one of its addresses."""


def test_names_lead_forward_and_back_from_everywhere(zone: BootedZone) -> None:
    """A node finds its fellows, all sites' own names and the service at its name servers, and nobody else's nodes."""
    failed: list[str] = []
    for name, node in zone.nodes.items():
        wanted = [*_few(_party_names(zone, node.party)), *_few(_site_names(zone))]
        others = (pair for party in _parties(zone) - {node.party} for pair in _party_names(zone, party))
        hidden = [one for one, _ in _few(others)]
        assert {len(pair[1].split(":")) > 1 for pair in wanted} == {True, False}
        failed += _asked(zone, name, node.name_servers, wanted, hidden)
        failed += _computed_names(zone, node, wanted, hidden)
    for site_id, site in zone.sites.items():
        of_site = [one for one in zone.contexts if isinstance(one, GroupContext) and one.site == site_id]
        nodes = _few((f"{record.name}.{one.domain}.", record.address) for one in of_site for record in one.records)
        known = {ip_address(one).version for one in zone.addresses["administrator"]}
        asked = [one for one in site.name_servers if ip_address(one).version in known]
        failed += _asked(zone, "administrator", asked, nodes, [], back=False)
    assert failed == [], _told(failed)


def _few(names: Iterable[tuple[str, str]]) -> Names:
    every = sorted(set(names))
    return every[:: max(1, len(every) // _MOST_NAMES)]


def _computed_names(zone: BootedZone, node: NodeContext, wanted: Names, hidden: Sequence[str]) -> Iterator[str]:
    """What is computed must say the same as the name servers."""
    servers = name_servers_of(zone.contexts)
    assert set(wanted) <= set(wanted_names(servers, node.party))
    for own in (one.address.partition("/")[0] for one in node.addresses):
        for name, address in wanted:
            for what, where in ((name, address), (f"{ip_address(address).reverse_pointer}.", name)):
                if where not in servers.answer(node.site, own, what):
                    yield f"computed: {own} asks for {what}, which leads to {where}"
        yield from (f"computed: {own} is told {one}" for one in hidden if servers.answer(node.site, own, one))


def test_signed_names_are_believed_elsewhere_only_as_they_were_signed(zone: BootedZone) -> None:
    """Other sites check answers of a site that signs by its key, forward, back and of what is not there.

    With another key they would believe nothing; `delv` and `dnssec-verify` say the same of the zone itself.
    """
    signer = next((one for one in zone.sites.values() if one.signed_zones), None)
    if signer is None:
        assert len(zone.sites) > 2, "the small zone, which each run boots, has a site that signs"
        pytest.skip("no site of this zone signs its names: DNSSEC is NOT tested with it")
    servers = name_servers_of(zone.contexts)
    failed = []
    for name, site in zone.sites.items():
        host, address = zone.hosts[f"server {name}"], site.name_servers[0]
        wanted = [f"{record.name}.{signer.domain}." for record in signer.names[:3]]
        wanted += [f"nobody.{signer.domain}.", f"{ip_address(signer.name_servers[0]).reverse_pointer}."]
        wanted += [f"{zone.sites[other].names[0].name}.{other}.internal." for other in zone.sites]
        for asked in wanted:
            kind = "PTR" if asked.endswith("arpa.") else "ANY" if asked.startswith("nobody") else "SOA"
            said = host.run("dig", f"@{address}", "+adflag", "+noall", "+comments", asked, kind)
            proven = " ad" in said.partition("flags:")[2].partition(";")[0]
            if proven is not servers.proves(name, address, asked) or "SERVFAIL" in said:
                failed.append(f"server {name} asked for {asked} {kind}: {said}")
    main, coming = (one for one in signer.zone_keys if one.zone == signer.domain)
    server = zone.hosts[f"server {signer.name}"]
    before = _served(zone, signer)
    assert before >= signer.serial
    source = server.folder / "bind" / "zones" / "site.zone"
    text = source.read_text(encoding="utf-8").replace(f" {signer.serial} ", f" {signer.serial + 1} ")
    source.write_text(f"{text}added IN A 10.80.0.9\n", encoding="utf-8")
    server.run("rndc", "-k", "/etc/bind/rndc.key", "reload")
    assert until(lambda: _served(zone, signer) > before, within_s=10), "the signed zone is not that of the new file"
    anchors = server.folder / "anchors"
    for key, is_right in ((main.public_key, True), (coming.public_key, True), (main.public_key[::-1], False)):
        anchors.write_text(f'trust-anchors {{ "{main.zone}" static-key 257 3 13 "{key}=="; }};\n', encoding="utf-8")
        options = ("-a", str(anchors), f"+root={main.zone}", f"@{signer.name_servers[0]}")
        said = server.run("delv", *options, f"added.{main.zone}", check=False)
        assert ("; fully validated" in said) is is_right, said
    transfer = (f"@{signer.name_servers[0]}", "+onesoa", f"{main.zone}.", "AXFR")
    assert "Transfer failed" in server.run("dig", *transfer, check=False)
    transferred = server.folder / "transferred.zone"
    lines = server.run("dig", "-y", f"hmac-sha256:zonewright-transfer:{SIGNED_BY}", *transfer).splitlines()
    transferred.write_text("".join(f"{one}\n" for one in lines if re.search(r"\sIN\s", one)), encoding="utf-8")
    assert "fully signed" in server.run("dnssec-verify", "-z", "-o", main.zone, str(transferred))
    for path, text in zone.files.items():
        if "/etc/bind/keys/K" in path and path.startswith(f"sites/{signer.name}/"):
            held = (server.folder / "bind" / "keys" / Path(path).name).read_text(encoding="utf-8")
            assert held == resolved(text.encode(), signed_by).decode(), path  # BIND changes none
    assert failed == [], _told(failed)


def _served(zone: BootedZone, site: SiteContext) -> int:
    """The serial number that a site's name servers give of its zone."""
    server, address = zone.hosts[f"server {site.name}"], site.name_servers[0]
    return int(server.run("dig", f"@{address}", "+short", f"{site.domain}.", "SOA").split()[2])


def _parties(zone: BootedZone) -> set[str]:
    return {one.name for one in zone.contexts if isinstance(one, GroupContext)}


def _party_names(zone: BootedZone, party: str) -> Iterator[tuple[str, str]]:
    for one in zone.contexts:
        if isinstance(one, GroupContext) and one.name == party:
            yield from ((f"{record.name}.{one.domain}.", record.address) for record in one.records)


def _site_names(zone: BootedZone) -> Iterator[tuple[str, str]]:
    for site in zone.sites.values():
        for record in site.names:
            # The names of a link's ends lead back at the sites that have them.
            if record.name not in site.end_names:
                yield f"{record.name}.{site.domain}.", record.address


def _asked(
    zone: BootedZone, host: str, servers: Sequence[str], wanted: Names, hidden: Sequence[str], *, back: bool = True
) -> Iterator[str]:
    """What a host is told of some names and the ways back from them, by each of some name servers."""
    ways = [(f"{ip_address(address).reverse_pointer}.", name) for name, address in wanted if back]
    service = urlsplit(next(iter(zone.nodes.values())).service_url).hostname
    records = [(f"{service}.", one) for one in next(iter(zone.nodes.values())).service_v4]
    known = {*wanted, *ways, *records}
    forward = dict.fromkeys((*(name for name, _ in (*wanted, *records)), *hidden))
    text = "".join(f"{name} A\n{name} AAAA\n" for name in forward) + "".join(f"{one} PTR\n" for one, _ in ways)
    questions = zone.hosts[host].folder / "questions"
    questions.write_text(text, encoding="utf-8")
    for server in servers:
        options = ("+noall", "+answer", "+time=3", "+tries=3", "-f", str(questions))
        said = zone.hosts[host].run("dig", f"@{server}", *options, check=False)
        answers = {(line.split()[0], line.split()[-1]) for line in said.splitlines() if re.search(r"\sIN\s", line)}
        yield from (f"{host} asks {server}: {what} leads to {where}" for what, where in sorted(known - answers))
        yield from (f"{host} asks {server}: {what} is not told" for what, _ in answers if what in hidden)


def test_nodes_take_the_time_from_three_servers(zone: BootedZone) -> None:
    """Chrony with its rendered file gets answers from each of its sources, its own site's and other sites'."""
    name, node = next(iter(zone.nodes.items()))
    assert len(node.time_servers) == 3
    path = next(path for path in zone.files if path.endswith(f"/{node.name}/etc/chrony/chrony.conf"))
    conf = zone.hosts[name].folder / "chrony.conf"
    conf.write_text(zone.files[path], encoding="utf-8")
    zone.hosts[name].run("sh", "-c", "install -d -m 0750 /run/chrony")
    zone.hosts[name].daemon("chronyd", "-d", "-x", "-u", "root", "-f", str(conf))

    def answering() -> set[str]:
        said = zone.hosts[name].run("chronyc", "-n", "-c", "sources", check=False).splitlines()
        return {fields[2] for fields in (line.split(",") for line in said) if len(fields) > 5 and fields[5] != "0"}

    assert until(lambda: answering() == set(node.time_servers), within_s=20, step_s=0.5), (
        answering(),
        (zone.hosts[name].folder / "chronyd.log").read_text(),
        zone.hosts[name].run("chronyc", "-n", "sources", check=False),
    )


def _leasing_site(zone: BootedZone) -> SiteContext:
    site = next((one for one in zone.sites.values() if one.leases and one.leases[0].reservations), None)
    if site is None:
        pytest.skip("no site of this zone reserves an address: leases by reservation are NOT tested with it")
    return site


@pytest.mark.parametrize(("architecture", "file"), [(BIOS, "undionly.kpxe"), (UEFI_X64, "ipxe.efi")])
def test_a_machine_is_leased_what_its_site_says(zone: BootedZone, architecture: int, file: str) -> None:
    """Kea gives a machine what is reserved for its port, with the file for its kind; others get another address."""
    site = _leasing_site(zone)
    (lease,) = site.leases
    (reserved,) = lease.reservations
    stranger = f"52:54:00:00:ff:{architecture:02x}"
    with machine_without_system(zone, site.name, reserved.mac_address) as machine:
        told = ask(machine, "eth0", reserved.mac_address, architecture=architecture)
    computed = lease_told(site, lease, reserved.mac_address)
    assert (computed.first, computed.last) == (reserved.address, reserved.address)
    assert told == Leased(computed.first, lease.gateway, computed.name_servers, computed.name, computed.server, file)
    with machine_without_system(zone, site.name, stranger) as machine:
        other = ask(machine, "eth0", stranger, architecture=architecture)
    computed = lease_told(site, lease, stranger)
    assert IPv4Address(computed.first) <= IPv4Address(other.address) <= IPv4Address(computed.last)
    assert other.address != reserved.address
    assert other.host_name == ""


def test_a_machine_has_ipv6_by_dhcp_and_a_way_by_its_router(zone: BootedZone) -> None:
    """By DHCPv6 a machine gets what is reserved for its port or its DUID; the router's announcement leads elsewhere."""
    site = _leasing_site(zone)
    (lease,) = site.leases_v6
    reserved, by_duid = lease.reservations
    computed = lease_told(site, lease, reserved.mac_address)
    url = f"tftp://[{computed.server}]/{computed.uefi_file}"
    with machine_without_system(zone, site.name, reserved.mac_address) as machine:
        assert until(lambda: "via fe80:" in machine.run("ip", "-6", "route", "show", "default"), within_s=10)
        told = ask_v6(machine, "eth0", reserved.mac_address, architecture=UEFI_X64)
        assert told == LeasedV6(computed.first, computed.name_servers, url)
        other = ask_v6(machine, "eth0", "52:54:00:00:00:99", architecture=UEFI_X64, duid=by_duid.duid)
        assert other == LeasedV6(by_duid.address, computed.name_servers, url)
        machine.ip([f"address add {told.address}/128 dev eth0 nodad"])
        there = next(one for name in zone.sites if name != site.name for one in zone.sites[name].name_servers_v6)
        pinger = machine.pinger(there)
        pinger.send(1)
        is_reached = until(lambda: bool(pinger.answers()), within_s=2)
        pinger.close()
    assert is_reached is paths_of(zone.contexts, zone.files).reaches(told.address, there, "icmp")


def test_the_second_dhcp_server_leases_on_when_the_first_is_lost(zone: BootedZone) -> None:
    """With the first server killed, a machine is leased the same as before by the other one; then the first is back."""
    site = _leasing_site(zone)
    first = zone.hosts[f"server {site.name}"]
    mac_address = "52:54:00:00:fe:01"
    with machine_without_system(zone, site.name, mac_address) as machine:
        before = ask(machine, "eth0", mac_address, architecture=BIOS)
        before_v6 = ask_v6(machine, "eth0", mac_address, architecture=UEFI_X64)
        logs = [first.folder / f"{program}.log" for program in DHCP]
        known = [_joined(log) for log in logs]
        first.run("sh", "-c", "kill -KILL $(cat /run/kea/kea-dhcp[46]*.pid)")
        try:
            within_s = EXPECTED["lease-take-over-s"]
            after = ask(machine, "eth0", mac_address, architecture=BIOS, within_s=within_s)
            after_v6 = ask_v6(machine, "eth0", mac_address, architecture=UEFI_X64, within_s=within_s)
        finally:
            start_dhcp(first)
    assert (after, after_v6) == (before, before_v6)
    assert until(lambda: all(_joined(log) > count for log, count in zip(logs, known, strict=True)), within_s=60)


def _joined(log: Path) -> int:
    """How often a DHCP server has said that it knows all leases and answers as the first of two."""
    return log.read_text(encoding="utf-8").count("to HOT-STANDBY")


_SERIES = re.compile(r"\b((?:zonewright|hw)_[a-z0-9_]+)\{")
_ALONE = re.compile(r"absent\(((?:zonewright|hw)_[a-z0-9_]+)\{")
"""Series of a rule's expression, and those whose absence is an alert of its own."""


def test_the_service_hears_agents_and_prometheus_reads_what_its_rules_need(zone: BootedZone, tmp_path: Path) -> None:
    """The real service takes an agent's report and gives Prometheus the series of its rules, all over the network.

    What nobody sends is an alert by itself. The page of a site is for who has a token, and nobody else.
    """
    if set(zone.sites) != {"east", "west"}:
        pytest.skip("only the small zone's service is booted: reports and scrapes are NOT tested with this one")
    for one in zone.listening.pop("service", ()):
        one.close()
    service = serve(zone, CASE, tmp_path / "service", metered="east")
    name, node = next((name, one) for name, one in zone.nodes.items() if one.site == "west")
    resolve_by(zone.hosts[name], list(node.name_servers))
    settings = _file(zone, f"/{node.name}/etc/zonewright-agent/agent.toml")
    told = agent_once(zone.hosts[name], settings, "no-token", service)
    assert "401" in told, told
    told = agent_once(zone.hosts[name], settings, service.token_of_agent(node.name), service)
    assert service.reported() == {node.name}, told

    resolve_by(zone.hosts["server east"], list(zone.sites["east"].name_servers))
    reader = service.token_of_reader("operator", "facility-operator")
    prometheus = start_prometheus(zone, "east", service, reader)
    assert until(lambda: prometheus.values('up{job="zonewright"}') == {"1"}, within_s=60, step_s=0.5)
    told_at = {f"{one.scheme}://{one.target}/api/v2/alerts" for one in zone.sites["east"].alertmanagers}
    assert until(lambda: prometheus.alertmanagers() == told_at, within_s=20)
    assert "http://10.80.0.4:80/api/v2/alerts" in told_at
    rules = _file(zone, "sites/east/etc/prometheus/rules/zonewright.yml")
    guarded = set(_ALONE.findall(rules))
    missing = {one for one in set(_SERIES.findall(rules)) if not prometheus.values(f'{one}{{site="east"}}')}
    assert missing == {"hw_power_watts", "hw_host_power_watts", "hw_host_energy_joules_total"}, missing
    assert "hw_power_watts" in guarded
    assert until(lambda: prometheus.states("FeedPowerMissing") == {"pending"}, within_s=20)
    for alert in ("ServiceUnreachable", "EnergyRatioUnknown", "EnergyReadingsStale", "MeterMissing"):
        assert until(lambda alert=alert: prometheus.states(alert) == set(), within_s=20), alert  # type: ignore[misc]


def _file(zone: BootedZone, ending: str) -> str:
    return next(text for path, text in zone.files.items() if path.endswith(ending))


def test_reloading_the_same_files_changes_nothing(zone: BootedZone) -> None:
    """frr-reload proposes nothing, and a reload of BIND leaves every serial as it was."""
    failed = []
    for name in zone.routers:
        said = zone.hosts[f"router {name}"].run("python3", str(RELOAD), "--test", "/etc/frr/frr.conf", check=False)
        proposed = said.partition("Lines To")[2]
        failed += [f"router {name}: {line}" for line in proposed.splitlines() if line.strip()]
    for name in zone.sites:
        before = _serials(zone, name)
        assert before
        zone.hosts[f"server {name}"].run("rndc", "-k", "/etc/bind/rndc.key", "reload")
        failed += [f"server {name}: {one}" for one in _serials(zone, name) - before]
    assert failed == [], _told(failed)


def _serials(zone: BootedZone, site: str) -> set[str]:
    questions = zone.hosts[f"server {site}"].folder / "serials"
    zones = [f"{site}.internal.", *(f"{one.zone}." for one in zone.sites[site].reverse_zones)]
    questions.write_text("".join(f"{one} SOA\n" for one in zones), encoding="utf-8")
    address = zone.sites[site].name_servers[0]
    said = zone.hosts[f"server {site}"].run("dig", f"@{address}", "+noall", "+answer", "-f", str(questions))
    return {" ".join(line.split()) for line in said.splitlines() if "SOA" in line}


_CUTS = 3
"""A machine that is busy with other things may be late once; a network that is slow is so each time."""


def test_traffic_is_back_within_a_second_of_a_silent_link(zone: BootedZone) -> None:
    """Links that fall silent, each alone and with all that share a risk, cost fellows that have a way less than 1 s.

    Routers then take the ways that are computed for it, and no others.
    """
    failed = []
    whole, limit_ms = paths_of(zone.contexts, zone.files), EXPECTED["fail-over-ms"]
    for risk, links in zone.shared_risks().items():
        found = _best(zone, whole.without(links), partial(zone.cut, links), partial(zone.mend, links), limit_ms)
        failed += [f"{risk} cut ({', '.join(sorted(links))}): {one}" for one in found]
    _wait_for_sessions(zone)  # other tests begin with a network that is whole
    assert failed == [], _told(failed)


def test_the_other_router_of_a_site_takes_over(tmp_path: Path) -> None:
    """One of two routers is switched off: nodes of its site keep their fellows, and the ways are those computed.

    When it is back, all is as before, at the other site too. The zone is one of its own: gateways move in it.
    """
    contexts, files = _two_sites()
    with _up(contexts, files, tmp_path, with_servers=False) as zone:
        doubled = [name for name, one in zone.routers.items() if one.interconnect]
        assert len(doubled) == 2
        whole, limit_ms = paths_of(zone.contexts, zone.files), EXPECTED["take-over-ms"]
        failed = []
        for name in doubled:
            left = whole.without_routers([name])
            found = _best(zone, left, partial(zone.switch_off, name), partial(zone.switch_on, name), limit_ms)
            failed += [f"router {name} off: {one}" for one in found]
            until(lambda: not list(_other_ways(zone, whole)) and _all_reached(zone), within_s=20, step_s=1)
            failed += [f"router {name} back: {one}" for one in _other_ways(zone, whole)]
            failed += [] if _all_reached(zone) else [f"router {name} back: fellows do not reach each other"]
        assert failed == [], _told(failed)


def _best(zone: BootedZone, left: Paths, cut: Callable[[], None], mend: Callable[[], None], limit_ms: int) -> list[str]:
    """What is wrong each time of three."""
    found: list[str] = []
    for _ in range(_CUTS):
        _wait_for_sessions(zone)
        found = _outages(zone, left, cut, mend, limit_ms)
        if not found:
            break
    return found


def _other_ways(zone: BootedZone, paths: Paths) -> Iterator[str]:
    """Where a router's tables are not what is computed."""
    for site in zone.routers.keys() - paths.lost:
        computed = {
            str(network): frozenset(hop.interface for hop in hops)
            for version in (4, 6)
            for network, hops in paths.routes(site, version).items()
            if hops and all(hop.router for hop in hops) and str(network) not in _own_links(zone, site)
        }
        learned = zone.ways(site)
        for network in sorted(computed.keys() | learned.keys()):
            here, there = (sorted(ways.get(network, ())) for ways in (learned, computed))
            if here != there:
                yield f"router {site} goes to {network} by {here}, and {there} is computed"


def _own_links(zone: BootedZone, site: str) -> set[str]:
    """Networks of a router's own ends of links: it has learned none of them."""
    ends = (text for item in zone.routers[site].interfaces for text in (item.v4, item.v6) if text)
    return {str(ip_interface(text).network) for text in ends}


def _wait_for_sessions(zone: BootedZone) -> None:
    """BGP must be up on every link, and BFD, where a router has it."""
    assert until(lambda: all(zone.established(one) for one in zone.routers), within_s=90)
    until(lambda: all(" down " not in zone.vtysh(one, "show bfd peers brief") for one in zone.routers), within_s=15)


def _outages(
    zone: BootedZone, left: Paths, cut: Callable[[], None], mend: Callable[[], None], limit_ms: int
) -> list[str]:
    """What is wrong while something is cut: no answers for longer than the table says, and ways not computed."""
    pairs = [
        (source, target, address)
        for source, node in zone.nodes.items()
        for target, other in zone.nodes.items()
        if source < target and node.party == other.party and node.site != other.site
        for address in zone.addresses[target]
    ]
    wanted = [one for one in pairs if left.reaches(_same_version(zone.addresses[one[0]], one[2]), one[2], "icmp")]
    pingers = [zone.hosts[source].pinger(address) for source, _, address in wanted]
    last = [time.monotonic()] * len(pingers)
    longest = [0.0] * len(pingers)

    def ask(for_s: float) -> None:
        end = time.monotonic() + for_s
        number = 0
        while time.monotonic() < end:
            number += 1
            for one in pingers:
                one.send(number)
            time.sleep(0.02)
            for index, one in enumerate(pingers):
                if one.answers():
                    longest[index] = max(longest[index], time.monotonic() - last[index])
                    last[index] = time.monotonic()

    try:
        ask(0.5)
        longest[:] = [0.0] * len(pingers)
        cut()
        ask(3)
        quiet = [max(one, time.monotonic() - seen) * 1000 for one, seen in zip(longest, last, strict=True)]
        others = list(_other_ways(zone, left))
    finally:
        mend()
    for one in pingers:
        one.close()
    return others + [
        f"{source} to {target} ({address}) over the other path within {limit_ms} ms: {round(gap)} ms"
        for (source, target, address), gap in zip(wanted, quiet, strict=True)
        if gap > limit_ms
    ]


def _same_version(addresses: Sequence[str], other: str) -> str:
    return next(one for one in addresses if ip_address(one).version == ip_address(other).version)

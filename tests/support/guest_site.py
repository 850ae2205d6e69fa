"""A site in the guest: its router and some nodes with their rendered files, by networkd, nftables and FRR.

What stands between them, a switch with VLANs and LAGs, is made by hand, as the site's files for switches say. No host
has rules of its own: what is kept apart is so by the router.
"""

import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.parts import find, search_path
from zonewright.render import NodeContext, SiteContext
from zonewright.render.contexts.router_ports import RouterPort
from zonewright.render.formats.format import root_of

ROUTER, SWITCH = "router", "switch"
FRR = ("zebra", "staticd")
"""What a router without links needs of it; sessions are for the test that boots a zone."""
_HEAD = """\
set -u
in_() { ns=$1; shift; busybox nsenter --net="/run/netns/$ns" "$@"; }
until_() {
  n=0
  until eval "$1"; do
    n=$((n + 1))
    [ $n -lt 90 ] || { echo "never: $1"; tail -n 20 /tmp/*.log; exit 1; }
    sleep 1
  done
}
ask() { # stage, who, whom, how, address, seconds
  (
    said="$1 $2 $3 $4"
    case $4 in
      ping) command="ping -c 1 -W $6 $5" ;;
      *) command="nc -w $6 $5 ${4#tcp/}" ;;
    esac
    if in_ "$2" $command > /dev/null 2>&1 < /dev/null; then echo "asked: $said yes"; else echo "asked: $said no"; fi
  ) &
  asked="${asked:-} $!"
}
# All at once would keep a slow machine so busy that nobody is answered in time.
answers() { for one in $asked; do wait $one; done; asked=; }
networkd() { # in a namespace: what netplan made of its file
  ip netns exec "$1" sh -c '
    mkdir -p /run/systemd && mount -t tmpfs systemd /run/systemd && mkdir /run/systemd/network /run/systemd/netif
    cp /shared/$0/network/* /run/systemd/network
    # MAC addresses of bonds come from it.
    echo "$0" | md5sum | cut -c-32 > "/tmp/id-$0" && mount --bind "/tmp/id-$0" /etc/machine-id
    chown systemd-network:systemd-network /run/systemd/netif
    mount -o remount,bind,ro /sys
    exec /lib/systemd/systemd-networkd' "$1" > "/tmp/$1.log" 2>&1 &
}
"""


@dataclass(frozen=True, slots=True)
class Question:
    """Who asks whom, how, at which address."""

    source: str
    target: str
    how: str
    address: str


def written(shared: Path, name: str, netplan: str) -> None:
    """Put what netplan makes of a file into a host's folder.

    Args:
        shared: the folder that the guest sees.
        name: of the host.
        netplan: the file's text.
    """
    etc = shared / name / "etc" / "netplan"
    etc.mkdir(parents=True)
    (etc / "50-zonewright.yaml").write_text(netplan, encoding="utf-8")
    (etc / "50-zonewright.yaml").chmod(0o600)
    program = "/usr/libexec/netplan/generate"
    command = [program] if Path(program).exists() else [find("netplan") or "netplan", "generate"]
    subprocess.run([*command, "--root-dir", str(shared / name)], check=True, env={"PATH": search_path()})
    (shared / name / "run" / "systemd" / "network").rename(shared / name / "network")


def script_of(
    site: SiteContext, nodes: Sequence[NodeContext], hosts: Mapping[str, tuple[RouterPort, str]], stages: Iterable[str]
) -> str:
    """What the guest runs.

    Args:
        site: the site; its files are in the folder ``router``.
        nodes: the nodes; their files are in folders of their names.
        hosts: other hosts, each with the router's port that it is at and its address.
        stages: lines of its questions, after all is up.
    """
    at: dict[str, list[str]] = {name: [] for name in (SWITCH, ROUTER, *hosts, *(one.name for one in nodes))}
    vlans: list[str] = []
    for name in (ROUTER, *hosts):
        at[name].append("link set lo up")
    at[SWITCH] += ["link add br0 type bridge vlan_filtering 1 vlan_default_pvid 0", "link set br0 up"]
    trunks = {port.parent for port in site.ports if port.parent}
    for name in sorted({port.parent or port.name for port in site.ports}):
        at[SWITCH] += [f"link add {name} type veth peer name {name} netns {ROUTER}", f"link set {name} up"]
        at[ROUTER].append(f"link set {name} up")
        at[SWITCH].append(f"link set {name} master br0" if name in trunks else f"link add b-{name} type bridge")
        at[SWITCH] += [] if name in trunks else [f"link set {name} master b-{name}", f"link set b-{name} up"]
        vids = sorted(port.vid for port in site.ports if port.parent == name)
        vlans += [f"vlan add dev {name} vid {vid}" for vid in vids]
    for node in nodes:
        _cables(node, at[SWITCH], vlans)
    for name, (port, address) in hosts.items():
        _host(name, port, address, at)
    batches = [("ip", "", [f"netns add {name}" for name in at])]
    batches += [("ip", f"-n {name}", held) for name, held in at.items() if held]
    batches.append(("bridge", f"-n {SWITCH}", vlans))
    lines = [_HEAD]
    for program, where, held in batches:
        lines.append(f"{program} {where} -batch - << END || exit 1\n" + "\n".join(held) + "\nEND")
    lines += [f"networkd {name}" for name in (ROUTER, *(one.name for one in nodes))]
    lines += list(_router(site))
    for node in nodes:
        lines.append(_has(node.name, [one.address for one in node.addresses]))
    return "\n".join([*lines, *stages, "exit 0"]) + "\n"


def _cables(node: NodeContext, switch: list[str], vlans: list[str]) -> None:
    """A node's ports, and what is at the switch's end of them: a LAG, or ports by themselves."""
    for number, bond in enumerate(node.bonds):
        ports = bond.ports or ("en1", "en2")
        far = [f"{node.name[:-4]}-{number}-{index}" for index in range(len(ports))]
        pairs = zip(ports, far, strict=True)
        switch += [f"link add {there} type veth peer name {port} netns {node.name}" for port, there in pairs]
        at_bridge = far
        if bond.mode == "802.3ad":
            at_bridge = [f"{node.name[:-4]}-lag{number}"]
            switch.append(f"link add {at_bridge[0]} type bond mode 802.3ad lacp_rate fast miimon 100")
            switch += [f"link set {one} master {at_bridge[0]}" for one in far]
        switch += [f"link set {one} up" for one in dict.fromkeys((*far, *at_bridge))]
        switch += [f"link set {one} master br0" for one in at_bridge]
        tagged = [one.vid for one in node.vlans if one.parent == bond.name]
        for one in at_bridge:
            vlans.append(f"vlan add dev {one} vid {bond.vid} pvid untagged")
            vlans += [f"vlan add dev {one} vid {vid}" for vid in tagged]


def _host(name: str, port: RouterPort, address: str, at: Mapping[str, list[str]]) -> None:
    """A host with one address at a port of the router that no VLAN is on."""
    gateway, _, length = port.v4[0].partition("/")
    at[SWITCH] += [f"link add {name[:12]} type veth peer name eth0 netns {name}"]
    at[SWITCH] += [f"link set {name[:12]} master b-{port.name}", f"link set {name[:12]} up"]
    at[name] += ["link set eth0 up", f"address add {address}/{length} dev eth0", f"route add default via {gateway}"]


def _router(site: SiteContext) -> Iterator[str]:
    """FRR as its own start does it: daemons, then the whole file; before it what its other files say."""
    every = " && ".join(f"grep -q {port.name} /tmp/links" for port in site.ports)
    yield f"until_ 'ip -n {ROUTER} -br link show up > /tmp/links && {every}'"
    yield f"in_ {ROUTER} sysctl -q -p /shared/{ROUTER}/sysctl.conf"
    yield f"in_ {ROUTER} nft -f /shared/{ROUTER}/nftables.conf"
    yield f"mkdir -p /run/frr /etc/frr /var/tmp && cp /shared/{ROUTER}/frr.conf /etc/frr/frr.conf"
    yield "echo service integrated-vtysh-config > /etc/frr/vtysh.conf; chown -R frr:frr /etc/frr /run/frr"
    for daemon in FRR:
        yield f"in_ {ROUTER} {daemon} -A 127.0.0.1 > /tmp/{daemon}.log 2>&1 &"
        yield f"until_ 'test -S /run/frr/{daemon}.vty && test -S /run/frr/zserv.api'"
    yield f"in_ {ROUTER} vtysh -b"
    yield _has(ROUTER, [text for port in site.ports for text in port.v4])


def _has(name: str, addresses: Iterable[str]) -> str:
    """Wait until a host has its addresses."""
    every = " && ".join(f'grep -qF " {one} " /tmp/addresses' for one in addresses)
    return f"until_ 'ip -n {name} -o -4 address > /tmp/addresses && {every}'"


def files_of(files: Mapping[str, str], one: SiteContext | NodeContext, below: str) -> str:
    """A rendered file of a site's router or of a node."""
    return files[f"{root_of(one)}/{below}"]

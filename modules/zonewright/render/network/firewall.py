"""What a rendered nftables file lets through, computed from its text: no kernel, no packet.

It reads the part of the language that our template uses, and refuses to judge anything else, so that a rule that it
does not understand is never taken for one that lets something through.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

from zonewright.render.errors import RenderError
from zonewright.render.quoting import shown

FirewallAddress = IPv4Address | IPv6Address
Protocol = Literal["tcp", "udp", "icmp"]
_SET = re.compile(r"^\tset (\w+) \{\n((?:\t\t[^\n]*\n)*)\t\}", re.MULTILINE)
_ELEMENTS = re.compile(r"elements = \{([^{}]*)\}")
_CHAIN = re.compile(
    r"^\tchain (\w+) \{\n\t\ttype filter hook \w+ priority filter; policy (accept|drop);\n((?:\t\t[^\n]*\n)*)\t\}",
    re.MULTILINE,
)
"""No body goes beyond where the next one begins, so a file is gone through once, however it is written."""
_ADDRESS = (
    r"(?P<family>ip6?) (?P<side>saddr|daddr) (?P<not>!= )?"
    r"(?:@(?P<set>\w+)|\{ (?P<among>[0-9a-f:./, ]+) \}|(?P<one>[0-9a-f:./]+))"
)
_CONDITIONS = (
    _ADDRESS,
    r"(?P<way>[io]|meta sd)ifname \"(?P<interface>[^\"]+)\"",
    r"meta nfproto ipv(?P<version>[46])",
    r"(?P<near>ip ttl|ip6 hoplimit) 255",
    r"(?P<limit>limit rate \d+/second)",
    r"(?P<protocol>tcp|udp) dport (?:(?P<port>\d+)|\{ (?P<some>[0-9, ]+) \})",
    r"meta l4proto \{ (?P<protocols>[a-z, ]+) \} th dport \{ (?P<ports>[0-9, ]+) \}",
    r"icmp(?P<icmp>v6)? type (?:\{ (?P<types>[a-z, -]+) \}|(?P<type>[a-z-]+))",
    r"(?P<never>ct state (?:established,related|related|invalid)|meta l4proto 112|iif \"lo\"|oif \"lo\")",
)
_CONDITION = re.compile("|".join(_CONDITIONS))
_V4, _V6 = 4, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """The first packet of a connection, or an echo request.

    Attributes:
        source: where it comes from.
        target: where it goes.
        protocol: tcp, udp, or icmp for an echo request.
        port: its port, 0 for an echo request.
        arrives: the interface that it came in by, empty at the host that sends it.
        vrf: the VRF that this interface is in, or empty.
        leaves: the interface that it goes out by, empty at the host that takes it.
    """

    source: FirewallAddress
    target: FirewallAddress
    protocol: Protocol
    port: int
    arrives: str = ""
    vrf: str = ""
    leaves: str = ""


@dataclass(frozen=True, slots=True)
class _Range:
    first: int
    last: int
    version: int


@dataclass(frozen=True, slots=True)
class _Rule:
    conditions: tuple[re.Match[str], ...]
    verdict: str


@dataclass(frozen=True, slots=True)
class Firewall:
    """Sets and chains as they stand in a file."""

    sets: Mapping[str, tuple[_Range, ...]]
    chains: Mapping[str, tuple[str, tuple[_Rule, ...]]]

    def lets(self, chain: str, packet: Packet) -> bool:
        """Whether a chain accepts the packet."""
        policy, rules = self.chains[chain]
        for rule in rules:
            if all(self._holds(one, packet) for one in rule.conditions):
                return rule.verdict == "accept"
        return policy == "accept"

    def _holds(self, condition: re.Match[str], packet: Packet) -> bool:
        version = packet.source.version
        if condition["never"] or condition["near"]:
            return False  # no answer, not within the host, not from a neighbour
        if condition["side"]:
            family = _V4 if condition["family"] == "ip" else _V6
            return version == family and self._lies(condition, packet) is not bool(condition["not"])
        if condition["interface"]:
            return condition["interface"] == _interface(packet, condition["way"])
        if condition["version"]:
            return version == int(condition["version"])
        if condition["types"] or condition["type"]:
            types = (condition["types"] or condition["type"]).split(", ")
            same = version == (_V6 if condition["icmp"] else _V4)
            return packet.protocol == "icmp" and same and "echo-request" in types
        protocols = (condition["protocols"] or condition["protocol"]).split(", ")
        ports = (condition["ports"] or condition["some"] or condition["port"]).split(", ")
        return packet.protocol in protocols and str(packet.port) in ports

    def _lies(self, condition: re.Match[str], packet: Packet) -> bool:
        address = packet.source if condition["side"] == "saddr" else packet.target
        texts = condition["among"] or condition["one"]
        members = self.sets[condition["set"]] if condition["set"] else tuple(_ranges(texts))
        return any(one.version == address.version and one.first <= int(address) <= one.last for one in members)


def _interface(packet: Packet, way: str) -> str:
    """What the kernel takes for a packet's interface: one in a VRF is beneath that VRF."""
    if way == "o":
        return packet.leaves
    return (packet.vrf or packet.arrives) if way == "i" else (packet.arrives if packet.vrf else "")


HOST_CHAINS = frozenset({"input", "forward", "output"})
ROUTER_CHAINS = frozenset({"input", "forward"})


def read_firewall(text: str, expected: frozenset[str] = HOST_CHAINS) -> Firewall:
    """Sets and chains of a rendered file.

    Args:
        text: the file.
        expected: the chains that it must have.

    Raises:
        RenderError: when it is not of the form that our template has, and for a rule that is not understood.
    """
    bare = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    sets = {name: tuple(_members(body)) for name, body in _SET.findall(bare)}
    chains = {
        name: (policy, tuple(_rule(line.strip()) for line in body.splitlines() if line.strip()))
        for name, policy, body in _CHAIN.findall(bare)
    }
    if set(chains) != expected or bare.count("chain ") != len(chains):
        names = " and ".join((", ".join(sorted(expected)[:-1]), max(expected)))
        raise RenderError(f"the firewall has chains other than {names}, so it was not judged")
    return Firewall(sets, chains)


def _rule(text: str) -> _Rule:
    *_, verdict = text.split(" ")
    if verdict not in {"accept", "drop", "reject"}:
        raise RenderError(f"a rule of the firewall that is not understood: {shown(text)}")
    return _Rule(tuple(_conditions(text.removesuffix(f" {verdict}"))), verdict)


def _members(body: str) -> Iterator[_Range]:
    for elements in _ELEMENTS.findall(body):
        yield from _ranges(elements)


def _ranges(elements: str) -> Iterator[_Range]:
    for text in (one.strip() for one in elements.split(",") if one.strip()):
        low, _, high = text.partition("-")
        network: IPv4Network | IPv6Network | None = ip_network(low) if "/" in low else None
        first = network.network_address if network else ip_address(low)
        last = network.broadcast_address if network else ip_address(high or low)
        yield _Range(int(first), int(last), first.version)


def _conditions(rule: str) -> Iterator[re.Match[str]]:
    at = 0
    while at < len(rule):
        found = _CONDITION.match(rule, at)
        if found is None:
            raise RenderError(f"a rule of the firewall that is not understood: {shown(rule)}")
        if not found["limit"]:  # one packet is below it
            yield found
        at = found.end() + 1

"""Lines as EOS takes them: sections of VLANs and interfaces whole, of all else the first words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address

LineFault = tuple[int, str]
"""Line from 1, and what is wrong with it."""
_ADDRESS, _NUMBER = r"(?P<address>[0-9A-Fa-f.:]+)", r"(?P<vid>[0-9]{1,4})"
_TOP = (
    r"hostname [A-Za-z0-9][A-Za-z0-9.-]{0,62}",
    r"spanning-tree mode (?:mstp|rstp|rapid-pvst)",
    r"spanning-tree mst [0-9]{1,4} priority (?:0|4096|8192|12288|16384|20480|24576|28672|32768)",
    r"switchport default mode (?:access|routed)",
    rf"ip name-server vrf \S+ {_ADDRESS}",
    r"dns domain \S+",
    rf"ntp server (?:vrf \S+ )?{_ADDRESS}(?: prefer)?(?: iburst)?",
    r"vrf instance \S+",
)
_JUDGED = frozenset({"dns", "hostname", "spanning-tree", "switchport", "vlan", "interface"})
"""First words whose lines are all known; a line with one of those below is taken as it is."""
_TAKEN = re.compile(
    r"aaa|alias|arp|banner|class-map|clock|control-plane|daemon|enable|errdisable|event-handler|event-monitor|exit"
    r"|hardware|ip|ipv6|lacp|lldp|load-interval|logging|mac|management|no|ntp|platform|policy-map|port-channel"
    r"|priority-flow-control|ptp|qos|queue-monitor|radius-server|route-map|router|service|sflow|snmp-server|system"
    r"|tacacs-server|traffic-policies|transceiver|username|vrf|vxlan"
)
_OF_VLAN = (r"name \S{1,32}", r"state (?:active|suspend)")
_LIST = r"(?P<list>[0-9]{1,4}(?:-[0-9]{1,4})?(?:,[0-9]{1,4}(?:-[0-9]{1,4})?)*|none|all)"
_OF_INTERFACE = (
    r"description .{1,240}",
    r"(?:no )?shutdown",
    r"mtu [0-9]{2,5}",
    r"(?:no )?switchport",
    r"switchport mode (?:access|trunk)",
    rf"switchport access vlan {_NUMBER}",
    rf"switchport trunk native vlan {_NUMBER}",
    rf"switchport trunk allowed vlan {_LIST}",
    r"spanning-tree portfast(?: edge| network)?",
    r"spanning-tree bpduguard (?:enable|disable)",
    r"channel-group (?P<group>[0-9]{1,6}) mode (?:active|passive|on)",
    r"(?:no )?ip(?:v6)? \S.*",
    r"vrf \S+",
    r"l2 mtu [0-9]{2,5}",
    r"lacp \S.*",
    r"speed \S+",
)
_INTERFACE = re.compile(
    r"interface (?P<name>(?:Ethernet[0-9]+(?:/[0-9]+){0,2}|Port-Channel[0-9]{1,6}|Management[0-9]+(?:/[0-9]+)?"
    r"|Vlan[0-9]{1,4}|Loopback[0-9]{1,4}))"
)
_VLAN = re.compile(r"vlan (?P<vid>[0-9]{1,4})")
_INDENT = "   "
_HIGHEST_VID = 4094


@dataclass
class _Interface:
    """An interface as far as it is read; numbers of VLANs are those that it names."""

    line: int
    native: int = 0
    access: int = 0
    allowed: frozenset[int] | None = None
    is_trunk: bool = False
    group: str = ""


@dataclass
class _Read:
    interfaces: dict[str, _Interface] = field(default_factory=dict)
    vlans: dict[int, int] = field(default_factory=dict)


def faults(text: str) -> Iterator[LineFault]:
    """What is wrong with a configuration.

    Args:
        text: the configuration.
    """
    read = _Read()
    inside: tuple[str, ...] | None = None
    here: _Interface | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("!") or not line.strip():
            continue
        if line.startswith(" "):
            if inside is None:
                continue
            said = line.removeprefix(_INDENT)
            match = None if said.startswith(" ") else _any(inside, said)
            if match is None:
                yield number, f"not a line of this section: '{line.strip()}'"
            elif here is not None:
                yield from ((number, what) for what in _into(here, said, match))
            continue
        inside, here = None, None
        if (vlan := _VLAN.fullmatch(line)) is not None:
            inside, vid = _OF_VLAN, int(vlan["vid"])
            yield from ((number, what) for what in _new_vlan(read, vid, number))
        elif (found := _INTERFACE.fullmatch(line)) is not None:
            inside = _OF_INTERFACE
            if found["name"] in read.interfaces:
                yield number, f"{found['name']} for the second time"
            here = read.interfaces.setdefault(found["name"], _Interface(number))
        else:
            yield from ((number, what) for what in _top(line))
    yield from _whole(read)


def _any(patterns: tuple[str, ...], line: str) -> re.Match[str] | None:
    return next((match for one in patterns if (match := re.fullmatch(one, line)) is not None), None)


def _top(line: str) -> Iterator[str]:
    match = _any(_TOP, line)
    word = line.split(" ", 1)[0]
    if match is None and (word in _JUDGED or _TAKEN.fullmatch(word) is None):
        yield f"not a line that is known: '{line}'"
    elif match is not None and (address := match.groupdict().get("address")) is not None:
        try:
            ip_address(address)
        except ValueError:
            yield f"not an address: '{address}'"


def _new_vlan(read: _Read, vid: int, number: int) -> Iterator[str]:
    if vid in read.vlans:
        yield f"VLAN {vid} for the second time"
    if not 1 <= vid <= _HIGHEST_VID:
        yield f"no number of a VLAN: {vid}"
    read.vlans[vid] = number


def _into(here: _Interface, line: str, match: re.Match[str]) -> Iterator[str]:
    """What a line says of its interface."""
    held = match.groupdict()
    vids: frozenset[int] = frozenset()
    if (vid := held.get("vid")) is not None:
        vids = frozenset({int(vid)})
        if "access" in line:
            here.access = int(vid)
        else:
            here.native = int(vid)
    if (listed := held.get("list")) is not None:
        here.allowed = vids = frozenset() if listed == "none" else _numbers(listed)
    if line == "switchport mode trunk":
        here.is_trunk = True
    here.group = held.get("group") or here.group
    if any(not 1 <= one <= _HIGHEST_VID for one in vids):
        yield f"no number of a VLAN: '{line}'"


def _numbers(listed: str) -> frozenset[int]:
    if listed == "all":
        return frozenset(range(1, _HIGHEST_VID + 1))
    found: set[int] = set()
    for part in listed.split(","):
        low, _, high = part.partition("-")
        found |= set(range(int(low), int(high or low) + 1))
    return frozenset(found)


def _whole(read: _Read) -> Iterator[LineFault]:
    """What fits no other part of the same file; a file without VLANs is a part of a switch's configuration."""
    for name, one in read.interfaces.items():
        if one.group and f"Port-Channel{one.group}" not in read.interfaces:
            yield one.line, f"{name} is in channel-group {one.group}, and there is no interface Port-Channel{one.group}"
        if one.group and (one.access or one.native or one.allowed is not None):
            yield one.line, f"{name} is a part of a LAG and has VLANs of its own"
        if one.access and one.is_trunk:
            yield one.line, f"{name} is a trunk and has an access VLAN"
        if one.allowed is not None and not one.is_trunk:
            yield one.line, f"{name} allows VLANs with a tag and is no trunk"
        if one.native and one.allowed is not None and one.native not in one.allowed:
            yield one.line, f"{name} does not allow its native VLAN {one.native}"
        used = {one.access, one.native, *(one.allowed or ())} - {0}
        if read.vlans and not (one.allowed and len(one.allowed) == _HIGHEST_VID):
            for vid in sorted(used - read.vlans.keys()):
                yield one.line, f"{name} has VLAN {vid}, which is not declared"

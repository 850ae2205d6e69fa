"""What templates see of a site's switches: VLANs, interfaces and LAGs, of the site itself or of a party's nodes."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from zonewright.model import Site
from zonewright.model.node_ports import LACP
from zonewright.model.site_network import SiteVlan
from zonewright.model.switch import MOST_LAG, MOST_PORTS, Cable, Switch, all_cables, cables_of
from zonewright.render.contexts.node_links import BondInUse, TaggedVlan
from zonewright.render.errors import RenderError
from zonewright.rules.words import listed

_LAG_NAMES = {"eos": "Port-Channel", "sonic": "PortChannel"}
_VLAN_NAME = 32
"""Characters of a VLAN's name in EOS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchVlan:
    """A VLAN of a switch.

    Attributes:
        key: its key in tables of SONiC.
        vid: its number.
        name: its name.
    """

    key: str
    vid: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchedPort:
    """An interface of a switch that VLANs are on: one by itself, or a LAG.

    Attributes:
        name: its name.
        description: what is at its other end.
        untagged: number of the VLAN without a tag, 0 for none.
        tagged: numbers of the VLANs with a tag.
        is_edge: whether no other switch is at its other end.
    """

    name: str
    description: str
    untagged: int
    tagged: tuple[int, ...]
    is_edge: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LagMember:
    """An interface of a switch that is a part of a LAG.

    Attributes:
        name: its name.
        description: what is at its other end.
        lag: name of the LAG.
        number: its number.
        key: key of both in tables of SONiC.
    """

    name: str
    description: str
    lag: str
    number: int
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CabledInterface:
    """An interface of a switch with what is at its other end."""

    name: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VlanMember:
    """An interface or a LAG in a VLAN; ``key`` is of both in tables of SONiC."""

    key: str
    vid: int
    port: str
    is_tagged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncabled:
    """A port of a node in a rack of the switch that no interface is cabled to."""

    node: str
    position: int
    role: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchSide:
    """A switch with what a file of its configuration is about.

    Attributes:
        key: id of the switch.
        role: leaf or spine.
        vlans: VLANs of the site; none in the files of a party's nodes.
        ports: interfaces by themselves.
        lags: LAGs.
        lag_members: interfaces that are parts of LAGs.
        cabled: all interfaces, by themselves or parts of LAGs.
        vlan_members: which interface or LAG is in which VLAN.
        uncabled: ports of nodes that no interface is cabled to.
    """

    key: str
    role: str
    vlans: tuple[SwitchVlan, ...]
    ports: tuple[SwitchedPort, ...]
    lags: tuple[SwitchedPort, ...]
    lag_members: tuple[LagMember, ...]
    cabled: tuple[CabledInterface, ...]
    vlan_members: tuple[VlanMember, ...]
    uncabled: tuple[Uncabled, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CabledNode:
    """A node in its place, with its bonds and VLANs; ``rack`` is ``room/row/rack``."""

    name: str
    rack: str
    position: int
    bonds: tuple[BondInUse, ...]
    vlans: tuple[TaggedVlan, ...]


def vlan_names(keys: Collection[str]) -> Mapping[str, str]:
    """Names of VLANs in switches by id: as much as fits of it, and of two that begin alike a part of their digests.

    Args:
        keys: ids of the site's VLANs.
    """
    begins = Counter(key[:_VLAN_NAME] for key in keys)
    return {
        key: key[:_VLAN_NAME] if len(key) <= _VLAN_NAME or begins[key[:_VLAN_NAME]] == 1 else _told_apart(key)
        for key in keys
    }


def _told_apart(key: str) -> str:
    return f"{key[: _VLAN_NAME - 9].rstrip('-')}-{sha256(key.encode()).hexdigest()[:8]}"


def sides_of_site(site: Site, platform: str) -> tuple[SwitchSide, ...]:
    """The switches of a site with what is the site's own: cables to other switches and to the router.

    Args:
        site: its declaration.
        platform: which switches.
    """
    names = vlan_names(site.vlans)
    vlans = tuple(
        SwitchVlan(key=f"Vlan{one.vid}", vid=one.vid, name=names[key])
        for key, one in sorted(site.vlans.items(), key=_by_vid)
    )
    at_router: dict[str, set[int]] = defaultdict(set)
    networks = [(one.interface, one.vlan) for one in site.address_pools.values()]
    networks += [(one.interface, one.vlan) for one in site.networks.values()]
    for interface, vlan in networks:
        if interface is not None and vlan is not None:
            at_router[interface].add(site.vlans[vlan].vid)
    cables = all_cables(site.switches)
    return tuple(
        _of_site(name, one, cables[name], vlans, at_router)
        for name, one in sorted(site.switches.items())
        if one.platform == platform
    )


def _of_site(
    name: str,
    switch: Switch,
    cables: Iterable[Cable],
    vlans: tuple[SwitchVlan, ...],
    at_router: Mapping[str, set[int]],
) -> SwitchSide:
    made = _Side(name, switch)
    everywhere = tuple(one.vid for one in vlans)
    for cable in cables:
        end = cable.end
        if end.router is not None:
            made.port(cable.interface, f"router {end.router}", 0, tuple(sorted(at_router[end.router])), is_edge=True)
        elif end.switch is not None and end.lag is None:
            made.port(cable.interface, f"{end.switch} {cable.far}", 0, everywhere)
        elif end.switch is not None and end.lag is not None:
            made.lag(end.lag, end.switch, 0, everywhere, [(cable.interface, f"{end.switch} {cable.far}")])
    return made.side(vlans)


def sides_of_nodes(site: Site, platform: str, nodes: Iterable[CabledNode]) -> tuple[SwitchSide, ...]:
    """The switches that a party's nodes hang on, with the interfaces to these nodes only.

    Args:
        site: its declaration.
        platform: which switches.
        nodes: the nodes in their places.

    Raises:
        RenderError: when a LAG would end at two switches, or a port has no VLAN.
    """
    if not any(one.platform == platform for one in site.switches.values()):
        return ()
    found = {name: _Side(name, one) for name, one in site.switches.items()}
    wiring = _Wiring.of(site)
    for node in nodes:
        for bond in node.bonds:
            _bond(node, bond, wiring, found)
    return tuple(
        one.side(()) for name, one in sorted(found.items()) if one.switch.platform == platform and one.has_any()
    )


_Seat = tuple[str, int, str, int]
"""Rack, rack unit, role and number of a port of a node."""


@dataclass(frozen=True, slots=True)
class _Wiring:
    """Which interface each port of a node is cabled to: switch, interface, and its number among those to nodes."""

    at: Mapping[_Seat, tuple[str, str, int]]
    serving: Mapping[tuple[str, str, int], frozenset[str]]

    @classmethod
    def of(cls, site: Site) -> "_Wiring":
        at: dict[_Seat, tuple[str, str, int]] = {}
        serving: dict[tuple[str, str, int], set[str]] = defaultdict(set)
        for name, switch in site.switches.items():
            to_nodes = [one for one in cables_of(switch) if one.end.rack is not None]
            for number, cable in enumerate(to_nodes, start=1):
                end, rack = cable.end, cable.end.rack or ""
                at[rack, cable.position, end.role, end.port] = name, cable.interface, number
                serving[rack, end.role, end.port].add(name)
        return cls(at, {key: frozenset(names) for key, names in serving.items()})

    def numbers(self, node: CabledNode, bond: BondInUse) -> Iterable[int]:
        """Which ports of a bond there are: as many as the type names; else those that are cabled, at least one."""
        if bond.ports:
            return range(1, len(bond.ports) + 1)
        cabled = [one for one in range(1, MOST_PORTS + 1) if (node.rack, node.position, bond.role, one) in self.at]
        return cabled or [1]


def _bond(node: CabledNode, bond: BondInUse, wiring: _Wiring, sides: Mapping[str, "_Side"]) -> None:
    """A bond of a node at the switches that its ports are cabled to."""
    found: list[tuple[str, str, int, str]] = []
    for number in wiring.numbers(node, bond):
        cable = wiring.at.get((node.rack, node.position, bond.role, number))
        text = f"{node.name} {bond.ports[number - 1] if bond.ports else f'{bond.role} {number}'}"
        if cable is not None:
            found.append((*cable, text))
            continue
        for name in wiring.serving.get((node.rack, bond.role, number), ()):
            sides[name].uncabled.append(Uncabled(node=node.name, position=node.position, role=bond.role, port=number))
    if found and not bond.vid:
        raise RenderError(
            f"node {node.name}: bond {bond.name} is cabled to a switch, and its addresses are in no VLAN; "
            "name the 'vlan' of their pools",
            data_path="switches",
        )
    tagged = tuple(one.vid for one in node.vlans if one.parent == bond.name)
    if bond.mode == LACP:
        names = sorted({switch for switch, _, _, _ in found})
        if len(names) > 1:
            raise RenderError(
                f"node {node.name}: bond {bond.name} is {LACP}, and its ports are at {listed(names)}; "
                "cable them to one switch, or use active-backup",
                data_path="switches",
            )
        members = [(interface, text) for _, interface, _, text in found]
        if members:
            number = MOST_LAG + min(one for _, _, one, _ in found)
            sides[names[0]].lag(number, f"{node.name} {bond.name}", bond.vid, tagged, members, is_edge=True)
        return
    for switch, interface, _, text in found:
        sides[switch].port(interface, text, bond.vid, tagged, is_edge=True)


class _Side:
    """A switch while what is at its interfaces is collected."""

    def __init__(self, key: str, switch: Switch) -> None:
        self.key, self.switch = key, switch
        self.ports: dict[str, SwitchedPort] = {}
        self.lags: dict[int, SwitchedPort] = {}
        self.members: dict[str, LagMember] = {}
        self.uncabled: list[Uncabled] = []

    def has_any(self) -> bool:
        """Whether anything is known of it."""
        return bool(self.ports or self.lags or self.uncabled)

    def port(
        self, name: str, description: str, untagged: int, tagged: tuple[int, ...], *, is_edge: bool = False
    ) -> None:
        """An interface by itself."""
        self.ports[name] = SwitchedPort(
            name=name, description=description, untagged=untagged, tagged=tagged, is_edge=is_edge
        )

    def lag(
        self,
        number: int,
        description: str,
        untagged: int,
        tagged: tuple[int, ...],
        members: Iterable[tuple[str, str]],
        *,
        is_edge: bool = False,
    ) -> None:
        """A LAG, and interfaces that are parts of it."""
        name = f"{_LAG_NAMES[self.switch.platform]}{number}"
        self.lags[number] = SwitchedPort(
            name=name, description=description, untagged=untagged, tagged=tagged, is_edge=is_edge
        )
        for interface, text in members:
            key = f"{name}|{interface}"
            self.members[interface] = LagMember(name=interface, description=text, lag=name, number=number, key=key)

    def side(self, vlans: tuple[SwitchVlan, ...]) -> SwitchSide:
        """What templates see of it, in order of names as people count."""
        ports = tuple(self.ports[name] for name in sorted(self.ports, key=_counted))
        lags = tuple(one for _, one in sorted(self.lags.items()))
        members = tuple(self.members[name] for name in sorted(self.members, key=_counted))
        held: tuple[SwitchedPort | LagMember, ...] = (*ports, *members)
        cabled = (CabledInterface(name=one.name, description=one.description) for one in held)
        return SwitchSide(
            key=self.key,
            role=self.switch.role,
            vlans=vlans,
            ports=ports,
            lags=lags,
            lag_members=members,
            cabled=tuple(sorted(cabled, key=lambda one: _counted(one.name))),
            vlan_members=tuple(sorted(_vlan_members((*lags, *ports)), key=_vlan_order)),
            uncabled=tuple(self.uncabled),
        )


def _vlan_members(ports: Iterable[SwitchedPort]) -> Iterator[VlanMember]:
    for port in ports:
        untagged = (port.untagged,) if port.untagged else ()
        for vid in (*untagged, *port.tagged):
            yield VlanMember(key=f"Vlan{vid}|{port.name}", vid=vid, port=port.name, is_tagged=vid not in untagged)


def _vlan_order(member: VlanMember) -> tuple[int, tuple[tuple[str, int], ...]]:
    return member.vid, _counted(member.port)


def _counted(name: str) -> tuple[tuple[str, int], ...]:
    """An interface's name in the order that people count in: Ethernet9 before Ethernet10."""
    return tuple((head, int(digits)) for head, digits in re.findall(r"([^0-9]*)([0-9]+)", name))


def _by_vid(pair: tuple[str, SiteVlan]) -> int:
    return pair[1].vid

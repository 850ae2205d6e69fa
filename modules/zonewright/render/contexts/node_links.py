"""The ports, bonds and VLANs of a node, each with its addresses, from its type and the networks of its site."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from zonewright.model import AddressPool, NodeType, Site
from zonewright.model.node_ports import LACP, UPLINK, bond_name, ports_of_role
from zonewright.model.site_network import USUAL_MTU, PoolRole
from zonewright.render.errors import RenderError
from zonewright.rules.words import listed

_FIRST_TABLE = 1000
"""Number of the first routing table of a node's own."""
_ROLES: tuple[PoolRole, ...] = ("data", "storage", "management")


@dataclass(frozen=True, slots=True, kw_only=True)
class PortInUse:
    """A port of a node.

    Attributes:
        name: its name.
        mac_address: its MAC address, by which it is found and gets its name; empty where the system names it.
        mtu: largest packet in bytes, 0 for the system's own.
    """

    name: str
    mac_address: str
    mtu: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnWay:
    """What leaves from addresses of a network goes by its own gateway: another one takes it for a false source.

    Attributes:
        network: the network.
        gateway: its gateway.
        table: number of the routing table for it.
    """

    network: str
    gateway: str
    table: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BondInUse:
    """A bond of a node.

    Attributes:
        name: its name.
        role: what its networks are for: data, storage or management.
        mode: active-backup, or 802.3ad for LACP.
        ports: names of its ports; none says all wired ports.
        primary: the port that is in use while it can be, or empty.
        mtu: largest packet in bytes, 0 for the system's own.
        vid: number of the VLAN that it has without a tag, 0 where none is known.
        addresses: its addresses with prefix length.
        routes: gateways of its default routes.
        own_ways: its networks besides those for data, each with its own way out.
    """

    name: str
    role: str
    mode: str
    ports: tuple[str, ...]
    primary: str
    mtu: int
    vid: int
    addresses: tuple[str, ...]
    routes: tuple[str, ...]
    own_ways: tuple[OwnWay, ...]

    def having(self, addresses: tuple[str, ...], routes: tuple[str, ...]) -> "BondInUse":
        """The same of a node with these; ``replace`` would take three times as long, for each of thousands."""
        return BondInUse(
            name=self.name,
            role=self.role,
            mode=self.mode,
            ports=self.ports,
            primary=self.primary,
            mtu=self.mtu,
            vid=self.vid,
            addresses=addresses,
            routes=routes,
            own_ways=self.own_ways,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggedVlan:
    """A VLAN that a node sends tagged on its bond for data, since it has no ports of its own for it."""

    name: str
    parent: str
    vid: int
    mtu: int
    addresses: tuple[str, ...]
    own_ways: tuple[OwnWay, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLinks:
    """What a node has its addresses on."""

    ports: tuple[PortInUse, ...]
    bonds: tuple[BondInUse, ...]
    vlans: tuple[TaggedVlan, ...]


def node_links(
    site: Site,
    addresses: Mapping[str, str],
    routes: tuple[str, ...],
    node_type: NodeType | None,
    mac_addresses: Mapping[str, str],
) -> NodeLinks:
    """What a node has its addresses on: for each role the bond of its ports, or else the bond for data.

    Args:
        site: its site.
        addresses: with prefix length, by pool id.
        routes: gateways of the default routes.
        node_type: its type; without one, or one without ports, all wired ports are one bond.
        mac_addresses: by name of a port.

    Raises:
        RenderError: when a VLAN would need larger packets than the ports that carry it, or ports have two untagged.
    """
    keys = tuple(sorted(addresses))
    layout = _layout_of(site, node_type, keys)
    bonds = [
        bond.having(tuple([addresses[key] for key in own]), routes if bond.role == "data" else ())
        for bond, own in layout.bonds
    ]
    ports = layout.ports
    if mac_addresses:
        ports = tuple(replace(port, mac_address=mac_addresses.get(port.name, "")) for port in ports)
    vlans = [replace(vlan, addresses=tuple([addresses[key] for key in held])) for vlan, held in layout.vlans]
    return NodeLinks(ports=ports, bonds=tuple(bonds), vlans=tuple(vlans))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """What all nodes of a type have on their ports that have addresses of the same pools, each with its pools."""

    ports: tuple[PortInUse, ...]
    bonds: tuple[tuple[BondInUse, tuple[str, ...]], ...]
    vlans: tuple[tuple[TaggedVlan, tuple[str, ...]], ...]


_last: tuple[Site, NodeType | None, tuple[str, ...], _Layout] | None = None
"""Of the node before, which most often is of the same site, type and pools."""


def _layout_of(site: Site, node_type: NodeType | None, keys: tuple[str, ...]) -> _Layout:
    global _last  # noqa: PLW0603 - one tuple, put in place at once
    last = _last
    if last is not None and last[0] is site and last[1] is node_type and last[2] == keys:
        return last[3]
    layout = _layout(site, node_type, keys)
    _last = site, node_type, keys, layout
    return layout


def _layout(site: Site, node_type: NodeType | None, keys: tuple[str, ...]) -> _Layout:
    interfaces = node_type.interfaces if node_type is not None else ()
    declared = {one.name: one for one in node_type.bonds} if node_type is not None else {}
    ports_of = {role: of_role for role in _ROLES if (of_role := ports_of_role(interfaces, role)) or role == "data"}
    pools = {key: site.address_pools[key] for key in keys}
    tags = _tags(site, pools, ports_of)
    ways = _own_ways(pools)
    bonds, ports = [], []
    for role, of_role in ports_of.items():
        own = tuple(key for key, pool in pools.items() if key not in tags and _carrier(pool, ports_of) == role)
        if role != "data" and not own:
            continue
        named = [key for key in own if pools[key].vlan is not None]
        if len({pools[key].vlan for key in named}) > 1:
            raise RenderError(
                f"pools {listed(named)} on the ports for {role} and in different VLANs; a port has one VLAN untagged, "
                "so put them in one",
                data_path="bonds",
            )
        mtu = max((pools[key].mtu or 0 for key in own), default=0)
        name = bond_name(of_role, role)
        names = tuple(one.name for one in of_role)
        bond = declared.get(name)
        is_backup = bond is None or bond.mode == "active-backup"
        primary = bond.primary if bond is not None else None
        made = BondInUse(
            name=name,
            role=role,
            mode="active-backup" if is_backup else LACP,
            ports=names,
            primary=(primary or names[0]) if names and is_backup else "",
            mtu=mtu,
            vid=next((site.vlans[one].vid for key in named if (one := pools[key].vlan) is not None), 0),
            addresses=(),
            routes=(),
            own_ways=tuple(ways[key] for key in own) if role != "data" else (),
        )
        bonds.append((made, own))
        ports += [PortInUse(name=one, mac_address="", mtu=mtu) for one in names]
    mtu = bonds[0][0].mtu
    vlans = tuple(_tagged(pools, tags, ways, mtu))
    for vlan, _ in vlans:
        if vlan.mtu > (mtu or USUAL_MTU):
            raise RenderError(
                f"a pool in VLAN {vlan.vid} with an mtu of {vlan.mtu} on ports whose own network has "
                f"{mtu or USUAL_MTU}; give the node type ports of that role, or both pools the same mtu",
                data_path="vlans",
            )
    return _Layout(ports=tuple(ports), bonds=tuple(bonds), vlans=vlans)


def _carrier(pool: AddressPool, ports_of: Collection[PoolRole]) -> PoolRole:
    """The role of the ports that carry a pool's network: its own where the type has such ports, else data."""
    return pool.role if pool.role in ports_of else "data"


def _tags(site: Site, pools: Mapping[str, AddressPool], ports_of: Collection[PoolRole]) -> dict[str, int]:
    """Numbers of the VLANs that a node sends tagged, by pool: on ports of another role that do not have them anyway."""
    untagged = {pool.vlan for pool in pools.values() if pool.role == "data"}
    return {
        key: site.vlans[pool.vlan].vid
        for key, pool in pools.items()
        if pool.vlan is not None and pool.role not in ports_of and pool.vlan not in untagged
    }


def _own_ways(pools: Mapping[str, AddressPool]) -> dict[str, OwnWay]:
    return {
        key: OwnWay(network=str(pool.prefix), gateway=str(pool.gateway), table=_FIRST_TABLE + number)
        for number, (key, pool) in enumerate(pools.items())
    }


def _tagged(
    pools: Mapping[str, AddressPool], tags: Mapping[str, int], ways: Mapping[str, OwnWay], bond_mtu: int
) -> Iterator[tuple[TaggedVlan, tuple[str, ...]]]:
    # Without a size of its own, Linux would give it that of the bond.
    smallest = USUAL_MTU if bond_mtu > USUAL_MTU else 0
    for vid in sorted(set(tags.values())):
        held = tuple(key for key, tag in tags.items() if tag == vid)
        made = TaggedVlan(
            name=f"{UPLINK}.{vid}",
            parent=UPLINK,
            vid=vid,
            mtu=max(pools[key].mtu or smallest for key in held),
            addresses=(),
            own_ways=tuple(ways[key] for key in held),
        )
        yield made, held

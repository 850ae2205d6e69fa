"""Network ports of a server model: what each is for, and which of them form a bond."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import StringConstraints

from zonewright.model.base import Declared, Identifier, Line
from zonewright.model.site_network import LONGEST_NAME, InterfaceName, PoolRole

UPLINK = "uplink"
"""Name of a node's bond for data."""
LACP = "802.3ad"
"""Mode of a bond all of whose ports are in use."""


class NodeInterface(Declared):
    """A network port of a server model, with the names of NetBox's interface templates."""

    name: InterfaceName
    """The name that its system gives to the port, such as ``eno1``."""
    type: Line = ""
    """What it is in NetBox's words, such as ``25gbase-x-sfp28``."""
    mgmt_only: bool = False
    """Whether it is for management only, as that of a BMC; nodes have no address on it."""
    lag: Identifier | None = None
    """The bond that it belongs to; where any port says ``uplink``, the node's bond has these ports only."""
    role: Literal["data", "storage", "management", "bmc"] = "data"
    """What it is for: addresses of pools with this role are on it. Nodes have no address on one of a BMC."""


class NodeBond(Declared):
    """How ports of a server model form a bond, in the words of netplan."""

    name: InterfaceName
    """Its name, the ``lag`` of its ports."""
    mode: Literal["active-backup", "802.3ad"] = "active-backup"
    """One port in use at a time, or all of them by LACP, for which the switches need a LAG."""
    primary: InterfaceName | None = None
    """The port that is in use while it can be, with ``active-backup``; without it, the first."""


ResourceId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", strict=True)]
"""Id of a resource in a Redfish service, such as ``1`` or ``System.Embedded.1``."""


class BmcSettings(Declared):
    """What the BMCs of a server model are set to, by Redfish."""

    system: ResourceId = "1"
    """Id of the computer system in its Redfish service."""
    manager: ResourceId = "1"
    """Id of the BMC itself there."""
    chassis: ResourceId = "1"
    """Id of the chassis there."""
    power_restore: Literal["AlwaysOn", "AlwaysOff", "LastState"] = "LastState"
    """What a node does when the power is back, in Redfish's words (``PowerRestorePolicy``)."""
    holds_draw: bool = False
    """Whether it holds a node to ``allocated_draw``, the watts of its claim."""
    ipmi: bool = False
    """Whether IPMI over the network stays on."""


def ports_of_role(interfaces: Sequence[NodeInterface], role: PoolRole) -> tuple[NodeInterface, ...]:
    """The ports that carry what has a role; of those for data the ones with ``lag: uplink``, else those without a lag.

    Args:
        interfaces: ports of a model.
        role: the role.
    """
    usable = [one for one in interfaces if not one.mgmt_only and one.role == role]
    if role != "data":
        return tuple(usable)
    return tuple([one for one in usable if one.lag == UPLINK] or [one for one in usable if one.lag is None])


def bond_name(ports: Sequence[NodeInterface], role: PoolRole) -> str:
    """Name of the bond of the ports of a role.

    Args:
        ports: those ports.
        role: the role.
    """
    return UPLINK if role == "data" else next((one.lag for one in ports if one.lag is not None), role)


def bond_faults(interfaces: Sequence[NodeInterface], bonds: Sequence[NodeBond]) -> Iterator[str]:
    """What is wrong with the ports of a model: a sentence for each fault.

    Args:
        interfaces: its ports.
        bonds: its bonds.
    """
    names = [one.name for one in interfaces]
    yield from (f"two interfaces with the name {name}" for name in dict.fromkeys(names) if names.count(name) > 1)
    if interfaces and not ports_of_role(interfaces, "data"):
        yield f"no interface that a node can use; one must have 'lag: {UPLINK}', or neither lag nor mgmt_only"
    held: dict[str, list[str]] = {}
    known = {one.name for one in interfaces}
    roles: tuple[PoolRole, ...] = ("data", "storage", "management")
    for role in roles:
        ports = ports_of_role(interfaces, role)
        if role != "data" and len({one.lag for one in ports}) > 1:
            yield f"ports with the role {role} have different lags; give them one"
        name = bond_name(ports, role)
        if ports and name in known:
            yield f"bond {name} has the name of a port; give one of them another"
        if ports and len(name) > LONGEST_NAME:
            yield f"bond {name} has a name longer than {LONGEST_NAME} characters; give its ports a shorter lag"
        if ports and name in held:
            yield f"ports of two roles in bond {name}; give each role a lag of its own"
        if ports:
            held[name] = [one.name for one in ports]
    yield from _declared_faults(held, bonds)


def _declared_faults(held: Mapping[str, Sequence[str]], bonds: Sequence[NodeBond]) -> Iterator[str]:
    if len({one.name for one in bonds}) < len(bonds):
        yield "two bonds of one name; leave one of them out"
    for bond in bonds:
        name = bond.name
        if name not in held:
            yield f"bond {name} has no port; name it as 'lag' of the ports that it has"
        elif bond.primary is not None and bond.primary not in held[name]:
            yield f"primary {bond.primary} of bond {name} is none of its ports, {', '.join(held[name])}"
        if bond.mode == LACP and bond.primary is not None:
            yield f"bond {name} has a primary, and with {LACP} all ports are in use; leave it out"

"""What templates see of the BMCs of a party's nodes."""

from dataclasses import dataclass

from zonewright.model.node_ports import BmcSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class BmcOfNode:
    """The BMC of a node.

    Attributes:
        key: name of the node.
        party: whose it is.
        system: id of the computer system in the service.
        manager: id of the BMC itself.
        chassis: id of the chassis.
        room: room of the node's rack.
        row: its row.
        rack: number of its rack.
        position: lowest rack unit.
        power_restore: what it does when the power is back, in Redfish's words.
        limit_w: the most that it may draw, in watts; 0 where nothing holds it.
        has_ipmi: whether IPMI over the network stays on.
        time_servers: where it takes the time from.
    """

    key: str
    party: str
    system: str
    manager: str
    chassis: str
    room: str
    row: str
    rack: str
    position: int
    power_restore: str
    limit_w: int
    has_ipmi: bool
    time_servers: tuple[str, ...]


def bmc_of_node(
    settings: BmcSettings,
    *,
    name: str,
    party: str,
    rack: str,
    position: int,
    allocated_w: int,
    time_servers: tuple[str, ...],
) -> BmcOfNode:
    """What templates see of the BMC of a node.

    Args:
        settings: of its type.
        name: host name.
        party: whose it is.
        rack: the rack, ``site/room/row/rack``.
        position: lowest rack unit.
        allocated_w: watts of its claim.
        time_servers: of the node.
    """
    _, room, row, number = rack.split("/")
    return BmcOfNode(
        key=name,
        party=party,
        system=settings.system,
        manager=settings.manager,
        chassis=settings.chassis,
        room=room,
        row=row,
        rack=number,
        position=position,
        power_restore=settings.power_restore,
        limit_w=allocated_w if settings.holds_draw else 0,
        has_ipmi=settings.ipmi,
        time_servers=time_servers,
    )

"""Cross checks of a site's switches: racks that are there, and a VLAN for all that passes them."""

from collections.abc import Iterator, Mapping
from contextlib import suppress

from zonewright.declare.checks.known import Known
from zonewright.declare.problem import Fault, Path, shown
from zonewright.model import Row, Site
from zonewright.model.expand import rows_of
from zonewright.model.switch import range_of

_SONIC_MTU = 9100


def switch_faults_of(known: Known, owner: str, path: Path, site: Site) -> Iterator[Fault]:
    """Faults of the switches of one site, apart from those of cables among themselves.

    Args:
        known: all files.
        owner: whose file it is.
        path: the site's.
        site: the site.
    """
    if not site.switches:
        return
    rows: dict[str, Row] = {}
    with suppress(ValueError):  # a range of rows that cannot be read is told where it stands
        rows = {f"{room}/{row}": held for room, row, held in rows_of(site)}
    is_sure = not known.unsure(owner, (*path, "rooms"))
    for name, switch in site.switches.items():
        for interfaces, end in switch.interfaces.items():
            where = (*path, "switches", name, "interfaces", interfaces)
            if end.rack is not None and end.positions is not None and is_sure:
                yield from _rack(owner, where, end.rack, end.positions, rows)
            if end.router is not None:
                yield from _router(owner, where, end.router, site)
    yield from _vlans(owner, path, site)


def _rack(owner: str, path: Path, rack: str, positions: str, rows: Mapping[str, Row]) -> Iterator[Fault]:
    row_path, _, number = rack.rpartition("/")
    row = rows.get(row_path)
    if row is None or number not in {f"{index:02}" for index in range(1, row.racks + 1)}:
        yield Fault(
            owner=owner,
            path=(*path, "rack"),
            what="a rack that the site does not have",
            expected=f"room/row/rack with racks 01 to {row.racks:02}" if row is not None else "room/row/rack of a row",
            got=shown(rack),
            fix="correct the rack",
        )
        return
    highest = max(int(one) for one in range_of(positions))
    if highest > row.u_height or min(int(one) for one in range_of(positions)) < 1:
        yield Fault(
            owner=owner,
            path=(*path, "positions"),
            what="a rack unit that the rack does not have",
            expected=f"rack units from 1 to {row.u_height}",
            got=shown(positions),
            fix="correct the range",
        )


def _router(owner: str, path: Path, router: str, site: Site) -> Iterator[Fault]:
    """What is at the router's interface is in VLANs, since the switches pass on frames of VLANs only."""
    networks = {f"address_pools.{key}": (one.interface, one.vlan) for key, one in site.address_pools.items()}
    networks |= {f"networks.{key}": (one.interface, one.vlan) for key, one in site.networks.items()}
    at_it = {key: vlan for key, (interface, vlan) in networks.items() if interface == router}
    bare = [key for key, vlan in at_it.items() if vlan is None]
    if bare or not at_it:
        yield Fault(
            owner=owner,
            path=(*path, "router"),
            what="a router's interface that switches cannot serve",
            expected="an interface of pools or networks that all name a 'vlan'",
            got=f"{shown(router)}, {f'where {bare[0]} is in none' if bare else 'which no pool and no network names'}",
            fix=f"name the VLAN of {bare[0]}" if bare else "correct the interface",
        )


def _vlans(owner: str, path: Path, site: Site) -> Iterator[Fault]:
    for key, vlan in site.vlans.items():
        if vlan.vid == 1:
            yield Fault(
                owner=owner,
                path=(*path, "vlans", key, "vid"),
                what="a number that switches use themselves",
                expected="from 2 to 4094 at a site with switches",
                got="1",
                fix="give the VLAN another number",
            )
    has_nodes = any(end.rack is not None for one in site.switches.values() for end in one.interfaces.values())
    has_sonic = any(one.platform == "sonic" for one in site.switches.values())
    for key, pool in site.address_pools.items():
        if has_nodes and pool.vlan is None:
            yield Fault(
                owner=owner,
                path=(*path, "address_pools", key),
                what="a pool that no switch can carry",
                expected="a 'vlan', since nodes of the site are cabled to its switches",
                got="none",
                fix="declare a VLAN in 'vlans' and name it",
            )
        if has_sonic and (pool.mtu or 0) > _SONIC_MTU:
            yield Fault(
                owner=owner,
                path=(*path, "address_pools", key, "mtu"),
                what="larger packets than switches carry",
                expected=f"at most {_SONIC_MTU}, since switches of the site are like SONiC",
                got=str(pool.mtu),
                fix="make it smaller",
            )

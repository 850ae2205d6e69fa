"""Cross checks of what a site's DHCP leases: reservations are dynamic addresses, and no two are one machine's."""

from collections.abc import Iterator

from zonewright.declare.problem import Fault, Path
from zonewright.model import AddressPool


def dhcp_faults(owner: str, path: Path, pool: AddressPool) -> Iterator[Fault]:
    """Faults of the reservations of one pool.

    Args:
        owner: whose file it is.
        path: the pool's.
        pool: the pool.
    """
    leased = pool.dynamic
    if leased is None:
        return
    known: dict[str, str] = {}
    for name, one in sorted(leased.reservations.items()):
        place: Path = (*path, "dynamic", "reservations", name)
        is_alike = one.address.version == leased.first.version  # the numbers of both versions begin with the same
        if not is_alike or not int(leased.first) <= int(one.address) <= int(leased.last):
            yield Fault(
                owner=owner,
                path=(*place, "address"),
                what="a reservation that is none of the dynamic addresses",
                expected=f"an address from {leased.first} to {leased.last}, which no node gets",
                got=str(one.address),
                fix=f"write {leased.first}, or make 'dynamic' of the pool larger",
            )
        for field, text in (("mac_address", one.mac_address), ("duid", one.duid), ("address", str(one.address))):
            other = known.setdefault(text, name) if text is not None else name
            if other != name:
                yield Fault(
                    owner=owner,
                    path=(*place, field),
                    what="two reservations of one",
                    expected="each MAC address, DUID and address reserved once in a pool",
                    got=f"{text}, which '{other}' has too",
                    fix="correct one of the two",
                )

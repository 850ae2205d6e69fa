"""What stands on the labels of the outlets of PDUs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from zonewright.model import Row
from zonewright.model.expand import rack_number, units_of
from zonewright.model.supply import PowerFeed


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """An outlet of a PDU.

    Attributes:
        number: from the bottom, from 1.
        first: the rack unit that it is beside.
        last: the last one, where it is beside several; else 0.
        leg: its phase, empty where that is not declared.
    """

    number: int
    first: int
    last: int
    leg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RackPdu:
    """The PDU of a feed at each rack of a row."""

    feed: str
    outlets: tuple[Outlet, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutletRow:
    """A row of like racks with their PDUs; ``racks`` are their numbers, and ``key`` names the row within its site."""

    key: str
    room: str
    row: str
    racks: tuple[str, ...]
    pdus: tuple[RackPdu, ...]


def outlet_rows(site: str, rows: Mapping[str, Row]) -> Iterator[OutletRow]:
    """The rows of a site whose feeds say how many outlets they have at a rack.

    Args:
        site: id of the site.
        rows: its rows by ``site/room/row``.
    """
    for path, row in sorted(rows.items()):
        _, room, name = path.split("/")
        pdus = tuple(
            RackPdu(feed=feed, outlets=tuple(_outlets(held, row.u_height)))
            for feed, held in sorted(row.feeds.items())
            if held.outlets
        )
        if pdus:
            racks = tuple(rack_number(index) for index in range(1, row.racks + 1))
            yield OutletRow(key=f"{room}.{name}", room=f"{site}/{room}", row=name, racks=racks, pdus=pdus)


def _outlets(feed: PowerFeed, u_height: int) -> Iterator[Outlet]:
    """Outlets spread evenly over the height of a rack."""
    legs = {unit: leg for leg, text in feed.legs.items() for unit in units_of(text, u_height)}
    count = feed.outlets or 0
    for number in range(1, count + 1):
        first = (number - 1) * u_height // count + 1
        last = max(first, number * u_height // count)
        yield Outlet(number=number, first=first, last=last if last > first else 0, leg=legs.get(first, ""))

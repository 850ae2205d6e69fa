"""What stands on the labels of a site's racks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from zonewright.model import Row
from zonewright.model.expand import rack_number


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFeed:
    """A feed at each rack of a row: the watts that may be drawn, and the panel that it hangs on."""

    name: str
    available_w: int
    power_panel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRow:
    """A row of like racks; ``racks`` are their numbers."""

    room: str
    row: str
    status: str
    u_height: int
    max_weight_kg: int
    feeds: tuple[LabelFeed, ...]
    racks: tuple[str, ...]


def label_rows(site: str, rows: Mapping[str, Row]) -> Iterator[LabelRow]:
    """The labels of a site's racks, row by row.

    Args:
        site: id of the site.
        rows: its rows by ``site/room/row``.
    """
    for path, row in sorted(rows.items()):
        _, room, name = path.split("/")
        yield LabelRow(
            room=f"{site}/{room}",
            row=name,
            status=row.status,
            u_height=row.u_height,
            max_weight_kg=row.max_weight_kg,
            feeds=tuple(
                LabelFeed(name=feed, available_w=held.available_w, power_panel=held.power_panel)
                for feed, held in sorted(row.feeds.items())
            ),
            racks=tuple(rack_number(index) for index in range(1, row.racks + 1)),
        )

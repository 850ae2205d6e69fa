"""Cross checks of planned works: what they take out of service is there, in the site that declares them."""

from collections.abc import Iterator

from zonewright.declare.checks.known import Known
from zonewright.declare.checks.sites import RowIndex
from zonewright.declare.problem import Fault, Path, shown, unknown
from zonewright.model import OwnerFile, Site
from zonewright.model.expand import rack_number

_RACK, _ROW = 4, 3


def work_faults(known: Known, owner: str, file: OwnerFile, index: RowIndex) -> Iterator[Fault]:
    """Faults of the works of one owner.

    Args:
        known: what there is.
        owner: the facility operator.
        file: what it declares.
        index: its rows.
    """
    for site_id, site in file.sites.items():
        parts = [("sites", site_id, name) for name in ("rooms", "power", "power_panels")]
        if any(known.unsure(owner, part) for part in parts):
            continue
        names = None
        for work_id, work in site.works.items():
            names = names or set(_names(site_id, site, index))
            path: Path = ("sites", site_id, "works", work_id, "what")
            place, colon, feed = work.what.partition(":")
            if colon and (feed not in {"A", "B"} or place.count("/") + 1 not in (_ROW, _RACK)):
                yield Fault(
                    owner=owner,
                    path=path,
                    what="a feed that cannot be",
                    expected="feed A or B of a row or a rack, such as dc1/a/01:A",
                    got=shown(work.what),
                    fix="correct it",
                )
            elif place not in names:
                yield unknown("feed, rack, row, room or panel of the site", place, names, owner=owner, path=path)


def _names(site_id: str, site: Site, index: RowIndex) -> Iterator[str]:
    """What may be taken out of service: rooms, rows, racks, elements and substations."""
    for name in (*site.power, *site.power_panels, *(panel.substation for panel in site.power_panels.values())):
        yield f"{site_id}/{name}"
    for (of_site, room_id), rows in index.rows.items():
        if of_site == site_id:
            yield f"{site_id}/{room_id}"
            for row_id, row in rows.items():
                yield f"{site_id}/{room_id}/{row_id}"
                yield from (f"{site_id}/{room_id}/{row_id}/{rack_number(number)}" for number in range(1, row.racks + 1))

"""Cross checks of former ids of sites, rows and ducts: each is gone from the file, and was of one thing only."""

from collections.abc import Iterator

from zonewright.declare.checks.known import Known
from zonewright.declare.checks.sites import RowIndex
from zonewright.declare.problem import Fault, Path, shown
from zonewright.model import OwnerFile
from zonewright.model.asset import DUCTS

_Former = tuple[Path, str, str]
"""Path of the field, the former name, and the name now."""


def former_faults(known: Known, owner: str, file: OwnerFile, index: RowIndex) -> Iterator[Fault]:
    """Faults of what an owner's assets were.

    Args:
        known: what there is.
        owner: the operator.
        file: what it declares.
        index: its rows.
    """
    found = list(_former(file, index))
    if not found:
        return
    rows = {f"{site}/{room}/{row}" for (site, room), ids in index.rows.items() for row in ids}
    present = {*file.sites, *(f"{DUCTS}/{name}" for name in file.ducts), *rows}
    seen: dict[str, str] = {}
    for path, old, name in found:
        if known.unsure(owner, path[:2]):
            continue
        if old in present:
            yield Fault(
                owner=owner,
                path=path,
                what="a former id that is declared too",
                expected="an id that is not in this file any more",
                got=shown(old),
                fix="delete 'was'" if old == name else f"delete '{old}', which '{name}' is now, or delete 'was'",
            )
        elif old in seen:
            yield Fault(
                owner=owner,
                path=path,
                what="a former id of two things",
                expected=f"an id that no other one was, because '{seen[old]}' was it",
                got=shown(old),
                fix="delete one of them; of a range of rows, write the one that has another id by itself",
            )
        seen.setdefault(old, name)


def _former(file: OwnerFile, index: RowIndex) -> Iterator[_Former]:
    for site_id, site in file.sites.items():
        yield from ((("sites", site_id, "was"), old, site_id) for old in site.was)
    for (site_id, room_id), rows in index.rows.items():
        for row_id, row in rows.items():
            if not row.was:
                continue
            key = next(name for name, one in file.sites[site_id].rooms[room_id].rows.items() if one is row)
            path: Path = ("sites", site_id, "rooms", room_id, "rows", key, "was")
            for old in row.was:
                where = f"{site_id}/{old}" if "/" in old else f"{site_id}/{room_id}/{old}"
                yield path, where, f"{site_id}/{room_id}/{row_id}"
    for duct_id, duct in file.ducts.items():
        yield from ((("ducts", duct_id, "was"), f"{DUCTS}/{old}", f"{DUCTS}/{duct_id}") for old in duct.was)

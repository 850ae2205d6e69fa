"""Cross checks of what an operator offers: its own sites and ducts, racks that are there, and nothing twice."""

from collections.abc import Iterator

from zonewright.declare.checks.known import Known
from zonewright.declare.checks.sites import RowIndex
from zonewright.declare.problem import Fault, Path, shown, unknown
from zonewright.model import OwnerFile
from zonewright.model.expand import rack_number
from zonewright.model.offer import Offer
from zonewright.model.offered import part_of, parts_of, racks_in


def offer_faults(known: Known, owner: str, file: OwnerFile, index: RowIndex) -> Iterator[Fault]:
    """Faults of the offers of one owner.

    Args:
        known: what there is.
        owner: whose they are.
        file: its file.
        index: its rows.
    """
    taken: dict[tuple[str, int], str] = {}
    for offer_id, offer in file.offers.items():
        path: Path = ("offers", offer_id)
        yield from _parties(known, owner, path, offer)
        for number, duct in enumerate(offer.ducts):
            if duct not in file.ducts and not known.unsure(owner, ("ducts", duct)):
                yield unknown("duct of its own", duct, file.ducts, owner=owner, path=(*path, "ducts", str(number)))
        if offer.site is None:
            continue
        if offer.site not in file.sites:
            if not known.unsure(owner, ("sites", offer.site)):
                yield unknown("site of its own", offer.site, file.sites, owner=owner, path=(*path, "site"))
            continue
        unreadable = list(_unreadable(owner, path, offer))
        yield from unreadable
        if not unreadable and not any(site == offer.site for site, _ in index.unsure):
            yield from _racks(owner, path, offer, index, taken)


def _parties(known: Known, owner: str, path: Path, offer: Offer) -> Iterator[Fault]:
    parties = known.zone.parties if known.zone is not None else {}
    for number, party in enumerate(offer.parties):
        if known.zone is not None and party not in parties and not known.unsure("", ("parties", party)):
            yield unknown("party", party, parties, owner=owner, path=(*path, "parties", str(number)))


def _unreadable(owner: str, path: Path, offer: Offer) -> Iterator[Fault]:
    for number, text in enumerate(offer.racks):
        try:
            part_of(text)
        except ValueError as error:
            yield Fault(
                owner=owner,
                path=(*path, "racks", str(number)),
                what="racks that cannot be read",
                expected="a room, a row or racks of it, such as 'a', 'a/01..04' or 'a/01/01..10'",
                got=shown(text),
                fix=f"correct it: {error}",
            )


def _racks(owner: str, path: Path, offer: Offer, index: RowIndex, taken: dict[tuple[str, int], str]) -> Iterator[Fault]:
    """Racks that are not there, and units that another offer has already."""
    heights = {
        f"{site}/{room}/{row_id}/{rack_number(number)}": row.u_height
        for (site, room), rows in index.rows.items()
        if site == offer.site
        for row_id, row in rows.items()
        for number in range(1, row.racks + 1)
    }
    for number, text in enumerate(offer.racks):
        if not racks_in([part_of(text)], heights):
            yield Fault(
                owner=owner,
                path=(*path, "racks", str(number)),
                what="an offer of racks that are not there",
                expected=f"a room, row or rack of {offer.site}",
                got=shown(text),
                fix="correct it, or declare the racks first",
            )
    first, last = offer.span
    others: dict[str, str] = {}
    for rack in racks_in(parts_of(offer), heights):
        for unit in range(first, min(last, heights[rack]) + 1):
            holder = taken.setdefault((rack, unit), path[-1])
            if holder != path[-1]:
                others.setdefault(holder, f"U{unit} of {rack}")
    for holder, where in others.items():
        yield Fault(
            owner=owner,
            path=path,
            what="rack units that two offers have",
            expected="each unit in one offer",
            got=f"{where} and perhaps more, which '{holder}' has too",
            fix="give the two other racks or units, or make them one offer for the parties of both",
        )

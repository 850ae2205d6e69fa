"""Cross checks of what an operator offers: its own sites, ducts and links, racks that are there, and nothing twice."""

from collections.abc import Iterator, Mapping

from zonewright.declare.checks.known import Known
from zonewright.declare.checks.sites import RowIndex
from zonewright.declare.problem import Fault, Path, unknown
from zonewright.model import OwnerFile
from zonewright.model.expand import rack_number
from zonewright.model.limits import OFFERED
from zonewright.model.offer import Offer
from zonewright.model.offer_faults import OfferFault, misplaced, too_many, unreadable
from zonewright.model.offered import ids_named


def offer_faults(known: Known, owner: str, file: OwnerFile, index: RowIndex) -> Iterator[Fault]:
    """Faults of the offers of one owner.

    Args:
        known: what there is.
        owner: whose they are.
        file: its file.
        index: its rows.
    """
    named = sum(ids_named(offer) + len(offer.ducts) + len(offer.links) for offer in file.offers.values())
    if named > OFFERED.most:
        yield Fault(
            owner=owner,
            path=("offers",),
            what="too many ids in offers",
            expected=f"at most {OFFERED.most:,} {OFFERED.what}",
            got=f"{named:,}",
            fix="name whole rooms or rows",
        )
        return
    for offer_id, offer in file.offers.items():
        path: Path = ("offers", offer_id)
        yield from _parties(known, owner, path, offer)
        for number, duct in enumerate(offer.ducts):
            if duct not in file.ducts and not known.unsure(owner, ("ducts", duct)):
                yield unknown("duct of its own", duct, file.ducts, owner=owner, path=(*path, "ducts", str(number)))
        for number, link in enumerate(offer.links):
            if link not in file.links and not known.unsure(owner, ("links", link)):
                yield unknown("link of its own", link, file.links, owner=owner, path=(*path, "links", str(number)))
        if offer.site is not None and offer.site not in file.sites and not known.unsure(owner, ("sites", offer.site)):
            yield unknown("site of its own", offer.site, file.sites, owner=owner, path=(*path, "site"))
    yield from (_fault(owner, one) for one in _of_things(file, index))


def _of_things(file: OwnerFile, index: RowIndex) -> Iterator[OfferFault]:
    """What the ledger refuses too."""
    for duct_id, duct in file.ducts.items():
        offers = {offer_id: offer for offer_id, offer in file.offers.items() if duct_id in offer.ducts}
        yield from too_many("bores", duct_id, offers, duct.bores)
    for link_id, link in file.links.items():
        offers = {offer_id: offer for offer_id, offer in file.offers.items() if link_id in offer.links}
        yield from too_many("cores", link_id, offers, link.cores)
    for site_id in file.sites:
        offers = {offer_id: offer for offer_id, offer in file.offers.items() if offer.site == site_id}
        yield from unreadable(offers)
        if offers and not any(site == site_id for site, _ in index.unsure):
            yield from misplaced(site_id, offers, _heights(index, site_id))


def _heights(index: RowIndex, site_id: str) -> Mapping[str, int]:
    return {
        f"{site}/{room}/{row_id}/{rack_number(number)}": row.u_height
        for (site, room), rows in index.rows.items()
        if site == site_id
        for row_id, row in rows.items()
        for number in range(1, row.racks + 1)
    }


def _fault(owner: str, one: OfferFault) -> Fault:
    path: Path = ("offers", one.offer, *one.path)
    return Fault(owner=owner, path=path, what=one.what, expected=one.expected, got=one.got, fix=one.fix)


def _parties(known: Known, owner: str, path: Path, offer: Offer) -> Iterator[Fault]:
    parties = known.zone.parties if known.zone is not None else {}
    for field, party in offer.named:
        if known.zone is not None and party not in parties and not known.unsure("", ("parties", party)):
            yield unknown("party", party, parties, owner=owner, path=(*path, *field.split(".")))

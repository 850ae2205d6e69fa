"""What makes no sense in offers, judged from one owner's things: a check and the ledger share it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from zonewright.model.offer import Offer
from zonewright.model.offered import RackIndex, RackPart, indexed, part_of, parts_of, racks_in


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferFault:
    """One thing that makes no sense.

    Attributes:
        offer: id of the offer.
        path: of the field within it.
        what: what is wrong.
        expected: what was expected.
        got: what is there.
        fix: how to mend it.
    """

    offer: str
    path: tuple[str, ...]
    what: str
    expected: str
    got: str
    fix: str

    def __str__(self) -> str:
        """In one sentence."""
        where = ".".join(("offers", self.offer, *self.path))
        return f"{where}: {self.what}: expected {self.expected}, got {self.got}; {self.fix}"


def unreadable(offers: Mapping[str, Offer]) -> Iterator[OfferFault]:
    """Racks that cannot be read.

    Args:
        offers: by id.
    """
    for offer_id, offer in offers.items():
        for number, text in enumerate(offer.racks):
            try:
                part_of(text)
            except ValueError as error:
                yield OfferFault(
                    offer=offer_id,
                    path=("racks", str(number)),
                    what="racks that cannot be read",
                    expected="a room, a row or racks of it, such as 'a', 'a/01..04' or 'a/01/01..10'",
                    got=f"'{text}'",
                    fix=f"correct it: {error}",
                )


def misplaced(site: str, offers: Mapping[str, Offer], heights: Mapping[str, int]) -> Iterator[OfferFault]:
    """Racks that are not there, units above them, and units that two offers have.

    Args:
        site: id of the site.
        offers: those of the site, by id; what cannot be read in them is passed over.
        heights: rack units of each of its racks, by ``site/room/row/rack``.
    """
    index = indexed(heights)
    taken: dict[str, int] = {}
    earlier: list[str] = []
    for offer_id, offer in offers.items():
        yield from _absent(site, offer_id, offer, index)
        racks = racks_in(parts_of(offer), index)
        yield from _too_high(offer_id, offer, racks, heights)
        units = _bits(offer)
        twice = next((rack for rack in racks if taken.get(rack, 0) & units), None)
        if twice is not None:
            yield _twice(offer_id, offer, twice, {one: offers[one] for one in earlier}, index)
        for rack in racks:
            taken[rack] = taken.get(rack, 0) | units
        earlier.append(offer_id)


def too_many(what: Literal["bores", "cores"], of: str, offers: Mapping[str, Offer], most: int) -> Iterator[OfferFault]:
    """Offers of more bores than a duct has, or of more cores than a link.

    Args:
        what: bores or cores.
        of: id of the duct or link.
        offers: those that name it, by id.
        most: how many it has.
    """
    kind = "duct" if what == "bores" else "link"
    for offer_id, offer in offers.items():
        given = offer.bores if what == "bores" else offer.cores
        if given is not None and given > most:
            yield OfferFault(
                offer=offer_id,
                path=(what,),
                what=f"an offer of more {what} than a {kind} has",
                expected=f"at most {most}, as {kind} {of} has",
                got=str(given),
                fix=f"offer fewer, or offer its {what} apart from those of larger {kind}s",
            )


def _bits(offer: Offer) -> int:
    """The units of an offer as bits of a number."""
    first, last = offer.span
    return (1 << (last + 1)) - (1 << first)


def _absent(site: str, offer_id: str, offer: Offer, index: RackIndex) -> Iterator[OfferFault]:
    for number, text in enumerate(offer.racks):
        try:
            missing = _first_absent(part_of(text), index)
        except ValueError:
            continue
        if missing:
            yield OfferFault(
                offer=offer_id,
                path=("racks", str(number)),
                what="an offer of racks that are not there",
                expected=f"a room, row or rack of {site}",
                got=f"'{text}', and there is no {missing}",
                fix="correct it, or declare the racks first",
            )


def _first_absent(part: RackPart, index: RackIndex) -> str:
    """The first id that is not there; empty where all are."""
    room, rows, numbers = part
    if room not in index:
        return f"room {room}"
    for row in sorted(rows or ()):
        if row not in index[room]:
            return f"row {room}/{row}"
        missing = (numbers or frozenset()) - index[room][row].keys()
        if missing:
            return f"rack {room}/{row}/{min(missing)}"
    return ""


def _too_high(offer_id: str, offer: Offer, racks: list[str], heights: Mapping[str, int]) -> Iterator[OfferFault]:
    lowest = min(racks, key=lambda rack: heights[rack], default=None)
    if offer.units is not None and lowest is not None and offer.span[1] > heights[lowest]:
        yield OfferFault(
            offer=offer_id,
            path=("units",),
            what="an offer of units above the top of a rack",
            expected=f"units up to {heights[lowest]}, as rack {lowest} has",
            got=offer.units,
            fix="end them lower, or offer lower racks apart",
        )


def _twice(offer_id: str, offer: Offer, rack: str, earlier: Mapping[str, Offer], index: RackIndex) -> OfferFault:
    units = _bits(offer)
    holder, other = next(
        (name, one) for name, one in earlier.items() if _bits(one) & units and rack in racks_in(parts_of(one), index)
    )
    return OfferFault(
        offer=offer_id,
        path=(),
        what="rack units that two offers have",
        expected="each unit in one offer",
        got=f"U{max(offer.span[0], other.span[0])} of {rack} and perhaps more, which '{holder}' has too",
        fix="give the two other racks or units, or make them one offer for the parties of both",
    )

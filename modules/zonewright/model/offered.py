"""Offers become what rules and placement read: which racks they name, and what of each rack is whose to use."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from zonewright.model.expand import expand_ids, expanded_size
from zonewright.model.lease import WARNED_DAYS, Term, terms_of
from zonewright.model.offer import Offer
from zonewright.model.rack import OfferFacts, Rack

_DEPTH = 3
RackPart = tuple[str, frozenset[str] | None, frozenset[str] | None]
"""Room, its rows and their racks; None for all of them."""
RackIndex = Mapping[str, Mapping[str, Mapping[str, str]]]
"""Ids of the racks of a site by room, row and number."""


@lru_cache(maxsize=256)
def part_of(text: str) -> RackPart:
    """Racks of an offer as a room, rows and numbers.

    Args:
        text: a room, a row or racks such as ``a``, ``a/01..04`` or ``a/01/01..10``.

    Raises:
        ValueError: when it cannot be read, says what was expected.
    """
    room, *rest = text.split("/")
    if not room or len(rest) >= _DEPTH or not all(rest):
        message = f"expected a room, a row or racks such as 'a', 'a/01' or 'a/01/01..10', got '{text}'"
        raise ValueError(message)
    more = [frozenset(expand_ids(one)) for one in rest]
    return room, more[0] if more else None, more[1] if len(more) > 1 else None


def parts_of(offer: Offer) -> Iterator[RackPart]:
    """The racks that an offer names; what cannot be read names none, which the check of a declaration tells."""
    for text in offer.racks:
        try:
            yield part_of(text)
        except ValueError:
            yield "", None, None


def ids_named(offer: Offer) -> int:
    """How many ids an offer stands for, itself, its leases and each room included; counted before it is expanded."""
    parts = [one for text in offer.racks for one in text.split("/")]
    return 1 + len(offer.leases) + sum(map(expanded_size, parts))


def indexed(racks: Iterable[str]) -> RackIndex:
    """Racks (``site/room/row/rack``) of one site by room, row and number."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for rack_id in racks:
        _, room, row, number = rack_id.split("/")
        found.setdefault(room, {}).setdefault(row, {})[number] = rack_id
    return found


def racks_in(parts: Iterable[RackPart], index: RackIndex) -> list[str]:
    """Those racks of a site that an offer names, in order; all where it names none.

    Args:
        parts: as :func:`parts_of` gives them.
        index: the racks of its site. It is looked up, so that a decision costs what is named, and not all that is there
            for each offer.
    """
    wanted: Iterable[RackPart] = dict.fromkeys(parts) or [(room, None, None) for room in index]
    found: set[str] = set()
    for room, rows, numbers in wanted:
        by_row = index.get(room, {})
        for row in by_row if rows is None else rows & by_row.keys():
            here = by_row[row]
            found.update(here[number] for number in (here if numbers is None else numbers & here.keys()))
    return sorted(found)


def offer_key(site: str, offer: str) -> str:
    """What an offer of racks is called in the whole zone."""
    return f"{site}/offers/{offer}"


def due_terms(offer: Offer, on: str) -> tuple[Term, ...]:
    """The leases of an offer of which somebody is to be told on a day: they end soon, or are over.

    Args:
        offer: the offer.
        on: the day, such as ``2026-07-01``.
    """
    if not offer.leases:
        return ()
    return tuple(one for one in terms_of(offer.spans, on) if one.begins <= on and one.days_left <= max(WARNED_DAYS))


def with_offers(
    racks: Mapping[str, Rack], offers: Mapping[str, Mapping[str, Offer]], *, on: str
) -> tuple[dict[str, Rack], dict[str, tuple[str, ...]]]:
    """Racks with what is offered in them, and the racks of each offer by its key.

    Args:
        racks: by id.
        offers: by id of the site and of the offer; a site without any is open as its rows and rooms are.
        on: the day on which leases are looked at, such as ``2026-07-01``.
    """
    result, offered = dict(racks), dict[str, tuple[str, ...]]()
    for site, by_id in offers.items():
        if not by_id:
            continue
        here = {name: rack for name, rack in racks.items() if rack.site == site}
        index = indexed(here)
        found: dict[str, list[OfferFacts]] = {name: [] for name in here}
        for offer_id, offer in sorted(by_id.items()):
            first, last = offer.span
            facts = OfferFacts(
                key=offer_key(site, offer_id),
                parties=offer.users_on(on),
                terms=due_terms(offer, on),
                power_w=offer.power_w,
                first=first,
                last=last,
            )
            offered[facts.key] = tuple(racks_in(parts_of(offer), index))
            for name in offered[facts.key]:
                found[name].append(facts)
        result |= {name: replace(rack, offers=tuple(found[name])) for name, rack in here.items()}
    return result, offered

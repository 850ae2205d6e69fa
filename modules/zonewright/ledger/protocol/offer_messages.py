"""Request and answer about offers: what is offered, to whom, until when, and what stands in it."""

from pydantic import Field

from zonewright.ledger.protocol.messages import Message, Name
from zonewright.model.limits import ANSWERED


class OffersRequest(Message):
    """What is offered?"""

    sites: list[Name] = Field(default_factory=list, max_length=ANSWERED.most)
    """Only the offers of racks of these sites; empty means all offers."""


class OfferUse(Message):
    """What one party has in an offer, and its term.

    Attributes:
        party: whose it is.
        may_use: whether it may bring something in today.
        begins: first day of its term, empty without one.
        ends: last day of it.
        days_left: days until the last one, negative where it is over; None without a term.
        next_begins: first day of the term behind the gap after it, empty where there is none.
        nodes: how many of its nodes stand in it.
        units: their rack units.
        draw_w: their budgeted draw in watts.
        links: how many of its links run through the ducts of the offer, or in the cores of its links.
        cores: how many cores of the offer's link these take.
    """

    party: str
    may_use: bool = False
    begins: str = ""
    ends: str = ""
    days_left: int | None = None
    next_begins: str = ""
    nodes: int = 0
    units: int = 0
    draw_w: int = 0
    links: int = 0
    cores: int = 0


class OfferShown(Message):
    """An offer, as far as the reader may see it.

    Attributes:
        offer: its name in the zone, such as ``dc1/offers/cage``.
        owner: the operator who offers it.
        title: its name for people.
        price_class: label of the price list.
        is_for_all: whether every party may use it.
        uses: parties that may use it now, have a term or stand in it; a party sees its own.
    """

    offer: str
    owner: str
    title: str = ""
    price_class: str = ""
    is_for_all: bool = False
    uses: list[OfferUse] = Field(default_factory=list)


class OffersAnswer(Message):
    """The offers that the caller may see, by name, and the day of the ledger's clock, in UTC."""

    on: str
    offers: list[OfferShown]

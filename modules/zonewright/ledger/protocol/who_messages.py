"""Request and answer of the verb ``who``: what stands at a place, runs through a duct, or has a name or an address."""

from pydantic import Field

from zonewright.ledger.protocol.messages import Message, Name
from zonewright.model.limits import ANSWERED


class WhoRequest(Message):
    """Asks about one thing.

    Attributes:
        subject: a site, room, row or rack (``dc1/a/01/02``), a power panel or substation, a duct, a link, an address
            (``10.0.0.13``), or the name of a node.
        limit: how many are told at most.
    """

    subject: Name = Field(min_length=1)
    limit: int = Field(default=ANSWERED.most, ge=1, le=ANSWERED.most)


class WhoEntry(Message):
    """One claim or asset, and whose it is.

    Attributes:
        kind: node, site, row, duct, link, or reservation (for days).
        name: of the claim or asset.
        party: whose it is.
        title: the party's name for people.
        contact: how to reach the party; empty where ``zone.yaml`` does not say.
        stack_id: the stack that holds it.
        place: rack and position, or the site; empty for a duct or link.
        state: admitted, active, releasing or reserved.
        since: ISO 8601, when it became active; empty while it is not.
        until: ISO 8601, the end of a reservation; empty for all else.
    """

    kind: str
    name: str
    party: str
    title: str
    contact: str
    stack_id: str
    place: str
    state: str
    since: str
    until: str = ""


class WhoAnswer(Message):
    """What was found, as far as the reader may see it.

    Attributes:
        found: in the order of places and names.
        hidden: how many more there are that belong to others.
        more: how many more there are that the limit left out.
        reserved_until: ISO 8601, the ends of those reservations that belong to others.
    """

    found: list[WhoEntry]
    hidden: int
    more: int
    reserved_until: list[str] = Field(default_factory=list)

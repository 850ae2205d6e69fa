"""What is reserved: for the minutes of an ``up``, and for days. Decisions count both as taken until they end."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import Any, Self

from sqlalchemy import Connection, bindparam, delete, literal, or_, select, union_all, update

from zonewright.ledger.store import journal
from zonewright.ledger.store.asking import Question, answers
from zonewright.ledger.store.context import raise_revisions
from zonewright.ledger.store.engines.holder import BESIDE
from zonewright.ledger.store.scopes import NAMES
from zonewright.ledger.store.tables import lasting, reservation
from zonewright.model.canonical import canonical_json
from zonewright.model.demand import Demand
from zonewright.model.network import Link
from zonewright.model.rack_position import RackPosition
from zonewright.model.world import NameKind

RESERVED, RENEWED, FREED = "reserved", "reservation-renewed", "reservation-freed"
ENDED = "reservation-ended"
"""Kinds of entries. The last says that a reservation for days is over; it has held nothing since its end."""
_DECODER, _HOLDS, _NAMES = json.JSONDecoder(), '{"holds":{', ',"names":['
_FOR_MINUTES = select(
    reservation.c.stack_id,
    reservation.c.party,
    reservation.c.proposal.label("holds"),
    literal("").label("names"),
    reservation.c.expires_at,
    literal(None).label("wants"),
).where(reservation.c.stack_id != bindparam("but"))
_FOR_DAYS = select(
    lasting.c.stack_id, lasting.c.party, lasting.c.holds, lasting.c.names, lasting.c.expires_at, lasting.c.wants
)
_MOST_SITES = 8
"""Of more sites all reservations are read."""
_READ, _SHORT = 4_096, 16_384
"""So many reservations, of so many letters at most, a process keeps as read: each counts in decisions until it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPlaces:
    """A reservation.

    Attributes:
        stack_id: whose it is.
        party: whose stack that is.
        claims: data of the claims that it would become, by node name.
        names: names that it would have, with their kinds.
        expires_at: its end, ISO 8601.
        links: links that it would bring, by id, as far as they take bores or cores.
        wants: of one for days, the demand that converts it, empty where whole racks are held; None of one for minutes.
    """

    stack_id: str
    party: str
    claims: Mapping[str, dict[str, Any]]
    names: Sequence[tuple[NameKind, str]]
    expires_at: str
    links: Mapping[str, Link] = field(default_factory=dict)
    wants: str | None = None

    def names_data(self) -> list[list[Any]]:
        """Its names as plain data, each with its kind; of links also what they take."""
        return [
            [kind, name, self.links[name].model_dump(mode="json", exclude_defaults=True)]
            if kind == "link" and name in self.links
            else [kind, name]
            for kind, name in self.names
        ]

    @property
    def is_of_racks(self) -> bool:
        """Whether whole racks are held, for whatever the stack will want in them."""
        return self.wants == ""

    def is_converted_by(self, stack_id: str, demand: Demand) -> bool:
        """Whether the admission of a demand of a stack converts it, or a part of it."""
        is_own = (self.stack_id, self.party) == (stack_id, demand.party)
        return is_own and self.wants is not None and (self.is_of_racks or self.wants == demand.wants())

    def left_by(self, stack_id: str, demand: Demand, seats: Mapping[str, RackPosition]) -> Self:
        """What the admission of a demand of a stack at these places leaves of it."""
        if not self.is_converted_by(stack_id, demand):
            return self
        racks = {seat.rack for seat in seats.values()}
        return replace(self, claims=self.left_beside(racks))

    def left_beside(self, racks: Collection[str]) -> dict[str, dict[str, Any]]:
        """What is left when it is converted and the stack has something in these racks."""
        return {name: data for name, data in self.claims.items() if self.is_of_racks and data["rack"] not in racks}

    @property
    def sites(self) -> set[str]:
        """The sites at which it holds something; its names count as one more."""
        sites = {data["rack"].partition("/")[0] for data in self.claims.values()}
        return sites | ({NAMES} if self.names else set())


def all_held(connection: Connection, *, but: str, sites: Collection[str] | None = None) -> list[HeldPlaces]:
    """All reservations, also those that have ended and are still there.

    Args:
        connection: a transaction.
        but: a stack whose reservation for minutes is left out.
        sites: those for minutes may be left out that hold nothing at these sites, and no names; None leaves none out.
    """
    asked = sorted(sites) if sites is not None and len(sites) <= _MOST_SITES else None
    like = {f"site_{number}": f'%"{site}"%' for number, site in enumerate(asked or ())}
    query = _all(None if asked is None else len(asked))
    return [_of_row(row) for row in answers(connection, query, but=but, **like)]


@cache
def _all(sites: int | None) -> Question:
    """Of so many sites, or of all: those for minutes say at which sites they are, those for days count anywhere."""
    minutes = _FOR_MINUTES
    if sites is not None:
        at = (reservation.c.sites.like(bindparam(f"site_{number}")) for number in range(sites))
        minutes = minutes.where(or_(reservation.c.sites.like(f'%"{NAMES}"%'), *at))
    found = union_all(minutes, _FOR_DAYS).subquery("held")
    return Question(select(found).order_by(found.c.stack_id, found.c.expires_at))


def _for_minutes(text: str) -> tuple[Mapping[str, dict[str, Any]], Sequence[Any]]:
    """What a reservation for minutes holds, and its names: read once by a process, where it is not very long."""
    return _short(text) if len(text) <= _SHORT else _long(text)


@lru_cache(maxsize=_READ)
def _short(text: str) -> tuple[Mapping[str, dict[str, Any]], Sequence[Any]]:
    return _read(text)


@lru_cache(maxsize=2)
def _long(text: str) -> tuple[Mapping[str, dict[str, Any]], Sequence[Any]]:
    """As much as an admission brings: a decision asks twice."""
    return _read(text)


def _read(text: str) -> tuple[Mapping[str, dict[str, Any]], Sequence[Any]]:
    """The places and names of a text.

    The places stand before the answer that it gives to who asks again, which is as long and is not read here.
    """
    if text.startswith(_HOLDS):
        claims, end = _DECODER.raw_decode(text, len(_HOLDS) - 1)
        if text.startswith(_NAMES, end):
            return claims, _DECODER.raw_decode(text, end + len(_NAMES) - 1)[0]
    data = json.loads(text)
    return data["holds"], data.get("names", ())


def _of_row(row: Any) -> HeldPlaces:
    if row.wants is None:
        claims, names = _for_minutes(row.holds)
    else:
        claims, names = json.loads(row.holds), json.loads(row.names)
    return HeldPlaces(
        stack_id=row.stack_id,
        party=row.party,
        claims=claims,
        names=[(kind, name) for kind, name, *_ in names],
        links={name: Link.model_validate(taken) for _, name, *more in names for taken in more},
        expires_at=row.expires_at,
        wants=row.wants,
    )


def lasting_of(connection: Connection, stack_id: str) -> HeldPlaces | None:
    """The reservation for days of a stack, also where it has ended and is still there."""
    row = connection.execute(_FOR_DAYS.where(lasting.c.stack_id == stack_id)).first()
    return None if row is None else _of_row(row)


def drop_lasting(connection: Connection, held: HeldPlaces) -> None:
    """Remove a reservation for days, and say that something at its sites has changed."""
    connection.execute(delete(lasting).where(lasting.c.stack_id == held.stack_id))
    raise_revisions(connection, held.sites)


def convert(connection: Connection, held: HeldPlaces, racks: Collection[str]) -> dict[str, Any]:
    """What an admission makes of its stack's reservation for days; gives what the entry says of it.

    Args:
        connection: the transaction that admits.
        held: the reservation, which is for what was admitted.
        racks: the racks in which the stack has something now. Of whole racks, these are converted.
    """
    left = held.left_beside(racks)
    if len(left) == len(held.claims) and held.is_of_racks:
        return {}
    if left:
        of_stack = lasting.c.stack_id == held.stack_id
        connection.execute(update(lasting).where(of_stack).values(holds=canonical_json(left)))
    else:
        connection.execute(delete(lasting).where(lasting.c.stack_id == held.stack_id))
    converted = {"until": held.expires_at, "converted": len(held.claims) - len(left), "left": len(left)}
    return {"reservation": converted}


def end_lasting(connection: Connection, held: Iterable[HeldPlaces], now: str) -> None:
    """Take away those for days that have ended, with an entry for each; nothing has counted them since.

    Args:
        connection: a writing transaction.
        held: reservations.
        now: ISO 8601, the moment of the entries.
    """
    if BESIDE in connection.info:
        return  # it would touch what is another stack's; who was alone has done it, or will
    for known in held:
        is_over = known.wants is not None and known.expires_at <= now
        one = lasting_of(connection, known.stack_id) if is_over else None  # it may have been renewed since
        if one is not None and one.expires_at <= now:
            drop_lasting(connection, one)
            said = {"until": one.expires_at, "wants": one.wants}
            whose = {"stack_id": one.stack_id, "party": one.party}
            journal.append_unasked(connection, at=now, kind=ENDED, **whose, payload=said)

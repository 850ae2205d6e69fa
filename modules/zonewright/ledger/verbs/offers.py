"""The verb ``offers``: what is offered, to whom, until when, and what stands in it, as far as the caller may see."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from zonewright.ledger.deciding.facts import world_of
from zonewright.ledger.protocol.offer_messages import OffersAnswer, OfferShown, OffersRequest, OfferUse
from zonewright.ledger.protocol.rights import OVERSEER, Caller
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.documents import parse_asset
from zonewright.ledger.store.tables import asset
from zonewright.model.asset import DUCTS, LINKS, DuctAsset, LinkAsset, SiteAsset
from zonewright.model.lease import Term, terms_of
from zonewright.model.offer import Offer
from zonewright.model.offered import offer_key
from zonewright.model.world import World
from zonewright.rules.offered import users_of


@dataclass(frozen=True, slots=True)
class _Offered:
    """An offer as it is declared, by its key in the zone."""

    key: str
    owner: str
    offer: Offer


@dataclass(slots=True)
class _Used:
    """What one party has in an offer."""

    nodes: dict[tuple[str, str, str], tuple[int, int]] = field(default_factory=dict)
    links: int = 0
    cores: int = 0


def offers(context: Context, request: OffersRequest) -> OffersAnswer:
    """Give what is offered, to whom, from when to when, and what stands in it.

    Who offers it and who oversees the zone see all of it. A party sees what it may use, has or had a term in, and of
    that its own part.
    """
    with context.database.reading() as connection:
        now = context.shown_at(connection)
        known = [one for one in _declared(connection) if not request.sites or one.offer.site in request.sites]
        sites = {one.offer.site for one in known if one.offer.site is not None}
        world = world_of(connection, sites, now) if sites else None
        links = _links(connection)
    shown = (_shown(context.caller, one, world, links, now[:10]) for one in known)
    return OffersAnswer(on=now[:10], offers=[one for one in shown if one is not None])


def _declared(connection: Connection) -> Iterator[_Offered]:
    for row in _present(connection, "site", "duct", "link"):
        item = parse_asset(row.data)
        if isinstance(item, SiteAsset | DuctAsset | LinkAsset):
            for name, offer in sorted(item.offers.items()):
                yield _Offered(offer_key(row.name, name), row.party, offer)


def offered(connection: Connection) -> Iterator[Offer]:
    """All offers that are declared."""
    yield from (one.offer for one in _declared(connection))


def running_days(connection: Connection, on: str) -> Iterator[int]:
    """How many days each lease that runs still has; one of several ducts is one.

    Args:
        connection: a transaction.
        on: the day, such as ``2026-07-01``.
    """
    offered = {(one.owner, one.offer.site, one.key.rpartition("/")[2]): one.offer for one in _declared(connection)}
    for offer in offered.values():
        yield from (one.days_left for one in terms_of(offer.spans, on) if one.begins <= on and not one.is_over)


def _present(connection: Connection, *kinds: str) -> list[Any]:
    """The rows of things that are not about to go, by name, admitted ones too: who offers is bound by them already."""
    query = select(asset.c.name, asset.c.party, asset.c.data).where(
        asset.c.kind.in_(kinds), asset.c.state.in_(("admitted", "active"))
    )
    found: dict[str, Any] = {}
    for row in connection.execute(query.order_by(asset.c.name, asset.c.state.desc(), asset.c.generation)):
        found[row.name] = row
    return list(found.values())


def _links(connection: Connection) -> Mapping[str, Mapping[str, tuple[int, int]]]:
    """How many links each party has in each duct, and in each link with how many cores, by the name of that."""
    found: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    for row in _present(connection, "link"):
        item = parse_asset(row.data)
        if isinstance(item, LinkAsset):
            inside = [f"{LINKS}/{one}" for one in item.link.cores_of]
            for name in inside or [f"{DUCTS}/{one}" for one in item.link.ducts]:
                links, cores = found[name].get(row.party, (0, 0))
                found[name][row.party] = links + 1, cores + (item.link.cores if inside else 0)
    return found


def _shown(
    caller: Caller, one: _Offered, world: World | None, links: Mapping[str, Mapping[str, tuple[int, int]]], on: str
) -> OfferShown | None:
    """An offer as its caller may see it; None where it is none of the caller's business."""
    sees_all = caller.has_file or bool(caller.roles & OVERSEER) or caller.party == one.owner
    terms = {term.party: term for term in terms_of(one.offer.spans, on)}
    users = one.offer.users_on(on)
    used = _used(one, world, links)
    if not sees_all and users is not None and caller.party not in {*users, *terms, *used}:
        return None
    parties = {*terms, *used, *(users or ())} - {one.owner}
    return OfferShown(
        offer=one.key,
        owner=one.owner,
        title=one.offer.title,
        price_class=one.offer.price_class,
        is_for_all=users is None,
        uses=[
            _use(party, terms.get(party), used.get(party, _Used()), may_use=users is None or party in users)
            for party in sorted(parties)
            if sees_all or party == caller.party
        ],
    )


def _used(
    one: _Offered, world: World | None, links: Mapping[str, Mapping[str, tuple[int, int]]]
) -> Mapping[str, _Used]:
    found: dict[str, _Used] = defaultdict(_Used)
    if one.offer.site is not None and world is not None:
        for item in users_of(world, one.key):
            if item.standing != "reserved":
                found[item.party].nodes[item.key] = item.u_height, item.draw.allocated_w
    thing = one.key.rpartition("/offers/")[0]
    for party, (count, cores) in links.get(thing, {}).items() if one.offer.site is None else ():
        if party != one.owner and one.offer.may_hold(party):
            found[party].links += count
            found[party].cores += cores
    return found


def _use(party: str, term: Term | None, used: _Used, *, may_use: bool) -> OfferUse:
    return OfferUse(
        party=party,
        may_use=may_use,
        begins=term.begins if term is not None else "",
        ends=term.ends if term is not None else "",
        days_left=term.days_left if term is not None else None,
        next_begins=term.next_begins if term is not None else "",
        nodes=len(used.nodes),
        units=sum(units for units, _ in used.nodes.values()),
        draw_w=sum(watts for _, watts in used.nodes.values()),
        links=used.links,
        cores=used.cores,
    )

"""What the ledger knows around a change, as :mod:`zonewright.ledger.store.scopes` asks; and how scopes are held."""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, or_, select, union

from zonewright.ledger.store.asking import AskedQuestion, Question, answers, asking_once, first, scalar
from zonewright.ledger.store.documents import parse_asset, parse_zone
from zonewright.ledger.store.engines.dialect import words_of
from zonewright.ledger.store.prepared import OWN_ASSET, PARTY, STACK, ZONE_ROW
from zonewright.ledger.store.scopes import ScopeFacts, Touch, WholeZone, scopes_of, stack_scope
from zonewright.ledger.store.tables import asset, claim, lasting, reservation
from zonewright.model.asset import RowAsset, SiteAsset

_PARTY = Question(PARTY)
_HELD = Question(union(*(select(table.c.site).where(table.c.stack_id == STACK) for table in (claim, asset))))
_OVER = Question(
    select(lasting.c.stack_id)
    .where(or_(lasting.c.stack_id == STACK, lasting.c.expires_at <= bindparam("now")))
    .limit(1)
)
_RESERVED = Question(select(reservation.c.sites).where(reservation.c.stack_id == STACK))
_SHAPES = select(asset.c.site, asset.c.data).where(
    asset.c.site.in_(bindparam("sites", expanding=True)), asset.c.kind.in_(("site", "row"))
)


def hold_scopes(connection: Connection, touch: Touch, also: Sequence[AskedQuestion] = ()) -> WholeZone | frozenset[str]:
    """Hold what a transaction that shares the zone must hold, until its end.

    Args:
        connection: a transaction that shares the zone, and has read nothing.
        touch: what it touches.
        also: what will be asked later and stays, which is asked now.

    Returns:
        Why it must be alone in the zone instead; or the names of scopes that cannot be held, since they were never held
        before and have no rows yet. None of either: it holds all that it needs.
    """
    if not touch.stack_id:
        found = scopes_of(touch, ScopeFacts(zone=None))
    elif missing := _hold(connection, [stack_scope(touch.stack_id).name]):
        return missing
    else:
        found = scopes_of(touch, surroundings_of(connection, touch, also))
    return found if isinstance(found, WholeZone) else _hold(connection, [scope.name for scope in found])


def _hold(connection: Connection, names: list[str]) -> frozenset[str]:
    """Hold scopes; gives the names of those that have no rows."""
    return frozenset(names) - words_of(connection).hold(connection, names) if names else frozenset()


def surroundings_of(connection: Connection, touch: Touch, also: Sequence[AskedQuestion] = ()) -> ScopeFacts:
    """Read what is around a touch.

    Args:
        connection: a transaction that shares the zone and holds the stack.
        touch: what it touches.
        also: what will be asked later and stays, which is asked now.
    """
    own = {"stack": touch.stack_id}
    about = [AskedQuestion(one, own) for one in (_PARTY, _RESERVED, _HELD, OWN_ASSET)]
    with asking_once(
        connection, AskedQuestion(ZONE_ROW), *about, AskedQuestion(_OVER, {**own, "now": touch.now}), *also
    ):
        registered = first(connection, ZONE_ROW)
        party = scalar(connection, _PARTY, **own)
        reserved = scalar(connection, _RESERVED, **own)
        held = [row.site for row in answers(connection, _HELD, **own)]
        has_assets = first(connection, OWN_ASSET, **own) is not None
        has_lasting = first(connection, _OVER, **own, now=touch.now) is not None
    sites = frozenset((*held, *json.loads(reserved or "[]")))
    districts: dict[str, str] = {}
    planned: set[str] = set()
    for row in connection.execute(_SHAPES, {"sites": sorted(sites | touch.sites)}):
        item = parse_asset(row.data)
        if isinstance(item, SiteAsset):
            districts[row.site] = item.site.district
        elif isinstance(item, RowAsset) and "planned" in (item.row.status, item.room.status):
            planned.add(row.site)
    return ScopeFacts(
        zone=None if registered is None else parse_zone(registered.document),
        party=party or "",
        sites=sites,
        districts=districts,
        planned=frozenset(planned),
        has_assets=has_assets,
        has_lasting=has_lasting,
    )

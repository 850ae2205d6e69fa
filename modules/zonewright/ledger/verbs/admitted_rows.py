"""The rows of an admission: what a stack has from now on, and what of it is active at once since nobody makes it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Connection, Select, Table, Update, bindparam, select, update

from zonewright.ledger.deciding.facts import NODE_FIELDS
from zonewright.ledger.deciding.wanted_claims import claims_of
from zonewright.ledger.protocol.admission_messages import AdmitRequest
from zonewright.ledger.protocol.change import change_digest
from zonewright.ledger.protocol.stack_messages import LOADED
from zonewright.ledger.store import life
from zonewright.ledger.store.engines.dialect import words_of
from zonewright.ledger.store.prepared import STACK
from zonewright.ledger.store.rows import rows_of_stack, set_state
from zonewright.ledger.store.tables import generation
from zonewright.model.asset import AnyAsset, asset_text
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.demand import Demand

_SPENT = select(generation.c.highest).where(generation.c.stack_id == STACK)
"""The highest generation that went with a row of the stack; none is used twice."""


@dataclass(frozen=True, slots=True)
class WantedRow:
    """A row as a change wants it; ``digest`` is of what its resource is made from, ``text`` of all that it holds."""

    kind: str
    place: str
    digest: str
    text: str
    room: str = ""
    draw_w: int = 0
    since: str | None = None

    @classmethod
    def claim(cls, data: Mapping[str, Any]) -> "WantedRow":
        """From the data of a claim."""
        made_from = canonical_json({key: data[key] for key in NODE_FIELDS})
        room, draw_w = data["rack"].rsplit("/", 2)[0], data["node_type"]["allocated_draw"]
        day = data.get("in_service")
        since = None if day is None else f"{day}T00:00:00.000000+00:00"
        return cls("node", data["rack"], digest_of(made_from), canonical_json(data), room, draw_w, since)

    @classmethod
    def asset(cls, name: str, item: AnyAsset) -> "WantedRow":
        """From an asset."""
        text = asset_text(item)
        return cls(item.kind, name, digest_of(text), text)


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedRows:
    """All that an admission writes of a change, made before others wait for it.

    Attributes:
        claims: by node name.
        assets: by name.
        change: digest of the change.
        holds: digest of the text of each row by its name, as JSON.
    """

    claims: Mapping[str, WantedRow]
    assets: Mapping[str, WantedRow]
    change: str
    holds: str

    @classmethod
    def of(cls, request: AdmitRequest, demand: Demand) -> "WantedRows":
        """Of a demand at the places of a request."""
        wanted = claims_of(demand, request.seats, request.addresses)
        claims = {name: WantedRow.claim(data) for name, data in wanted.items()}
        assets = {name: WantedRow.asset(name, item) for name, item in demand.assets.items()}
        digests = {name: digest_of(item.text) for name, item in (claims | assets).items()}
        change = change_digest(request.demand_digest, request.seats, request.addresses, request.rendered_digest)
        return cls(claims=claims, assets=assets, change=change, holds=canonical_json(digests))


def is_load(request: AdmitRequest) -> bool:
    """Whether a stack is one that ``ledger load`` brings in: no resource of it will ever say that it was made."""
    return request.lineage == LOADED


def write_rows(
    connection: Connection, table: Table, request: AdmitRequest, wanted: Mapping[str, WantedRow], now: str
) -> dict[str, int]:
    """Carry out the moves of one admission in one table; gives how many rows went to which state.

    What is new of a load is active at once, so it is written and recorded once; ``make_rest`` confirms the rest.

    Args:
        connection: the transaction that admits.
        table: claims or assets.
        request: whose admission it is.
        wanted: what the stack has from now on, by name.
        now: the moment, ISO 8601.
    """
    rows = rows_of_stack(connection, table, request.stack_id)
    moves = life.admit(rows, {name: item.digest for name, item in wanted.items()})
    known = _active_since(connection, table, request.stack_id) if moves.new and rows else {}
    for state in ("freed", "releasing", "active"):
        ids = tuple(row_id for row_id, target in moves.states.items() if target == state)
        set_state(connection, table, ids, state, now)
    if rows:
        _follow(connection, table, request.stack_id, wanted)
    before = {row.name for row in rows}
    spent = connection.execute(_SPENT, {"stack": request.stack_id}).scalar() or 0 if is_load(request) else 0
    made = frozenset(moves.new).difference(before) if is_load(request) else frozenset()
    fresh = [
        {
            "stack_id": request.stack_id,
            "party": request.party,
            "kind": wanted[name].kind,
            "name": name,
            "state": "active" if name in made else "admitted",
            "generation": spent + 1 if name in made else 0,
            "site": wanted[name].place.partition("/")[0],
            "rack": wanted[name].place,
            "room": wanted[name].room,
            "draw_w": wanted[name].draw_w,
            "active_since": wanted[name].since
            or known.get((name, wanted[name].place.partition("/")[0], wanted[name].draw_w))
            or (now if name in made else None),
            "digest": wanted[name].digest,
            "data": wanted[name].text,
            "changed_at": now,
        }
        for name in moves.new
    ]
    if fresh:
        words_of(connection).add_rows(connection, table, fresh)
    return {"admitted": len(fresh), **dict(sorted(Counter(moves.states.values()).items()))}


def _active_since(connection: Connection, table: Table, stack_id: str) -> dict[tuple[str, str, int], str]:
    """Since when each node draws what it does at its site: one that moves within a site is measured there already."""
    found = connection.execute(_since(table), {"stack": stack_id})
    return {(row.name, row.site, row.draw_w): row.active_since for row in found}


@cache
def _since(table: Table) -> Select[Any]:
    is_measured = table.c.state.in_(("active", "releasing")), table.c.active_since.is_not(None)
    columns = table.c.name, table.c.site, table.c.draw_w, table.c.active_since
    return select(*columns).where(table.c.stack_id == STACK, *is_measured).order_by(table.c.id)


def _follow(connection: Connection, table: Table, stack_id: str, wanted: Mapping[str, WantedRow]) -> None:
    """Give rows that stay what their resource does not see, such as the feed or the node type's draw.

    No resource is updated for such a change, so nothing would ever confirm a row of its own for it.
    """
    staying = connection.execute(_staying(table), {"stack": stack_id}).all()
    altered = [
        {
            "row_id": row.id,
            "text": wanted[row.name].text,
            "watts": wanted[row.name].draw_w,
            "since": wanted[row.name].since or row.active_since,
        }
        for row in staying
        if row.data != wanted[row.name].text
    ]
    if altered:
        connection.execute(_altered(table), altered)


@cache
def _staying(table: Table) -> Select[Any]:
    columns = table.c.id, table.c.name, table.c.data, table.c.active_since
    return select(*columns).where(table.c.stack_id == STACK, table.c.state.in_(life.CURRENT))


@cache
def _altered(table: Table) -> Update:
    values: dict[str, BindParameter[Any]] = {
        "data": bindparam("text"),
        "draw_w": bindparam("watts"),
        "active_since": bindparam("since"),
    }
    return update(table).where(table.c.id == bindparam("row_id")).values(values)

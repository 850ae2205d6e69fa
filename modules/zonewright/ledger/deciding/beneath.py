"""What has changed under a stack's nodes since its last admission: rows of others, as they were and as they are."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, select

from zonewright.ledger.store.documents import parse_asset
from zonewright.ledger.store.tables import admission
from zonewright.ledger.store.texts import get_content
from zonewright.model.asset import RowAsset
from zonewright.model.demand import Demand
from zonewright.model.expand import nodes_of
from zonewright.model.rack_position import RackPosition
from zonewright.rules.finding import Finding, Participant
from zonewright.rules.words import amount, count_of, listed

_PLAIN = ("status", "racks", "u_height", "max_weight_kg")


def changes_beneath(connection: Connection, rows: Iterable[Row[Any]]) -> dict[str, str]:
    """What has changed of each row since the asking stack's admission, as a phrase by name; no change is no entry.

    Args:
        connection: a transaction.
        rows: rows of others, each with ``admitted_at``, the moment of that admission.
    """
    found: dict[str, str] = {}
    for row in rows:
        digest = connection.execute(
            select(admission.c.demand_digest)
            .where(admission.c.stack_id == row.stack_id, admission.c.admitted_at <= row.admitted_at)
            .order_by(admission.c.admitted_at.desc())
            .limit(1)
        ).scalar()
        then = _demand(get_content(connection, digest) or "") if digest is not None else None
        was, present = then.assets.get(row.name) if then is not None else None, parse_asset(row.data)
        if isinstance(was, RowAsset) and isinstance(present, RowAsset) and was != present:
            phrases = list(_differences(was, present))
            if phrases:
                found[row.name] = "; ".join(phrases)
    return found


@lru_cache(maxsize=64)
def _demand(text: str) -> Demand | None:
    """A demand of before; None where its text was pruned."""
    return Demand.model_validate_json(text) if text else None


def _differences(was: RowAsset, present: RowAsset) -> Iterator[str]:
    for name in sorted(was.row.feeds.keys() | present.row.feeds.keys()):
        one, two = was.row.feeds.get(name), present.row.feeds.get(name)
        if one is None or two is None:
            yield f"feed {name} is {'new' if one is None else 'gone'}"
            continue
        if one.status != two.status:
            yield f"feed {name} {'has failed' if two.status == 'failed' else 'works again'}"
        if one.available_w != two.available_w:
            yield f"feed {name} has {amount(two.available_w, 'W')}, was {amount(one.available_w, 'W')}"
        if one.power_panel != two.power_panel:
            yield f"feed {name} is on panel {two.power_panel}, was on {one.power_panel}"
    yield from _more_differences(was, present)


def _more_differences(was: RowAsset, present: RowAsset) -> Iterator[str]:
    for field in _PLAIN:
        if getattr(was.row, field) != getattr(present.row, field):
            yield f"{field} {getattr(present.row, field)}, was {getattr(was.row, field)}"
    if was.row.failed_racks != present.row.failed_racks:
        yield f"failed racks {present.row.failed_racks or 'none'}, were {was.row.failed_racks or 'none'}"
    if was.row.derated_racks != present.row.derated_racks:
        now, then = (
            ", ".join(f"{racks} at {part:g}" for racks, part in sorted(row.derated_racks.items())) or "none"
            for row in (present.row, was.row)
        )
        yield f"derated racks {now}, were {then}"
    for field in ("status", "cooling"):
        if getattr(was.room, field) != getattr(present.room, field):
            yield f"{field} of the room {getattr(present.room, field)}, was {getattr(was.room, field)}"


def beneath_findings(
    changed: Mapping[str, str], demand: Demand, seats: Mapping[str, RackPosition], *, since: str
) -> Iterator[Finding]:
    """Advice for each row that has changed under nodes that stay in it.

    Args:
        changed: what has changed, by name of the row.
        demand: what the stack wants.
        seats: places by node name.
        since: the moment of its last admission, ISO 8601.
    """
    paths = {node.name: node.path for name, one in demand.clusters.items() for node in nodes_of(name, one.cluster)}
    for row, text in sorted(changed.items()):
        names = _standing(row, seats)
        if names:
            yield Finding(
                rule="changed-beneath",
                level="advisory",
                subject=row,
                where=paths.get(names[0], ""),
                message=(
                    f"row {row} has changed under {count_of(len(names), 'node')} ({listed(names)}) since your last "
                    f"admission of {since[:16]}Z: {text}"
                ),
                value=len(names),
                unit="nodes",
                participants=tuple(Participant(party=demand.party, name=name) for name in names),
                fix="look whether the nodes still have what they need there, or move them; zonewright explain says why",
                reference="zonewright, explanation: rules and waivers",
            )


def _standing(row: str, seats: Mapping[str, RackPosition]) -> list[str]:
    return sorted(name for name, seat in seats.items() if seat.rack.rpartition("/")[0] == row)

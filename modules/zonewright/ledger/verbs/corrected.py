"""What corrected readings do to approvals that wait: an approval whose premises on energy fail is void, and named."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, RowMapping, select

from zonewright.ledger.deciding.measuring import load_history, measured_sites
from zonewright.ledger.deciding.plans import present, spent
from zonewright.ledger.deciding.precondition_now import broken_sentence
from zonewright.ledger.deciding.zone_facts import zone_base
from zonewright.ledger.protocol.change_messages import Plan
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.tables import change, journal, verdict
from zonewright.model.world import World, ZoneFacts
from zonewright.place import failed
from zonewright.telemetry import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidApproval:
    """An approval that readings have overtaken.

    Attributes:
        plan: digest of its plan.
        stack_id: whose change it is.
        signers: who approved.
        sentences: the premises that fail, each with what is the case now.
    """

    plan: str
    stack_id: str
    signers: tuple[str, ...]
    sentences: tuple[str, ...]


def void_approvals(context: Context, site: str) -> list[VoidApproval]:
    """The approvals of plans that wait, from before the last correction of a site, whose premises on its figures fail.

    Args:
        context: the ledger and its readings.
        site: id of the site.
    """
    if context.telemetry is None or not context.telemetry.is_there():
        return []
    entries = [one.entry for one in Store(context.telemetry).superseded(site) if one.entry is not None]
    if not entries:
        return []
    with context.database.reading() as connection:
        now = datetime.fromisoformat(context.shown_at(connection))
        last = connection.execute(select(journal.c.at).where(journal.c.sequence == max(entries))).scalar() or ""
        rows = connection.execute(
            select(change).where(change.c.received_at < last).order_by(change.c.number)
        ).mappings()
        return list(_void(connection, context, rows.all(), site, now))


def _void(
    connection: Connection, context: Context, rows: Sequence[RowMapping], site: str, now: datetime
) -> Iterator[VoidApproval]:
    for row in rows:
        plan = Plan.model_validate_json(row["document"])
        premises = [one for one in plan.premises if one.kind in {"figure", "next-year"} and one.subject == site]
        signers = _approved_by(connection, row["plan"])
        held = present(connection, plan.stack_id)
        waits = plan.replaces == (str(held["id"]) if held else "") and not spent(connection, plan)
        if not (premises and signers and waits):
            continue
        facts = _facts(connection, context, plan.stack_id, site, now)
        if facts is None:
            continue
        world = World(racks={}, zone=facts)
        broken = failed(premises, world, stack=plan.stack_id)
        if broken:
            told = tuple(broken_sentence(one, world, stack=plan.stack_id) for one in broken)
            yield VoidApproval(plan=row["plan"], stack_id=plan.stack_id, signers=signers, sentences=told)


def _facts(connection: Connection, context: Context, stack_id: str, site: str, now: datetime) -> ZoneFacts | None:
    """The zone without the stack's change, and what is measured of the site."""
    base = zone_base(connection, stack_id)
    if base is None:
        return None
    facts = base.before()
    history = load_history(connection, facts, [site], now)
    return replace(
        facts, measured=measured_sites(facts, [site], context.telemetry, now, history, before=base.former.readings)
    )


def _approved_by(connection: Connection, plan: str) -> tuple[str, ...]:
    query = select(verdict.c.signer, verdict.c.word).where(verdict.c.plan == plan).order_by(verdict.c.number)
    last = {row.signer: row.word for row in connection.execute(query)}
    return tuple(sorted(signer for signer, word in last.items() if word == "approve"))

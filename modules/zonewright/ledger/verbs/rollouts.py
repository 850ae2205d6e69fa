"""The verbs of a roll-out: who may change the hosts of a fleet, whether now, and what was done, for the journal."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, RowMapping, delete, select

from zonewright.ledger.protocol.errors import LedgerMisuseError, LedgerRefusedError
from zonewright.ledger.protocol.messages import Done
from zonewright.ledger.protocol.rollout_messages import (
    ADDED,
    AGENT_OF_ANOTHER,
    ROLLED_OUT,
    AgentKey,
    AgentKeys,
    AgentKeysRequest,
    ChangeRun,
    EnrolledKeys,
    FleetLock,
    FleetLockRequest,
    Hours,
    HoursRequest,
    RecordRequest,
)
from zonewright.ledger.store.clock import stamp
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.documents import parse_zone
from zonewright.ledger.store.journal import append
from zonewright.ledger.store.tables import admission, asset, change, decided, deployed, enrolment, journal, zone
from zonewright.ledger.store.tables import lease as table
from zonewright.ledger.store.texts import put_contents
from zonewright.ledger.verbs.sealing import seal_before_keys
from zonewright.model.canonical import digest_of
from zonewright.seal.window import zone_closed

ENROLMENT = "fleet-enrolment"


def lease(context: Context, request: FleetLockRequest) -> FleetLock:
    """Take, renew or give back the lease of a fleet's hosts. Somebody else's lease stays until it expires."""
    with context.writing() as connection:
        moment = context.moment(connection)
        now, expires_at = stamp(moment), stamp(moment + timedelta(seconds=request.seconds))
        row = connection.execute(select(table).where(table.c.fleet == request.fleet)).first()
        is_held = row is not None and row.expires_at > now
        if row is not None and is_held and row.holder != request.holder:
            return FleetLock(is_mine=False, who=row.who, since=row.since, expires_at=row.expires_at)
        connection.execute(delete(table).where(table.c.fleet == request.fleet))
        if request.seconds == 0:
            return FleetLock(is_mine=True)
        since = row.since if row is not None and is_held else now
        values = {"fleet": request.fleet, "holder": request.holder, "who": request.who, "since": since}
        connection.execute(table.insert().values(**values, expires_at=expires_at))
    return FleetLock(is_mine=True, who=request.who, since=since, expires_at=expires_at)


def hours(context: Context, _request: HoursRequest) -> Hours:
    """Say whether the zone's rule packs permit roll-outs now, by the ledger's clock. Without a zone they do."""
    with context.database.reading() as connection:
        document = connection.execute(select(zone.c.document)).scalar()
        now = context.moment(connection)
    return Hours(closed=zone_closed(parse_zone(document), now) if document is not None else "")


def record(context: Context, request: RecordRequest) -> Done:
    """Write an entry about a fleet into the journal, and keep a run's record under each change of the run."""
    enrolled = _enrolled(request.entry) if request.kind == ENROLMENT else None
    if enrolled is not None:
        seal_before_keys(context, enrolled.agents)
    with context.writing() as connection:
        if enrolled is not None:
            _require_own_agents(connection, request.party, enrolled)
        now = context.now(connection)
        append(connection, at=now, kind=request.kind, stack_id="", party=request.party, payload=request.entry)
        for one in request.changes:
            row = _planned(connection, one)
            if row is not None:
                _require_its_hosts(connection, row, one, request.party)
                _keep(connection, row, one, now)
    return Done()


def _enrolled(entry: Mapping[str, Any]) -> EnrolledKeys:
    try:
        return EnrolledKeys.model_validate(entry)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise LedgerMisuseError("entry", f"an enrolment of keys needs 'who' and 'agents'; {where} is wrong") from None


def _require_own_agents(connection: Connection, party: str, wanted: EnrolledKeys) -> None:
    """Refuse agents that others have: token, key and samples of an agent are known by its name alone.

    A name is had by whoever enrolled it first, until it is forgotten or its stack is not enrolled any more. What a
    party had already, beside another one in a ledger of an older version, it keeps.

    Raises:
        LedgerRefusedError: names the first such agent, and not whose it is.
    """
    holders: dict[str, dict[str, str]] = {}
    stacks = set(connection.execute(select(enrolment.c.stack_id)).scalars())
    query = select(journal.c.party, journal.c.payload).where(journal.c.kind == ENROLMENT)
    for row in connection.execute(query.order_by(journal.c.sequence)):
        said = json.loads(row.payload)
        for agent in said["agents"].keys() & wanted.agents.keys():
            by_party = holders.setdefault(agent, {})
            if said["agents"][agent]:  # by hand it stays its stack's
                by_party[row.party] = said.get("stack_id") or by_party.get(row.party, "")
            else:
                by_party.pop(row.party, None)
    for agent in sorted(holders):
        held = {one: stack for one, stack in holders[agent].items() if not stack or stack in stacks}
        own = held.get(party)
        others = {own} & stacks - {wanted.stack_id} if wanted.stack_id and own else set[str]()
        if others or (own is None and held):
            raise LedgerRefusedError(
                AGENT_OF_ANOTHER,
                f"agent {agent} is another stack's or party's: what it sends is known by its name alone, so a name has "
                "one host in the zone; nothing was enrolled; give the node another name, or have that agent removed",
            )


def agent_keys(context: Context, request: AgentKeysRequest) -> AgentKeys:
    """Give the enrolled keys of a fleet's agents: the last key of each agent."""
    query = select(journal.c.at, journal.c.payload).where(journal.c.kind == ENROLMENT, journal.c.party == request.party)
    found: dict[str, AgentKey] = {}
    with context.database.reading() as connection:
        for row in connection.execute(query.order_by(journal.c.sequence)):
            said = {name: value for name, value in json.loads(row.payload).items() if name not in ADDED}
            entry = EnrolledKeys.model_validate(said)
            for agent, fingerprint in entry.agents.items():
                found[agent] = AgentKey(fingerprint=fingerprint, who=entry.who, at=row.at)
    return AgentKeys(agents={agent: key for agent, key in found.items() if key.fingerprint})


def _planned(connection: Connection, one: ChangeRun) -> RowMapping | None:
    """The planned change that a record belongs to; None where a stack's present change had no plan."""
    plan = (
        one.plan
        or connection.execute(
            select(decided.c.plan)
            .join(admission, admission.c.id == decided.c.admission_id)
            .where(admission.c.stack_id == one.stack_id, admission.c.state == "current", decided.c.kind == "admitted")
        ).scalar()
    )
    row = connection.execute(select(change).where(change.c.plan == plan)).mappings().first() if plan else None
    if row is None and one.plan:
        raise LedgerRefusedError(
            "no-plan", f"the ledger has no plan {one.plan[7:19]}, so run {one.record.run} was not recorded under it"
        )
    return row


def _require_its_hosts(connection: Connection, row: RowMapping, one: ChangeRun, party: str) -> None:
    """Let a roll-out be recorded under a change of its own party, or of one that has files at a site of the party.

    Raises:
        LedgerRefusedError: for any other: it would say of somebody else's change that it was carried out.
    """
    sites = select(asset.c.name).where(asset.c.kind == "site", asset.c.party == party)
    has_files = select(deployed.c.site).where(deployed.c.stack_id == row["stack_id"], deployed.c.site.in_(sites))
    is_its = row["party"] == party or connection.execute(has_files).first() is not None
    if one.record.fleet != party or not is_its:
        raise LedgerRefusedError(
            "not-its-hosts",
            f"run {one.record.run} was not recorded: plan {row['plan'][7:19]} has no files at a site of '{party}', "
            f"whose fleet the record must be of; it says '{one.record.fleet}'",
        )


def _keep(connection: Connection, row: RowMapping, one: ChangeRun, now: str) -> None:
    kept, text = one.record, one.record.text()
    put_contents(connection, [text])
    payload = {
        "plan": row["plan"],
        "change_digest": row["change_digest"],
        "run": kept.run,
        "fleet": kept.fleet,
        "who": kept.who,
        "what": kept.what,
        "began": kept.began,
        "ended": kept.ended,
        "counts": kept.counts(),
        "record": digest_of(text),
    }
    append(connection, at=now, kind=ROLLED_OUT, stack_id=row["stack_id"], party=row["party"], payload=payload)

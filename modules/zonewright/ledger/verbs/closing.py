"""The verbs that end things: complete, settle, guard_destroy. Each is one transaction and one journal entry."""

import json
from collections import Counter
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, bindparam, select, union, update

from zonewright.ledger.deciding.facts import world_of
from zonewright.ledger.deciding.readable import sums_for
from zonewright.ledger.protocol.admission_messages import Completed, CompleteRequest, Settled, SettleRequest
from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.protocol.journal_messages import SeenRequest
from zonewright.ledger.protocol.messages import Done
from zonewright.ledger.store import journal, life
from zonewright.ledger.store.context import Context, raise_revisions
from zonewright.ledger.store.documents import parse_asset, parse_zone
from zonewright.ledger.store.heads import present_head, require_not_replaced, require_same
from zonewright.ledger.store.prepared import ADMISSION, DOCUMENT, PARTY, PRESENT, STACK, of_stack
from zonewright.ledger.store.rows import rows_of_stack, set_state, sites_of, waiting_of
from zonewright.ledger.store.scopes import touching
from zonewright.ledger.store.steps import DESTROY, SETTLED, last_step, next_step
from zonewright.ledger.store.tables import admission, asset, claim, deployed, enrolment
from zonewright.ledger.store.texts import manifest_of
from zonewright.ledger.verbs.capacity import capacity_of
from zonewright.model.asset import DUCTS, LINKS, LinkAsset, carriers_of
from zonewright.rules.words import count_of, listed

_SITES = union(
    *(
        select(table.c.site).where(table.c.stack_id == STACK, table.c.state.in_(("admitted", "active")))
        for table in (claim, asset)
    )
)
_OWN = select(asset.c.name, asset.c.kind).where(asset.c.stack_id == STACK)
_COMPLETE = update(admission).where(admission.c.id == bindparam("one")).values(completed_at=bindparam("moment"))
_SETTLE = update(admission).where(admission.c.id == bindparam("one")).values(state="settled", holds="{}")
_GUESTS = select(claim.c.rack, claim.c.stack_id).where(
    claim.c.site.in_(bindparam("sites", expanding=True)), claim.c.stack_id != STACK
)
_LINKS = select(asset.c.data, asset.c.stack_id).where(asset.c.kind == "link", asset.c.stack_id != STACK)


def complete(context: Context, request: CompleteRequest) -> Completed:
    """Close the change, because all its resources exist. Say what the change leaves free in its sites.

    Raises:
        LedgerRefusedError: when the stack's present change is another one, or something of it was only admitted: its
            resource was left out of the run, as by ``--exclude``, and what depends on it must not be made either.
    """
    with context.writing(touching(request.stack_id)) as connection:
        row = _current(connection, request.stack_id)
        if row is None or row.change_digest != request.change_digest:
            raise LedgerRefusedError(
                "not-admitted",
                "the ledger last admitted another change of this stack; run pulumi up without --target, so "
                "that this change is admitted first",
            )
        _require_made(connection, request.stack_id, row.rendered_digest)
        if row.completed_at is None:
            now = context.now(connection)
            connection.execute(_COMPLETE, {"one": row.id, "moment": now})
            journal.append(
                connection,
                at=now,
                kind="completed",
                stack_id=request.stack_id,
                party=row.party,
                payload={"admission_id": row.id, "change_digest": request.change_digest},
            )
    with context.database.reading() as connection:
        sites = _own_sites(connection, request.stack_id) if request.free else set()
        head = present_head(connection)
        if not sites:
            return Completed(free={}, head=head)
        world = world_of(connection, sites, context.shown_at(connection), after=request.stack_id)
        known_to = sums_for(connection, context.caller)
    return Completed(free=capacity_of(world, sites, known_to, party=context.caller.for_offers), head=head)


def _require_made(connection: Connection, stack_id: str, rendered_digest: str) -> None:
    """Refuse while something is admitted of which no resource was made or changed, or files are not deployed."""
    missing = waiting_of(connection, stack_id)
    held = connection.execute(of_stack(deployed), {"stack": stack_id})
    known = {row.site: json.loads(row.files) for row in held}
    for site, files in sorted(manifest_of(connection, rendered_digest).parts.items()):
        if known.get(site) != files:
            missing.append(f"configuration of {site}")
    if missing:
        raise LedgerRefusedError(
            "not-made",
            f"the change stays open: {listed(missing)} {_verb(len(missing), 'wait')} for a resource that this run "
            "left out; run pulumi up without --target or --exclude",
        )


def _own_sites(connection: Connection, stack_id: str) -> set[str]:
    return set(connection.execute(_SITES, {"stack": stack_id}).scalars()) - {DUCTS, LINKS}


def _current(connection: Connection, stack_id: str) -> Any:
    return connection.execute(PRESENT, {"stack": stack_id}).first()


def settle(context: Context, request: SettleRequest) -> Settled:
    """Free what is still releasing after an admission's resource was deleted. On a destroy, free everything.

    What a resource holds by its token stays until its own delete, or until a recovery says that the state lost it.
    """
    with context.writing(touching(request.stack_id)) as connection:
        require_same(connection, request)
        row = connection.execute(ADMISSION, {"one": request.admission_id}).first()
        if row is None or row.stack_id != request.stack_id or row.state == "settled":
            return Settled()
        now = context.now(connection)
        left: list[str] = []
        freed: dict[str, int] = {}
        sites: set[str] = set()
        for table in (claim, asset):
            rows = rows_of_stack(connection, table, request.stack_id)
            ids = life.freed_by_settle(rows, is_current=row.state == "current")
            if table is asset and row.state == "current":
                require_unused(connection, request.stack_id)
            sites |= sites_of(connection, table, ids)
            set_state(connection, table, ids, "freed", now)
            freed[table.name] = len(ids)
            left += sorted({one.name for one in rows if one.state == "releasing" and one.id not in ids})
        connection.execute(_SETTLE, {"one": row.id})
        raise_revisions(connection, sites)
        payload: dict[str, Any] = {"admission_id": row.id, "freed": freed}
        if row.state == "current" and last_step(connection, request.stack_id)[1] != DESTROY:
            payload["step"] = next_step(connection, request.stack_id, SETTLED)  # a destroy that nobody had begun
        journal.append(connection, at=now, kind=SETTLED, stack_id=request.stack_id, party=row.party, payload=payload)
    return Settled(left=left)


def require_unused(connection: Connection, stack_id: str, name: str | None = None) -> None:
    """Refuse when other stacks have claims on assets of this stack, or links that need them.

    One refusal tells all of it: how much it is, where, and the contacts that ``zone.yaml`` has. Names stay untold.

    Args:
        connection: a transaction.
        stack_id: the stack whose assets would go.
        name: one asset's path; None looks at all of the stack's assets.
    """
    own = connection.execute(_OWN, {"stack": stack_id})
    going = {row.name: row.kind for row in own if name in (None, row.name)}
    if not going:
        return
    rows = tuple(f"{one}/" for one, kind in going.items() if kind == "row")
    racks, tenants = _claimed(connection, stack_id, rows)
    links, needed, carriers = _needed(connection, stack_id, going.keys())
    told, mend = [], []
    if racks:
        where = f"in {count_of(len(racks), 'rack')} of this stack ({listed(sorted(racks))})"
        told.append(f"{count_of(racks.total(), 'claim')} of other parties {_verb(racks.total(), 'stand')} {where}")
        mend.append("to move out")
    if links:
        what = f"{_verb(links, 'need')} {listed(sorted(needed))} of this stack"
        told.append(f"{count_of(links, 'link')} of other parties {what}")
        mend.append("to remove the links")
    if told:
        contacts = _contacts(connection, tenants | carriers)
        raise LedgerRefusedError(
            "in-use",
            f"{', and '.join(told)}; nothing was deleted; ask their owners {' and '.join(mend)} first"
            f"{f': {contacts}' if contacts else ''}",
        )


def _contacts(connection: Connection, stacks: Collection[str]) -> str:
    """How to reach the parties of stacks, as the registered zone says."""
    document = connection.execute(DOCUMENT).scalar()
    parties = parse_zone(document).parties if document is not None else {}
    whose = connection.execute(select(enrolment.c.party).where(enrolment.c.stack_id.in_(sorted(stacks)))).scalars()
    return ", ".join(sorted({parties[one].contact for one in whose if one in parties} - {""}))


def _verb(count: int, plural: str) -> str:
    return f"{plural}s" if count == 1 else plural


def _claimed(connection: Connection, stack_id: str, rows: tuple[str, ...]) -> tuple[Counter[str], set[str]]:
    """How many claims of other stacks stand in each rack of rows; and which stacks these are."""
    sites = {row.partition("/")[0] for row in rows}
    found = connection.execute(_GUESTS, {"sites": sorted(sites), "stack": stack_id})
    held = [one for one in found if one.rack.startswith(rows)]
    return Counter(one.rack for one in held), {one.stack_id for one in held}


def _needed(connection: Connection, stack_id: str, going: Collection[str]) -> tuple[int, set[str], set[str]]:
    """How many links of other stacks need a site, duct or link that would go; which these are, and whose they are."""
    links = 0
    needed: set[str] = set()
    stacks: set[str] = set()
    for data, owner in connection.execute(_LINKS, {"stack": stack_id}):
        item = parse_asset(data)
        if isinstance(item, LinkAsset):
            found = {item.link.a, item.link.b, *carriers_of(item.link)}.intersection(going)
            links += bool(found)
            needed |= found
            stacks |= {owner} if found else set()
    return links, needed, stacks


def guard_destroy(context: Context, request: SeenRequest) -> Done:
    """Begin a destroy: refuse it as a whole if others use what would go, otherwise close it to others."""
    refused: LedgerRefusedError | None = None
    payload: dict[str, Any]
    with context.writing(touching(request.stack_id)) as connection:
        require_same(connection, request)
        require_not_replaced(connection, request)
        now = context.now(connection)
        party = connection.execute(PARTY, {"stack": request.stack_id}).scalar()
        try:
            require_unused(connection, request.stack_id)
        except LedgerRefusedError as error:
            refused, payload = error, {"reason": error.sentence}
        else:
            rows = rows_of_stack(connection, asset, request.stack_id)
            active = tuple(row.id for row in rows if row.state == "active")
            set_state(connection, asset, active, "releasing", now)
            raise_revisions(connection, sites_of(connection, asset, active))
            payload = {"step": next_step(connection, request.stack_id, DESTROY)}
        journal.append(
            connection,
            at=now,
            kind="destroy-refused" if refused else DESTROY,
            stack_id=request.stack_id,
            party=party or "",
            payload=payload,
        )
    if refused is not None:
        raise refused
    return Done()

"""Assets that get another name, in the transaction that admits: all that the ledger has of them follows.

What a stack asks about a rename before it is admitted is answered from the tables as they will be, and they are put
back.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, select, update

from zonewright.ledger.deciding.facts import NODE_FIELDS
from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.store.asking import first
from zonewright.ledger.store.context import Context, raise_revisions
from zonewright.ledger.store.documents import former_text, parse_asset, parse_former, parse_zone
from zonewright.ledger.store.engines.holder import BESIDE
from zonewright.ledger.store.life import CURRENT
from zonewright.ledger.store.prepared import FORMER, IS_PRESENT, ZONE_ROW
from zonewright.ledger.store.scopes import NAMES, touching
from zonewright.ledger.store.tables import admission, asset, claim, deployed, lasting, proposal, reservation, zone
from zonewright.ledger.store.texts import get_content
from zonewright.model.asset import DUCTS, asset_text, former_assets
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.demand import Demand
from zonewright.model.former_names import FormerNames
from zonewright.place.asset_renames import asset_renames
from zonewright.telemetry.home import STORE_FAULTS
from zonewright.telemetry.renaming import has_readings, move_readings


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingNames:
    """What the admission of a demand would call otherwise.

    Attributes:
        steps: new name by old name, in order; rows by the name that their site has then.
        assets: each asset of the stack that has another name afterwards: its new name by its present one.
    """

    steps: Mapping[str, str] = field(default_factory=dict)
    assets: Mapping[str, str] = field(default_factory=dict)


_NONE = PendingNames()
_SAID = select(admission.c.demand_digest).where(*IS_PRESENT)


def pending(connection: Connection, stack_id: str, demand: Demand) -> PendingNames:
    """What of a stack's assets the admission of a demand renames.

    Args:
        connection: a transaction.
        stack_id: the stack.
        demand: what it wants.
    """
    if not former_assets(demand.assets):
        return _NONE
    own: set[str] = set()
    leaving: set[str] = set()
    others: set[str] = set()
    for row in connection.execute(select(asset.c.stack_id, asset.c.name, asset.c.state)):
        if row.stack_id != stack_id:
            others.add(row.name)
        elif row.state in CURRENT:
            own.add(row.name)
        else:
            leaving.add(row.name)
    former = parse_former(connection.execute(FORMER).scalar())
    found = asset_renames(demand, own=own, leaving=leaving, others=others, former=former)
    if found.held or not found.names:
        return _NONE
    step = FormerNames(found.names)
    return PendingNames(steps=found.names, assets={name: new for name in own if (new := step.follow(name)) != name})


@dataclass(frozen=True, slots=True)
class NamedView:
    """What is looked at: a transaction in which a stack's assets are called as its demand calls them.

    Attributes:
        connection: the transaction.
        demand: what the stack wants, as its owner said it.
        names: new name by old name of each asset of the stack that the demand renames.
    """

    connection: Connection
    demand: Demand
    names: Mapping[str, str]


@contextmanager
def as_named(
    context: Context, stack_id: str, party: str, demand_in: Callable[[Connection], Demand]
) -> Iterator[NamedView]:
    """Look at the ledger as it is with the new names of a demand; nothing of that stays.

    Args:
        context: the ledger.
        stack_id: the stack.
        party: whose it is.
        demand_in: reads what it wants.
    """
    with context.database.reading() as connection:
        demand = demand_in(connection)
        steps = pending(connection, stack_id, demand).steps
        require_unread(context, connection, steps)
        if not steps:
            yield NamedView(connection, demand, {})
            return
    with (
        context.writing(touching(stack_id, party, demand)) as connection,
        renamed_for_now(connection, stack_id, demand) as names,
    ):
        yield NamedView(connection, demand, names)


@contextmanager
def renamed_for_now(connection: Connection, stack_id: str, demand: Demand) -> Iterator[Mapping[str, str]]:
    """Rename until the end of the block: gives new name by old name of each asset.

    Args:
        connection: a writing transaction.
        stack_id: the stack.
        demand: what it wants.
    """
    names = pending(connection, stack_id, demand)
    if not names.steps:
        yield {}
        return
    savepoint = connection.begin_nested()
    try:
        rename_assets(connection, names.steps)
        yield names.assets
    finally:
        savepoint.rollback()


def rename_assets(connection: Connection, names: Mapping[str, str]) -> None:
    """Give assets other names, with all that stands on them or names them.

    States, generations and holders stay, so resources that hold something hold it under the new name. Declarations
    that name an asset as it was called are followed from now on; see :func:`let_go`.

    Args:
        connection: a writing transaction that is alone in the zone.
        names: new name by old name, as :func:`pending` gives its steps.
    """
    step = FormerNames(names)
    sites = {name.partition("/")[0] for pair in names.items() for name in pair} - {DUCTS}
    former = parse_former(connection.execute(FORMER).scalar())
    _drop_reserved(connection, former, step)
    texts = _rename_claims(connection, step, sites) | _rename_rows(connection, step, sites)
    texts |= _follow_references(connection, step)
    _follow_admissions(connection, step, texts)
    _follow_reserved(connection, step)
    for old, new in names.items():
        connection.execute(update(deployed).where(deployed.c.site == old).values(site=new))
    _keep(connection, former.renamed(names))
    raise_revisions(connection, sites | {NAMES})


def _rename_claims(connection: Connection, step: FormerNames, sites: Iterable[str]) -> "_Texts":
    columns = (claim.c.id, claim.c.stack_id, claim.c.name, claim.c.rack, claim.c.data)
    found: list[dict[str, Any]] = []
    texts: _Texts = {}
    for row in connection.execute(select(*columns).where(claim.c.site.in_(sorted(sites))).order_by(claim.c.id)):
        rack = step.follow(row.rack)
        if rack == row.rack:
            continue
        data = {**json.loads(row.data), "rack": rack}
        text = canonical_json(data)
        digest = digest_of(canonical_json({key: data[key] for key in NODE_FIELDS}))
        found.append({"row_id": row.id, **_place(rack), "digest": digest, "data": text})
        texts[row.stack_id, row.name, digest_of(row.data)] = row.name, digest_of(text)
    _write(connection, claim, found)
    return texts


def _place(rack: str) -> dict[str, str]:
    return {"site": rack.partition("/")[0], "rack": rack, "room": rack.rsplit("/", 2)[0]}


def _rename_rows(connection: Connection, step: FormerNames, sites: Iterable[str]) -> "_Texts":
    """Assets themselves: their declarations do not say what they are called."""
    columns = (asset.c.id, asset.c.stack_id, asset.c.name, asset.c.rack, asset.c.data)
    found: list[dict[str, Any]] = []
    texts: _Texts = {}
    for row in connection.execute(select(*columns).where(asset.c.site.in_([*sorted(sites), DUCTS]))):
        name = step.follow(row.name)
        if name != row.name:
            found.append({"row_id": row.id, "name": name, "site": name.partition("/")[0], "rack": name})
            texts[row.stack_id, row.name, digest_of(row.data)] = name, digest_of(row.data)
    _write(connection, asset, found)
    return texts


def _follow_references(connection: Connection, step: FormerNames) -> "_Texts":
    """What ducts and links name, of all stacks: a link that ran through a duct runs through it."""
    columns = (asset.c.id, asset.c.stack_id, asset.c.name, asset.c.data)
    found: list[dict[str, Any]] = []
    texts: _Texts = {}
    for row in connection.execute(select(*columns).where(asset.c.kind.in_(("duct", "link")))):
        text = asset_text(step.asset(parse_asset(row.data)))
        if text != row.data:
            found.append({"row_id": row.id, "data": text, "digest": digest_of(text)})
            texts[row.stack_id, row.name, digest_of(row.data)] = row.name, digest_of(text)
    _write(connection, asset, found)
    return texts


_Texts = dict[tuple[str, str, str], tuple[str, str]]
"""By stack, name and digest of what a row held: its name and the digest of what it holds now."""


def _write(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        values: dict[Any, Any] = {name: bindparam(f"new_{name}") for name in rows[0] if name != "row_id"}
        given = [{key if key == "row_id" else f"new_{key}": value for key, value in row.items()} for row in rows]
        connection.execute(update(table).where(table.c.id == bindparam("row_id")).values(values), given)


def _follow_admissions(connection: Connection, step: FormerNames, texts: "_Texts") -> None:
    """What present admissions hold, and which connections they need."""
    query = select(admission.c.id, admission.c.stack_id, admission.c.holds, admission.c.connections)
    for row in connection.execute(query.where(admission.c.state == "current")).all():
        holds: dict[str, str] = {}
        for name, digest in json.loads(row.holds).items():
            known = texts.get((row.stack_id, name, digest))
            # A duct that is renamed and names another one that is renamed has changed twice.
            again = known and texts.get((row.stack_id, *known))
            name, digest = again or known or (name, digest)  # noqa: PLW2901 - what it is now
            holds[name] = digest
        connections = {
            cluster: {
                "site": step.follow(one["site"]),
                "connections": {
                    name: {**needed, "to": step.follow(needed["to"])} for name, needed in one["connections"].items()
                },
            }
            for cluster, one in json.loads(row.connections).items()
        }
        found = {"holds": canonical_json(holds), "connections": canonical_json(connections)}
        if found != {"holds": row.holds, "connections": row.connections}:
            connection.execute(update(admission).where(admission.c.id == row.id).values(found))


def _drop_reserved(connection: Connection, former: FormerNames, step: FormerNames) -> None:
    """End reservations for minutes whose answers have a name of before: their run is refused, the next asks again."""
    columns = (reservation.c.stack_id, reservation.c.demand_digest, reservation.c.proposal)
    for row in connection.execute(select(*columns)).all():
        held = json.loads(row.proposal)
        places = (*held["holds"].values(), *held["proposal"].get("seats", {}).values())
        text = get_content(connection, row.demand_digest)
        if (
            any(step.follow(data["rack"]) != data["rack"] for data in places)
            or text is None
            or step.used_in(former.demand(Demand.model_validate_json(text)))
        ):
            connection.execute(delete(reservation).where(reservation.c.stack_id == row.stack_id))


def _follow_reserved(connection: Connection, step: FormerNames) -> None:
    """Reservations for days, and the places that previews showed last."""
    for table, column in ((lasting, lasting.c.holds), (proposal, proposal.c.seats)):
        for stack_id, text in connection.execute(select(table.c.stack_id, column)).all():
            places = json.loads(text)
            moved = {name: {**data, "rack": step.follow(data["rack"])} for name, data in places.items()}
            if moved != places:
                of_stack = table.c.stack_id == stack_id
                connection.execute(update(table).where(of_stack).values({column.name: canonical_json(moved)}))


def _keep(connection: Connection, former: FormerNames) -> None:
    connection.execute(update(zone).values(former=former_text(former)))


def require_unread(context: Context, connection: Connection, names: Mapping[str, str]) -> None:
    """Refuse a new id of a site under which readings of another one are stored: they would become one site's.

    Args:
        context: the readings.
        connection: a transaction of the ledger.
        names: new name by old name.

    Raises:
        LedgerRefusedError: names the first such site.
    """
    sites = {old: new for old, new in names.items() if "/" not in new}
    if not sites or context.telemetry is None:
        return
    stored = parse_former(connection.execute(FORMER).scalar()).readings
    for old, new in sites.items():
        if stored.get(old) != new and has_readings(context.telemetry, new):
            raise LedgerRefusedError(
                "readings-of-another",
                f"site {old} cannot be called {new}: {context.telemetry.name} has readings of another site of that "
                "name, and they would count as those of one; nothing was renamed; choose another id",
            )


def require_followed(connection: Connection, racks: Iterable[str]) -> None:
    """Refuse places that were proposed before somebody renamed them.

    Args:
        connection: a transaction.
        racks: the racks of a proposal.

    Raises:
        LedgerRefusedError: names one, and what it is called now.
    """
    registered = first(connection, ZONE_ROW)
    former = parse_former(None if registered is None else registered.former)
    renamed = {rack: now for rack in racks if (now := former.follow(rack)) != rack} if former.now else {}
    if renamed:
        rack = min(renamed)
        raise LedgerRefusedError(
            "renamed",
            f"rack {rack} of this proposal is called {renamed[rack]} now; nothing was claimed or created; preview the "
            "change again",
        )


def bring_readings(context: Context) -> bool:
    """Store the readings of sites under the names that these have now.

    Args:
        context: the ledger and its readings.

    Returns:
        False where that failed; they are found as they are.
    """
    with context.database.reading() as connection:
        known = parse_former(connection.execute(FORMER).scalar())
    if not known.readings:
        return True
    if context.telemetry is not None:
        try:
            for site, before in known.readings.items():
                move_readings(context.telemetry, before, site)
        except STORE_FAULTS:
            return False
    with context.writing() as connection:
        former = parse_former(connection.execute(FORMER).scalar())
        left = {site: before for site, before in former.readings.items() if known.readings.get(site) != before}
        _keep(connection, FormerNames(former.now, left))
    return True


def ends_a_use(connection: Connection, stack_id: str, former: FormerNames, said: Demand) -> bool:
    """Whether a stack's declaration of now uses a former name that its next one does not.

    Only then can an admission set a name free. One that turns out to do so while it is not alone leaves it to the next.

    Args:
        connection: a transaction.
        stack_id: the stack.
        former: the former names that are followed.
        said: what the stack wants, as its owner said it.
    """
    digest = connection.execute(_SAID, {"stack": stack_id}).scalar()
    text = get_content(connection, digest) if digest is not None else None
    if text is None:
        return digest is not None  # what it used is not known any more
    if not _may_use(former, text):
        return False
    return not former.used_in(Demand.model_validate_json(text)).keys() <= former.used_in(said).keys()


def _may_use(former: FormerNames, text: str) -> bool:
    return any(f'"{name.removeprefix(f"{DUCTS}/")}' in text for name in former.now)


def let_go(connection: Connection) -> None:
    """Forget the former names that no declaration in force uses any more: others may have them from now on.

    A declaration whose text is not there any more may use all of them.

    Args:
        connection: a writing transaction.
    """
    if BESIDE in connection.info:
        return  # the zone's row is everybody's; who is alone next does it
    row = connection.execute(select(zone.c.former, zone.c.document)).first()
    former = parse_former(None if row is None else row.former)
    if row is None or not former.now:
        return
    used = former.used_by(parse_zone(row.document))
    for digest in connection.execute(select(admission.c.demand_digest).where(admission.c.state == "current")).scalars():
        text = get_content(connection, digest)
        if text is None:
            return
        if _may_use(former, text):
            used |= former.used_in(Demand.model_validate_json(text)).keys()
    left = {name: now for name, now in former.now.items() if name in used}
    if left != dict(former.now):
        _keep(connection, FormerNames(left, former.readings))

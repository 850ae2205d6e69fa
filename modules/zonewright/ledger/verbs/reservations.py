"""The verbs of reservations for days: reserve, renew, free, and who has reserved what."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, func, select, update

from zonewright.ledger.deciding.decide import PlacedProposal, offer
from zonewright.ledger.deciding.facts import OWN, as_reserved, gather
from zonewright.ledger.deciding.readable import findings_for, operated_sites
from zonewright.ledger.deciding.renewing import renewal_findings
from zonewright.ledger.deciding.reservation_quota import require_own_stack
from zonewright.ledger.deciding.review import for_reader
from zonewright.ledger.deciding.wanted_claims import claims_of, claims_to_hold
from zonewright.ledger.deciding.whole_racks import CLUSTER, offer_racks, rack_demand
from zonewright.ledger.deciding.zone_facts import links_of, names_of
from zonewright.ledger.protocol.errors import LedgerMisuseError, LedgerRefusedError
from zonewright.ledger.protocol.messages import Done
from zonewright.ledger.protocol.reservation_messages import (
    FreeRequest,
    Renewed,
    RenewRequest,
    ReservationRecord,
    ReservationsAnswer,
    ReservationsRequest,
    ReservedPlaces,
    ReserveRequest,
)
from zonewright.ledger.protocol.rights import OVERSEER
from zonewright.ledger.store import journal
from zonewright.ledger.store.clock import stamp
from zonewright.ledger.store.context import Context, raise_revisions, require_zone
from zonewright.ledger.store.documents import parse_zone
from zonewright.ledger.store.held import (
    FREED,
    RENEWED,
    RESERVED,
    HeldPlaces,
    all_held,
    drop_lasting,
    end_lasting,
    lasting_of,
)
from zonewright.ledger.store.scopes import NAMES
from zonewright.ledger.store.tables import lasting, zone
from zonewright.model.canonical import canonical_json
from zonewright.model.demand import Demand
from zonewright.model.limits import LASTING
from zonewright.model.zone import Party
from zonewright.rules.alike import alike
from zonewright.rules.finding import Finding
from zonewright.rules.words import count_of

_APPROVAL = "approval"
_ANY_HEIGHT = 1


def reserve(context: Context, request: ReserveRequest) -> ReservedPlaces:
    """Hold places for days, under all rules that their admission would be judged by; approvals may come later.

    Everything is read and decided in the transaction that holds the places: reservations for days are rare.

    Raises:
        LedgerRefusedError: when a rule does not hold, or the party has as many as it may; nothing was changed then.
    """
    with context.writing() as connection:
        moment = context.moment(connection)
        now, until = stamp(moment), stamp(moment + timedelta(days=request.days))
        require_own_stack(connection, stack_id=request.stack_id, party=request.party, now=now)
        end_lasting(connection, all_held(connection, but="", sites=()), now)
        _require_few(connection, request)
        demand, made, holds = _found(context, connection, request, now)
        told = for_reader(made.findings, request.party, request.sources)
        told = findings_for(connection, context.caller, told)
        _require_none(told, "nothing was reserved")
        if not holds and not (request.demand is not None and demand.assets):
            raise LedgerRefusedError("nothing-new", "the stack has all of this already; nothing was reserved")
        before = lasting_of(connection, request.stack_id)
        if before is not None:
            drop_lasting(connection, before)
        held = HeldPlaces(
            stack_id=request.stack_id,
            party=request.party,
            claims=holds,
            names=() if request.demand is None else names_of(demand),
            links=links_of(demand),
            expires_at=until,
            wants="" if request.demand is None else demand.wants(),
        )
        _hold(connection, held, why=request.why, now=now)
        sums = {"racks": _racks(held), "units": _units(held), "watts": _watts(held), "links": sorted(held.links)}
        said = {"until": until, "why": request.why, "wants": held.wants, "replaces": before is not None, **sums}
        who = {"stack_id": request.stack_id, "party": request.party}
        journal.append(connection, at=now, kind=RESERVED, **who, payload=said)
    return ReservedPlaces(until=until, **sums, findings=list(told))


def _require_none(told: Iterable[Finding], outcome: str) -> None:
    """Refuse what findings refuse; an approval may come later."""
    against = tuple(finding for finding in told if finding.refuses and finding.level != _APPROVAL)
    if against:
        raise LedgerRefusedError("findings", f"{count_of(len(alike(against)), 'finding')}; {outcome}", against)


def _found(
    context: Context, connection: Connection, request: ReserveRequest, now: str
) -> tuple[Demand, PlacedProposal, dict[str, dict[str, Any]]]:
    """What is to be held: the demand, its proposal, and the data of the claims that are not there yet."""
    demand, wish, stack_id = request.demand, request.racks, request.stack_id
    if demand is not None and wish is not None:
        raise LedgerMisuseError("request", "expected a demand or racks, and not both; nothing was reserved")
    row = connection.execute(select(zone.c.id, zone.c.digest)).first()
    if wish is not None:
        known = ("", "") if row is None else (row.id, row.digest)
        demand = rack_demand(wish, zone=known[0], zone_digest=known[1], party=request.party, u_height=_ANY_HEIGHT)
        stack_id += OWN  # what the stack has already stands beside it, and does not go
    if demand is None:
        raise LedgerMisuseError("request", "expected a demand or racks, and got neither; nothing was reserved")
    demand = require_zone(connection, demand, party=request.party, on=now[:10])
    facts = gather(
        connection,
        stack_id=stack_id,
        demand=demand,
        now=now,
        telemetry=context.telemetry,
        replaced=request.stack_id,
    )
    if wish is not None:
        demand, made = offer_racks(facts, demand, stack_id=stack_id, on=now[:10])
        claims = claims_of(demand, made.seats, {})
        return demand, made, {name.replace(f"{CLUSTER}-", f"{CLUSTER}/"): data for name, data in claims.items()}
    made = offer(as_reserved(facts), demand, stack_id=stack_id, on=now[:10])
    return demand, made, claims_to_hold(facts.own, demand, made.seats, made.addresses)


def _hold(connection: Connection, held: HeldPlaces, *, why: str, now: str) -> None:
    connection.execute(
        lasting.insert().values(
            stack_id=held.stack_id,
            party=held.party,
            wants=held.wants,
            holds=canonical_json(dict(held.claims)),
            names=canonical_json(held.names_data()),
            why=why,
            since=now,
            expires_at=held.expires_at,
        )
    )
    raise_revisions(connection, held.sites)


def _require_few(connection: Connection, request: ReserveRequest) -> None:
    others = (lasting.c.party == request.party, lasting.c.stack_id != request.stack_id)
    count = connection.execute(select(func.count()).where(*others)).scalar_one()
    if count >= LASTING.most:
        raise LedgerRefusedError(
            "reservation-quota",
            f"party '{request.party}' has {count} reservations for days, of at most {LASTING.most}; nothing was "
            "reserved; free one that is not needed: zonewright reserve list, then zonewright reserve free",
        )


def renew(context: Context, request: RenewRequest) -> Renewed:
    """Give a stack's reservation another end, counted from now. One that has ended is gone: its places may be taken.

    Raises:
        LedgerRefusedError: when the stack has none, or its places are no longer granted to its party; it keeps its end.
    """
    with context.writing() as connection:
        moment = context.moment(connection)
        now, until = stamp(moment), stamp(moment + timedelta(days=request.days))
        held = _required(connection, request.stack_id, now)
        told = for_reader(renewal_findings(connection, held, now), held.party, {})
        _require_none(
            findings_for(connection, context.caller, told),
            f"the reservation was not renewed, and ends at {held.expires_at[:16]}Z",
        )
        connection.execute(update(lasting).where(lasting.c.stack_id == held.stack_id).values(expires_at=until))
        raise_revisions(connection, held.sites)
        _tell(connection, RENEWED, held, now, {"until": until, "was": held.expires_at, "why": request.why})
    return Renewed(until=until)


def free(context: Context, request: FreeRequest) -> Done:
    """Give up a stack's reservation: its places are free for everybody from now on.

    Raises:
        LedgerRefusedError: when the stack has none.
    """
    with context.writing() as connection:
        now = context.now(connection)
        held = _required(connection, request.stack_id, now)
        drop_lasting(connection, held)
        _tell(connection, FREED, held, now, {"until": held.expires_at, "why": request.why})
    return Done()


def _required(connection: Connection, stack_id: str, now: str) -> HeldPlaces:
    held = lasting_of(connection, stack_id)
    if held is None or held.expires_at <= now:
        raise LedgerRefusedError(
            "no-reservation",
            f"stack {stack_id} has no reservation for days: it was never made, was admitted, was freed or has ended; "
            "nothing was changed; make one with: zonewright reserve",
        )
    return held


def _tell(connection: Connection, kind: str, held: HeldPlaces, now: str, said: Mapping[str, Any]) -> None:
    payload = {**said, "wants": held.wants}
    journal.append(connection, at=now, kind=kind, stack_id=held.stack_id, party=held.party, payload=payload)


def _racks(held: HeldPlaces) -> list[str]:
    return sorted({data["rack"] for data in held.claims.values()})


def _units(held: HeldPlaces) -> int:
    return sum(int(data["node_type"]["u_height"]) for data in held.claims.values())


def _watts(held: HeldPlaces) -> int:
    return sum(int(data["node_type"]["allocated_draw"]) for data in held.claims.values())


def reservations(context: Context, _request: ReservationsRequest) -> ReservationsAnswer:
    """Give what is reserved for days: of one's own all, of others the site and the end.

    Who operates a site also sees whose its reserved racks are; who oversees the zone sees all.
    """
    with context.database.reading() as connection:
        now = context.shown_at(connection)
        document = connection.execute(select(zone.c.document)).scalar()
        parties = parse_zone(document).parties if document is not None else {}
        operated = operated_sites(connection, context.caller)
        columns = (lasting.c.stack_id, lasting.c.why, lasting.c.since)
        rows = {row.stack_id: row for row in connection.execute(select(*columns))}
        held = [one for one in all_held(connection, but="", sites=()) if one.wants is not None and one.expires_at > now]
    found = [record for one in held for record in _records(context, one, rows[one.stack_id], operated, parties)]
    return ReservationsAnswer(reservations=sorted(found, key=lambda one: (one.until, one.site, one.stack_id)))


def _records(
    context: Context, held: HeldPlaces, row: Any, operated: frozenset[str], parties: Mapping[str, Party]
) -> Iterator[ReservationRecord]:
    """A record for each site of a reservation, as the caller may see it."""
    caller = context.caller
    is_own = caller.has_file or bool(caller.roles & OVERSEER) or caller.party == held.party
    for site in sorted(held.sites):
        here = HeldPlaces(
            stack_id=held.stack_id,
            party=held.party,
            claims={name: data for name, data in held.claims.items() if data["rack"].partition("/")[0] == site},
            names=(),
            expires_at=held.expires_at,
            wants=held.wants,
        )
        links = sorted(held.links) if site == NAMES else []
        shown: dict[str, Any] = {"site": site, "until": held.expires_at}
        if is_own or site in operated:
            party = parties.get(held.party)
            shown |= {"party": held.party, "contact": party.contact if party is not None else ""}
            shown |= {"racks": _racks(here), "units": _units(here), "watts": _watts(here), "links": links}
            shown["is_of_racks"] = held.is_of_racks
        if is_own:
            shown |= {"stack_id": held.stack_id, "since": row.since, "why": row.why}
        yield ReservationRecord(**shown)

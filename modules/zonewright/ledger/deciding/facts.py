"""The ledger's tables become the facts that rules and placement read."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from zonewright.ledger.deciding.measuring import load_history, measured_sites
from zonewright.ledger.deciding.site_claims import around, occupant, revisions_of, sites_of, take
from zonewright.ledger.deciding.zone_facts import ZoneBase, zone_base
from zonewright.ledger.protocol.change_messages import SNAPSHOT_FORM
from zonewright.ledger.store.documents import parse_asset
from zonewright.ledger.store.held import HeldPlaces, all_held
from zonewright.ledger.store.prepared import IS_PRESENT, STACK
from zonewright.ledger.store.tables import admission, asset, claim
from zonewright.model import Site
from zonewright.model.asset import RowAsset, SiteAsset, asset_text
from zonewright.model.demand import Demand
from zonewright.model.expand import baseline_of_row, racks_of_row, with_supply
from zonewright.model.offer import Offer
from zonewright.model.offered import with_offers
from zonewright.model.rack import Rack
from zonewright.model.rack_position import RackPosition
from zonewright.model.world import Measured, Occupant, World
from zonewright.place.renames import NO_RENAMES, Renames, renames_of
from zonewright.rules.finding import Finding
from zonewright.telemetry.home import TelemetryHome

OWN = "/reserved"
"""Behind the id of a stack: whose a place is that the stack may not take now, for it is reserved for another change."""
_STANDING = select(claim.c.name, claim.c.state).where(
    claim.c.stack_id == STACK, claim.c.state.in_(("active", "releasing"))
)
_ADMITTED_AT = select(admission.c.admitted_at).where(*IS_PRESENT)
_PRESENT = (
    select(asset, _ADMITTED_AT.limit(1).scalar_subquery().label("admitted_at"))
    .where(asset.c.site.in_(bindparam("sites", expanding=True)))
    .order_by(asset.c.name, asset.c.state.desc(), asset.c.generation)
)
NODE_FIELDS = ("rack", "position", "face", "node_type_id", "addresses")
"""The part of a claim's data that its Node resource is made from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that one stack's change is decided on, at one revision of each site.

    Attributes:
        world: racks of the sites, with all that is not the stack's own.
        standing: the stack's own claims that have a resource.
        seats: the stack's own present places, by node name.
        addresses: the stack's own present addresses, by node name.
        taken: addresses of everybody else, by (site, pool).
        sites: site declarations by id.
        revisions: revision by site.
        base: the zone as a whole; None where no change is to be judged.
        measured: what is measured of the sites, by id.
        own: the stack's own claims as they are, with or without a resource, but for those that leave.
        held: reservations that may count, also those that have ended and are still there; all of those for days.
        baseline_before: what the rows that the change alters or removes have of baseline without it.
        new_rows: names of the rows that the change brings; nothing of theirs stands there without it.
        beneath: what has changed of rows of others, under the stack's nodes and since its last admission, by name.
        handed: what is wrong with networks that the change gives to tenants: others have nodes in them.
        admitted_at: the moment of that admission, ISO 8601; empty without one.
        converts: the stack's reservation for days, where the admission of this demand converts it.
        renames: what of the stack gets another name; its claims are called by the new ones here.
    """

    world: World
    standing: tuple[Occupant, ...]
    seats: Mapping[str, RackPosition]
    addresses: Mapping[str, Mapping[str, str]]
    taken: Mapping[tuple[str, str], Collection[str]]
    sites: Mapping[str, Site]
    revisions: Mapping[str, int]
    base: ZoneBase | None = None
    measured: Mapping[str, Measured] = field(default_factory=dict)
    own: tuple[Occupant, ...] = ()
    held: tuple[HeldPlaces, ...] = ()
    baseline_before: tuple[Occupant, ...] = ()
    new_rows: frozenset[str] = frozenset()
    beneath: Mapping[str, str] = field(default_factory=dict)
    handed: tuple[Finding, ...] = ()
    admitted_at: str = ""
    converts: HeldPlaces | None = None
    renames: Renames = NO_RENAMES

    @property
    def now(self) -> World:
        """The world as premises look at it: the zone as it is, without the change, and what is measured of it."""
        zone = None if self.base is None else replace(self.base.before(), measured=self.measured)
        return replace(self.world, zone=zone)


@lru_cache(maxsize=4096)
def _row_facts(name: str, text: str, owner: str, *, accepts: bool) -> tuple[tuple[Rack, ...], tuple[Occupant, ...]]:
    row = parse_asset(text)
    if not isinstance(row, RowAsset):
        raise TypeError(name)
    racks = tuple(racks_of_row(name, row.row, owner=owner, room=row.room, accepts=accepts))
    return racks, tuple(baseline_of_row(name, row.row, owner=owner, path=_row_path(name)))


def _row_path(name: str) -> str:
    site, room, row = name.split("/")
    return f"sites.{site}.rooms.{room}.rows.{row}"


def have_moved(connection: Connection, facts: Facts, *, stack_id: str, demand: Demand) -> bool:
    """Whether a change must be looked at again, because something that it was decided on has changed.

    Args:
        connection: a transaction, later than the one that the facts were read in.
        facts: what was read.
        stack_id: whose change it is.
        demand: what it wants.
    """
    if revisions_of(connection, sites_of(connection, stack_id, demand)) != facts.revisions:
        return True
    # A confirm raises no revision, for others do not see it; its own stack's change counts the node from then on.
    rows = connection.execute(_STANDING, {"stack": stack_id}).all()
    standing = Counter((facts.renames.of(row.name), row.state) for row in rows)
    return standing != Counter((item.name, item.standing) for item in facts.standing)


def gather(
    connection: Connection,
    *,
    stack_id: str,
    demand: Demand,
    now: str,
    telemetry: TelemetryHome | None = None,
    replaced: str = "",
    form: int = SNAPSHOT_FORM,
) -> Facts:
    """Read the facts for one stack's change.

    Args:
        connection: a transaction.
        stack_id: whose change it is.
        demand: what it wants; its own rows are taken from here, not from the ledger.
        now: ISO 8601 time; reservations that expire at or before it do not count.
        telemetry: the readings, or None.
        replaced: a stack whose reservation for days is left out, because this takes its place.
        form: of the record that is judged again: figures are worked out as the version did that made it.
    """
    facts = _gather(connection, sites_of(connection, stack_id, demand), stack_id, demand, now, replaced)
    base = zone_base(connection, stack_id, now=now, replaced=replaced, held=facts.held)
    if base is None:
        return facts
    # Placement asks for sites and limits, which the seats that it will find do not change.
    moment = datetime.fromisoformat(now)
    has_readings = telemetry is not None and telemetry.is_there()
    before = base.before()
    found: dict[str, Measured] = {}
    if has_readings:
        history = load_history(connection, before, facts.revisions, moment, form=form)
        found = measured_sites(before, facts.revisions, telemetry, moment, history, before=base.former.readings)
    base = replace(base, renamed=facts.renames.nodes)
    return replace(facts, base=base, world=replace(facts.world, zone=base.after(demand, {})), measured=found)


def as_reserved(facts: Facts) -> Facts:
    """The facts, with the places of the stack's reservation for days for this demand as those to keep."""
    if facts.converts is None or facts.converts.is_of_racks:
        return facts
    claims = facts.converts.claims
    seats = {name: RackPosition(data["rack"], data["position"], data["face"]) for name, data in claims.items()}
    addresses = {name: data["addresses"] for name, data in claims.items()}
    return replace(facts, seats={**facts.seats, **seats}, addresses={**facts.addresses, **addresses})


def world_of(connection: Connection, sites: Collection[str], now: str, *, after: str = "") -> World:
    """The world of some sites as everybody has left it: all claims and reservations, nobody's change.

    Args:
        connection: a transaction.
        sites: which sites.
        now: reservations that have expired then are left out.
        after: a stack whose releasing claims are left out as well: its change is as good as done.
    """
    facts = _gather(connection, frozenset(sites), after, None, now)
    own = tuple(item for item in facts.standing if item.standing != "releasing")
    return replace(facts.world, occupants=facts.world.occupants + own)


def _gather(  # noqa: PLR0917 - as gather, without names
    connection: Connection,
    touched: frozenset[str],
    stack_id: str,
    demand: Demand | None,
    now: str,
    replaced: str = "",
) -> Facts:
    rows = present_assets(connection, touched, stack_id)
    racks, occupants, sites, offers, before = _assets(rows, stack_id, demand)
    racks, offered = with_offers(racks, offers, on=now[:10]) if any(offers.values()) else (racks, {})
    found = around(connection, touched, stack_id)
    leaving = {one.name for one in found.standing if one.standing == "releasing"}
    renames = renames_of(demand, found.own, found.numbers, leaving)
    found = found.renamed(renames)
    standing: dict[str, list[Occupant]] = defaultdict(list)
    for one in found.own:
        standing[one.rack].append(one)
    kept = {item for addresses in found.addresses.values() for item in addresses.items()}
    reserved: dict[tuple[str, str], set[str]] = defaultdict(set)
    # A reservation for days is made beside the stack's own for minutes: an `up` that runs keeps what it was given.
    every = all_held(connection, but="" if replaced else stack_id, sites=touched)
    present = [held for held in every if held.expires_at > now]
    others = [held for held in present if held.wants is None or held.stack_id != replaced]
    for held in against(others, stack_id, demand):
        for name, data in held.claims.items():
            site = data["rack"].partition("/")[0]
            if site in touched:
                item = occupant(data, party=held.party, stack=held.stack_id, name=name, standing="reserved")
                item, is_own = replace(item, until=held.expires_at), held.stack_id == stack_id + OWN
                occupants.append(_beside(item, stack_id, standing[item.rack]) if is_own else item)
                addresses = data["addresses"].items()
                take(reserved, site, {pool: one for pool, one in addresses if not is_own or (pool, one) not in kept})
    own = next((held for held in present if demand and held.is_converted_by(stack_id, demand)), None)
    return Facts(
        world=World(
            racks=racks,
            bystanders=found.bystanders,
            occupants=tuple(occupants),
            offered=offered,
            racks_before=before.racks,
            reserved=frozenset(data["rack"] for data in own.claims.values())
            if own and own.is_of_racks
            else frozenset(),
        ),
        standing=found.standing,
        own=found.own,
        seats=found.seats,
        addresses=found.addresses,
        taken={**found.taken, **{key: one | found.taken.get(key, frozenset()) for key, one in reserved.items()}},
        sites=sites,
        revisions=revisions_of(connection, touched),
        held=tuple(every),
        baseline_before=before.baseline,
        new_rows=_new_rows(rows, demand),
        beneath=_beneath(connection, rows, stack_id, found.seats) if demand is not None else {},
        handed=_handed(connection, rows, stack_id, demand) if demand is not None and demand.assets else (),
        admitted_at=next((row.admitted_at for row in rows), None) or "",
        converts=own,
        renames=renames,
    )


def _beside(item: Occupant, stack_id: str, own: Iterable[Occupant]) -> Occupant:
    """What a stack has reserved, beside its claims in a rack: what stands there may stay, and grows as one node."""
    over = {
        one.name
        for one in own
        if set(one.faces) & set(item.faces) and max(one.position, item.position) < min(one.units.stop, item.units.stop)
    }
    if item.name in over:
        return replace(item, stack=stack_id, cluster=None, blocks_units=False)
    return replace(item, blocks_units=not over)


def _beneath(
    connection: Connection, rows: Iterable[Row[Any]], stack_id: str, seats: Mapping[str, RackPosition]
) -> Mapping[str, str]:
    """What has changed of rows of others, of those that were written since the stack's admission, by name."""
    homes = {seat.rack.rpartition("/")[0] for seat in seats.values()}
    later = [row for row in rows if row.name in homes and row.stack_id != stack_id]
    later = [row for row in later if row.admitted_at is not None and row.changed_at > row.admitted_at]
    if not later:
        return {}
    from zonewright.ledger.deciding.beneath import changes_beneath  # noqa: PLC0415 - rarely needed

    return changes_beneath(connection, later)


def _handed(connection: Connection, rows: Iterable[Row[Any]], stack_id: str, demand: Demand) -> tuple[Finding, ...]:
    """What is wrong with networks that a change gives to tenants, or takes away."""
    if not any(isinstance(item, SiteAsset) for item in demand.assets.values()):
        return ()
    from zonewright.ledger.deciding.handed_over import findings_of_networks  # noqa: PLC0415 - rarely needed

    own = [row for row in rows if row.stack_id == stack_id and row.kind == "site"]
    return findings_of_networks(connection, own, demand)


def _assets(
    rows: Collection[Row[Any]], stack_id: str, demand: Demand | None
) -> tuple[dict[str, Rack], list[Occupant], dict[str, Site], dict[str, Mapping[str, Offer]], "_RowsBefore"]:
    racks: dict[str, Rack] = {}
    occupants: list[Occupant] = []
    declared: dict[str, Site] = {}
    offers: dict[str, Mapping[str, Offer]] = {}
    entries: list[tuple[str, str, str, bool]] = []
    first: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: int(row.id)):
        first.setdefault(row.name, row.stack_id)
    if demand is not None:
        entries += [
            (name, asset_text(item), demand.party, True)
            for name, item in demand.assets.items()
            if first.get(name, stack_id) == stack_id  # what is called as somebody else's is not looked at
        ]
    entries += [
        (row.name, row.data, row.party, row.state == "active")
        for row in rows
        if (row.stack_id != stack_id or demand is None) and first[row.name] == row.stack_id
    ]
    for name, text, owner, accepts in entries:
        item = parse_asset(text)
        if isinstance(item, SiteAsset):
            declared[name], offers[name] = item.site, item.offers
        if not isinstance(item, RowAsset):
            continue
        row_racks, baseline = _row_facts(name, text, owner, accepts=accepts)
        racks |= {rack.id: rack for rack in row_racks}
        occupants += baseline
    racks = with_supply(racks, declared)
    mine = [row for row in rows if row.stack_id == stack_id and first[row.name] == stack_id]
    return racks, occupants, declared, offers, _before(mine, demand)


@dataclass(frozen=True, slots=True)
class _RowsBefore:
    """The rows that a change alters or removes, as they are without it."""

    racks: Mapping[str, Rack] = field(default_factory=dict)
    baseline: tuple[Occupant, ...] = ()


def _before(mine: Iterable[Row[Any]], demand: Demand | None) -> _RowsBefore:
    """What a stack's rows of racks are without its change, where that alters or removes them.

    Args:
        mine: its present assets.
        demand: what it wants; None where no change is judged.
    """
    if demand is None:
        return _RowsBefore()
    racks: dict[str, Rack] = {}
    baseline: list[Occupant] = []
    for row in mine:
        wanted = demand.assets.get(row.name)
        if row.kind == "row" and (wanted is None or asset_text(wanted) != row.data):
            found = _row_facts(row.name, row.data, row.party, accepts=row.state == "active")
            racks |= {rack.id: rack for rack in found[0]}
            baseline += found[1]
    return _RowsBefore(racks, tuple(baseline))


def _new_rows(rows: Iterable[Row[Any]], demand: Demand | None) -> frozenset[str]:
    wanted = demand.assets.items() if demand is not None else ()
    return frozenset(name for name, item in wanted if isinstance(item, RowAsset)) - {row.name for row in rows}


def present_assets(connection: Connection, sites: Collection[str], stack_id: str) -> list[Row[Any]]:
    """For each asset of the sites its current row, or the one releasing where it is leaving.

    Each row has ``admitted_at`` too, the moment of the present admission of a stack, None without one.
    """
    present: dict[tuple[str, str], Row[Any]] = {}
    for row in connection.execute(_PRESENT, {"stack": stack_id, "sites": sorted(sites)}):
        present[row.stack_id, row.name] = row
    return list(present.values())


def against(held: Iterable[HeldPlaces], stack_id: str, demand: Demand | None) -> Iterator[HeldPlaces]:
    """Reservations that a change must leave alone: of others, and of its own stack for days for another change.

    Args:
        held: those that have not ended, without the stack's own for minutes.
        stack_id: whose change it is.
        demand: what it wants; None where no change is judged: then all that is for days counts.
    """
    for one in held:
        if one.stack_id != stack_id or demand is None:
            yield one
        elif not one.is_converted_by(stack_id, demand):
            yield replace(one, stack_id=one.stack_id + OWN, names=())

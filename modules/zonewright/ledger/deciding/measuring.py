"""What is measured of the sites that a change touches, for the gate on the energy ratio."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from sqlalchemy import Connection, case, func, select

from zonewright.ledger.protocol.change_messages import SNAPSHOT_FORM
from zonewright.ledger.store.tables import claim
from zonewright.model.base import TrustClass
from zonewright.model.rule_pack import RulePack, chain_of
from zonewright.model.world import Measured, ZoneFacts
from zonewright.model.zone import Zone
from zonewright.rules.energy_state import model_of, ratio_limit
from zonewright.rules.site_power import rooms_of
from zonewright.telemetry import Store
from zonewright.telemetry.figures import Fresh, Terms, measured
from zonewright.telemetry.home import TelemetryHome
from zonewright.telemetry.renaming import stored_as

_UNFITTED, _TRUSTED_ALIKE = 2, 3
"""Up to these forms of snapshots all load models were declared, and meters that show the very same were believed."""
LOOKS_BACK_DAYS = 400
"""The mean of 30 days may end as long ago as the oldest figure that counts; older claims are in it for certain."""


def terms_of(zone: Zone) -> Terms | None:
    """On which terms readings count; None where no pack limits the energy ratio."""
    limit, age = zone.limit("design-pue"), zone.limit("figure-age-days")
    if limit is None or age is None:
        return None
    packs = chain_of(zone.rule_packs, zone.rule_pack)
    usual = RulePack.model_fields["trusted"].default
    said = [one.trusted for one in packs if one.trusted != usual]
    trusted = frozenset[TrustClass](packs[0].trusted).intersection(*said) if packs else frozenset[TrustClass]()
    balance = zone.limit("balance-percent")
    return Terms(
        limit=ratio_limit(zone),
        trusted=trusted,
        max_age_days=age.value,
        balance_percent=None if balance is None else balance.value,
        node_energy=bool(packs and packs[0].node_energy),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadHistory:
    """Since when claims are there.

    Attributes:
        fresh: by site, claims that a mean of the past does not hold whole.
        opened: by site, since when each of its rooms is open that was not always; None where no load model is to be
            fitted to readings, as in records of versions that did not.
        doubts_alike: whether meters that show the very same are doubted, as they were not in older records.
    """

    fresh: Mapping[str, Sequence[Fresh]] = field(default_factory=dict)
    opened: Mapping[str, Mapping[str, datetime]] | None = field(default_factory=dict)
    doubts_alike: bool = True


def measured_sites(
    facts: ZoneFacts,
    sites: Iterable[str],
    telemetry: TelemetryHome | None,
    now: datetime,
    history: LoadHistory = LoadHistory(),
    *,
    before: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Measured]:
    """What is measured of some sites, by id; those without readings are left out.

    Args:
        facts: the zone without the change.
        sites: ids of the sites.
        telemetry: the readings, or None.
        now: the present.
        history: since when the claims of these sites are there.
        before: the id that readings of a site may still be stored under, by its id.
    """
    terms = terms_of(facts.zone)
    if telemetry is None or not telemetry.is_there() or terms is None:
        return {}
    store, rooms, terms = Store(telemetry), rooms_of(facts), replace(terms, doubts_alike=history.doubts_alike)
    found: dict[str, Measured] = {}
    for site_id in sorted(set(sites) & facts.sites.keys()):
        held = facts.sites[site_id]
        model = model_of(held, rooms.get(site_id, {})) if held.site.overhead is not None else None
        stored = stored_as(telemetry, site_id, before.get(site_id, site_id))
        one = measured(
            store,
            stored,
            held.site,
            now=now,
            terms=terms,
            model=model,
            fresh=history.fresh.get(site_id, ()),
            opened=None if history.opened is None else history.opened.get(site_id, {}),
        )
        if one is not None:
            found[site_id] = one
    return found


def load_history(
    connection: Connection, facts: ZoneFacts, sites: Iterable[str], now: datetime, *, form: int = SNAPSHOT_FORM
) -> LoadHistory:
    """Since when the claims of some sites are there.

    Args:
        connection: a transaction.
        facts: the zone without the change.
        sites: ids of the sites.
        now: the present.
        form: of the record that is judged again.
    """
    wanted = sorted(sites)
    opened = _opened_rooms(connection, facts, wanted, now) if form > _UNFITTED else None
    return LoadHistory(fresh=_fresh_claims(connection, wanted, now), opened=opened, doubts_alike=form > _TRUSTED_ALIKE)


def _opened_rooms(
    connection: Connection, facts: ZoneFacts, sites: Sequence[str], now: datetime
) -> dict[str, dict[str, datetime]]:
    """By site, since when each room is open by claims alone; one with equipment of no stack always was.

    A claim that moved within its site may have been elsewhere before. So those that never moved count first. A room in
    which no claim has a resource yet is opened now.
    """
    stayed = case((claim.c.generation <= 1, claim.c.active_since), else_=None)
    query = (
        select(claim.c.room, func.sum(claim.c.draw_w), func.min(stayed), func.min(claim.c.active_since))
        .where(claim.c.site.in_(sites), claim.c.state.in_(("admitted", "active")))
        .group_by(claim.c.room)
    )
    found: dict[str, dict[str, datetime]] = defaultdict(dict)
    for name, watts, certain, any_ in connection.execute(query):
        sums, since = facts.rooms.get(name), certain or any_
        if sums is not None and sums.contracted_w <= int(watts):
            site, _, room = name.partition("/")
            found[site][room] = now if since is None else datetime.fromisoformat(since)
    return found


def _fresh_claims(connection: Connection, sites: Sequence[str], now: datetime) -> dict[str, list[Fresh]]:
    """Claims by site that have no resource, or have had theirs for less than the time that a mean may look back on."""
    oldest = (now - timedelta(days=LOOKS_BACK_DAYS)).astimezone(UTC).isoformat(timespec="microseconds")
    # By the hour, rounded down, so that a claim counts as metered rather too early: less load is a worse ratio.
    hour = func.substr(claim.c.active_since, 1, 13)
    query = (
        select(claim.c.site, hour, func.sum(claim.c.draw_w))
        .where(
            claim.c.site.in_(sites),
            claim.c.state.in_(("admitted", "active")),
            (claim.c.active_since.is_(None)) | (claim.c.active_since > oldest),
        )
        .group_by(claim.c.site, hour)
    )
    found: dict[str, list[Fresh]] = defaultdict(list)
    for site, since, watts in connection.execute(query):
        moment = None if since is None else datetime.fromisoformat(f"{since}:00+00:00")
        found[site].append(Fresh(watts=int(watts), since=moment))
    return found

"""What a decision looked at, as texts that are kept by their digest: equal parts of two snapshots are kept once.

The texts are the ledger's own rows, so that putting them into another ledger gives the same facts; sites that the
change does not touch are there with their sums only.
"""

import json
import secrets
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, case, func, select

from zonewright.ledger.deciding.party_facts import SALT
from zonewright.ledger.deciding.plans import present
from zonewright.ledger.deciding.review import Review, last_proposal
from zonewright.ledger.deciding.site_claims import claimed_sums, site_claims
from zonewright.ledger.deciding.zone_facts import CONNECTED
from zonewright.ledger.deciding.zone_parts import brought_in
from zonewright.ledger.protocol.change_messages import Snapshot
from zonewright.ledger.protocol.errors import LedgerUnavailableError
from zonewright.ledger.store.asking import answers, first
from zonewright.ledger.store.documents import parse_zone
from zonewright.ledger.store.engines.dialect import words_of
from zonewright.ledger.store.held import all_held
from zonewright.ledger.store.prepared import ZONE_ROW
from zonewright.ledger.store.tables import claim
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.world import Measured
from zonewright.rules.finding import Finding
from zonewright.telemetry.home import STORE_FAULTS, TelemetryHome
from zonewright.telemetry.registers import UntoldError, registers
from zonewright.telemetry.renaming import stored_as

READINGS_BACK = timedelta(days=400)
FORMER = "former.json"
"""In a snapshot: names of assets that are other names now, where there are any."""
_TRIES = 3
_TOLD_ONLY = frozenset({"changed-beneath"})
"""Advice on how rows were at an earlier admission, which a snapshot does not have. Nothing is decided by it."""


def new_salt() -> str:
    """A salt of 256 bits, in hexadecimal: what a party is not shown cannot be guessed from its digest."""
    return secrets.token_hex(32)


def readings_of(
    review: Review, telemetry: TelemetryHome | None, *, tell: Callable[[], None] | None = None
) -> dict[str, str]:
    """The readings and sums that the figures of a reviewed change rest on, by their name in its snapshot.

    Read outside the ledger's lock, right after the change was reviewed: a year of quarters of an hour takes a second.

    Args:
        review: the change.
        telemetry: the readings, or None.
        tell: records removals of readings that the journal does not have yet; None where that cannot be done.

    Raises:
        LedgerUnavailableError: when there are such removals, whose evidence would be wrong for good.
    """
    if telemetry is None:
        return {}
    since = datetime.fromisoformat(review.at) - READINGS_BACK
    found: dict[str, str] = {}
    renamed = review.facts.base.former.readings if review.facts.base is not None else {}
    for site in sorted(review.facts.measured):
        stored = stored_as(telemetry, site, renamed.get(site, site))
        texts = _told_registers(telemetry, stored, since, tell)
        found |= {_named(name, stored, site): text for name, text in texts.items()}
    return found


def _named(name: str, before: str, site: str) -> str:
    """The name of a text of a site's readings, with the id that the site has."""
    kind, _, rest = name.partition("/")
    return f"{kind}/{site}{rest.removeprefix(before)}"


def _told_registers(home: TelemetryHome, site: str, since: datetime, tell: Callable[[], None] | None) -> dict[str, str]:
    for _ in range(_TRIES):
        try:
            return registers(home, site, since)
        except UntoldError:
            if tell is None:
                break
            tell()
        except STORE_FAULTS as error:
            raise LedgerUnavailableError(
                "readings", f"readings of {site} cannot be put into evidence: {error}; nothing was decided, try again"
            ) from error
    raise LedgerUnavailableError(
        "removing",
        f"readings of {site} are being removed, and the journal is not complete yet; nothing was decided, try again",
    )


def take(
    connection: Connection, review: Review, findings: Iterable[Finding], *, readings: Mapping[str, str]
) -> tuple[Snapshot, dict[str, str]]:
    """The snapshot of a reviewed change, and its texts by digest.

    Args:
        connection: a transaction in which nothing has moved since.
        review: the change.
        findings: its findings, before approvals.
        readings: the readings behind its figures, by name.
    """
    now = review.at
    request, sites = review.request, frozenset(review.facts.revisions)
    registered = first(connection, ZONE_ROW)
    if registered is None:
        raise LookupError("no zone is registered")
    texts: dict[str, str] = {"zone.json": registered.document}
    texts |= {FORMER: registered.former} if registered.former else {}
    is_counted = parse_zone(texts["zone.json"]).counts_usage
    texts["loads.json"] = canonical_json(_loads(connection, request.stack_id, sites, by_party=is_counted))
    texts["reservations.json"] = canonical_json(_reservations(connection, request.stack_id, sites, now))
    texts["connections.json"] = canonical_json(_connections(connection, request.stack_id))
    texts["present.json"] = canonical_json(_present(connection, request.stack_id))
    last = last_proposal(connection, request.stack_id, request.demand_digest)
    texts["remembered.json"] = canonical_json(
        {key: json.loads(last[key]) if last else {} for key in ("unplaced", "sources")}
    )
    figures = {site: figure_data(one) for site, one in sorted(review.facts.measured.items())}
    texts |= readings
    texts[SALT] = new_salt()
    files = {name: (digest_of(text), text) for name, text in texts.items()}
    files |= {f"assets/{site}.json": one.text for site, one in brought_in(connection).sites.items() if one.rows}
    for claims in site_claims(connection, sites).values():
        files |= {f"claims/{name}.json": one for name, one in claims.texts.items()}
    snapshot = Snapshot(
        at=now,
        stack_id=request.stack_id,
        files={name: digest for name, (digest, _) in sorted(files.items())},
        figures=figures,
        findings=[one for one in findings if one.rule not in _TOLD_ONLY],
    )
    return snapshot, dict(files.values()) | {digest_of(snapshot.text()): snapshot.text()}


_TOLD = ("fit", "unfitted", "projection_bounds", "allowed_rest", "rest_it_wh", "rest_total_wh")
"""What follows from the rest, and is for people; a fit is recorded whole, as text."""


def figure_data(measured: Measured) -> dict[str, Any]:
    """What is measured of a site as plain data; ratios as exact fractions, and findings only where there are any."""
    data = asdict(measured)
    findings = "; ".join(data.pop("findings"))
    for name in _TOLD:
        data.pop(name)
    if measured.fit is not None:
        data["fit"] = canonical_json(asdict(measured.fit))
    return {
        name: f"{value.numerator}/{value.denominator}" if isinstance(value, Fraction) else value
        for name, value in (data | ({"findings": findings} if findings else {})).items()
    }


def _loads(connection: Connection, stack_id: str, sites: Collection[str], *, by_party: bool) -> list[dict[str, Any]]:
    """What is claimed elsewhere, in sums by room: of the stack itself, and of all others together.

    Where parties are counted, by stack: also whose it is, its rack units, and what only counts until it is gone.
    """
    if not by_party:
        watts: Counter[tuple[str, str, str]] = Counter()
        for one in claimed_sums(connection):
            if one.site not in sites:
                watts[one.stack_id if one.stack_id == stack_id else "", one.site, one.room] += one.draw_w
        names = "stack_id", "site", "room", "draw_w"
        return [dict(zip(names, (*key, number), strict=True)) for key, number in sorted(watts.items())]
    number_in, given = words_of(connection).number_in, {"sites": sorted(sites)}
    rows = [dict(row) for row in connection.execute(_sums(number_in), given).mappings()]
    leaving = connection.execute(_leaving(number_in), given).mappings()
    rows += [{**row, "room": f"{row['site']}/-", "state": "releasing"} for row in leaving]
    return [row | {name: int(row[name] or 0) for name in ("draw_w", "units")} for row in rows]


@cache
def _sums(number_in: Callable[..., ColumnElement[int]]) -> Select[Any]:
    by = (claim.c.stack_id, claim.c.site, claim.c.room, claim.c.party)
    units = func.sum(number_in(claim.c.data, "node_type", "u_height")).label("units")
    elsewhere = claim.c.site.notin_(bindparam("sites", expanding=True))
    return (
        select(*by, func.sum(claim.c.draw_w).label("draw_w"), units)
        .where(claim.c.state.in_(("admitted", "active")), elsewhere)
        .group_by(*by)
        .order_by(*by)
    )


@cache
def _leaving(number_in: Callable[..., ColumnElement[int]]) -> Select[Any]:
    """What nodes count for beyond what they have now, since a place of theirs is not free yet: each node once."""
    by = (claim.c.stack_id, claim.c.site, claim.c.party)
    is_current = claim.c.state.in_(("admitted", "active"))

    def beyond(what: ColumnElement[int]) -> ColumnElement[int]:
        return func.max(what) - func.coalesce(func.max(case((is_current, what))), 0)

    height = func.coalesce(number_in(claim.c.data, "node_type", "u_height"), 0)
    each = (
        select(*by, beyond(claim.c.draw_w).label("draw_w"), beyond(height).label("units"))
        .where(claim.c.site.notin_(bindparam("sites", expanding=True)))
        .group_by(*by, claim.c.name)
        .subquery()
    )
    key = (each.c.stack_id, each.c.site, each.c.party)
    sums = select(*key, func.sum(each.c.draw_w).label("draw_w"), func.sum(each.c.units).label("units"))
    return sums.where((each.c.draw_w > 0) | (each.c.units > 0)).group_by(*key).order_by(*key)


def _reservations(connection: Connection, stack_id: str, sites: Collection[str], now: str) -> list[dict[str, Any]]:
    """What others have reserved, and what anybody has for days: also the stack itself, since it may be for this."""
    found = []
    for held in all_held(connection, but=stack_id, sites=sites):
        if held.expires_at <= now:
            continue
        is_lasting = held.wants is not None  # sums over the zone count it, wherever it is
        here = {
            name: data for name, data in held.claims.items() if is_lasting or data["rack"].partition("/")[0] in sites
        }
        if not (here or held.names or is_lasting):
            continue
        mine = {"stack_id": held.stack_id, "party": held.party, "holds": here, "expires_at": held.expires_at}
        names = {"names": held.names_data()} if held.names else {}
        found.append(mine | names | ({} if held.wants is None else {"wants": held.wants}))
    return found


def _connections(connection: Connection, stack_id: str) -> list[dict[str, Any]]:
    return [
        {"stack_id": row.stack_id, "party": row.party, "connections": json.loads(row.connections)}
        for row in answers(connection, CONNECTED)
        if row.stack_id != stack_id
    ]


def _present(connection: Connection, stack_id: str) -> dict[str, Any]:
    """The stack's present admission, which tells what a change changes."""
    held = present(connection, stack_id)
    if held is None:
        return {}
    connections = json.loads(held["connections"])
    promised = any("bandwidth_mbps" in one for part in connections.values() for one in part["connections"].values())
    return {
        "id": held["id"],
        "holds": json.loads(held["holds"]),
        **({"connections": connections} if promised else {}),  # only these are compared with what was before
    }

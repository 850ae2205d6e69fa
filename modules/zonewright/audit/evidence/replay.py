"""A snapshot put into a ledger of its own, so that the very functions that decided decide again, offline."""

import json
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from zonewright.audit.evidence.pruned import hours_in
from zonewright.ledger.deciding.facts import Facts
from zonewright.ledger.deciding.plans import risk_of
from zonewright.ledger.deciding.precondition_now import broken_sentence
from zonewright.ledger.deciding.review import Review, review_change
from zonewright.ledger.deciding.snapshot import FORMER, figure_data
from zonewright.ledger.protocol.admission_messages import EvaluateRequest
from zonewright.ledger.protocol.change import parse_place
from zonewright.ledger.protocol.change_messages import Plan, Snapshot
from zonewright.ledger.store.claim_text import ROW, unpacked
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.documents import parse_asset, parse_zone
from zonewright.ledger.store.names import allow_what_was
from zonewright.ledger.store.scopes import NAMES
from zonewright.ledger.store.tables import admission, asset, claim, lasting, proposal, reservation, zone
from zonewright.ledger.store.texts import put_contents
from zonewright.model.asset import SiteAsset
from zonewright.model.base import TrustClass
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.site import Site
from zonewright.place import failed
from zonewright.pue.meters import MeterSpec
from zonewright.pue.readings import Reading
from zonewright.rules.finding import Finding
from zonewright.telemetry import Store
from zonewright.telemetry.home import TelemetryHome
from zonewright.telemetry.register_lines import READINGS_HEAD
from zonewright.telemetry.site_meters import all_meters_of
from zonewright.telemetry.tables import readings_file

_MICRO = 10**6
_MEASURED = ("readings/", "sums/", "trusts/", "corrected/", "lost/")
"""What a store is made of, with the declarations of its sites."""
_KEPT_CHARS = 16 * 2**20
"""Of more texts no store is kept: verification needs little memory beside the bundle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """What comes out when a snapshot is judged again.

    Attributes:
        findings: the findings.
        figures: what is measured of each site.
        risk: the class of risk.
        broken: premises of the plan that do not hold, as sentences.
        facts: what it was judged on.
        readings: how many readings the figures rest on.
        sums: how many hourly sums of removed readings they rest on.
    """

    findings: list[Finding]
    figures: dict[str, dict[str, Any]]
    risk: str
    broken: tuple[str, ...]
    facts: Facts
    readings: int
    sums: int


def judge_again(snapshot: Snapshot, texts: Mapping[str, str], plan: Plan, demand: str) -> Again:
    """Judge a plan on the facts of a snapshot.

    Args:
        snapshot: its index.
        texts: its texts by name.
        plan: the plan.
        demand: the text of the demand.

    Raises:
        ValueError: when the snapshot cannot be put into a ledger.
    """
    with _ledger(snapshot, texts, demand) as (database, telemetry, counts):
        places = {name: parse_place(text) for name, text in plan.places.items()}
        request = EvaluateRequest(
            stack_id=plan.stack_id,
            party=plan.party,
            lineage="",
            demand_digest=digest_of(demand),
            seats={name: seat for name, (seat, _) in places.items()},
            addresses={name: addresses for name, (_, addresses) in places.items()},
        )
        with database.reading() as connection:
            review = review_change(connection, request, snapshot.at, telemetry, form=snapshot.format)
            findings = review.findings(review.facts.base)
            return Again(
                findings=list(findings),
                figures={site: figure_data(one) for site, one in sorted(review.facts.measured.items())},
                risk=risk_of(connection, review, findings),
                broken=tuple(_broken(plan, review)),
                facts=review.facts,
                readings=counts[0],
                sums=counts[1],
            )


def _broken(plan: Plan, review: Review) -> Iterator[str]:
    world = review.facts.now
    for premise in failed(plan.premises, world, stack=plan.stack_id):
        yield broken_sentence(premise, world, stack=plan.stack_id)


@contextmanager
def _ledger(
    snapshot: Snapshot, texts: Mapping[str, str], demand: str
) -> Iterator[tuple[Database, TelemetryHome | None, tuple[int, int]]]:
    with tempfile.TemporaryDirectory(prefix="zonewright-verify-") as folder:
        path = Path(folder) / "ledger.db"
        database = Database(path, create=True, lock_wait_s=30)
        try:
            with database.writing() as connection:
                allow_what_was(connection)
                put_contents(connection, [demand])
                _fill(connection, snapshot, texts)
            telemetry, counts = _telemetry(Path(folder) / "telemetry.db", texts)
            yield database, telemetry if any(counts) else None, counts
        finally:
            database.close()


def _fill(connection: Connection, snapshot: Snapshot, texts: Mapping[str, str]) -> None:
    at, document = snapshot.at, texts["zone.json"]
    known = parse_zone(document)
    connection.execute(
        zone.insert().values(
            id=known.zone,
            digest=digest_of(document),
            document=document,
            registered_at=at,
            former=texts.get(FORMER),
        )
    )
    for table, prefix, rows_of in ((asset, "assets/", json.loads), (claim, "claims/", unpacked)):
        rows = [_row(row, at) for name, text in texts.items() if name.startswith(prefix) for row in rows_of(text)]
        if rows:
            connection.execute(table.insert(), rows)
    for number, row in enumerate(json.loads(texts["loads.json"])):
        height = {"node_type": {"u_height": row["units"]}} if "units" in row else {}
        fields = {
            "party": row.get("party", ""),
            "kind": "node",
            "name": f"sum-{number}",
            "state": row.get("state", "admitted"),
            "generation": 0,
        }
        fields |= {"rack": f"{row['room']}/-/-", "active_since": None, "data": height}
        connection.execute(claim.insert().values(**_row({**row, **fields}, at)))
    for row in json.loads(texts["reservations.json"]):
        held = {"stack_id": row["stack_id"], "party": row["party"], "expires_at": row["expires_at"]}
        holds, names = row["holds"], row.get("names", [])
        if "wants" in row:
            texts_of = {"holds": canonical_json(holds), "names": canonical_json(names), "why": ""}
            connection.execute(lasting.insert().values(**held, **texts_of, wants=row["wants"], since=at))
            continue
        text = canonical_json({"proposal": {}, "holds": holds, "names": names})
        sites = {data["rack"].partition("/")[0] for data in holds.values()} | ({NAMES} if names else set())
        connection.execute(
            reservation.insert().values(**held, demand_digest="", proposal=text, sites=canonical_json(sorted(sites)))
        )
    for number, row in enumerate(json.loads(texts["connections.json"])):
        text = canonical_json(row["connections"])
        _admission(connection, f"other-{number}", row["stack_id"], row["party"], at, connections=text)
    present = json.loads(texts["present.json"])
    if present:
        holds = canonical_json(present["holds"])
        had = canonical_json(present.get("connections", {}))
        _admission(connection, present["id"], snapshot.stack_id, "", at, connections=had, holds=holds)
    _remember(connection, snapshot, json.loads(texts["remembered.json"]))


def _remember(connection: Connection, snapshot: Snapshot, last: Mapping[str, Any]) -> None:
    wanted = connection.exec_driver_sql("select digest from content").scalar()
    connection.execute(
        proposal.insert().values(
            stack_id=snapshot.stack_id,
            demand_digest=wanted,
            seats="{}",
            unplaced=canonical_json(last["unplaced"]),
            sources=canonical_json(last["sources"]),
            proposed_at=snapshot.at,
        )
    )


def _row(row: Mapping[str, Any], at: str) -> dict[str, Any]:
    data = canonical_json(row["data"])
    return {**{name: row[name] for name in ROW}, "data": data, "digest": digest_of(data), "changed_at": at}


def _admission(
    connection: Connection,
    name: str,
    stack_id: str,
    party: str,
    at: str,
    *,
    connections: str = "{}",
    holds: str = "{}",
) -> None:
    connection.execute(
        admission.insert().values(
            id=name,
            stack_id=stack_id,
            party=party,
            demand_digest="",
            change_digest="",
            rendered_digest="",
            connections=connections,
            holds=holds,
            state="current",
            admitted_at=at,
        )
    )


def _telemetry(path: Path, texts: Mapping[str, str]) -> tuple[TelemetryHome, tuple[int, int]]:
    """A store with the recorded readings and sums, and how many there are; of the same texts it is made once."""
    home = readings_file(path)
    sites = {name.split("/")[1] for name in texts if name.startswith("readings/")}
    if not sites:
        return home, (0, 0)
    assets = {f"assets/{site}.json" for site in sites}
    parts = {name: text for name, text in texts.items() if name.startswith(_MEASURED) or name in assets}
    if sum(map(len, parts.values())) > _KEPT_CHARS:
        return home, _fill_telemetry(home, parts)
    content, counts = _filled(tuple(sorted(parts.items())))
    path.write_bytes(content)
    return home, counts


@lru_cache(maxsize=2)  # a bundle has what was there when it was planned, and when it was admitted
def _filled(parts: tuple[tuple[str, str], ...]) -> tuple[bytes, tuple[int, int]]:
    """The file of such a store."""
    with tempfile.TemporaryDirectory(prefix="zonewright-verify-") as folder:
        path = Path(folder) / "telemetry.db"
        counts = _fill_telemetry(readings_file(path), dict(parts))
        with closing(sqlite3.connect(path)) as file:
            return file.serialize(), counts


def _fill_telemetry(home: TelemetryHome, texts: Mapping[str, str]) -> tuple[int, int]:
    """Put the recorded readings and sums into a store; returns how many there were."""
    sites = sorted({name.split("/")[1] for name in texts if name.startswith("readings/")})
    counts = [put_site(Store(home, create=True), site, all_meters_of(site_in(texts, site)), texts) for site in sites]
    return sum(readings for readings, _ in counts), sum(sums for _, sums in counts)


def put_site(store: Store, site: str, meters: Mapping[str, MeterSpec], texts: Mapping[str, str]) -> tuple[int, int]:
    """Put what a snapshot has of a site's meters into a store: readings, and then the sums of those that were removed.

    Args:
        store: an empty store.
        site: id of the site.
        meters: its meters by id; readings of others count, and are left out.
        texts: the texts of the snapshot by name.

    Returns:
        How many readings and how many hourly sums there are.
    """
    found: dict[str, dict[TrustClass, list[Reading]]] = {}
    for name, text in sorted(texts.items()):
        if name.startswith(f"readings/{site}/"):
            for trust, reading in readings_in(text):
                found.setdefault(name.split("/")[2], {}).setdefault(trust, []).append(reading)
    for meter in found.keys() & meters.keys():
        for trust, readings in found[meter].items():
            store.append(site, meters, {meter: readings}, trust=trust)
    hours = hours_in(texts, site)
    corrected = [row[:5] for row in json.loads(texts.get(f"corrected/{site}.json", "[]"))]
    store.restore(site, meters, hours, json.loads(texts.get(f"trusts/{site}.json", "{}")), corrected)
    if f"lost/{site}.json" in texts:
        from zonewright.telemetry.lost_hours import put_lost  # noqa: PLC0415 - few sites ever lost any

        with store.writing() as connection:
            put_lost(connection, site, json.loads(texts[f"lost/{site}.json"]))
    counts = [len(items) for by_trust in found.values() for items in by_trust.values()]
    return sum(counts), sum(map(len, hours.values()))


def site_in(texts: Mapping[str, str], site: str) -> Site:
    """The declaration of a site of a snapshot.

    Raises:
        ValueError: when the snapshot does not have it.
    """
    for row in json.loads(texts[f"assets/{site}.json"]):
        item = parse_asset(canonical_json(row["data"])) if row["name"] == site else None
        if isinstance(item, SiteAsset):
            return item.site
    raise ValueError(f"the snapshot has readings of {site}, but no such site")


def readings_in(text: str) -> Iterator[tuple[TrustClass, Reading]]:
    """The readings of one recorded month, with their trust class.

    Raises:
        ValueError: when it is not such a file.
    """
    head, *lines = text.splitlines()
    if head != READINGS_HEAD:
        raise ValueError(f"expected readings that begin with '{READINGS_HEAD}', got '{head[:60]}'")
    for number, line in enumerate(lines, start=2):
        _meter, _kind, start, time, micro, trust = line.split(",")
        begin = int(start) if start else None
        yield _trust(trust), Reading(begin, int(time), Fraction(int(micro), _MICRO), number)


def _trust(text: str) -> TrustClass:
    for known in ("signed", "authenticated", "imported"):
        if text == known:
            return known
    raise ValueError(f"'{text[:40]}' is not a trust class")

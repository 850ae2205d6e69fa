"""Verdicts that corrected readings would have changed: the record of a decision is corrected and judged again."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from pathlib import Path

from sqlalchemy import Connection, select

from zonewright.audit.evidence.replay import put_site, readings_in, site_in
from zonewright.audit.evidence.site_renames import RENAMED, SiteRenames
from zonewright.ledger.deciding.measuring import COMPARED, terms_of
from zonewright.ledger.deciding.snapshot import FORMER
from zonewright.ledger.protocol.change_messages import Snapshot
from zonewright.ledger.store.documents import parse_former, parse_zone
from zonewright.ledger.store.steps import ADMITTED
from zonewright.ledger.store.tables import decided, journal
from zonewright.ledger.store.texts import get_content
from zonewright.pue.meters import MeterSpec
from zonewright.pue.readings import Reading
from zonewright.telemetry import Store
from zonewright.telemetry.correcting import Intake, Superseded
from zonewright.telemetry.figures import measured
from zonewright.telemetry.site_meters import all_meters_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing:
    """A decision whose figure would have been another.

    Attributes:
        kind: ``admitted`` or ``refused``.
        entry: number of its entry in the journal.
        at: when.
        stack_id: whose change it was.
        approved_by: who had approved it.
        then: verdict and ratio of the trailing twelve months as they were recorded.
        now: what they are on the corrected readings.
    """

    kind: str
    entry: int
    at: str
    stack_id: str
    approved_by: tuple[str, ...]
    then: tuple[str, Fraction | None]
    now: tuple[str, Fraction | None]


def differing(connection: Connection, site: str, corrections: Sequence[Superseded]) -> Iterator[Differing]:
    """Decisions on a site whose verdict on the trailing twelve months is another one on the corrected readings.

    Readings that a correction added, and those that came in later, are not put into what was recorded.

    Args:
        connection: a transaction.
        site: id of the site; decisions from before a rename have it as it was called.
        corrections: its readings that no longer count.
    """
    names = _site_renames(connection)
    query = select(decided, journal.c.payload).join(journal, journal.c.sequence == decided.c.sequence)
    for row in connection.execute(query.order_by(decided.c.sequence)).mappings():
        digest = json.loads(row["payload"]).get("snapshot", "")
        text = get_content(connection, digest) if digest else None
        snapshot = Snapshot.model_validate_json(text) if text is not None else None
        if snapshot is None:
            continue
        # A change that renames the site itself, and was refused, has it under its new name.
        former = parse_former(get_content(connection, snapshot.files.get(FORMER, "")))
        then_id = former.follow(names.then(site, at=row["sequence"]))
        if then_id not in snapshot.figures:
            continue
        paths = [name for name in snapshot.files if name.partition("/")[2].startswith((f"{then_id}/", f"{then_id}."))]
        found = {name: get_content(connection, snapshot.files[name]) for name in [*paths, "zone.json"]}
        texts = {name: text for name, text in found.items() if text is not None}
        now = _again(snapshot, texts, then_id, corrections)
        figure = snapshot.figures[then_id]
        then = (str(figure["trailing"]), _ratio(figure["trailing_ratio"]))
        if now is not None and now[0] != then[0]:
            yield Differing(
                kind=row["kind"],
                entry=row["sequence"],
                at=row["at"],
                stack_id=row["stack_id"],
                approved_by=tuple(json.loads(row["approved_by"])),
                then=then,
                now=now,
            )


def _site_renames(connection: Connection) -> SiteRenames:
    is_rename = journal.c.kind == ADMITTED, journal.c.payload.contains(f'"{RENAMED}":{{', autoescape=True)
    rows = connection.execute(select(journal.c.sequence, journal.c.payload).where(*is_rename)).all()
    return SiteRenames(tuple(sorted((row.sequence, json.loads(row.payload)[RENAMED]) for row in rows)))


def _ratio(value: object) -> Fraction | None:
    return None if value is None else Fraction(str(value))


def _again(
    snapshot: Snapshot, texts: Mapping[str, str], site: str, corrections: Sequence[Superseded]
) -> tuple[str, Fraction | None] | None:
    """Verdict and ratio on what was recorded, corrected; None where no correction is of a reading that was there."""
    declared, known = site_in(texts, site), parse_zone(texts["zone.json"])
    meters, terms = all_meters_of(declared), terms_of(known)
    if terms is None:
        return None
    terms = replace(terms, compares=snapshot.format >= COMPARED)
    with tempfile.TemporaryDirectory(prefix="zonewright-corrected-") as folder:
        store = Store(Path(folder) / "telemetry.db", create=True)
        put_site(store, site, meters, texts)
        if not _correct(store, site, meters, _recorded(texts, site), corrections):
            return None
        one = measured(
            store, site, declared, now=datetime.fromisoformat(snapshot.at), terms=terms, model=None, opened=None
        )
    return None if one is None else (one.trailing, one.trailing_ratio)


def _recorded(texts: Mapping[str, str], site: str) -> dict[tuple[str, int], Reading]:
    return {
        (name.split("/")[2], reading.time_us): reading
        for name, text in texts.items()
        if name.startswith(f"readings/{site}/")
        for _, reading in readings_in(text)
    }


def _correct(
    store: Store,
    site: str,
    meters: Mapping[str, MeterSpec],
    recorded: Mapping[tuple[str, int], Reading],
    corrections: Sequence[Superseded],
) -> bool:
    """Put corrections of readings that were recorded into a store; whether there were any."""
    better: dict[str, list[Reading]] = {}
    gone: dict[str, list[Reading]] = {}
    for one in corrections:
        old = recorded.get((one.meter, one.time_us))
        if old is None or one.meter not in meters or old.value != one.value:
            continue
        if one.now is None:
            gone.setdefault(one.meter, []).append(old)
        else:
            better.setdefault(one.meter, []).append(Reading(old.start_us, old.time_us, one.now, old.line))
    for intake, readings in ((Intake(kind="corrected", by=""), better), (Intake(kind="withdrawn", by=""), gone)):
        ordered = {name: sorted(items, key=lambda item: item.time_us) for name, items in readings.items()}
        if ordered:
            store.correct(site, meters, ordered, intake, trust="imported")
    return bool(better or gone)

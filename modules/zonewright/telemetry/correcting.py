"""Corrections of readings: what a reading said before stays beside what it says now, with who changed it and why.

A correction outranks what it corrects, and keeps its trust class: the old value that comes again is known, and changes
nothing. Who decided it and why is in the journal.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from zonewright.model.base import TrustClass
from zonewright.model.canonical import canonical_json
from zonewright.pue.meters import MeterSpec
from zonewright.pue.readings import Reading
from zonewright.telemetry.appending import StoredRow, require_near, within_stretches
from zonewright.telemetry.home import Statements
from zonewright.telemetry.interface import ConflictError
from zonewright.telemetry.register_lines import READINGS_HEAD, digest_of_lines, reading_line
from zonewright.telemetry.stored_sums import sum_up
from zonewright.telemetry.summing import MICRO
from zonewright.telemetry.tables import bring_back, bring_back_last, micro_of

IntakeKind = Literal["imported", "corrected", "withdrawn", "outranked", "lost", "returned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """One import, correction or withdrawal of readings of a site, or readings that gave way to a higher trust class.

    Hours that a time-series database lost are ``lost`` once somebody decided so, and ``returned`` when they came back.

    Attributes:
        kind: which of them.
        by: who did it.
        reason: why, empty for an import.
        map_digest: of the map that the file was read by, empty without one.
    """

    kind: IntakeKind
    by: str
    reason: str = ""
    map_digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """What became of a correction: how many readings were replaced, withdrawn, new, or said the same before."""

    replaced: int = 0
    withdrawn: int = 0
    added: int = 0
    same: int = 0

    def __add__(self, other: "Corrected") -> "Corrected":
        return Corrected(
            replaced=self.replaced + other.replaced,
            withdrawn=self.withdrawn + other.withdrawn,
            added=self.added + other.added,
            same=self.same + other.same,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """A reading that no longer counts.

    Attributes:
        meter: its meter.
        time_us: its time in microseconds since 1970.
        value: what it said.
        now: what is said in its place, None where it was withdrawn.
        kind: ``corrected``, ``withdrawn``, or ``outranked`` by a reading of a higher trust class.
        by: who did it.
        reason: why.
        entry: number of the journal's entry, None where the journal does not have it yet.
    """

    meter: str
    time_us: int
    value: Fraction
    now: Fraction | None
    kind: str
    by: str
    reason: str
    entry: int | None


def note(connection: Statements, site: str, intake: Intake, meters: Mapping[str, Mapping[str, int | str]]) -> int:
    """Write down an intake, to be recorded in the journal; gives its number."""
    query = "insert into intake (site, kind, by, reason, meters, map, entry) values (?, ?, ?, ?, ?, ?, '') returning id"
    values = (site, intake.kind, intake.by, intake.reason, canonical_json(meters), intake.map_digest)
    return int(connection.execute(query, values).fetchone()[0])


def told_of(meter: MeterSpec, name: str, items: Sequence[Reading], trust: TrustClass) -> dict[str, int | str]:
    """How many readings there are and their digest, as whoever has the file can compute it."""
    lines = (
        reading_line((name, meter.kind, item.start_us, item.time_us, micro_of(item, name), trust)) for item in items
    )
    digest, count = digest_of_lines(READINGS_HEAD, lines)
    return {"readings": count, "digest": digest}


def note_outranked(
    connection: Statements, site: str, meters: Mapping[str, MeterSpec], moved: Mapping[str, Sequence[StoredRow]]
) -> None:
    """Keep readings that gave way to others of a higher trust class beside these, and have the journal told of it."""
    if not moved:
        return
    told: dict[str, Mapping[str, int | str]] = {}
    for name, rows in sorted(moved.items()):
        ordered = sorted(rows, key=lambda row: row[1])
        lines = (reading_line((name, meters[name].kind, row[2], row[1], row[3], row[4])) for row in ordered)
        digest, count = digest_of_lines(READINGS_HEAD, lines)
        told[name] = {"readings": count, "digest": digest}
    intake = Intake(kind="outranked", by="", reason="readings of a higher trust class, or a correction, stand there")
    number = note(connection, site, intake, told)
    connection.add_rows("superseded", [(number, *row) for some in moved.values() for row in some])


def correct_meter(  # noqa: PLR0917 - one row of a store
    connection: Statements,
    key: int,
    label: str,
    meter: MeterSpec,
    items: Sequence[Reading],
    trust: TrustClass,
    number: int,
    *,
    withdraw: bool,
) -> Corrected:
    """Replace or withdraw readings of one meter, keep what they said, and sum up again.

    Raises:
        ConflictError: when a reading that is to go is not there, or was removed, or what comes contradicts another.
    """
    bring_back(connection, key, items[0].time_us, items[-1].time_us)
    done, gone = Corrected(), within_stretches(connection, key, items)
    for item in items:
        micro = micro_of(item, label)
        query = "select start_us, micro, trust from reading where meter = ? and time_us = ?"
        row = connection.execute(query, (key, item.time_us)).fetchone()
        if item.time_us in gone:
            raise ConflictError(
                f"{label}: the readings around line {item.line} were removed, and sums cannot be corrected; nothing "
                "was stored"
            )
        if withdraw and (row is None or row[:2] != (item.start_us, micro)):
            raise ConflictError(f"{label} has no such reading as line {item.line}; nothing was withdrawn")
        if row is not None and row[:2] == (item.start_us, micro) and not withdraw:
            done += Corrected(same=1)
            continue
        if row is not None:
            connection.execute("insert into superseded values (?, ?, ?, ?, ?, ?)", (number, key, item.time_us, *row))
            connection.execute("delete from reading where meter = ? and time_us = ?", (key, item.time_us))
        if withdraw:
            done += Corrected(withdrawn=1)
            continue
        kept = trust if row is None else row[2]
        values = (key, item.time_us, item.start_us, micro, kept)
        connection.execute("insert into reading values (?, ?, ?, ?, ?)", values)
        connection.execute("insert into trust values (?, ?) on conflict do nothing", (key, kept))
        done += Corrected(replaced=1) if row is not None else Corrected(added=1)
    if withdraw:
        bring_back_last(connection, key)
    if done != Corrected(same=done.same):
        if not withdraw:
            require_near(connection, key, label, meter, [(item.start_us, item.time_us) for item in items])
        first = min(item.time_us if item.start_us is None else item.start_us for item in items)
        sum_up(connection, key, label, meter, first, items[-1].time_us)
    return done


def superseded(connection: Statements, site: str) -> Iterator[Superseded]:
    """The readings of a site that no longer count, in order."""
    query = (
        "select m.name, s.time_us, s.micro, r.micro, i.kind, i.by, i.reason, i.entry from superseded s "
        "join meter m on m.id = s.meter left join intake i on i.id = s.intake "
        "left join reading r on r.meter = s.meter and r.time_us = s.time_us where m.site = ? order by 1, 2, s.intake"
    )
    for name, time_us, micro, now, kind, by, reason, entry in connection.execute(query, (site,)):
        yield Superseded(
            meter=name,
            time_us=time_us,
            value=Fraction(micro, MICRO),
            now=None if now is None else Fraction(now, MICRO),
            kind=kind or "corrected",
            by=by or "",
            reason=reason or "",
            entry=json.loads(entry)["sequence"] if entry else None,
        )


def has_lost(connection: Statements, site: str) -> bool:
    """Whether hours of a site were ever declared lost."""
    query = "select 1 from intake where site = ? and kind = 'lost' limit 1"
    return connection.execute(query, (site,)).fetchone() is not None


def untold_intakes(connection: Statements) -> list[tuple[int, dict[str, Any]]]:
    """What came in and is not recorded yet, by its number, in order."""
    rows = connection.execute("select id, site, kind, by, reason, meters, map from intake where entry = '' order by id")
    return [
        (
            number,
            {"site": site, "what": kind, "by": by, "reason": reason, "meters": json.loads(meters)} | _by_map(digest),
        )
        for number, site, kind, by, reason, meters, digest in rows
    ]


def _by_map(digest: str) -> dict[str, str]:
    return {"map": digest} if digest else {}

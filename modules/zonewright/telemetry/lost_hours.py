"""Hours of readings that somebody declared lost, and those of them that came back: who decided it, and why.

The digest of such an hour stays, so that nothing else is taken for what was lost.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from zonewright.rules.words import count_of
from zonewright.telemetry.home import Statements
from zonewright.telemetry.summing import HOUR_US, moment

LOST, RETURNED = "lost", "returned"
"""Kinds of intakes that say so."""
_TIME = "%Y-%m-%dT%H:%MZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class LostHours:
    """Hours of one meter that one decision declared lost, or had count again.

    Attributes:
        meter: its id.
        begins_us: their begins in microseconds since 1970, in order.
        readings: how many readings they had.
        kind: ``lost`` or ``returned``.
        by: who decided it.
        reason: why.
        entry: number of the journal's entry, None where the journal does not have it yet.
    """

    meter: str
    begins_us: tuple[int, ...]
    readings: int
    kind: str
    by: str
    reason: str
    entry: int | None

    @property
    def sentence(self) -> str:
        """What happened, for people, and where the journal has it."""
        return self._sentence("not in the journal yet" if self.entry is None else f"journal entry {self.entry}")

    @property
    def finding(self) -> str:
        """The same for a figure: it is the same before the journal has it and after, as in evidence."""
        return self._sentence("")

    def _sentence(self, told: str) -> str:
        first, after = moment(self.begins_us[0]), moment(self.begins_us[-1] + HOUR_US)
        was = "was" if len(self.begins_us) == 1 else "were"
        what = "declared lost" if self.kind == LOST else "brought back after that"
        hours = count_of(len(self.begins_us), "hour")
        who = f"{self.by} ({told})" if told else self.by
        return f"{self.meter}: {hours} between {first} and {after} {was} {what} by {who}: {self.reason}"


def runs_text(begins_us: Iterable[int]) -> str:
    """Hours as the begin of each run of them and its length, such as ``2026-07-01T10:00Z+2h``."""
    return ", ".join(f"{moment(run[0])}+{len(run)}h" for run in runs_of(begins_us))


def runs_of(begins_us: Iterable[int]) -> list[list[int]]:
    """Begins of hours that follow one another, together."""
    found: list[list[int]] = []
    for begin in begins_us:
        if found and begin - found[-1][-1] <= HOUR_US:
            found[-1].append(begin)
        else:
            found.append([begin])
    return found


def lost_rows(connection: Statements, site: str) -> list[list[Any]]:
    """Each decision on lost hours of a site, in order: kind, meters as in the journal, who, why, and entry or 0."""
    query = "select kind, meters, by, reason, entry from intake where site = ? and kind in (?, ?) order by id"
    return [
        [kind, json.loads(meters), by, reason, json.loads(entry)["sequence"] if entry else 0]
        for kind, meters, by, reason, entry in connection.execute(query, (site, LOST, RETURNED))
    ]


def put_lost(connection: Statements, site: str, rows: Iterable[Sequence[Any]]) -> None:
    """Put such rows into a store that is made from evidence."""
    query = "insert into intake (site, kind, by, reason, meters, entry) values (?, ?, ?, ?, ?, ?)"
    for kind, meters, by, reason, entry in rows:
        connection.execute(query, (site, kind, by, reason, json.dumps(meters), json.dumps({"sequence": entry})))


def decided_hours(connection: Statements, site: str) -> list[LostHours]:
    """The same, one for each meter."""
    return [
        LostHours(
            meter=name,
            begins_us=tuple(_begins(said)),
            readings=said["readings"],
            kind=kind,
            by=by,
            reason=reason,
            entry=entry or None,
        )
        for kind, meters, by, reason, entry in lost_rows(connection, site)
        for name, said in sorted(meters.items())
    ]


def _begins(said: Mapping[str, Any]) -> Iterator[int]:
    """The hours that a decision names; an older version told how many there are, the first and the last only."""
    if "runs" not in said:
        first_us = _time_us(said["first"])
        yield from (first_us + number * HOUR_US for number in range(said["hours"] - 1))
        yield _time_us(said["last"])
        return
    for run in said["runs"].split(", "):
        begin, _, hours = run.partition("+")
        first_us = _time_us(begin)
        yield from (first_us + number * HOUR_US for number in range(int(hours.removesuffix("h"))))


def _time_us(text: str) -> int:
    return int(datetime.strptime(text, _TIME).replace(tzinfo=UTC).timestamp()) * 10**6


def still_lost(decided: Sequence[LostHours], start_us: int, end_us: int) -> list[LostHours]:
    """What is still lost of the hours that begin within a window, by decision."""
    found: list[LostHours] = []
    for number, one in enumerate(decided):
        if one.kind == LOST:
            later = (other for other in decided[number + 1 :] if other.meter == one.meter)
            gone = {begin for other in later for begin in other.begins_us}  # came back, or were declared lost once more
            left = tuple(begin for begin in one.begins_us if begin not in gone and start_us <= begin < end_us)
            found += [replace(one, begins_us=left)] if left else []
    return found

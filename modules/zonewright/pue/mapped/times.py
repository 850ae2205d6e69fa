"""Times as exports write them, to microseconds since 1970; the hour that autumn repeats and the one that spring lacks.

A time zone is an argument; nothing here asks the machine for one.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from fractions import Fraction

from zonewright.declare.problem import shown
from zonewright.model.csv_map import CsvMap
from zonewright.model.time_format import ISO, UNIX, UNIX_MS, time_pattern
from zonewright.pue.mapped.notes import Notes
from zonewright.pue.readings import MICROSECOND

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - local times are counted from it too
_EPOCH_DAY = EPOCH.toordinal()
_NUMBER = re.compile(r"[0-9]{1,14}(?:\.[0-9]{1,6})?", re.ASCII)
_OFFSET = re.compile(r"(?P<sign>[+-])(?P<hours>[0-9]{2}):?(?P<minutes>[0-9]{2})", re.ASCII)
_NOON, _CENTURY = 12, 2000
_TIMES = 2
"""How often a repeated hour comes."""
_LATEST = 253_402_300_800
"""Begin of the year 10000 in seconds since 1970."""
_DAY_US = 86_400 * 10**6
_NOT_THERE, _TWICE = "a time that the clock left out when it was set", "a time that came twice when the clock was set"


@dataclass(slots=True)
class Stamp:
    """One time of a file.

    Attributes:
        line: its line.
        local_us: microseconds since 1970 by the clock of the zone; of UTC where ``offset_us`` is 0.
        offset_us: what UTC lacks to it; None until it is known.
        series: rows of one series are in order: a meter in a long file, all rows in a wide one.
        at_us: microseconds since 1970, or None where it is no time that counts.
    """

    line: int
    local_us: int
    offset_us: int | None
    series: str
    at_us: int | None = None


class WallClock:
    """Reads times by a map.

    Args:
        csv_map: the map.
        zone: its time zone, or None.
    """

    def __init__(self, csv_map: CsvMap, zone: tzinfo | None) -> None:
        self.time, self.zone = csv_map.time, zone
        self._order = csv_map.order
        known = (ISO, UNIX, UNIX_MS)
        self._pattern = None if self.time.format in known else time_pattern(self.time.format)
        self._known: dict[int, tuple[int, int]] = {}

    def read(self, text: str, line: int, series: str) -> Stamp:
        """A time as it is written, without its place in UTC where the zone must say it.

        Raises:
            ValueError: when it is none, with a sentence.
        """
        if self.time.format in (UNIX, UNIX_MS):
            return Stamp(line, self._counted(text), 0, series)
        try:
            local, offset = self._iso(text) if self._pattern is None else self._formatted(text)
            _require(_DAY_US <= local < _LATEST * 10**6 - _DAY_US)
        except (ValueError, OverflowError):
            wanted = "ISO 8601" if self._pattern is None else f"as '{self.time.format}'"
            raise ValueError(f"expected a time {wanted}, got {shown(text)}; correct the cell, or the map") from None
        if offset is None and self.zone is None:
            raise ValueError(f"{shown(text)} has no offset, and the map no zone; write time.zone into the map")
        return Stamp(line, local, offset, series)

    def _counted(self, text: str) -> int:
        factor = 10**6 if self.time.format == UNIX else 10**3
        moment = Fraction(text) * factor if _NUMBER.fullmatch(text) else Fraction(-1)
        if moment.denominator != 1 or not 0 <= moment < _LATEST * 10**6:
            unit = "seconds" if self.time.format == UNIX else "milliseconds"
            raise ValueError(f"expected {unit} since 1970, got {shown(text)}; correct the cell, or the map")
        return int(moment)

    @staticmethod
    def _iso(text: str) -> tuple[int, int | None]:
        moment = datetime.fromisoformat(text)
        offset = moment.utcoffset()
        local = (moment.replace(tzinfo=None) - EPOCH) // MICROSECOND
        return local, None if offset is None else offset // MICROSECOND

    def _formatted(self, text: str) -> tuple[int, int | None]:
        match = self._pattern.fullmatch(text) if self._pattern is not None else None
        if match is None:
            raise ValueError(text)
        found = match.groupdict()
        year = int(found["Y"]) if found.get("Y") else _CENTURY + int(found["y"])
        days = date(year, int(found["m"]), int(found.get("d") or 1)).toordinal() - _EPOCH_DAY
        parts = [int(found.get("M") or 0), int(found.get("S") or 0)]
        micro = int((found.get("f") or "0").ljust(6, "0"))
        if max(parts) > 59:  # noqa: PLR2004 - of an hour and a minute
            raise ValueError(text)
        seconds = days * 86_400 + _hour(found, parts, micro) * 3_600 + parts[0] * 60 + parts[1]
        return seconds * 10**6 + micro, _offset_us(found.get("z"))

    def resolve(self, stamps: Sequence[Stamp], notes: Notes) -> None:
        """Find the place of each time in UTC; faults and what was decided go into the notes.

        Args:
            stamps: of all series, in the order of the file.
            notes: takes faults by line, what is left out, and how a time was understood.
        """
        series: dict[str, list[Stamp]] = {}
        for one in stamps:
            series.setdefault(one.series, []).append(one)
        for items in series.values():
            ordered = items[::-1] if self._order == "newest-first" else items
            self._place(ordered, notes)
            notes.faults += self._out_of_order(ordered)

    def _place(self, items: Sequence[Stamp], notes: Notes) -> None:
        """Times of one series, the oldest first."""
        repeated: dict[tuple[int, int, int], list[Stamp]] = {}
        for one in items:
            if one.offset_us is not None or self.zone is None:
                one.at_us = one.local_us - (one.offset_us or 0)
                continue
            early, late = self._offsets(one.local_us)
            if early == late:
                one.at_us = one.local_us - early
                before = self._offsets(one.local_us - 1)
                if (
                    before[0] > before[1]
                ):  # the end of the repeated hour: of the first one, if it comes before the second
                    repeated.setdefault(self._hour_of(one.local_us - 1, before), []).append(one)
            elif early > late:
                repeated.setdefault(self._hour_of(one.local_us, (early, late)), []).append(one)
            else:
                self._spring(one, early, late, notes)
        for (begin, early, late), stamps in repeated.items():
            end = begin + early - late
            if any(one.local_us < end for one in stamps):
                self._autumn(stamps, end, (early, late), notes)

    def _hour_of(self, local_us: int, offsets: tuple[int, int]) -> tuple[int, int, int]:
        """Begin of the repeated time that a time lies in, and the offsets before and after it."""
        low, high = local_us - (offsets[0] - offsets[1]), local_us
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._offsets(middle) == offsets else (middle, high)
        return high, *offsets

    def _autumn(self, stamps: Sequence[Stamp], end_us: int, offsets: tuple[int, int], notes: Notes) -> None:
        """The repeated hour of one series: ``stamps`` are its times and those of its end, the oldest first."""
        inside = [one for one in stamps if one.local_us < end_us]
        lines = [one.line for one in inside]
        choice = self.time.repeated_hour
        if choice == "in-order":
            runs = _runs(stamps)
            while len(runs) > _TIMES and runs[-1][0].local_us == end_us:
                runs.pop()
            if len(runs) != _TIMES or runs[0][0].local_us == end_us:
                when = told(inside[0].local_us)
                notes.fault(
                    inside[0].line,
                    f"{when} is in the hour that the clock of {self.time.zone} repeats, and the rows do "
                    f"not pass through it twice, one after the other; write offsets, or repeated_hour: first or second",
                )
                return
            for run, offset in zip(runs, offsets, strict=True):
                for one in run:
                    one.at_us = one.local_us - offset
            notes.decided(f"{_TWICE}: in the order of the rows, first summer time", lines)
        elif choice == "refuse":
            for one in inside:
                notes.fault(
                    one.line,
                    f"{told(one.local_us)} comes twice in {self.time.zone}, when the clock is set back; say which one "
                    "it is by repeated_hour in the map",
                )
        else:
            for one in inside:
                one.at_us = one.local_us - offsets[0 if choice == "first" else 1]
            notes.decided(f"{_TWICE}: taken for the {choice} one", lines)

    def _spring(self, one: Stamp, early: int, late: int, notes: Notes) -> None:
        """A time in the hour that is left out; its begin is the moment at which the clock is set."""
        before = self._offsets(one.local_us - 1)
        if before[0] == before[1] or self.time.missing_hour == "shift":
            one.at_us = one.local_us - early
            if before[0] != before[1]:
                notes.decided(f"{_NOT_THERE}: taken as if it had not been set", [one.line])
        elif self.time.missing_hour == "leave-out":
            notes.leave_out(_NOT_THERE, one.line)
        else:
            ahead = timedelta(microseconds=late - early)
            notes.fault(
                one.line,
                f"{told(one.local_us)} does not exist in {self.time.zone}, where the clock is set {ahead} ahead; write "
                "the zone that the meter keeps, such as +01:00, or missing_hour into the map",
            )

    def _offsets(self, local_us: int) -> tuple[int, int]:
        """What UTC lacks to a local time: the first time that it comes, and the second."""
        if local_us in self._known:
            return self._known[local_us]
        local = (EPOCH + local_us * MICROSECOND).replace(tzinfo=self.zone)
        first = local.utcoffset() or timedelta()
        second = local.replace(fold=1).utcoffset() or timedelta()
        self._known[local_us] = first // MICROSECOND, second // MICROSECOND
        return self._known[local_us]

    def midnight_us(self, at_us: int, *, days: int = 0) -> int:
        """Begin of the day of the zone that a moment lies in, so many days later."""
        return self._utc(self._day(at_us) + timedelta(days=days))

    def month_us(self, at_us: int, *, months: int = 0) -> int:
        """Begin of the month of the zone that a moment lies in, so many months later."""
        day = self._day(at_us)
        number = day.year * 12 + day.month - 1 + months
        return self._utc(day.replace(year=number // 12, month=number % 12 + 1, day=1))

    def _day(self, at_us: int) -> datetime:
        moment = (EPOCH + at_us * MICROSECOND).replace(tzinfo=UTC).astimezone(self.zone)
        return moment.replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)

    def _utc(self, day: datetime) -> int:
        local_us = (day - EPOCH) // MICROSECOND
        return local_us - self._offsets(local_us)[0]

    def _out_of_order(self, items: Sequence[Stamp]) -> Iterator[tuple[int, str]]:
        """Rows that run the other way: then the repeated hour would be exchanged."""
        placed = [one for one in items if one.at_us is not None]
        if self._order == "any" or not placed:
            return
        first, last = placed[0].at_us or 0, placed[-1].at_us or 0
        if first > last:
            other = "newest-first" if self._order == "oldest-first" else "oldest-first"
            yield (
                min(placed[0].line, placed[-1].line),
                f"the rows do not run {self._order}, as the map says; write order: {other}, or any",
            )


def _require(is_so: bool) -> None:  # noqa: FBT001 - private
    if not is_so:
        raise ValueError


def _runs(stamps: Sequence[Stamp]) -> list[list[Stamp]]:
    """Times that rise, each time that they do."""
    runs: list[list[Stamp]] = []
    for one in stamps:
        if not runs or one.local_us <= runs[-1][-1].local_us:
            runs.append([])
        runs[-1].append(one)
    return runs


def _hour(found: dict[str, str | None], parts: Sequence[int], micro: int) -> int:
    """The hour of a day, also 24:00, which is its end."""
    half = found.get("p")
    if half:
        hour = int(found["I"] or 0)
        if not 1 <= hour <= _NOON:
            raise ValueError(hour)
        return hour % _NOON + (_NOON if half[0] in "pP" else 0)
    hour = int(found.get("H") or 0)
    if hour > 24 or (hour == 24 and (any(parts) or micro)):  # noqa: PLR2004 - the end of a day
        raise ValueError(hour)
    return hour


def _offset_us(text: str | None) -> int | None:
    if text is None:
        return None
    match = _OFFSET.fullmatch(text)
    if match is None:
        return 0
    seconds = int(match["hours"]) * 3600 + int(match["minutes"]) * 60
    return (-seconds if match["sign"] == "-" else seconds) * 10**6


def told(local_us: int) -> str:
    """A local time for people."""
    return f"{EPOCH + local_us * MICROSECOND:%Y-%m-%d %H:%M}"

"""A store of readings in memory: small enough to see through, and held to the same contract as the one on SQLite."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

from zonewright.model.base import TRUST_ORDER, TrustClass
from zonewright.pue import MeterSpec, Reading
from zonewright.pue.pieces import pieces_of
from zonewright.telemetry import Appended, ConflictError
from zonewright.telemetry.correcting import Superseded
from zonewright.telemetry.summing import (
    DAY_US,
    HOUR_US,
    Bin,
    DayExtremes,
    Sum,
    as_reading,
    by_hour,
    complete_stretches,
)

_SIX_DECIMALS = 10**6


def _by_day(hours: Iterable[Bin]) -> list[Bin]:
    """Hours summed up by day (UTC)."""
    bins: dict[int, list[int]] = {}
    for hour in hours:
        held = bins.setdefault(hour.begin_us // DAY_US * DAY_US, [0, 0])
        held[0] += hour.energy_mj
        held[1] += hour.covered_us
    return [Bin(begin, held[0], held[1]) for begin, held in bins.items()]


@dataclass
class _Meter:
    spec: MeterSpec
    items: dict[int, Reading] = field(default_factory=dict)
    trusts: dict[int, TrustClass] = field(default_factory=dict)
    ever: set[TrustClass] = field(default_factory=set)
    sums: dict[int, Bin] = field(default_factory=dict)
    """Hours whose readings were removed."""
    gone: set[tuple[int, Fraction | int]] = field(default_factory=set)
    """Times and values that gave way to a higher trust class."""
    _hours: list[Bin] | None = None

    def changed(self) -> None:
        """Its hours are summed up again when somebody asks."""
        self._hours = None

    def ordered(self) -> list[Reading]:
        """Its readings in order."""
        return [self.items[moment] for moment in sorted(self.items)]

    def hours(self) -> list[Bin]:
        """Its hours in order, those that were summed up and removed first of all."""
        if self._hours is None:
            self._hours = self._summed_up()
        return self._hours

    def _summed_up(self) -> list[Bin]:
        if not self.items:
            return []
        start = min(*self.items, *(one.start_us or 2**62 for one in self.items.values()), *self.sums, 2**62)
        end = max(*self.items, *self.sums, 0) // DAY_US * DAY_US + DAY_US
        known = [*self.ordered(), *map(as_reading, self.sums.values())]
        return sorted(by_hour(pieces_of(self.spec, known), start // DAY_US * DAY_US, end))


class MemoryStore:
    """Keeps readings in dictionaries and sums them up when it is asked."""

    def __init__(self) -> None:
        self._meters: dict[tuple[str, str], _Meter] = {}

    def append(
        self,
        site: str,
        meters: Mapping[str, MeterSpec],
        readings: Mapping[str, Sequence[Reading]],
        *,
        trust: TrustClass,
    ) -> Appended:
        """Check all, then keep all."""
        done, changed = Appended(), dict(self._meters)
        for name, items in readings.items():
            held = self._meters.get((site, name), _Meter(meters[name]))
            if held.spec.kind != meters[name].kind:
                raise ConflictError(f"meter {name} of {site} is stored as a {held.spec.kind}")
            fresh = _Meter(meters[name], dict(held.items), dict(held.trusts), set(held.ever), held.sums, set(held.gone))
            changed[site, name] = fresh
            for item in items:
                done += _keep(fresh, item, trust)
            _refuse_overlaps(fresh.ordered())
        self._meters = changed
        return done

    def readings(
        self, site: str, start_us: int, end_us: int, doubtful: Collection[tuple[int, int]] = ()
    ) -> dict[str, list[Reading]]:
        """All of them: more than a window needs does no harm."""
        del start_us, end_us, doubtful
        return {
            name: sorted([*held.ordered(), *map(as_reading, held.sums.values())], key=lambda item: item.time_us)
            for name, held in self._of(site).items()
        }

    def sums(self, site: str, start_us: int, end_us: int) -> dict[str, Sum]:
        """From the hours, which are summed up anew after each change."""
        found = {}
        for name, held in self._of(site).items():
            inside = [one for one in held.hours() if start_us <= one.begin_us < end_us]
            energies = [one.energy_mj for one in self._days(held, start_us, end_us)]
            days = None  # of gauges any may repeat itself, which is looked at then
            if energies:
                days = DayExtremes(
                    min(energies), max(energies), repeats=held.spec.kind == "gauge" and max(energies) > 0
                )
            found[name] = Sum(sum(one.energy_mj for one in inside), sum(one.covered_us for one in inside), days)
        return found

    def low_days(self, site: str, meters: Mapping[str, MeterSpec], start_us: int, end_us: int) -> list[int]:
        """From the same hours."""
        sums: dict[int, int] = {}
        for name, held in self._of(site).items():
            for one in self._days(held, start_us, end_us) if name in meters else ():
                sign = 1 if meters[name].role == "total" else -1
                sums[one.begin_us] = sums.get(one.begin_us, 0) + sign * one.energy_mj
        return sorted(day for day, energy in sums.items() if energy < 0)

    def stood(self, site: str, meters: Mapping[str, MeterSpec], start_us: int, end_us: int) -> list[tuple[int, int]]:
        """Any meter that counted something may have stood still since, which is looked at then."""
        held = [one for name, one in self._of(site).items() if name in meters and any(h.energy_mj for h in one.hours())]
        return [(start_us, end_us) for _ in held]

    def _days(self, held: _Meter, start_us: int, end_us: int) -> list[Bin]:
        return [one for one in _by_day(held.hours()) if start_us <= one.begin_us and one.begin_us + DAY_US <= end_us]

    def days(self, site: str, start_us: int, end_us: int) -> dict[str, list[Bin]]:
        """Summed up again each time."""
        return {name: self._days(held, start_us, end_us) for name, held in self._of(site).items()}

    def last(self, site: str) -> dict[str, tuple[int, TrustClass]]:
        """Time and trust of the last reading by meter."""
        return {name: (max(held.items), held.trusts[max(held.items)]) for name, held in self._of(site).items()}

    def trusts(self, site: str, meter: str | None = None) -> frozenset[TrustClass]:
        """Trust classes of all readings of energy that a site ever had, or of those of one meter."""
        wanted = [
            held
            for name, held in self._of(site).items()
            if (held.spec.kind != "temperature" if meter is None else name == meter)
        ]
        return frozenset(trust for held in wanted for trust in held.ever)

    def refresh(self, site: str, meters: Mapping[str, MeterSpec]) -> None:
        """All is summed up again, under what is declared now."""
        for name, held in self._of(site).items():
            held.spec = meters.get(name, held.spec)
            held.changed()

    def superseded(self, site: str) -> list[Superseded]:
        """It knows no corrections."""
        del site
        return []

    def prune(self, before_us: int) -> int:
        """Keep of each stretch its first and its last reading, and its hours."""
        removed = 0
        parts = {
            key: {one.begin_us for one in held.hours() if one.covered_us < HOUR_US}
            for key, held in self._meters.items()
        }
        for (site, _), held in self._meters.items():
            hours = held.hours()
            partial = {begin for key, some in parts.items() if key[0] == site for begin in some - held.sums.keys()}
            until = max(before_us, max(held.sums, default=0) + HOUR_US)
            for begin, end in complete_stretches(hours, until, partial):
                held.sums |= {one.begin_us: one for one in hours if begin <= one.begin_us < end}
                within = [
                    one for one in held.ordered() if begin <= (one.start_us or one.time_us) and one.time_us <= end
                ]
                inside = [one.time_us for one in within]
                is_interval = held.spec.kind == "interval"
                gone = [moment for moment in inside if moment != max(held.items)] if is_interval else inside[1:-1]
                for moment in gone:
                    del held.items[moment], held.trusts[moment]
                removed += len(gone)
            held.changed()
        return removed

    def _of(self, site: str) -> dict[str, _Meter]:
        return {name: held for (one, name), held in self._meters.items() if one == site and held.items}


def _keep(held: _Meter, item: Reading, trust: TrustClass) -> Appended:
    if (item.value * _SIX_DECIMALS).denominator != 1:
        raise ConflictError(f"line {item.line}: expected at most six decimals")
    known = held.items.get(item.time_us)
    if known is not None:
        there = held.trusts[item.time_us]
        is_higher = TRUST_ORDER.index(trust) < TRUST_ORDER.index(there)
        if (known.start_us, known.value) == (item.start_us, item.value):
            _raise_trust(held, item, trust if is_higher else there)
            return Appended(known=1, raised=int(is_higher))
        if trust == there or known.start_us != item.start_us:
            raise ConflictError(f"line {item.line}: another reading at that time")
        gone = (item.time_us, known.value if is_higher else item.value)
        if not is_higher and gone in held.gone:
            return Appended(known=1)
        held.gone.add(gone)
        if is_higher:
            held.items[item.time_us] = item
            _raise_trust(held, item, trust)
        return Appended(outranked=1)
    low = item.time_us if item.start_us is None else item.start_us
    high = item.time_us if item.start_us is None else item.time_us - 1
    if all(hour // HOUR_US * HOUR_US in held.sums for hour in (low, high)) and not _is_edge(held, item):
        return Appended(summed=1)
    held.items[item.time_us], held.trusts[item.time_us] = item, trust
    held.ever.add(trust)
    return Appended(added=1)


def _raise_trust(held: _Meter, item: Reading, trust: TrustClass) -> None:
    held.trusts[item.time_us] = trust
    held.ever = held.ever & {*held.trusts.values()} if not held.sums else held.ever
    held.ever.add(trust)


def _is_edge(held: _Meter, item: Reading) -> bool:
    """A reading at the begin of a stretch lies beside it, as one at its end does."""
    return item.start_us is None and item.time_us % HOUR_US == 0 and item.time_us - HOUR_US not in held.sums


def _refuse_overlaps(items: Sequence[Reading]) -> None:
    for one, two in pairwise(items):
        if two.start_us is not None and two.start_us < one.time_us:
            raise ConflictError("intervals overlap")

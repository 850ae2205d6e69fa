"""Hourly sums in the place of readings that were removed before a decision, and what the journal recorded of that."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain

from zonewright.audit.checks import Check, good, open_, wrong
from zonewright.ledger.journal import entry_hash
from zonewright.ledger.messages import JournalEntry
from zonewright.ledger.pruning import KIND
from zonewright.ledger.snapshot import READINGS_BACK
from zonewright.model.canonical import digest_of
from zonewright.rules.words import some
from zonewright.telemetry.registers import EPOCH, MICROSECOND, SUMS_HEAD, digest_of_lines, sum_line, window_of
from zonewright.telemetry.removing import Removal, removals_in, removals_text
from zonewright.telemetry.summing import HOUR_US, Bin

PRUNED, SUMS = "pruned/", "sums/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An entry of the journal on a removal, as a snapshot has it, with the removals at one site."""

    site: str
    entry: JournalEntry
    removals: Sequence[Removal]

    def faults(self, journal: Mapping[int, JournalEntry]) -> Iterator[str]:
        """What is wrong with it.

        Args:
            journal: entries of the bundle's journal by sequence; empty where the bundle has none.
        """
        entry = self.entry
        if entry.hash != entry_hash(entry.model_dump()):
            yield f"the snapshot's entry {entry.sequence} was altered"
        sites = entry.payload.get("sites")
        said = sites.get(self.site) if entry.kind == KIND and isinstance(sites, dict) else None
        if said != digest_of(removals_text(self.removals)):
            yield f"entry {entry.sequence} recorded other removals at {self.site}"
        if journal and journal.get(entry.sequence) != entry:
            yield f"the journal does not have the snapshot's entry {entry.sequence}"


def recorded(texts: Mapping[str, str]) -> list[Recorded]:
    """What a snapshot has of the journal's entries on removals, by site and in order.

    Args:
        texts: texts by name; others than these are passed over.

    Raises:
        ValueError: when one is not what its name says.
    """
    found = []
    for name, text in sorted(texts.items()):
        if name.startswith(PRUNED):
            for one in json.loads(text):
                entry = JournalEntry.model_validate(one["entry"])
                found.append(Recorded(site=name.split("/")[1], entry=entry, removals=removals_in(one["removed"])))
    return found


def hours_in(texts: Mapping[str, str], site: str) -> dict[str, list[Bin]]:
    """The hours of a site that stand for removed readings, by meter and in order.

    Raises:
        ValueError: when a text is none of sums.
    """
    found: dict[str, list[Bin]] = defaultdict(list)
    for name, text in sorted(texts.items()):
        if name.startswith(f"{SUMS}{site}/"):
            head, *lines = text.splitlines()
            if head != SUMS_HEAD:
                raise ValueError(f"expected sums that begin with '{SUMS_HEAD}', got '{head[:60]}'")
            for line in lines:
                _meter, begin, energy = line.split(",")
                found[name.split("/")[2]].append(Bin(int(begin), int(energy), HOUR_US))
    return dict(found)


def pruned_checks(texts: Mapping[str, str], at: str, journal: Iterable[JournalEntry], word: str) -> Iterator[Check]:
    """Whether the sums are those that the journal recorded when the readings went; says what rests on them.

    Args:
        texts: the texts of a snapshot by name.
        at: its moment.
        journal: the bundle's journal; empty in a bundle of a plan that is not registered.
        word: when it was decided.
    """
    name = f"pruned readings {word}"
    sites = sorted({one.split("/")[1] for one in texts if one.startswith((SUMS, PRUNED))})
    if not sites:
        return
    told, entries = recorded(texts), {entry.sequence: entry for entry in journal}
    found = [_Site.of(site, hours_in(texts, site), [one for one in told if one.site == site], at) for site in sites]
    faults = list(chain(*(one.faults(entries) for one in told), *(one.faults for one in found)))
    detail = "; ".join(one.sentence for one in found)
    if faults:
        shown = "; ".join(faults[:3]) + (f"; and {len(faults) - 3} more" if len(faults) > 3 else "")  # noqa: PLR2004
        yield wrong(name, shown)
    elif entries:
        yield good(name, detail)
    else:
        yield open_(name, f"{detail}; that the journal has these entries: the bundle was written without it")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Site:
    """One site: what is wrong with its sums, and what rests on them."""

    faults: list[str] = field(default_factory=list)
    sentence: str

    @classmethod
    def of(cls, site: str, hours: Mapping[str, Sequence[Bin]], told: Sequence[Recorded], at: str) -> "_Site":
        start_us = window_of(datetime.fromisoformat(at) - READINGS_BACK)
        left = {meter: {one.begin_us: one.energy_mj for one in bins} for meter, bins in hours.items()}
        faults, readings, moments = [], 0, []
        for one in told:
            for removal in one.removals:
                if removal.begin_us < start_us:
                    continue
                readings += removal.readings
                moments.append(one.entry.at[:10])
                span = range(removal.begin_us, removal.end_us, HOUR_US)
                of_meter = left.get(removal.meter, {})
                lines = [sum_line(removal.meter, begin, of_meter.pop(begin)) for begin in span if begin in of_meter]
                if digest_of_lines(SUMS_HEAD, lines)[0] != removal.sums:
                    days = f"from {_day(removal.begin_us)} to {_day(removal.end_us)}"
                    sentence = f"the sums of {removal.meter} of {site} {days} are not those of entry"
                    faults.append(f"{sentence} {one.entry.sequence}")
        for meter, rest in sorted(left.items()):
            if rest:
                what = f"{some(len(rest), 'hour')} of {meter} of {site} from {_day(min(rest))} on"
                faults.append(
                    f"{what} are sums that the journal has no record of; run zonewright pue prune, plan again"
                )
        known = [one.begin_us for bins in hours.values() for one in bins]
        if not known:
            return cls(faults=faults, sentence=f"{site}: only single readings are gone, no hour rests on a sum")
        what = (
            f"{some(len(known), 'hour')} of {some(len(hours), 'meter')} from {_day(min(known))} to {_day(max(known))}"
        )
        instead = f"hourly sums in the place of {some(readings, 'reading')}"
        when = f"as the journal recorded {_span(moments)}"
        return cls(faults=faults, sentence=f"{site}: {what} rest on {instead}, {when}; all else on registers")


def _span(days: Sequence[str]) -> str:
    first, last = min(days, default="nowhere"), max(days, default="nowhere")
    return f"on {first}" if first == last else f"from {first} to {last}"


def _day(time_us: int) -> str:
    return (EPOCH + time_us * MICROSECOND).date().isoformat()

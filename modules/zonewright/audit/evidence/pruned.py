"""Hourly sums in the place of readings that were removed before a decision, and what the journal recorded of that."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain

from zonewright.audit.evidence.checks import Check, good, open_, wrong
from zonewright.audit.evidence.site_renames import SiteRenames
from zonewright.ledger.deciding.snapshot import READINGS_BACK
from zonewright.ledger.protocol.journal_messages import JournalEntry
from zonewright.ledger.store.journal import entry_hash
from zonewright.ledger.verbs.pruning import KIND
from zonewright.model.canonical import digest_of
from zonewright.rules.words import count_of
from zonewright.telemetry.register_lines import SUMS_HEAD, digest_of_lines, sum_line
from zonewright.telemetry.registers import EPOCH, MICROSECOND, window_of
from zonewright.telemetry.removing import Removal, removals_in, removals_text
from zonewright.telemetry.summing import DAY_US, HOUR_US, Bin
from zonewright.telemetry.tables import FOREVER

PRUNED, SUMS = "pruned/", "sums/"
_MEASURED = ("readings/", SUMS, PRUNED, "trusts/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An entry of the journal on a removal, as a snapshot has it, with the removals at one site."""

    site: str
    entry: JournalEntry
    removals: Sequence[Removal]

    def digests(self, names: SiteRenames) -> set[str]:
        """What the entry says of the site, by whatever name it had then.

        Args:
            names: how sites were renamed up to the snapshot.
        """
        entry = self.entry
        said = entry.payload["sites"] if _has_sites(entry) else {}
        return {digest for then, digest in said.items() if names.now(then, since=entry.sequence) == self.site}

    def faults(self, journal: Mapping[int, JournalEntry], names: SiteRenames) -> Iterator[str]:
        """What is wrong with it.

        Args:
            journal: entries of the bundle's journal by sequence; empty where the bundle has none.
            names: how sites were renamed up to the snapshot, as that journal has it.
        """
        entry = self.entry
        if entry.hash != entry_hash(entry.model_dump()):
            yield f"the snapshot's entry {entry.sequence} was altered"
        said = self.digests(names)
        if not (said or journal) and _has_sites(entry):
            said = set(entry.payload["sites"].values())  # nothing here tells renames, and then all of this stays open
        if digest_of(removals_text(self.removals)) not in said:
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


def removals_at(
    entries: Iterable[JournalEntry], texts: Mapping[str, str], at: str, names: SiteRenames
) -> Iterator[tuple[str, str, JournalEntry]]:
    """The entries of a journal on removals of hours that the figures of a snapshot rest on.

    Args:
        entries: entries of a journal.
        texts: the texts of the snapshot by name.
        at: its moment.
        names: how sites were renamed up to it.

    Yields:
        The site, as the snapshot calls it and as the entry does, and the entry.
    """
    sites = {one.removesuffix(".json").split("/")[1] for one in texts if one.startswith(_MEASURED)}
    for entry in entries:
        for then in late_sites(entry, at):
            if (site := names.now(then, since=entry.sequence)) in sites:
                yield site, then, entry


def late_sites(entry: JournalEntry, at: str) -> list[str]:
    """The sites, as an entry calls them, of which it tells removals of hours that figures of a moment may rest on.

    Args:
        entry: of the journal; other ones than those on removals have none.
        at: the moment.
    """
    if not _has_sites(entry):
        return []
    until_us, start_us = entry.payload.get("until_us", {}), _start_of(at)
    return [site for site in sorted(entry.payload["sites"]) if until_us.get(site, FOREVER) > start_us]


def _start_of(at: str) -> int:
    return window_of(datetime.fromisoformat(at) - READINGS_BACK)


def names_at(
    journal: Iterable[JournalEntry], texts: Mapping[str, str], at: str, pending: Mapping[str, str]
) -> SiteRenames:
    """How sites were renamed up to a snapshot.

    Args:
        journal: entries of a journal.
        texts: the texts of the snapshot by name.
        at: its moment.
        pending: new name by old name of what its own change renames; a name that a site still has is none of these.
    """
    own = {old: new for old, new in pending.items() if f"assets/{old}.json" not in texts}
    return SiteRenames.of((one for one in journal if one.at <= at), own)


def pruned_checks(
    texts: Mapping[str, str],
    at: str,
    journal: Iterable[JournalEntry],
    word: str,
    pending: Mapping[str, str] | None = None,
) -> Iterator[Check]:
    """Whether the sums are those that the journal recorded when the readings went; says what rests on them.

    Args:
        texts: the texts of a snapshot by name.
        at: its moment.
        journal: the bundle's journal; empty in a bundle of a plan that is not registered.
        word: when it was decided.
        pending: new name by old name of what the snapshot's own change renames.
    """
    name = f"pruned readings {word}"
    told, entries = recorded(texts), {entry.sequence: entry for entry in journal}
    names = names_at(entries.values(), texts, at, pending or {})
    kept = list(_not_told(told, (one for one in entries.values() if one.at <= at), texts, at, names))
    sites = sorted({one.split("/")[1] for one in texts if one.startswith((SUMS, PRUNED))})
    if not sites and not kept:
        return
    found = [_Site.of(site, hours_in(texts, site), [one for one in told if one.site == site], at) for site in sites]
    faults = [*kept, *chain(*(one.faults(entries, names) for one in told), *(one.faults for one in found))]
    detail = "; ".join(one.sentence for one in found)
    unknown = [one.unknown for one in found if one.unknown]
    if faults:
        shown = "; ".join(faults[:3]) + (f"; and {len(faults) - 3} more" if len(faults) > 3 else "")  # noqa: PLR2004
        yield wrong(name, shown)
    elif not entries:
        yield open_(name, f"{detail}; not checked: this bundle has no journal to find these entries in")
    elif unknown:
        yield open_(name, f"{detail}; {'; '.join(unknown)}")
    else:
        yield good(name, detail)


def _not_told(
    told: Sequence[Recorded], entries: Iterable[JournalEntry], texts: Mapping[str, str], at: str, names: SiteRenames
) -> Iterator[str]:
    """Entries that the snapshot lacks: who takes an older one out of the store could have other sums recorded again.

    One whose removals another entry recorded once more, by the same digest, is not missed.
    """
    known = {(one.site, digest) for one in told for digest in one.digests(names)}
    for site, then, entry in removals_at(entries, texts, at, names):
        if (site, entry.payload["sites"][then]) not in known:
            what = f"entry {entry.sequence} of {entry.at[:10]} recorded a removal at {then}"
            yield (
                f"{what}, and the snapshot does not have it; the store of readings was altered or "
                "restored from an older copy"
            )


def _has_sites(entry: JournalEntry) -> bool:
    return entry.kind == KIND and isinstance(entry.payload.get("sites"), dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Site:
    """One site: what is wrong with its sums, what rests on them, and which of them stand for no recorded reading."""

    faults: list[str] = field(default_factory=list)
    sentence: str
    unknown: str = ""

    @classmethod
    def of(cls, site: str, hours: Mapping[str, Sequence[Bin]], told: Sequence[Recorded], at: str) -> "_Site":
        start_us = _start_of(at)
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
                    sentence = f"the sums of {removal.meter} at {site} {days} differ from those of entry"
                    faults.append(f"{sentence} {one.entry.sequence}")
        for meter, rest in sorted(left.items()):
            if rest:
                what = f"{count_of(len(rest), 'hour')} of {meter} of {site} from {_day(min(rest))} on"
                faults.append(
                    f"{what} are sums, but the journal has no record of them; run zonewright pue prune, then plan again"
                )
        known = [one.begin_us for bins in hours.values() for one in bins]
        if not known:
            return cls(faults=faults, sentence=f"{site}: the figures rest on no sums")
        what = (
            f"{count_of(len(known), 'hour')} of {count_of(len(hours), 'meter')} from {_day(min(known))} to "
            f"{_day(max(known))}"
        )
        instead = f"hourly sums that replaced {count_of(readings, 'reading')}"
        when = f"as the journal recorded {_span(moments)}"
        unknown = _unknown(removal for one in told for removal in one.removals if removal.begin_us >= start_us)
        missed = f"{count_of(unknown, 'hour')} at {site} are sums, and the journal knows no readings that they replaced"
        return cls(
            faults=faults,
            sentence=f"{site}: {what} rest on {instead}, {when}; everything else rests on registers",
            unknown=f"{missed}: compare them with your copies of the meters' readings" if unknown else "",
        )


def _unknown(removals: Iterable[Removal]) -> int:
    """How many hours stand for no reading, without those that lay between two: at the edge of a month, within a day."""
    hours, last = 0, ("", 0, 0)
    for one in sorted(one for one in removals if not one.readings):
        meter, begin_us, end_us = last
        if (meter, end_us) == (one.meter, one.begin_us):
            last = (meter, begin_us, one.end_us)
            continue
        hours += _hours(begin_us, end_us)
        last = (one.meter, one.begin_us, one.end_us)
    return hours + _hours(*last[1:])


def _hours(begin_us: int, end_us: int) -> int:
    return (end_us - begin_us) // HOUR_US if end_us - begin_us > DAY_US else 0


def _span(days: Sequence[str]) -> str:
    first, last = min(days, default="nowhere"), max(days, default="nowhere")
    return f"on {first}" if first == last else f"from {first} to {last}"


def _day(time_us: int) -> str:
    return (EPOCH + time_us * MICROSECOND).date().isoformat()

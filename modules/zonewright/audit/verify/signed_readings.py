"""The readings of a change's evidence beside what a host signed: each that is said to be signed is in its batches.

None of a lower class says something else than the host signed. What the host signed and the evidence lacks is told.
"""

import json
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence

from zonewright.audit.evidence.checks import Check, all_or_wrong, open_
from zonewright.audit.evidence.replay import readings_in, site_in
from zonewright.audit.evidence.signed_file import SignedBatch, SignedFile
from zonewright.model.base import TrustClass
from zonewright.pue.readings import Reading
from zonewright.rules.words import count_of
from zonewright.telemetry.chain import packed
from zonewright.telemetry.chains import KeptBatch
from zonewright.telemetry.live import Binding, bindings_of
from zonewright.telemetry.registers import EPOCH, MICROSECOND
from zonewright.telemetry.signed import signed_readings

_NAME = "readings of the bundle"
_Key = tuple[str, str, int | None, int]


def bundle_check(
    facts: Mapping[str, str], held: SignedFile, batches: Iterable[SignedBatch], vouched: Container[int]
) -> Check:
    """Compare the signed readings of a bundle with what one host signed, as far as its file reaches.

    The host is the one whose name is in what was signed: the node of a file is the word of who wrote it.

    Args:
        facts: the texts of the bundle's facts, by name.
        held: what the host signed.
        batches: of it.
        vouched: numbers of the batches that are the host's own.
    """
    sites = sorted({name.split("/")[1] for name in facts if name.startswith("readings/")})
    bindings = [
        one for one in bindings_of({site: site_in(facts, site) for site in sites}) if one.source.host == held.agent
    ]
    if not bindings:
        return open_(_NAME, f"no meter of the bundle's sites is read by {held.agent}")
    signed = _signed(held, batches, vouched, bindings)
    times = [key[3] for key in signed]
    faults, count, beside = list[str](), 0, 0
    corrected, seen = _corrected(facts, sites), set[_Key]()
    for key, trust, reading in _of_bundle(facts, bindings):
        seen.add(key)
        if key in corrected:
            continue
        if trust != "signed":
            if trust == "authenticated" and key in signed and signed[key].value != reading.value:
                faults.append(f"{_told(key)} counts as {trust}, and the host signed another value")
            continue
        if not times or not min(times) <= key[3] <= max(times):
            beside += 1
            continue
        count += 1
        if key not in signed or signed[key].value != reading.value:
            faults.append(f"{_told(key)} is not what the host signed")
    more = _beside(signed.keys() & corrected, [*_left_out(facts, bindings, signed, seen | corrected)])
    more += f"; {beside:,} are of other times than the file" if beside else ""
    names = ", ".join(sorted({one.meter for one in bindings}))
    if not count and not faults:
        return open_(_NAME, f"none of {names} that is said to be signed is of the file's time{more}")
    return all_or_wrong(_NAME, faults, f"{count:,} of {names} are what {held.agent} signed{more}")


def _kept(one: SignedBatch, held: SignedFile) -> KeptBatch:
    return KeptBatch(held.agent, held.agent, one.sequence, "", "", one.received_ns, one.sequence, packed(one.body))


def _signed(
    held: SignedFile, batches: Iterable[SignedBatch], vouched: Container[int], bindings: Sequence[Binding]
) -> dict[_Key, Reading]:
    """The readings of a file that are the host's own."""
    found: dict[_Key, Reading] = {}
    kept = (_kept(one, held) for one in batches if one.sequence in vouched)
    for parts in signed_readings(kept, bindings, lambda _sender, _site: True):
        for binding, readings in parts:
            found |= {(binding.site, binding.meter, one.start_us, one.time_us): one for one in readings}
    return found


def _beside(corrected: Collection[_Key], left_out: Sequence[_Key]) -> str:
    """What is no fault by itself, and is to be known: a batch that came late is in no evidence from before."""
    told = f"; {count_of(len(corrected), 'reading')} corrected or withdrawn on record" if corrected else ""
    if left_out:
        told += (
            f"; {len(left_out):,} that the host signed in these months are not in it, the first: {_told(left_out[0])}"
        )
    return told


def _told(key: _Key) -> str:
    return f"{key[1]} of {key[0]}: the reading of {EPOCH + key[3] * MICROSECOND:%Y-%m-%dT%H:%M:%SZ}"


def _corrected(facts: Mapping[str, str], sites: Iterable[str]) -> set[_Key]:
    """The readings that no longer count as they came in; whether the journal says so, the bundle's own checks judge."""
    return {
        (site, row[0], row[2], row[1])
        for site in sites
        for row in json.loads(facts.get(f"corrected/{site}.json", "[]"))
        if row[5] in {"corrected", "withdrawn"}
    }


def _left_out(
    facts: Mapping[str, str], bindings: Iterable[Binding], signed: Iterable[_Key], seen: Collection[_Key]
) -> Iterator[_Key]:
    """What a host signed within the recorded part of a month, and the record does not have.

    Of registers nobody asks: what one counted is there without the readings in between. Where a month has sums, its
    readings were removed.
    """
    spans: dict[tuple[str, str, str], tuple[int, int]] = {}
    for site, meter, _, time_us in seen:  # those that were withdrawn, too
        month = f"{EPOCH + time_us * MICROSECOND:%Y-%m}"
        low, high = spans.get((site, meter, month), (time_us, time_us))
        spans[site, meter, month] = min(low, time_us), max(high, time_us)
    asked = {(one.site, one.meter) for one in bindings if one.spec.kind != "register"}
    for key in sorted(set(signed).difference(seen), key=lambda one: (one[:2], one[3])):
        month = f"{EPOCH + key[3] * MICROSECOND:%Y-%m}"
        low, high = spans.get((*key[:2], month), (1, 0))
        if key[:2] in asked and low < key[3] < high and f"sums/{key[0]}/{key[1]}/{month}.csv" not in facts:
            yield key


def _of_bundle(facts: Mapping[str, str], bindings: Iterable[Binding]) -> Iterator[tuple[_Key, TrustClass, Reading]]:
    """The readings of some meters in a bundle."""
    for one in bindings:
        for name, text in sorted(facts.items()):
            if name.startswith(f"readings/{one.site}/{one.meter}/"):
                for trust, reading in readings_in(text):
                    yield (one.site, one.meter, reading.start_us, reading.time_us), trust, reading

"""The readings of a change's evidence beside what a host signed: each that is said to be signed is in its batches."""

from collections.abc import Container, Iterable, Iterator, Mapping

from zonewright.audit.evidence.checks import Check, all_or_wrong, open_
from zonewright.audit.evidence.replay import readings_in, site_in
from zonewright.audit.evidence.signed_file import SignedBatch, SignedFile
from zonewright.pue.readings import Reading
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
    signed: dict[_Key, Reading] = {}
    kept = (_kept(one, held) for one in batches if one.sequence in vouched)
    for parts in signed_readings(kept, bindings, lambda _sender, _site: True):
        for binding, readings in parts:
            signed |= {(binding.site, binding.meter, one.start_us, one.time_us): one for one in readings}
    times = [key[3] for key in signed]
    faults, count, beside = list[str](), 0, 0
    for key, reading in _of_bundle(facts, bindings):
        if not times or not min(times) <= key[3] <= max(times):
            beside += 1
            continue
        count += 1
        if key not in signed or signed[key].value != reading.value:
            moment = EPOCH + key[3] * MICROSECOND
            faults.append(
                f"{key[1]} of {key[0]}: the reading of {moment:%Y-%m-%dT%H:%M:%SZ} is not what the host signed"
            )
    more = f"; {beside:,} are of other times than the file" if beside else ""
    names = ", ".join(sorted({one.meter for one in bindings}))
    if not count:
        return open_(_NAME, f"none of {names} that is said to be signed is of the file's time{more}")
    return all_or_wrong(_NAME, faults, f"{count:,} of {names} are what {held.agent} signed{more}")


def _kept(one: SignedBatch, held: SignedFile) -> KeptBatch:
    return KeptBatch(held.agent, held.agent, one.sequence, "", "", one.received_ns, one.sequence, packed(one.body))


def _of_bundle(facts: Mapping[str, str], bindings: Iterable[Binding]) -> Iterator[tuple[_Key, Reading]]:
    """The readings of some meters that a bundle says are signed."""
    for one in bindings:
        for name, text in sorted(facts.items()):
            if name.startswith(f"readings/{one.site}/{one.meter}/"):
                for trust, reading in readings_in(text):
                    if trust == "signed":
                        yield (one.site, one.meter, reading.start_us, reading.time_us), reading

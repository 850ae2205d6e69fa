"""Live readings of meters: which series of samples belong to which meter, and what a sample reads. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from zonewright.model import Site
from zonewright.model.metering import MeterSource
from zonewright.pue.meters import MeterKind, MeterSpec
from zonewright.pue.readings import Reading
from zonewright.telemetry.sample import (
    CELSIUS,
    JOULES,
    PRINCIPAL,
    REGISTER,
    WATT_HOURS,
    WATTS,
    Measurement,
    SampleSeries,
)
from zonewright.telemetry.site_meters import all_meters_of

_ENERGY, _POWER, _HOST_POWER = "hw.energy", "hw.power", "hw.host.power"
_NAMES: Mapping[MeterKind, str] = {"gauge": _POWER, "temperature": "hw.temperature"}
_UNITS: Mapping[MeterKind, str] = {"gauge": "W", "temperature": CELSIUS}
_MICRO = 10**6
_GOOD = "good"
_OF_PROCESSORS = ("package", "psys", "dram")
"""How the names of a host's processors and memory begin; an accelerator is a part beside them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A meter with the source of its live readings.

    Attributes:
        site: id of its site.
        meter: its id.
        spec: its declaration, as the store takes it.
        source: what reads it.
        others: devices of the same host, which are no part of what its agent reads of the host itself.
    """

    site: str
    meter: str
    spec: MeterSpec
    source: MeterSource
    others: frozenset[str]

    @property
    def key(self) -> tuple[str, str, str]:
        """Site, meter, and all that decides which samples belong to it and how they are read."""
        return self.site, self.meter, f"{self.source} as {self.spec.kind} in {_unit(self)}"

    def owns(self, series: SampleSeries) -> bool:
        """Whether a series belongs to the meter."""
        source = self.source
        if series.node != source.host or series.unit.replace(".", "") != _unit(self):
            return False
        if source.reads == "hwmon":
            return series.name == _HOST_POWER and not series.part
        if source.reads == "rapl":
            return series.name == _ENERGY and series.part.startswith(_OF_PROCESSORS) and series.part not in self.others
        usual = _NAMES.get(self.spec.kind, _ENERGY)
        return series.part == source.device and series.name == (source.metric or usual)


def bindings_of(sites: Mapping[str, Site]) -> list[Binding]:
    """The meters of some sites that have a source; of a source that two of them name, the first in order has it."""
    found: list[Binding] = []
    taken: set[tuple[str, str]] = set()
    for site_id, site in sorted(sites.items()):
        specs = all_meters_of(site)
        for name in sorted(specs):
            source = site.meters[name].source
            if source is None or not _is_declared(site, source):
                continue
            one = (source.host, source.what)
            if one not in taken:
                taken.add(one)
                others = frozenset(site.hosts[source.host].devices)
                found.append(Binding(site=site_id, meter=name, spec=specs[name], source=source, others=others))
    return found


def _is_declared(site: Site, source: MeterSource) -> bool:
    host = site.hosts.get(source.host)
    return host is not None and (source.device in host.devices if source.device else source.reads in host.sources)


def _unit(binding: Binding) -> str:
    return binding.source.unit or _UNITS.get(binding.spec.kind, "J")


def readings_from(binding: Binding, items: Iterable[tuple[SampleSeries, Measurement]]) -> list[Reading]:
    """What samples of a meter's series read, in order of time; samples without a certain value read nothing.

    Of a host's processors and memory, one reading is the sum of all parts at a time, and none where a part has no
    certain value.

    Args:
        binding: the meter.
        items: samples with their series.
    """
    kind = binding.spec.kind
    if binding.source.reads == "rapl":
        return _sums(items)
    found: dict[tuple[int | None, int], Reading] = {}
    each = sorted(items, key=lambda one: one[0].agent.startswith(PRINCIPAL))  # the agent's own come first
    for begun in _begun_again(each) if kind == "register" else ():
        found[None, begun.time_us] = begun
    for series, item in each:
        reading = _reading(kind, series.unit.replace(".", ""), item)
        if reading is not None:
            found.setdefault((reading.start_us, reading.time_us), reading)
    return sorted(found.values(), key=_time)


def _time(reading: Reading) -> int:
    return reading.time_us


def _begun_again(items: Iterable[tuple[SampleSeries, Measurement]]) -> Iterator[Reading]:
    """Zero where a sum says that it began again after its last value; else one that passed that value hides it."""
    last: dict[SampleSeries, Measurement] = {}
    for series, item in sorted(items, key=lambda one: one[1].time_ns):
        if item.value is None or item.quality != REGISTER:
            continue
        before = last.get(series)
        last[series] = item
        if before is None or item.start_ns is None or before.start_ns in (None, item.start_ns):
            continue
        start_us = item.start_ns // 1_000
        if before.time_ns // 1_000 < start_us < item.time_ns // 1_000:
            yield Reading(None, start_us, 0, 0)


def _reading(kind: MeterKind, unit: str, item: Measurement) -> Reading | None:
    """What one sample reads; None where it is of another kind, or uncertain."""
    if item.value is None or item.quality != (REGISTER if kind == "register" else _GOOD):
        return None
    start_us = None
    if kind == "interval":
        if item.start_ns is None:
            return None
        start_us = item.start_ns // 1_000
        if start_us >= item.time_ns // 1_000:
            return None
    return Reading(start_us, item.time_ns // 1_000, _value(unit, item.value), 0)


def _value(unit: str, value: float) -> Fraction | int:
    """Watt-hours or watts of a value, to the millionth that the store keeps; the decimals that were sent are exact."""
    exact = int(value) if value.is_integer() else Fraction(repr(value))
    if unit == CELSIUS:
        return Fraction(round(exact * _MICRO), _MICRO)
    if unit in JOULES:
        exact = Fraction(exact * JOULES[unit], 3_600)
    else:
        exact *= WATTS[unit] if unit in WATTS else WATT_HOURS[unit]
    if exact.denominator == 1:
        return int(exact)
    micro = round(exact * _MICRO)
    return micro // _MICRO if micro % _MICRO == 0 else Fraction(micro, _MICRO)


def _sums(items: Iterable[tuple[SampleSeries, Measurement]]) -> list[Reading]:
    """Sums of all parts by time and sender: what a collector passes on of an agent is the same once more."""
    groups: dict[tuple[bool, str, int], list[tuple[SampleSeries, Measurement]]] = {}
    for series, item in items:
        is_foreign = series.agent.startswith(PRINCIPAL)
        groups.setdefault((is_foreign, series.agent, item.time_ns), []).append((series, item))
    found: dict[int, Reading] = {}
    for (_, _, time_ns), group in sorted(groups.items()):
        parts = [_reading("interval", series.unit, item) for series, item in group]
        known = [one for one in parts if one is not None]
        if len(known) == len(parts) and len({one.start_us for one in known}) == 1:
            found.setdefault(time_ns, Reading(known[0].start_us, known[0].time_us, _total(known), 0))
    return sorted(found.values(), key=_time)


def _total(parts: Sequence[Reading]) -> Fraction | int:
    return sum((one.value for one in parts), 0)

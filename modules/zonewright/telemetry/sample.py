"""What an agent reports: samples, what cannot be among them, and what becomes of a batch."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from zonewright.model.limits import DELTA, LATE, METER_DELTA
from zonewright.pue.readings import FUTURE_US
from zonewright.telemetry.chain import ChainLink

_FUTURE_NS = FUTURE_US * 1_000
_MAX_HOST_W = 2_000_000.0
_MAX_METER_W = 10_000_000_000.0
"""As large as the rating of a meter can be."""
JOULES = {"J": 1, "kJ": 1_000, "MJ": 1_000_000}
WATT_HOURS = {"Wh": 1, "kWh": 1_000, "MWh": 1_000_000, "W.h": 1, "kW.h": 1_000, "MW.h": 1_000_000}
WATTS = {"W": 1, "kW": 1_000}
CELSIUS = "Cel"
"""Degrees Celsius (UCUM), as OpenTelemetry has it."""
_LATEST_NS = LATE.most * 10**9
_ENERGY = {**JOULES, **{unit: 3_600 * factor for unit, factor in WATT_HOURS.items()}}
MEASURED = {**_ENERGY, **WATTS}
"""By unit, how many joules or watts it is."""
READ = frozenset({*MEASURED, CELSIUS})
"""Units that a meter can have."""
PRINCIPAL = "principal "
"""What the name of a sender begins with that is no agent."""
_OF_HOST = "hw.host."
REGISTER = "register"
"""Quality of a cumulative value: a reading of a register, which is energy only beside another reading of it."""


class Sample(NamedTuple):
    """One value of an agent.

    Attributes:
        name: name of OpenTelemetry's conventions.
        part: what of the node it is, such as ``package-0``; empty for the whole.
        unit: its unit.
        time_ns: nanoseconds since 1970.
        start_ns: begin of a delta, or of a cumulative sum of another sender than an agent; None where none is known.
        value: None where the agent had no reading.
        quality: ``good``, ``register`` for a cumulative value, or why there is no value, or why it is less certain.
    """

    name: str
    part: str
    unit: str
    time_ns: int
    start_ns: int | None
    value: float | None
    quality: str


class Arrival(NamedTuple):
    """A batch that came in: its number in order, its agent, and between which times its samples lie."""

    number: int
    agent: str
    low_ns: int
    high_ns: int


class SampleSeries(NamedTuple):
    """What samples with one key belong to."""

    id: int
    agent: str
    node: str
    name: str
    part: str
    unit: str


class Measurement(NamedTuple):
    """A kept sample without the names of its series."""

    time_ns: int
    start_ns: int | None
    value: float | None
    quality: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleBatch:
    """One batch of one agent.

    Attributes:
        agent: its id.
        node: the node that it reports for.
        boot: boot of the host.
        sequence: its number, which the agent never uses twice; 0 of a sender that numbers none, whose samples are known
            by their series and times.
        dropped: how many batches the agent had dropped before, because its spool was full.
        samples: what it holds.
        link: its place in the chain of the agent's batches; None where it has none.
    """

    agent: str
    node: str
    boot: str = ""
    sequence: int = 0
    dropped: int = 0
    samples: tuple[Sample, ...]
    link: ChainLink | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What became of a batch.

    Attributes:
        stored: samples that were new.
        quarantined: samples that were set aside.
        duplicate: whether the batch had come before.
        beyond: samples that are of more series than a sender may have.
    """

    stored: int
    quarantined: int
    duplicate: bool
    beyond: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """Energy of one part of a node over whole hours.

    Attributes:
        energy_uj: microjoules.
        covered_ns: nanoseconds that are known; more than the window where a host clock was set back.
        unsure: deltas without value, or whose place in time is not certain.
    """

    energy_uj: int
    covered_ns: int
    unsure: int


def fault_of(sample: Sample, now_ns: int) -> str | None:
    """Why a sample cannot be, or None."""
    if sample.time_ns > now_ns + _FUTURE_NS:
        return "its time is in the future"
    if sample.start_ns is not None and sample.start_ns >= sample.time_ns:
        return "it ends before it begins"
    if sample.time_ns < now_ns - _LATEST_NS:
        return f"its time is more than {LATE.most // 86_400} days ago: is the clock of its host set?"
    if sample.unit in _ENERGY and sample.start_ns is not None and sample.quality != REGISTER:
        most_s = (DELTA if sample.unit == "J" else METER_DELTA).most
        if sample.time_ns - sample.start_ns > most_s * 10**9:
            return f"a delta of energy spans at most {most_s // 3600} hours"
    return None if sample.value is None else _value_fault(sample, sample.value)


def _value_fault(sample: Sample, value: float) -> str | None:
    if not math.isfinite(value):
        return "it is not a number"
    if sample.unit not in MEASURED:
        return None
    if value < 0:
        return "energy and power are not negative"
    if sample.quality == REGISTER:
        return None
    seconds = 1.0 if sample.start_ns is None or sample.unit in WATTS else (sample.time_ns - sample.start_ns) / 1e9
    is_of_host = sample.name.startswith(_OF_HOST)
    most = (_MAX_HOST_W if is_of_host else _MAX_METER_W) * seconds / MEASURED[sample.unit]
    if value <= most:
        return None
    return f"no {'host' if is_of_host else 'meter'} draws that much"

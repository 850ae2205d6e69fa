"""Readings as a gateway delivers them: a site whose meters name it, and batches of samples for the same values."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zonewright.model import Site
from zonewright.pue import MeterSpec, Reading
from zonewright.telemetry.sample import REGISTER, Sample, SampleBatch

GATEWAY = "gw-1"
UNITS = {"register": "Wh", "interval": "Wh", "gauge": "W"}


def site_of(meters: Mapping[str, MeterSpec], **more: Any) -> Site:
    """A site with a boundary of some meters, each a device of one gateway; ``more`` are other fields of the site."""
    sides = {role: [name for name, one in meters.items() if one.role == role] for role in ("total", "it")}
    return Site.model_validate(
        {
            "title": "Data centre",
            "district": "north",
            "hosts": {GATEWAY: {"devices": sorted(meters)}},
            "meters": {name: meter_data(name, one) for name, one in meters.items()},
            "boundary": {"category": "PUE2", "facility": sides["total"], "it": sides["it"]},
            **more,
        }
    )


def meter_data(name: str, meter: MeterSpec) -> dict[str, Any]:
    """A meter of a site as it is declared, with the gateway as its source."""
    data = meter.model_dump(exclude={"role"}, exclude_none=True)
    point = "utility" if meter.role == "total" else "pdu-output"
    return data | {"point": point, "source": {"host": GATEWAY, "device": name, "unit": UNITS[meter.kind]}}


def sample_of(name: str, meter: MeterSpec, reading: Reading) -> Sample:
    """What the gateway sends for a reading."""
    return Sample(
        name="hw.power" if meter.kind == "gauge" else "hw.energy",
        part=name,
        unit=UNITS[meter.kind],
        time_ns=reading.time_us * 1_000,
        start_ns=None if reading.start_us is None else reading.start_us * 1_000,
        value=float(reading.value),
        quality=REGISTER if meter.kind == "register" else "good",
    )


def samples_of(meters: Mapping[str, MeterSpec], readings: Mapping[str, Sequence[Reading]]) -> list[Sample]:
    """What the gateway sends for readings, in order of time."""
    found = [sample_of(name, meters[name], item) for name, items in readings.items() for item in items]
    return sorted(found, key=lambda one: (one.time_ns, one.part))


def batch(sequence: int, samples: Iterable[Sample], *, node: str = GATEWAY) -> SampleBatch:
    """A batch of the gateway."""
    return SampleBatch(agent=node, node=node, boot="b", sequence=sequence, samples=tuple(samples))

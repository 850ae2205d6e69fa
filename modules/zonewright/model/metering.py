"""How a site is metered: its meters and what reads them, the boundary of its energy ratio, and its overhead."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from zonewright.model.base import Date, Declared, Identifier, Line


class Overhead(Declared):
    """What a site draws besides its IT load: fixed parts for the plant and each open room, and a proportional part."""

    plant_kw: Annotated[float, Field(ge=0, le=1_000_000, strict=False)] = 0.0
    """Fixed power of the plant in kilowatts."""
    slope: Annotated[float, Field(ge=0, le=3, strict=False)]
    """Watts of overhead for each watt of IT load (0 to 3, thousandths count)."""


class PlantState(Declared):
    """The plant of a site from a day on: readings of before say nothing of its overhead."""

    title: Line = ""
    """What is different, such as a chiller that was replaced."""
    since: Date
    """The first day, such as 2026-03-01."""


MeterUnit = Literal["Wh", "kWh", "MWh", "J", "kJ", "MJ", "W", "kW", "Cel"]
POWER_UNITS: frozenset[MeterUnit] = frozenset({"W", "kW"})
HostSource = Literal["hwmon", "rapl"]


class MeterHost(Declared):
    """A host at the site whose agent or gateway reads meters."""

    title: Line = ""
    """Name for people."""
    sources: Annotated[tuple[HostSource, ...], Field(strict=False)] = ()
    """What its agent reads of the host itself: ``hwmon``, its power meter, or ``rapl``, its processors and memory."""
    devices: Annotated[tuple[Identifier, ...], Field(max_length=1_000, strict=False)] = ()
    """Devices that it reads for others as a gateway, by the id under which it reports them (``hw.id``)."""


class MeterSource(Declared):
    """Where live readings of a meter come from: a device behind a gateway, or a host itself."""

    host: Identifier
    """The host whose agent or gateway reports it, one of the site's ``hosts``."""
    device: Identifier | None = None
    """The device, one of the host's ``devices``."""
    reads: HostSource | None = None
    """What the agent reads of the host itself, one of the host's ``sources``, instead of a device."""
    metric: Line | None = None
    """Name of the device's metric, if it is another one (default: hw.energy, hw.power or hw.temperature)."""
    unit: MeterUnit | None = None
    """Unit in which it reports (default: J for energy, W for power, Cel for temperature)."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.device is None) == (self.reads is None):
            message = "neither a device nor what the agent reads of its host, or both; name one of the two"
            raise ValueError(message)
        if self.reads is not None and self.unit is not None:
            message = f"a unit beside {self.reads}, which has its own; leave the unit out"
            raise ValueError(message)
        if self.reads is not None and self.metric is not None:
            message = f"a metric beside {self.reads}, which has its own; leave the metric out"
            raise ValueError(message)
        return self

    @property
    def what(self) -> str:
        """What of the host it is: a source of its agent, or a device, or one metric of that."""
        device = f"device {self.device}"
        return self.reads or (device if self.metric is None else f"{self.metric} of {device}")

    def __str__(self) -> str:
        metric = "" if self.metric is None else f"{self.metric} of "
        return f"{metric}{self.reads or self.device} of {self.host}"


class Meter(Declared):
    """An energy meter, or a thermometer."""

    title: Line = ""
    """Name for people."""
    point: Literal["utility", "generator", "cooling", "ups-output", "pdu-output", "server-input", "outside"]
    """Where it measures."""
    accuracy_class: Annotated[float, Field(ge=0.1, le=5, strict=False)] = 1.0
    """Accuracy class of the meter in percent (IEC 62053-21 and -22)."""
    kind: Literal["register", "gauge", "interval", "temperature"] = "register"
    """What it gives: cumulative watt-hours, watts, watt-hours between two times, or degrees Celsius."""
    rating_w: Annotated[int, Field(ge=1, le=10_000_000_000)] | None = None
    """The most that can flow through it, in watts; it limits what an unknown stretch can hold."""
    rollover_wh: Annotated[int, Field(ge=1, le=1_000_000_000_000_000)] | None = None
    """Value in watt-hours at which its register starts again from zero."""
    interval_s: Annotated[int, Field(ge=1, le=86_400)] | None = None
    """Seconds between two samples of a gauge or temperature (default: 300 and 3600)."""
    standby: bool = False
    """Whether it may stand still, or nearly, for long, as a standby incomer or cooling in winter; a generator may."""
    source: MeterSource | None = None
    """Where its live readings come from; without it, readings are imported only."""

    @model_validator(mode="after")
    def _temperature_outside(self) -> Self:
        if (self.kind == "temperature") != (self.point == "outside"):
            message = (
                f"a {self.kind} at the point {self.point}; outside is where the kind temperature measures, and only it"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _source_fits(self) -> Self:
        source = self.source
        if source is None:
            return self
        wanted = {"hwmon": "gauge", "rapl": "interval"}.get(source.reads or "", self.kind)
        if wanted != self.kind:
            message = f"a {self.kind} with the source {source.reads}, which gives the kind {wanted}"
            raise ValueError(message)
        if source.unit is not None and (source.unit == "Cel") != (self.kind == "temperature"):
            message = (
                f"a {self.kind} with a source in {source.unit}; Cel is the unit of a temperature, and its only one"
            )
            raise ValueError(message)
        if source.unit in {None, "Cel"}:
            return self
        if (source.unit in POWER_UNITS) != (self.kind == "gauge"):
            what = "of energy" if self.kind == "gauge" else "of power"
            message = f"a {self.kind} with a source in {source.unit}, which is a unit {what}"
            raise ValueError(message)
        return self


class MeterBoundary(Declared):
    """Which meters make the two sums of the energy ratio. If one of them is missing, the ratio is undetermined."""

    category: Literal["PUE1", "PUE2", "PUE3"]
    """Category, by the place where IT energy is measured: UPS output, PDU output or server input (EN 50600-4-2)."""
    facility: Annotated[tuple[Identifier, ...], Field(min_length=1, strict=False)]
    """Meters whose sum is all energy of the site."""
    it: Annotated[tuple[Identifier, ...], Field(min_length=1, strict=False)]
    """Meters whose sum is the energy of the IT equipment."""

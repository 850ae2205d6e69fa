"""Which meters there are, what they count, and on which side of the ratio (``meters.yaml``)."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from zonewright.model.base import Declared

MeterRole = Literal["total", "it", "outside"]
ROLES: tuple[MeterRole, MeterRole] = ("total", "it")
"""The two sides of the ratio."""
MeterKind = Literal["register", "gauge", "interval", "temperature"]
SAMPLED: frozenset[MeterKind] = frozenset({"gauge", "temperature"})
"""Kinds that show a value of a moment."""
ZERO_CELSIUS = Fraction("273.15")
"""In kelvin, in which temperatures are summed up: their sums are never negative."""
LOWEST_C, HIGHEST_C = -90, 60
"""No air outside was ever colder or hotter."""
Watts = Annotated[int, Field(ge=1, le=10_000_000_000)]
_NAMES_SHOWN = 5


class MeterSpec(Declared):
    """One meter."""

    role: MeterRole
    """``total``: energy into the data centre's boundary; ``it``: energy of the IT equipment; ``outside``: no energy."""
    kind: MeterKind
    """``register``: cumulative Wh; ``gauge``: W; ``interval``: Wh between two times; ``temperature``: Celsius."""
    rating_w: Watts | None = None
    """The most that can flow through it, in watts; bounds what is unknown."""
    rollover_wh: Annotated[int, Field(ge=1, le=10**18)] | None = None
    """Modulus at which a register begins again, in watt-hours."""
    interval_s: Annotated[int, Field(ge=1, le=86_400)] | None = None
    """Seconds between two samples of a gauge or temperature."""
    accuracy_class: Annotated[float, Field(ge=0.05, le=5, strict=False)] | None = None
    """Accuracy class in percent (IEC 62053-21 and -22)."""
    standby: bool = False
    """It may stand still, or nearly, for long: a diesel set, a standby incomer, cooling in winter."""

    @model_validator(mode="after")
    def _gauge_has_interval(self) -> Self:
        if self.kind in SAMPLED and self.interval_s is None:
            message = f"a {self.kind} needs interval_s, the seconds between two samples"
            raise ValueError(message)
        if (self.kind == "temperature") != (self.role == "outside"):
            message = f"a {self.kind} with the role {self.role}; a temperature has the role outside, and only it"
            raise ValueError(message)
        return self


def read_meters(document: object) -> tuple[dict[str, MeterSpec], list[str]]:
    """Meters by id, and one sentence for each fault.

    Args:
        document: what ``meters.yaml`` holds: a mapping with ``meters``.
    """
    listed = document.get("meters") if isinstance(document, Mapping) else None
    if not isinstance(listed, Mapping) or not listed:
        return {}, ["expected a mapping 'meters' with at least one meter; write 'meters:' and one id below it"]
    found: dict[str, MeterSpec] = {}
    faults: list[str] = []
    for name, data in listed.items():
        try:
            found[str(name)] = MeterSpec.model_validate(data)
        except ValidationError as error:
            for item in error.errors(include_url=False):
                place = ".".join(str(part) for part in ("meters", name, *item["loc"]))
                got = "" if item["type"] == "missing" else f", got {item['input']!r}"
                faults.append(f"{place}: {item['msg']}{got}; correct it")
    for role in ROLES:
        if not faults and not any(meter.role == role for meter in found.values()):
            names = ", ".join(sorted(found)[:_NAMES_SHOWN])
            faults.append(f"meters: no meter has the role '{role}' (there are: {names}); both sides need at least one")
    return found, faults


def percent(value: float) -> Fraction:
    """A class in percent as an exact fraction of 1."""
    return Fraction(str(value)) / 100

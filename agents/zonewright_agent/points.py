"""What a source gives: measured values with the names and units of OpenTelemetry.

Tuples with names and no dataclasses: the module ``dataclasses`` alone takes a tenth of the agent's start.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

Kind = Literal["gauge", "delta", "register"]


class Point(NamedTuple):
    """One value.

    Attributes:
        name: name of OpenTelemetry's conventions, such as ``hw.energy``.
        unit: UCUM unit, such as ``J``.
        kind: ``gauge`` at ``time_ns``, ``delta`` from ``start_ns`` to ``time_ns``, or ``register`` that shows a total.
        value: None where there is no reading; then ``quality`` says why, and no number is sent.
        time_ns: wall clock, nanoseconds since 1970.
        start_ns: begin of a delta.
        quality: ``good``; why there is no value; or ``clock-stepped``, a value whose place in time is not certain.
        attributes: what the value is of.
    """

    name: str
    unit: str
    kind: Kind
    value: float | None
    time_ns: int
    start_ns: int | None = None
    quality: str = "good"
    attributes: Mapping[str, str] = MappingProxyType({})


class Moment(NamedTuple):
    """The time of one sampling: wall clock for people, monotonic clock for lengths, and the host's boot."""

    time_ns: int
    monotonic_s: float
    boot_id: str

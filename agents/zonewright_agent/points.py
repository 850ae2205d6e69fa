"""What a source gives: measured values with the names and units of OpenTelemetry.

Tuples with names and no dataclasses: the module ``dataclasses`` alone takes a tenth of the agent's start.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

_STEP_NS = 1_000_000_000
"""A wall clock that differs from the monotonic one by more than a second was set."""
_SLEW_NS_PER_S = 1_000_000
"""What a time service may slew the clock in a second, and more."""
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


def start_of(before_ns: int, now: Moment, elapsed_s: float) -> tuple[int, str]:
    """When a delta begins, in nanoseconds since 1970, and the quality that its place in time gives it.

    Its length is that of the monotonic clock: a wall clock that was set back must not turn energy around.

    Args:
        before_ns: wall clock of the reading before.
        now: of this reading.
        elapsed_s: seconds of the monotonic clock between them.
    """
    start_ns = now.time_ns - round(elapsed_s * 1e9)
    if abs(start_ns - before_ns) > _STEP_NS + elapsed_s * _SLEW_NS_PER_S:
        return start_ns, "clock-stepped"
    # What follows on begins where the last one ended, to the nanosecond.
    return (before_ns if before_ns < now.time_ns else start_ns), "good"

"""Energy between two readings of a counter: wrap, reset, ambiguity and plausibility told apart.

A missing reading is missing, never zero; two equal readings are zero joules, not a full range.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Quality = Literal["good", "reset", "unknown", "implausible", "ambiguous"]
_PLAUSIBLE = 1.2
"""A mean above 1.2 times the largest power is no energy."""


class CounterReading(NamedTuple):
    """One reading of a counter.

    Attributes:
        boot_id: boot of the host; a counter begins again with it.
        monotonic_s: seconds of the monotonic clock, which no step of the wall clock moves.
        value_uj: microjoules, as the counter shows them.
    """

    boot_id: str
    monotonic_s: float
    value_uj: int


class Delta(NamedTuple):
    """Energy between two readings: ``energy_uj`` in microjoules, None unless the quality is ``good``."""

    energy_uj: int | None
    elapsed_s: float
    quality: Quality


def delta(before: CounterReading, after: CounterReading, *, range_uj: int | None, power_max_w: float) -> Delta:
    """Energy between two readings.

    Args:
        before: the earlier reading.
        after: the later one.
        range_uj: value at which the counter wraps; None where it is not known.
        power_max_w: the most that can flow through it, in watts.
    """
    elapsed_s = after.monotonic_s - before.monotonic_s
    if before.boot_id != after.boot_id:
        return Delta(None, 0.0, "reset")
    if elapsed_s <= 0:
        return Delta(None, 0.0, "unknown")
    if range_uj is not None and elapsed_s * power_max_w * 1e6 > range_uj:
        return Delta(None, elapsed_s, "ambiguous")  # it may have wrapped more than once
    energy_uj = after.value_uj - before.value_uj
    if energy_uj < 0:
        if range_uj is None:
            return Delta(None, elapsed_s, "unknown")
        energy_uj += range_uj
    if energy_uj < 0 or energy_uj > _PLAUSIBLE * power_max_w * elapsed_s * 1e6:
        return Delta(None, elapsed_s, "implausible")
    return Delta(energy_uj, elapsed_s, "good")

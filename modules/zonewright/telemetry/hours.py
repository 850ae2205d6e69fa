"""What samples of energy add to the hours that they lie in, in whole microjoules."""

from collections.abc import Iterable

from zonewright.telemetry.sample import REGISTER

HOUR_NS = 3_600 * 10**9
SampleRow = tuple[int, int, int | None, float | None, str]
"""A sample as it is stored: time, series, begin of a delta or None, value or None, quality."""


def by_hour(rows: Iterable[SampleRow]) -> list[tuple[int, int, int, int, int]]:
    """What rows of energy add to the hours: series, begin, microjoules, nanoseconds covered, how many are unsure."""
    bins: dict[tuple[int, int], list[int]] = {}
    for time_ns, series, start_ns, value, quality in rows:
        if quality == REGISTER:
            continue
        begin = (time_ns if start_ns is None else start_ns) // HOUR_NS * HOUR_NS
        if start_ns is None or value is None or quality != "good":
            bins.setdefault((series, begin), [0, 0, 0])[2] += 1
        if start_ns is None or value is None:
            continue
        whole_uj, low = round(value * 1e6), start_ns
        while low < time_ns:  # parts by time; they add up to the whole, to the microjoule
            high = min(begin + HOUR_NS, time_ns)
            held = bins.setdefault((series, begin), [0, 0, 0])
            length = time_ns - start_ns
            held[0] += whole_uj * (high - start_ns) // length - whole_uj * (low - start_ns) // length
            held[1] += high - low
            low, begin = high, begin + HOUR_NS
    return [(series, begin, held[0], held[1], held[2]) for (series, begin), held in bins.items()]

"""What a benchmark gives: figures, with limits where the project promises one."""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value.

    Attributes:
        name: what was measured.
        value: in ``unit``.
        unit: such as ``s``, ``kB``, ``times``.
        limit: the value may not be above; None where nothing is promised. One in seconds is for the machine that
            ``bench.pace`` names, and is multiplied before it is compared.
    """

    name: str
    value: float
    unit: str
    limit: float | None = None

    @property
    def is_met(self) -> bool:
        """Whether the limit holds; no limit always does."""
        return self.limit is None or self.value <= self.limit


def median_s(action: Callable[[], object], *, runs: int) -> float:
    """Median wall time of an action, in seconds."""
    return statistics.median(seconds(action) for _ in range(runs))


def seconds(action: Callable[[], object]) -> float:
    """Wall time of one action, in seconds."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many percent of the values are not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def table(figures: Iterable[Figure]) -> str:
    """Figures as text of at most 80 columns."""
    lines = []
    for item in figures:
        limit = "" if item.limit is None else f"limit {item.limit:g}{'' if item.is_met else '  MISSED'}"
        lines.append(f"  {item.name:<48} {item.value:>9,.3g} {item.unit:<6} {limit}".rstrip())
    return "\n".join(lines)


def document(figures: Iterable[Figure]) -> str:
    """Figures as JSON, with what they were measured on."""
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    return json.dumps({"version": 1, "machine": machine, "figures": [asdict(item) for item in figures]}, indent=2)

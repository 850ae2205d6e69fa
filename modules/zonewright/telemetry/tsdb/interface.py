"""What a time-series database does for the store of readings: it takes whole numbers, and gives them by range."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

MOST_VALUE = 2**53
"""Larger whole numbers are no exact floating-point numbers, which is what these databases keep."""


class TimeSeries(NamedTuple):
    """Whole numbers over time.

    Attributes:
        labels: its name is ``__name__``.
        samples: milliseconds since 1970 and value, in order of time.
    """

    labels: Mapping[str, str]
    samples: Sequence[tuple[int, int]]


class Tsdb(Protocol):
    """A Prometheus-compatible time-series database.

    Attributes:
        name: what people call it.
    """

    name: str

    def write(self, series: Sequence[TimeSeries]) -> None:
        """Have it take samples; those that it has already change nothing.

        Raises:
            TsdbFaultError: when it did not say that it took all of them.
        """
        ...

    def read(self, labels: Mapping[str, str], start_ms: int, end_ms: int) -> list[TimeSeries]:
        """The raw samples of series with some labels, from ``start_ms`` to before ``end_ms``.

        Raises:
            TsdbFaultError: when it gave no complete answer in time.
        """
        ...

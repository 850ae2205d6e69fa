"""A year of 50 meters that are read every minute, 26 million readings: the figure of twelve months, and its store."""

import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

from bench.figures import Figure, median_s, seconds
from zonewright.model import Site
from zonewright.pue import MeterSpec, Reading
from zonewright.telemetry import Store
from zonewright.telemetry.figures import Terms, measured
from zonewright.telemetry.site_meters import meters_of
from zonewright.telemetry.summing import DAY_US, MICRO

METERS, DAYS, CHUNK_DAYS = 50, 366, 30
_MINUTES = 1440
_END = datetime(2026, 6, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def figures(runs: int, _nodes: Sequence[int]) -> list[Figure]:
    """Build the store by its ordinary appends, then measure the figures that the gate asks for; prune; once more."""
    site = _site()
    meters = meters_of(site)
    end_us = (_END - _EPOCH) // timedelta(microseconds=1)
    terms = Terms(limit=Fraction(5, 4), trusted=frozenset({"imported"}), max_age_days=7)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.db"
        store = Store(path, create=True)

        def build() -> None:
            for chunk in _chunks(meters, end_us):
                store.append("dc", meters, chunk, trust="imported")

        def figure() -> None:
            found = measured(store, "dc", site, now=_END, terms=terms, model=None)
            if found is None or found.trailing != "within" or found.coverage != 1:
                raise RuntimeError(f"not what was stored: {found}")

        count = METERS * DAYS * _MINUTES
        load_s = seconds(build)
        size_mb = path.stat().st_size / 1e6
        before_s = median_s(figure, runs=5 * runs)
        prune_s = seconds(lambda: store.prune(end_us - 90 * DAY_US))
        after_s = median_s(figure, runs=5 * runs)
    return [
        Figure(f"store {count:,} readings", load_s, "s"),
        Figure("that is, readings a second", count / load_s, "/s"),
        Figure("size of the store", size_mb, "MB"),
        Figure(f"twelve months of {METERS} meters and their mean load", 1000 * before_s, "ms", 100),
        Figure("prune to 90 days", prune_s, "s"),
        Figure("the same figure after it", 1000 * after_s, "ms", 100),
    ]


def _site() -> Site:
    meters = {
        f"m{number:02}": {"point": "utility" if number < METERS // 5 else "ups-output", "rating_w": 10_000_000}
        for number in range(METERS)
    }
    names = sorted(meters)
    boundary = {"category": "PUE1", "facility": names[: METERS // 5], "it": names[METERS // 5 :]}
    return Site.model_validate({"title": "dc", "district": "north", "meters": meters, "boundary": boundary})


def _chunks(meters: dict[str, MeterSpec], end_us: int) -> Iterator[dict[str, list[Reading]]]:
    """A month of one meter at a time, as an import brings it: 1.2 MW at each of ten inputs, 0.25 MW at each UPS."""
    for first in range(0, DAYS, CHUNK_DAYS):
        minutes = range(first * _MINUTES, min(first + CHUNK_DAYS, DAYS) * _MINUTES)
        for number, (name, meter) in enumerate(meters.items()):  # no two show the same
            step = (20_000 if meter.role == "total" else 4_200) + number
            begin_us = end_us - DAYS * DAY_US
            yield {
                name: [
                    Reading(None, begin_us + (minute + 1) * 60 * MICRO, Fraction(minute * step + minute % 7), 0)
                    for minute in minutes
                ]
            }

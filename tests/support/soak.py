"""How long the race, kill and fuzz runs are: whole in `make soak`, a share of 60 s elsewhere; one seed.

The shares stand in ``tests/long_runs.yaml``. What a run must prove it proves in its first rounds, which always run; the
others look for what nobody thought of.
"""

import os
import random
import secrets
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import yaml

FULL = "ZONEWRIGHT_SOAK"
SEED = "ZONEWRIGHT_SEED"
_SHARES = Path(__file__).resolve().parents[1] / "long_runs.yaml"


def fix_seed() -> int:
    """Take the run's seed from the environment, or choose one and leave it there for all worker processes."""
    return int(os.environ.setdefault(SEED, str(secrets.randbelow(2**31))))


def is_full() -> bool:
    """Whether the long runs are whole in this run."""
    return bool(os.environ.get(FULL))


@cache
def shares_s() -> dict[str, float]:
    """Seconds of each long run by its name, outside a soak."""
    read: dict[str, float] = yaml.safe_load(_SHARES.read_text(encoding="utf-8"))["seconds"]
    return read


def rounds(name: str, full: int, *, least: int = 2) -> Iterator[int]:
    """Number the rounds of a run: all in a soak, else those that begin within its share of time, but some always.

    Args:
        name: of its share.
        full: how many it has in a soak.
        least: how many it has always.
    """
    end = time.monotonic() + shares_s()[name]
    for number in range(full):
        if number >= least and not is_full() and time.monotonic() >= end:
            return
        yield number


def count(full: int) -> int:
    """How many of ``full`` cheap cases or examples a run has: all in a soak, else a tenth, but two at least."""
    return full if is_full() else max(2, full // 10)


def examples(full: int) -> int:
    """How many of Hypothesis' examples a test makes at once: all in a soak, else ten at most; ``again`` makes more."""
    return full if is_full() else min(10, count(full))


def again(share_s: float, test: Callable[[], object], *, passes: int = 9) -> None:
    """Run a test that makes other examples each time again, as long as its share of time is not over; not in a soak."""
    end = time.monotonic() + share_s
    while passes and not is_full() and time.monotonic() < end:
        test()
        passes -= 1


def seeded(name: str) -> random.Random:
    """Random numbers of one test, from the run's seed and the test's name."""
    return random.Random(f"{fix_seed()}/{name}")

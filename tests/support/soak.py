"""How long the race, kill and fuzz runs are: whole in `make soak`, their share of three minutes elsewhere; one seed.

The shares stand in ``tests/long_runs.yaml``. What a run must prove it proves in its first rounds, which always run; the
others look for what nobody thought of.
"""

import os
import random
import secrets
import time
from collections.abc import Callable, Iterator
from functools import cache, wraps
from pathlib import Path
from typing import Any

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


def within(share_s: float, least: int, test: Callable[..., None]) -> Callable[..., None]:
    """A test of Hypothesis that passes over further examples when its time is over, unless one has failed.

    After a failure all examples run: Hypothesis makes the failing one smaller, and must see it fail again.

    Args:
        share_s: its share in seconds, from its first example on.
        least: how many examples run always.
        test: runs one example.
    """
    begun_s: list[float] = []
    failed: list[bool] = []

    @wraps(test)
    def limited(*arguments: Any, **named: Any) -> None:
        begun_s.append(time.monotonic())
        if len(begun_s) > least and not failed and begun_s[-1] - begun_s[0] > share_s:
            return
        try:
            test(*arguments, **named)
        except Exception:
            failed.append(True)
            raise

    return limited


def seeded(name: str) -> random.Random:
    """Random numbers of one test, from the run's seed and the test's name."""
    return random.Random(f"{fix_seed()}/{name}")

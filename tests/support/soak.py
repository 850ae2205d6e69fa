"""How long the race, kill and fuzz runs are: all rounds in `make soak`, a tenth elsewhere, from a printed seed."""

import os
import random
import secrets

FULL = "ZONEWRIGHT_SOAK"
SEED = "ZONEWRIGHT_SEED"


def fix_seed() -> int:
    """Take the run's seed from the environment, or choose one and leave it there for all worker processes."""
    return int(os.environ.setdefault(SEED, str(secrets.randbelow(2**31))))


def rounds(full: int) -> int:
    """How many of ``full`` rounds this run does: all in a soak, else a tenth, but two at least."""
    return full if os.environ.get(FULL) else max(2, full // 10)


def seeded(name: str) -> random.Random:
    """Random numbers of one test, from the run's seed and the test's name."""
    return random.Random(f"{fix_seed()}/{name}")

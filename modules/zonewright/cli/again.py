"""Rounds of a command that goes on until it is interrupted."""

import time
from collections.abc import Iterator

LONGEST_S = 86_400


def again(seconds: int) -> Iterator[int]:
    """Number rounds with a pause between them; it ends when somebody interrupts the pause.

    Args:
        seconds: of each pause.
    """
    number = 0
    while True:
        yield number
        number += 1
        try:
            time.sleep(seconds)
        except KeyboardInterrupt:
            return


def fault_of_pause(option: str, seconds: int | None) -> str:
    """What is wrong with the length of a pause; empty where nothing is."""
    good = seconds is None or 1 <= seconds <= LONGEST_S
    return "" if good else f"{option}: expected 1 to {LONGEST_S} seconds, got {seconds}"

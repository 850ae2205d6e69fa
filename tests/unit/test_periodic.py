"""What a service does again and again beside its requests."""

import threading

from zonewright.server.periodic import Periodic


class Counting(Periodic):
    """Counts its rounds, and says when there were so many."""

    def __init__(self, until: int, *, every_s: float, is_wanted: bool = True) -> None:
        self.rounds, self.enough, self._until = 0, threading.Event(), until
        super().__init__("counting", every_s=every_s, is_wanted=is_wanted)

    def _round(self) -> None:
        self.rounds += 1
        if self.rounds >= self._until:
            self.enough.set()


def test_a_round_is_done_at_the_begin_and_again() -> None:
    """The first round does not wait for a period, and others follow."""
    with Counting(1, every_s=3_600) as first:
        assert first.enough.wait(10)
    with Counting(3, every_s=0.001) as several:
        assert several.enough.wait(10)


def test_no_round_begins_after_it_was_left() -> None:
    """Who leaves has the thread ended; where nothing is wanted, none began."""
    with Counting(1, every_s=0.001) as left:
        assert left.enough.wait(10)
    rounds = left.rounds
    left.enough.clear()
    assert not left.enough.wait(0.05)
    assert left.rounds == rounds
    with Counting(1, every_s=0.001, is_wanted=False) as idle:
        assert not idle.enough.wait(0.05)

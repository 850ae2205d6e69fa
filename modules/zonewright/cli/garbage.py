"""Work on very many small objects, for which Python looks for garbage less often."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Within, garbage is looked for seldom: the objects of a large zone or of a journal are in no cycles.

    Looking as often as usual takes a fifth of the processor's time of a load, and a third of that of a verification.
    """
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)

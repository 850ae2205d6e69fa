"""The garbage collector at the start of a process: what is imported stays, and is not looked through again and again.

Imports make some 700,000 objects of which none is garbage. By Python's defaults the collector looks at all of them
several times, which is a fifth of the time that a program or a provider takes to start.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

THRESHOLDS = (50_000, 20, 20)
"""Of a process of ours: a collection for each 50,000 objects more than there were, not for each 700."""


def collect_rarely() -> None:
    """Set the collector of a process that is ours: a command, a provider, a language host."""
    gc.set_threshold(*THRESHOLDS)


@contextmanager
def imports_stay() -> Iterator[None]:
    """Collect nothing while something is imported; for processes of others, whose collector is left as it was."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()

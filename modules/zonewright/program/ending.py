"""How an error ends the run of a program: as its sentences, without a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import pulumi

from zonewright.errors import sentences_of


@contextmanager
def ending_the_run() -> Iterator[None]:
    """Let errors that were foreseen end the run with their sentences; others are shown whole, by the SDK.

    Raises:
        pulumi.RunError: the sentences, one in a line.
    """
    try:
        yield
    except Exception as error:
        if sentences := sentences_of(error):
            raise pulumi.RunError("\n".join(sentences)) from error
        raise

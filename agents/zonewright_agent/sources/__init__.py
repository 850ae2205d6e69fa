"""The sources, one file each. One that fails never silences the others."""

from typing import Protocol

from zonewright_agent.points import Moment, Point


class Source(Protocol):
    """Something that is read at each sampling."""

    name: str

    def read(self, moment: Moment) -> list[Point]:
        """The values at a moment.

        Raises:
            OSError: when it cannot be read.
            ValueError: when what is read makes no sense.
        """
        ...

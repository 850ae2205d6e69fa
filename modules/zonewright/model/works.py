"""Works that are planned: what is taken out of service, or carries less, from when to when."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from zonewright.model.base import Declared, Line
from zonewright.model.limits import NAME

MOMENT_PATTERN = (
    r"^20[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2})$"
)
Moment = Annotated[str, StringConstraints(pattern=MOMENT_PATTERN, strict=True)]
"""A minute with its offset from UTC, such as ``2026-12-01T22:00+08:00``."""


class Work(Declared):
    """A window in which something of the site is out of service or carries less."""

    what: Annotated[str, Field(min_length=1, max_length=NAME.most)]
    """A feed (``dc1/a/01:A``), a rack, a row, a room, or a panel or other element of the supply (``dc1/pa``)."""
    begins: Moment
    """The first minute, with its offset from UTC, such as 2026-12-01T22:00+08:00."""
    ends: Moment
    """The minute at which it is over, in the same way."""
    derated_to: Annotated[float, Field(gt=0, lt=1, strict=False)] | None = None
    """Part of the rating that is left meanwhile; without it, it is out of service."""
    reason: Line = ""
    """Why, for people."""

    @property
    def first(self) -> datetime:
        """The moment at which it begins."""
        return datetime.fromisoformat(self.begins)

    @property
    def last(self) -> datetime:
        """The moment at which it is over."""
        return datetime.fromisoformat(self.ends)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        try:
            is_ordered = self.first < self.last
        except ValueError as error:
            message = f"no such moment: {error}"
            raise ValueError(message) from None
        if not is_ordered:
            message = f"works that end at {self.ends} and begin at {self.begins}; let them end after they begin"
            raise ValueError(message)
        return self

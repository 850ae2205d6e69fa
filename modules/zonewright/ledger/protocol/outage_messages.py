"""Requests and answers of the verbs ``outage`` and ``drain``: who goes down without something, who must move before."""

from typing import Annotated

from pydantic import Field

from zonewright.ledger.protocol.messages import Message, Name
from zonewright.model.works import Moment
from zonewright.place.draining import DrainPlan
from zonewright.rules.outage import OutageReport


class OutageRequest(Message):
    """Asks what an outage does.

    Attributes:
        subjects: what is out, such as ``dc1/a/01:A`` (a feed), ``dc1/a/01/07`` (a rack), ``dc1/pa`` (a panel) or a
            duct; empty looks at works alone.
        begins: from when on works are looked at; None looks at none.
        ends: until when; None for one minute.
    """

    subjects: Annotated[list[Name], Field(max_length=100)] = Field(default_factory=list)
    begins: Moment | None = None
    ends: Moment | None = None


class OutageAnswer(Message):
    """What it does, as far as the reader may see it."""

    report: OutageReport


class DrainRequest(Message):
    """Asks how racks are emptied.

    Attributes:
        subjects: what is drained: racks, rows, rooms, feeds or elements of a supply, as for an outage.
    """

    subjects: Annotated[list[Name], Field(min_length=1, max_length=100)]


class DrainAnswer(Message):
    """Who must move where, as far as the reader may see it."""

    plan: DrainPlan

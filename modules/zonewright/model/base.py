"""The base of every declared type, and the scalar types that declarations are made of.

Declared types are frozen, refuse unknown fields and compare by value, whether they were read from YAML or
built in Python. Nothing here reads a file, a clock or the network.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

IDENTIFIER_PATTERN = r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$"

STACK_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{7,63}$"
"""Of the identity of a stack in the ledger."""

Identifier = Annotated[str, StringConstraints(pattern=IDENTIFIER_PATTERN, strict=True)]
"""A name that is safe in host names, resource names and paths: 1 to 63 of ``a-z 0-9 -``, as in RFC 1123."""


def _one_or_more(value: object) -> object:
    """One id stands for a list of one."""
    return (value,) if isinstance(value, str) else value


FormerIds = Annotated[
    tuple[Identifier, ...],
    BeforeValidator(_one_or_more, json_schema_input_type=Identifier | tuple[Identifier, ...]),
    Field(strict=False, max_length=20),
]
RowPath = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,63}(?:/[a-z0-9-]{1,63})?$", strict=True)]
"""A row of a room, such as ``07``, or of another room of the site, such as ``a/07``."""
FormerRows = Annotated[
    tuple[RowPath, ...],
    BeforeValidator(_one_or_more, json_schema_input_type=RowPath | tuple[RowPath, ...]),
    Field(strict=False, max_length=20),
]

Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f\u0085\u2028\u2029]*$", max_length=200, strict=True)]
"""Text for people: one line of at most 200 characters, without control characters."""

DATE_PATTERN = r"^20[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])$"


def _written_out(value: object) -> object:
    """A day of Python as text; all else, such as a moment, is left to be refused."""
    if hasattr(value, "isoformat") and not hasattr(value, "hour"):  # known by its shape: the model imports no clock
        return value.isoformat()
    return value


Date = Annotated[str, StringConstraints(pattern=DATE_PATTERN, strict=True), BeforeValidator(_written_out)]
"""A day as ``2026-07-01``: sorts as text, and needs no clock to be compared. Python programs may give a ``date``."""

CLOCK_PATTERN = r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]$"

ClockTime = Annotated[str, StringConstraints(pattern=CLOCK_PATTERN, strict=True)]
"""A time of day, such as ``22:00``."""
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Declared(BaseModel):
    """Base of all declared types: frozen, strict, no unknown fields; errors do not repeat values."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


RiskKind = Literal["duct", "bridge", "site", "power-panel"]


Latitude = Annotated[float, Field(ge=-90, le=90, strict=False)]


Longitude = Annotated[float, Field(ge=-180, le=180, strict=False)]


TrustClass = Literal["signed", "authenticated", "imported"]
TRUST_ORDER: tuple[TrustClass, ...] = ("signed", "authenticated", "imported")
"""From the most trusted to the least."""

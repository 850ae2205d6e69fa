"""Cases of a zone's own rules: facts, and what its code must say of them (``rules/<name>.cases.yaml``)."""

from typing import Annotated

from pydantic import Field, JsonValue

from zonewright.model.base import Declared, Line


class OwnRuleExpected(Declared):
    """One finding that the code must give."""

    subject: Line
    """Id of what breaks the rule."""
    value: Annotated[int, Field(ge=0)]
    """The figure found."""
    limit: Annotated[int, Field(ge=0)] | None = None
    """The figure allowed; without it, the limit of the case."""


class OwnRuleCase(Declared):
    """Facts, and what the code must say of them."""

    facts: dict[Line, JsonValue]
    """What the code is given, such as ``racks``."""
    limit: Annotated[int, Field(ge=0, le=1_000_000_000)]
    """The limit that it is given."""
    findings: Annotated[tuple[OwnRuleExpected, ...], Field(strict=False)] = ()
    """What it must give, in any order; without any, the rule must hold."""


class OwnRuleCases(Declared):
    """The cases of one rule: where it holds, where it does not, and on both sides of its limit."""

    cases: Annotated[dict[Line, OwnRuleCase], Field(min_length=1, max_length=200)]
    """By what each of them shows."""

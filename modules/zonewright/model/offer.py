"""What an operator offers to others: racks of a site, with units and power, bores of ducts, or cores of links."""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, model_validator

from zonewright.model.base import Declared, Identifier, Line
from zonewright.model.lease import Lease, Span, is_within, overlapping, spans_of

_UNITS = re.compile(r"^([1-9][0-9]?)\.\.([1-9][0-9]?)$")
_WATTS = 1000
_HIGHEST = 60


class Offer(Declared):
    """What an operator offers to others, at one of its sites, in its ducts or in its links."""

    title: Line = ""
    """Name for people."""
    parties: Annotated[tuple[Identifier, ...], Field(strict=False)] = ()
    """Parties that may use it; empty means all."""
    leases: Annotated[tuple[Lease, ...], Field(max_length=1_000, strict=False)] = ()
    """Terms in place of ``parties``: who may use it from when to when. What stands in it when a term is over stays."""
    price_class: Line = ""
    """Label of the price list; zonewright computes no prices."""
    site: Identifier | None = None
    """The site, for an offer of racks."""
    racks: Annotated[tuple[Line, ...], Field(strict=False)] = ()
    """Rooms, rows or racks of the site, such as ``a``, ``a/01..04`` or ``a/01/01..10``; empty means all racks."""
    units: Annotated[str, Field(pattern=_UNITS.pattern, max_length=6)] | None = None
    """Rack units of each rack, such as ``1..20``; without it, all."""
    it_kw: Annotated[float, Field(ge=0.1, le=1_000_000, allow_inf_nan=False)] | None = None
    """IT power in kilowatts for all that stands in it together; without it, what the racks bear."""
    ducts: Annotated[tuple[Identifier, ...], Field(strict=False)] = ()
    """Ducts, for an offer of bores."""
    bores: Annotated[int, Field(ge=1, le=200)] | None = None
    """Bores of each of the ducts, for all who may use the offer together; without it, all that are free."""
    links: Annotated[tuple[Identifier, ...], Field(strict=False)] = ()
    """Links, for an offer of cores."""
    cores: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Cores of each of the links, for all who may use the offer together; without it, all that are free."""

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        if (self.site is not None) + bool(self.ducts) + bool(self.links) != 1:
            message = (
                "expected 'site' for an offer of racks, 'ducts' for an offer of bores, or 'links' for an offer of "
                "cores, and one of them only"
            )
            raise ValueError(message)
        if self.site is None and (self.racks or self.units is not None or self.it_kw is not None):
            message = "racks, units and it_kw belong to an offer with 'site'"
            raise ValueError(message)
        if not self.links and self.cores is not None:
            message = "cores belong to an offer with 'links'"
            raise ValueError(message)
        if not self.ducts and self.bores is not None:
            message = "bores belong to an offer with 'ducts'"
            raise ValueError(message)
        if self.parties and self.leases:
            message = "expected 'parties' or 'leases', and not both: a lease names its party"
            raise ValueError(message)
        for one, two in overlapping(self.leases):
            message = (
                f"{self.leases[one].party} has two leases on the same day, leases.{one} and leases.{two}; let one end "
                "before the other begins"
            )
            raise ValueError(message)
        if self.units is not None and self.span[0] > self.span[1]:
            message = f"units {self.units} end below where they begin"
            raise ValueError(message)
        return self

    @cached_property
    def spans(self) -> Mapping[str, tuple[Span, ...]]:
        """The terms of each party; joined once, since every decision at the site reads them."""
        return spans_of(self.leases)

    def users_on(self, day: str) -> frozenset[str] | None:
        """Who may use it on a day, such as ``2026-07-01``; None means all parties."""
        if self.leases:
            return frozenset(party for party, spans in self.spans.items() if is_within(spans, day))
        return frozenset(self.parties) or None

    def may_hold(self, party: str) -> bool:
        """Whether something of a party may be in it: it may use it now, or has a term at another time."""
        return not (self.parties or self.leases) or party in {one for _, one in self.named}

    @property
    def named(self) -> tuple[tuple[str, str], ...]:
        """The parties that it names, each with the path of the field."""
        leases = ((f"leases.{number}.party", one.party) for number, one in enumerate(self.leases))
        return (*((f"parties.{number}", one) for number, one in enumerate(self.parties)), *leases)

    @property
    def span(self) -> tuple[int, int]:
        """The lowest and the highest rack unit of it."""
        match = _UNITS.match(self.units or "")
        return (1, _HIGHEST) if match is None else (int(match[1]), int(match[2]))

    @property
    def power_w(self) -> int | None:
        """Its power in watts, None where it has no limit of its own."""
        return None if self.it_kw is None else round(self.it_kw * _WATTS)

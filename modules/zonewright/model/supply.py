"""How a site is supplied: elements, panels and feeds with their ratings, and what carries it without the grid."""

from typing import Annotated, Literal

from pydantic import Field

from zonewright.model.base import Declared, Identifier, Line

FeedName = Literal["A", "B"]
Phase = Literal["L1", "L2", "L3"]
PHASES: tuple[Phase, ...] = ("L1", "L2", "L3")
Redundancy = Literal["N", "N+1", "2N"]
Suppliers = Annotated[tuple[Identifier, ...], Field(strict=False, max_length=8)]
Kilowatts = Annotated[float, Field(gt=0, le=1_000_000, strict=False)]
Derating = Annotated[float, Field(gt=0, lt=1, strict=False)]
"""The part of a rating that is left, between 0 and 1; thousandths count."""


def _carries_kw(one: "PowerElement | PowerPanel") -> float | None:
    """Load in kilowatts that it carries now; None where it states no rating."""
    return one.rated_kw if one.rated_kw is None else one.rated_kw * (one.derated_to or 1)


def thousandths(part: float | None) -> int:
    """A part of a rating in thousandths; all of it where none is said."""
    return 1000 if part is None else max(1, round(part * 1000))


class PowerElement(Declared):
    """Something between the grid and the panels, or a breaker behind a panel: its rating, and what it survives."""

    title: Line = ""
    """Name for people."""
    kind: Literal["substation", "transformer", "generator", "switchboard", "ups", "breaker"]
    """What it is."""
    supplied_by: Suppliers = ()
    """Elements or panels that supply it; several share its load, and each of them keeps it supplied alone."""
    rated_kw: Kilowatts | None = None
    """Load in kilowatts that it carries, of a class above N also after the loss of one of its units."""
    redundancy: Redundancy = "N"
    """N: it fails as a whole. N+1 or 2N: it survives the loss of one unit, and what it supplies stays up."""
    status: Literal["active", "failed"] = "active"
    """As in NetBox: what has failed supplies nothing until it is active again."""
    derated_to: Derating | None = None
    """Part of its rating that is left for now, as where it runs too warm; without it, all of it."""

    @property
    def carries_kw(self) -> float | None:
        """Load in kilowatts that it carries now; None where it states no rating."""
        return _carries_kw(self)


class PowerPanel(Declared):
    """A panel that supplies power feeds."""

    title: Line = ""
    """Name for people."""
    substation: Identifier
    """The substation that supplies the panel."""
    supplied_by: Suppliers = ()
    """Elements of the site's ``power`` that supply it; without them, its substation."""
    rated_kw: Kilowatts | None = None
    """Load in kilowatts that it carries; without it, its load is not judged."""
    redundancy: Redundancy = "N"
    """N: it fails as a whole. N+1 or 2N: it survives the loss of one unit."""
    status: Literal["active", "failed"] = "active"
    """As in NetBox: what has failed supplies nothing until it is active again."""
    derated_to: Derating | None = None
    """Part of its rating that is left for now, as where it runs too warm; without it, all of it."""

    @property
    def carries_kw(self) -> float | None:
        """Load in kilowatts that it carries now; None where it states no rating."""
        return _carries_kw(self)


class PowerFeed(Declared):
    """One of the two feeds of each rack of a row."""

    power_panel: Identifier
    """Id of the panel, in the same site."""
    rated_w: Annotated[int, Field(ge=100, le=1_000_000)]
    """Rating of the feed at one rack, in watts."""
    max_utilization: Annotated[float, Field(gt=0, le=1, strict=False)] = 0.8
    """Part of the rating that may be used (0 to 1, thousandths count)."""
    status: Literal["active", "failed"] = "active"
    """As in NetBox: a feed that has failed supplies nothing until it is active again."""
    derated_to: Derating | None = None
    """Part of its rating that is left for now, as where it runs too warm; without it, all of it."""
    breaker: Identifier | None = None
    """Id of the breaker in the site's ``power`` that the feeds of the whole row share, where there is one."""
    legs: dict[Phase, Line] = Field(default_factory=dict)
    """For a three-phase feed the rack units whose outlets are on each phase, such as ``L1: 1..14`` and so on."""
    outlets: Annotated[int, Field(ge=1, le=120)] | None = None
    """Outlets of its PDU at each rack, numbered from the bottom and spread evenly, for sheets of labels."""

    @property
    def design_w(self) -> int:
        """Watts that one rack may draw from this feed as built: rating times ``max_utilization``, rounded down."""
        return self.rated_w * round(self.max_utilization * 1000) // 1000

    @property
    def available_w(self) -> int:
        """Watts that one rack may draw from it now: of those as built the part that is left, rounded down."""
        return self.design_w * thousandths(self.derated_to) // 1000


class BackupPower(Declared):
    """What carries a site when the grid is lost."""

    battery_kwh: Annotated[float, Field(ge=0, le=100_000_000, strict=False)] = 0
    """Energy in kilowatt-hours that its batteries give to the IT load at the end of their life."""
    generator_kw: Annotated[float, Field(ge=0, le=10_000_000, strict=False)] = 0
    """Power in kilowatts of its generators with the largest one lost."""
    fuel_kwh: Annotated[float, Field(ge=0, le=1_000_000_000, strict=False)] = 0
    """Electric energy in kilowatt-hours that the fuel on site gives."""

"""What the administrator lays down: dated rule packs with a source for every limit, waivers, and rings of links."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from zonewright.model.base import Date, Declared, Identifier, Line, RiskKind, TrustClass
from zonewright.model.coverage import RadioBand
from zonewright.model.own_rule import OwnRule, OwnRuleId
from zonewright.model.window import Freezes, Windows

LimitName = Literal[
    "design-pue",
    "zone-utilization",
    "duct-reuse-distance-m",
    "route-joint-distance-m",
    "separated-protection-level",
    "fibre-delay-us-per-km",
    "waiver-days",
    "figure-age-days",
    "balance-percent",
    "phase-imbalance-percent",
    "battery-minutes",
    "generator-minutes",
    "room-density-w-per-m2",
    "tenants-per-site",
    "shared-sites-percent",
    "link-load-percent",
    "stranded-percent",
    "tower-reuse-distance-m",
    "station-distance-n28-least-m",
    "station-distance-n28-most-m",
    "station-distance-n41-least-m",
    "station-distance-n41-most-m",
    "station-distance-n78-least-m",
    "station-distance-n78-most-m",
]
PolicyRule = Literal[
    "backup-power",
    "bandwidth-after-failure",
    "class-separation",
    "connection-capacity",
    "coverage",
    "design-pue",
    "energy-quota",
    "feed-diversity",
    "feed-kept",
    "fill-before-open",
    "land-quota",
    "latency-budget",
    "reuse-first",
    "ring-closed",
    "room-density",
    "srlg-disjoint",
    "station-distance",
    "tower-reuse",
    "zone-utilization",
]
"""Rules that a pack may soften and a waiver may cover; what physics forbids is in none of them."""
FoundRule = Literal["cooling-capacity", "feed-capacity", "feed-failed", "feed-failover", "rack-cooling", "rack-weight"]
"""What physics forbids, and an estate that is taken over may break already: the register says what is so."""
PolicyLevel = Literal["mandatory", "no-worse", "approval", "advisory"]
LEVELS: tuple[PolicyLevel, ...] = ("mandatory", "no-worse", "approval", "advisory")

DEFAULTS: Mapping[LimitName, float] = {
    "fibre-delay-us-per-km": 4.9,
    "route-joint-distance-m": 100,
    "waiver-days": 180,
    "figure-age-days": 7,
    "phase-imbalance-percent": 20,
    "link-load-percent": 100,
}
"""In force where no pack says otherwise: single-mode fibre at 1550 nm has 4.897 us/km."""
LOWER_IS_STRICTER: frozenset[LimitName] = frozenset(
    {
        "design-pue",
        "route-joint-distance-m",
        "separated-protection-level",
        "waiver-days",
        "figure-age-days",
        "balance-percent",
        "phase-imbalance-percent",
        "room-density-w-per-m2",
        "link-load-percent",
        "stranded-percent",
        "station-distance-n28-most-m",
        "station-distance-n41-most-m",
        "station-distance-n78-most-m",
    }
)
"""Of the other limits the higher value is the stricter one."""


BANDS: Mapping[RadioBand, tuple[LimitName, LimitName]] = {
    "n28": ("station-distance-n28-least-m", "station-distance-n28-most-m"),
    "n41": ("station-distance-n41-least-m", "station-distance-n41-most-m"),
    "n78": ("station-distance-n78-least-m", "station-distance-n78-most-m"),
}
"""The limits of each band: how near two stations may be, and how far the next one."""
POSSIBLE: Mapping[LimitName, tuple[float, float]] = {
    "design-pue": (1, 10),
    "zone-utilization": (0, 1),
    "separated-protection-level": (1, 5),
    "fibre-delay-us-per-km": (3.3356, 100),
    "waiver-days": (1, 3_660),
    "figure-age-days": (0.01, 3_660),
    "balance-percent": (0, 100),
    "phase-imbalance-percent": (0, 100),
    "shared-sites-percent": (0, 100),
    "link-load-percent": (0.001, 100),
    "stranded-percent": (0, 100),
}
"""Least and largest value that means something: no ratio of energies is below 1, and nothing is faster than light."""


class Limit(Declared):
    """One limit."""

    value: Annotated[float, Field(ge=0, le=100_000, strict=False)]
    """Its value; the name says the unit."""
    source: Line
    """Where it comes from: clause, letter or agreement."""
    applies_from: Date | None = None
    """The limit holds for sites commissioned on this day or later, such as 2022-02-07; empty means all sites."""


class RulePack(Declared):
    """Limits that hold for a time. A pack that extends another one may only tighten it."""

    title: Line
    """Name for people."""
    extends: Identifier | None = None
    """Id of the pack that it builds on."""
    valid_from: Date
    """First day, such as 2026-01-01."""
    valid_until: Date
    """Last day, such as 2030-12-31."""
    limits: dict[LimitName, Limit] = Field(default_factory=dict)
    """Limits by name."""
    trusted: Annotated[tuple[TrustClass, ...], Field(strict=False)] = ("signed", "authenticated")
    """Trust classes of readings that count for the gate on the energy ratio."""
    node_energy: bool = False
    """Whether power meters of hosts themselves (``hwmon``) count as IT energy in a boundary of category PUE3."""
    levels: dict[PolicyRule, PolicyLevel] = Field(default_factory=dict)
    """Levels that differ from the usual level of a rule, such as advisory while a rule is on trial."""
    gated_formats: Annotated[tuple[Identifier, ...], Field(strict=False)] = ()
    """Configuration formats whose files are deployed only after their validator has passed them."""
    rules: Annotated[dict[Identifier, OwnRule], Field(max_length=20)] = Field(default_factory=dict)
    """Rules of the zone's own, by id; findings call them ``own/<id>``. A pack that extends this one has them too."""
    windows: Windows = ()
    """When roll-outs may touch hosts; each pack of a chain applies by itself. Without any, always."""
    freeze: Freezes = ()
    """Days on which no roll-out touches a host."""
    uncertain: Literal["approval", "refused"] = "approval"
    """What the gate on the energy ratio says to a change that is not certainly better or worse."""


class AsFound(Declared):
    """What an estate that was taken over broke already: it may stay as it was found, and may not grow."""

    rule: FoundRule
    """Id of the rule."""
    subjects: Annotated[tuple[Line, ...], Field(min_length=1, strict=False)]
    """What breaks it, as findings name it, such as a rack."""
    excess: Annotated[int, Field(ge=1, le=1_000_000_000)]
    """The excess of each over the limit when it was found, in the rule's unit; more is refused."""
    found: Date
    """The day on which it was found."""
    source: Line
    """Where it was found, such as the inventory."""


class Waiver(Declared):
    """A tolerated breach, bounded in size and time. One party asks for it, and another party approves it."""

    rule: PolicyRule | OwnRuleId
    """Id of the rule; a rule of the zone's own is ``own/<id>``."""
    subjects: Annotated[tuple[Line, ...], Field(min_length=1, strict=False)]
    """Exact subjects as findings name them, such as a room or a link."""
    reason: Line
    """Why."""
    owner: Identifier
    """Party that asked for it."""
    approver: Identifier
    """Party that approved it; not the owner."""
    ticket: Line = ""
    """Where it was discussed."""
    valid_from: Date
    """First day, such as 2026-01-01."""
    valid_until: Date
    """Last day, such as 2026-06-30; by default at most 180 days later."""
    max_excess: Annotated[int, Field(ge=0, le=1_000_000_000)]
    """Largest excess over the limit that it covers, in the rule's unit."""


class Ring(Declared):
    """Links that protect each other: no single failure may take down two of them."""

    title: Line = ""
    """Name for people."""
    links: Annotated[tuple[Identifier, ...], Field(min_length=2, strict=False)]
    """Ids of its links, in their order around the ring."""
    disjoint: Annotated[tuple[RiskKind, ...], Field(min_length=1, strict=False)] = ("duct", "bridge")
    """Kinds of risk that no two links may share; the site where two neighbours meet does not count."""
    is_open: bool = False
    """Whether its links make a line, and no way around: for a ring that is still to be closed."""


def chain_of(packs: Mapping[str, RulePack], pack_id: str | None) -> tuple[RulePack, ...]:
    """A pack and those that it extends, nearest first; a cycle or a missing pack ends it."""
    chain: list[RulePack] = []
    seen: set[str] = set()
    while pack_id is not None and pack_id in packs and pack_id not in seen:
        seen.add(pack_id)
        chain.append(packs[pack_id])
        pack_id = packs[pack_id].extends
    return tuple(chain)

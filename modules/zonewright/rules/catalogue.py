"""The rules of a zone as they are in force: with the level that its packs give them, and the limits that they read."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from zonewright.model.rule_pack import DEFAULTS, Limit, LimitName, chain_of
from zonewright.model.zone import USAGE_LIMITS, Zone
from zonewright.rules.finding import Level
from zonewright.rules.rule import Rule
from zonewright.rules.stations import DISTANCES

READS: Mapping[str, tuple[LimitName, ...]] = {
    "backup-power": ("battery-minutes", "generator-minutes"),
    "bandwidth-after-failure": ("link-load-percent",),
    "class-separation": ("separated-protection-level",),
    "design-pue": ("design-pue",),
    "latency-budget": ("fibre-delay-us-per-km",),
    "link-route": ("route-joint-distance-m",),
    "phase-balance": ("phase-imbalance-percent",),
    "pue-gate": ("design-pue", "figure-age-days", "balance-percent"),
    "reuse-first": ("duct-reuse-distance-m", "route-joint-distance-m"),
    "ring-closed": ("route-joint-distance-m",),
    "room-density": ("room-density-w-per-m2",),
    "site-sharing": USAGE_LIMITS,
    "station-distance": DISTANCES,
    "stranded": ("stranded-percent",),
    "tower-reuse": ("tower-reuse-distance-m",),
    "zone-utilization": ("zone-utilization",),
}
"""Limits that a rule reads."""
NEEDS: Mapping[str, tuple[LimitName, ...]] = {
    "backup-power": ("battery-minutes", "generator-minutes"),
    "class-separation": ("separated-protection-level",),
    "design-pue": ("design-pue",),
    "pue-gate": ("design-pue",),
    "reuse-first": ("duct-reuse-distance-m",),
    "room-density": ("room-density-w-per-m2",),
    "site-sharing": USAGE_LIMITS,
    "station-distance": DISTANCES,
    "stranded": ("stranded-percent",),
    "tower-reuse": ("tower-reuse-distance-m",),
    "zone-utilization": ("zone-utilization",),
}
"""Limits without any of which a rule judges nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitInForce:
    """A limit as it is in force.

    Attributes:
        name: its name.
        value: its value; None where no pack has one, and there is no default.
        pack: id of the pack that says it; empty for a default.
        source: where it comes from.
    """

    name: str
    value: float | None
    pack: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleInForce:
    """A rule as it is in force.

    Attributes:
        id: its name in findings and waivers.
        title: what must hold.
        level: what a breach means.
        pack: id of the pack that gives it this level, or that has it; empty for the usual level.
        limits: the limits that it reads.
        judges: whether there is anything that it can judge; without a limit of a pack, some judge nothing.
        waivers: ids of the waivers that name it.
    """

    id: str
    title: str
    level: Level
    pack: str
    limits: tuple[LimitInForce, ...]
    judges: bool
    waivers: tuple[str, ...]


def rules_in_force(rules: Iterable[Rule], zone: Zone) -> Iterator[RuleInForce]:
    """Each rule as a zone has it.

    Args:
        rules: those of zonewright, and the zone's own.
        zone: the administrator's file.
    """
    chain = chain_of(zone.rule_packs, zone.rule_pack)
    ids = {id(pack): name for name, pack in zone.rule_packs.items()}
    for rule in rules:
        level = zone.level(rule.id)
        own = rule.id.partition("/")[2]
        having = [pack for pack in chain if any(name == rule.id for name in pack.levels) or own in pack.rules]
        limits = tuple(_limit(zone, name) for name in READS.get(rule.id, ()))
        yield RuleInForce(
            id=rule.id,
            title=rule.title,
            level=level or rule.level,
            pack=ids[id(having[0])] if having else "",
            limits=limits,
            judges=judges(rule.id, zone),
            waivers=tuple(name for name, waiver in sorted(zone.waivers.items()) if waiver.rule == rule.id),
        )


def judges(rule: str, zone: Zone) -> bool:
    """Whether there is a limit without which a rule judges nothing.

    Args:
        rule: its id.
        zone: the administrator's file.
    """
    return rule not in NEEDS or any(zone.limit(name) is not None for name in NEEDS[rule])


def _limit(zone: Zone, name: LimitName) -> LimitInForce:
    for pack in chain_of(zone.rule_packs, zone.rule_pack):
        found: Limit | None = pack.limits.get(name)
        if found is not None:
            pack_id = next(key for key, one in zone.rule_packs.items() if one is pack)
            return LimitInForce(name=name, value=found.value, pack=pack_id, source=found.source)
    return LimitInForce(name=name, value=DEFAULTS.get(name), source="default of zonewright" if name in DEFAULTS else "")

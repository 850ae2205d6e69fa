"""What is known of one data centre's energy ratio: by design, measured, projected; and what triggers the gate."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from zonewright.model.world import EnergyVerdict, Measured, RoomTotals, SiteFacts, ZoneFacts
from zonewright.rules.energy_state import design_ratio, ratio_limit, trigger
from zonewright.rules.site_power import design_power, is_in_scope, size_class


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteStatus:
    """One data centre.

    Attributes:
        site: its id.
        category: class of size.
        in_scope: whether the limit holds for it.
        limit: the ratio that may not be exceeded.
        design: energy ratio by design, None where no overhead is declared.
        measured: what is measured, None while its metering is declared.
        trigger: the worst of the verdicts.
    """

    site: str
    category: str
    in_scope: bool
    limit: Fraction
    design: Fraction | None
    measured: Measured | None
    trigger: EnergyVerdict

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON; ratios as text with six decimals."""
        found = self.measured
        data: dict[str, Any] = {
            "site": self.site,
            "category": self.category,
            "in_scope": self.in_scope,
            "limit": _text(self.limit),
            "design": _text(self.design),
            "metering": "declared" if found is None else "measured",
            "trigger": self.trigger,
        }
        if found is not None:
            data |= {
                "trailing": {"ratio": _text(found.trailing_ratio), "verdict": found.trailing},
                "projection": {"ratio": _text(found.projection_ratio), "verdict": found.projection},
                "coverage": f"{float(found.coverage):.6f}",
                "it_load_kw": None if found.it_load_w is None else found.it_load_w / 1000,
                "unmetered_kw": found.unmetered_w / 1000,
                "age_days": round(found.age_days, 3),
                "category": found.category,
                "trust": found.trust,
                "reason": found.reason,
                "findings": list(found.findings),
            }
        return data

    def lines(self) -> Iterator[str]:
        """For people."""
        scope = "" if self.in_scope else " (the limit does not apply to it)"
        yield f"{self.site}: {self.trigger}, limit {float(self.limit):g}, {self.category}{scope}"
        yield f"  design      {_text(self.design)}"
        found = self.measured
        if found is None:
            yield "  metering    declared: no readings yet"
            return
        load = "unknown" if found.it_load_w is None else f"{found.it_load_w / 1000:,.1f} kW"
        yield f"  trailing    {_text(found.trailing_ratio)} over twelve months: {found.trailing}"
        yield f"  projection  {_text(found.projection_ratio)} for the calendar year: {found.projection}"
        more = f"; {found.unmetered_w / 1000:,.1f} kW claimed are not in it yet" if found.unmetered_w else ""
        yield f"  IT load     {load}, mean of 30 days{more}"
        rests = [f"coverage {float(100 * found.coverage):.2f} %", f"{found.age_days:.1f} days old"]
        rests += [found.category] if found.category else []
        rests += [f"{found.trust} readings"] if found.trust else []
        yield f"  rests on    {', '.join(rests)}"
        if found.reason:
            yield f"  why         {found.reason}"
        for sentence in found.findings:
            if sentence != found.reason:
                yield f"  finding     {sentence}"


def site_status(
    facts: ZoneFacts, site_id: str, site: SiteFacts, rooms: Mapping[str, RoomTotals], measured: Measured | None
) -> SiteStatus:
    """The status of one data centre.

    Args:
        facts: the zone as a whole.
        site_id: its id.
        site: its declaration.
        rooms: sums of its rooms.
        measured: what is measured of it, or None.
    """
    limit = facts.zone.limit("design-pue")
    ratio = ratio_limit(facts.zone)
    power = design_power(site, rooms)
    return SiteStatus(
        site=site_id,
        category=size_class(power.it_w),
        in_scope=limit is not None and is_in_scope(site, power.it_w, limit.applies_from),
        limit=ratio,
        design=design_ratio(site, rooms),
        measured=measured,
        trigger=trigger(site, rooms, ratio, measured),
    )


def _text(ratio: Fraction | None) -> str:
    return "unknown" if ratio is None else f"{float(ratio):.6f}"

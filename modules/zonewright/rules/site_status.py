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
                "load_model": _model_data(found),
                "rest_of_year": _rest_data(found),
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
        bounds = found.projection_bounds
        between = "" if bounds is None else f" ({_text(bounds[0])} to {_text(bounds[1])})"
        yield f"  projection  {_text(found.projection_ratio)}{between} for the calendar year: {found.projection}"
        if found.allowed_rest is not None and found.rest_it_wh and found.rest_total_wh is not None:
            yield (
                f"  budget      the rest of the year may be {_down(found.allowed_rest)} at "
                f"{float(found.rest_it_wh) / 10**6:,.1f} MWh of IT; the load model gives "
                f"{_text(found.rest_total_wh / found.rest_it_wh)}"
            )
        yield from _model_lines(found)
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


def _model_data(found: Measured) -> dict[str, Any]:
    """The load model: fitted with what it rests on, or declared with the reason."""
    fit = found.fit
    if fit is None:
        return {"kind": "declared", "reason": found.unfitted}
    return {
        "kind": "fitted",
        "plant": fit.plant,
        "first": fit.first,
        "days": fit.days,
        "left_out": fit.left_out,
        "scale_kw": fit.scale_w / 1000,
        "reach_kw": fit.reach_w / 1000,
        "curve_kw": [number / 10**6 for number in fit.curve],
        "bands": [
            {"low_c": one.low_c, "high_c": one.high_c, "year_days": one.year_days, "days": one.days}
            | {"curve_kw": [number / 10**6 for number in one.curve]}
            for one in fit.bands
        ],
    }


def _rest_data(found: Measured) -> dict[str, Any]:
    return {
        "allowed": None if found.allowed_rest is None else _down(found.allowed_rest),
        "it_mwh": None if found.rest_it_wh is None else float(found.rest_it_wh) / 10**6,
        "total_mwh": None if found.rest_total_wh is None else float(found.rest_total_wh) / 10**6,
    }


def _model_lines(found: Measured) -> Iterator[str]:
    fit = found.fit
    if fit is None:
        if found.unfitted:
            yield f"  load model  declared: {found.unfitted}"
        return
    constant, linear, square = (number / 10**6 for number in fit.curve)
    plant = f" of plant state {fit.plant}" if fit.plant else ""
    left = f", {fit.left_out} left out as unlike all others" if fit.left_out else ""
    bands = f" in {len(fit.bands)} bands of outside temperature" if len(fit.bands) > 1 else ""
    yield f"  load model  fitted to {fit.days} days{plant} from {fit.first} on{bands}{left}"
    yield (
        f"              {constant:,.1f} kW + {linear:,.1f} kW x + {square:,.1f} kW x^2 without rooms, x = IT load / "
        f"{fit.scale_w / 1000:,.1f} kW; up to {fit.reach_w / 1000:,.1f} kW"
    )


def _down(ratio: Fraction) -> str:
    """Six decimals, rounded down: what may be used up."""
    return f"{ratio * 10**6 // 1 / 10**6:.6f}"


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

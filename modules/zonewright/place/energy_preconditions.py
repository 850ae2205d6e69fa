"""What a change rests on at the gate on the energy ratio: figures of its sites that may not get worse or too old."""

from collections.abc import Iterator
from fractions import Fraction

from zonewright.model.world import ZoneFacts
from zonewright.place.precondition import Precondition
from zonewright.rules.energy_state import design_ratio, state_of
from zonewright.rules.pue_gate import JudgedGate, judged_sites
from zonewright.rules.site_power import rooms_of

_MILLION = 10**6


def energy_premises(after: ZoneFacts, before: ZoneFacts) -> Iterator[Precondition]:
    """The premises of a change at each site that the gate has judged; what removes load rests on nothing.

    Args:
        after: the zone with the change, and what is measured of its sites.
        before: the zone without it.
    """
    age = after.zone.limit("figure-age-days")
    for judged in judged_sites(after, before):
        if judged.kind == "removal":
            continue
        if judged.measured is not None and age is not None and not judged.measured.reason:
            yield Precondition(kind="figure-age", subject=judged.site_id, at_most=int(age.value * 24))
        if judged.gate.trigger == "within":
            yield from _figures(judged)
        bound = _bound(judged)
        if bound is not None:
            yield Precondition(kind="next-year", subject=judged.site_id, at_most=bound)


def _figures(judged: JudgedGate) -> Iterator[Precondition]:
    names = ["design"] if judged.measured is None else ["design", "trailing", "projection"]
    for name in names:
        yield Precondition(kind="figure", subject=judged.site_id, of=name, at_most=int(judged.limit * _MILLION))


def _bound(judged: JudgedGate) -> int | None:
    """How high the ratio without the change may be, in millionths.

    Where the site is within the limit with the change, it is the ratio at which it would still just be: at the load
    without the change that is missing from the break-even with it. Else it is the ratio that was looked at.
    """
    without, with_ = judged.without, judged.with_
    if with_.model.fit is not None:
        return _fitted_bound(judged)
    if judged.gate.trigger == "within" and judged.gate.decision == "admitted":
        even = with_.model.break_even_w(judged.limit)
        ratio = None if even is None else without.model.ratio(even - (with_.it_w - without.it_w))
        return None if ratio is None else int(ratio * _MILLION)
    return None if without.ratio is None else int(-(-without.ratio * _MILLION // 1))


def _fitted_bound(judged: JudgedGate) -> int | None:
    """The same by a fitted curve: as much higher as the ratio with the change may be, by what the curve may err."""
    without, bounds = judged.without.ratio, judged.with_.bounds
    if without is None:
        return None
    if judged.gate.trigger == "within" and judged.gate.decision == "admitted" and bounds is not None:
        return int((without + max(Fraction(), judged.limit - bounds[1])) * _MILLION)
    return int(-(-without * _MILLION // 1))


def figure_of(premise: Precondition, zone: ZoneFacts) -> Fraction | None:
    """What a premise on energy speaks of as it is now, in the premise's unit; None where it is not known.

    Args:
        premise: one of the kinds on energy.
        zone: the zone now, with what is measured of its sites.
    """
    site, rooms = zone.sites.get(premise.subject), rooms_of(zone).get(premise.subject, {})
    measured = zone.measured.get(premise.subject)
    if site is None:
        return None
    if premise.kind == "figure-age":
        return None if measured is None else Fraction(measured.age_days) * 24
    if premise.kind == "next-year":
        ratio = state_of(site, rooms, measured).ratio
    elif premise.of == "design":
        ratio = design_ratio(site, rooms)
    elif measured is not None:
        ratio = measured.trailing_ratio if premise.of == "trailing" else measured.projection_ratio
    else:
        ratio = None
    return None if ratio is None else ratio * _MILLION

"""The gate on the energy ratio, for the sites that a change touches."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from zonewright.model.world import Measured, Occupant, RoomTotals, SiteFacts, ZoneFacts
from zonewright.pue.gate import Gate, LoadChangeKind, decide
from zonewright.pue.load_model import LoadModelState
from zonewright.rules.energy_state import claimed_w, design_ratio, ratio_text, state_of, trigger
from zonewright.rules.finding import Level, Participant
from zonewright.rules.rule import Rule
from zonewright.rules.site_power import KILO, data_centres, design_power, is_in_scope, rooms_of
from zonewright.rules.view import Breach, View, participants_of

_LEVELS: Mapping[str, Level] = {"refused": "mandatory", "approval": "approval", "admitted": "advisory"}
_NEXT = {
    "approval": "this change needs an approval with these numbers",
    "admitted": "",
}
"""What to do next, by decision; without an entry there is a remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedGate:
    """One site that the gate has judged.

    Attributes:
        site_id: its id.
        site: its declaration.
        kind: whether the change adds anything to it.
        limit: the ratio that may not be exceeded.
        design: its ratio by design, None where it is not known.
        measured: what is measured of it, None while its metering is declared.
        without: the site without the change.
        with_: the site with it.
        gate: the decision.
    """

    site_id: str
    site: SiteFacts
    kind: LoadChangeKind
    limit: Fraction
    design: Fraction | None
    measured: Measured | None
    without: LoadModelState
    with_: LoadModelState
    gate: Gate


def judged_sites(after: ZoneFacts, before: ZoneFacts) -> Iterator[JudgedGate]:
    """The sites in the limit's scope that a change touches, each with its decision, in order of id.

    Args:
        after: the zone with the change, and what is measured of its sites.
        before: the zone without it.
    """
    limit = after.zone.limit("design-pue")
    if limit is None:
        return
    ratio, rooms_before = Fraction(str(limit.value)), rooms_of(before)
    for site_id, site, rooms in data_centres(after):
        present, known = before.sites.get(site_id), rooms_before.get(site_id, {})
        if present is None or site.site.overhead is None or known == rooms:
            continue
        if is_in_scope(site, design_power(site, rooms).it_w, limit.applies_from):
            measured, kind = after.measured.get(site_id), _kind(known, rooms)
            without, with_ = state_of(present, known, measured), state_of(site, rooms, measured, since=known)
            yield JudgedGate(
                site_id=site_id,
                site=site,
                kind=kind,
                limit=ratio,
                design=design_ratio(present, known),
                measured=measured,
                without=without,
                with_=with_,
                gate=decide(
                    trigger=trigger(present, known, ratio, measured),
                    kind=kind,
                    without=without,
                    with_=with_,
                    limit=ratio,
                    refuse_inside=after.zone.refuses_uncertain,
                ),
            )


def pue_gate(view: View) -> Iterator[Breach]:
    """A change does not take a site beyond the limit, nor make one worse that is beyond it."""
    if view.zone is None or view.before is None:
        return
    for judged in judged_sites(view.zone, view.before):
        if judged.gate.decision != "admitted" or judged.gate.trigger != "within":
            yield _told(view, judged)


PUE_GATE = Rule(
    id="pue-gate",
    title=(
        "A change does not take a site over the limit of its energy ratio, and does not make a site worse "
        "that is over it."
    ),
    level="mandatory",
    description=(
        "The rule judges changes at newly built large and mega data centres. The load model gives the energy "
        "ratio of the next twelve months, without the change and with it. It is declared (plant, each open room, "
        "slope) until a curve is fitted to readings, in the place of plant and slope. A fitted curve says nothing of "
        "loads beyond 1.15 times the highest that was seen. Before the site has readings, its design is the trigger. "
        "If the site is over the limit, a "
        "change that makes it better needs an approval, and a change that makes it worse is refused. Better "
        "or worse means that the difference keeps its sign while each declared parameter varies by a tenth, "
        "and a fitted curve by its interval. What a fitted model cannot tell needs an approval. "
        "A change that adds no watt and opens no room is admitted. If the site is over the limit, the "
        "finding states the numbers."
    ),
    unit="millionths",
    reference="NDRC letter Fa Gai Gao Ji [2022] No. 211 (PUE within 1.25); ISO/IEC 30134-2 (annual energy ratio)",
    function=pue_gate,
    reach="zone",
)


def _kind(before: Mapping[str, RoomTotals], after: Mapping[str, RoomTotals]) -> LoadChangeKind:
    load = {room: before[room].contracted_w if room in before else 0 for room in after}
    opens = any(sums.contracted_w and not load[room] for room, sums in after.items())
    return "addition" if claimed_w(after) > claimed_w(before) or opens else "removal"


def _told(view: View, judged: JudgedGate) -> Breach:
    gate, site_id, limit = judged.gate, judged.site_id, judged.limit
    acting = _acting(view, site_id)
    added_w = judged.with_.it_w - judged.without.it_w
    opened = sorted(
        {name for name, _ in judged.with_.model.rooms_w} - {name for name, _ in judged.without.model.rooms_w}
    )
    opens = f" and opens room {', '.join(opened)}" if opened else ""
    excess = Fraction() if gate.with_ is None else max(Fraction(), gate.with_ - limit)
    return Breach(
        subject=site_id,
        where=acting[0].path if acting else f"sites.{site_id}",
        message=(
            f"{site_id}: {float(added_w) / KILO:+,.1f} kW{opens} would move its energy ratio of the next twelve "
            f"months from {ratio_text(gate.without)} to {ratio_text(gate.with_)}{_interval(gate)}, limit "
            f"{float(limit):g}; {gate.reason} ({_trigger_text(judged)})"
        ),
        value=_millionths(gate.with_),
        limit=_millionths(limit),
        unit="millionths",
        excess=-(-excess * 10**6 // 1),
        participants=participants_of(acting) if acting else (Participant(party=judged.site.owner, name=site_id),),
        fix=_fix(view, judged, is_placed=bool(acting)),
        level=_LEVELS[gate.decision],
    )


def _fix(view: View, judged: JudgedGate, *, is_placed: bool) -> str:
    most_w = judged.with_.model.most_w
    if most_w is not None and judged.with_.is_beyond:
        step = max(Fraction(), most_w - judged.without.it_w)
        now = f"place at most {float(step) / KILO:,.1f} kW now" if step else "wait until more load was measured"
        return f"{now}, as far as the load model reaches ({float(most_w) / KILO:,.0f} kW of IT), or have this approved"
    return _NEXT.get(judged.gate.decision, _remedy(view, judged, is_placed=is_placed))


def _remedy(view: View, judged: JudgedGate, *, is_placed: bool) -> str:
    """What who places load can do, or who operates the site."""
    site_id, limit = judged.site_id, judged.limit
    break_even = judged.with_.model.break_even_w(limit)
    if break_even is None:
        ask = "" if view.acts(judged.site.owner) else "choose another site, or ask the operator to "
        return f"{ask}lower the overhead of {site_id} first: no load brings it within {float(limit):g}"
    is_operator = view.world.acting == judged.site.owner and not is_placed
    what = (
        "lower its overhead, or open rooms later"
        if is_operator
        else ("place it in rooms that are open, or in smaller steps")
    )
    return f"{what}; {site_id} is within {float(limit):g} from {float(break_even) / KILO:,.0f} kW of IT on"


def _trigger_text(judged: JudgedGate) -> str:
    gate, measured = judged.gate, judged.measured
    if measured is None:
        return f"trigger: {gate.trigger} by design; metering and load model declared"
    parts = [
        f"design {ratio_text(judged.design)}",
        f"trailing twelve months {ratio_text(measured.trailing_ratio)} {measured.trailing}",
        f"projection of the year {ratio_text(measured.projection_ratio)} {measured.projection}",
        f"coverage {float(100 * measured.coverage):.1f} %",
        f"{measured.age_days:.1f} days old",
    ]
    parts += [measured.category] if measured.category else []
    parts += [f"{measured.trust} readings"] if measured.trust else []
    parts += [measured.reason] if measured.reason else []
    return f"trigger: {gate.trigger}; {', '.join(parts)}; {judged.with_.model.words()}"


def _acting(view: View, site_id: str) -> list[Occupant]:
    found = [item for item in view.world.occupants if item.standing == "wanted" and item.path]
    return sorted((item for item in found if item.rack.partition("/")[0] == site_id), key=lambda item: item.key)


def _interval(gate: Gate) -> str:
    found = gate.difference
    if found.value is None or found.low is None or found.high is None:
        return ""
    return f" ({float(found.value):+.5f}, between {float(found.low):+.5f} and {float(found.high):+.5f})"


def _millionths(ratio: Fraction | None) -> int | None:
    return None if ratio is None else int(-(-ratio * 10**6 // 1))

"""The gate on the energy ratio, for the sites that a change touches."""

from collections.abc import Iterator, Mapping
from fractions import Fraction

from zonewright.model.world import Measured, Occupant, RoomTotals, SiteFacts, Verdict, ZoneFacts
from zonewright.pue.gate import Gate, Kind, decide, worst
from zonewright.pue.load_model import LoadModel, State
from zonewright.rules.energy import data_centres, design_power, is_in_scope, rooms_of
from zonewright.rules.finding import Level, Participant
from zonewright.rules.view import Breach, View, participants_of

_KILO = 1000
_LEVELS: Mapping[str, Level] = {"refused": "mandatory", "approval": "approval", "admitted": "advisory"}
_NEXT = {
    "approval": "an approval is missing; have the change approved with these numbers",
    "admitted": "",
}


def pue_gate(view: View) -> Iterator[Breach]:
    """A change does not take a site beyond the limit, nor make one worse that is beyond it."""
    limit = view.zone.zone.limit("design-pue") if view.zone is not None else None
    if view.zone is None or view.before is None or limit is None:
        return
    ratio, rooms_before = Fraction(str(limit.value)), rooms_of(view.before)
    for site_id, site, rooms in data_centres(view.zone):
        present = view.before.sites.get(site_id)
        before = rooms_before.get(site_id, {})
        if present is None or site.site.overhead is None or before == rooms:
            continue
        if is_in_scope(site, design_power(site, rooms).it_w, limit.applies_from):
            measured = view.zone.measured.get(site_id)
            gate = decide(
                trigger=trigger(present, before, ratio, measured),
                kind=_kind(before, rooms),
                without=state_of(present, before, measured_w=_load(measured)),
                with_=state_of(site, rooms, measured_w=_load(measured), since=before),
                limit=ratio,
            )
            if gate.decision != "admitted" or gate.trigger != "within":
                yield _told(view, site_id, site, gate, ratio)


def trigger(
    site: SiteFacts, rooms: Mapping[str, RoomTotals], limit: Fraction, measured: Measured | None = None
) -> Verdict:
    """The worst verdict on the figures that are known of a site; while its metering is declared, the design alone."""
    power = design_power(site, rooms)
    design: Verdict = "undetermined"
    if power.total_w is not None:
        design = "breach" if power.total_w > power.it_w * limit else "within"
    return design if measured is None else worst(design, measured.trailing, measured.projection)


def _load(measured: Measured | None) -> int | None:
    return measured.it_load_w if measured is not None else None


def state_of(
    site: SiteFacts,
    rooms: Mapping[str, RoomTotals],
    *,
    measured_w: int | None = None,
    since: Mapping[str, RoomTotals] | None = None,
) -> State:
    """Load model and IT load of a site.

    Args:
        site: the site.
        rooms: sums of its rooms.
        measured_w: its mean measured IT load; None takes what is claimed.
        since: sums of its rooms when the load was measured; what is claimed beyond them comes on top.
    """
    overhead = site.site.overhead
    declared = site.site.rooms
    opened = tuple(
        (room, Fraction(str(declared[room].fixed_kw)) * _KILO)
        for room, sums in sorted(rooms.items())
        if sums.contracted_w and room in declared
    )
    model = LoadModel(
        plant_w=Fraction(str(overhead.plant_kw if overhead else 0)) * _KILO,
        rooms_w=opened,
        slope=Fraction(str(overhead.slope if overhead else 0)),
    )
    claimed_w = _claimed(rooms)
    if measured_w is None:
        return State(model=model, it_w=Fraction(claimed_w))
    more_w = 0 if since is None else claimed_w - _claimed(since)
    return State(model=model, it_w=Fraction(max(0, measured_w + more_w)))


def _claimed(rooms: Mapping[str, RoomTotals]) -> int:
    return sum(sums.contracted_w for sums in rooms.values())


def _kind(before: Mapping[str, RoomTotals], after: Mapping[str, RoomTotals]) -> Kind:
    load = {room: before[room].contracted_w if room in before else 0 for room in after}
    grows = _claimed(after) > _claimed(before)
    opens = any(sums.contracted_w and not load[room] for room, sums in after.items())
    return "addition" if grows or opens else "removal"


def _told(view: View, site_id: str, site: SiteFacts, gate: Gate, limit: Fraction) -> Breach:
    acting = _acting(view, site_id)
    with_, without = state_of(site, _rooms(view.zone, site_id)), state_of(site, _rooms(view.before, site_id))
    added_w = with_.it_w - without.it_w
    measured = view.zone.measured.get(site_id) if view.zone is not None else None
    opened = sorted({name for name, _ in with_.model.rooms_w} - {name for name, _ in without.model.rooms_w})
    opens = f" and opens room {', '.join(opened)}" if opened else ""
    break_even = with_.model.break_even_w(limit)
    excess = Fraction() if gate.with_ is None else max(Fraction(), gate.with_ - limit)
    fix = (
        f"place it in rooms that are open, or in smaller steps; {site_id} is within {float(limit):g} from "
        f"{float(break_even) / _KILO:,.0f} kW of IT on"
        if break_even is not None
        else f"lower the overhead of {site_id} first: no load brings it within {float(limit):g}"
    )
    return Breach(
        subject=site_id,
        where=acting[0].path if acting else f"sites.{site_id}",
        message=(
            f"{site_id}: {float(added_w) / _KILO:+,.1f} kW{opens} would move its energy ratio of the next twelve "
            f"months from {_text(gate.without)} to {_text(gate.with_)}{_interval(gate)}, limit {float(limit):g}; "
            f"{gate.reason} ({_trigger_text(gate, measured)})"
        ),
        value=_millionths(gate.with_),
        limit=_millionths(limit),
        unit="millionths",
        excess=-(-excess * 10**6 // 1),
        participants=participants_of(acting) if acting else (Participant(party=site.owner, name=site_id),),
        fix=_NEXT.get(gate.decision, fix),
        level=_LEVELS[gate.decision],
    )


def _trigger_text(gate: Gate, measured: Measured | None) -> str:
    if measured is None:
        return f"trigger: {gate.trigger} by design; metering and load model declared"
    parts = [f"trailing twelve months {_text(measured.trailing_ratio)} {measured.trailing}"]
    parts += [f"projection of the year {_text(measured.projection_ratio)} {measured.projection}"]
    parts += [f"coverage {float(100 * measured.coverage):.1f} %", f"{measured.age_days:.1f} days old"]
    parts += [measured.reason] if measured.reason else []
    return f"trigger: {gate.trigger}; {', '.join(parts)}; load model declared"


def _rooms(facts: ZoneFacts | None, site_id: str) -> Mapping[str, RoomTotals]:
    return rooms_of(facts).get(site_id, {}) if facts is not None else {}


def _acting(view: View, site_id: str) -> list[Occupant]:
    found = [item for item in view.world.occupants if item.standing == "wanted" and item.path]
    return sorted((item for item in found if item.rack.split("/", 1)[0] == site_id), key=lambda item: item.key)


def _text(ratio: Fraction | None) -> str:
    """Five decimals, rounded up, so that a breach never prints as the limit."""
    return "unknown" if ratio is None else f"{-(-ratio * 10**5 // 1) / 10**5:.5f}"


def _interval(gate: Gate) -> str:
    found = gate.difference
    if found.value is None or found.low is None or found.high is None:
        return ""
    return f" ({float(found.value):+.5f}, between {float(found.low):+.5f} and {float(found.high):+.5f})"


def _millionths(ratio: Fraction | None) -> int | None:
    return None if ratio is None else int(-(-ratio * 10**6 // 1))

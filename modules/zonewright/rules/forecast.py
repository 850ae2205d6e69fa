"""What more IT load would do to one site's energy ratio, without a declaration: the gate asked beforehand."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from zonewright.errors import Exit, ZonewrightError
from zonewright.model.world import Measured, RoomTotals, SiteFacts, ZoneFacts
from zonewright.pue.gate import Gate, decide
from zonewright.pue.load_model import LoadModelState, marginal
from zonewright.rules.energy_state import ratio_limit, state_of, trigger
from zonewright.rules.site_power import design_power, is_in_scope, rooms_of, size_class

_KILO = 1000


class ForecastError(ZonewrightError, ValueError):
    """There is nothing to forecast."""

    exit_code = Exit.MISUSE


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The gate's answer with what it rests on.

    Attributes:
        site: id of the site.
        category: class of size, and whether the limit holds for it.
        without: the site now.
        with_: the site with the load.
        room: where the load goes.
        opens: whether it opens that room.
        limit: the ratio that may not be exceeded.
        gate: the decision; of a site that the limit does not hold for, what it would be.
        measured: what is measured of the site, None while its metering is declared.
        marginals: by room that could take the load, what each watt of it takes in all, and whether it opens the room.
    """

    site: str
    category: str
    without: LoadModelState
    with_: LoadModelState
    room: str
    opens: bool
    limit: Fraction
    gate: Gate
    measured: Measured | None = None
    marginals: Mapping[str, tuple[Fraction | None, bool]] = field(default_factory=dict)

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON; ratios as text with six decimals."""
        found = self.gate.difference
        return {
            "site": self.site,
            "category": self.category,
            "room": self.room,
            "opens": self.opens,
            "it_load_kw": {"without": float(self.without.it_w) / _KILO, "with": float(self.with_.it_w) / _KILO},
            "limit": _text(self.limit),
            "without": _text(self.gate.without),
            "with": _text(self.gate.with_),
            "difference": {"value": _text(found.value), "low": _text(found.low), "high": _text(found.high)},
            "direction": found.direction,
            "trigger": self.gate.trigger,
            "decision": self.gate.decision,
            "reason": self.gate.reason,
            "metering": "declared" if self.measured is None else "measured",
            "load_model": "declared" if self.with_.model.fit is None else "fitted",
            "marginal": {room: _text(ratio) for room, (ratio, _) in self.marginals.items()},
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        found, data = self.gate.difference, self.to_data()
        yield f"{self.gate.decision}: {self.gate.reason}"
        yield f"  site       {self.site}, {self.category}"
        opened = " (opens it)" if self.opens else ""
        load = f"{float(self.without.it_w) / _KILO:,.1f} kW to {float(self.with_.it_w) / _KILO:,.1f} kW"
        yield f"  IT load    {load}, in room {self.room}{opened}"
        yield f"  ratio      {data['without']} without, {data['with']} with, limit {float(self.limit):g}"
        if found.value is not None:
            bounds = f"between {_text(found.low)} and {_text(found.high)}"
            yield f"  difference {_text(found.value)}, {bounds}: {found.direction}"
        if self.measured is None:
            yield f"  trigger    {self.gate.trigger} by design; metering and load model are declared"
        else:
            found_of = f"trailing {self.measured.trailing}, projection {self.measured.projection}"
            yield f"  trigger    {self.gate.trigger} by measured figures ({found_of}); {self.with_.model.words()}"
        for room, (ratio, opens) in self.marginals.items():
            what = " (opens it)" if opens else ""
            yield f"  in room    {room}{what}: each kW of it takes {_text(ratio)} kW"
        for name, state in (("without", self.without), ("with", self.with_)):
            even = state.model.break_even_w(self.limit)
            point = f"from {float(even) / _KILO:,.0f} kW of IT on" if even is not None else "at no load"
            yield f"  {name:<10} within {float(self.limit):g} {point}"


def forecast(facts: ZoneFacts, site_id: str, watts: int, room: str | None = None) -> Forecast:
    """What a load would do.

    Args:
        facts: the zone as a whole, with what is measured of it.
        site_id: a data centre.
        watts: IT load that is added; negative for one that leaves.
        room: its room; None takes the open one with the most design power left.

    Raises:
        ForecastError: one sentence where there is no such site or room, or no overhead is declared.
    """
    site, rooms = facts.sites.get(site_id), rooms_of(facts).get(site_id, {})
    if site is None or site.site.kind != "data-centre":
        centres = sorted(name for name, one in facts.sites.items() if one.site.kind == "data-centre")
        raise ForecastError(f"expected a data centre ({', '.join(centres)}), got '{site_id}'")
    if site.site.overhead is None:
        raise ForecastError(f"{site_id} declares no overhead, so its energy ratio is not known")
    chosen = room or max(
        (name for name, sums in rooms.items() if sums.contracted_w),
        key=lambda name: rooms[name].design_w - rooms[name].contracted_w,
        default="",
    )
    if chosen not in site.site.rooms:
        raise ForecastError(f"expected a room of {site_id} ({', '.join(sorted(site.site.rooms))}), got '{chosen}'")
    sums = rooms.get(chosen, RoomTotals())
    if sums.contracted_w + watts < 0:
        raise ForecastError(
            f"room {chosen} has {sums.contracted_w / _KILO:,.1f} kW in use; no more than that can leave it"
        )
    after = {**rooms, chosen: RoomTotals(sums.design_w, sums.contracted_w + watts)}
    limit, ratio = facts.zone.limit("design-pue"), ratio_limit(facts.zone)
    power, measured = design_power(site, rooms), facts.measured.get(site_id)
    in_scope = limit is not None and is_in_scope(site, power.it_w, limit.applies_from)
    without, with_ = state_of(site, rooms, measured), state_of(site, after, measured, since=rooms)
    return Forecast(
        site=site_id,
        category=f"{size_class(power.it_w)}, {'the limit applies' if in_scope else 'the limit does not apply to it'}",
        without=without,
        with_=with_,
        room=chosen,
        opens=not sums.contracted_w and watts > 0,
        limit=ratio,
        gate=decide(
            trigger=trigger(site, rooms, ratio, measured),
            kind="addition" if watts > 0 else "removal",
            without=without,
            with_=with_,
            limit=ratio,
            refuse_inside=facts.zone.refuses_uncertain,
        ),
        measured=measured,
        marginals=dict(_marginals(site, rooms, watts, measured)),
    )


def _marginals(
    site: SiteFacts, rooms: Mapping[str, RoomTotals], watts: int, measured: Measured | None
) -> Iterator[tuple[str, tuple[Fraction | None, bool]]]:
    """What a load would take in each room, where it is added: rooms that are open first."""
    without = state_of(site, rooms, measured)
    for room in sorted(site.site.rooms, key=lambda name: (not _load_w(rooms, name), name)) if watts > 0 else ():
        sums = rooms.get(room, RoomTotals())
        after = {**rooms, room: RoomTotals(sums.design_w, sums.contracted_w + watts)}
        yield room, (marginal(without, state_of(site, after, measured, since=rooms)), not sums.contracted_w)


def _load_w(rooms: Mapping[str, RoomTotals], room: str) -> int:
    return rooms[room].contracted_w if room in rooms else 0


def _text(ratio: Fraction | None) -> str:
    return "unknown" if ratio is None else f"{float(ratio):.6f}"

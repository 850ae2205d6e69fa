"""The rule about new ducts: what can be shared is not newly built, also where several ducts in a chain would do."""

from collections.abc import Iterator, Mapping, Sequence

from zonewright.model.geodesy import Parallel, beside, route_m
from zonewright.model.world import DuctFacts, ZoneFacts
from zonewright.rules.finding import Level, Participant
from zonewright.rules.network import free_bores
from zonewright.rules.pulls import pulled_apart
from zonewright.rules.routes import joint_limit_m, touch
from zonewright.rules.rule import Rule
from zonewright.rules.view import Breach, View
from zonewright.rules.words import count_of, listed

PARALLEL_SHARE = 0.5
"""A new duct repeats old ones when at least this part of it lies beside them."""
_NOTHING_M = 1.0
"""A duct of a chain that adds less is not part of it: it only begins at the same manhole."""


def reuse_first(view: View) -> Iterator[Breach]:
    """No duct is built beside others that have a free bore."""
    limit = view.zone.zone.limit("duct-reuse-distance-m") if view.zone is not None else None
    if view.zone is None or limit is None:
        return
    active = {name: held for name, held in sorted(view.zone.ducts.items()) if held.duct.status == "active"}
    free = {name: free_bores(view.zone, name) for name in active}
    for duct_id, held in sorted(view.zone.ducts.items()):
        if held.duct.status == "planned":
            usable = {
                name: other
                for name, other in active.items()
                if free[name] > 0 and (other.duct.is_shared or other.owner == held.owner)
            }
            for names, breach in _repeats((duct_id, held), usable, free, view.zone, within_m=limit.value):
                yield pulled_apart(view, breach, duct_id, names)


REUSE_FIRST = Rule(
    id="reuse-first",
    title="No duct is built beside others that have a free bore.",
    level="mandatory",
    description=(
        "The rule judges planned ducts. It compares them with active ducts that have a free bore and are "
        "shared or belong to the operator. The new duct is refused if at least half of its route lies within "
        "the pack's `duct-reuse-distance-m` of such a duct: the operator uses the free bore instead. Ducts that "
        "meet end to end count together, as a link could run through all of them. A chain of several is `no-worse`, "
        "unless the pack gives the rule a level. Value is the length of route beside them. The limit is half of the "
        "route. If the links of the new duct would then share a risk with those that they protect, the finding says "
        "both: sharing and diversity pull against each other, and people decide."
    ),
    unit="m",
    reference=(
        "joint construction and sharing: what can be shared is not newly built (notice of 14 ministries, 2023; "
        "MIIT and SASAC opinions since 2008)"
    ),
    function=reuse_first,
    reach="zone",
)


def _repeats(
    planned: tuple[str, DuctFacts],
    usable: Mapping[str, DuctFacts],
    free: Mapping[str, int],
    facts: ZoneFacts,
    *,
    within_m: float,
) -> Iterator[tuple[Sequence[str], Breach]]:
    """Single ducts beside which at least half of the new one lies; where there is none, chains of ducts."""
    route = planned[1].duct.route.points
    near = {name: beside(route, (other.duct.route.points,), within_m) for name, other in usable.items()}
    near = {name: parallel for name, parallel in near.items() if parallel.length_m > 0}
    least_m = route_m(route) * PARALLEL_SHARE
    single = [name for name, parallel in near.items() if parallel.length_m >= least_m]
    for name in single:
        yield [name], _breach(planned, {name: usable[name]}, near[name], free, within_m=within_m)
    for chain in () if single else _chains(near, usable, joint_limit_m(facts)):
        routes = tuple(usable[name].duct.route.points for name in chain)
        together = beside(route, routes, within_m)
        if together.length_m >= least_m:
            names = _needed(route, chain, usable, near, within_m=within_m)
            level: Level | None = "no-worse" if facts.zone.level("reuse-first") is None else None
            chained = {name: usable[name] for name in names}
            yield names, _breach(planned, chained, together, free, within_m=within_m, level=level)


def _chains(near: Mapping[str, Parallel], usable: Mapping[str, DuctFacts], limit_m: float) -> list[list[str]]:
    """Ducts that hang together end to end, in order of their names."""
    groups: list[list[str]] = []
    for name in near:
        duct = (name, usable[name].duct)
        met = [group for group in groups if any(touch(duct, (one, usable[one].duct), limit_m) for one in group)]
        groups = [group for group in groups if group not in met]
        groups.append(sorted([name, *(one for group in met for one in group)]))
    return sorted(group for group in groups if len(group) > 1)


def _needed(
    route: tuple[tuple[float, float], ...],
    chain: Sequence[str],
    usable: Mapping[str, DuctFacts],
    near: Mapping[str, Parallel],
    *,
    within_m: float,
) -> list[str]:
    """The ducts of a chain that add to it."""
    kept = list(chain)
    for name in sorted(chain, key=lambda one: near[one].length_m):
        rest = [one for one in kept if one != name]
        routes = tuple(usable[one].duct.route.points for one in rest)
        whole = beside(route, tuple(usable[one].duct.route.points for one in kept), within_m).length_m
        if rest and beside(route, routes, within_m).length_m > whole - _NOTHING_M:
            kept = rest
    return kept


def _breach(
    planned: tuple[str, DuctFacts],
    others: Mapping[str, DuctFacts],
    near: Parallel,
    free: Mapping[str, int],
    *,
    within_m: float,
    level: Level | None = None,
) -> Breach:
    (duct_id, held), names = planned, listed(list(others))
    whole = route_m(held.duct.route.points)
    limit = int(whole * PARALLEL_SHARE)
    if len(others) == 1:
        (name, other), *_ = others.items()
        room = f"{name} has {free[name]} of {count_of(other.duct.bores, 'bore')} free"
        bore = f"a free bore of {names} instead: declare a link through {names}"
    else:
        room = f"each of them has {count_of(min(free[name] for name in others), 'bore')} free or more"
        bore = f"free bores of {names} instead: declare a link through them"
    return Breach(
        subject=duct_id,
        where=f"ducts.{duct_id}",
        message=(
            f"duct {duct_id} would lie {near.distance_m:,.0f} m beside {names} for {near.length_m:,.0f} m of its "
            f"{whole:,.0f} m (within {within_m:g} m); {room}"
        ),
        value=round(near.length_m),
        limit=limit,
        unit="m",
        excess=max(1, round(near.length_m) - limit),
        participants=(
            Participant(party=held.owner, name=duct_id),
            *(Participant(party=other.owner, name=name) for name, other in others.items()),
        ),
        fix=f"use {bore}, and no new duct",
        level=level,
    )

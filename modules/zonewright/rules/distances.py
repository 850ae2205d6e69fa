"""The rule about how far clusters are from each other in a hall, and what of it they must not share."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, hypot

from zonewright.model.cluster import Distance
from zonewright.model.geodesy import distance_m
from zonewright.model.rack import Rack
from zonewright.model.world import ClusterFacts, Occupant, SiteFacts
from zonewright.rules.counted import COUNTED
from zonewright.rules.rule import Rule
from zonewright.rules.view import Breach, View, participants_of
from zonewright.rules.words import count_of, listed

_Sites = Mapping[str, SiteFacts]


def metres_between(one: Rack, two: Rack, sites: _Sites) -> float | None:
    """How far two racks are from each other; None where nobody has declared it.

    Args:
        one: a rack.
        two: another one, or the same.
        sites: sites by id.
    """
    if one.id == two.id:
        return 0.0
    if one.site == two.site:
        if one.at_m is None or two.at_m is None:
            return None
        return hypot(*(here - there for here, there in zip(one.at_m, two.at_m, strict=True)))
    places = [sites[rack.site].site.location if rack.site in sites else None for rack in (one, two)]
    points = [(place.latitude, place.longitude) for place in places if place is not None]
    return distance_m(points[0], points[1]) if len(points) > 1 else None


def shared_by(one: Rack, two: Rack, asked: Distance) -> list[str]:
    """What two racks share of what they must not: ``cage`` and ``power-panel``, with the name."""
    found: list[str] = []
    if "cage" in asked.shares_no and one.room == two.room and one.cage == two.cage:
        found.append(f"cage {one.cage}" if one.cage else f"room {one.room} without a cage")
    if "power-panel" in asked.shares_no and one.site == two.site:
        panels = {feed.power_panel for feed in one.feeds.values()} & {feed.power_panel for feed in two.feeds.values()}
        found += [f"power panel {name}" for name in sorted(panels)]
    return found


def keeps(one: Rack, two: Rack, asked: Distance, sites: _Sites) -> bool:
    """Whether nodes in two racks are as far from each other as is asked; never where that is not known.

    Args:
        one: a rack.
        two: the other one.
        asked: the distance.
        sites: sites by id.
    """
    if shared_by(one, two, asked):
        return False
    if asked.at_least_m is None and asked.at_most_m is None:
        return True
    away = metres_between(one, two, sites)
    if away is None:
        return False
    return (asked.at_least_m or 0) <= away and (asked.at_most_m is None or away <= asked.at_most_m)


def distance(view: View) -> Iterator[Breach]:
    """Clusters are as near to or as far from each other as they ask for, and share nothing that they must not."""
    sites = view.zone.sites if view.zone is not None else {}
    for cluster in view.clusters:
        for asked in cluster.distances:
            own, others = _by_rack(view, cluster, cluster.name), _by_rack(view, cluster, asked.cluster)
            wrong = [
                (view.racks[one], view.racks[two])
                for one in own
                for two in others
                if one in view.racks and two in view.racks
                if not keeps(view.racks[one], view.racks[two], asked, sites)
            ]
            inside = [item for rack in dict.fromkeys(one.id for one, _ in wrong) for item in own[rack]]
            beside = [item for rack in dict.fromkeys(two.id for _, two in wrong) for item in others[rack]]
            for said in _said(cluster, asked, wrong, own, sites) if wrong else ():
                yield Breach(
                    subject=cluster.name,
                    where=inside[0].path or cluster.path,
                    message=said.message,
                    value=said.value,
                    limit=said.limit,
                    unit=said.unit,
                    excess=max(1, abs(said.value - said.limit)),
                    participants=participants_of([*inside, *beside]),
                    fix=f"move {listed([item.name for item in inside])}, or ask the operator where the rows stand",
                )


DISTANCE = Rule(
    id="distance",
    title="Clusters are as near to or as far from each other as they ask for, and share no cage or panel.",
    level="mandatory",
    description=(
        "Each entry of `distances` names another cluster of the same party. `at_least_m` and `at_most_m` are metres "
        "between the racks of any two nodes of both, as the `place` of their rows says, or the `location` of their "
        "sites; a rack whose row does not say it is not decided, and refused. `shares_no` names what no two of them "
        "share: a `cage`, where racks of one room without a cage share the room, or a `power-panel`. Value is metres, "
        "or the number of the cluster's own nodes that share something."
    ),
    unit="m or nodes",
    reference="PCI DSS requirement 9 (cages); TIA-942, spaces and routes apart; lengths of direct attach cables",
    function=distance,
)


def _by_rack(view: View, cluster: ClusterFacts, name: str) -> Mapping[str, list[Occupant]]:
    found: dict[str, list[Occupant]] = defaultdict(list)
    everyone = view.in_cluster.get((cluster.party, cluster.stack, name), ())
    for item in sorted((item for item in everyone if item.standing in COUNTED), key=lambda item: item.name):
        found[item.rack].append(item)
    return found


@dataclass(frozen=True, slots=True)
class _Said:
    """What does not hold, with its figures."""

    message: str
    value: int
    limit: int
    unit: str


def _said(
    cluster: ClusterFacts,
    asked: Distance,
    pairs: Sequence[tuple[Rack, Rack]],
    own: Mapping[str, Sequence[Occupant]],
    sites: _Sites,
) -> Iterator[_Said]:
    """One sentence for each thing that is asked for and does not hold."""
    both = f"{cluster.name} and {asked.cluster}"
    shared = sorted({what for pair in pairs for what in shared_by(*pair, asked)})
    if shared:
        value = len({item.key for one, two in pairs if shared_by(one, two, asked) for item in own[one.id]})
        yield _Said(f"{both} share {listed(shared)} at {count_of(value, 'node')}", value, 0, "nodes")
    if asked.at_least_m is None and asked.at_most_m is None:
        return
    away = [metres_between(*pair, sites) for pair in pairs]
    unknown = sorted({rack.row for pair, far in zip(pairs, away, strict=True) if far is None for rack in pair})
    if unknown:
        what = f"how far {both} are from each other, for nobody has declared where {listed(unknown)} stand"
        yield _Said(f"not decided: {what}", len(unknown), 0, "rows")
    known = [far for far in away if far is not None]
    if asked.at_least_m is not None and min(known, default=asked.at_least_m) < asked.at_least_m:
        value, limit = floor(min(known)), ceil(asked.at_least_m)
        text = f"{both} are {value:,} m apart where they are nearest; at least {limit:,} m are asked for"
        yield _Said(text, value, limit, "m")
    if asked.at_most_m is not None and max(known, default=0.0) > asked.at_most_m:
        value, limit = ceil(max(known)), floor(asked.at_most_m)
        text = f"{both} are {value:,} m apart where they are farthest; at most {limit:,} m are asked for"
        yield _Said(text, value, limit, "m")

"""What rules are given and what they give back: a world grouped once, and breaches.

A rule function takes a ``View`` and yields ``Breach``; the registry adds id, level and reference.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from zonewright.model.rack import Rack
from zonewright.model.world import ClusterFacts, Occupant, World, ZoneFacts
from zonewright.rules.finding import Level, Participant
from zonewright.rules.loads import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A world, grouped by rack, and by cluster for those who ask.

    Attributes:
        racks: all racks of the world, by id.
        in_rack: occupants by rack id, only for the racks that are to be judged; in no particular order.
        clusters: the clusters that are to be judged.
        world: everything, also beyond what is to be judged, for rules about neighbours.
    """

    racks: Mapping[str, Rack]
    in_rack: Mapping[str, Sequence[Occupant]]
    clusters: tuple[ClusterFacts, ...]
    world: World
    memo: dict[str, object] = field(default_factory=dict, init=False, compare=False)
    """What several rules work out of it once; another view has none of it."""

    @property
    def in_cluster(self) -> Mapping[Key, Sequence[Occupant]]:
        """Occupants by (party, stack, cluster), only for the clusters that are to be judged; bystanders first."""
        known = cast("Mapping[Key, Sequence[Occupant]] | None", self.memo.get("in cluster"))
        if known is None:
            known = self.memo["in cluster"] = _by_cluster(self.world)
        return known

    @property
    def before(self) -> ZoneFacts | None:
        """The zone without the change that is judged."""
        return self.world.before

    def acts(self, party: str) -> bool:
        """Whether a party can carry out a remedy: it is the one that is told of the finding."""
        return self.world.acting in ("", party)

    @property
    def has_legs(self) -> bool:
        """Whether a feed of any rack says which units hang on which phase."""
        feeds = {id(rack.feeds): rack.feeds for rack in self.racks.values()}  # racks of a row share theirs
        return any(feed.legs for by_name in feeds.values() for feed in by_name.values())

    @property
    def zone(self) -> ZoneFacts | None:
        """The zone as a whole; None where only racks are judged."""
        return self.world.zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """One place where a rule does not hold; fields as in ``Finding``."""

    subject: str
    where: str
    message: str
    value: int | None = None
    limit: int | None = None
    unit: str = ""
    excess: int = 0
    participants: tuple[Participant, ...] = ()
    fix: str
    level: Level | None = None
    """Where a rule has several; None is the rule's own."""
    moving: tuple[Occupant, ...] = ()
    """The nodes that the fix moves; where they find room is added to it."""


RuleFunction = Callable[[View], Iterable[Breach]]


def view_of(world: World, racks: Collection[str] | None) -> View:
    """Group a world once.

    Args:
        world: the facts.
        racks: ids of the racks to be judged; None judges all.
    """
    judged = None if racks is None else frozenset(racks)
    in_rack: dict[str, list[Occupant]] = defaultdict(list)
    around = world.bystanders
    for rack_id in around.by_rack if judged is None else sorted(judged):  # a set's order is each process's own
        if rack_id in around.by_rack:
            in_rack[rack_id] += around.by_rack[rack_id]
    for item in world.occupants if judged is None else (one for one in world.occupants if one.rack in judged):
        in_rack[item.rack].append(item)
    return View(racks=world.racks, in_rack=in_rack, clusters=world.clusters, world=world)


def _by_cluster(world: World) -> Mapping[Key, Sequence[Occupant]]:
    keys = sorted({(item.party, item.stack, item.name) for item in world.clusters})
    found = {key: list(world.bystanders.by_cluster.get(key, ())) for key in keys}
    for item in world.occupants if found else ():
        if item.cluster is not None:
            group = found.get((item.party, item.stack, item.cluster))
            if group is not None:
                group.append(item)
    return found


def participants_of(occupants: Iterable[Occupant]) -> tuple[Participant, ...]:
    """Everyone who takes part, each once, in order."""
    return tuple(Participant(party=party, name=name) for party, name in sorted({(o.party, o.name) for o in occupants}))


def row_path(rack_id: str) -> str:
    """Path of a rack's row in its operator's declaration, for findings on which the operator must act."""
    parts = rack_id.split("/")
    keys = ("sites", "rooms", "rows")
    return ".".join(f"{key}.{part}" for key, part in zip(keys, parts, strict=False))


def movable(occupants: Iterable[Occupant]) -> list[Occupant]:
    """Those that the acting party can move, in order of name: wanted ones, else its standing ones.

    Only the acting party's occupants have a path in a declaration; baseline is the operator's and is not moved.
    """
    candidates = [item for item in occupants if item.standing not in {"baseline", "releasing"}]
    wanted = [item for item in candidates if item.standing == "wanted"]
    return sorted(wanted or [item for item in candidates if item.path], key=lambda item: (item.key, item.position))

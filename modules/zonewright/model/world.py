"""The facts that rules and placement read: racks, what stands in them, and clusters.

A world is plain data. ``zonewright check`` builds it from a folder, the ledger from its tables; the rules can
not tell the difference, which is why they agree.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Literal

from zonewright.model.cluster import Connection, Distance, Relation, Scope, Spread, Survival
from zonewright.model.cooling import Cooling
from zonewright.model.network import Duct, Link
from zonewright.model.offer import Offer
from zonewright.model.overhead_fit import OverheadFit
from zonewright.model.power import Draw
from zonewright.model.rack import Rack
from zonewright.model.site import Face, Site
from zonewright.model.supply import Phase
from zonewright.model.zone import Zone

EnergyVerdict = Literal["within", "breach", "undetermined"]
Standing = Literal["baseline", "wanted", "reserved", "admitted", "active", "releasing"]
NameKind = Literal["site", "row", "host", "duct", "link", "prefix"]
"""What has a name that is unique in the zone; the name of a row says its site."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupant:
    """Something that stands, will stand or stood a moment ago in a rack.

    Attributes:
        party: whose it is.
        stack: id of the stack, empty for baseline and for a folder that is checked as the whole world.
        name: ``cluster-003`` for a node, ``baseline/<id>`` for baseline; unique within (party, stack).
        rack: id of the rack.
        position: lowest rack unit.
        u_height: rack units it takes.
        face: side that it is mounted on.
        is_full_depth: whether it takes the other side too.
        draw: its power.
        weight_kg: weight in kilograms.
        standing: why it is here.
        cluster: id of its cluster, or None.
        exclusive: the domain that it wants for its party alone, or None.
        protection_level: level of protection (MLPS 2.0) of what runs on it.
        cooling: the cooling that it needs.
        leg: the phase that it hangs on; None where its lowest unit says it.
        blocks_units: False for an own place that the same change leaves (a swap or a slide is no overlap).
        until: ISO 8601, the end of what is reserved; empty for all else.
        path: path in the declaration of its party.
    """

    party: str
    stack: str = ""
    name: str
    rack: str
    position: int
    u_height: int
    face: Face = "front"
    is_full_depth: bool = True
    draw: Draw
    weight_kg: float = 0.0
    standing: Standing
    cluster: str | None = None
    exclusive: Scope | None = None
    protection_level: int = 1
    cooling: Cooling | None = None
    leg: Phase | None = None
    blocks_units: bool = True
    until: str = ""
    path: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """Identity: the same node at both ends of a move has one key."""
        return (self.party, self.stack, self.name)

    @property
    def units(self) -> range:
        """Rack units it takes."""
        return range(self.position, self.position + self.u_height)

    @property
    def faces(self) -> tuple[Face, ...]:
        """Sides of the rack it takes."""
        return ("front", "rear") if self.is_full_depth else (self.face,)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """What rules must know of a cluster: whose it is, how it must stand, and whether no single loss may stop it."""

    party: str
    stack: str
    name: str
    site: str
    spread: Spread | None = None
    survives: Survival | None = None
    apart_from: tuple[Relation, ...] = ()
    together_with: tuple[Relation, ...] = ()
    distances: tuple[Distance, ...] = ()
    exclusive: Scope | None = None
    connections: Mapping[str, Connection] = field(default_factory=dict)
    needs_dual_power: bool = False
    rooms: tuple[str, ...] = ()
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFacts:
    """A site without its rows, the party that declares it, and whether it is about to go."""

    owner: str
    site: Site
    is_leaving: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DuctFacts:
    """A duct, the party that declares it, and whether it is about to go."""

    owner: str
    duct: Duct
    is_leaving: bool = False
    offers: Mapping[str, Offer] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFacts:
    """A link, the party that declares it, and whether it is about to go."""

    owner: str
    link: Link
    is_leaving: bool = False
    offers: Mapping[str, Offer] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NameFacts:
    """A name that a stack has or wants.

    Attributes:
        kind: of what it is the name.
        name: id of a site, duct or link, ``site/room/row`` of a row, a network such as ``10.80.0.0/20``.
        party: whose stack it is.
        stack: id of the stack; the party's id where a folder is checked as the whole world.
        since: orders those who have it; the smallest had it first.
        path: path in the declaration of the party.
    """

    kind: NameKind
    name: str
    party: str
    stack: str
    since: int
    path: str = ""


@dataclass(frozen=True, slots=True)
class RoomTotals:
    """Sums over one room.

    Attributes:
        design_w: IT power of its racks with one feed lost; planned racks count once something draws power in it.
        contracted_w: draw of baseline and claims in it, each once.
        reserved_w: draw of what is reserved in it for days.
    """

    design_w: int = 0
    contracted_w: int = 0
    reserved_w: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """What a party has at a site, claimed and reserved for days.

    Attributes:
        watts: budgeted draw of its nodes, each once.
        units: rack units of its nodes.
    """

    watts: int = 0
    units: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What is measured of a site's energy, at one moment.

    Attributes:
        trailing: verdict on the twelve months up to the last complete hour of readings.
        trailing_ratio: their energy ratio, None where it is not known.
        projection: verdict on the calendar year, with the rest of it by the load model.
        projection_ratio: its energy ratio, None where it is not known.
        coverage: share of the twelve months in which every meter is known.
        it_load_w: mean IT load of the last 30 days in watts, None where it is not known.
        unmetered_w: watts of claims that are not in that mean: those without a resource yet, and of those that came
            within the 30 days the share of the time before.
        energy_total_wh: energy of the site in the twelve months, None where it is not known.
        energy_it_wh: the part of it that went to IT equipment.
        age_days: days since the last complete hour.
        category: by where IT energy is measured (``PUE1`` to ``PUE3``), empty without a boundary.
        trust: the least trust class among the readings.
        reason: why a verdict is undetermined, empty where it is not.
        findings: what was found on its meters, those that decide first.
        fit: what was fitted to its overhead, None where it is declared.
        unfitted: why it is declared, empty where it is fitted.
        projection_bounds: least and largest ratio of the year by what the fit may err, None where it is declared.
        allowed_rest: what the ratio of the rest of the year may be, None where it is not known.
        rest_it_wh: IT energy of the rest of the year at the present load.
        rest_total_wh: energy of the site in it by the load model.
    """

    trailing: EnergyVerdict
    trailing_ratio: Fraction | None = None
    projection: EnergyVerdict = "undetermined"
    projection_ratio: Fraction | None = None
    coverage: Fraction = Fraction(0)
    it_load_w: int | None = None
    unmetered_w: int = 0
    energy_total_wh: Fraction | None = None
    energy_it_wh: Fraction | None = None
    age_days: float = 0.0
    category: str = ""
    trust: str = ""
    reason: str = ""
    findings: tuple[str, ...] = ()
    fit: OverheadFit | None = None
    unfitted: str = ""
    projection_bounds: tuple[Fraction, Fraction] | None = None
    allowed_rest: Fraction | None = None
    rest_it_wh: Fraction | None = None
    rest_total_wh: Fraction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneFacts:
    """The zone as a whole, for the rules that look beyond racks.

    Attributes:
        zone: the administrator's file.
        sites: all sites by id; under each id the one of the party that the id belongs to.
        rooms: sums by room (``site/room``), of all sites.
        ducts: all ducts by id, in the same way.
        links: all links by id, in the same way.
        contested: links, with their ids, whose id belongs to somebody else; they take bores all the same.
        names: who has or wants which name.
        measured: what is measured of sites, by id; a site without any is judged by what is declared.
        connected: clusters of others that need connections; those of the world come on top.
        stood: what the own clusters of the stack needed in the zone without a change; None where the world tells it.
        usage: what each party has at each site, by (party, site); empty where no rule of the zone asks.
        on: the day of leases, such as ``2026-07-01``; empty where none is known, and then no lease runs.
    """

    zone: Zone
    sites: Mapping[str, SiteFacts] = field(default_factory=dict)
    rooms: Mapping[str, RoomTotals] = field(default_factory=dict)
    ducts: Mapping[str, DuctFacts] = field(default_factory=dict)
    links: Mapping[str, LinkFacts] = field(default_factory=dict)
    contested: tuple[tuple[str, LinkFacts], ...] = ()
    names: tuple[NameFacts, ...] = ()
    measured: Mapping[str, Measured] = field(default_factory=dict)
    connected: tuple[ClusterFacts, ...] = ()
    stood: tuple[ClusterFacts, ...] | None = None
    usage: Mapping[tuple[str, str], Usage] = field(default_factory=dict)
    on: str = ""

    @property
    def all_links(self) -> tuple[tuple[str, LinkFacts], ...]:
        """Every link with its id, also where two parties have the same one."""
        return (*self.links.items(), *self.contested)


@dataclass(frozen=True, eq=False)
class Bystanders:
    """Occupants that no change in question adds, moves or takes away: grouped once, however often they are asked for.

    Attributes:
        occupants: in any order; none is "wanted".
    """

    occupants: tuple[Occupant, ...] = ()
    memo: dict[str, object] = field(default_factory=dict, init=False, compare=False, repr=False)
    """What is worked out of them once, such as what they leave free in a rack."""

    @cached_property
    def by_rack(self) -> Mapping[str, tuple[Occupant, ...]]:
        """By id of their rack."""
        groups: dict[str, list[Occupant]] = defaultdict(list)
        for item in self.occupants:
            groups[item.rack].append(item)
        return {rack: tuple(group) for rack, group in groups.items()}

    @cached_property
    def by_cluster(self) -> Mapping[tuple[str, str, str], tuple[Occupant, ...]]:
        """Nodes by (party, stack, cluster)."""
        groups: dict[tuple[str, str, str], list[Occupant]] = defaultdict(list)
        for item in self.occupants:
            if item.cluster is not None:
                groups[item.party, item.stack, item.cluster].append(item)
        return {key: tuple(group) for key, group in groups.items()}

    @cached_property
    def exclusive(self) -> tuple[Occupant, ...]:
        """Those that want a domain for their party alone."""
        return tuple(item for item in self.occupants if item.exclusive is not None)

    @cached_property
    def rooms_in_use(self) -> frozenset[str]:
        """Rooms (``site/room``) in which one of them draws power and blocks units."""
        found = (item.rack for item in self.occupants if item.draw.allocated_w and item.blocks_units)
        return frozenset(rack.rsplit("/", 2)[0] for rack in found)


NOBODY = Bystanders()


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything a decision looks at.

    Attributes:
        racks: by id.
        bystanders: claims of those whom the change is not about; empty where everybody's are in ``occupants``.
        occupants: all else that stands or will stand in the racks.
        clusters: those whose rules are to be checked.
        zone: the zone as a whole; None where only racks are to be judged.
        before: the zone without the change that is judged; None where there is no change.
        acting: the party whose change is judged; empty where all declarations are judged together.
        reserved: racks that are reserved as a whole for the stack whose change it is.
        offered: ids of the racks of each offer, by its key.
        racks_before: the racks of rows that the change alters or removes, as they are without it.
    """

    racks: Mapping[str, Rack]
    bystanders: Bystanders = NOBODY
    occupants: tuple[Occupant, ...] = ()
    clusters: tuple[ClusterFacts, ...] = field(default=())
    zone: ZoneFacts | None = None
    before: ZoneFacts | None = None
    acting: str = ""
    reserved: frozenset[str] = frozenset()
    offered: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    racks_before: Mapping[str, Rack] = field(default_factory=dict)

    @property
    def everybody(self) -> tuple[Occupant, ...]:
        """All that stands or will stand in the racks."""
        return self.bystanders.occupants + self.occupants

    def in_rack(self, rack_id: str) -> list[Occupant]:
        """All that stands or will stand in one rack."""
        return [*self.bystanders.by_rack.get(rack_id, ()), *(item for item in self.occupants if item.rack == rack_id)]

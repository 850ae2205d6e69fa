"""Which scopes a writing transaction holds, and why: data in, data out.

Everything that a decision reads is covered by a scope that it holds, so that what two changes could spoil for each
other is never decided at once. Scopes are held in the order of their names, which begin with the rank of their kind:
stack, sites, districts, party, sums of the zone; the head of the journal comes last, when an entry is written.
All assets of the zone, its file, plans, verdicts, tokens and reservations for days change only in transactions that
are alone in the zone. Each other one reads them, and shares the zone.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self

from zonewright.model import Zone
from zonewright.model.demand import Demand

Kind = Literal["stack", "site", "district", "party", "sums", "head"]
_RANK: Mapping[Kind, int] = {"stack": 1, "site": 2, "district": 3, "party": 4, "sums": 5, "head": 6}
OPERATORS = frozenset({"facility-operator", "network-operator", "zone-administrator"})
"""Roles of parties whose changes may alter what the rules read of the whole zone."""
NAMES = "names"
"""Stands among the sites of a change that may take a name: names are unique in the zone, so it meets all others."""


@dataclass(frozen=True, slots=True)
class LockScope:
    """A part of the zone that one transaction at a time changes.

    Attributes:
        kind: of what.
        id: of the thing; empty for the sums and the head.
        why: what is read or written there that nobody else may change meanwhile.
    """

    kind: Kind
    id: str
    why: str

    @property
    def name(self) -> str:
        """Its name in the database; in the order of their bytes, names are in the order in which they are held."""
        return f"{_RANK[self.kind]} {self.kind} {self.id}".rstrip()


HEAD = LockScope("head", "", "an entry follows the one before it")


@dataclass(frozen=True, slots=True)
class WholeZone:
    """A transaction that must be alone in the zone."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """What a verb says that its transaction will touch, before it begins.

    Attributes:
        stack_id: the stack that acts; empty where only texts are kept.
        party: whose it is; empty where the ledger knows, because the stack is enrolled.
        sites: sites that its demand wants something at.
        has_assets: whether its demand has assets.
        has_promises: whether its demand has connections that are promised bandwidth.
        now: ISO 8601 in UTC; a reservation for days that ends before it is taken away.
    """

    stack_id: str = ""
    party: str = ""
    sites: frozenset[str] = frozenset()
    has_assets: bool = False
    has_promises: bool = False
    now: str = ""

    def at(self, now: str) -> Self:
        """The same at a moment."""
        return replace(self, now=now)


def touching(stack_id: str, party: str = "", demand: Demand | None = None) -> Touch:
    """What the change of a stack touches.

    Args:
        stack_id: the stack.
        party: whose it is.
        demand: what it wants; None where it wants nothing more than it has.
    """
    if demand is None:
        return Touch(stack_id=stack_id, party=party)
    sites = frozenset(part.cluster.site for part in demand.clusters.values())
    connections = (one for part in demand.clusters.values() for one in part.cluster.connections.values())
    return Touch(
        stack_id=stack_id,
        party=party,
        sites=sites,
        has_assets=bool(demand.assets),
        has_promises=any(one.bandwidth_mbps is not None for one in connections),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeFacts:
    """What the ledger knows around a touch; nothing of it changes while the zone is shared and the stack is held.

    Attributes:
        zone: the registered file; None where there is none.
        party: whose the stack is; empty where nobody knows.
        sites: where the stack has something, or has reserved it for minutes.
        districts: the district of each site that is there.
        planned: sites with rows or rooms that count only once something draws power in them.
        has_assets: whether the stack has assets.
        has_lasting: whether the stack has a reservation for days, or any one has ended and is still there.
    """

    zone: Zone | None
    party: str = ""
    sites: frozenset[str] = frozenset()
    districts: Mapping[str, str] = field(default_factory=dict)
    planned: frozenset[str] = frozenset()
    has_assets: bool = False
    has_lasting: bool = False


def stack_scope(stack_id: str) -> LockScope:
    """The scope of a stack, which is held before anything else is asked."""
    return LockScope("stack", stack_id, "its claims, steps, admissions and reservation are its own change's alone")


def scopes_of(touch: Touch, known: ScopeFacts) -> tuple[LockScope, ...] | WholeZone:
    """The scopes that a transaction holds, in order; or that it must be alone, which holds whenever this is not sure.

    Args:
        touch: what it touches.
        known: what the ledger knows around it.
    """
    if not touch.stack_id:
        return tuple(_texts_of(touch.party))
    if (why := _alone(touch, known)) or known.zone is None:
        return WholeZone(why or "no zone is registered, so nobody knows what counts in it")
    sites = touch.sites | known.sites
    party = touch.party or known.party
    found = [
        stack_scope(touch.stack_id),
        *(
            LockScope("site", site, "units, feeds, rooms, offers, pools of addresses and reservations at the site")
            for site in sites
        ),
        *_sums_of(known.zone, party, sites, known),
    ]
    if touch.has_promises:
        found.append(LockScope("sums", "", "what links carry is the sum of what all stacks are promised"))
    if party:
        found.append(LockScope("party", party, "how many reservations it has at once, and its quotas"))
    return tuple(sorted(set(found), key=lambda scope: scope.name))


def _texts_of(party: str) -> Iterator[LockScope]:
    if party:
        yield LockScope("party", party, "which texts it brought")


def _alone(touch: Touch, known: ScopeFacts) -> str:
    """Why a transaction must be alone in the zone; empty where it need not."""
    if touch.has_assets or known.has_assets:
        return "assets are read by the rules of all sites, and their names are unique in the zone"
    if known.has_lasting:
        return "a reservation for days counts at all its sites and in all quotas"
    party = touch.party or known.party
    owner = known.zone.parties.get(party) if known.zone is not None else None
    if owner is not None and OPERATORS & set(owner.roles):
        return "an operator is told of sums over the sites of its districts"
    if unknown := (touch.sites | known.sites) - known.districts.keys():
        return f"nobody knows the district of {min(unknown)}"
    return ""


def _sums_of(zone: Zone, party: str, sites: Iterable[str], known: ScopeFacts) -> Iterator[LockScope]:
    """Scopes of the sums over several sites that a rule compares with a limit."""
    touched = set(sites)
    planned = touched & known.planned
    for name in {known.districts[site] for site in touched if site in known.districts}:
        declared = zone.districts.get(name)
        opens = any(known.districts.get(site) == name for site in planned)
        has_quota = any(one.district == name and one.party in (None, party) for one in zone.quotas.values())
        if has_quota or (declared is not None and declared.energy_quota_mwh is not None):
            yield LockScope("district", name, "what is claimed in the district")
        elif opens and declared is not None and declared.connection_capacity_kw is not None:
            yield LockScope(
                "district", name, "what is built in the district grows when a planned row takes its first node"
            )
    if planned and zone.limit("zone-utilization") is not None:
        yield LockScope("sums", "", "claimed power over design power of the zone changes when a planned row is used")
    elif touched and any(rule.of == "zone" for rule in zone.own_rules.values()):
        yield LockScope("sums", "", "a rule of the zone's own reads what is claimed at every site")

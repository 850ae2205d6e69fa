"""The claims of a site, read once for each state of it, and of what was written only those of the stacks that have it.

What is made of the rows is kept under numbers that the database draws again whenever one of them is written
(:data:`zonewright.ledger.store.tables.claim_version` and ``claim_stack_version``). So a change costs a process what its
stack has at a site, and not what the site has.

Which sites a change touches stands here too, with the number that each has: what is decided is good for these numbers.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from threading import Lock
from typing import Any, Self
from weakref import WeakKeyDictionary

from sqlalchemy import BindParameter, Connection, Engine, Row, bindparam, func, select, union

from zonewright.ledger.store.asking import Question, answers
from zonewright.ledger.store.claim_text import ROW, ClaimRows, SiteClaims, are_same
from zonewright.ledger.store.prepared import STACK
from zonewright.ledger.store.scopes import NAMES
from zonewright.ledger.store.tables import asset, claim, claim_stack_version, claim_version, revision
from zonewright.model import NodeType
from zonewright.model.canonical import canonical_json
from zonewright.model.demand import Demand
from zonewright.model.expand import node_draw
from zonewright.model.rack_position import RackPosition
from zonewright.model.world import NOBODY, Bystanders, Occupant, Standing
from zonewright.place.renames import Renames

NUMBER = "number"
"""In a claim's data the number of a node with a name of its own."""
_REMEMBERED = 200_000
"""Bystanders that are kept, over all stacks: with their sums by rack about 300 bytes each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """The claims of some sites as the change of one stack finds them; fields as in ``Facts``.

    Attributes:
        bystanders: claims of everybody else.
        taken: their addresses, by (site, pool).
        standing: the stack's own claims that have a resource.
        own: the stack's own claims, but for those that leave.
        seats: their places, by node name.
        addresses: their addresses, by node name.
        numbers: their numbers in their clusters, by node name, of those with a name of their own.
    """

    bystanders: Bystanders
    taken: Mapping[tuple[str, str], frozenset[str]]
    standing: tuple[Occupant, ...]
    own: tuple[Occupant, ...]
    seats: Mapping[str, RackPosition]
    addresses: Mapping[str, Mapping[str, str]]
    numbers: Mapping[str, str]

    def renamed(self, renames: Renames) -> Self:
        """With the stack's own claims as a change calls them."""
        if not (renames.nodes or renames.clusters):
            return self
        return replace(
            self,
            standing=tuple(map(renames.occupant, self.standing)),
            own=tuple(map(renames.occupant, self.own)),
            seats={renames.of(name): seat for name, seat in self.seats.items()},
            addresses={renames.of(name): found for name, found in self.addresses.items()},
        )


_Sums = tuple["ClaimedSum", ...]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ClaimedSum:
    """What one stack claims in one room, in watts; of a move only the new end."""

    stack_id: str
    site: str
    room: str
    draw_w: int


_At = tuple[str, str]
"""Site and stack."""


@dataclass(slots=True)
class _Memory:
    """What was read through one engine: by site, and of everybody else by (sites, stack)."""

    sites: dict[str, tuple[int, SiteClaims]] = field(default_factory=dict)
    sums: dict[str, tuple[int, Mapping[str, tuple[int, _Sums]]]] = field(default_factory=dict)
    others: "dict[_At, _Others]" = field(default_factory=dict)
    around: "dict[tuple[str, frozenset[str]], _Known]" = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def remember(self, key: tuple[str, frozenset[str]], known: "_Known") -> None:
        """Keep what is around a stack; let go of what is so no more, and of what was asked for longest ago."""
        with self.lock:
            self.around.pop(key, None)
            for other, held in list(self.around.items()):
                if any(held.numbers[site] != number for site, number in known.numbers.items() if site in held.numbers):
                    del self.around[other]
            self.around[key] = known
            left = sum(len(one.found.bystanders.occupants) for one in self.around.values())
            for other, one in list(self.around.items())[:-1]:
                if left > _REMEMBERED:
                    left -= len(one.found.bystanders.occupants)
                    del self.around[other]


@dataclass(frozen=True, slots=True)
class _Others:
    """Claims of a stack at a site as others see them, and their addresses by pool."""

    rows: ClaimRows
    occupants: tuple[Occupant, ...]
    taken: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class _Known:
    """What is around a stack: under which numbers it was read, and the claims of others that it was made from."""

    numbers: Mapping[str, int]
    found: Around
    others: Mapping[_At, ClaimRows]


_MEMORIES: WeakKeyDictionary[Engine, _Memory] = WeakKeyDictionary()


def site_claims(connection: Connection, sites: Collection[str]) -> dict[str, SiteClaims]:
    """The claims of some sites, by id; a site without any has none.

    Args:
        connection: a transaction.
        sites: ids of the sites.
    """
    return {site: claims for site, (_, claims) in _read(connection, sites).items()}


_IN_SITES: BindParameter[Any] = bindparam("sites", expanding=True)
_SITE: BindParameter[Any] = bindparam("one")
_STACKS: BindParameter[Any] = bindparam("stacks", expanding=True)
VERSIONS = Question(select(claim_version.c.site, claim_version.c.number).where(claim_version.c.site.in_(_IN_SITES)))
_STACK_VERSIONS = select(claim_stack_version).where(claim_stack_version.c.site.in_(_IN_SITES))
_CLAIMS = select(*(claim.c[name] for name in ROW), claim.c.id).where(claim.c.site == _SITE).order_by(claim.c.id)
_CLAIMS_OF = _CLAIMS.where(claim.c.stack_id.in_(_STACKS))


def _stack_numbers(connection: Connection, sites: Iterable[str]) -> dict[str, dict[str, int]]:
    """By site the number of each stack that ever had something there."""
    found: dict[str, dict[str, int]] = {site: {} for site in sites}
    for row in connection.execute(_STACK_VERSIONS, {"sites": sorted(found)}):
        found[row.site][row.stack_id] = row.number
    return found


def _read(connection: Connection, sites: Collection[str]) -> dict[str, tuple[int, SiteClaims]]:
    wanted = sorted(sites)
    numbers = {row.site: row.number for row in answers(connection, VERSIONS, sites=wanted)}
    known = _MEMORIES.setdefault(connection.engine, _Memory()).sites
    found = {site: held for site in numbers if (held := known.get(site)) is not None and held[0] == numbers[site]}
    if missing := numbers.keys() - found.keys():
        for site, of_stacks in _stack_numbers(connection, missing).items():
            before = known.get(site)
            if before is None:
                claims = SiteClaims().again(connection.execute(_CLAIMS, {"one": site}), of_stacks)
            else:
                others = before[1].other_than(of_stacks)
                rows = connection.execute(_CLAIMS_OF, {"one": site, "stacks": others})
                claims = before[1].again(rows, of_stacks)
            found[site] = (
                numbers[site],
                claims,
            )  # not what another thread has put there since: it may see another moment
            known[site] = found[site]
    return dict(sorted(found.items()))


ALL_VERSIONS = Question(select(claim_version.c.site, claim_version.c.number))
_BY = claim.c.site, claim.c.stack_id, claim.c.room
_SUMMED = (
    select(*_BY, func.sum(claim.c.draw_w).label("draw_w"))
    .where(claim.c.state.in_(("admitted", "active")))
    .group_by(*_BY)
)
_SUMS = _SUMMED.where(claim.c.site.in_(_IN_SITES))
_SUMS_OF = _SUMMED.where(claim.c.site == _SITE, claim.c.stack_id.in_(_STACKS))


def claimed_sums(connection: Connection) -> Iterator[ClaimedSum]:
    """The sums of the whole zone, as a transaction sees them, in no order; made again for stacks that were written to.

    Every decision needs them. Without that, bringing in n sites would sum the claims of each of them n times.

    Args:
        connection: the transaction.
    """
    numbers = {row.site: row.number for row in answers(connection, ALL_VERSIONS)}
    memory = _MEMORIES.setdefault(connection.engine, _Memory()).sums
    known = {site: held for site in numbers if (held := memory.get(site)) is not None and held[0] == numbers[site]}
    if missing := numbers.keys() - known.keys():
        fresh = _summed(connection, memory, {site: numbers[site] for site in missing})
        memory.update(fresh)
        known |= fresh  # not what another thread has put there since: it may see another moment
    for _, stacks in known.values():
        for _, sums in stacks.values():
            yield from sums


def _summed(
    connection: Connection,
    memory: Mapping[str, tuple[int, Mapping[str, tuple[int, _Sums]]]],
    numbers: Mapping[str, int],
) -> dict[str, tuple[int, Mapping[str, tuple[int, _Sums]]]]:
    """Sums of sites by stack, read for those stacks whose numbers are others than in the memory."""
    of_stacks = _stack_numbers(connection, numbers)
    before = {site: memory[site][1] if site in memory else {} for site in numbers}
    sums: dict[_At, list[ClaimedSum]] = defaultdict(list)
    new = sorted(numbers.keys() - memory.keys())
    rows = list(connection.execute(_SUMS, {"sites": new})) if new else []
    for site in numbers.keys() & memory.keys():
        others = [one for one, number in of_stacks[site].items() if before[site].get(one, (None,))[0] != number]
        rows += connection.execute(_SUMS_OF, {"one": site, "stacks": others})
    for row in rows:
        sums[row.site, row.stack_id].append(
            ClaimedSum(stack_id=row.stack_id, site=row.site, room=row.room, draw_w=int(row.draw_w))
        )

    def of(site: str, stack: str, number: int) -> tuple[int, _Sums]:
        held = before[site].get(stack)
        return held if held is not None and held[0] == number else (number, tuple(sums[site, stack]))

    return {
        site: (number, {stack: of(site, stack, drawn) for stack, drawn in of_stacks[site].items()})
        for site, number in numbers.items()
    }


def around(connection: Connection, sites: Collection[str], stack_id: str) -> Around:
    """The claims of some sites as one stack's change finds them.

    Args:
        connection: a transaction.
        sites: ids of the sites.
        stack_id: the stack.
    """
    read = _read(connection, sites)
    numbers = {site: number for site, (number, _) in read.items()}
    memory, key = _MEMORIES.setdefault(connection.engine, _Memory()), (stack_id, frozenset(sites))
    held = memory.around.get(key)
    if held is None or held.numbers != numbers:
        every = {(site, stack): rows for site, (_, claims) in read.items() for stack, rows in claims.stacks.items()}
        others = {at: rows for at, rows in every.items() if at[1] != stack_id}
        if held is not None and are_same(
            list(held.others.values()), list(others.values())
        ):  # only the stack itself did something since
            bystanders, taken = held.found.bystanders, held.found.taken
        else:
            bystanders, taken = _others(memory, others, every.keys())
        own = _own(row for _, claims in read.values() for row in claims.stacks.get(stack_id, ()))
        held = _Known(numbers, replace(own, bystanders=bystanders, taken=taken), others)
    memory.remember(key, held)
    return held.found


def _others(
    memory: _Memory, others: Mapping[_At, ClaimRows], every: Collection[_At]
) -> tuple[Bystanders, Mapping[tuple[str, str], frozenset[str]]]:
    """Claims of everybody else, and their addresses by (site, pool); of all that have some, the rest is forgotten."""
    parts: dict[_At, _Others] = {}
    for at, rows in sorted(others.items(), key=itemgetter(0)):
        known = memory.others.get(at)
        parts[at] = known if known is not None and known.rows is rows else _as_others(rows)
    memory.others.update(parts)
    sites = {site for site, _ in every}
    for at in list(memory.others):
        if at[0] in sites and at not in every:
            memory.others.pop(at, None)
    taken: dict[tuple[str, str], list[frozenset[str]]] = defaultdict(list)
    for (site, _), part in parts.items():
        for pool, addresses in part.taken.items():
            taken[site, pool].append(addresses)
    occupants = tuple(chain.from_iterable(part.occupants for part in parts.values()))
    return Bystanders(occupants), {key: frozenset().union(*some) for key, some in taken.items()}


def _as_others(rows: ClaimRows) -> _Others:
    taken: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        for pool, address in _data(row.data)["addresses"].items():
            taken[pool].add(address)
    occupants = tuple(_occupant(row.data, row.party, row.stack_id, row.name, row.state) for row in rows)
    return _Others(rows, occupants, {pool: frozenset(addresses) for pool, addresses in taken.items()})


def _own(rows: Iterable[Row[Any]]) -> Around:
    """What is the stack's own, and nothing around it."""
    standing: list[Occupant] = []
    own: list[Occupant] = []
    seats: dict[str, RackPosition] = {}
    addresses: dict[str, Mapping[str, str]] = {}
    numbers: dict[str, str] = {}
    for row in rows:
        item, data = _occupant(row.data, row.party, row.stack_id, row.name, row.state), _data(row.data)
        if row.state != "admitted":
            standing.append(item)
        if row.state != "releasing":
            own.append(item)
            seats[row.name] = RackPosition(rack=data["rack"], position=data["position"], face=data["face"])
            addresses[row.name] = data["addresses"]
            if NUMBER in data:
                numbers[row.name] = data[NUMBER]
    return Around(
        bystanders=NOBODY,
        taken={},
        standing=tuple(standing),
        own=tuple(own),
        seats=seats,
        addresses=addresses,
        numbers=numbers,
    )


def addresses_of(row: Row[Any]) -> list[str]:
    """The addresses that a claim has, without prefix length."""
    return [text.partition("/")[0] for text in _data(row.data)["addresses"].values()]


def take(taken: dict[tuple[str, str], set[str]], site: str, addresses: Mapping[str, str]) -> None:
    """Note the addresses of a node among those that are taken."""
    for pool, address in addresses.items():
        taken[site, pool].add(address)


def occupant(data: Mapping[str, Any], *, party: str, stack: str, name: str, standing: Standing) -> Occupant:
    """What a claim's data looks like to the rules."""
    node_type = _node_type(canonical_json(data["node_type"]))
    return Occupant(
        party=party,
        stack=stack,
        name=name,
        rack=data["rack"],
        position=data["position"],
        u_height=node_type.u_height,
        face=data["face"],
        is_full_depth=node_type.is_full_depth,
        draw=node_draw(node_type, data["feed"]),
        weight_kg=node_type.weight_kg,
        standing=standing,
        cluster=data["cluster"],
        exclusive=data.get("exclusive"),
        protection_level=data.get("protection_level", 1),
        cooling=node_type.cooling,
    )


@lru_cache(maxsize=1024)
def _node_type(text: str) -> NodeType:
    return NodeType.model_validate_json(text)


@lru_cache(maxsize=65536)
def _data(text: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(text)
    return data


@lru_cache(maxsize=65536)
def _occupant(text: str, party: str, stack: str, name: str, standing: Standing) -> Occupant:
    """A claim's row as an occupant; the key is all that it is made from, so that a row that changed is another one."""
    return occupant(_data(text), party=party, stack=stack, name=name, standing=standing)


REVISIONS = Question(select(revision).where(revision.c.site.in_(_IN_SITES)))
SITES = Question(union(*(select(table.c.site).where(table.c.stack_id == STACK) for table in (claim, asset))))


def revisions_of(connection: Connection, sites: Iterable[str]) -> dict[str, int]:
    """Revision of each site; 0 where nothing was ever written."""
    wanted = sorted(sites)
    return dict.fromkeys(wanted, 0) | {row.site: row.number for row in answers(connection, REVISIONS, sites=wanted)}


def sites_of(connection: Connection, stack_id: str, demand: Demand) -> frozenset[str]:
    """The sites that a change of this stack touches: those it wants and those where it has something; and names."""
    sites = {wanted.cluster.site for wanted in demand.clusters.values()}
    sites |= {name.partition("/")[0] for name in demand.assets}
    if demand.assets:
        sites.add(NAMES)
    return frozenset(sites.union(row.site for row in answers(connection, SITES, stack=stack_id)))

"""The claims of a site, read once for each state of it.

What is made of the rows is kept under a number that the database draws again whenever one of them is written
(:data:`zonewright.ledger.store.tables.claim_version`), so a process reads and groups them again only when they changed.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from operator import is_
from threading import Lock
from typing import Any, Self
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, Row, bindparam, func, select

from zonewright.ledger.store.claim_text import ROW, packed
from zonewright.ledger.store.tables import claim, claim_version
from zonewright.model import NodeType
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.expand import node_draw
from zonewright.model.rack_position import RackPosition
from zonewright.model.world import NOBODY, Bystanders, Occupant, Standing
from zonewright.place.renames import Renames

NUMBER = "number"
"""In a claim's data the number of a node with a name of its own."""
_STACK, _RACK = ROW.index("stack_id"), ROW.index("rack")
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


_Text = tuple[str, str]
"""Digest of the claims of a row of racks in canonical form, and that text."""


@dataclass(frozen=True, eq=False)
class SiteClaims:
    """All claims of one site, in order of their ids.

    Attributes:
        rows: the claims; one that is as it was when the site was read before is the same object.
        packed_before: what was made of them then, by name of a row of racks: its claims, and their text.
    """

    rows: tuple[Row[Any], ...]
    packed_before: dict[str, tuple[list[Row[Any]], _Text]] = field(default_factory=dict)

    @cached_property
    def texts(self) -> Mapping[str, _Text]:
        """By name of a row of racks: the digest of its claims in canonical form, and that text."""
        groups: dict[str, list[Row[Any]]] = defaultdict(list)
        for row in self.rows:
            groups[row[_RACK].rsplit("/", 1)[0]].append(row)
        found: dict[str, tuple[list[Row[Any]], _Text]] = {}
        for name, rows in groups.items():
            before = self.packed_before.get(name)
            if before is None or not _are_same(before[0], rows):
                text = packed(rows)
                before = rows, (digest_of(text), text)
            found[name] = before
        self.packed_before.clear()
        self.packed_before.update(found)
        return {name: text for name, (_, text) in found.items()}

    def again(self, rows: Sequence[Row[Any]]) -> "SiteClaims":
        """The same site, read later.

        Args:
            rows: all its claims.
        """
        known = {tuple(row): row for row in self.rows}  # a comparison of rows themselves is slow
        return SiteClaims(tuple(known.get(tuple(row), row) for row in rows), dict(self.packed_before))


def _are_same(one: Sequence[Row[Any]], two: Sequence[Row[Any]]) -> bool:
    """Whether rows are the same objects, in the same order."""
    return len(one) == len(two) and all(map(is_, one, two))


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ClaimedSum:
    """What one stack claims in one room, in watts; of a move only the new end."""

    stack_id: str
    site: str
    room: str
    draw_w: int


@dataclass(slots=True)
class _Memory:
    """What was read through one engine: by site, and of everybody else by (sites, stack)."""

    sites: dict[str, tuple[int, SiteClaims]] = field(default_factory=dict)
    sums: dict[str, tuple[int, tuple[ClaimedSum, ...]]] = field(default_factory=dict)
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
            left = sum(len(one.others) for one in self.around.values())
            for other, one in list(self.around.items())[:-1]:
                if left > _REMEMBERED:
                    left -= len(one.others)
                    del self.around[other]


@dataclass(frozen=True, slots=True)
class _Known:
    """What is around a stack: under which numbers it was read, and the claims of others that it was made from."""

    numbers: Mapping[str, int]
    found: Around
    others: Sequence[Row[Any]]


_MEMORIES: WeakKeyDictionary[Engine, _Memory] = WeakKeyDictionary()


def site_claims(connection: Connection, sites: Collection[str]) -> dict[str, SiteClaims]:
    """The claims of some sites, by id; a site without any has none.

    Args:
        connection: a transaction.
        sites: ids of the sites.
    """
    return {site: claims for site, (_, claims) in _read(connection, sites).items()}


_VERSIONS = select(claim_version.c.site, claim_version.c.number).where(
    claim_version.c.site.in_(bindparam("sites", expanding=True))
)
_CLAIMS = select(*(claim.c[name] for name in ROW)).where(claim.c.site == bindparam("one")).order_by(claim.c.id)


def _read(connection: Connection, sites: Collection[str]) -> dict[str, tuple[int, SiteClaims]]:
    wanted = sorted(sites)
    numbers = {row.site: row.number for row in connection.execute(_VERSIONS, {"sites": wanted})}
    known = _MEMORIES.setdefault(connection.engine, _Memory()).sites
    found: dict[str, tuple[int, SiteClaims]] = {}
    for site in sorted(numbers):
        held = known.get(site)
        if held is None or held[0] != numbers[site]:
            before = SiteClaims(()) if held is None else held[1]
            held = numbers[site], before.again(connection.execute(_CLAIMS, {"one": site}).all())
            known[site] = held
        found[site] = held  # not what another thread has put there since: it may see another moment
    return found


_ALL_VERSIONS = select(claim_version.c.site, claim_version.c.number)
_BY = claim.c.site, claim.c.stack_id, claim.c.room
_SUMS = (
    select(*_BY, func.sum(claim.c.draw_w).label("draw_w"))
    .where(claim.c.state.in_(("admitted", "active")), claim.c.site.in_(bindparam("sites", expanding=True)))
    .group_by(*_BY)
)


def claimed_sums(connection: Connection) -> Iterator[ClaimedSum]:
    """The sums of the whole zone, as a transaction sees them, in no order; made again for sites that were written to.

    Every decision needs them. Without that, bringing in n sites would sum the claims of each of them n times.

    Args:
        connection: the transaction.
    """
    numbers = {row.site: row.number for row in connection.execute(_ALL_VERSIONS).all()}
    memory = _MEMORIES.setdefault(connection.engine, _Memory()).sums
    known = {site: held for site in numbers if (held := memory.get(site)) is not None and held[0] == numbers[site]}
    if missing := numbers.keys() - known.keys():
        found: dict[str, list[ClaimedSum]] = {site: [] for site in missing}
        for site, stack_id, room, watts in connection.execute(_SUMS, {"sites": sorted(missing)}).all():
            found[site].append(ClaimedSum(stack_id=stack_id, site=site, room=room, draw_w=int(watts)))
        fresh = {site: (numbers[site], tuple(sums)) for site, sums in found.items()}
        memory.update(fresh)
        known |= fresh  # not what another thread has put there since: it may see another moment
    for _, sums in known.values():
        yield from sums


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
        rows = [row for _, claims in read.values() for row in claims.rows]
        others = [row for row in rows if row[_STACK] != stack_id]
        if held is not None and _are_same(held.others, others):  # only the stack itself did something since
            bystanders, taken = held.found.bystanders, held.found.taken
        else:
            bystanders, taken = _others(others)
        own = _own([row for row in rows if row[_STACK] == stack_id])
        held = _Known(numbers, replace(own, bystanders=bystanders, taken=taken), others)
    memory.remember(key, held)
    return held.found


def _others(rows: Iterable[Row[Any]]) -> tuple[Bystanders, Mapping[tuple[str, str], frozenset[str]]]:
    """Claims of everybody else, and their addresses by (site, pool)."""
    taken: dict[tuple[str, str], set[str]] = defaultdict(set)
    found: list[Occupant] = []
    for row in rows:
        found.append(_occupant(row.data, row.party, row.stack_id, row.name, row.state))
        take(taken, row.site, _data(row.data)["addresses"])
    return Bystanders(tuple(found)), {key: frozenset(addresses) for key, addresses in taken.items()}


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

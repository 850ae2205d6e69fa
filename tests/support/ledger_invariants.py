"""What must hold of a ledger at any moment, stated again over its tables; nothing here is shared with the rules.

Design section 6: no two holders of one U, watt, bore or address; nobody stands on what is not there or is leaving;
no party takes another's claim; nothing that was acknowledged is lost.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, text

CURRENT = ("admitted", "active")


@dataclass(frozen=True, kw_only=True)
class Held:
    """A claim, an asset, or a node of a reservation."""

    id: int
    stack: str
    party: str
    kind: str
    name: str
    state: str
    generation: int
    data: Mapping[str, Any]

    @property
    def is_current(self) -> bool:
        """Neither leaving nor only reserved."""
        return self.state in CURRENT


@dataclass(frozen=True, kw_only=True)
class LedgerState:
    """A ledger at one moment.

    Attributes:
        claims: those that are not freed.
        assets: likewise.
        spent: the highest generation that was freed, by stack.
        reserved: nodes of reservations that have not expired.
        enrolled: party and lineage by stack.
        admissions: by id, the stack and the state.
        journal: entries in order, as (sequence, kind, stack, payload, previous hash, hash).
        zone: digest of the registered file.
    """

    claims: tuple[Held, ...]
    assets: tuple[Held, ...]
    reserved: tuple[Held, ...]
    enrolled: Mapping[str, tuple[str, str | None]]
    admissions: Mapping[str, tuple[str, str]]
    journal: tuple[tuple[int, str, str, str, str, str], ...]
    zone: str
    spent: Mapping[str, int]

    def of(self, stack: str) -> list[Held]:
        """Claims and assets of a stack."""
        return [item for item in (*self.claims, *self.assets) if item.stack == stack]


def read_state(connection: Connection, now: str) -> LedgerState:
    """Read the tables.

    Args:
        connection: a transaction.
        now: ISO 8601; reservations that expire at or before it are left out.
    """

    def rows(query: str, **values: str) -> list[Any]:
        return list(connection.execute(text(query), values))

    columns = "id, stack_id, party, kind, name, state, generation, data"
    held = {
        table: tuple(
            Held(
                id=row.id,
                stack=row.stack_id,
                party=row.party,
                kind=row.kind,
                name=row.name,
                state=row.state,
                generation=row.generation,
                data=json.loads(row.data),
            )
            for row in rows(f"SELECT {columns} FROM {table} ORDER BY id")
        )
        for table in ("claim", "asset")
    }
    reserved = tuple(
        Held(
            id=0, stack=row.stack_id, party=row.party, kind="node", name=name, state="reserved", generation=0, data=data
        )
        for row in rows("SELECT * FROM reservation WHERE expires_at > :now ORDER BY stack_id", now=now)
        for name, data in json.loads(row.proposal)["holds"].items()
    )
    return LedgerState(
        claims=held["claim"],
        assets=held["asset"],
        reserved=reserved,
        enrolled={row.stack_id: (row.party, row.lineage) for row in rows("SELECT * FROM enrolment")},
        admissions={row.id: (row.stack_id, row.state) for row in rows("SELECT id, stack_id, state FROM admission")},
        journal=tuple(
            (row.sequence, row.kind, row.stack_id, row.payload, row.previous, row.hash)
            for row in rows("SELECT * FROM journal ORDER BY sequence")
        ),
        zone=str(rows("SELECT digest FROM zone")[0].digest),
        spent={row.stack_id: row.highest for row in rows("SELECT * FROM generation")},
    )


def broken(state: LedgerState) -> list[str]:
    """Everything that must not be so at any moment, as sentences."""
    holders = [*state.claims, *state.reserved]
    return [
        *_units(state, holders),
        *_watts(state, holders),
        *_addresses(holders),
        *_bores(state),
        *_missing_ground(state),
        *_lives(state),
    ]


def _racks(state: LedgerState, *, leaving: bool) -> dict[str, tuple[Mapping[str, Any], str, bool]]:
    """Row data, owning stack and whether the row is leaving, by rack id; the current row wins."""
    found: dict[str, tuple[Mapping[str, Any], str, bool]] = {}
    rows = [item for item in state.assets if item.kind == "row"]
    for item in sorted(rows, key=lambda item: item.is_current):
        row = item.data["row"]
        if not item.is_current and not leaving:
            continue
        for number in range(1, row["racks"] + 1):
            found[f"{item.name}/{number:02}"] = row, item.stack, not item.is_current
    return found


def _span(item: Held) -> set[tuple[str, int, str]]:
    node = item.data["node_type"]
    faces = ("front", "rear") if node.get("is_full_depth", True) else (item.data["face"],)
    units = range(item.data["position"], item.data["position"] + node["u_height"])
    return {(item.data["rack"], unit, face) for unit in units for face in faces}


def _may_share(one: Held, two: Held) -> bool:
    """One stack's nodes follow each other on a place within one change; nothing else shares one."""
    return one.stack == two.stack and (one.name == two.name or "releasing" in (one.state, two.state))


def _sharing(spots: Mapping[Any, list[Held]]) -> Iterator[tuple[Any, Held, Held]]:
    for spot, items in sorted(spots.items()):
        for index, one in enumerate(items):
            for two in items[index + 1 :]:
                is_reserved = "reserved" in (one.state, two.state) and one.stack == two.stack
                if not is_reserved and not _may_share(one, two):
                    yield spot, one, two


def _units(state: LedgerState, holders: Iterable[Held]) -> Iterator[str]:
    racks = _racks(state, leaving=True)
    spots: dict[Any, list[Held]] = defaultdict(list)
    for item in holders:
        for spot in _span(item):
            spots[spot].append(item)
        row = racks.get(item.data["rack"])
        top = item.data["position"] + item.data["node_type"]["u_height"] - 1
        if row is not None and not 1 <= item.data["position"] <= top <= row[0].get("u_height", 42):
            yield f"{item.name} of {item.stack} stands outside rack {item.data['rack']}"
    for (rack, unit, _), one, two in _sharing(spots):
        yield f"U{unit} of {rack} is held by {_who(one)} and by {_who(two)}"


def _who(item: Held) -> str:
    return f"{item.name} of {item.stack} ({item.state})"


def _watts(state: LedgerState, holders: Iterable[Held]) -> Iterator[str]:
    """With one feed lost the other one bears all nodes that stay up; a node within one rack counts once."""
    racks = _racks(state, leaving=True)
    load: dict[tuple[str, str], dict[tuple[str, str], int]] = defaultdict(dict)
    for item in holders:
        node = item.data["node_type"]
        feeds = "AB" if node.get("power_supplies", 2) > 1 else item.data["feed"]
        for feed in feeds:
            held = load[item.data["rack"], feed]
            key = item.stack, item.name
            held[key] = max(held.get(key, 0), node["allocated_draw"])
    for (rack, feed), draws in sorted(load.items()):
        row = racks.get(rack)
        if row is None:
            continue
        declared = row[0]["feeds"][feed]
        limit = declared["rated_w"] * round(declared.get("max_utilization", 0.8) * 1000) // 1000
        if sum(draws.values()) > limit:
            yield f"feed {feed} of {rack} bears {limit} W, {sum(draws.values())} W are held: {sorted(draws)}"


def _addresses(holders: Iterable[Held]) -> Iterator[str]:
    spots: dict[Any, list[Held]] = defaultdict(list)
    for item in holders:
        for pool, address in item.data["addresses"].items():
            spots[item.data["rack"].split("/", 1)[0], pool, address].append(item)
    for (site, _, address), one, two in _sharing(spots):
        yield f"address {address} of {site} is held by {_who(one)} and by {_who(two)}"


def _bores(state: LedgerState) -> Iterator[str]:
    links: Counter[str] = Counter()
    for item in state.assets:
        if item.kind == "link" and item.is_current:
            links.update(item.data["link"]["ducts"])
    for item in state.assets:
        if item.kind == "duct" and item.is_current:
            duct, used = item.data["duct"], links[item.name.removeprefix("ducts/")]
            if duct.get("bores_in_use", 0) + used > duct["bores"]:
                yield f"{item.name} has {duct['bores']} bores, {used} links run through it"


def groundless(state: LedgerState) -> list[str]:
    """Reservations in racks that are not there: an admission may not bring that about, a destroy may."""
    racks = _racks(state, leaving=False)
    return [
        f"{_who(item)} is in rack {item.data['rack']}, which is not there or is leaving"
        for item in state.reserved
        if item.data["rack"] not in racks
    ]


def closed(state: LedgerState, claims: Iterable[Held]) -> list[str]:
    """New claims that may not come where they are: others place on what is active, and on nothing else."""
    rows = {item.name: item for item in state.assets if item.kind == "row" and item.is_current}
    found = []
    for item in claims:
        row = rows.get(item.data["rack"].rsplit("/", 1)[0])
        if row is None or (row.state != "active" and row.stack != item.stack):
            found.append(f"{_who(item)} comes to {item.data['rack']}, which is not open")
    return found


def _missing_ground(state: LedgerState) -> Iterator[str]:
    """Who is current stands on what is current: a rack, or the sites and ducts of a link."""
    racks = _racks(state, leaving=False)
    for item in state.claims:
        if item.is_current and item.data["rack"] not in racks:
            yield f"{_who(item)} stands in rack {item.data['rack']}, which is not there or is leaving"
    there = {item.name for item in state.assets if item.is_current}
    for item in state.assets:
        if item.kind == "link" and item.is_current:
            link = item.data["link"]
            for needed in (link["a"], link["b"], *(f"ducts/{duct}" for duct in link["ducts"])):
                if needed not in there:
                    yield f"{item.name} of {item.stack} needs {needed}, which is not there or is leaving"


def _lives(state: LedgerState) -> Iterator[str]:
    for table, rows in (("claim", state.claims), ("asset", state.assets)):
        current = Counter((item.stack, item.name) for item in rows if item.is_current)
        yield from (f"{table} {key} has {count} current rows" for key, count in current.items() if count > 1)
        given = Counter((item.stack, item.name, item.generation) for item in rows if item.generation)
        yield from (f"{table} {key} has one generation {count} times" for key, count in given.items() if count > 1)
        for item in rows:
            known = state.enrolled.get(item.stack)
            if known is not None and known[0] != item.party:
                yield f"{table} {item.name} of {item.stack} belongs to {item.party}, the stack to {known[0]}"
    for stack, count in Counter(stack for stack, word in state.admissions.values() if word == "current").items():
        if count > 1:
            yield f"{stack} has {count} current admissions"


def overstepped(before: LedgerState, after: LedgerState, stack: str) -> list[str]:
    """What a step of one stack did to what is not its own, or to the record, as sentences."""
    found = []
    for word, old, new in (
        ("claims and assets", (*before.claims, *before.assets), (*after.claims, *after.assets)),
        ("reservations", before.reserved, after.reserved),
    ):
        if [item for item in old if item.stack != stack] != [item for item in new if item.stack != stack]:
            found.append(f"a step of {stack} changed {word} of another stack")
    for word, olds, news in (
        ("enrolment", before.enrolled, after.enrolled),
        ("admissions", _of_others(before, stack), _of_others(after, stack)),
    ):
        if {key: one for key, one in olds.items() if key != stack} != {
            key: one for key, one in news.items() if key != stack
        }:
            found.append(f"a step of {stack} changed the {word} of another stack")
    for had, has in ((before.claims, after.claims), (before.assets, after.assets)):
        found += _reborn({item.id: item for item in had}, {item.id: item for item in has})
        left = {item.id for item in has}
        gone = [item for item in had if item.id not in left and item.generation > after.spent.get(item.stack, 0)]
        found += [f"{item.name} went, and generation {item.generation} can come again" for item in gone]
    found += [f"the generations of {key} fell" for key, one in before.spent.items() if after.spent.get(key, 0) < one]
    if after.journal[: len(before.journal)] != before.journal:
        found.append("journal entries were altered or lost")
    return found


def _reborn(before: Mapping[int, Held], after: Mapping[int, Held]) -> Iterator[str]:
    """Rows that became another's, or that came under a number that one has had."""
    for number, item in after.items():
        old = before.get(number)
        if old is not None and (old.stack, old.party, old.name) != (item.stack, item.party, item.name):
            yield f"row {number} of {old.name} is another's"
        if old is None and number <= max(before, default=0):
            yield f"row {number} of {item.name} is not a new one"


def _of_others(state: LedgerState, stack: str) -> dict[str, tuple[str, str]]:
    return {key: one for key, one in state.admissions.items() if one[0] != stack}


def with_claims(state: LedgerState, stack: str, party: str, wanted: Mapping[str, Mapping[str, Any]]) -> LedgerState:
    """The state if a stack's claims were these from now on: what has a resource stays until that is gone."""
    kept: list[Held] = []
    for item in state.claims:
        if item.stack != stack or not item.is_current:
            kept.append(item)
        elif item.state == "active":
            kept.append(item if wanted.get(item.name) == item.data else replace(item, state="releasing"))
    there = {item.name for item in kept if item.stack == stack and item.is_current}
    new = [
        Held(id=-1, stack=stack, party=party, kind="node", name=name, state="admitted", generation=0, data=data)
        for name, data in wanted.items()
        if name not in there
    ]
    reserved = tuple(item for item in state.reserved if item.stack != stack)
    return replace(state, claims=(*kept, *new), reserved=reserved)


def with_assets(state: LedgerState, stack: str, party: str, wanted: Mapping[str, Mapping[str, Any]]) -> LedgerState:
    """The same for assets, which are compared by what is declared."""
    kept: list[Held] = []
    for item in state.assets:
        if item.stack != stack or not item.is_current:
            kept.append(item)
        elif item.state == "active" or wanted.get(item.name) == item.data:
            kept.append(item if wanted.get(item.name) == item.data else replace(item, state="releasing"))
    there = {item.name for item in kept if item.stack == stack and item.is_current}
    new = [
        Held(id=-1, stack=stack, party=party, kind=data["kind"], name=name, state="admitted", generation=0, data=data)
        for name, data in wanted.items()
        if name not in there
    ]
    return replace(state, assets=(*kept, *new))

"""Heads and events of chains go on record: one entry of the journal for all agents, with the root of a tree over them.

Whoever has what one agent signed can show that the journal names it, and learns nothing of the others.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from zonewright.model.canonical import canonical_json
from zonewright.model.merkle import leaf_of, path, tree
from zonewright.telemetry.home import Statements, TelemetryHome
from zonewright.telemetry.noting import JournalNote

HEADS_AFTER_NS, EVENTS_AFTER_NS = 3_600 * 10**9, 600 * 10**9
"""How long heads and events wait for others to go on record with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What one entry of the journal is about.

    Attributes:
        leaves: by agent the text of its heads and events, in order of agents.
        heads: how many heads there are.
        events: how many events of each kind.
    """

    leaves: Mapping[str, str]
    heads: int
    events: Mapping[str, int]

    @property
    def root(self) -> str:
        """The root of the tree over the texts."""
        return f"sha256:{tree(self._level()).hex()}"

    def path(self, agent: str) -> tuple[int, list[str]]:
        """The place of an agent's text in the tree, and the hashes beside its way up."""
        index = list(self.leaves).index(agent)
        return index, [one.hex() for one in path(self._level(), index)]

    def _level(self) -> list[bytes]:
        return [leaf_of(text.encode()) for text in self.leaves.values()]


def tell_seals(home: TelemetryHome, now_ns: int, tell: Callable[[Seal, JournalNote], None]) -> None:
    """Hand over what waits long enough, or was not recorded before a process was killed.

    Args:
        home: of the chains.
        now_ns: the present.
        tell: records one, and has it noted as what.
    """
    with home.opened() as connection:
        if not (_is_due(connection, now_ns) or _untold(connection)):
            return
    with home.writing("seals") as connection:
        if _is_due(connection, now_ns):
            number = int(connection.execute("insert into chain_seal (entry) values ('') returning id").fetchone()[0])
            for table in ("chain_head", "chain_event"):
                connection.execute(f"update {table} set seal = ? where seal is null", (number,))  # noqa: S608 - ours
        found = {number: seal_of(connection, number) for number in _untold(connection)}
    for number, seal in found.items():
        tell(seal, JournalNote(home, "chain_seal", number))


def waiting_agents(home: TelemetryHome) -> set[str]:
    """The agents with heads that are not on record yet."""
    with home.opened() as connection:
        return {row[0] for row in connection.execute("select distinct agent from chain_head where seal is null")}


def _is_due(connection: Statements, now_ns: int) -> bool:
    query = (
        "select 1 from chain_head where seal is null and received_ns <= ? "
        "union all select 1 from chain_event where seal is null and received_ns <= ? limit 1"
    )
    values = (now_ns - HEADS_AFTER_NS, now_ns - EVENTS_AFTER_NS)
    return connection.execute(query, values).fetchone() is not None


def _untold(connection: Statements) -> list[int]:
    return [row[0] for row in connection.execute("select id from chain_seal where entry = '' order by id")]


def seals_of(home: TelemetryHome, agent: str) -> Iterator[tuple[int, str, Seal]]:
    """The seals on record that name an agent: number, entry of the journal, and what is still there of it."""
    query = (
        "select id, entry from chain_seal where entry <> '' and id in (select seal from chain_head where agent = ? "
        "union select seal from chain_event where agent = ?) order by id"
    )
    with home.opened() as connection:
        for number, entry in connection.execute(query, (agent, agent)).fetchall():
            yield number, entry, seal_of(connection, number)


def seal_of(connection: Statements, number: int) -> Seal:
    """What an entry is about, from the heads and events that are there."""
    heads: dict[str, list[list[str | int]]] = {}
    events: dict[str, list[list[str | int]]] = {}
    query = "select agent, sequence, digest, key from chain_head where seal = ? order by agent, sequence"
    for agent, *row in connection.execute(query, (number,)):
        heads.setdefault(agent, []).append(row)
    query = "select agent, sequence, kind, told from chain_event where seal = ? order by agent, number"
    for agent, *row in connection.execute(query, (number,)):
        events.setdefault(agent, []).append(row)
    kinds = Counter(str(row[1]) for rows in events.values() for row in rows)
    return Seal(
        leaves={
            agent: canonical_json(
                {"agent": agent, "events": events.get(agent, []), "heads": heads.get(agent, []), "seal": number}
            )
            for agent in sorted(heads.keys() | events.keys())
        },
        heads=sum(map(len, heads.values())),
        events=dict(sorted(kinds.items())),
    )

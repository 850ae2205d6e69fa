"""Agents, their last reports of health and witnessed heads in a ledger's database, where every service has them."""

from collections.abc import Callable, Mapping

from zonewright.ledger.protocol.journal_messages import Checkpoint
from zonewright.model.canonical import digest_of
from zonewright.server.agents import AgentEntry, Agents, new_tokens, require_entries
from zonewright.server.witness_route import MOST_REFUSED_BYTES, ForkError, fault_of, is_new
from zonewright.telemetry.home import TelemetryHome

_KEEP_BUT_KEY = (
    "insert into agent values (?, ?, ?, ?) on conflict (name) do update set node = excluded.node, "
    "token_digest = excluded.token_digest"
)
_KEEP = f"{_KEEP_BUT_KEY}, public_key = excluded.public_key"


class AgentsTable:
    """The agents that may report to any service of a ledger.

    Args:
        home: the ledger's database.
        own: agents that this service alone lets report, by a file of its own; None for none.
    """

    def __init__(self, home: TelemetryHome, own: Callable[[], Agents] | None = None) -> None:
        self._home, self._own = home, own

    def __call__(self) -> "AgentsTable":
        """The agents of now: each question is put to the database."""
        return self

    def find(self, token: str) -> tuple[str, str] | None:
        """Agent and node of a token; looked up by digest, so that time tells nothing of it."""
        with self._home.opened() as connection:
            row = connection.execute(
                "select name, node from agent where token_digest = ?", (digest_of(token),)
            ).fetchone()
        if row is not None:
            return str(row[0]), str(row[1])
        found = None if self._own is None else self._own().find(token)
        # Who is among the ledger's agents has the token of there, and none of before in a file.
        return found if found is None or self.entry(found[0]) is None else None

    def key_of(self, agent: str) -> str:
        """The key that signs an agent's reports; empty where it has none."""
        with self._home.opened() as connection:
            row = connection.execute("select public_key from agent where name = ?", (agent,)).fetchone()
        if row is not None:
            return str(row[0])
        return "" if self._own is None else self._own().key_of(agent)

    def entry(self, agent: str) -> AgentEntry | None:
        """One agent."""
        with self._home.opened() as connection:
            query = "select node, token_digest, public_key from agent where name = ?"
            row = connection.execute(query, (agent,)).fetchone()
        return None if row is None else AgentEntry(node=row[0], token_digest=row[1], public_key=row[2])

    def issue(self, public_keys: Mapping[str, str]) -> dict[str, str]:
        """Give agents new tokens, which replace their old ones, and keep their keys; gives the tokens by agent.

        Raises:
            AgentsFileError: when an id is none; nothing was kept.
        """
        tokens = new_tokens(public_keys)
        entries = {
            agent: AgentEntry(node=agent, token_digest=digest_of(tokens[agent]), public_key=key)
            for agent, key in public_keys.items()
        }
        require_entries(entries, "the ledger's agents")
        with self._home.writing("agents") as connection:
            rows = [(name, one.node, one.token_digest, one.public_key) for name, one in sorted(entries.items())]
            connection.executemany(_KEEP, rows)
        return tokens

    def issue_one(self, agent: str, node: str) -> str:
        """Give an agent that reports for a node a new token, which replaces its old one; it keeps its key.

        Raises:
            AgentsFileError: when its id is none; nothing was kept.
        """
        token = new_tokens([agent])[agent]
        entry = AgentEntry(node=node, token_digest=digest_of(token), public_key="")
        require_entries({agent: entry}, "the ledger's agents")
        with self._home.writing("agents") as connection:
            connection.execute(_KEEP_BUT_KEY, (agent, node, entry.token_digest, ""))
        return token

    def forget(self, agent: str) -> None:
        """Take an agent out; its token counts no longer, at no service."""
        with self._home.writing("agents") as connection:
            connection.execute("delete from agent where name = ?", (agent,))

    def close(self) -> None:
        """Close all connections."""
        self._home.close()


class HealthTable:
    """The last report of each agent, as it came.

    Args:
        home: the ledger's database.
    """

    def __init__(self, home: TelemetryHome) -> None:
        self._home = home

    def keep(self, agent: str, body: bytes, time_ns: int) -> bool:
        """Keep a report, unless a later one is there: an old one that is sent again changes nothing."""
        query = (
            "insert into health values (?, ?, ?) on conflict (agent) do update set time_ns = excluded.time_ns, "
            "report = excluded.report where health.time_ns < excluded.time_ns"
        )
        with self._home.writing() as connection:
            return connection.execute(query, (agent, time_ns, body.decode())).rowcount == 1

    def last(self, agent: str) -> bytes | None:
        """The last report of an agent."""
        with self._home.opened() as connection:
            row = connection.execute("select report from health where agent = ?", (agent,)).fetchone()
        return None if row is None else str(row[0]).encode()


class HeadsTable:
    """What other parties' ledgers said over time.

    Args:
        home: the ledger's database.
    """

    def __init__(self, home: TelemetryHome) -> None:
        self._home = home

    def keep(self, sender: str, head: Checkpoint) -> bool:
        """Keep a head that follows from the last one; false where it is that one, or came late.

        Raises:
            ForkError: when it does not follow.
        """
        with self._home.writing(f"witness {sender}") as connection:
            query = "select head from witnessed where sender = ? and refused = 0 order by number"
            before = [Checkpoint.model_validate_json(row[0]) for row in connection.execute(query, (sender,))]
            fault = fault_of(before, head)
            query = "select coalesce(sum(length(head)), 0) from witnessed where sender = ? and refused = 1"
            is_kept = (
                is_new(before, head)
                if fault is None
                else int(connection.execute(query, (sender,)).fetchone()[0]) <= MOST_REFUSED_BYTES
            )
            if is_kept:
                query = "insert into witnessed (sender, refused, head) values (?, ?, ?)"
                connection.execute(query, (sender, int(fault is not None), head.model_dump_json()))
        if fault is not None:
            raise ForkError(fault)
        return is_kept

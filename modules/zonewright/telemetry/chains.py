"""What is kept of agents' chains: batches that heads vouch for, heads, and what was out of the ordinary."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from zonewright.telemetry.chain import unpacked
from zonewright.telemetry.home import TelemetryHome

_FOREVER = 2**62


class ChainRun(NamedTuple):
    """Batches that a head vouches for since some moment."""

    number: int
    agent: str
    first: int
    last: int
    received_ns: int


class KeptBatch(NamedTuple):
    """A batch as it came.

    Attributes:
        agent: whose it is.
        node: the node that the agent reported for.
        sequence: its number.
        previous: digest of the batch before it.
        digest: its own.
        received_ns: when it came.
        head: the head that vouches for it, 0 for none.
        packed: the batch.
    """

    agent: str
    node: str
    sequence: int
    previous: str
    digest: str
    received_ns: int
    head: int
    packed: str

    @property
    def body(self) -> bytes:
        """The batch."""
        return unpacked(self.packed)


class KeptHead(NamedTuple):
    """A head that counted when it came."""

    agent: str
    sequence: int
    digest: str
    key: str
    head: str
    signature: str
    received_ns: int
    seal: int | None


class ChainEvent(NamedTuple):
    """What was out of the ordinary: a chain that begins, a gap, two batches of one number, a head, another key."""

    agent: str
    sequence: int
    kind: str
    told: str
    received_ns: int
    seal: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainStanding:
    """How far an agent's batches are signed.

    Attributes:
        agent: its id.
        signed_ns: when the last batch came that a head vouches for; None where there is none.
        unsigned: how many batches came since.
        since_ns: when the first of them came.
        newest_ns: when the last batch came.
    """

    agent: str
    signed_ns: int | None
    unsigned: int
    since_ns: int | None
    newest_ns: int


class Chains:
    """The chains beside samples.

    Args:
        home: where they are.
    """

    def __init__(self, home: TelemetryHome) -> None:
        self._home = home

    def runs(self, after: int, most: int) -> list[ChainRun]:
        """What is vouched for, in the order in which that was known, from after a number on."""
        query = "select number, agent, first, last, received_ns from chain_run where number > ? order by number limit ?"
        with self._home.opened() as connection:
            return [ChainRun(*row) for row in connection.execute(query, (after, most))]

    def run_seen(self, number: int) -> str | None:
        """What is known of a run: when it was; empty where it was removed, None where it never was."""
        with self._home.opened() as connection:
            row = connection.execute("select received_ns from chain_run where number = ?", (number,)).fetchone()
            if row is not None:
                return str(row[0])
            return "" if connection.last_number("chain_run") >= number else None

    def batches(self, agent: str, first: int = 0, last: int = _FOREVER) -> Iterator[KeptBatch]:
        """The batches of an agent, in order of their numbers."""
        query = (
            "select agent, node, sequence, previous, digest, received_ns, head, body from chain_link "
            "where agent = ? and sequence between ? and ? order by sequence"
        )
        with self._home.opened() as connection:
            for row in connection.stream(query, (agent, first, last)):
                yield KeptBatch(*row)

    def agents_of(self, nodes: Sequence[str]) -> list[str]:
        """The agents that reported for some nodes."""
        places = ", ".join("?" * len(nodes))
        query = f"select distinct agent from chain_link where node in ({places}) order by agent"  # noqa: S608 - no input
        with self._home.opened() as connection:
            return [row[0] for row in connection.execute(query, tuple(nodes))] if nodes else []

    def heads(self, agent: str) -> list[KeptHead]:
        """The heads of an agent, in order."""
        query = (
            "select agent, sequence, digest, key, head, signature, received_ns, seal from chain_head "
            "where agent = ? order by sequence"
        )
        with self._home.opened() as connection:
            return [KeptHead(*row) for row in connection.execute(query, (agent,))]

    def events(self, agent: str | None = None) -> list[ChainEvent]:
        """What was out of the ordinary with an agent's chain, or with all."""
        which, values = ("", ()) if agent is None else ("where agent = ? ", (agent,))
        query = f"select agent, sequence, kind, told, received_ns, seal from chain_event {which}order by number"  # noqa: S608 - no input
        with self._home.opened() as connection:
            return [ChainEvent(*row) for row in connection.execute(query, values)]

    def standings(self) -> list[ChainStanding]:
        """How far each agent's batches are signed, by name."""
        query = (
            "select agent, max(received_ns), max(case when head <> 0 then received_ns end) "
            "from chain_link group by agent order by agent"
        )
        # By the service's clock: numbers are the sender's, who may begin again below those that are signed.
        since = "select count(*), min(received_ns) from chain_link where agent = ? and head = 0 and received_ns >= ?"
        found = []
        with self._home.opened() as connection:
            for agent, newest_ns, signed_ns in connection.execute(query).fetchall():
                unsigned, since_ns = connection.execute(since, (agent, signed_ns or 0)).fetchone()
                found.append(
                    ChainStanding(
                        agent=agent,
                        signed_ns=signed_ns,
                        unsigned=int(unsigned),
                        since_ns=since_ns,
                        newest_ns=newest_ns,
                    )
                )
        return found

"""Batches are put into the chains of their agents, and signed heads vouch for them, as they are stored.

What is out of the ordinary is an event: a gap, two batches of one number, a head that does not count, another key.
"""

from collections.abc import Sequence

from zonewright.telemetry.chain import ChainLink, Linked, SignedHead, gap_told, head_of, led_back, packed
from zonewright.telemetry.home import Statements
from zonewright.telemetry.sample import SampleBatch

Run = tuple[str, int, int, int]
"""Batches that a head vouches for: agent, first and last number, and when that was known."""
MOST_EVENTS = 200
"""Of an agent that the journal does not have yet: whoever has its token can make any number."""
MOST_LED_BACK = 100_000
"""Batches that one head vouches for: those of eleven days, at ten seconds each."""
_AGAIN_NS = 24 * 3_600 * 10**9
"""After which time the very same event is told once more."""


def note_link(connection: Statements, report: SampleBatch, link: ChainLink, now_ns: int, runs: list[Run]) -> None:
    """Put a batch into its chain; ``runs`` takes the batches that a head vouches for from now on.

    Args:
        connection: a writing transaction that has the turn of the agent.
        report: the batch, which may have come before.
        link: its place.
        now_ns: the present.
        runs: takes what is vouched for now.
    """
    _Chaining(connection, report.agent, now_ns, runs).put(report, link)


class _Chaining:
    """One agent's chain, within a transaction."""

    def __init__(self, connection: Statements, agent: str, now_ns: int, runs: list[Run]) -> None:
        self._connection, self._agent, self._now_ns, self._runs = connection, agent, now_ns, runs

    def put(self, report: SampleBatch, link: ChainLink) -> None:
        """Put a batch into the chain, or tell that another one has its number."""
        number = report.sequence
        query = "select digest from chain_link where agent = ? and sequence = ?"
        there = self._connection.execute(query, (self._agent, number)).fetchone()
        if there is not None:
            if there[0] != link.digest:
                self._tell(number, "fork", f"batch {number} came twice, with two different contents")
            if link.head is not None:
                self._take(number, link.head)  # what the host signed counts, wherever it stands
            return
        before, after = self._beside(number, "<", "desc"), self._beside(number, ">", "asc")
        own = Linked(number, link.previous, link.digest)
        if after is None or after[0].previous != link.digest:
            told = gap_told(own, None if before is None else before[0])
            if told is not None:
                self._tell(number, *told)
        else:
            self._tell(number, "filled", f"batch {number} came late, and batch {after[0].sequence} follows from it")
        row = (self._agent, number, report.node, link.previous, link.digest, self._now_ns, 0, packed(link.body))
        self._connection.add_rows("chain_link", [row])
        if after is not None and after[1] and after[0].previous == link.digest:
            self._vouch(number, link.digest, after[1])  # a batch that came late, before one that is vouched for
        if link.head is not None:
            self._take(number, link.head)

    def _beside(self, number: int, side: str, order: str) -> tuple[Linked, int] | None:
        """The next batch on one side, and the head that vouches for it, or 0."""
        query = (
            "select sequence, previous, digest, head from chain_link where agent = ? "  # noqa: S608 - two words of ours
            f"and sequence {side} ? order by sequence {order} limit 1"
        )
        row = self._connection.execute(query, (self._agent, number)).fetchone()
        return None if row is None else (Linked(*row[:3]), int(row[3]))

    def _take(self, number: int, signed: SignedHead) -> None:
        """A head that came with a batch: where it counts, it vouches for what its chain leads back to."""
        if signed.fault:
            self._tell(number, "head", f"a head does not count: {signed.fault}")
            return
        head = head_of(signed.text)
        query = "select digest from chain_link where agent = ? and sequence = ?"
        named = self._connection.execute(query, (self._agent, head.sequence)).fetchone()
        if named is None:
            self._tell(number, "head", f"a head names batch {head.sequence}, which did not come as it was sent")
            return
        if named[0] != head.digest:
            self._tell(number, "fork", f"the host signed another batch {head.sequence} than came")
            return
        query = "select key from chain_head where agent = ? order by received_ns desc, sequence desc limit 1"
        before = self._connection.execute(query, (self._agent,)).fetchone()
        row = (self._agent, head.sequence, head.digest, signed.key, signed.text, signed.signature, self._now_ns, None)
        if not self._connection.add_rows("chain_head", [row]):
            return  # it came before
        if before is not None and before[0] != signed.key:
            self._tell(number, "key", "the host signs with another key than before")
        self._vouch(head.sequence, head.digest, head.sequence)

    def _vouch(self, number: int, digest: str, head: int) -> None:
        """Note that a head vouches for a batch and for what its chain leads back to."""
        query = (
            "select sequence from chain_link where agent = ? and sequence <= ? and head <> 0 "
            "order by sequence desc limit 1"
        )
        known = self._connection.execute(query, (self._agent, number)).fetchone()
        query = (
            "select sequence, previous, digest from chain_link where agent = ? and sequence between ? and ? "
            "order by sequence desc limit ?"
        )
        since = 0 if known is None else known[0] + 1
        rows = self._connection.execute(query, (self._agent, since, number, MOST_LED_BACK)).fetchall()
        found = [one.sequence for one in led_back((Linked(*row) for row in rows), digest)]
        if found:
            first, last = found[-1], found[0]
            query = "update chain_link set head = ? where agent = ? and sequence between ? and ?"
            self._connection.execute(query, (head, self._agent, first, last))
            self._runs.append((self._agent, first, last, self._now_ns))

    def _tell(self, number: int, kind: str, sentence: str) -> None:
        """Note what is out of the ordinary, once a day where it is the very same."""
        query = "select 1 from chain_event where agent = ? and kind = ? and told = ? and received_ns > ? limit 1"
        again = (self._agent, kind, sentence, self._now_ns - _AGAIN_NS)
        if self._connection.execute(query, again).fetchone() is not None:
            return
        query = "select count(*) from chain_event where agent = ? and seal is null"
        if int(self._connection.execute(query, (self._agent,)).fetchone()[0]) >= MOST_EVENTS:
            return
        query = "insert into chain_event (agent, sequence, kind, told, received_ns) values (?, ?, ?, ?, ?)"
        self._connection.execute(query, (self._agent, number, kind, sentence, self._now_ns))


def add_runs(connection: Statements, runs: Sequence[Run]) -> None:
    """Number what is vouched for now, last of all: who sees a number sees all lower ones."""
    if runs:
        connection.in_order("chain runs")
        query = "insert into chain_run (agent, first, last, received_ns) values (?, ?, ?, ?)"
        connection.executemany(query, runs)


def prune_chains(connection: Statements, before_ns: int) -> None:
    """Remove batches and heads from before a time; of each agent the last ones stay, from which its chain goes on.

    Heads and events that are on record go with all that is of the same entry: else nobody could show any more that it
    names those that are left.
    """
    connection.execute(
        "delete from chain_link where received_ns < ? "
        "and sequence < (select max(sequence) from chain_link as newest where newest.agent = chain_link.agent)",
        (before_ns,),
    )
    last = "select max(sequence) from chain_head as newest where newest.agent = chain_head.agent"
    query = (
        "select id from chain_seal where entry <> '' "  # noqa: S608 - no input
        "and id in (select seal from chain_head union select seal from chain_event) "
        f"and id not in (select seal from chain_head where seal is not null "
        f"and (received_ns >= ? or sequence = ({last}))) "
        "and id not in (select seal from chain_event where seal is not null and received_ns >= ?)"
    )
    whole = [row[0] for row in connection.execute(query, (before_ns, before_ns))]
    if whole:
        places = ", ".join("?" * len(whole))
        for table in ("chain_head", "chain_event"):
            connection.execute(f"delete from {table} where seal in ({places})", tuple(whole))  # noqa: S608 - no input
    connection.execute("delete from chain_run where received_ns < ?", (before_ns,))


SCHEMA = """
create table if not exists chain_link (
  agent text not null, sequence integer not null, node text not null, previous text not null, digest text not null,
  received_ns integer not null, head integer not null, body text not null, primary key (agent, sequence));
create table if not exists chain_head (
  agent text not null, sequence integer not null, digest text not null, key text not null, head text not null,
  signature text not null, received_ns integer not null, seal integer, primary key (agent, sequence));
create table if not exists chain_run (
  number integer primary key autoincrement, agent text not null, first integer not null, last integer not null,
  received_ns integer not null);
create table if not exists chain_event (
  number integer primary key autoincrement, agent text not null, sequence integer not null, kind text not null,
  told text not null, received_ns integer not null, seal integer);
create index if not exists chain_event_of on chain_event (agent, received_ns);
create index if not exists chain_head_open on chain_head (received_ns) where seal is null;
create index if not exists chain_event_open on chain_event (received_ns) where seal is null;
create table if not exists chain_seal (id integer primary key, entry text not null);
"""

"""Batches are put into the chains of their agents, and signed heads vouch for them, as they are stored.

What is out of the ordinary is an event: a gap, two batches of one number, a head that does not count, another key.
"""

from collections.abc import Iterable, Iterator, Sequence

from zonewright.telemetry.chain import ChainLink, Linked, SignedHead, gap_told, head_of, led_back, packed
from zonewright.telemetry.home import Statements
from zonewright.telemetry.sample import SampleBatch

Run = tuple[str, int, int, int]
"""Batches that a head vouches for: agent, first and last number, and when that was known."""
MOST_EVENTS = 100
"""Of one kind and agent that the journal does not have yet: whoever has its token can make any number of one kind."""
MOST_FORKS = 200
"""Batches of an agent that wait for a head beside another one of their number; the oldest of them goes first."""
_FORK_NS = 2 * 3_600 * 10**9
"""How long one waits: a head comes every ten minutes."""
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
                self._keep_fork(report, link)
                self._vouch_late(number, link)
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
        self._vouch_late(number, link)
        if link.head is not None:
            self._take(number, link.head)

    def _vouch_late(self, number: int, link: ChainLink) -> None:
        """A batch that came late, before one that is vouched for and follows from it, is vouched for as well."""
        after = self._beside(number, ">", "asc")
        if after is not None and after[1] and after[0].previous == link.digest:
            self._vouch(number, link.digest, after[1])

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
        query = "select digest, head from chain_link where agent = ? and sequence = ?"
        named = self._connection.execute(query, (self._agent, head.sequence)).fetchone()
        if named is None:
            self._tell(number, "head", f"a head names batch {head.sequence}, which did not come as it was sent")
            return
        if named[0] != head.digest and (named[1] or self._decide_fork(head.sequence, head.digest) is None):
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
        found = [one.sequence for one in led_back(self._decided(map(Linked._make, rows), digest), digest)]
        if found:
            first, last = found[-1], found[0]
            query = "update chain_link set head = ? where agent = ? and sequence between ? and ?"
            self._connection.execute(query, (head, self._agent, first, last))
            self._runs.append((self._agent, first, last, self._now_ns))

    def _keep_fork(self, report: SampleBatch, link: ChainLink) -> None:
        """Keep a batch beside the one that has its number: which of the two is the host's, the next head says."""
        query = "delete from chain_fork where agent = ? and received_ns < ?"
        self._connection.execute(query, (self._agent, self._now_ns - _FORK_NS))
        row = (self._agent, report.sequence, link.digest, report.node, link.previous, self._now_ns, packed(link.body))
        self._connection.add_rows("chain_fork", [row])
        query = (
            "delete from chain_fork where agent = ? and (received_ns, digest) in (select received_ns, digest "
            "from chain_fork where agent = ? order by received_ns desc, digest limit 1000 offset ?)"
        )
        self._connection.execute(query, (self._agent, self._agent, MOST_FORKS))

    def _decided(self, links: Iterable[Linked], digest: str) -> Iterator[Linked]:
        """Batches that no head vouches for yet, the latest first; of two with one number the one that a head means."""
        for link in links:
            found = link if link.digest == digest else self._decide_fork(link.sequence, digest) or link
            yield found
            digest = found.previous

    def _decide_fork(self, number: int, digest: str) -> Linked | None:
        """Have a batch that waited take the place of the other one of its number; None where none has this digest."""
        query = (
            "select node, previous, received_ns, body from chain_fork where agent = ? and sequence = ? and digest = ?"
        )
        row = self._connection.execute(query, (self._agent, number, digest)).fetchone()
        if row is None:
            return None
        query = (
            "update chain_link set node = ?, previous = ?, received_ns = ?, body = ?, digest = ? "
            "where agent = ? and sequence = ?"
        )
        self._connection.execute(query, (*row, digest, self._agent, number))
        query = "delete from chain_fork where agent = ? and sequence = ?"
        self._connection.execute(query, (self._agent, number))
        self._tell(number, "fork", f"of two batches {number} the host signed the one that came second; it counts")
        decided, after = Linked(number, row[1], digest), self._beside(number, ">", "asc")
        told = None if after is None else gap_told(after[0], decided)
        if after is not None and told is not None:  # it followed from the one that had the place
            self._tell(after[0].sequence, *told)
        return decided

    def _tell(self, number: int, kind: str, sentence: str) -> None:
        """Note what is out of the ordinary, once a day where it is the very same."""
        query = "select 1 from chain_event where agent = ? and kind = ? and told = ? and received_ns > ? limit 1"
        again = (self._agent, kind, sentence, self._now_ns - _AGAIN_NS)
        if self._connection.execute(query, again).fetchone() is not None:
            return
        query = "select count(*) from chain_event where agent = ? and kind = ? and seal is null"
        waiting = int(self._connection.execute(query, (self._agent, kind)).fetchone()[0])
        if waiting > MOST_EVENTS:
            return
        if waiting == MOST_EVENTS:
            sentence = f"more than {MOST_EVENTS} events of this kind wait for the journal; the others are not named"
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
    for table in ("chain_run", "chain_fork"):
        connection.execute(f"delete from {table} where received_ns < ?", (before_ns,))  # noqa: S608 - ours


SCHEMA = """
create table if not exists chain_link (
  agent text not null, sequence integer not null, node text not null, previous text not null, digest text not null,
  received_ns integer not null, head integer not null, body text not null, primary key (agent, sequence));
create table if not exists chain_fork (
  agent text not null, sequence integer not null, digest text not null, node text not null, previous text not null,
  received_ns integer not null, body text not null, primary key (agent, sequence, digest));
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

"""One digest of all that the journal says is held, for checkpoints.

Rows are in groups that follow from their names alone, so a change alters few groups, and the root over them. What a
process has computed stays good for all rows that no later entry names: it reads the lists of the entries since then.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Lock
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, select

from zonewright.ledger.store.engines.dialect import words_of
from zonewright.ledger.store.journal import GENESIS, head_of
from zonewright.ledger.store.recording import GONE, row_change
from zonewright.ledger.store.tables import journal
from zonewright.model.canonical import canonical_json
from zonewright.model.merkle import EMPTY, leaf_of, tree

GROUPS = 256


def group_of(table: str, key: str) -> int:
    """The group of a row: the first byte of the SHA-256 of the name of its table, followed by its key."""
    return sha256((table + key).encode()).digest()[0]


def root(rows: Iterable[tuple[str, str, str]]) -> str:
    """The root over the groups: the tree hash whose leaves are the tree hashes of the groups.

    Args:
        rows: table, key and digest of each row; a leaf of a group is the canonical JSON of the three, in this order.
    """
    groups: list[list[bytes]] = [[] for _ in range(GROUPS)]
    for row in sorted(rows):
        groups[group_of(*row[:2])].append(leaf_of(canonical_json(list(row)).encode()))
    return _over([tree(group) for group in groups])


def older_root(rows: Iterable[tuple[str, str, str]]) -> str:
    """The root that ledgers of schema 0001 signed: of one tree over all rows, without groups."""
    leaves = [leaf_of(canonical_json(list(row)).encode()) for row in sorted(rows)]
    return f"sha256:{tree(leaves).hex()}"


def _over(groups: Iterable[bytes]) -> str:
    return f"sha256:{tree([leaf_of(group) for group in groups]).hex()}"


@dataclass(slots=True)
class _Known:
    """The sum of a journal up to an entry.

    Attributes:
        sequence: number of the entry.
        last: its hash.
        leaves: the hash of each row's leaf by table and key, by group.
        groups: the tree hash of each group.
    """

    sequence: int = 0
    last: str = GENESIS
    leaves: list[dict[tuple[str, str], bytes]] = field(default_factory=lambda: [{} for _ in range(GROUPS)])
    groups: list[bytes] = field(default_factory=lambda: [EMPTY] * GROUPS)

    def put(self, table: str, key: str, leaf: bytes | None) -> int:
        """Take in the leaf of a row, None where the row went; gives its group, which is to be computed again."""
        number = group_of(table, key)
        if leaf is None:
            self.leaves[number].pop((table, key), None)
        else:
            self.leaves[number][table, key] = leaf
        return number

    def compute(self, numbers: Iterable[int]) -> None:
        """Compute groups again."""
        for number in numbers:
            self.groups[number] = tree([leaf for _, leaf in sorted(self.leaves[number].items())])


@dataclass(slots=True)
class _Memory:
    known: _Known = field(default_factory=_Known)
    lock: Lock = field(default_factory=Lock)


_MEMORIES: WeakKeyDictionary[Engine, _Memory] = WeakKeyDictionary()


def state_digest(connection: Connection) -> str:
    """The root over all rows as the journal has them now; see :func:`root`.

    Args:
        connection: a transaction that sees one moment, and has written nothing.
    """
    sequence, last = head_of(connection)
    memory = _MEMORIES.setdefault(connection.engine, _Memory())
    with memory.lock:
        if memory.known.sequence > sequence:  # of a transaction that sees an earlier moment than another one did
            return _over(_whole(connection).groups)
        if _follows(connection, memory.known):
            _go_on(connection, memory.known)
        else:
            memory.known = _whole(connection)
        memory.known.sequence, memory.known.last = sequence, last
        return _over(memory.known.groups)


def _follows(connection: Connection, known: _Known) -> bool:
    """Whether the journal has the entry up to which something is known."""
    query = select(journal.c.hash).where(journal.c.sequence == known.sequence)
    return known.sequence > 0 and connection.execute(query).scalar() == known.last


def _whole(connection: Connection) -> _Known:
    known = _Known()
    for table, key, leaf in words_of(connection).leaves(connection):
        known.put(table, key, leaf_of(leaf.encode()))
    known.compute(range(GROUPS))
    return known


def _go_on(connection: Connection, known: _Known) -> None:
    """Take in what the entries after the known one changed."""
    changed = set()
    columns = (row_change.c.table, row_change.c.key, row_change.c.digest)
    query = select(*columns).where(row_change.c.sequence > known.sequence).order_by(row_change.c.sequence)
    for row in connection.execute(query):
        leaf = None if row.digest == GONE else leaf_of(canonical_json(list(row)).encode())
        changed.add(known.put(row.table, row.key, leaf))
    known.compute(changed)

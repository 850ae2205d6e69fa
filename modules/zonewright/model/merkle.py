"""The Merkle tree hash of RFC 6962, section 2.1, with SHA-256, and paths that show that a leaf is in a tree."""

from collections.abc import Sequence
from hashlib import sha256

EMPTY = sha256(b"").digest()
"""Of a tree without leaves."""


def leaf_of(data: bytes) -> bytes:
    """The hash of a leaf."""
    return sha256(b"\0" + data).digest()


def tree(level: Sequence[bytes]) -> bytes:
    """The hash of a tree. Pairs from the left, and the odd one goes up as it is: the same tree as the definition's.

    Args:
        level: the hashes of the leaves, in order.
    """
    if not level:
        return EMPTY
    while len(level) > 1:
        level = above(level)
    return level[0]


def above(level: Sequence[bytes]) -> list[bytes]:
    """The level above one of at least two hashes."""
    pairs = zip(level[::2], level[1::2], strict=False)
    return [_node(left, right) for left, right in pairs] + list(level[len(level) & ~1 :])


def path(level: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes beside the way from a leaf to the root, the lowest first.

    Args:
        level: the hashes of the leaves, in order.
        index: which of them.
    """
    found = []
    while len(level) > 1:
        if (beside := index ^ 1) < len(level):
            found.append(level[beside])
        level, index = above(level), index // 2
    return found


def root_by(own: bytes, index: int, count: int, beside: Sequence[bytes]) -> bytes | None:
    """The root that a leaf and its path lead to; None where the path is none of a tree of that size.

    Args:
        own: the hash of the leaf.
        index: its place.
        count: how many leaves there are.
        beside: its path.
    """
    left = list(beside)
    while count > 1:
        if index ^ 1 < count:
            if not left:
                return None
            other = left.pop(0)
            own = _node(other, own) if index & 1 else _node(own, other)
        index, count = index // 2, (count + 1) // 2
    return None if left or index else own


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()

"""Texts of blocks in braces as trees: nftables' rules, and the clauses of named.conf."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

MAX_BLOCKS = 100
_NAME = re.compile(r"[a-z][a-z0-9-]*")
_TOKEN = re.compile(
    r'(?P<text>"(?:[^"\\\n]|\\.)*+"?)|(?P<comment>/\*.*?(?:\*/|\Z)|//[^\n]*|\#[^\n]*)|(?P<end>[;\n])|(?P<open>\{)|(?P<close>\})'
    r'|(?P<comma>,)|(?P<word>[^\s{};,"#/]+(?:(?:,|/(?![/*]))[^\s{};,"#/]+)*|/)',
    re.DOTALL,
)


def nft_blocks(text: str) -> dict[str, Any]:
    """nftables: a line is a statement, a chain's rules are a list in their order, a set's elements a list.

    Raises:
        ValueError: when braces do not match.
    """
    return _Blocks(text, has_lines=True).read()


def named_blocks(text: str) -> dict[str, Any]:
    """named.conf: statements end with a semicolon, whatever the lines are.

    Raises:
        ValueError: when braces do not match.
    """
    return _Blocks(text, has_lines=False).read()


class _Blocks:
    """Reads statements: words, and blocks in braces that belong to the words before them."""

    def __init__(self, text: str, *, has_lines: bool) -> None:
        self._pieces = self._split(text, has_lines=has_lines)
        self._has_lines = has_lines

    def _split(self, text: str, *, has_lines: bool) -> Iterator[tuple[str, str]]:
        for match in _TOKEN.finditer(text):
            kind = str(match.lastgroup)
            if kind == "comment":
                if has_lines and match[0].endswith("\n"):
                    yield "end", "\n"
            elif kind == "end" and match[0] == "\n" and not has_lines:
                continue
            else:
                yield kind, match[0]

    def read(self) -> dict[str, Any]:
        """The whole text."""
        found = _tree(self._block(0, is_list=False), has_keys=not self._has_lines)
        return found if isinstance(found, dict) else {"statements": found}

    def _block(self, depth: int, *, is_list: bool) -> list[tuple[str, Any]]:
        """Statements up to the closing brace: the words, and what stands in braces behind them or None."""
        if depth > MAX_BLOCKS:
            raise ValueError(f"more than {MAX_BLOCKS} blocks within each other")
        found: list[tuple[str, Any]] = []
        statement = _Statement()
        for kind, piece in self._pieces:
            if kind == "open":
                self._open(statement, depth)
            elif kind == "close":
                if not depth:
                    raise ValueError("a closing brace is without its opening one")
                statement.end(found)
                return found
            elif kind == "end" or (kind == "comma" and is_list):
                statement.end(found)
            else:
                statement.words.append(piece)
        if depth:
            raise ValueError("a closing brace is missing at the end")
        statement.end(found)
        return found

    def _open(self, statement: "_Statement", depth: int) -> None:
        """Read the block behind the words of a statement."""
        first = statement.words[0] if statement.words else ""
        block = self._block(depth + 1, is_list=self._has_lines and first not in _NESTED)
        if statement.inner is not None:  # a second block of one statement: no part of it may be lost
            statement.words.append(_inline(statement.inner))
        if self._has_lines and first not in (*_NESTED, "elements", ""):
            statement.words.append(_inline([text for text, _ in block]))
        else:
            statement.inner = _tree(block, has_keys=not self._has_lines)


@dataclass(slots=True)
class _Statement:
    """Words, and the block behind them."""

    words: list[str] = field(default_factory=list)
    inner: Any = None

    def end(self, found: list[tuple[str, Any]]) -> None:
        """The statement ends; the next one begins."""
        if self.words or self.inner is not None:
            found.append((" ".join(self.words).removesuffix(" ="), self.inner))
        self.words, self.inner = [], None


_NESTED = ("table", "chain", "set", "map", "counter", "quota", "flowtable")
"""What nftables' blocks begin with; braces behind other words are a set within a rule, or elements."""


def _inline(block: Any) -> str:
    """A block as words."""
    if isinstance(block, str):
        return block
    parts = block if isinstance(block, list) else [f"{name} {_inline(inner)}" for name, inner in block.items()]
    return "{ " + ", ".join(map(_inline, parts)) + " }"


def _tree(statements: list[tuple[str, Any]], *, has_keys: bool) -> Any:
    """Statements as a mapping where they have blocks, else as a list; the others of a mapping are a list in it.

    Args:
        statements: words and blocks.
        has_keys: whether the first word of a statement names it, as in named.conf.
    """
    found: dict[str, Any] = {}
    plain: list[str] = []
    firsts = Counter(text.partition(" ")[0] for text, inner in statements if inner is None)
    for text, inner in statements:
        word, _, rest = text.partition(" ")
        if inner is not None:
            found[_free(text, found)] = inner
        elif has_keys and rest and firsts[word] == 1 and _NAME.fullmatch(word):
            found[_free(word, found)] = rest
        else:
            plain.append(text)
    if found and plain:
        found[_free("statements", found)] = plain
    return found or plain


def _free(name: str, found: dict[str, Any]) -> str:
    """A key that is not taken yet."""
    free, number = name, 2
    while free in found:
        free, number = f"{name} ({number})", number + 1
    return free

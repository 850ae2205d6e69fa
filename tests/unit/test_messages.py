"""What the program says is plain English: its findings, refusals, errors and help, as the sources have them."""

import ast
import re
from collections.abc import Iterator

from support.sources import nodes_of
from support.zone_project import REPOSITORY

SOURCES = sorted(path for folder in ("modules", "agents") for path in (REPOSITORY / folder).rglob("*.py"))
LIMIT = 30
STUMBLED = re.compile(r"\b(can not|anew|whence|thereupon|for good)\b")
NOT_PROSE = re.compile(r"\s*(select|insert|update|delete|and p\.id in|from) ")  # SQL, which is written in lower case


def strings(source: str) -> Iterator[str]:
    """Each string of a source but docstrings, in one piece; a placeholder is one word."""
    nodes = nodes_of(source)
    joined = [node for node in nodes if isinstance(node, ast.JoinedStr)]
    told = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}  # docstrings
    told |= {id(value) for node in joined for value in node.values}
    for text in joined:
        yield "".join(str(one.value) if isinstance(one, ast.Constant) else "value" for one in text.values)
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.value


def faults(source: str) -> list[str]:
    """Sentences of a source that are too long, or have words that readers stumbled on."""
    found = []
    for text in strings(source):
        said = [] if NOT_PROSE.match(text) else re.split(r"(?<=[.!?:;])\s+|\n", text)
        found += [one for one in said if len(one.split()) > LIMIT or STUMBLED.search(one)]
    return found


def test_messages_are_plain() -> None:
    """No sentence of a message has over 30 words, or words that readers stumbled on."""
    found = {str(path.relative_to(REPOSITORY)): faults(path.read_text(encoding="utf-8")) for path in SOURCES}
    assert {path: said for path, said in found.items() if said} == {}
    assert len(found) > 700


def test_a_planted_message_is_found() -> None:
    """Words are found in plain and in formatted strings, also over two lines; docstrings are not messages."""
    source = '"""It can not."""\nprint(f"{name} can "\n      "not be read", "made anew", "a rack is full")\n'
    assert faults(source) == ["value can not be read", "made anew"]
    assert faults(f'raise ValueError("{"word " * LIMIT}")') == []
    assert faults(f'raise ValueError("{"word " * (LIMIT + 1)}")') != []

"""What changed in a configuration as its program reads it: trees compared by path, with what was only moved.

A list that its format takes as a set shows no moves; a list of things with names is compared by name.
"""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from fnmatch import fnmatchcase
from typing import Any, Literal

import yaml

from zonewright.audit.diff.blocks_tree import named_blocks, nft_blocks
from zonewright.audit.diff.lines_tree import indented, records
from zonewright.errors import ZonewrightError

ChangeKind = Literal["added", "removed", "changed", "moved"]
MAX_CHARACTERS = 300_000
MAX_PARTS = 100_000
MAX_DEPTH = 100
_NAMES = ("name", "id", "job_name", "alert", "record", "hw-address", "to", "subnet")
_SHOWN = 160


class TooLargeError(ZonewrightError, ValueError):
    """A text that is not compared as a tree; ``str()`` is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference of two trees.

    Attributes:
        path: where, such as ``network.ethernets.lan0.addresses[1]``.
        kind: added, removed, changed or moved.
        old: the value before, as short JSON; empty where there was none.
        new: the value now; for ``moved`` the path that it has now.
    """

    path: str
    kind: ChangeKind
    old: str = ""
    new: str = ""

    def line(self) -> str:
        """The change for people."""
        if self.kind == "moved":
            return f"{self.path} moved to {self.new}"
        sides = {"added": self.new, "removed": self.old, "changed": f"{self.old} -> {self.new}"}
        return f"{self.path} {self.kind}: {sides[self.kind]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Syntax:
    """How a format's text becomes a tree.

    Attributes:
        parse: text to tree.
        sets: patterns of the paths of lists whose order means nothing.
    """

    parse: Callable[[str], Any]
    sets: tuple[str, ...] = ()


def _yaml(text: str) -> Any:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    depth = 0
    # libyaml's loader builds its nodes recursively without a limit, and crashes on a deep text; its parser does not.
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.AliasEvent):
            raise TooLargeError("a YAML file with aliases cannot be compared as a tree")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise TooLargeError(f"a YAML file of more than {MAX_DEPTH} levels cannot be compared as a tree")
    documents = list(yaml.load_all(text, Loader=loader))
    return documents[0] if len(documents) == 1 else documents


_COMMENTED = re.compile(r'("(?:[^"\\\n]|\\.)*+"?)|//[^\n]*|#[^\n]*|/\*.*?(?:\*/|(\Z))', re.DOTALL)
"""A text or comment that does not end goes on to the end of its line or file: so each is looked at once."""


def _commented_json(text: str) -> Any:
    """JSON with the comments that Kea takes."""
    return json.loads(_COMMENTED.sub(lambda match: match[0] if match.lastindex else "", text))


SYNTAXES: tuple[tuple[str, Syntax], ...] = (
    ("*netplan*.yaml", Syntax(parse=_yaml, sets=("network.*.*.addresses", "network.*.*.routes"))),
    ("*prometheus*.y*ml", Syntax(parse=_yaml, sets=("*.targets", "*.static_configs", "rule_files"))),
    ("*.yaml", Syntax(parse=_yaml)),
    ("*.yml", Syntax(parse=_yaml)),
    ("*kea*.conf", Syntax(parse=_commented_json, sets=("*.reservations", "*.pools"))),
    ("*nftables*.conf", Syntax(parse=nft_blocks, sets=("*.elements",))),
    ("*.nft", Syntax(parse=nft_blocks, sets=("*.elements",))),
    ("*/bind/*.conf", Syntax(parse=named_blocks)),
    ("*named*.conf", Syntax(parse=named_blocks)),
    ("*/bind/groups/*.nodes", Syntax(parse=named_blocks)),
    ("*.json", Syntax(parse=json.loads)),
    ("*.toml", Syntax(parse=tomllib.loads)),
    ("*frr*.conf", Syntax(parse=indented)),
    ("*.zone", Syntax(parse=records, sets=("*",))),
    ("*db.*", Syntax(parse=records, sets=("*",))),
    ("*chrony*.conf", Syntax(parse=records, sets=("*",))),
)
"""The first pattern that a path matches decides; a path that matches none is compared by lines only."""


def syntax_of(path: str) -> Syntax | None:
    """How a file is read, by its path."""
    return next((syntax for pattern, syntax in SYNTAXES if fnmatchcase(path, pattern)), None)


def tree_changes(path: str, old: str | None, new: str | None) -> tuple[Change, ...] | None:
    """The differences of two files as trees; None where the format is not known.

    Args:
        path: of the file.
        old: its text before, None where there was none.
        new: its text now, None where there is none.

    Raises:
        TooLargeError: when a text is too large, or not what its format takes.
    """
    syntax = syntax_of(path)
    if syntax is None:
        return None
    trees = [_tree(syntax, text) if text is not None else None for text in (old, new)]
    parts = _Parts(syntax.sets)
    return tuple(_with_moves(list(parts.compare(trees[0], trees[1], ""))))


def _tree(syntax: Syntax, text: str) -> Any:
    if len(text) > MAX_CHARACTERS:
        raise TooLargeError(
            f"{len(text):,} characters are too many to compare as a tree; the limit is {MAX_CHARACTERS:,}"
        )
    try:
        return syntax.parse(text)
    except TooLargeError:
        raise
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise TooLargeError(f"cannot be compared as a tree: {str(error).splitlines()[0]}") from None


@dataclass(frozen=True, slots=True)
class _Found:
    """A change with the whole values, to find what moved."""

    change: Change
    value: Any = None


class _Parts:
    def __init__(self, sets: Sequence[str]) -> None:
        self._sets, self._count = sets, 0

    def compare(self, old: Any, new: Any, path: str) -> Iterator[_Found]:
        """Everything that differs below a path."""
        self._count += 1
        if self._count > MAX_PARTS:
            raise TooLargeError(f"more than {MAX_PARTS:,} parts are too many to compare as a tree")
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from self._mappings(old, new, path)
        elif isinstance(old, list) and isinstance(new, list):
            yield from self._lists(old, new, path)
        elif old is None and new is not None:
            yield from self._whole(new, path, "added")
        elif new is None and old is not None:
            yield from self._whole(old, path, "removed")
        elif _text(old) != _text(new):
            yield _Found(Change(path=path or "the file", kind="changed", old=_short(old), new=_short(new)))

    def _whole(self, value: Any, path: str, kind: Literal["added", "removed"]) -> Iterator[_Found]:
        """A new or lost part: a file by its parts, anything else as one."""
        if not path and isinstance(value, Mapping):
            for key, item in value.items():
                yield _one(kind, _joined("", str(key)), item)
        else:
            yield _one(kind, path or "the file", value)

    def _mappings(self, old: Mapping[Any, Any], new: Mapping[Any, Any], path: str) -> Iterator[_Found]:
        for key in sorted({*old, *new}, key=str):
            where = _joined(path, str(key))
            if key not in new:
                yield _one("removed", where, old[key])
            elif key not in old:
                yield _one("added", where, new[key])
            else:
                yield from self.compare(old[key], new[key], where)

    def _lists(self, old: list[Any], new: list[Any], path: str) -> Iterator[_Found]:
        name = next((one for one in _NAMES if _is_key(one, old) and _is_key(one, new)), None)
        if any(fnmatchcase(path or "*", pattern) for pattern in self._sets):
            yield from _sets(old, new, path)
        elif name is not None:
            yield from self._named(old, new, path, name)
        else:
            yield from self._sequences(old, new, path)

    def _named(self, old: list[Any], new: list[Any], path: str, name: str) -> Iterator[_Found]:
        before, after = ({str(item[name]): item for item in items} for items in (old, new))
        for key in dict.fromkeys([*before, *after]):
            where = f"{path}[{name}={key}]"
            if key not in after:
                yield _one("removed", where, before[key])
            elif key not in before:
                yield _one("added", where, after[key])
            else:
                yield from self.compare(before[key], after[key], where)
        kept = [key for key in before if key in after]
        order = [key for key in after if key in before]
        if kept != order:
            yield _Found(
                Change(path=f"{path} (order)", kind="changed", old=_short(kept), new=_short(order)),
            )

    def _sequences(self, old: list[Any], new: list[Any], path: str) -> Iterator[_Found]:
        self._count += len(old) + len(new)
        one, two = [_text(item) for item in old], [_text(item) for item in new]
        for tag, i1, i2, j1, j2 in SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
            both = min(i2 - i1, j2 - j1) if tag == "replace" else 0
            for step in range(both):
                yield from self.compare(old[i1 + step], new[j1 + step], f"{path}[{j1 + step}]")
            if tag != "equal":
                yield from (_one("removed", f"{path}[{i}]", old[i]) for i in range(i1 + both, i2))
                yield from (_one("added", f"{path}[{j}]", new[j]) for j in range(j1 + both, j2))


def _is_key(name: str, items: list[Any]) -> bool:
    keys = [str(item.get(name)) for item in items if isinstance(item, Mapping) and name in item]
    return len(keys) == len(items) == len(set(keys)) and bool(items)


def _sets(old: list[Any], new: list[Any], path: str) -> Iterator[_Found]:
    texts = {_text(item): item for item in (*old, *new)}
    before, after = Counter(map(_text, old)), Counter(map(_text, new))
    for text in sorted(texts):
        yield from [_one("removed", f"{path}[]", texts[text])] * max(0, before[text] - after[text])
        yield from [_one("added", f"{path}[]", texts[text])] * max(0, after[text] - before[text])


def _one(kind: Literal["added", "removed"], path: str, value: Any) -> _Found:
    old, new = (_short(value), "") if kind == "removed" else ("", _short(value))
    return _Found(Change(path=path, kind=kind, old=old, new=new), value)


def _with_moves(found: list[_Found]) -> Iterator[Change]:
    """What was removed in one place and added in another is one move."""
    added: dict[str, list[int]] = {}
    for number, one in enumerate(found):
        if one.change.kind == "added" and _is_worth(one.value):
            added.setdefault(_text(one.value), []).append(number)
    gone: set[int] = set()
    changes = [one.change for one in found]
    for number, one in enumerate(found):
        places = added.get(_text(one.value), []) if one.change.kind == "removed" and _is_worth(one.value) else []
        if places:
            to = places.pop(0)
            changes[number] = replace(one.change, kind="moved", new=found[to].change.path)
            gone.add(to)
    yield from (change for number, change in enumerate(changes) if number not in gone)


def _is_worth(value: Any) -> bool:
    """Whether two equal values are the same thing, and not two numbers that happen to be alike."""
    return bool(value) and (isinstance(value, (Mapping, list)) or (isinstance(value, str) and len(value) > 3))  # noqa: PLR2004


def _joined(path: str, key: str) -> str:
    quoted = key if key.replace("-", "").replace("_", "").isalnum() else f"'{key}'"
    return f"{path}.{quoted}" if path else quoted


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)


def _short(value: Any) -> str:
    text = _text(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."

"""From YAML text to a tree with lines, by our own rules on top of PyYAML's parser.

Keys are text as written, duplicate keys and tags are refused, aliases and merge keys (``<<``) are followed, and the
whole is bounded: depth, number of values and what aliases repeat. PyYAML's own composer is not used, because it
recurses without a limit and keeps the last of two equal keys.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from zonewright.declare.problem import Path, Problem, did_you_mean, dotted, shown
from zonewright.declare.yaml_text.scalars import Refusal, meaning_of, unseen_in
from zonewright.declare.yaml_text.syntax import syntax_problem
from zonewright.declare.yaml_text.tree import Entry, Fields, Items, Scalar, YamlNode, got_at

MAX_DEPTH = 32
MAX_VALUES = 200_000
MAX_PROBLEMS = 1_000

FAST_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's parser where PyYAML was built with it."""

_MERGE = "<<"


class _StopError(Exception):
    """The document is beyond a limit; the reason has been said."""


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is still open."""

    node: Fields | Items
    anchor: str | None = None
    key: tuple[str, int] | None = None
    lost_key: bool = False
    merges: list[Fields] = field(default_factory=list)
    merge_line: int = 0


def compose(text: str, file: str, problems: list[Problem], *, loader: type = FAST_LOADER) -> YamlNode | None:
    """The tree of a document, or None when it cannot be read to its end; the reasons are added to ``problems``.

    Args:
        text: the document, with line feeds as its only line breaks.
        file: its name.
        problems: where to say what is wrong.
        loader: PyYAML's parser to use.
    """
    composer = _Composer(file, problems)
    try:
        for event in yaml.parse(text, Loader=loader):
            composer.take(event)
    except _StopError:
        return None
    except (yaml.YAMLError, ValueError, OverflowError, IndexError) as error:
        # The last three are slips of PyYAML itself, such as on the escape "\UFFFFFFFF".
        problems.append(syntax_problem(error, file, text, line=composer.line))
        return None
    if composer.root is None:
        composer.say(
            (), 1, Refusal("the file is empty", "a declaration", "nothing", "see docs/reference/declaration.md")
        )
    return composer.root


class _Composer:
    """Takes the parser's events one by one and builds the tree."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self.file = file
        self.problems = problems
        self.root: YamlNode | None = None
        self.line = 1
        self._stack: list[_Frame] = []
        self._open_size = 0
        """The sizes of all that is open, together."""
        self._anchors: dict[str, YamlNode | None] = {}
        self._documents = 0

    def say(self, path: Path, line: int, why: Refusal) -> None:
        """Add a problem; far too many end the reading."""
        self.problems.append(
            Problem(
                file=self.file,
                line=line,
                path=dotted(path),
                what=why.what,
                expected=why.expected,
                got=why.got,
                fix=why.fix,
            )
        )
        if len(self.problems) >= MAX_PROBLEMS:
            raise _StopError

    def take(self, event: yaml.Event) -> None:
        """The next event."""
        if event.start_mark is not None:
            self.line = event.start_mark.line + 1
        if isinstance(event, yaml.ScalarEvent):
            self._attach(self._scalar(event), merge=event.value == _MERGE and event.implicit[0])
        elif isinstance(event, yaml.DocumentStartEvent):
            self._document(event)
        elif isinstance(event, yaml.AliasEvent):
            self._attach(self._alias(event.anchor or ""), merge=False)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._refuse_tag(event.tag)
            kind = Fields if isinstance(event, yaml.MappingStartEvent) else Items
            self._open(kind(line=self.line), event.anchor)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close()

    def _document(self, event: yaml.DocumentStartEvent) -> None:
        self._documents += 1
        if event.tags:
            self.say((), self.line, Refusal("a %TAG directive", "no tags", "%TAG", "delete the line"))
        if self._documents > 1:
            fix = "put each document into a separate file, or delete the line '---'"
            self.say((), self.line, Refusal("a second document", "one document in a file", "'---'", fix))
            raise _StopError

    def _refuse_tag(self, tag: str | None) -> None:
        if tag is not None:
            what = Refusal("a YAML tag", "plain values without tags", shown(tag), "delete the tag")
            self.say(self._path(), self.line, what)

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        node = Scalar(line=self.line, text=event.value, value=event.value, refused=event.tag is not None)
        self._refuse_tag(event.tag)
        why = unseen_in(event.value)
        if event.implicit[0] and not self._awaits_key():  # keys are text as written, so 003 and yes are fine
            value = meaning_of(event.value)
            if isinstance(value, Refusal):
                why = why or value
            else:
                node.value = value
        if why is not None:
            node.refused = True
            self.say(self._path(), self.line, why)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, name: str) -> YamlNode:
        node = self._anchors.get(name)
        if node is not None:
            return node
        if name in self._anchors:
            fix = "write the value out"
            why = Refusal("an alias inside its own anchor", "an anchor that is complete", f"*{name}", fix)
        else:
            fix = did_you_mean(name, self._anchors, f"add the anchor &{name} above, or write the value out")
            why = Refusal("an unknown alias", "an anchor above it", f"*{name}", fix)
        self.say(self._path(), self.line, why)
        return Scalar(line=self.line, text=f"*{name}", value=None, refused=True)

    def _open(self, node: Fields | Items, anchor: str | None) -> None:
        if len(self._stack) >= MAX_DEPTH:
            expected = f"at most {MAX_DEPTH} levels"
            why = Refusal("values nested too deeply", expected, "more", "close the brackets, or check the indentation")
            self.say(self._path()[:3], self.line, why)
            raise _StopError
        if anchor is not None:
            self._anchors[anchor] = None
        self._stack.append(_Frame(node, anchor))
        self._open_size += node.size

    def _close(self) -> None:
        frame = self._stack.pop()
        self._open_size -= frame.node.size
        if isinstance(frame.node, Fields):
            for source in frame.merges:
                for key, entry in source.entries.items():
                    frame.node.entries.setdefault(key, entry)
        if frame.anchor is not None:
            self._anchors[frame.anchor] = frame.node
        self.line = frame.node.line
        self._attach(frame.node, merge=False)

    def _attach(self, node: YamlNode, *, merge: bool) -> None:
        """Put a complete node where it belongs: a key, a value, an item, or the whole document."""
        if not self._stack:
            self.root = node
            return
        frame = self._stack[-1]
        self._grow(frame, node.size)
        if isinstance(frame.node, Items):
            frame.node.items.append(node)
        elif self._awaits_key():
            self._key(frame, frame.node, node, merge=merge)
        else:
            self._value(frame, frame.node, node)

    def _key(self, frame: _Frame, fields: Fields, node: YamlNode, *, merge: bool) -> None:
        if not isinstance(node, Scalar):
            what = Refusal(
                "a key that is not text", "a key on one line", "a list or mapping", "write a key such as 'a'"
            )
            self.say(self._path(), node.line, what)
            frame.lost_key = True
            return
        key = node.text
        first = frame.merge_line if merge else (fields.entries[key].line if key in fields.entries else 0)
        if first:
            got = f"a second one (the first is on line {first})"
            why = Refusal("a key that is given twice", f"one {shown(key)}", got, "delete or rename one of them")
            self.say((*self._path(), key), self.line, why)
            frame.lost_key = True
        elif merge:
            frame.merge_line = self.line
            frame.key = (_MERGE, 0)
        else:
            frame.lost_key = node.refused
            frame.key = None if node.refused else (key, self.line)

    def _value(self, frame: _Frame, fields: Fields, node: YamlNode) -> None:
        key, frame.key = frame.key, None
        if frame.lost_key or key is None:
            frame.lost_key = False
        elif key[1] == 0:
            self._merge(frame, node)
        else:
            fields.entries[key[0]] = Entry(line=key[1], node=node)

    def _merge(self, frame: _Frame, node: YamlNode) -> None:
        for source in node.items if isinstance(node, Items) else [node]:
            if isinstance(source, Fields):
                frame.merges.append(source)
            elif not (isinstance(source, Scalar) and source.refused):
                fix = "write an alias to a mapping, such as '<<: *common'"
                why = Refusal("a merge of something that is not a mapping", "a mapping", got_at(source, ()), fix)
                self.say(self._path(), frame.merge_line, why)

    def _grow(self, frame: _Frame, by: int) -> None:
        frame.node.size += by
        self._open_size += by
        if self._open_size > MAX_VALUES:
            expected = f"at most {MAX_VALUES:,} values, where each repetition by an alias counts"
            fix = "use ranges of rows and counts of nodes instead of repeating them"
            self.say((), self.line, Refusal("too many values", expected, "more", fix))
            raise _StopError

    def _awaits_key(self) -> bool:
        if not self._stack:
            return False
        frame = self._stack[-1]
        return isinstance(frame.node, Fields) and frame.key is None and not frame.lost_key

    def _path(self) -> Path:
        return tuple(self._steps())

    def _steps(self) -> Iterator[str]:
        for frame in self._stack:
            if isinstance(frame.node, Items):
                yield str(len(frame.node.items))
            elif frame.key is not None:
                yield frame.key[0]

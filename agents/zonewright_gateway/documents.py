"""YAML with the line of each value, and the faults of a document, each as one sentence with file and line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Path = tuple[str, ...]


@dataclass(slots=True)
class Faults:
    """What is wrong with one file; collected, so that all of it is told at once.

    Attributes:
        file: its name.
        is_secret: whether nothing that stands in it may be told.
    """

    file: str
    is_secret: bool = False
    _found: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: int, sentence: str) -> None:
        """Something is wrong in a line."""
        self._found.append((line, sentence))

    @property
    def sentences(self) -> list[str]:
        """All of them, by line."""
        return [f"{self.file}:{line}: {sentence}" for line, sentence in sorted(set(self._found))]


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML document.

    Attributes:
        content: its values.
        lines: line of each key, by path.
    """

    content: object
    lines: Mapping[Path, int]

    def line(self, path: Sequence[str]) -> int:
        """The line of a value, or of the nearest thing around it."""
        for end in range(len(path), 0, -1):
            found = self.lines.get(tuple(path[:end]))
            if found is not None:
                return found
        return 1


def read(text: str, faults: Faults) -> Document | None:
    """A document; None where it is no YAML, which is noted then."""
    try:
        root = yaml.compose(text, _LOADER)
        if root is None:
            return Document({}, {})
        lines: dict[Path, int] = {}
        _walk(root, (), lines, faults)
        return Document(yaml.load(text, _LOADER), lines)  # noqa: S506 - a safe one
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = "quote each text" if faults.is_secret else error.problem
        faults.add(mark.line + 1 if mark else 1, f"not valid YAML: {said}; correct it, more faults may follow")
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        said = "quote each text" if faults.is_secret else (str(error).splitlines() or ["it cannot be read"])[0]
        faults.add(1, f"not valid YAML: {said}; correct it, more faults may follow")
    return None


def _walk(node: yaml.Node, path: Path, lines: dict[Path, int], faults: Faults) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            line = key.start_mark.line + 1
            if here in lines:
                said = here[0] if faults.is_secret else ".".join(here)
                faults.add(line, f"{said} stands twice; line {lines[here]} has it too; remove one of them")
            lines[here] = line
            _walk(value, here, lines, faults)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            here = (*path, str(number))
            lines[here] = value.start_mark.line + 1
            _walk(value, here, lines, faults)


def close_to(word: str, words: Sequence[str]) -> str:
    """The words that there are, for a sentence about one that there is not."""
    from difflib import get_close_matches  # noqa: PLC0415 - good settings need none

    near = get_close_matches(word, words, n=1)
    return f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(sorted(words))}"


def pairs(value: object) -> Iterator[tuple[str, object]]:
    """The keys and values of a mapping; nothing of anything else."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield str(key), one

"""Writes edits of a repair into an owner's file: only the words that change, so that all else stays as it was typed."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import yaml
from yaml import CollectionNode, MappingNode, Node, ScalarNode

from zonewright.cli.checking.found import FileRepair
from zonewright.declare.document import read_document
from zonewright.declare.yaml_text.compose import FAST_LOADER
from zonewright.errors import Exit, ZonewrightError
from zonewright.model import OwnerFile
from zonewright.place.repair import RepairEdit, with_edits

_BY_HAND = "edit the file by hand"
_MARK = "\ufeff"
"""The byte order mark, which counts in no place of the text."""

Pair: TypeAlias = tuple[ScalarNode, Node]


class EditError(ZonewrightError):
    """A file was not edited; ``str()`` is one sentence."""

    exit_code = Exit.REFUSED


class _UnknownFormError(Exception):
    """A file says something in a form that is not edited here; ``str()`` says which."""


def write_edits(repairs: Sequence[FileRepair]) -> None:
    """Write a repair into the files of their owners: into all of them, or into none.

    Each file is exchanged whole, and only if it is as it was judged and will say just what was asked.

    Args:
        repairs: one for each file.

    Raises:
        EditError: when one cannot be written, has changed meanwhile, or would not say what was asked.
    """
    ready: list[tuple[Path, Path]] = []
    try:
        for repair in repairs:
            beside = repair.path.resolve().with_name(f".{repair.path.name}.{os.getpid()}.new")
            ready.append((beside, repair.path.resolve()))
            _prepare(repair, beside)
        for beside, path in ready:
            beside.replace(path)
    except OSError as error:
        raise EditError(f"{error.filename or repairs[0].path}: cannot be written: {error.strerror}") from None
    finally:
        for beside, _ in ready:
            beside.unlink(missing_ok=True)


def _prepare(repair: FileRepair, beside: Path) -> None:
    """Write the edited file beside the one that is there."""
    path = repair.path
    if read_document(path, OwnerFile).content != repair.judged:
        raise EditError(f"{path}: has changed since it was checked; check it again")
    try:
        after = edited(path.read_bytes().decode("utf-8"), repair.edits)
    except (_UnknownFormError, yaml.YAMLError) as error:
        raise EditError(f"{path}: the repair could not be written: {error}; {_BY_HAND}") from None
    with beside.open("xb") as file:
        file.write(after.encode("utf-8"))
        file.flush()
        os.fsync(file.fileno())
    beside.chmod(path.stat().st_mode & 0o777)
    clusters = dict(repair.judged.clusters)
    for name in {edit.cluster for edit in repair.edits}:
        clusters[name] = with_edits(clusters[name], [edit for edit in repair.edits if edit.cluster == name])
    said = read_document(beside, OwnerFile)
    if said.problems or said.content != repair.judged.model_copy(update={"clusters": clusters}):
        raise EditError(f"{path}: the repair would change more than it should; {_BY_HAND}")


def edited(text: str, edits: Sequence[RepairEdit]) -> str:
    """The text of an owner's file after its edits.

    Args:
        text: YAML.
        edits: of its clusters.
    """
    whole, text = text, text.removeprefix(_MARK)
    for edit in edits:
        text = _edited(text, edit)
    return _MARK + text if whole.startswith(_MARK) else text


def _edited(text: str, edit: RepairEdit) -> str:
    root = yaml.compose(text, Loader=FAST_LOADER)
    clusters = _value(root, "clusters")
    cluster = _value(clusters, edit.cluster)
    if edit.count:
        return _replaced(text, _value(cluster, "count"), str(edit.count))
    places = _value(cluster, "places")
    if not edit.rack:
        is_last = len(_pairs(places)) == 1
        return _removed(text, cluster, "places") if is_last else _removed(text, places, edit.number)
    place = _value(places, edit.number)
    rack = _value(place, "rack")
    if any(key.value == "position" for key, _ in _pairs(place)):
        position = _value(place, "position")
        for node, word in sorted(
            ((rack, edit.rack), (position, str(edit.position))), key=lambda one: -one[0].start_mark.index
        ):
            text = _replaced(text, node, word)
        return text
    return _replaced(_with_position(text, place, rack, edit.position), rack, edit.rack)


def _pairs(node: Node | None) -> list[Pair]:
    if not isinstance(node, MappingNode):
        raise _UnknownFormError(f"line {node.start_mark.line + 1 if node else 1} is no mapping")
    return [(key, value) for key, value in node.value if isinstance(key, ScalarNode)]


def _value(node: Node | None, name: str) -> Node:
    for key, value in _pairs(node):
        if key.value == name:
            return value
    raise _UnknownFormError(f"line {node.start_mark.line + 1 if node else 1} does not name {name} itself")


def _is_flow(node: Node) -> bool:
    return isinstance(node, CollectionNode) and bool(node.flow_style)


def _replaced(text: str, node: Node, word: str) -> str:
    """Another word in the same quotes."""
    if not isinstance(node, ScalarNode) or node.style in ("|", ">"):
        raise _UnknownFormError(f"line {node.start_mark.line + 1} is no plain word")
    quote = node.style or ""
    return f"{text[: node.start_mark.index]}{quote}{word}{quote}{text[node.end_mark.index :]}"


def _with_position(text: str, place: Node, rack: Node, position: int) -> str:
    """A place with a position behind its rack, which stays as it is."""
    end = rack.end_mark.index
    if _is_flow(place):
        return f"{text[:end]}, position: {position}{text[end:]}"
    end = _end_of_line(text, end)
    column = _pairs(place)[0][0].start_mark.column
    return f"{text[:end]}{_line_break(text)}{' ' * column}position: {position}{text[end:]}"


def _removed(text: str, node: Node, name: str) -> str:
    """The text without one entry of a mapping; of a block, its lines go with what is written behind them."""
    pairs = _pairs(node)
    index = next((number for number, (key, _) in enumerate(pairs) if key.value == name), None)
    if index is None:
        raise _UnknownFormError(f"line {node.start_mark.line + 1} does not name {name} itself")
    key, value = pairs[index]
    if not _is_flow(node):
        start = text.rfind("\n", 0, key.start_mark.index) + 1
        return text[:start] + text[_end_of_line(text, _end(value)) :].lstrip("\r").removeprefix("\n")
    if index + 1 < len(pairs):
        return text[: key.start_mark.index] + text[pairs[index + 1][0].start_mark.index :]
    return text[: _end(pairs[index - 1][1]) if index else key.start_mark.index] + text[_end(value) :]


def _end(node: Node) -> int:
    """Where a value ends, without the comments and empty lines behind it."""
    if isinstance(node, ScalarNode) or _is_flow(node) or not node.value:
        return node.end_mark.index
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)


def _end_of_line(text: str, start: int) -> int:
    """Where the line of a place in the text ends, before its line break."""
    end = text.find("\n", start)
    if end < 0:
        return len(text)
    return end - 1 if text[end - 1] == "\r" else end


def _line_break(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"

"""The folder of an estate that was taken over: written once, compared at each later run, never overwritten in silence.

Beside the declarations stands ``.adopted/`` with each file as the last run made it. A file that nobody has edited since
is written again. One that was edited stays as it is: what the inventory says that is new of it is told, path by path.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Any, Literal

import yaml

from zonewright.estate.text import leaves

LAST = ".adopted"
FileVerdict = Literal["new", "same", "changed", "edited", "conflict", "gone"]
_YAML = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """What a run means for one file.

    Attributes:
        name: its name.
        state: ``new``, ``same``, ``changed`` by the inventory, ``edited`` by hand only, ``conflict``: by both;
            ``gone``: the inventory has nothing of it any more, so that it is to be deleted.
        difference: what changed in the inventory since the last run, as lines of a unified difference.
        open: for a conflict the paths that still differ, with what the inventory says.
    """

    name: str
    state: FileVerdict
    difference: Sequence[str] = ()
    open: Sequence[str] = ()


def compared(folder: Path, files: Mapping[str, str], *, overwrite: bool = False) -> list[FileState]:
    """What a run means for each file of a folder.

    Args:
        folder: where they lie; it may not exist yet.
        files: texts by name, as this run makes them.
        overwrite: take the inventory's word also where a file was edited.
    """
    last = folder / LAST
    names = [*files, *(path.name for path in sorted(last.glob("*")) if path.name not in files)]
    return [_compared(folder, name, files.get(name), overwrite=overwrite) for name in names]


def _compared(folder: Path, name: str, made: str | None, *, overwrite: bool) -> FileState:
    there, before = _text(folder / name), _text(folder / LAST / name)
    if made is None:
        return FileState(name=name, state="gone" if there in {before, None} else "edited")
    if there in {made, None}:
        return FileState(name=name, state="same" if there else "new")
    assert there is not None  # noqa: S101 - said above
    difference = tuple(
        line.rstrip("\n")
        for line in unified_diff(
            (before or there).splitlines(keepends=True), made.splitlines(keepends=True), "before", "now", n=1
        )
    )
    if there == before or overwrite:
        return FileState(name=name, state="changed", difference=difference)
    is_told = before != made  # otherwise the inventory says what it said at the last run
    still = (_still_open(before, made, there) if name.endswith(_YAML) else ["the whole file"]) if is_told else []
    state: FileVerdict = "conflict" if still else "edited"
    return FileState(name=name, state=state, difference=difference if is_told else (), open=still)


def _still_open(before: str | None, made: str, there: str) -> list[str]:
    """Paths that the inventory changed since the last run, and that the edited file does not have as they are now."""
    old, new, own = (_leaves(text) for text in (before or "", made, there))
    paths = [path for path in {**old, **new} if old.get(path, ...) != new.get(path, ...)]
    return [
        f"{path}: {_shown(new, path)} in the inventory, {_shown(own, path)} in the file"
        for path in paths
        if own.get(path, ...) != new.get(path, ...)
    ]


def _shown(values: Mapping[str, Any], path: str) -> str:
    return json.dumps(values[path], default=str)[:80] if path in values else "nothing"


def _leaves(text: str) -> dict[str, Any]:
    try:
        return leaves(yaml.safe_load(text) or {})
    except yaml.YAMLError:
        return {}


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None


def write(folder: Path, files: Mapping[str, str], states: Sequence[FileState]) -> None:
    """Write what may be written, and remember what the run made.

    Args:
        folder: where to; it is made.
        files: texts by name.
        states: of :func:`compared`.
    """
    (folder / LAST).mkdir(parents=True, exist_ok=True)
    for one in states:
        if one.state == "gone":
            (folder / one.name).unlink(missing_ok=True)
            (folder / LAST / one.name).unlink(missing_ok=True)
        if one.name not in files:
            continue
        if one.state in {"new", "changed"}:
            _replace(folder / one.name, files[one.name])
        if one.state != "conflict":  # the next run tells it again, until the file says what the inventory says
            _replace(folder / LAST / one.name, files[one.name])


def remember(folder: Path, files: Mapping[str, str], *, own: bool = False) -> None:
    """Take texts as what the last run made.

    Args:
        folder: where they belong.
        files: texts by name.
        own: write them as the folder's files too.
    """
    (folder / LAST).mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        _replace(folder / LAST / name, text)
        if own:
            _replace(folder / name, text)


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)

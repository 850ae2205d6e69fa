"""Writes edits of a repair into an owner's file, and leaves comments, order and quotes as they are."""

from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.util import load_yaml_guess_indent

from zonewright.declare.document import read_document
from zonewright.errors import Exit, ZonewrightError
from zonewright.model import Cluster, OwnerFile
from zonewright.place.repair import RepairEdit, with_edits

_WIDTH = 120


class EditError(ZonewrightError):
    """A file was not edited; ``str()`` is one sentence."""

    exit_code = Exit.REFUSED


def write_edits(path: Path, edits: Sequence[RepairEdit]) -> None:
    """Write edits into an owner's file; the file is exchanged whole, and only if it then says just what was asked.

    Args:
        path: the file.
        edits: of its clusters.

    Raises:
        EditError: when it cannot be written, or would not say what was asked.
    """
    before = path.read_text(encoding="utf-8")
    wanted = _after(path, edits)
    try:
        after = edited(before, edits)
        beside = path.with_name(f".{path.name}.new")
        beside.write_text(after, encoding="utf-8")
        beside.chmod(path.stat().st_mode & 0o777)
    except (OSError, YAMLError, KeyError, TypeError) as error:
        raise EditError(f"{path}: the repair could not be written: {error}; edit the file by hand") from None
    if _clusters(beside) != wanted:
        beside.unlink()
        raise EditError(f"{path}: the repair would change more than it should; edit the file by hand")
    beside.replace(path)


def edited(text: str, edits: Sequence[RepairEdit]) -> str:
    """The text of an owner's file after its edits.

    Args:
        text: YAML.
        edits: of its clusters.
    """
    _, indent, offset = load_yaml_guess_indent(text)
    yaml = YAML()
    yaml.preserve_quotes, yaml.width = True, _WIDTH
    document = yaml.load(text)
    for edit in edits:
        _apply(document["clusters"][edit.cluster], edit)
    yaml.indent(mapping=2, sequence=indent or 4, offset=offset or 2)
    stream = StringIO()
    yaml.dump(document, stream)
    return stream.getvalue()


def _apply(cluster: Any, edit: RepairEdit) -> None:
    if edit.count:
        cluster["count"] = edit.count
        return
    places = cluster["places"]
    number = next(key for key in places if str(key).zfill(3) == edit.number)
    if edit.rack:
        places[number]["rack"], places[number]["position"] = edit.rack, edit.position
        return
    del places[number]
    if not places:
        del cluster["places"]


def _after(path: Path, edits: Sequence[RepairEdit]) -> dict[str, Cluster]:
    clusters = _clusters(path)
    for name in {edit.cluster for edit in edits}:
        if name not in clusters:
            raise EditError(f"{path}: has no cluster {name} now; check it again")
        clusters[name] = with_edits(clusters[name], [edit for edit in edits if edit.cluster == name])
    return clusters


def _clusters(path: Path) -> dict[str, Cluster]:
    content = read_document(path, OwnerFile).content
    return dict(content.clusters) if isinstance(content, OwnerFile) else {}

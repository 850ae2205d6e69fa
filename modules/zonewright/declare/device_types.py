"""Node types that stand as NetBox device types in a folder of their own beside ``zone.yaml``."""

from pathlib import Path

from zonewright.declare.document import read_document
from zonewright.declare.problem import Problem
from zonewright.model import NodeType
from zonewright.model.device_type import DeviceType

DEVICE_TYPES = "device-types"


def read_device_types(folder: Path, *, loader: type) -> tuple[dict[str, tuple[str, NodeType]], list[Problem]]:
    """The node types of a folder by slug, each with its file's name; and all that is wrong with them."""
    found: dict[str, tuple[str, NodeType]] = {}
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.yaml")):
        document = read_document(path, DeviceType, loader=loader)
        problems += document.problems
        content = document.content
        if not isinstance(content, DeviceType):
            continue
        if content.lacks_draw:
            problems.append(
                _problem(path.name, "power-ports", "a power port without maximum_draw", "maximum_draw in watts")
            )
        elif content.slug in found:
            what = "a slug that two files have"
            problems.append(_problem(path.name, "slug", what, f"a slug that {found[content.slug][0]} does not have"))
        else:
            found[content.slug] = (path.name, content.node_type())
    return found, problems


def _problem(file: str, path: str, what: str, expected: str) -> Problem:
    fix = "add it to the file"
    return Problem(file=f"{DEVICE_TYPES}/{file}", line=0, path=path, what=what, expected=expected, got="none", fix=fix)

"""``zonewright zone types``: the types of nodes that clusters may use, and where each of their figures comes from."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from zonewright.cli.options import add_format

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zonewright.model import NodeType
    from zonewright.model.derived_type import DerivedType, TypeFigure

T = TypeVar("T")


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``zone types``."""
    types = verbs.add_parser(
        "types",
        help="print the types of nodes, and where their figures come from",
        description="Print the types of nodes that clusters may use, and where the figures of device types come from.",
    )
    types.add_argument("zone", type=Path, metavar="ZONE", help="the zone's folder")
    types.add_argument("pattern", nargs="*", metavar="TYPE", help="only these, by id or pattern such as 'dell-*'")
    types.add_argument(
        "--unusable", action="store_true", help="print the device types that no cluster can use yet, and what they lack"
    )
    add_format(types)
    types.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from zonewright.cli.output import GOOD, MISUSE, REFUSED, StoppedError, print_json
    from zonewright.declare.device_types import read_device_types
    from zonewright.declare.document import read_document
    from zonewright.declare.load import ZONE_FILE
    from zonewright.model import Zone
    from zonewright.rules.words import count_of

    document = read_document(arguments.zone / ZONE_FILE, Zone)
    content = document.content if isinstance(document.content, Zone) else None
    read = read_device_types(arguments.zone, content.device_types if content else None, whole=True)
    problems = (*document.problems, *read.problems)
    for problem in problems:
        print(problem)
    if content is None:
        return REFUSED
    patterns = dict.fromkeys(arguments.pattern)
    if strange := [
        one for one in patterns if not _matching({**read.node_types, **content.node_types, **read.unusable}, [one])
    ]:
        raise StoppedError(
            f"no type of the zone fits {', '.join(repr(one) for one in strange)}; "
            f"all that it has: zonewright zone types {arguments.zone}",
            code=MISUSE,
        )
    types = _matching({**read.node_types, **content.node_types}, arguments.pattern)
    unusable = [one for found in _matching(read.unusable, arguments.pattern).values() for one in found]
    derived = {name: read.derived[name] for name in types if name not in content.node_types}
    if arguments.format == "json":
        figures = {name: one.figures for name, one in derived.items()}
        data = {name: _data(one, read.files.get(name, ZONE_FILE), figures.get(name, {})) for name, one in types.items()}
        print_json({"types": data, "unusable": [problem.to_data() for problem in unusable]})
    elif arguments.unusable:
        print("\n".join(map(str, unusable)) or "every device type that the zone offers can be used")
    else:
        for name, one in types.items():
            _print(name, one, derived.get(name))
        more = f"; {len(unusable):,} cannot be used yet, and --unusable says why" if unusable else ""
        print(f"{'' if not types else chr(10)}{count_of(len(types), 'type')} can be used{more}")
    return REFUSED if problems else GOOD


def _matching(found: "Mapping[str, T]", patterns: list[str]) -> "dict[str, T]":
    """What has a name that one of the patterns fits, in order; everything where there is none."""
    from fnmatch import fnmatchcase

    fits = [name for name in sorted(found) if not patterns or any(fnmatchcase(name, one) for one in patterns)]
    return {name: found[name] for name in fits}


def _data(one: "NodeType", file: str, figures: "Mapping[str, TypeFigure]") -> dict[str, Any]:
    origins = {name: figure.origin for name, figure in figures.items()}
    return {"file": file, **one.model_dump(mode="json"), "origins": origins}


def _print(name: str, one: "NodeType", derived: "DerivedType | None") -> None:
    figures = derived.figures if derived else {}
    lines = (
        (f"{one.u_height} U, {'full' if one.is_full_depth else 'half'} depth", ""),
        (f"{one.weight_kg:g} kg", "weight_kg"),
        (f"{one.maximum_draw:,} W nameplate", "maximum_draw"),
        (f"{one.allocated_draw:,} W budget", "allocated_draw"),
        (f"{one.power_supplies} power suppl{'y' if one.power_supplies == 1 else 'ies'}", "power_supplies"),
        (f"{one.power_supplies_required} of them needed", "power_supplies_required"),
        (f"{one.airflow} airflow", "airflow"),
        (f"{one.cooling} cooling", "cooling"),
    )
    print(f"{name}: {one.manufacturer} {one.model}{'' if figures else ' (zone.yaml)'}")
    for text, field in lines:
        print(f"  {text:<24} {figures[field].origin}" if field in figures else f"  {text}")
    for note in derived.notes if derived else ():
        print(f"  note: {note}")

"""Node types that stand as NetBox device types in a folder of their own beside ``zone.yaml``.

The folder may be a copy of NetBox's whole device-type library. So what is wrong with a file is said where a cluster
uses its type, and only files that are wanted are read: the slug of each is found without parsing it.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from zonewright.declare.document import read_document
from zonewright.declare.passed_over import counted_text
from zonewright.declare.problem import Problem, did_you_mean
from zonewright.declare.yaml_text.compose import FAST_LOADER, compose
from zonewright.declare.yaml_text.regular import read_regular
from zonewright.declare.yaml_text.text import MAX_BYTES
from zonewright.declare.yaml_text.tree import Fields, Scalar
from zonewright.model import NodeType
from zonewright.model.derived_type import DerivedType, derived_type
from zonewright.model.device_type import DeviceType, ModuleType, TypeOverlay, TypeOverlays

DEVICE_TYPES, MODULE_TYPES, OVERLAY = "device-types", "module-types", "device-types.overlay.yaml"
_KEY = r"(?m)^{}:[ \t]*[\"']?([^\s\"'#][^\"'#\n]*?)[\"']?[ \t]*(?:#.*)?$"
_SLUG = re.compile(_KEY.format("slug"))
_NAMES = re.compile(_KEY.format("(?:model|part_number)"))
_PLACEHOLDERS = {"weight_kg": "KG", "maximum_draw": "WATTS", "power_supplies": "COUNT"}
_LACKS = {"weight_kg": "a weight", "maximum_draw": "a draw", "power_supplies": "power supplies"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTypes:
    """What a folder of device types holds.

    Attributes:
        files: name of each type's file by slug, relative to the zone's folder.
        derived: what each type that can be used gives, by slug.
        unusable: what is wrong with the others that the zone offers, by slug.
        not_offered: a problem for each that the zone does not offer, by slug.
        problems: what is wrong whether or not a type is used.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    derived: Mapping[str, DerivedType] = field(default_factory=dict)
    unusable: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)
    not_offered: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    @property
    def node_types(self) -> dict[str, NodeType]:
        """The node types by slug."""
        return {slug: one.node_type for slug, one in self.derived.items() if one.node_type is not None}


def read_device_types(
    zone: Path, offered: tuple[str, ...] | None, *, whole: bool, loader: type = FAST_LOADER
) -> ReadTypes:
    """The node types of a zone's ``device-types/``, its ``module-types/`` and ``device-types.overlay.yaml``.

    Args:
        zone: the zone's folder.
        offered: slugs or patterns of those that the zone offers; None for all.
        whole: whether the folder is all there, so that an entry that matches no file is a mistake.
        loader: PyYAML's parser to use.
    """
    overlays, problems = _overlays(zone, loader)
    by_slug = _by_slug(zone)
    if not by_slug and not overlays:
        return ReadTypes(problems=tuple(problems))
    modules = _modules(zone, {entry.power_supply for entry in overlays.values()} - {None}, loader)
    derived: dict[str, DerivedType] = {}
    unusable: dict[str, tuple[Problem, ...]] = {}
    not_offered: dict[str, tuple[Problem, ...]] = {}
    for slug, paths in by_slug.items():
        first = paths[0].relative_to(zone).as_posix()
        if offered is not None and not any(fnmatchcase(slug, pattern) for pattern in offered):
            not_offered[slug] = (_not_offered(first, slug),)
        elif len(paths) > 1:
            unusable[slug] = (_twice(paths[1].relative_to(zone).as_posix(), first),)
        else:
            one = _read(paths[0], first, overlays, modules, loader)
            if isinstance(one, DerivedType):
                derived[slug] = one
            else:
                unusable[slug] = one
    if whole:
        problems += _unmatched(overlays, by_slug)
    files = {slug: paths[0].relative_to(zone).as_posix() for slug, paths in by_slug.items()}
    return ReadTypes(files=files, derived=derived, unusable=unusable, not_offered=not_offered, problems=tuple(problems))


def type_texts(zone: Path, node_types: Collection[str]) -> dict[str, str]:
    """What counts of the files that some node types were read from, by name relative to the zone's folder.

    Args:
        zone: the zone's folder.
        node_types: ids of the node types; those that stand in no file are passed over.
    """
    overlay = zone / OVERLAY
    texts = {OVERLAY: _text(overlay)} if overlay.is_file() else {}
    for slug, paths in _by_slug(zone).items():
        if slug in node_types:
            texts |= {path.relative_to(zone).as_posix(): counted_text(_text(path), DeviceType) for path in paths}
    if texts:
        named = {entry.power_supply for entry in _overlays(zone, FAST_LOADER)[0].values()}
        for path in _module_files(zone, named - {None}):
            texts[path.relative_to(zone).as_posix()] = counted_text(_text(path), ModuleType)
    return texts


def _read(
    path: Path, name: str, overlays: Mapping[str, TypeOverlay], modules: list[ModuleType], loader: type
) -> DerivedType | tuple[Problem, ...]:
    document = read_document(path, DeviceType, loader=loader, name=name)
    device = document.content
    if document.problems or not isinstance(device, DeviceType):
        return document.problems
    made = derived_type(device, overlays, modules)
    if made.unfit:
        fix = "choose another type, or declare one of your own in node_types of zone.yaml"
        what = "a device type that no cluster can use"
        return (_problem(name, "slug", what, "one that stands in a rack and has a node's figures", made.unfit, fix),)
    if made.unknown_supply:
        what = "a device type whose power supplies are not known"
        fix = f"put its file into {MODULE_TYPES}/, or correct power_supply in {OVERLAY}"
        return (_problem(name, "slug", what, f"module type '{made.unknown_supply}' with a maximum_draw", "none", fix),)
    if made.lacks:
        return (_lacking(name, device.slug, made.lacks),)
    return made


def _lacking(name: str, slug: str, lacks: tuple[str, ...]) -> Problem:
    line = ", ".join(f"{field}: {_PLACEHOLDERS[field]}" for field in lacks)
    return _problem(
        name,
        "slug",
        f"a device type without {' and '.join(_LACKS[field] for field in lacks)}",
        "these figures in its file or in the overlay",
        "none",
        f"add under 'types:' of {OVERLAY}: '{slug}: {{{line}, source: TEXT}}'",
    )


def _by_slug(zone: Path) -> dict[str, list[Path]]:
    """The files of each slug; a file without one is passed over."""
    found: dict[str, list[Path]] = {}
    for path in _files(zone / DEVICE_TYPES):
        text = _text(path)
        lines = _SLUG.findall(text)
        slug = lines[0] if len(lines) == 1 else _slug_within(text)
        if slug:
            found.setdefault(slug, []).append(path)
    return dict(sorted(found.items()))


def _slug_within(text: str) -> str:
    """The slug of a file in which not just one line looks like it: JSON, or a text with such a line; empty for none."""
    root = compose(text, "", [])
    entry = root.entries.get("slug") if isinstance(root, Fields) else None
    return entry.node.text if entry is not None and isinstance(entry.node, Scalar) else ""


def _modules(zone: Path, named: Collection[str | None], loader: type) -> list[ModuleType]:
    found = [read_document(path, ModuleType, loader=loader).content for path in _module_files(zone, named)]
    return [one for one in found if isinstance(one, ModuleType)]


def _module_files(zone: Path, named: Collection[str | None]) -> Iterator[Path]:
    for path in _files(zone / MODULE_TYPES) if named else ():
        if any(match[1] in named for match in _NAMES.finditer(_text(path))):
            yield path


def _files(folder: Path) -> list[Path]:
    """YAML files below a folder; pictures and what is hidden are passed over."""
    return sorted(path for path in folder.rglob("*.y*ml") if path.suffix in {".yaml", ".yml"} and path.name[0] != ".")


def _text(path: Path) -> str:
    try:
        return read_regular(path, MAX_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return ""


def _overlays(zone: Path, loader: type) -> tuple[dict[str, TypeOverlay], list[Problem]]:
    if not (zone / OVERLAY).exists():
        return {}, []
    document = read_document(zone / OVERLAY, TypeOverlays, loader=loader)
    content = document.content
    return dict(content.types) if isinstance(content, TypeOverlays) else {}, list(document.problems)


def _unmatched(overlays: Mapping[str, TypeOverlay], by_slug: Collection[str]) -> Iterator[Problem]:
    for key in overlays:
        if "*" not in key and key not in by_slug:
            fix = did_you_mean(key, by_slug, f"delete the entry, or add the file to {DEVICE_TYPES}/")
            what = "an entry for a device type that is not there"
            yield _problem(OVERLAY, f"types.{key}", what, f"a slug of a file in {DEVICE_TYPES}/", f"'{key}'", fix)


def _twice(second: str, first: str) -> Problem:
    what, expected = "a slug that two files have", f"a slug that {first} does not have"
    return _problem(second, "slug", what, expected, "the same", "delete one of the two files")


def _not_offered(name: str, slug: str) -> Problem:
    expected = "a type that 'device_types' of zone.yaml matches"
    return _problem(
        name, "slug", "a device type that the zone does not offer", expected, f"'{slug}'", f"add '{slug}' to it"
    )


def _problem(file: str, path: str, what: str, expected: str, got: str, fix: str) -> Problem:  # noqa: PLR0917
    return Problem(file=file, line=0, path=path, what=what, expected=expected, got=got, fix=fix)

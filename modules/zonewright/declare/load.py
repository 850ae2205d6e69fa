"""Load the declarations of a zone's folder, or of one stack, with everything that is wrong with them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import chain, islice
from pathlib import Path as FilePath

from zonewright.declare.checks.known import Known
from zonewright.declare.checks.references import RESERVED_PARTY, faults_of
from zonewright.declare.device_types import OVERLAY, read_device_types
from zonewright.declare.document import Document, read_document
from zonewright.declare.own_rules import with_code
from zonewright.declare.problem import Fault, Problem, did_you_mean, dotted, in_order, one_of
from zonewright.declare.secrets import without_secrets
from zonewright.declare.yaml_text.compose import FAST_LOADER, MAX_PROBLEMS
from zonewright.declare.yaml_text.sources import Sources
from zonewright.declare.yaml_text.tree import line_of, node_at
from zonewright.model import Declaration, OwnerFile, Zone
from zonewright.model.former_names import former_in_files

ZONE_FILE = "zone.yaml"
OWNER_PREFIXES = ("facility", "network", "tenant")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What was loaded.

    Attributes:
        declaration: the declaration, or None when anything is wrong with it.
        problems: all that is wrong, by file and line.
    """

    declaration: Declaration | None
    problems: tuple[Problem, ...]


def load_zone(
    folder: FilePath, *, owners: Iterable[str] | None = None, on: str | None = None, loader: type = FAST_LOADER
) -> Loaded:
    """Load ``zone.yaml`` and the files of its owners. Never raises for bad input.

    Args:
        folder: the zone's folder.
        owners: ids of the parties, or names of the files, that are wanted; None for all.
        on: the day on which the rule pack must be in force, as ``2026-07-01``; None does not ask.
        loader: PyYAML's parser to use.

    Returns:
        The declaration, or None; and all problems of all files. With ``owners``, what stands in the other files is
        taken to exist.
    """
    if not folder.is_dir():
        return Loaded(declaration=None, problems=(_no_folder(folder),))
    documents = [read_document(path, OwnerFile, loader=loader) for path in _owner_files(folder)]
    problems: list[Problem] = _misnamed(folder)
    if owners is not None:
        documents, missing = _wanted(documents, list(owners))
        problems += missing
    return _loaded(folder / ZONE_FILE, documents, problems, whole=owners is None, on=on, loader=loader)


def load_stack(path: FilePath, *, loader: type = FAST_LOADER) -> Loaded:
    """Load one owner's file with the ``zone.yaml`` beside it: what a stack reads. Never raises for bad input.

    Whether sites, rooms and racks of other owners exist is not checked here; the ledger decides that.

    Args:
        path: the owner's file.
        loader: PyYAML's parser to use.
    """
    document = read_document(path, OwnerFile, loader=loader)
    return _loaded(path.parent / ZONE_FILE, [document], [], whole=False, on=None, loader=loader)


def _loaded(
    zone_path: FilePath,
    documents: list[Document],
    problems: list[Problem],
    *,
    whole: bool,
    on: str | None,
    loader: type,
) -> Loaded:
    zone = read_document(zone_path, Zone, loader=loader)
    by_owner: dict[str, Document] = {}
    for document in documents:
        if document.owner is not None and document.owner in by_owner:
            problems.append(_second_file(document, by_owner[document.owner].file))
        elif isinstance(document.content, OwnerFile):
            by_owner[document.content.owner] = document
    contents = {owner: one.content for owner, one in sorted(by_owner.items()) if isinstance(one.content, OwnerFile)}
    former = former_in_files(contents.values())
    contents = {owner: former.file(file) for owner, file in contents.items()}
    content = zone.content if isinstance(zone.content, Zone) else None
    left_out = zone.left_out
    code_faults: tuple[Fault, ...] = ()
    if content is not None:
        content, code_faults = with_code(content, zone_path.parent)
        read = read_device_types(zone_path.parent, content.device_types, whole=whole, loader=loader)
        used = {cluster.node_type for file in contents.values() for cluster in file.clusters.values()}
        problems += read.problems
        no_use = {**read.not_offered, **read.unusable}
        problems += [problem for name in sorted(used & no_use.keys()) for problem in no_use[name]]
        problems += [_second_type(name, read.files[name]) for name in sorted(read.derived & content.node_types.keys())]
        left_out |= {("node_types", name) for name in used & no_use.keys()}
        content = content.model_copy(update={"node_types": read.node_types | content.node_types})
    known = Known(
        zone=content,
        owners=contents,
        whole=whole and len(by_owner) == len(documents),
        left_out={"": left_out} | {owner: document.left_out for owner, document in by_owner.items()},
    )
    said = {"": zone} | by_owner
    problems += [problem for document in (zone, *documents) for problem in document.problems]
    problems += _said_once(said, chain(code_faults, faults_of(known, on=on)))
    if problems or known.zone is None:
        return Loaded(declaration=None, problems=in_order(problems))
    roots = {owner: (one.file, one.root) for owner, one in ({RESERVED_PARTY: zone} | by_owner).items() if one.root}
    return Loaded(declaration=Declaration(zone=known.zone, owners=contents, sources=Sources(roots)), problems=())


def _said_once(documents: Mapping[str, Document], faults: Iterator[Fault]) -> list[Problem]:
    """Each fault with its line; one of a value that aliases repeat is said at its first path only."""
    said: dict[tuple[object, ...], Problem] = {}
    for fault in islice(faults, MAX_PROBLEMS):
        document = documents[fault.owner]
        node = node_at(document.root, fault.path) if document.root else None
        key = (id(node) if node else fault.path, fault.owner, fault.what, fault.expected, fault.got)
        said.setdefault(key, _located(document, fault))
    problems = list(said.values())
    if next(iter(faults), None) is not None:
        last = problems[-1]
        problems.append(
            replace(last, path="", what="more problems of this kind", fix="correct those named above first")
        )
    return problems


def _located(document: Document, fault: Fault) -> Problem:
    problem = Problem(
        file=document.file,
        line=line_of(document.root, fault.path) if document.root else 0,
        path=dotted(fault.path),
        what=fault.what,
        expected=fault.expected,
        got=fault.got,
        fix=fault.fix,
    )
    return without_secrets([problem], document.hidden)[0]


def owner_files(folder: FilePath) -> dict[str, FilePath]:
    """The file of each owner of a zone's folder, by party id; what cannot be read is left out."""
    documents = {path: read_document(path, OwnerFile) for path in _owner_files(folder)}
    return {document.owner: path for path, document in documents.items() if document.owner is not None}


def _owner_files(folder: FilePath) -> list[FilePath]:
    return sorted(path for prefix in OWNER_PREFIXES for path in folder.glob(f"{prefix}-*.yaml"))


def _misnamed(folder: FilePath) -> list[Problem]:
    """Files that were probably meant to be read, and would be passed over in silence."""
    problems = []
    names = f"{ZONE_FILE}, or a name such as {one_of(f'{one}-x.yaml' for one in OWNER_PREFIXES)}"
    for path in sorted(folder.glob("*.y*ml")):
        name = _meant_name(path)
        if name is None or path.name == name:
            continue
        problems.append(
            Problem(
                file=path.name,
                line=0,
                path="",
                what="a file that is not read",
                expected=name if name == OVERLAY else names,
                got=path.name,
                fix=f"rename it to {name}",
            )
        )
    return problems


def _meant_name(path: FilePath) -> str | None:
    """The name that a file was probably meant to have; None where it is nothing of a zone's."""
    if get_close_matches(path.stem.lower(), [OVERLAY.removesuffix(".yaml")], cutoff=0.85):
        return OVERLAY
    prefix, dash, rest = path.stem.partition("-")
    meant = get_close_matches(prefix.lower(), OWNER_PREFIXES, n=1, cutoff=0.8) if dash else []
    if meant:
        return f"{meant[0]}-{rest}.yaml"
    return ZONE_FILE if path.stem.lower() == "zone" else None


def _wanted(documents: list[Document], wanted: list[str]) -> tuple[list[Document], list[Problem]]:
    """The documents of the owners or file names that are wanted, and those that are not there."""
    names = {
        document.file: {document.file, document.file.removesuffix(".yaml"), document.owner} for document in documents
    }
    chosen = [document for document in documents if names[document.file] & set(wanted)]
    present = {name for document in chosen for name in names[document.file]}
    declared = sorted({document.owner for document in documents if document.owner})
    return chosen, [
        Problem(
            file=name,
            line=0,
            path="",
            what="no file of this owner",
            expected=one_of(declared),
            got=f"'{name}'",
            fix=did_you_mean(name, declared, "create its file, or name one of those"),
        )
        for name in wanted
        if name not in present
    ]


def _second_file(document: Document, first: str) -> Problem:
    owner = document.owner or ""
    return Problem(
        file=document.file,
        line=line_of(document.root, ("owner",)) if document.root else 0,
        path="owner",
        what="an owner with two files",
        expected="one file for each owner",
        got=f"'{owner}', whose file is {first}",
        fix=f"move what it declares to {first}, or correct the owner",
    )


def _second_type(name: str, file: str) -> Problem:
    return Problem(
        file=file,
        line=0,
        path="slug",
        what="a node type that is declared twice",
        expected=f"an id that {ZONE_FILE} does not have",
        got=f"'{name}'",
        fix=f"delete one of them, here or in node_types of {ZONE_FILE}",
    )


def _no_folder(folder: FilePath) -> Problem:
    is_file = folder.exists()
    return Problem(
        file=str(folder),
        line=0,
        path="",
        what="not a zone's folder",
        expected=f"a folder with {ZONE_FILE}",
        got="a file" if is_file else "no such folder",
        fix=f"name the folder that {folder.name} is in" if is_file else "check the name of the folder",
    )

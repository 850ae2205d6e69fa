"""An adoption from its answers to the files of a folder: declarations, assumptions, breaches as found, imports."""

import json
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from zonewright.declare.document import read_document
from zonewright.declare.load import ZONE_FILE, load_zone
from zonewright.declare.problem import did_you_mean, one_of
from zonewright.estate.adopting import ADMINISTRATION, Adopted, Tree, adopt
from zonewright.estate.errors import AdoptionError
from zonewright.estate.folder import LAST
from zonewright.estate.naming import id_of
from zonewright.estate.reading import read_estate
from zonewright.estate.report import page
from zonewright.estate.same_inventory import require_same
from zonewright.estate.text import yaml_text
from zonewright.estate.work import AdoptionWork, KnownIds
from zonewright.ledger.protocol.stack_messages import stack_id_of
from zonewright.model import Declaration, Zone
from zonewright.model.assumption import Assumptions
from zonewright.model.demand import demand_of
from zonewright.model.expand import nodes_of
from zonewright.model.rule_pack import FoundRule
from zonewright.place import judge_declaration
from zonewright.rules.finding import Finding

ASSUMPTIONS, KNOWN, REPORT, ZONE = "assumptions.yaml", "adopted.json", "adopted.md", ZONE_FILE
IMPORTS = "import-{}.json"
_FOUND = frozenset(get_args(FoundRule))
_WAIVED = frozenset({"feed-diversity", "fill-before-open"})
_ORDER = "fill-before-open"
"""Judges who opened a room, which a folder does not say of what stands already."""
_WAIVER_USE = "waiver-use"
_FOUND_NAME = "found-"
_WAIVER_DAYS = 180
_HEAD = "Taken over from {}. Edit it freely: the next `zonewright adopt` keeps your edits, and says what changed there."


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOver:
    """What an adoption writes.

    Attributes:
        files: texts by name.
        adopted: the declarations and what there is to say.
        faults: sentences on objects that could not be read.
        growing: breaches that were not there, or were smaller, when the estate was taken over.
    """

    files: Mapping[str, str]
    adopted: Adopted
    faults: Sequence[str]
    growing: Sequence[Finding]


def take_over(
    answers: Mapping[str, Sequence[object]], folder: Path, *, source: str, operators: Mapping[str, str], today: str
) -> TakenOver:
    """Everything that an adoption writes; nothing is written yet.

    Args:
        answers: objects by endpoint.
        folder: where an earlier run has left its files, or nothing.
        source: where the answers are from.
        operators: parties by slug of the site; the empty slug stands for all others.
        today: the day, as ``2026-07-01``.

    Raises:
        AdoptionError: with all that is wrong with the files of an earlier run, or when the answers are another
            inventory's.
    """
    estate, faults = read_estate(answers)
    known = known_ids(folder)
    require_same(known, estate)
    slugs = {one.slug for one in estate.sites.values()}
    strange = sorted(set(operators) - slugs - {""})
    if strange:
        fix = did_you_mean(strange[0], slugs, "name a site of the inventory by its slug")
        raise AdoptionError(f"--operator: expected a site, {one_of(slugs)}, got {', '.join(strange)}; {fix}")
    work = AdoptionWork(
        estate=estate,
        assumptions=assumptions_of(folder),
        known=known.model_copy(update={"source": known.source or source}),
        operators={**known.operators, **operators},
        today=today,
    )
    work.now.operators = dict(work.operators)
    is_first = not (folder / ZONE).exists()  # also after a first run that was cut short
    earlier = {} if is_first else _zone_tree(folder)
    adopted = adopt(work, str(earlier.get("zone") or _zone_id(folder)))
    adopted.zone["title"] = earlier.get("title") or adopted.zone["title"]
    trees = {ZONE: adopted.zone, **_owner_files(adopted.owners)}
    first = adopted.known.first
    declaration, found = _judged(trees, first)
    growing: list[Finding] = []
    if is_first:
        adopted.zone.update(_as_found(found, source, first))
    else:
        adopted.zone.update({key: earlier[key] for key in ("waivers", "as_found") if earlier.get(key)})
        declaration, found = _judged({**trees, ZONE: adopted.zone}, today)
        if settled := _settled(adopted.zone.get("waivers", {}), found):
            waivers = {name: one for name, one in adopted.zone["waivers"].items() if name not in settled}
            adopted.zone["waivers"] = waivers
            if not waivers:
                del adopted.zone["waivers"]
            declaration, found = _judged({**trees, ZONE: adopted.zone}, today)
        growing = [one for one in found if one.refuses and one.rule != _ORDER]
    breaches = [f"{one.subject}: {one.message}" for one in found if one.rule in _FOUND | _WAIVED]
    files = {
        KNOWN: adopted.known.model_dump_json(indent=1, exclude_defaults=True) + "\n"
    }  # first: it says whose they are
    files |= {name: yaml_text(tree, _HEAD.format(adopted.known.source)) for name, tree in trees.items()}
    files[ASSUMPTIONS] = yaml_text(
        adopted.assumptions.model_dump(mode="json"),
        "What the inventory does not say. Write what you find out into `known`, by the names under `open`.",
    )
    files[REPORT] = page(adopted, adopted.known.source, breaches, faults)
    if declaration is not None:
        files |= {IMPORTS.format(owner): _imports(declaration, owner) for owner in declaration.owners}
    return TakenOver(files=files, adopted=adopted, faults=faults, growing=growing)


def _zone_id(folder: Path) -> str:
    return id_of(folder.absolute().name, "zone")


def known_ids(folder: Path) -> KnownIds:
    """Ids as the last run left them; none for a folder that is new.

    Raises:
        AdoptionError: when it is no folder of an adoption.
    """
    path = folder / KNOWN
    try:
        return KnownIds.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if (folder / ZONE).exists():
            raise AdoptionError(
                f"{folder} has a zone.yaml that no adoption has made; name another folder, and merge the two by hand"
            ) from None
        return KnownIds()
    except (ValidationError, UnicodeDecodeError):
        raise AdoptionError(
            f"{path} cannot be read: expected what the last run left there; restore it from {folder / LAST / KNOWN}"
        ) from None


def assumptions_of(folder: Path) -> Assumptions:
    """What is assumed of a folder's estate, with what was found out; the defaults for a folder that is new.

    Raises:
        AdoptionError: with all that is wrong with the file.
    """
    path = folder / ASSUMPTIONS
    if not path.exists():
        return Assumptions()
    document = read_document(path, Assumptions)
    if document.problems or not isinstance(document.content, Assumptions):
        raise AdoptionError(*map(str, document.problems))
    return document.content


def _zone_tree(folder: Path) -> Tree:
    document = read_document(folder / ZONE, Zone)
    if document.problems or not isinstance(document.content, Zone):
        raise AdoptionError(*map(str, document.problems))
    return document.content.model_dump(mode="json", exclude_defaults=True)


def _owner_files(owners: Mapping[str, Tree]) -> dict[str, Tree]:
    return {f"{'facility' if tree.get('sites') else 'tenant'}-{owner}.yaml": tree for owner, tree in owners.items()}


def _judged(trees: Mapping[str, Tree], on: str) -> tuple[Declaration | None, tuple[Finding, ...]]:
    """The declarations as every other command reads them, and what the rules find."""
    with tempfile.TemporaryDirectory() as name:
        for file, tree in trees.items():
            (Path(name) / file).write_text(yaml_text(tree), encoding="utf-8")
        loaded = load_zone(Path(name))
    if loaded.declaration is None:
        raise AdoptionError(*(f"a declaration that cannot be: {problem}" for problem in loaded.problems))
    return loaded.declaration, judge_declaration(loaded.declaration, on=on).findings


def _settled(waivers: Tree, found: Sequence[Finding]) -> set[str]:
    """Waivers of the first run whose breach is put right: nothing is found there any more, not even a larger one."""
    idle = {one.subject for one in found if one.rule == _WAIVER_USE and one.refuses}
    there = {(one.rule, one.subject) for one in found}
    return {
        name
        for name in idle
        if name.startswith(_FOUND_NAME)
        and not any((waivers[name]["rule"], subject) in there for subject in waivers[name]["subjects"])
    }


def _as_found(found: Sequence[Finding], source: str, first: str) -> Tree:
    """What breaks a rule already, so that it may stay and not grow."""
    by_size: dict[tuple[str, int], list[str]] = defaultdict(list)
    waivers: Tree = {}
    for one in found:
        if one.refuses and one.rule in _FOUND:
            by_size[one.rule, one.excess].append(one.subject)
        elif one.refuses and one.rule in _WAIVED:
            owner = next((item.party for item in one.participants), ADMINISTRATION)
            waivers[f"{_FOUND_NAME}{one.rule}-{len(waivers) + 1}"] = {
                "rule": one.rule,
                "subjects": [one.subject],
                "reason": "found when the estate was taken over",
                "owner": owner,
                "approver": ADMINISTRATION,
                "valid_from": first,
                "valid_until": (date.fromisoformat(first) + timedelta(days=_WAIVER_DAYS - 1)).isoformat(),
                "max_excess": one.excess,
            }
    entries = {
        f"{rule}-{index}": {
            "rule": rule,
            "subjects": sorted(set(subjects)),
            "excess": excess,
            "found": first,
            "source": source[:200],
        }
        for index, ((rule, excess), subjects) in enumerate(sorted(by_size.items()), start=1)
    }
    return {**({"waivers": waivers} if waivers else {}), **({"as_found": entries} if entries else {})}


def _imports(declaration: Declaration, owner: str) -> str:
    """What ``pulumi import --file`` takes: each resource with the id under which the ledger has it after a load."""
    demand, stack = demand_of(declaration, owner), stack_id_of(owner)
    resources: list[dict[str, Any]] = [
        {"type": f"zonewright:index:{asset.kind.title()}", "name": name, "id": f"{stack}/{name}"}
        for name, asset in sorted(demand.assets.items())
    ]
    for cluster_id, wanted in sorted(demand.clusters.items()):
        resources += [
            {"type": "zonewright:index:Node", "name": node.name, "id": f"{stack}/{node.name}"}
            for node in nodes_of(cluster_id, wanted.cluster)
        ]
    return json.dumps({"resources": resources}, indent=1) + "\n"

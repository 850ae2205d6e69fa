"""The code of a zone's own rules, read from the files that its rule packs name, so that it is registered with them."""

import ast
from collections.abc import Iterator
from pathlib import Path

from zonewright.declare.problem import Fault, did_you_mean
from zonewright.declare.yaml_text.regular import read_regular
from zonewright.model import RulePack, Zone
from zonewright.model.own_rule import MAX_CHARACTERS, OwnRule

FOLDER = "rules"
ENTRY = "check"
"""The function that the code of a rule has."""


def with_code(zone: Zone, folder: Path) -> tuple[Zone, tuple[Fault, ...]]:
    """The zone with the code of its own rules, and what is wrong with their files.

    Args:
        zone: the administrator's file.
        folder: the zone's folder.
    """
    packs: dict[str, RulePack] = {}
    faults: list[Fault] = []
    for pack_id, pack in zone.rule_packs.items():
        rules: dict[str, OwnRule] = {}
        for rule_id, rule in pack.rules.items():
            path = ("rule_packs", pack_id, "rules", rule_id)
            if rule.text:
                faults.append(_said_twice(path, rule))
            text, wrong = _code(folder, rule.file)
            faults += (_fault((*path, "file"), *one) for one in wrong)
            rules[rule_id] = rule.model_copy(update={"text": text})
        packs[pack_id] = pack.model_copy(update={"rules": rules}) if rules else pack
    has_any = any(pack.rules for pack in packs.values())
    return (zone.model_copy(update={"rule_packs": packs}) if has_any else zone), tuple(faults)


def code_faults(zone: Zone) -> Iterator[Fault]:
    """What is wrong with the code that a zone has already, wherever it comes from.

    Args:
        zone: the administrator's file, as it is registered.
    """
    for pack_id, pack in zone.rule_packs.items():
        for rule_id, rule in pack.rules.items():
            for wrong in _faults_of(rule.file, rule.text):
                yield _fault(("rule_packs", pack_id, "rules", rule_id, "file"), *wrong)


def _fault(path: tuple[str, ...], what: str, expected: str, got: str, fix: str) -> Fault:
    return Fault(owner="", path=path, what=what, expected=expected, got=got, fix=fix)


def _said_twice(path: tuple[str, ...], rule: OwnRule) -> Fault:
    fix = "delete the line 'text'"
    return _fault((*path, "text"), "code of a rule in zone.yaml", f"the code in {rule.file}", "a text here", fix)


def _code(folder: Path, name: str) -> tuple[str, list[tuple[str, str, str, str]]]:
    """The code of a rule, and what is wrong with it: what, expected, got, fix."""
    try:
        data = read_regular(folder / name, MAX_CHARACTERS * 4 + 1)
    except OSError as error:
        there = [f"{FOLDER}/{one.name}" for one in sorted((folder / FOLDER).glob("*.py"))]
        fix = did_you_mean(name, there, "create it, or correct the name")
        return "", [("no code of a rule", f"a file {name} beside zone.yaml", error.strerror or str(error), fix)]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return "", [("code of a rule that cannot be read", "text in UTF-8", "other bytes", "save it as UTF-8")]
    if len(text) > MAX_CHARACTERS:
        size = f"{len(text):,} characters or more"
        return "", [("too much code of a rule", f"at most {MAX_CHARACTERS:,} characters", size, "shorten it")]
    return text, list(_faults_of(name, text))


def _faults_of(name: str, text: str) -> Iterator[tuple[str, str, str, str]]:
    try:
        tree = ast.parse(text, name)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        got = f"{name}{line}: {getattr(error, 'msg', error)}"
        yield "code of a rule that is not Python", "a file of Python", got, "correct it"
        return
    named = {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}
    if ENTRY not in named:
        got = f"{name} with {', '.join(sorted(named)) or 'no function'}"
        yield (
            "a rule without its function",
            f"a function {ENTRY}(facts, limit)",
            got,
            "add it; see docs/how-to/write-a-rule.md",
        )

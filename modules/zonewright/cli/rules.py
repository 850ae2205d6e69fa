"""``zonewright rules``: the rules of a zone, what is wrong with them, their cases, and what a pack would change."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from zonewright.cli.options import add_format

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from zonewright.cli.checking.found import Compared
    from zonewright.model import Zone
    from zonewright.rules import Finding, Rule
    from zonewright.rules.catalogue import RuleInForce


_WIDE = 80
"""Columns of a terminal that is not narrow; a pipe has as many."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``rules``."""
    parser = commands.add_parser(
        "rules", help="show, check and test the rules of a zone", description="Work with the rules of a zone."
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    what = "print the rules, with the level and the limits that a zone's rule pack gives them"
    listed = verbs.add_parser("list", help=what, description=f"{what[0].upper()}{what[1:]}.")
    listed.add_argument("zone", nargs="?", type=Path, metavar="ZONE", help="the zone's folder")
    add_format(listed)
    listed.set_defaults(run=_list)
    what = "print all that is known of one rule"
    show = verbs.add_parser("show", help=what, description=f"{what[0].upper()}{what[1:]}.")
    show.add_argument("rule", metavar="RULE", help="its id, as findings have it")
    show.add_argument("zone", nargs="?", type=Path, metavar="ZONE", help="the zone's folder")
    show.set_defaults(run=_show)
    what = "print what is wrong with the rules themselves: what selects nothing, contradicts or is looser"
    lint = verbs.add_parser("lint", help=what, description=f"{what[0].upper()}{what[1:]}.")
    lint.add_argument("zone", type=Path, metavar="ZONE", help="the zone's folder")
    add_format(lint)
    lint.set_defaults(run=_lint)
    what = "run the cases of the zone's own rules"
    test = verbs.add_parser("test", help=what, description=f"{what[0].upper()}{what[1:]}.")
    test.add_argument("zone", type=Path, metavar="ZONE", help="the zone's folder")
    test.set_defaults(run=_test)
    what = "print what would newly break with another rule pack in force"
    impact = verbs.add_parser("impact", help=what, description=f"{what[0].upper()}{what[1:]}. Nothing is changed.")
    impact.add_argument("pack", metavar="PACK", help="id of a rule pack of zone.yaml; it need not be in force")
    asked = impact.add_mutually_exclusive_group()
    asked.add_argument("--zone", type=Path, metavar="FOLDER", help="ask a zone's folder instead of a ledger")
    asked.add_argument("--ledger", metavar="URL", help="the ledger's URL (default: the file of this checkout)")
    add_format(impact)
    impact.set_defaults(run=_impact)


def _rules(folder: Path | None) -> "tuple[Sequence[Rule], Zone | None] | None":
    """All rules, with the zone's own; None where the folder has faults, which are printed."""
    from zonewright.cli.zone import loaded_folder
    from zonewright.own_rules.judging import rules_of
    from zonewright.rules import RULES

    if folder is None:
        return RULES, None
    declaration = loaded_folder(folder)
    if declaration is None:
        return None
    return (*RULES, *rules_of(declaration.zone)), declaration.zone


def _list(arguments: argparse.Namespace) -> int:
    from dataclasses import asdict

    from zonewright.cli.output import GOOD, REFUSED, print_json
    from zonewright.rules.catalogue import rules_in_force

    found = _rules(arguments.zone)
    if found is None:
        return REFUSED
    rules, zone = found
    in_force = [] if zone is None else list(rules_in_force(rules, zone))
    if arguments.format == "json":
        usual = [{"id": one.id, "title": one.title, "level": one.level} for one in rules]
        print_json({"rules": [asdict(one) for one in in_force] if zone is not None else usual})
        return GOOD
    if zone is None:
        for rule in rules:
            _print_rule(rule.id, rule.level, rule.title)
        return GOOD
    for one in in_force:
        _print_rule(one.id, one.level if one.judges else "idle", one.title)
        for line in _details(one):
            _print_wrapped(line, " " * 23)
    return GOOD


def _print_rule(name: str, level: str, title: str) -> None:
    """One line; on a narrow terminal the title stands below."""
    from zonewright.cli.output import width

    if width() >= _WIDE:
        print(f"{name:<22} {level:<10} {title}")
    else:
        print(f"{name:<22} {level}")
        _print_wrapped(title, "    ")


def _print_wrapped(text: str, indent: str = "") -> None:
    import textwrap

    from zonewright.cli.output import width

    after = indent + "  " if indent else ""
    print(textwrap.fill(text, width(), initial_indent=indent, subsequent_indent=after, break_on_hyphens=False))


def _details(one: "RuleInForce") -> "Iterable[str]":
    for limit in one.limits:
        value = "no value, so it judges nothing" if limit.value is None else f"{limit.value:g}"
        origin = f" (pack {limit.pack})" if limit.pack else " (default)" if limit.value is not None else ""
        yield f"{limit.name}: {value}{origin}"
    if one.pack:
        yield f"level of pack {one.pack}"
    if one.waivers:
        yield f"waivers: {', '.join(one.waivers)}"


def _show(arguments: argparse.Namespace) -> int:
    from difflib import get_close_matches

    from zonewright.cli.output import GOOD, MISUSE, REFUSED, StoppedError
    from zonewright.model.own_rule import OWN
    from zonewright.rules.catalogue import rules_in_force

    found = _rules(arguments.zone)
    if found is None:
        return REFUSED
    rules, zone = found
    rule = next((one for one in rules if one.id == arguments.rule), None)
    if rule is None:
        near = get_close_matches(arguments.rule, [one.id for one in rules], n=1)
        own = " a rule of a zone's own needs the zone's folder;" if arguments.rule.startswith(OWN) and not zone else ""
        fix = f"did you mean '{near[0]}'?" if near else "all of them: zonewright rules list"
        raise StoppedError(f"RULE: expected the id of a rule, got '{arguments.rule}';{own} {fix}", code=MISUSE)
    _print_wrapped(f"{rule.id}: {rule.title}")
    print(f"level: {rule.level}")
    print(f"unit: {rule.unit}")
    _print_wrapped(f"reference: {rule.reference}")
    for one in rules_in_force([rule], zone) if zone is not None else ():
        print(f"in force as: {one.level}{'' if one.judges else ', but it judges nothing'}")
        for line in _details(one):
            _print_wrapped(line, "  ")
    print()
    _print_wrapped(rule.description)
    own_rule = zone.own_rules.get(rule.id.removeprefix(OWN)) if zone is not None else None
    if own_rule is not None:
        print(
            f"It judges {own_rule.of}s with the limit {own_rule.limit:,}. {own_rule.file}:\n\n{own_rule.text}", end=""
        )
    return GOOD


def _lint(arguments: argparse.Namespace) -> int:
    from dataclasses import replace
    from datetime import UTC, datetime

    from zonewright.cli.output import GOOD, REFUSED, print_json
    from zonewright.cli.zone import loaded_folder
    from zonewright.own_rules import evaluate_trusted
    from zonewright.place import judge_declaration
    from zonewright.rules.lint import lint_rules
    from zonewright.rules.words import count_of

    declaration = loaded_folder(arguments.zone)
    if declaration is None:
        return REFUSED
    on = datetime.now(UTC).date().isoformat()
    judged = judge_declaration(declaration, on=on, judge=evaluate_trusted)
    notes = []
    for note in lint_rules(declaration, judged.findings, on=on):
        source = declaration.sources.get(f"{note.participants[0].party}/{note.where}")
        notes.append(replace(note, where=str(source)) if source is not None else note)
    if arguments.format == "json":
        print_json({"findings": [note.to_data() for note in notes]})
    else:
        for note in notes:
            print(f"{note.where}: {note.message}; {note.fix}")
        print(f"{count_of(len(notes), 'note')} on the rules" if notes else "good: nothing is wrong with the rules")
    return REFUSED if notes else GOOD


def _test(arguments: argparse.Namespace) -> int:
    from zonewright.cli.output import GOOD, REFUSED
    from zonewright.cli.zone import loaded_folder
    from zonewright.own_rules.cases import run_cases
    from zonewright.rules.words import count_of

    declaration = loaded_folder(arguments.zone)
    if declaration is None:
        return REFUSED
    own = {name: rule for pack in declaration.zone.rule_packs.values() for name, rule in pack.rules.items()}
    results = [one for name, rule in sorted(own.items()) for one in run_cases(arguments.zone, name, rule)]
    for one in results:
        case = f": {one.case}" if one.case else ""
        print(f"{'FAILED' if one.failure else 'passed'} {one.rule}{case}{f': {one.failure}' if one.failure else ''}")
    failed = sum(bool(one.failure) for one in results)
    if not own:
        print("no rule pack has a rule of the zone's own; how to write one: docs/how-to/write-a-rule.md")
    else:
        print(f"{count_of(len(own), 'rule')}, {len(results) - failed} passed, {failed} failed")
    return REFUSED if failed else GOOD


def _impact(arguments: argparse.Namespace) -> int:
    from zonewright.cli.checking.found import compare
    from zonewright.cli.output import GOOD, REFUSED, print_json

    pair = _of_folder(arguments) if arguments.zone else _of_ledger(arguments)
    if pair is None:
        return REFUSED
    now, then = pair
    compared = compare(now, then, revision="the pack in force")
    if arguments.format == "json":
        found = [one.to_data() | {"state": state} for one, state in zip(then, compared.states, strict=True)]
        print_json({"pack": arguments.pack, "findings": found, "fixed": [one.to_data() for one in compared.fixed]})
    else:
        _print_impact(arguments.pack, then, compared)
    broken = (one.refuses and state in {"new", "worse"} for one, state in zip(then, compared.states, strict=True))
    return REFUSED if any(broken) else GOOD


def _print_impact(pack: str, then: "Sequence[Finding]", compared: "Compared") -> None:
    from zonewright.cli.output import findings_text, width

    shown = [one for one, state in zip(then, compared.states, strict=True) if state in {"new", "worse"}]
    if shown:
        text = findings_text(shown, columns=width())
        print(text.rpartition("\n")[0].rstrip() + "\n")
    parts = [f"{count} {state}" for state, count in compared.counts().items()]
    print(f"with pack {pack} in force: {', '.join(parts)}, {len(compared.fixed)} gone")


def _of_folder(arguments: argparse.Namespace) -> "tuple[Sequence[Finding], Sequence[Finding]] | None":
    from dataclasses import replace
    from datetime import UTC, datetime

    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.cli.zone import loaded_folder
    from zonewright.own_rules import evaluate_all
    from zonewright.place import judge_declaration

    declaration = loaded_folder(arguments.zone)
    if declaration is None:
        return None
    packs = declaration.zone.rule_packs
    if arguments.pack not in packs:
        expected = ", ".join(sorted(packs)) or "it has none"
        raise StoppedError(f"PACK: expected a rule pack of zone.yaml ({expected}), got '{arguments.pack}'", code=MISUSE)
    on = datetime.now(UTC).date().isoformat()
    zone = declaration.zone.model_copy(update={"rule_pack": arguments.pack})
    then = replace(declaration, zone=zone)
    now_found, then_found = (judge_declaration(one, on=on, judge=evaluate_all).findings for one in (declaration, then))
    return now_found, then_found


def _of_ledger(arguments: argparse.Namespace) -> "tuple[Sequence[Finding], Sequence[Finding]]":
    from zonewright.cli.connection import open_ledger
    from zonewright.cli.ledger import DEFAULT
    from zonewright.declare.stack_file import project_root
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.pack_messages import PackImpactRequest

    url = arguments.ledger or DEFAULT
    with open_ledger(url, project_root(Path.cwd())) as ledger:
        answer = ledger.call(verbs.PACK_IMPACT, PackImpactRequest(pack=arguments.pack))
    return answer.now, answer.then

"""What ``zonewright render`` does with rendered files: write, judge, sign verdicts, and explain a line."""

import argparse
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from zonewright.cli.output import GOOD, MISUSE, REFUSED, StoppedError, ending_with, print_json, width

if TYPE_CHECKING:
    from zonewright.changes.explaining import Explained
    from zonewright.model import Declaration
    from zonewright.render.formats.format import AnyContext
    from zonewright.render.formats.format_set import FormatSet
    from zonewright.render.validators.verdict import Judged
    from zonewright.rules.finding import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What a stack's declaration stands for now.

    Attributes:
        contexts: what the templates see.
        formats: the zone's formats.
        files: text by path.
        declaration: the stack's declaration.
        folder: the zone's folder.
        root: folder of Pulumi.yaml.
    """

    contexts: "Sequence[AnyContext]"
    formats: "FormatSet"
    files: Mapping[str, str]
    declaration: "Declaration"
    folder: Path
    root: Path


def show(arguments: argparse.Namespace, rendered: Rendered) -> int:
    """Write the files, have them judged, and say so."""
    from zonewright.changes.validated import verdict_data
    from zonewright.cli.verdicts import verdict_lines
    from zonewright.model.canonical import digest_of

    files = rendered.files
    with ending_with(MISUSE):
        judged, findings = _judged(arguments, rendered) if arguments.validate else ((), ())
        if arguments.sign_verdicts is not None:
            _sign(arguments, judged)
    if arguments.out is not None:
        _write(arguments.out, files)
    if arguments.format == "json":
        print_json(
            {
                "files": {path: digest_of(text) for path, text in files.items()},
                "verdicts": [verdict_data(item) for item in judged],
                "findings": [item.to_data() for item in findings],
            }
        )
    else:
        for path in files if arguments.out is None else ():
            print(path)
        where = "" if arguments.out is None else f" in {arguments.out}"
        print(f"{len(files)} file{'' if len(files) == 1 else 's'}{where}")
        for line in (*verdict_lines(judged, columns=width()), *_finding_lines(findings)):
            print(line)
    return (
        REFUSED
        if any(one.refuses for one in findings) or any(item.verdict.status == "fail" for item in judged)
        else GOOD
    )


def _judged(arguments: argparse.Namespace, rendered: Rendered) -> "tuple[Sequence[Judged], Sequence[Finding]]":
    from zonewright.changes.gating import VERDICTS, judge, read_signed
    from zonewright.render.network.reachability import network_findings
    from zonewright.render.validators.gate import gate

    zone = rendered.declaration.zone
    given = [*arguments.verdicts, *(rendered.root / VERDICTS).glob("*.json")]
    judged = judge(rendered.files, rendered.formats, read_signed(given, zone))
    findings = gate(judged, zone.gated_formats, rendered.files, rendered.formats)
    return judged, (*network_findings(rendered.contexts, rendered.files), *findings)


def _sign(arguments: argparse.Namespace, judged: "Sequence[Judged]") -> None:
    from zonewright.audit.evidence.keys import load_key_here
    from zonewright.model.canonical import digest_of
    from zonewright.render.validators.attested import statements
    from zonewright.seal.dsse import sign

    key = load_key_here(arguments.key)
    arguments.sign_verdicts.mkdir(parents=True, exist_ok=True)
    for statement in statements(judged):
        name = digest_of(statement).removeprefix("sha256:")[:16]
        (arguments.sign_verdicts / f"{name}.json").write_text(f"{sign(statement, key).text()}\n", encoding="utf-8")


def _finding_lines(findings: "Sequence[Finding]") -> Iterator[str]:
    for one in findings:
        text = f"[{one.rule}] {one.message}; {one.fix}"
        yield from textwrap.wrap(text, width(), subsequent_indent="    ", break_on_hyphens=False)


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")


def explain(arguments: argparse.Namespace, rendered: Rendered) -> int:
    """Say where one line comes from."""
    from zonewright.changes.explaining import explain_line
    from zonewright.declare.load import load_zone
    from zonewright.render import RenderError

    path, _, number = arguments.explain.rpartition(":")
    own = rendered.declaration
    # Files of other owners are looked at where they are at hand; what stands in them is told by place, not by value.
    others = load_zone(rendered.folder).declaration
    if others is not None:
        own = replace(own, owners={**others.owners, **own.owners}, sources=others.sources)
    try:
        found = explain_line(path, int(number), rendered.contexts, rendered.formats, own)
    except RenderError as error:
        raise StoppedError(str(error), code=MISUSE) from None
    if arguments.format == "json":
        print_json(asdict(found))
    else:
        for line in _explained(found):
            print(line)
    return GOOD


def _explained(found: "Explained") -> Iterator[str]:
    yield f"{found.path}:{found.line.number}: {found.line.text}"
    yield f"  template  {found.line.template}:{found.line.template_line}"
    for one in found.origins:
        what = f"{one.text}  ({one.value})" if one.text else f"here because of {one.value}"
        owner = "zone.yaml" if one.owner == "zone" else one.owner
        place = f"{one.source}, {one.declared}, by {owner}" if one.source else f"{one.declared}, in no file at hand"
        yield f"  {what}"
        yield f"    declared at {place}"

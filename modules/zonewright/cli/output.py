"""How results are printed: findings for people, JSON for programs, errors as one sentence."""

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any, Literal, TextIO

from zonewright.errors import Exit, ZonewrightError, sentences_of
from zonewright.rules.alike import alike, is_consequence
from zonewright.rules.finding import Finding, worst_first

GOOD, REFUSED, MISUSE, NOT_DECIDED = Exit
FORMAT_VERSION = 1
MAX_WIDTH = 100
SHOWN_NAMES = 5
Style = Literal["refuses", "waived", "advisory"]
_STYLES: Mapping[Style, str] = {"refuses": "1;31", "waived": "32", "advisory": "33"}
"""Select Graphic Rendition of ECMA-48: bold red, green, yellow."""
_SHOWN_INPUT = 40
"""Letters of a refused value that a sentence repeats."""


def width() -> int:
    """Columns to wrap at: the terminal's, at most 100; 80 in a pipe."""
    return max(40, min(MAX_WIDTH, shutil.get_terminal_size((80, 24)).columns))


def is_coloured(stream: TextIO) -> bool:
    """Whether texts on a stream have colours: on a terminal, unless it is dumb or NO_COLOR is set (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _painted(text: str, style: Style) -> str:
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m"


def print_json(document: Mapping[str, Any]) -> None:
    """One JSON document with a version, on standard output."""
    print(json.dumps({"version": FORMAT_VERSION, **document}, indent=2, ensure_ascii=False))


def findings_text(findings: Sequence[Finding], *, columns: int, coloured: bool = False) -> str:
    """Findings grouped by subject, worst first, equal ones of one cause once, wrapped.

    Args:
        findings: in any order.
        columns: where lines are wrapped.
        coloured: mark by colour, besides the word, what refuses, what is waived, and what only advises.
    """
    lines: list[str] = []
    ordered = alike(worst_first(findings))
    following = {id(one) for one in ordered if is_consequence(one, ordered)}
    rank = {finding.subject: index for index, finding in reversed(list(enumerate(ordered)))}
    by_subject = sorted(ordered, key=lambda finding: (rank[finding.subject], id(finding) in following))
    for subject, group in groupby(by_subject, key=lambda finding: finding.subject):
        lines += ["", subject]
        for finding in group:
            lines += _entry(finding, columns, coloured=coloured, follows=id(finding) in following)
    count = sum(1 for finding in ordered if finding.refuses)
    waivers = sum(1 for finding in ordered if finding.waiver)
    tail = "1 finding refuses the change" if count == 1 else f"{count or 'no'} findings refuse the change"
    also = sum(1 for finding in ordered if finding.refuses and id(finding) in following)
    tail += f", {also} of them only {'a consequence' if also == 1 else 'consequences'} of others" if also else ""
    tail += f", {waivers} waived" if waivers else ""
    return "\n".join([*lines[1:], "", tail])


def _entry(finding: Finding, columns: int, *, coloured: bool, follows: bool) -> list[str]:
    where = f"{finding.where}: " if finding.where else ""
    waived = f", waived by {finding.waiver}" if finding.waiver else ""
    said = f"{finding.level} {finding.rule}{waived}{', a consequence' if follows else ''}"
    style: Style = "refuses" if finding.refuses else "waived" if finding.waiver else "advisory"
    lines = [f"  {where}{_painted(said, style) if coloured else said}"]
    lines += _wrapped(finding.message, columns)
    if unnamed := _unnamed(finding):
        lines += _wrapped(f"with {unnamed}", columns)
    if finding.fix:
        lines += _wrapped(f"fix: {finding.fix}", columns)
    return lines


def _wrapped(text: str, columns: int) -> list[str]:
    return textwrap.wrap(
        text, columns, initial_indent=" " * 4, subsequent_indent=" " * 6, break_on_hyphens=False, break_long_words=False
    )


def _unnamed(finding: Finding) -> str:
    """Those concerned whom the message does not name, by party."""
    names: dict[str, list[str]] = {}
    for item in sorted(finding.participants, key=lambda item: (item.party, item.name)):
        if not item.name or item.name not in finding.message:
            names.setdefault(item.party, []).append(item.name)
    parts = []
    for party, given in names.items():
        known = [name for name in given if name]
        more = f" and {len(known) - SHOWN_NAMES} more" if len(known) > SHOWN_NAMES else ""
        parts.append(f"{party}: {', '.join(known[:SHOWN_NAMES])}{more}" if known else party)
    return "; ".join(parts)


class StoppedError(ZonewrightError):
    """A command cannot go on, for a reason of the command line itself."""

    def __init__(self, *sentences: str, code: Exit) -> None:
        super().__init__(*sentences)
        self.exit_code = code


@contextmanager
def ending_with(code: Exit) -> Iterator[None]:
    """What stops a command within ends it with this code instead of its own."""
    try:
        yield
    except ZonewrightError as error:
        error.exit_code = code
        raise


def report_error(error: Exception | KeyboardInterrupt, *, extra: str = "stack") -> Exit:
    """Print an error, one line for each of its sentences; returns the exit code it stands for.

    Args:
        error: the error.
        extra: the extra of the package that the command needs, should a module be missing.
    """
    sentences, code = _told(error, extra)
    for sentence in sentences:
        print(f"error: {sentence}", file=sys.stderr)
    return code


def _told(error: Exception | KeyboardInterrupt, extra: str) -> tuple[Sequence[str], Exit]:
    """The one place where errors become sentences and exit codes."""
    if isinstance(error, KeyboardInterrupt):
        return ("interrupted",), NOT_DECIDED
    if sentences := sentences_of(error):
        return sentences, error.exit_code if isinstance(error, ZonewrightError) else MISUSE
    if faults := _request_faults(error):
        return faults, MISUSE
    if isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("zonewright"):
        return (f"this command needs {error.name}; pip install 'zonewright[{extra}]' brings it",), MISUSE
    fault = f"zonewright has a fault ({type(error).__name__}: {error})"
    return (f"{fault}; please report it with the output of the same command with --debug",), NOT_DECIDED


def _request_faults(error: Exception) -> tuple[str, ...]:
    """What is wrong with a request that the limits of the ledger's messages refuse before it is sent."""
    from pydantic import ValidationError

    if not isinstance(error, ValidationError) or not error.title.endswith(("Request", "Query")):
        return ()
    return tuple(
        f"{'.'.join(map(str, fault['loc'])) or error.title}: {fault['msg'][:1].lower()}{fault['msg'][1:]}, "
        f"got {str(fault['input'])[:_SHOWN_INPUT]!r}"
        for fault in error.errors(include_url=False)
    )

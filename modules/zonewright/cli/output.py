"""How results are printed: findings for people, JSON for programs, errors as one sentence."""

import json
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from zonewright.rules.finding import Finding, worst_first

GOOD, REFUSED, MISUSE, NOT_DECIDED = 0, 1, 2, 3
FORMAT_VERSION = 1
MAX_WIDTH = 100


def width() -> int:
    """Columns to wrap at: the terminal's, at most 100; 80 in a pipe."""
    return max(40, min(MAX_WIDTH, shutil.get_terminal_size((80, 24)).columns))


def print_json(document: Mapping[str, Any]) -> None:
    """One JSON document with a version, on standard output."""
    print(json.dumps({"version": FORMAT_VERSION, **document}, indent=2, ensure_ascii=False))


def findings_text(findings: Sequence[Finding], *, columns: int) -> str:
    """Findings grouped by subject, worst first, wrapped."""
    lines: list[str] = []
    ordered = worst_first(findings)
    rank = {finding.subject: index for index, finding in reversed(list(enumerate(ordered)))}
    by_subject = sorted(ordered, key=lambda finding: rank[finding.subject])
    for subject, group in groupby(by_subject, key=lambda finding: finding.subject):
        lines += ["", subject]
        for finding in group:
            lines += _entry(finding, columns)
    count = sum(1 for finding in findings if finding.refuses)
    tail = "1 finding refuses the change" if count == 1 else f"{count} findings refuse the change"
    return "\n".join([*lines[1:], "", tail])


def _entry(finding: Finding, columns: int) -> list[str]:
    head = f"{finding.level} {finding.rule}: {finding.message}"
    lines = textwrap.wrap(head, columns, initial_indent="  ", subsequent_indent="    ")
    excess = f", {finding.excess:,} {finding.unit} beyond the limit" if finding.excess else ""
    if finding.where:
        lines.append(f"    at {finding.where}{excess}")
    others = sorted({f"{item.party} {item.name}".strip() for item in finding.participants})
    if others:
        shown = ", ".join(others[:4]) + (f" and {len(others) - 4} more" if len(others) > 4 else "")  # noqa: PLR2004
        lines += textwrap.wrap(f"with {shown}", columns, initial_indent="    ", subsequent_indent="      ")
    if finding.fix:
        lines += textwrap.wrap(f"fix: {finding.fix}", columns, initial_indent="    ", subsequent_indent="      ")
    return lines


def report_error(error: Exception) -> int:
    """Print an error as one sentence; returns the exit code it stands for."""
    from zonewright.declare.stack_file import StackFileError

    code = _ledger_code(error)
    if code is None and isinstance(error, StackFileError | FileNotFoundError | PermissionError):
        code = MISUSE
    if code is None:
        print(
            f"error: zonewright has a fault ({type(error).__name__}: {error}); "
            "please report it with the output of the same command with --debug",
            file=sys.stderr,
        )
        return NOT_DECIDED
    print(f"error: {error}", file=sys.stderr)
    return code


def _ledger_code(error: Exception) -> int | None:
    from zonewright.ledger.errors import LedgerMisuseError, LedgerRefusedError, LedgerUnavailableError

    if isinstance(error, LedgerRefusedError):
        return REFUSED
    if isinstance(error, LedgerMisuseError):
        return MISUSE
    return NOT_DECIDED if isinstance(error, LedgerUnavailableError) else None


def add_format(parser: Any) -> None:
    """Add ``--format text|json``."""
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how to print (default: text)")

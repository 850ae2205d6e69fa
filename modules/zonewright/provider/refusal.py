"""Findings as text for the engine: a refusal, or what an admitted change should know; wrapped by us, worst first.

The engine prints a check failure as it is, and twice its parts when there are several; so all findings make one.
"""

import textwrap
from collections.abc import Sequence

from zonewright.rules.alike import alike, is_consequence
from zonewright.rules.finding import Finding, worst_first

WIDTH = 78
SHOWN = 5


def refusal_text(findings: Sequence[Finding], *, stack: str, width: int = WIDTH) -> str:
    """The text of a refusal.

    Args:
        findings: all findings of the change; those that do not refuse are left out.
        stack: name of the stack, for the command that shows all of them.
        width: columns to wrap at.
    """
    against = alike(worst_first(finding for finding in findings if finding.refuses))
    head = f"{len(against)} finding{'s' if len(against) != 1 else ''}; nothing was claimed or created"
    return "\n".join([f"{head}:", *_entries(against, stack, width)])


def notes_text(findings: Sequence[Finding], *, stack: str, width: int = WIDTH) -> str:
    """What an admitted change should know: findings that are advisory or waived, as lines that follow a first one.

    Args:
        findings: all findings of the change; those that refuse are left out.
        stack: name of the stack, for the command that shows all of them.
        width: columns to wrap at.
    """
    notes = alike(worst_first(finding for finding in findings if not finding.refuses))
    return "".join(f"\n{line}" for line in _entries(notes, stack, width))


def _entries(findings: Sequence[Finding], stack: str, width: int) -> list[str]:
    lines: list[str] = []
    follows = {id(finding): is_consequence(finding, findings) for finding in findings}
    for finding in sorted(findings, key=lambda one: follows[id(one)])[:SHOWN]:
        lines += ["", *_entry(finding, width, follows=follows[id(finding)])]
    if len(findings) > SHOWN:
        lines += ["", f"... and {len(findings) - SHOWN} more: zonewright check --stack {stack}"]
    return lines


def _entry(finding: Finding, width: int, *, follows: bool) -> list[str]:
    where = f"{finding.where}: " if finding.where else ""
    said = f"{finding.rule}, a consequence" if follows else finding.rule
    text = textwrap.wrap(f"{where}[{said}] {finding.message}", width, subsequent_indent="    ", break_on_hyphens=False)
    if finding.waiver is not None:
        text += [f"    waived by {finding.waiver}"]
    others = sorted({item.party for item in finding.participants if not item.name})
    if others:
        text += [f"    also concerned: {', '.join(others)}"]
    if finding.fix:
        text += textwrap.wrap(
            f"fix: {finding.fix}", width, initial_indent="    ", subsequent_indent="         ", break_on_hyphens=False
        )
    return text

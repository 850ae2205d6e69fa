"""A refused change as text for the engine: one failure, wrapped by us, the worst findings first.

The engine prints a check failure as it is, and twice its parts when there are several; so all findings make one.
"""

import textwrap
from collections.abc import Sequence

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
    against = worst_first(finding for finding in findings if finding.refuses)
    head = f"{len(against)} finding{'s' if len(against) != 1 else ''}, nothing was claimed or created"
    lines = [f"{head}:"]
    for finding in against[:SHOWN]:
        lines += ["", *_entry(finding, width)]
    if len(against) > SHOWN:
        lines += ["", f"... and {len(against) - SHOWN} more: zonewright check --stack {stack}"]
    return "\n".join(lines)


def _entry(finding: Finding, width: int) -> list[str]:
    where = f"{finding.where}: " if finding.where else ""
    text = textwrap.wrap(
        f"{where}[{finding.rule}] {finding.message}", width, subsequent_indent="    ", break_on_hyphens=False
    )
    others = sorted({item.party for item in finding.participants if not item.name})
    if others:
        text += [f"    also concerned: {', '.join(others)}"]
    if finding.fix:
        text += textwrap.wrap(
            f"fix: {finding.fix}", width, initial_indent="    ", subsequent_indent="         ", break_on_hyphens=False
        )
    return text

"""How verdicts of native validators are printed: each failure whole, the others counted."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zonewright.render.validators.verdict import Judged

MAX_LINES = 12


def verdict_lines(judged: "Sequence[Judged]", *, columns: int) -> Iterator[str]:
    """For people: passes in one line for each program, what was not run by its reason, failures with what they say."""
    passed = Counter(_program(item) for item in judged if item.verdict.status == "pass")
    missing = Counter(item.verdict.detail for item in judged if item.verdict.status == "not-run")
    for program, count in sorted(passed.items()):
        yield f"pass     {_some(count)} by {program}"
    for reason, count in sorted(missing.items()):
        yield from textwrap.wrap(
            f"not-run  {_some(count)}: {reason}", columns, subsequent_indent=" " * 9, break_on_hyphens=False
        )
    for item in judged:
        if item.verdict.status == "fail":
            yield f"fail     {item.root}, {item.format} by {_program(item)}"
            lines = item.verdict.detail.splitlines()
            yield from (f"           {line}" for line in lines[:MAX_LINES])
            if len(lines) > MAX_LINES:
                yield f"           and {len(lines) - MAX_LINES} more lines"


def _program(item: "Judged") -> str:
    name = item.verdict.program.rsplit("/", 1)[-1]
    signer = f", signed by {item.verdict.signer}" if item.verdict.signer else ""
    return f"{name} {item.verdict.version}".rstrip() + signer


def _some(count: int) -> str:
    return f"{count} node or site" if count == 1 else f"{count} nodes or sites"

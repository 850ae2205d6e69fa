"""Pieces of HTML that all sections of a report are made of."""

from collections.abc import Iterable, Sequence
from html import escape


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """A table whose first column names its rows; where it is wider than the screen, it scrolls on its own.

    Args:
        caption: what it shows.
        heads: of the columns.
        rows: text of the cells.
        numbers: columns that hold numbers.
    """

    def kind(number: int) -> str:
        return ' class="n"' if number in numbers else ""

    head = "".join(f'<th scope="col"{kind(n)}>{escape(text)}</th>' for n, text in enumerate(heads))
    lines = []
    for row in rows:
        first, *rest = row
        cells = "".join(f"<td{kind(n)}>{escape(text)}</td>" for n, text in enumerate(rest, 1))
        lines.append(f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>')
    if not lines:
        return f"<p>{escape(caption)}: none.</p>"
    name = escape(caption, quote=True)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{name}"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def folded(summary: str, inner: str, *, has_markup: bool = False) -> str:
    """Something long behind one line.

    Args:
        summary: the line.
        inner: HTML behind it.
        has_markup: whether the line is HTML already.
    """
    return f"<details><summary>{summary if has_markup else escape(summary)}</summary>{inner}</details>"


def section(name: str, title: str, *parts: str) -> str:
    """A section with its heading."""
    known = escape(name, quote=True)
    return f'<section aria-labelledby="{known}"><h2 id="{known}">{escape(title)}</h2>{"".join(parts)}</section>'

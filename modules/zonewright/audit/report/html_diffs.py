"""The differences of a report as HTML: each group once, deviations first, everything else folded and nothing left out.

Each group has a box to tick. The page has no script: its style sheet alone makes the command that signs what is ticked.
Browsers are told not to tick again what stood at the same place of an earlier page.
"""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import chain, groupby, pairwise

from zonewright.audit.diff.differences import DiffRow, FileDiff, cut, side_by_side, unified
from zonewright.audit.diff.grouping import DiffGroup
from zonewright.audit.diff.owned import OwnedValues, OwnValue, folder_of, hits
from zonewright.audit.diff.series import COUNTED, counted, names_text, series
from zonewright.audit.diff.telling import deviation, names_by_folder, place_of, sentence
from zonewright.audit.diff.words import Spans, changed_words
from zonewright.audit.report.html_parts import folded, section, table
from zonewright.rules.words import count_of

MINUS = "\N{MINUS SIGN}"
COMPACT_AFTER = 3_000_000
"""Characters of the page after which a difference is written without columns and marks, to keep the page small."""
_CHANGES, _RUN, _SHOWN_OF_RUN = 100, 60, 20
_HEAD = (
    '<tr><th scope="col">Old</th><th scope="col">±</th><th scope="col">Before</th>'
    '<th scope="col">New</th><th scope="col">±</th><th scope="col">After</th></tr>'
)


def viewed_style(groups: Sequence[DiffGroup]) -> str:
    """What shows the option of each group that is ticked."""
    return "".join(f"body:has(#v-{one.code}:checked) .v-{one.code}{{display:inline}}" for one in groups)


def differences(
    groups: Sequence[DiffGroup], seen: Mapping[str, Sequence[str]], own: OwnedValues, command: str
) -> Iterator[str]:
    """The section on all differences.

    Args:
        groups: the groups.
        seen: who says to have seen each, by its id.
        own: what is each node's own.
        command: the beginning of the command that approves.
    """
    left = COMPACT_AFTER
    parts = [_intro(groups)]
    for group in groups:
        text = _group(group, seen.get(group.id, ()), is_compact=left <= 0)
        left -= len(text)
        parts.append(text)
    if groups:
        parts.append(_command(groups, command))
    parts.append(_values(groups, own))
    yield section("differences", "Differences", *parts)


def _intro(groups: Sequence[DiffGroup]) -> str:
    files = sum(len(one.members) for one in groups)
    if not groups:
        return "<p>No file changes.</p>"
    return (
        f"<p>{count_of(files, 'file')} in {count_of(len(groups), 'group')}: files of a group differ in the same way, "
        "but for what is each one's own, which is <var>underlined</var>. "
        "What differs from most at its place comes first. <mark>Marked</mark> are the words that change.</p>"
    )


def _group(group: DiffGroup, seen: Sequence[str], *, is_compact: bool) -> str:
    gone, new = group.sample.changed_lines()
    many = f": {sentence(group)}" if len(group.members) > 1 else ""
    head = f"{group.sample.kind} <code>{escape(place_of(group))}</code> (+{new:,} {MINUS}{gone:,}){escape(many)}"
    odd = f'<p class="odd">{escape(deviation(group))}.</p>' if group.is_deviation else ""
    by = f"; seen by {escape(', '.join(seen))}" if seen else ""
    box = f'<input type="checkbox" autocomplete="off" id="v-{group.code}">'
    tick = f'<label class="tick">{box} viewed <code>{group.code}</code>{by}</label>'
    inner = [odd, *(f"<p>{escape(note)}</p>" for note in group.sample.notes), _files(group), _changes(group.sample)]
    inner.append(_compact(group.sample) if is_compact else "".join(_lines(group)))
    return f'<div class="group">{tick}{folded(head, "".join(inner), has_markup=True)}</div>'


def _files(group: DiffGroup) -> str:
    """The names of all files of a group."""
    if len(group.members) == 1:
        return ""
    lines = "".join(
        f"<li>{f'{escape(above)}: ' if above else ''}{escape(names_text(names))}</li>"
        for above, names in names_by_folder(group)
    )
    return f"<p>Shown: <code>{escape(group.sample.path)}</code>. All of them:</p><ul>{lines}</ul>"


def _changes(diff: FileDiff) -> str:
    """What the program reads that is another."""
    if diff.changes is None:
        return ""
    if not diff.changes:
        return "<p>The program reads no difference: only comments, order or spaces differ.</p>"
    if diff.kind != "changed" or all(change.path == "[]" for change in diff.changes):
        return ""  # by path it would be the same lines once more
    items = [f"<li><code>{escape(change.line())}</code></li>" for change in diff.changes]
    more = ""
    if len(items) > _CHANGES:
        more = folded(f"and {len(items) - _CHANGES:,} more", f"<ul>{''.join(items[_CHANGES:])}</ul>")
    return f"<p>By path:</p><ul>{''.join(items[:_CHANGES])}</ul>{more}"


def _compact(diff: FileDiff) -> str:
    return f'<pre class="one">{escape(_printable(unified(diff)))}</pre>'


def _lines(group: DiffGroup) -> Iterator[str]:
    """The lines: beside each other where a file changes, else one below the other."""
    diff, own = group.sample, group.own if len(group.members) > 1 else ()
    if diff.kind != "changed":
        lines = diff.new if diff.kind == "added" else diff.old
        yield _one_sided(list(enumerate(map(cut, lines), 1)), "+" if diff.kind == "added" else MINUS, own)
        return
    caption = escape(f"Lines of {diff.path}, before and after")
    for is_long, rows in groupby(_with_runs(list(side_by_side(diff))), key=lambda pair: pair[0]):
        found = [row for _, row in rows]
        if is_long:
            sides = [(row.left or row.right or (0, "")) for row in found]
            sign = "+" if found[0].tag == "insert" else MINUS
            yield folded(f"and {len(found):,} more lines", _one_sided(sides, sign, own))
        else:
            body = "".join(_row(row, own) for row in found)
            yield f'<table class="diff"><caption>{caption}</caption><thead>{_HEAD}</thead><tbody>{body}</tbody></table>'


def _with_runs(rows: list[DiffRow]) -> Iterator[tuple[bool, DiffRow]]:
    """Each row, and whether it stands behind the first ones of a long run of lines that are only new or only gone."""
    for tag, run in groupby(rows, key=lambda row: row.tag):
        found = list(run)
        is_long = tag in ("insert", "delete") and len(found) > _RUN
        yield from ((is_long and number >= _SHOWN_OF_RUN, row) for number, row in enumerate(found))


def _one_sided(lines: Sequence[tuple[int, str]], sign: str, own: tuple[OwnValue, ...]) -> str:
    """Lines below each other; of those that count up the first and the last."""
    width = len(str(lines[-1][0])) if lines else 1

    def told(some: Sequence[tuple[int, str]]) -> list[str]:
        return [f"<i>{number:>{width}} {sign}</i> {_marked(line, (), own)}" for number, line in some]

    text: list[str] = []
    for part in series([line for _, line in lines]):
        first, last = part.start + part.period, part.stop - part.period
        if part.count == 1:
            text += told(lines[part.start : part.stop])
            continue
        text += told(lines[part.start : first])
        what = "each number the same or one more than" + (f" {part.period} lines" if part.period > 1 else "")
        text.append(f"<b>{' ' * width} {last - first:,} lines like these, {what} above, up to:</b>")
        text += told(lines[last : part.stop])
    return f'<pre class="one {"new" if sign == "+" else "old"}">{chr(10).join(text)}</pre>'


def _row(row: DiffRow, own: tuple[OwnValue, ...]) -> str:
    if row.tag == "gap":
        return '<tr class="gap"><td colspan="6">equal lines left out</td></tr>'
    changed = row.tag != "equal"
    left: Spans = ()
    right: Spans = ()
    if row.tag == "replace" and row.left is not None and row.right is not None:
        left, right = changed_words(row.left[1], row.right[1])
    sides = _side(row.left, MINUS if changed else "", left, own) + _side(row.right, "+" if changed else "", right, own)
    kind = {"equal": "", "replace": ' class="r"', "delete": ' class="d"', "insert": ' class="i"'}[row.tag]
    return f"<tr{kind}>{sides}</tr>"


def _side(side: tuple[int, str] | None, sign: str, spans: Spans, own: tuple[OwnValue, ...]) -> str:
    if side is None:
        return "<td></td><td></td><td></td>"
    return f"<td>{side[0]}</td><td>{sign}</td><td>{_marked(side[1], spans, own)}</td>"


def _marked(line: str, spans: Spans, own: tuple[OwnValue, ...]) -> str:
    """A line with the words that changed and with what is the file's own."""
    found = hits(line, own)
    if not spans and not found:
        return escape(_printable(line))
    edges = sorted({0, len(line), *chain(*spans), *chain(*((hit.start, hit.end) for hit in found))})
    parts = []
    for start, end in pairwise(edges):
        text = escape(_printable(line[start:end]))
        label = next((hit.label for hit in found if hit.start <= start < hit.end), "")
        text = f'<var title="{escape(label)}">{text}</var>' if label else text
        parts.append(f"<mark>{text}</mark>" if any(a <= start < b for a, b in spans) else text)
    return "".join(parts)


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() or char in "\t\n" else "\ufffd" for char in text)


def _command(groups: Sequence[DiffGroup], command: str) -> str:
    options = "".join(f'<span class="v v-{one.code}"> --viewed {one.code}</span>' for one in groups)
    return (
        '<div class="sign"><p>This command approves the change, and signs which of these groups you have ticked. '
        f"Replace <code>FILE</code> by your key.</p><pre>{escape(command)}{options}</pre></div>"
    )


def _values(groups: Sequence[DiffGroup], own: OwnedValues) -> str:
    """What is each node's own where groups name it: with it each file can be read from the one that is shown."""
    named = {folder_of(member.path) for group in groups for member in group.members if group.varying}
    rows: dict[str, list[str]] = {}
    for folder in sorted(named & own.keys()):
        values = {value.label: value.text for value in own[folder]}
        rest = [text for label, text in values.items() if label not in ("name", "rack")]
        rows.setdefault(values.get("rack", ""), []).append(f"{values['name']}: {', '.join(rest)}")
    if not rows:
        return ""
    title = f"What is each node's own: unit and addresses of {count_of(sum(map(len, rows.values())), 'node')}, by rack"
    return folded(
        title,
        table(f"{title}. {COUNTED}", ["Rack", "Nodes"], ([rack, "; ".join(counted(of))] for rack, of in rows.items())),
    )

"""A report as one HTML file: no other file, no script; folded where it is long, readable on paper in black and white.

For a keyboard and a screen reader: one heading for each section, tables with captions and scopes, drawings with their
text, folds that are plain ``details``; what changes is marked by signs and words, not by colour alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from html import escape

from zonewright.audit.diff.differences import DiffRow, FileDiff
from zonewright.audit.diff.views import changed_lines, rows_of
from zonewright.audit.evidence.ratios import ratio_text
from zonewright.audit.report.elevation import PATTERNS, described, drawing
from zonewright.audit.report.elevation import STYLE as RACK_STYLE
from zonewright.audit.report.plots import STYLE as PLOT_STYLE
from zonewright.audit.report.plots import ratio_plot
from zonewright.audit.report.report import EnergySection, Report, SiteReport
from zonewright.audit.report.style import STYLE
from zonewright.audit.report.text import (
    HOST_HEADS,
    MAX_HOSTS,
    ROLLOUT_HEADS,
    VALIDATOR_HEADS,
    approvals,
    decisions,
    facts_of,
    gated_text,
    kinds_text,
    power_text,
    rollout_hosts,
    rollouts,
    validators,
)
from zonewright.render.zone.zone_map import zone_map
from zonewright.render.zone.zone_table import one_decimal, zone_table

MAX_BYTES = 5_000_000
MAX_ROWS, MAX_RACKS, MAX_NODES, MAX_VERDICTS = 400, 24, 500, 200
_DIFF_CHARACTERS = 3_600_000
_MINUS = "\N{MINUS SIGN}"
_WAIVER_HEADS = ("Waiver", "Reason", "Owner", "Approver", "Days", "Up to")
_CSP = "default-src 'none'; style-src 'unsafe-inline'"


def report_html(report: Report) -> str:
    """The report as HTML; its bytes depend on nothing but the report.

    Args:
        report: what it says.
    """
    plan = report.contents.plan
    title = f"Change {plan.digest()[7:19]} of {plan.party}"
    body = [
        '<a class="skip" href="#main">To the report</a>',
        f"<header><h1>{escape(title)}</h1>",
        *_facts(report),
        "</header>",
        _contents(report),
        '<main id="main">',
        *_summary(report),
        *_approvals(report),
        *_findings(report),
        *_sites(report),
        *_map(report),
        *_validators(report),
        *_rollouts(report),
        *_checks(report),
        *_digests(report),
        "</main>",
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_CSP}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}{RACK_STYLE}{PLOT_STYLE}</style>\n</head>\n<body>\n"
        + PATTERNS
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _facts(report: Report) -> Iterator[str]:
    yield "<dl>"
    for name, text in facts_of(report):
        yield f"<dt><strong>{escape(name)}</strong></dt><dd>{escape(text)}</dd>"
    yield "</dl>"


def _contents(report: Report) -> str:
    names = [("summary", "Summary"), ("approvals", "Approvals"), ("findings", "Findings and waivers")]
    names += [(f"site-{site.site}", f"Site {site.site}") for site in report.sites]
    names += [("map", "Map of the zone"), ("validators", "Verdicts of native validators")]
    names += [("rollouts", "Roll-outs"), ("checks", "Verification"), ("digests", "Digests")]
    items = "".join(f'<li><a href="#{escape(name)}">{escape(text)}</a></li>' for name, text in names)
    return f'<nav aria-label="Contents"><ul>{items}</ul></nav>'


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """A table whose first column names its rows.

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


def _summary(report: Report) -> Iterator[str]:
    yield '<section aria-labelledby="summary"><h2 id="summary">Summary</h2>'
    heads = [
        "Site",
        "Risk",
        "IT power",
        "Rack units",
        "Energy ratio of the next twelve months",
        "Nodes",
        "Files",
        "Findings",
    ]
    rows = []
    for site in report.sites:
        power, units, ratio = power_text(site.impact)
        refusing = sum(one.refuses for one in site.findings)
        rows.append(
            [site.site, site.risk, power, units, ratio, f"{len(site.nodes):,}", kinds_text(site.diffs), f"{refusing}"]
        )
    yield _table("Effect of the change on each site, the highest risk first", heads, rows, numbers=(2, 3, 5, 7))
    yield "</section>"


def _approvals(report: Report) -> Iterator[str]:
    yield '<section aria-labelledby="approvals"><h2 id="approvals">Approvals</h2>'
    yield _table("Policies that the change must meet", ["Policy", "Needs"], sorted(report.policies.items()))
    accepts = [
        [one.rule, one.subject, one.message, _number(one.value), _number(one.limit), one.unit]
        for one in report.contents.plan.accepts
    ]
    heads = ["Rule", "At", "What", "Value", "Limit", "Unit"]
    yield _table("Findings that an approval accepts", heads, accepts, numbers=(3, 4))
    yield _table("Signatures", ["Who", "What", "When", "Comment"], approvals(report))
    yield _table("Decisions of the ledger", ["Entry", "Decision", "When", "By"], decisions(report))
    yield "</section>"


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _findings(report: Report) -> Iterator[str]:
    yield '<section aria-labelledby="findings"><h2 id="findings">Findings and waivers</h2>'
    rows = [
        [one.rule, one.level, one.subject, one.message, one.waiver or "", one.fix, one.reference]
        for one in report.findings
    ]
    heads = ["Rule", "Level", "At", "What", "Waived by", "Fix", "Source"]
    yield _table("Findings of the rules when it was planned", heads, rows)
    waivers = report.contents.zone.waivers
    used = sorted({one.waiver for one in report.findings if one.waiver in waivers})
    rows = [
        [
            name,
            waivers[name].reason,
            waivers[name].owner,
            waivers[name].approver,
            f"{waivers[name].valid_from} to {waivers[name].valid_until}",
            f"{waivers[name].max_excess:,}",
        ]
        for name in used
        if name is not None
    ]
    yield _table("Waivers in use", ["Waiver", "Reason", "Owner", "Approver", "Days", "Up to"], rows, numbers=(5,))
    yield "</section>"


def _sites(report: Report) -> Iterator[str]:
    left = _DIFF_CHARACTERS
    for site in report.sites:
        name = escape(site.site)
        yield f'<section aria-labelledby="site-{name}"><h2 id="site-{name}">Site {name}</h2>'
        rows = [[one.name, one.before, one.after] for one in site.nodes[:MAX_NODES]]
        yield _table("Nodes that are new, moved or gone", ["Node", "Before", "After"], rows)
        if len(site.nodes) > MAX_NODES:
            yield f"<p>And {len(site.nodes) - MAX_NODES:,} more; plan.json of the bundle has all of them.</p>"
        yield from _racks(site)
        if site.energy is not None:
            yield from _energy(site.energy)
        if site.diffs:
            yield f"<h3>Files of {name}</h3>"
        for diff in site.diffs:
            text = _diff(diff, left)
            left -= len(text)
            yield text
        yield "</section>"


def _racks(site: SiteReport) -> Iterator[str]:
    if not site.racks:
        return
    worst = sorted(site.racks, key=lambda one: (-one.changes, one.rack.id))[:MAX_RACKS]
    shown = sorted(worst, key=lambda one: one.rack.id)
    yield f"<h3>Racks of {escape(site.site)}</h3>"
    yield f"<p>+ new, → moved here, ← moved away, {_MINUS} gone; hatched: another party; dotted: baseline.</p>"
    if len(shown) < len(site.racks):
        yield f"<p>The {len(shown)} racks of {len(site.racks):,} with the most changes.</p>"
    yield '<div class="racks">'
    for one in shown:
        caption = escape(f"{one.rack.id}: {described(one)}")
        yield f'<figure><div class="wide" tabindex="0" role="region" aria-label="Rack {escape(one.rack.id)}">'
        yield f"{drawing(one)}</div><figcaption>{caption}</figcaption></figure>"
    yield "</div>"


def _energy(energy: EnergySection) -> Iterator[str]:
    found = energy.measured
    name = escape(energy.site)
    yield f"<h3>Energy ratio of {name}</h3>"
    rows = [
        ["trailing twelve months", ratio_text(found["trailing_ratio"]), str(found["trailing"])],
        ["projection of the calendar year", ratio_text(found["projection_ratio"]), str(found["projection"])],
    ]
    caption = f"Figures of {energy.site}, limit {energy.limit:g}"
    yield _table(caption, ["Figure", "Ratio", "Verdict"], rows, numbers=(1,))
    above, below = map(int, str(found["coverage"]).split("/"))
    load = "unknown" if found["it_load_w"] is None else f"{found['it_load_w'] / 1000:,.1f} kW"
    reason = f"; {found['reason']}" if found["reason"] else ""
    text = f"Coverage {100 * above / below:.2f} %, last complete hour {found['age_days']:.1f} days old"
    yield f"<p>{escape(f'{text}, mean IT load {load}{reason}')}.</p>"
    yield f'<figure class="wide" tabindex="0">{ratio_plot(energy.site, energy.months, energy.limit)}'
    yield "<figcaption>Energy ratio by month; dashed: the limit; dark: above it.</figcaption></figure>"
    rows = [[meter, f"{count:,}", first, last, trust] for meter, count, first, last, trust in energy.registers]
    yield _table("Registers behind these figures", ["Meter", "Readings", "First", "Last", "Trust"], rows, numbers=(1,))


def _diff(diff: FileDiff, left: int) -> str:
    gone, new = changed_lines(diff)
    head = f"{diff.kind} <code>{escape(diff.path)}</code> (+{new:,} {_MINUS}{gone:,})"
    if left <= 0:
        return f"<p>{head}: left out to keep this page small; the bundle has it.</p>"
    parts = [f"<details><summary>{head}</summary>", *(f"<p>{escape(note)}</p>" for note in diff.notes)]
    if diff.changes is not None:
        items = "".join(f"<li><code>{escape(change.line())}</code></li>" for change in diff.changes[:100])
        more = f"<li>and {len(diff.changes) - 100:,} more</li>" if len(diff.changes) > 100 else ""  # noqa: PLR2004
        empty = "<p>The program reads no difference: only comments, order or spaces differ.</p>"
        parts.append(f"<ul>{items}{more}</ul>" if items else empty)
    rows, hidden = rows_of(diff, MAX_ROWS)
    caption = escape(f"Lines of {diff.path}, before and after")
    parts.append(f'<table class="diff"><caption>{caption}</caption><thead>{_DIFF_HEAD}</thead><tbody>')
    parts += [_row(row) for row in rows]
    parts.append("</tbody></table>")
    if hidden:
        parts.append(f"<p>And {hidden:,} more rows; the whole file is in the bundle.</p>")
    parts.append("</details>")
    return "".join(parts)


_DIFF_HEAD = (
    '<tr><th scope="col" class="no">Old</th><th scope="col" class="sign">±</th><th scope="col">Before</th>'
    '<th scope="col" class="no">New</th><th scope="col" class="sign">±</th><th scope="col">After</th></tr>'
)


def _row(row: DiffRow) -> str:
    if row.tag == "gap":
        return '<tr class="gap"><td colspan="6">equal lines left out</td></tr>'
    changed = row.tag != "equal"
    return (
        f"<tr>{_side(row.left, _MINUS if changed else '', 'old')}{_side(row.right, '+' if changed else '', 'new')}</tr>"
    )


def _side(side: tuple[int, str] | None, sign: str, kind: str) -> str:
    if side is None:
        return "<td></td><td></td><td></td>"
    mark = f' class="{kind}"' if sign else ""
    text = escape("".join(char if char.isprintable() or char == "\t" else "\ufffd" for char in side[1]))
    return f'<td class="no">{side[0]}</td><td class="sign">{sign}</td><td{mark}>{text}</td>'


def _map(report: Report) -> Iterator[str]:
    yield '<section aria-labelledby="map"><h2 id="map">Map of the zone</h2>'
    if report.zone is None or not any(one.site.location for one in report.zone.sites.values()):
        why = (
            "No site of the zone has coordinates." if report.contents.partial is None else "In the zone's bundle only."
        )
        yield f"<p>{why}</p></section>"
        return
    table = zone_table(replace(report.world, zone=report.zone))
    drawn = zone_map(report.zone, table)
    # Its style sheet is for a file of its own; here it holds inside the drawing only.
    drawn = drawn.replace("<style>", "<style>@scope {", 1).replace("</style>", "}</style>", 1)
    yield f'<figure class="wide" tabindex="0">{drawn}</figure>'
    rows = [[one.id, f"{one.a} to {one.b}", one_decimal(one.km), one.way()] for one in table.links]
    yield _table("Links and their ducts", ["Link", "Between", "km", "Ducts"], rows, numbers=(2,))
    rows = [[one.id, one.kind, ", ".join(one.links)] for one in table.shared_risks]
    yield _table("Risks that links share", ["What", "Kind", "Links"], rows)
    yield "</section>"


def _checks(report: Report) -> Iterator[str]:
    yield '<section aria-labelledby="checks"><h2 id="checks">Verification</h2>'
    rows = [[one.name, one.verdict, one.detail] for one in report.checks]
    yield _table("Results of the verification of the bundle", ["Check", "Verdict", "Detail"], rows)
    yield "</section>"


def _validators(report: Report) -> Iterator[str]:
    yield '<section aria-labelledby="validators"><h2 id="validators">Verdicts of native validators</h2>'
    yield f"<p>{escape(gated_text(report))}</p>"
    rows = validators(report)
    yield _table("Verdicts of validators, failures first", VALIDATOR_HEADS, rows[:MAX_VERDICTS])
    if len(rows) > MAX_VERDICTS:
        yield f"<p>And {len(rows) - MAX_VERDICTS:,} more; validators.json of the bundle has all of them.</p>"
    yield "</section>"


def _rollouts(report: Report) -> Iterator[str]:
    yield '<section aria-labelledby="rollouts"><h2 id="rollouts">Roll-outs</h2>'
    yield _table("Runs that brought the change to hosts", ROLLOUT_HEADS, rollouts(report))
    rows = rollout_hosts(report)
    if rows:
        yield _table("Results by host, the last run first", HOST_HEADS, rows[:MAX_HOSTS])
    if len(rows) > MAX_HOSTS:
        yield f"<p>And {len(rows) - MAX_HOSTS:,} more; rollouts/ of the bundle has all of them.</p>"
    yield "</section>"


def _digests(report: Report) -> Iterator[str]:
    plan = report.contents.plan
    yield '<section aria-labelledby="digests"><h2 id="digests">Digests</h2>'
    rows = [
        ["plan", plan.digest()],
        ["change", plan.change_digest],
        ["demand", plan.demand_digest],
        ["zone file", plan.zone_digest],
        ["rendered files", plan.rendered_digest],
        ["snapshot of the facts", plan.snapshot],
        *([f"version of {name}", text] for name, text in plan.versions.items()),
    ]
    yield _table("What is bound by the signatures", ["What", "Digest or version"], rows)
    yield "</section>"

"""A report as one HTML file: no other file, no script; folded where it is long, readable on paper in black and white.

For a keyboard and a screen reader: one heading for each section, tables with captions and scopes, drawings with their
text, folds that are plain ``details``; what changes is marked by signs and words, not by colour alone.
"""

from collections.abc import Iterator
from dataclasses import replace
from html import escape

from zonewright.audit.diff.owned import OwnedValues
from zonewright.audit.report import told
from zonewright.audit.report.elevation import PATTERNS
from zonewright.audit.report.elevation import STYLE as RACK_STYLE
from zonewright.audit.report.figures import amount_text
from zonewright.audit.report.html_diffs import differences, viewed_style
from zonewright.audit.report.html_parts import folded, section, table
from zonewright.audit.report.html_sites import site_section
from zonewright.audit.report.plots import STYLE as PLOT_STYLE
from zonewright.audit.report.report import Report
from zonewright.audit.report.style import STYLE
from zonewright.render.zone.zone_map import zone_map
from zonewright.render.zone.zone_table import one_decimal, zone_table

MAX_BYTES = 5_000_000
_JOURNAL = 12
_JUDGED = "Digests of the files that validators judged"
_CSP = "default-src 'none'; style-src 'unsafe-inline'"


def report_html(report: Report) -> str:
    """The report as HTML; its bytes depend on nothing but the report.

    Args:
        report: what it says.
    """
    plan = report.contents.plan
    title = f"Change {plan.digest()[7:19]} of {plan.party}"
    command = f"zonewright change approve {plan.digest()[7:19]} --key FILE"
    body = [
        '<a class="skip" href="#main">To the report</a>',
        f"<header><h1>{escape(title)}</h1>",
        *_facts(report),
        "</header>",
        _contents(report),
        '<main id="main">',
        _summary(report),
        _findings(report),
        *differences(report.groups, told.seen_by(report), _unlisted(report), command),
        *(site_section(site, report.own) for site in report.sites),
        _map(report),
        _approvals(report),
        _validators(report),
        _rollouts(report),
        _checks(report),
        _journal(report),
        _digests(report),
        "</main>",
    ]
    style = f"{STYLE}{RACK_STYLE}{PLOT_STYLE}{viewed_style(report.groups)}"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_CSP}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        + PATTERNS
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _unlisted(report: Report) -> OwnedValues:
    """What is the own of the nodes that the section of their site does not list, because they stay where they are."""
    listed = {f"nodes/{site.site}/{node.name}" for site in report.sites for node in site.nodes}
    return {folder: values for folder, values in report.own.items() if folder not in listed}


def _facts(report: Report) -> Iterator[str]:
    yield '<dl class="facts">'
    for name, text in told.facts_of(report):
        said = _not_checked(report) if name == told.NOT_CHECKED else escape(text)
        yield f"<div><dt>{escape(name)}</dt><dd>{said}</dd></div>"
    yield "</dl>"


def _not_checked(report: Report) -> str:
    """One line, and behind it what each check lacks: a dozen of them would push the change off the first screen."""
    left, lacking = told.not_checked(report)
    return folded(left, f"<ul>{''.join(f'<li>{escape(one)}</li>' for one in lacking)}</ul>")


def _contents(report: Report) -> str:
    names = [("summary", "Summary"), ("findings", "Findings and waivers"), ("differences", "Differences")]
    names += [(f"site-{site.site}", f"Site {site.site}") for site in report.sites]
    names += [("map", "Map of the zone"), ("approvals", "Approvals"), ("validators", "Verdicts of native validators")]
    names += [("rollouts", "Roll-outs"), ("checks", "Verification"), ("journal", "Journal"), ("digests", "Digests")]
    items = "".join(f'<li><a href="#{escape(name)}">{escape(text)}</a></li>' for name, text in names)
    return f'<nav aria-label="Contents"><ul>{items}</ul></nav>'


def _summary(report: Report) -> str:
    caption = "Effect of the change on each site, the highest risk first"
    return section("summary", "Summary", table(caption, told.SITE_HEADS, told.sites(report), numbers=(2, 3, 5)))


def _approvals(report: Report) -> str:
    return section(
        "approvals",
        "Approvals",
        table("Policies that the change must meet", ["Policy", "Needs"], sorted(report.policies.items())),
        table("Findings that an approval accepts", told.ACCEPT_HEADS, told.accepts(report), numbers=(3, 4)),
        table("Signatures", told.SIGNATURE_HEADS, told.signatures(report)),
        table("Decisions of the ledger", ["Entry", "Decision", "When", "By"], told.decisions(report)),
    )


def _findings(report: Report) -> str:
    rows = [
        [one.rule, one.level, one.subject, one.message, one.waiver or "", one.fix, one.reference]
        for one in report.findings
    ]
    heads = ["Rule", "Level", "At", "What", "Waived by", "Fix", "Source"]
    waivers = report.contents.zone.waivers
    used = {one.waiver: one.unit for one in report.findings if one.waiver in waivers}
    waived = [
        [
            name,
            waivers[name].reason,
            waivers[name].owner,
            waivers[name].approver,
            f"{waivers[name].valid_from} to {waivers[name].valid_until}",
            amount_text(waivers[name].max_excess, unit),
        ]
        for name, unit in sorted(used.items(), key=lambda pair: str(pair[0]))
        if name is not None
    ]
    waiver_heads = ["Waiver", "Reason", "Owner", "Approver", "Days", "Up to"]
    return section(
        "findings",
        "Findings and waivers",
        table("Findings of the rules when it was planned", heads, rows),
        table("Waivers in use", waiver_heads, waived, numbers=(5,)),
    )


def _map(report: Report) -> str:
    if report.zone is None or not any(one.site.location for one in report.zone.sites.values()):
        why = (
            "No site of the zone has coordinates." if report.contents.partial is None else "In the zone's bundle only."
        )
        return section("map", "Map of the zone", f"<p>{why}</p>")
    found = zone_table(replace(report.world, zone=report.zone))
    drawn = zone_map(report.zone, found)
    # Its style sheet is for a file of its own; here it holds inside the drawing only.
    drawn = drawn.replace("<style>", "<style>@scope {", 1).replace("</style>", "}</style>", 1)
    rows = [[one.id, f"{one.a} to {one.b}", one_decimal(one.km), one.way()] for one in found.links]
    risks = [[one.id, one.kind, ", ".join(one.links)] for one in found.shared_risks]
    return section(
        "map",
        "Map of the zone",
        f'<figure class="wide map" tabindex="0">{drawn}</figure>',
        folded(
            f"{len(rows):,} links and their ducts, {len(risks):,} risks that they share",
            table("Links and their ducts", ["Link", "Between", "km", "Ducts"], rows, numbers=(2,))
            + table("Risks that links share", ["What", "Kind", "Links"], risks),
        ),
    )


def _checks(report: Report) -> str:
    rows = [[one.name, one.verdict, one.detail] for one in report.checks]
    caption = "Results of the verification of the bundle"
    return section("checks", "Verification", table(caption, ["Check", "Verdict", "Detail"], rows))


def _validators(report: Report) -> str:
    """Verdicts; the digests are on the page and not on paper, where 300 nodes would fill twenty sheets with them."""
    digests = table(_JUDGED, told.JUDGED_HEADS, told.judged_digests(report))
    return section(
        "validators",
        "Verdicts of native validators",
        f"<p>{escape(told.gated_text(report))}</p>",
        table("Verdicts of validators, failures first", told.VALIDATOR_HEADS, told.validators(report)),
        f'<div class="screen">{folded(_JUDGED, digests)}</div>' if report.validators else "",
    )


def _rollouts(report: Report) -> str:
    hosts = told.rollout_hosts(report)
    return section(
        "rollouts",
        "Roll-outs",
        table("Runs that brought the change to hosts", told.ROLLOUT_HEADS, told.rollouts(report)),
        table("Results by host, the last run first", told.HOST_HEADS, hosts) if hosts else "",
    )


def _journal(report: Report) -> str:
    """All entries, also those on other changes that came between."""
    rows, count = told.journal(report), len(report.contents.journal)
    if not rows:
        return section("journal", "Journal", "<p>No entry of the journal is in the bundle.</p>")
    first, last = report.contents.journal[0].sequence, report.contents.journal[-1].sequence
    caption = f"All {count:,} entries of the ledger's journal in this bundle, {first:,} to {last:,}"
    whole = table(caption, told.JOURNAL_HEADS, rows)
    return section("journal", "Journal", whole if len(rows) <= _JOURNAL else folded(caption, whole))


def _digests(report: Report) -> str:
    plan = report.contents.plan
    rows = [
        ["plan", plan.digest()],
        ["change", plan.change_digest],
        ["demand", plan.demand_digest],
        ["zone file", plan.zone_digest],
        ["rendered files", plan.rendered_digest],
        ["snapshot of the facts", plan.snapshot],
        *([f"version of {name}", text] for name, text in plan.versions.items()),
    ]
    return section("digests", "Digests", table("What is bound by the signatures", ["What", "Digest or version"], rows))

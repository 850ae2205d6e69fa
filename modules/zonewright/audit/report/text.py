"""The report as Markdown and as data."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from zonewright.audit.diff.differences import file_diffs, unified
from zonewright.audit.diff.grouping import DiffGroup
from zonewright.audit.diff.owned import OwnedValues
from zonewright.audit.diff.series import counted
from zonewright.audit.diff.telling import deviation, files_line, place_of, sentence
from zonewright.audit.diff.views import diff_data, group_data
from zonewright.audit.evidence.ratios import ratio_text
from zonewright.audit.report import told
from zonewright.audit.report.elevation import described, feed_loads
from zonewright.audit.report.report import Report, SiteReport
from zonewright.changes.validated import verdict_data
from zonewright.rules.words import count_of

MAX_MARKDOWN = 900_000
"""Characters, below what a merge request takes."""


def report_markdown(report: Report) -> str:
    """The report as Markdown, for a merge request; differences are folded, equal ones shown once.

    What is longer than a merge request takes is named without its lines, which the page says.
    """
    plan = report.contents.plan
    lines = [f"# Change {plan.digest()[7:19]} of {_cell(plan.party)}", ""]
    lines += [f"- **{name}**: {_cell(text)}" for name, text in told.facts_of(report)]
    lines += ["", "## Summary", ""]
    lines += _table(told.SITE_HEADS, told.sites(report))
    lines += ["", "## Approvals", ""]
    lines += [f"- policy {name}: {_cell(text)}" for name, text in sorted(report.policies.items())]
    lines += [f"- to be accepted: [{one.rule}] {_cell(one.message)}" for one in plan.accepts]
    lines += _table(told.SIGNATURE_HEADS, told.signatures(report))
    lines += _table(("Entry", "Decision", "When", "Approved by"), told.decisions(report))
    lines += ["", "## Findings and waivers", ""]
    rows = [[one.rule, one.level, one.subject, one.message, one.waiver or ""] for one in report.findings]
    lines += _table(["Rule", "Level", "At", "What", "Waived by"], rows)
    for site in report.sites:
        lines += _site(site, report.own)
    lines += ["", "## Verdicts of native validators", "", told.gated_text(report)]
    lines += _table(told.VALIDATOR_HEADS, told.validators(report))
    lines += _table(told.JUDGED_HEADS, told.judged_digests(report))
    lines += ["", "## Roll-outs", ""]
    lines += _table(told.ROLLOUT_HEADS, told.rollouts(report)) or ["None is recorded."]
    lines += _table(told.HOST_HEADS, told.rollout_hosts(report))
    lines += ["", "## Verification", ""]
    lines += _table(["Check", "Verdict", "Detail"], [[one.name, one.verdict, one.detail] for one in report.checks])
    lines += ["", "## Journal", ""]
    lines += _table(told.JOURNAL_HEADS, told.journal(report)) or ["None is in the bundle."]
    lines += ["", "## Digests", ""]
    lines += _table(["What", "Digest"], [["plan", plan.digest()], ["change", plan.change_digest]])
    lines += ["", "## Differences", ""]
    text, seen = "\n".join(lines) + "\n", told.seen_by(report)
    parts, named, room = [], 0, MAX_MARKDOWN - len(text)
    for group in report.groups:
        part = _folded(group, seen.get(group.id, ()))
        if len(part) > room:
            part, named = _named(group, seen.get(group.id, ())), named + 1
        room -= len(part)
        parts.append(part)
    if named:
        text += (
            f"**Of {named:,} of {count_of(len(parts), 'group')} of differences the lines are not here**, because a "
            "merge request does not take a longer text. They are in the bundle, and in the report as HTML.\n"
        )
    return "".join([text, *parts])


def _site(site: SiteReport, own: OwnedValues) -> Iterator[str]:
    yield from ["", f"## Site {site.site}", ""]
    yield from _table(
        ["Where", "Nodes"], [[where, "; ".join(counted(nodes))] for where, nodes in told.node_rows(site, own)]
    )
    for rack in site.racks:
        yield f"- rack {rack.rack.id}: {_cell(described(rack))}"
        for feed, allowed, before, after, alone in feed_loads(rack):
            yield f"  - feed {feed}: {before:,} W -> {after:,} W of {allowed:,} W; alone {alone:,} W"
    if site.energy is not None:
        found = site.energy.measured
        yield (
            f"- energy ratio, limit {site.energy.limit:g}: trailing year {ratio_text(found['trailing_ratio'])} "
            f"{found['trailing']}, projection of the year {ratio_text(found['projection_ratio'])} {found['projection']}"
        )
        rows = [
            [
                month.name,
                month.told,
                f"{100 * month.coverage:.1f} %",
            ]
            for month in site.energy.months
        ]
        yield ""
        yield from _table(["Month", "Energy ratio", "Coverage"], rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(map(_cell, row))} |" for row in rows]
    if not lines:
        return []
    return ["", f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}", *lines, ""]


def _cell(text: str) -> str:
    """Text that stays text in Markdown: no HTML, no table, no link."""
    flat = " ".join(text.split())
    return "".join(f"\\{char}" if char in "\\`*_[]|<>#" else char for char in flat).replace("&", "&amp;")


def _head(group: DiffGroup) -> str:
    gone, new = group.sample.changed_lines()
    return f"{group.sample.kind} {_cell(place_of(group))} ({group.code}, +{new:,} -{gone:,})"


def _notes(group: DiffGroup, seen: Sequence[str]) -> list[str]:
    """What is told of a group beside its lines: each of its files, too."""
    notes = [deviation(group)] if group.is_deviation else []
    notes += [sentence(group), files_line(group)] if len(group.members) > 1 else []
    return [_cell(note) for note in (*notes, *([f"seen by {', '.join(seen)}"] if seen else []))]


def _named(group: DiffGroup, seen: Sequence[str]) -> str:
    return f"\n- {'; '.join([f'{_head(group)}: its lines are not here', *_notes(group, seen)])}\n"


def _folded(group: DiffGroup, seen: Sequence[str]) -> str:
    text = unified(group.sample)
    fence = "`" * max(3, 1 + max((len(run) for run in _runs(text)), default=0))
    lines = "".join(f"{note}\n\n" for note in _notes(group, seen))
    return f"\n<details><summary>{_head(group)}</summary>\n\n{lines}{fence}diff\n{text}{fence}\n\n</details>\n"


def _runs(text: str) -> Iterator[str]:
    run = ""
    for char in text:
        if char == "`":
            run += char
        elif run:
            yield run
            run = ""
    if run:
        yield run


def report_data(report: Report) -> dict[str, Any]:
    """The report as plain data; each file with its difference, and the groups of those that are equal."""
    heads = ("who", "party", "groups", "what", "when", "received", "key", "seen", "comment")
    files = {diff.path: diff_data(diff) for diff in file_diffs(*report.contents.changed())}
    return {
        "plan": {"digest": report.contents.plan.digest(), **report.contents.plan.model_dump(mode="json")},
        "facts": dict(told.facts_of(report)),
        "policies": dict(report.policies),
        "signatures": [dict(zip(heads, row, strict=True)) for row in told.signatures(report)],
        "decisions": [
            dict(zip(("entry", "decision", "when", "approved_by"), row, strict=True)) for row in told.decisions(report)
        ],
        "findings": [one.to_data() for one in report.findings],
        "sites": [_site_data(site, files) for site in report.sites],
        "groups": [group_data(group) for group in report.groups],
        "gated_formats": sorted(report.contents.zone.gated_formats),
        "validators": [verdict_data(one) for one in report.validators],
        "rollouts": [one.to_data() for one in report.rollouts],
        "journal": [
            {
                "sequence": one.sequence,
                "at": one.at,
                "kind": one.kind,
                "stack_id": one.stack_id,
                "party": one.party,
                "plan": str(one.payload.get("plan", "")),
            }
            for one in report.contents.journal
        ],
        "checks": [asdict(check) for check in report.checks],
    }


def _site_data(site: SiteReport, files: dict[str, Any]) -> dict[str, Any]:
    return {
        "site": site.site,
        "risk": site.risk,
        "impact": site.impact.model_dump(mode="json") if site.impact is not None else None,
        "nodes": [asdict(node) for node in site.nodes],
        "racks": [
            {
                "rack": one.rack.id,
                "changes": described(one),
                "feeds": [
                    dict(zip(("feed", "limit_w", "before_w", "after_w", "after_loss_w"), row, strict=True))
                    for row in feed_loads(one)
                ],
            }
            for one in site.racks
        ],
        "files": [data for path, data in files.items() if path.split("/", 2)[1:2] == [site.site]],
        "findings": [one.to_data() for one in site.findings],
        "energy": None if site.energy is None else asdict(site.energy),
    }

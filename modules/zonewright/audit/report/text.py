"""The parts of a report that HTML and Markdown share, as rows of text; and the report as Markdown and as data."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from zonewright.audit.diff.differences import FileDiff, unified
from zonewright.audit.diff.views import diff_data
from zonewright.audit.evidence.checks import Check
from zonewright.audit.evidence.ratios import ratio_text
from zonewright.audit.report.elevation import described, feed_loads
from zonewright.audit.report.report import Report, SiteReport
from zonewright.changes.validated import verdict_data
from zonewright.ledger.protocol.admission_messages import Impact
from zonewright.ledger.protocol.rollout_messages import ROLLED_OUT
from zonewright.seal import SealError
from zonewright.seal.votes import opened

MAX_MARKDOWN, MAX_HOSTS = 900_000, 500
PARTY_TEXT = "what {} may see; racks, registers, map and facts of others are in the zone's bundle only"


def facts_of(report: Report) -> list[tuple[str, str]]:
    """What stands at the head of a report."""
    plan = report.contents.plan
    wrong = sum(check.verdict == "wrong" for check in report.checks)
    state = "planned"
    for entry in report.contents.journal:
        if entry.payload.get("plan") == plan.digest() and entry.kind in ("approved", "rejected", "refused", "admitted"):
            state = f"{entry.kind} at {entry.at[:19]}"
    for_whom = [] if report.contents.partial is None else [("Shown", PARTY_TEXT.format(report.contents.partial.party))]
    return [
        *for_whom,
        ("Stack", f"{plan.stack_id} of {plan.party}, zone {plan.zone}"),
        ("Reason", plan.reason or "none given"),
        ("Risk", f"{plan.risk}{', emergency lane' if plan.emergency else ''}"),
        ("Planned", plan.planned_at[:19]),
        ("State", state),
        *([("Rolled out", _last_rollout(report))] if report.rollouts else []),
        ("Verification", f"{wrong} of {len(report.checks)} checks are wrong" if wrong else "nothing is wrong"),
        *([("Not checked", _not_checked(report))] if _left(report) else []),
    ]


def _left(report: Report) -> list[Check]:
    return [check for check in report.checks if check.verdict == "not-checked"]


def _not_checked(report: Report) -> str:
    """How many checks could not be made, and what each of them lacks."""
    left = _left(report)
    why = "; ".join(f"{check.name} ({check.detail})" for check in left)
    return f"{len(left)} of {len(report.checks)} checks: {why}"


def _last_rollout(report: Report) -> str:
    last = report.rollouts[-1]
    return f"{last.record.ended[:19]} by {last.record.who}: {last.counts}"


def power_text(impact: Impact | None) -> tuple[str, str, str]:
    """Kilowatts, rack units and energy ratio of one site's impact."""
    if impact is None:
        return "0.0 kW", "0 U", ""
    ratio = ""
    if impact.ratio_after is not None:
        ratio = f"{impact.ratio_before or 'no load'} -> {impact.ratio_after}"
    return f"{impact.kw:+,.1f} kW", f"{impact.units:+,} U", ratio


def kinds_text(diffs: Sequence[FileDiff]) -> str:
    """How many files are added, changed and removed."""
    counts = {kind: sum(one.kind == kind for one in diffs) for kind in ("added", "changed", "removed")}
    return ", ".join(f"{count:,} {kind}" for kind, count in counts.items() if count) or "none"


def approvals(report: Report) -> list[list[str]]:
    """Author and verdicts: who, what, when, comment."""
    contents, rows = report.contents, []
    for text in ([contents.author] if contents.author else []) + contents.verdicts:
        try:
            signer, _key, said = opened(text, contents.zone.signers)
        except SealError as error:
            rows.append(["unknown", "a signature that is not valid here", "", str(error)])
            continue
        word = str(said.predicate.get("verdict", "author"))
        rows.append([signer, word, str(said.predicate.get("at"))[:19], str(said.predicate.get("comment", ""))])
    return rows


VALIDATOR_HEADS = ("At", "Format", "Verdict", "Program", "Version", "Arguments", "Output", "Signed by", "Digest")
_OUTPUT = 400


def validators(report: Report) -> list[list[str]]:
    """What validators said, failures first: on what, by which program, how it was called, who has signed it."""
    order = {"fail": 0, "not-run": 1, "pass": 2}
    rows = sorted(report.validators, key=lambda one: (order[one.verdict.status], one.root, one.format))
    return [
        [
            one.root,
            one.format,
            one.verdict.status,
            one.verdict.program,
            one.verdict.version,
            "; ".join(" ".join(call) for call in one.verdict.arguments),
            one.verdict.detail[:_OUTPUT] + (" ..." if len(one.verdict.detail) > _OUTPUT else ""),
            one.verdict.signer or "nobody, run by the author",
            one.digest,
        ]
        for one in rows
    ]


def gated_text(report: Report) -> str:
    """Which formats open on a pass only."""
    gated = ", ".join(sorted(report.contents.zone.gated_formats))
    return f"Files of {gated} need a pass." if gated else "The zone gates no format: no verdict was needed."


def decisions(report: Report) -> list[list[str]]:
    """What the ledger decided on the plan: entry, decision, when, by whom it was approved."""
    digest = report.contents.plan.digest()
    return [
        [f"{entry.sequence}", entry.kind, entry.at[:19], ", ".join(map(str, entry.payload.get("approved_by", ())))]
        for entry in report.contents.journal
        if entry.payload.get("plan") == digest and entry.kind != ROLLED_OUT
    ]


ROLLOUT_HEADS = ("Run", "Who", "What", "Began", "Ended", "Hosts", "Versions")
HOST_HEADS = ("Host", "Run", "State", "Before", "After", "Why")


def rollouts(report: Report) -> list[list[str]]:
    """The runs that brought the change to hosts: who, what, when, hosts by state, versions."""
    return [
        [
            one.record.run,
            one.record.who,
            one.record.what,
            one.record.began[:19],
            one.record.ended[:19],
            one.counts,
            one.versions,
        ]
        for one in report.rollouts
    ]


def rollout_hosts(report: Report) -> list[list[str]]:
    """How each run ended for each host, the last run first."""
    return [
        [host.host, one.record.run, host.state, host.before or "nothing", host.after or "nothing", host.reason]
        for one in reversed(report.rollouts)
        for host in one.record.hosts
    ]


def report_markdown(report: Report) -> str:
    """The report as Markdown, for a merge request; file differences are folded, and cut where it gets too long."""
    plan = report.contents.plan
    lines = [f"# Change {plan.digest()[7:19]} of {_cell(plan.party)}", ""]
    lines += [f"- **{name}**: {_cell(text)}" for name, text in facts_of(report)]
    lines += ["", "## Summary", ""]
    rows = [
        [site.site, site.risk, *power_text(site.impact), f"{len(site.nodes):,}", kinds_text(site.diffs)]
        for site in report.sites
    ]
    lines += _table(["Site", "Risk", "IT power", "Units", "Energy ratio", "Nodes", "Files"], rows)
    lines += ["", "## Approvals", ""]
    lines += [f"- policy {name}: {_cell(text)}" for name, text in sorted(report.policies.items())]
    lines += [f"- to be accepted: [{one.rule}] {_cell(one.message)}" for one in plan.accepts]
    lines += _table(["Who", "What", "When", "Comment"], approvals(report))
    lines += _table(["Entry", "Decision", "When", "Approved by"], decisions(report))
    lines += ["", "## Findings and waivers", ""]
    rows = [[one.rule, one.level, one.subject, one.message, one.waiver or ""] for one in report.findings]
    lines += _table(["Rule", "Level", "At", "What", "Waived by"], rows)
    for site in report.sites:
        lines += _site(site)
    lines += ["", "## Verdicts of native validators", "", gated_text(report)]
    lines += _table(VALIDATOR_HEADS, validators(report))
    lines += ["", "## Roll-outs", ""]
    lines += _table(ROLLOUT_HEADS, rollouts(report)) or ["None is recorded."]
    hosts = rollout_hosts(report)
    lines += _table(HOST_HEADS, hosts[:MAX_HOSTS])
    if len(hosts) > MAX_HOSTS:
        lines.append(f"And {len(hosts) - MAX_HOSTS:,} more hosts; rollouts/ of the bundle has all of them.")
    lines += ["", "## Verification", ""]
    lines += _table(["Check", "Verdict", "Detail"], [[one.name, one.verdict, one.detail] for one in report.checks])
    lines += ["", "## Digests", ""]
    lines += _table(["What", "Digest"], [["plan", plan.digest()], ["change", plan.change_digest]])
    text = "\n".join(lines) + "\n"
    for site in report.sites:
        for diff in site.diffs:
            part = _folded(diff)
            if len(text) + len(part) > MAX_MARKDOWN:
                return f"{text}\nMore differences are left out to keep this report small; the bundle has them.\n"
            text += part
    return text


def _site(site: SiteReport) -> Iterator[str]:
    yield from ["", f"## Site {site.site}", ""]
    yield from _table(["Node", "Before", "After"], [[one.name, one.before, one.after] for one in site.nodes])
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
                f"{month.ratio:.5f}" if month.ratio is not None else "unknown",
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


def _folded(diff: FileDiff) -> str:
    text = unified(diff)
    fence = "`" * max(3, 1 + max((len(run) for run in _runs(text)), default=0))
    return f"\n<details><summary>{diff.kind} {_cell(diff.path)}</summary>\n\n{fence}diff\n{text}{fence}\n\n</details>\n"


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
    """The report as plain data."""
    return {
        "plan": {"digest": report.contents.plan.digest(), **report.contents.plan.model_dump(mode="json")},
        "facts": dict(facts_of(report)),
        "policies": dict(report.policies),
        "signatures": [dict(zip(("who", "what", "when", "comment"), row, strict=True)) for row in approvals(report)],
        "decisions": [
            dict(zip(("entry", "decision", "when", "approved_by"), row, strict=True)) for row in decisions(report)
        ],
        "findings": [one.to_data() for one in report.findings],
        "sites": [_site_data(site) for site in report.sites],
        "gated_formats": sorted(report.contents.zone.gated_formats),
        "validators": [verdict_data(one) for one in report.validators],
        "rollouts": [one.to_data() for one in report.rollouts],
        "checks": [asdict(check) for check in report.checks],
    }


def _site_data(site: SiteReport) -> dict[str, Any]:
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
        "files": [diff_data(diff) for diff in site.diffs],
        "findings": [one.to_data() for one in site.findings],
        "energy": None if site.energy is None else asdict(site.energy),
    }

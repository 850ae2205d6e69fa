"""The parts of a report that all its forms share, as rows of text."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from zonewright.audit.diff.owned import OwnedValues
from zonewright.audit.diff.series import names_text
from zonewright.audit.report.figures import amount_text, counted, unit_text, when
from zonewright.audit.report.report import Report, SiteReport
from zonewright.ledger.protocol.admission_messages import Impact
from zonewright.ledger.protocol.journal_messages import JournalEntry
from zonewright.ledger.protocol.rollout_messages import ROLLED_OUT
from zonewright.model.canonical import digest_of
from zonewright.render.validators.verdict import Judged
from zonewright.rules.words import count_of
from zonewright.seal import SealError
from zonewright.seal.statement import Statement
from zonewright.seal.viewed import viewed_of
from zonewright.seal.votes import opened

PARTY_TEXT = "what {} may see; racks, registers, map and facts of others are in the zone's bundle only"
NOT_CHECKED = "Not checked"
_STATES = ("approved", "rejected", "refused", "admitted")


def facts_of(report: Report) -> list[tuple[str, str]]:
    """What stands at the head of a report."""
    contents, plan = report.contents, report.contents.plan
    state, digest = "planned", plan.digest()
    for entry in contents.journal:
        if entry.payload.get("plan") == digest and entry.kind in _STATES:
            state = f"{entry.kind} at {when(entry.at)}"
    left, lacking = not_checked(report)
    for_whom = [] if contents.partial is None else [("Shown", PARTY_TEXT.format(contents.partial.party))]
    return [
        *for_whom,
        ("Stack", f"{plan.stack_id} of {plan.party}, zone {plan.zone}"),
        ("Reason", plan.reason or "none given"),
        ("Risk", f"{plan.risk}{', emergency lane' if plan.emergency else ''}"),
        ("Planned", when(plan.planned_at)),
        ("State", state),
        ("Findings", counted(report.findings)),
        *([("Rolled out", _last_rollout(report))] if report.rollouts else []),
        ("Verification", _verification(report)),
        *([(NOT_CHECKED, f"{left}: {'; '.join(lacking)}")] if lacking else []),
        ("Keys", _keys(report)),
        ("Checkpoint", _checkpoint(report)),
    ]


def _verification(report: Report) -> str:
    wrong = sum(check.verdict == "wrong" for check in report.checks)
    return f"{wrong} of {len(report.checks)} checks are wrong" if wrong else "nothing is wrong"


def not_checked(report: Report) -> tuple[str, list[str]]:
    """How many checks could not be made, and what each of them lacks."""
    lacking = [f"{check.name} ({check.detail})" for check in report.checks if check.verdict == "not-checked"]
    return f"{len(lacking)} of {len(report.checks)} checks", lacking


def _keys(report: Report) -> str:
    """Where the public keys came from that signatures were judged by."""
    if report.trust.keys is None:
        return "those of zone.yaml in the bundle itself; --keys DIR judges by keys that you have from elsewhere"
    return f"given by whoever made this report: those of {', '.join(sorted(report.trust.keys))}"


def _checkpoint(report: Report) -> str:
    """What the journal was compared with."""
    kept, head = report.trust.checkpoint, report.contents.checkpoint
    told = "none was given; --checkpoint FILE compares the journal with one that you have kept"
    if kept is not None:
        told = f"entry {kept.sequence:,} of {when(kept.at)}, kept by whoever made this report"
    key = "given by whoever made this report" if report.trust.ledger_key else "of the bundle itself"
    signed = "" if head is None else f"; the journal's head, entry {head.sequence:,} of {when(head.at)}, is signed"
    return f"{told}{signed}, the ledger's key is {key}" if head is not None else told


def _last_rollout(report: Report) -> str:
    last = report.rollouts[-1]
    return f"{when(last.record.ended)} by {last.record.who}: {last.counts}"


def power_text(impact: Impact | None) -> tuple[str, str, str]:
    """Kilowatts, rack units and energy ratio of one site's impact."""
    if impact is None:
        return "0.0 kW", "0 U", ""
    ratio = "not known"
    if impact.ratio_after is not None:
        ratio = f"{impact.ratio_before or 'no load'} -> {impact.ratio_after}"
    return f"{impact.kw:+,.1f} kW", f"{impact.units:+,} U", ratio


def kinds_text(site: SiteReport) -> str:
    """How many files of a site are added, changed and removed."""
    return ", ".join(f"{count:,} {kind}" for kind, count in site.files.items()) or "none"


SITE_HEADS = ("Site", "Risk", "IT power", "Rack units", "Energy ratio of the next twelve months", "Nodes", "Files",
              "Findings")  # fmt: skip


def sites(report: Report) -> list[list[str]]:
    """What the change does to each site, the highest risk first."""
    return [
        [
            site.site,
            site.risk,
            *power_text(site.impact),
            f"{len(site.nodes):,}",
            kinds_text(site),
            counted(site.findings),
        ]
        for site in report.sites
    ]


SIGNATURE_HEADS = ("Who", "Party", "Groups", "What", "Signed", "Received", "Key", "Has seen", "Comment")


def signatures(report: Report) -> list[list[str]]:
    """Author and verdicts: who of which party and groups, what and when, by which key, after having seen what."""
    contents, rows = report.contents, []
    for text in ([contents.author] if contents.author else []) + contents.verdicts:
        received = _received(report, text)
        try:
            name, key, said = opened(text, contents.zone.signers)
        except SealError as error:
            rows.append(["unknown", "", "", "a signature that is not valid here", "", received, "", "", str(error)])
            continue
        signer, word = contents.zone.signers[name], str(said.predicate.get("verdict", "author"))
        rows.append(
            [
                name,
                signer.party,
                ", ".join(signer.groups) or "none",
                word,
                when(str(said.predicate.get("at"))),
                received,
                key,
                "" if word == "author" else _seen(report, said),
                str(said.predicate.get("comment", "")),
            ]
        )
    return rows


def _received(report: Report, text: str) -> str:
    digest = digest_of(text)
    found = (entry.at for entry in report.contents.journal if entry.payload.get("envelope") == digest)
    return when(next(found, "")) or "not known"


def _seen(report: Report, said: Statement) -> str:
    """Which groups of differences a signer says to have seen."""
    try:
        seen = viewed_of(said)
    except SealError as error:
        return f"not valid: {error}"
    if seen is None:
        return "not said"
    codes = {group.id: group.code for group in report.groups}
    missing = [code for name, code in codes.items() if name not in seen.groups]
    count = sum(name in codes for name in seen.groups)
    left = f"; not {', '.join(missing)}" if missing else ""
    return f"{count} of {count_of(len(codes), 'group')} of differences{left}"


def seen_by(report: Report) -> dict[str, list[str]]:
    """Who says to have seen each group of differences, by its id."""
    found: dict[str, list[str]] = {}
    for text in report.contents.verdicts:
        try:
            name, _key, said = opened(text, report.contents.zone.signers)
            seen = viewed_of(said)
        except SealError:
            continue
        for group in seen.groups if seen is not None else ():
            found[group] = list(dict.fromkeys([*found.get(group, ()), name]))
    return found


ACCEPT_HEADS = ("Rule", "At", "What", "Value", "Limit", "Unit")


def accepts(report: Report) -> list[list[str]]:
    """Findings that an approval accepts."""
    return [
        [
            one.rule,
            one.subject,
            one.message,
            amount_text(one.value, one.unit),
            amount_text(one.limit, one.unit),
            unit_text(one.unit),
        ]
        for one in report.contents.plan.accepts
    ]


def decisions(report: Report) -> list[list[str]]:
    """What the ledger decided on the plan: entry, decision, when, by whom it was approved."""
    digest = report.contents.plan.digest()
    return [
        [f"{entry.sequence}", entry.kind, when(entry.at), ", ".join(map(str, entry.payload.get("approved_by", ())))]
        for entry in report.contents.journal
        if entry.payload.get("plan") == digest and entry.kind != ROLLED_OUT
    ]


JOURNAL_HEADS = ("Entries", "What", "Stack", "Party", "When", "About")


def journal(report: Report) -> list[list[str]]:
    """Every entry of the bundle's journal; those that follow each other and say the same of one stack in one row."""
    plan = report.contents.plan.digest()

    def alike(entry: JournalEntry) -> tuple[str, str, str, str]:
        about = "this plan" if entry.payload.get("plan") == plan else ""
        return entry.kind, entry.stack_id, entry.party, about or str(entry.payload.get("plan", ""))[7:19]

    rows = []
    for (kind, stack, party, about), run in groupby(report.contents.journal, key=alike):
        entries = list(run)
        first, last = entries[0], entries[-1]
        many = len(entries) > 1
        rows.append(
            [
                f"{first.sequence:,} to {last.sequence:,}" if many else f"{first.sequence:,}",
                f"{kind}, {len(entries):,} times" if many else kind,
                stack,
                party,
                when(first.at) + (f" to {when(last.at)}" if many and last.at != first.at else ""),
                about,
            ]
        )
    return rows


ROLLOUT_HEADS = ("Run", "Who", "What", "Began", "Ended", "Hosts", "Versions")
HOST_HEADS = ("Host", "Run", "State", "Before", "After", "Why")


def rollouts(report: Report) -> list[list[str]]:
    """The runs that brought the change to hosts: who, what, when, hosts by state, versions."""
    return [
        [
            one.record.run,
            one.record.who,
            one.record.what,
            when(one.record.began),
            when(one.record.ended),
            one.counts,
            one.versions,
        ]
        for one in report.rollouts
    ]


def rollout_hosts(report: Report) -> list[list[str]]:
    """How each run ended for each host, the last run first; hosts of which all is the same stand in one row."""
    rows = [
        [host.host, one.record.run, host.state, host.before or "nothing", host.after or "nothing", host.reason]
        for one in reversed(report.rollouts)
        for host in one.record.hosts
    ]
    return [[names_text(names), *rest] for names, rest in together(rows)]


def together(rows: Iterable[Sequence[str]]) -> list[tuple[list[str], list[str]]]:
    """Rows that differ in their first cell only, as one: those cells, and the others."""
    found: dict[tuple[str, ...], list[str]] = {}
    for first, *rest in rows:
        found.setdefault(tuple(rest), []).append(first)
    return [(names, list(rest)) for rest, names in found.items()]


VALIDATOR_HEADS = ("At", "Format", "Verdict", "Program", "Version", "Arguments", "Output", "Signed by")
_OUTPUT = 400


def validators(report: Report) -> list[list[str]]:
    """What validators said, failures first: on what, by which program, how it was called, who has signed it.

    Nodes and sites of which all is the same stand in one row; :func:`judged_digests` has what differs.
    """
    found = _failures_first(report)
    rows = [
        [
            one.root,
            one.format,
            one.verdict.status,
            one.verdict.program,
            one.verdict.version,
            "; ".join(" ".join(call) for call in one.verdict.arguments),
            one.verdict.detail[:_OUTPUT] + (" ..." if len(one.verdict.detail) > _OUTPUT else ""),
            one.verdict.signer or "nobody, run by the author",
        ]
        for one in found
    ]
    return [[names_text(names), *rest] for names, rest in together(rows)]


JUDGED_HEADS = ("At", "Format", "Digest of the files that were judged")


def judged_digests(report: Report) -> list[list[str]]:
    """The digest of the files that each verdict is about, in the order of the verdicts."""
    return [[one.root, one.format, one.digest] for one in _failures_first(report)]


def _failures_first(report: Report) -> list[Judged]:
    order = {"fail": 0, "not-run": 1, "pass": 2}
    return sorted(report.validators, key=lambda one: (order[one.verdict.status], one.format, one.root))


def gated_text(report: Report) -> str:
    """Which formats open on a pass only."""
    gated = ", ".join(sorted(report.contents.zone.gated_formats))
    return f"Files of {gated} need a pass." if gated else "The zone gates no format: no verdict was needed."


NODE_HEADS = ("Node", "Before", "After", "Addresses")


def nodes(site: SiteReport, own: OwnedValues) -> list[list[str]]:
    """Nodes that are new, moved or gone: from where to where, and the addresses that they will have."""
    return [[one.name, one.before, one.after, ", ".join(_addresses(site, one.name, own))] for one in site.nodes]


def node_rows(site: SiteReport, own: OwnedValues) -> list[tuple[str, list[str]]]:
    """The same by place: from where to where, and the nodes of which that is so, with their units and addresses."""
    found: dict[str, list[str]] = {}
    for node in site.nodes:
        (before, was), (after, is_) = _split(node.before), _split(node.after)
        where = before if before == after else f"{before} -> {after}"
        unit = was if not is_ else is_ if not was or was == is_ else f"{was} -> {is_}"
        text = " ".join([node.name, unit, *_addresses(site, node.name, own)])
        found.setdefault(where, []).append(" ".join(text.split()))
    return list(found.items())


def _addresses(site: SiteReport, name: str, own: OwnedValues) -> list[str]:
    values = own.get(f"nodes/{site.site}/{name}", ())
    return [value.text for value in values if value.label.startswith("address")]


def _split(place: str) -> tuple[str, str]:
    """A place without its unit, and the unit."""
    rack, blank, rest = place.partition(" ")
    unit, _, more = rest.partition(", ")
    return (f"{rack}, {more}" if more else rack, unit) if blank else (place, "")

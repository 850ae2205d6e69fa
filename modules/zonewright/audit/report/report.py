"""What a report says, as data: the same for HTML, Markdown and JSON. Nothing here is formatted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from zonewright.audit.diff.differences import DiffKind
from zonewright.audit.diff.grouping import DiffGroup
from zonewright.audit.diff.owned import OwnedValues
from zonewright.audit.evidence.checks import Check
from zonewright.audit.evidence.contents import Contents, places_before
from zonewright.audit.evidence.grouped import groups_of, owned_told
from zonewright.audit.evidence.pruned import hours_in
from zonewright.audit.evidence.replay import Again, judge_again, readings_in, site_in
from zonewright.audit.evidence.rollouts import Rollout, rollouts_of
from zonewright.audit.evidence.trust import AuditTrust
from zonewright.audit.report.describe import places_after
from zonewright.audit.report.elevation import Elevation, elevations
from zonewright.audit.report.plots import Month
from zonewright.changes.validated import validated_in
from zonewright.ledger.protocol.admission_messages import Impact
from zonewright.ledger.protocol.change import parse_place
from zonewright.model.world import Occupant, World, ZoneFacts
from zonewright.place import change_world
from zonewright.pue import evaluate
from zonewright.pue.readings import Reading
from zonewright.render.formats.format import ROOTS
from zonewright.render.validators.verdict import Judged
from zonewright.rules.energy_state import ratio_text
from zonewright.rules.finding import Finding, worst_first
from zonewright.seal.decide import policies_for
from zonewright.telemetry.site_meters import meters_of
from zonewright.telemetry.summing import as_reading

RISKS = ("high", "normal", "low")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeChange:
    """One node that is new, moved, gone or of another kind."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergySection:
    """The evidence of one site's energy ratio.

    Attributes:
        site: id of the site.
        limit: the ratio that may not be exceeded.
        measured: the figures of the decision, as plain data.
        months: the ratio by month.
        registers: readings by meter: how many, first and last day, trust classes.
    """

    site: str
    limit: float
    measured: Mapping[str, Any]
    months: tuple[Month, ...]
    registers: tuple[tuple[str, int, str, str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteReport:
    """One site of a change; ``files`` says how many of its files are added, changed and removed."""

    site: str
    risk: str
    impact: Impact | None
    nodes: tuple[NodeChange, ...]
    racks: tuple[Elevation, ...]
    files: Mapping[DiffKind, int]
    findings: tuple[Finding, ...]
    energy: EnergySection | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that a report says.

    Attributes:
        contents: the bundle.
        checks: what verification said.
        sites: the sites of the change, those of the highest risk first.
        findings: all findings, worst first.
        groups: all differences, equal ones as one; deviations first, then those with the fewest files.
        own: what is each node's own, by the folder of its files: after the change, with what it was where that is
            another, and of a node that goes what it was.
        trust: what whoever made the report knew from elsewhere than the bundle.
        zone: the zone as it was without the change.
        world: racks and occupants of the touched sites, for the map.
        policies: the policies that the change must meet, in sentences by id.
        validators: what validators said of its files.
        rollouts: the runs that brought it to hosts.
    """

    contents: Contents
    checks: tuple[Check, ...]
    sites: tuple[SiteReport, ...]
    findings: tuple[Finding, ...]
    groups: tuple[DiffGroup, ...]
    own: OwnedValues
    trust: AuditTrust
    zone: ZoneFacts | None
    world: World
    policies: Mapping[str, str]
    validators: tuple[Judged, ...]
    rollouts: tuple[Rollout, ...]


def report_of(contents: Contents, checks: Sequence[Check], *, trust: AuditTrust | None = None) -> Report:
    """Put together what a report says.

    Args:
        contents: the bundle.
        checks: what verification said about it.
        trust: what whoever verified it knew from elsewhere.
    """
    known = trust or AuditTrust()
    if contents.partial is not None:
        return _for_party(contents, checks, known)
    facts = contents.facts(contents.snapshot)
    again = judge_again(contents.snapshot, facts, contents.plan, contents.texts["demand.json"])
    findings = worst_first(contents.snapshot.findings)
    groups = groups_of(contents)
    files = _files(groups)
    zone = again.facts.base.before() if again.facts.base is not None else None
    own, wanted = again.facts.own, _wanted(contents, again)
    racks = elevations(again.facts.world.racks, again.facts.world.everybody, own, wanted)
    sites = [
        SiteReport(
            site=site,
            risk=_risk(contents, site, findings),
            impact=contents.plan.impact.get(site),
            nodes=tuple(_nodes(site, own, wanted)),
            racks=tuple(one for one in racks if one.rack.site == site),
            files=files.get(site, {}),
            findings=tuple(one for one in findings if one.subject.split("/", 1)[0] == site),
            energy=_energy(contents, facts, site, again.figures.get(site), _limit(contents)),
        )
        for site in sorted({*again.facts.revisions, *contents.plan.impact, *filter(None, files)})
    ]
    return _report(contents, checks, known, sites, groups, zone=zone, world=again.facts.world)


def _for_party(contents: Contents, checks: Sequence[Check], trust: AuditTrust) -> Report:
    """The report of a party's bundle: what is its own; no racks, registers or map, which are others' too."""
    before, after = places_before(contents), places_after(contents)
    nodes = [
        NodeChange(name=name, before=before.get(name, "new"), after=after.get(name, "gone"))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
    groups, findings = groups_of(contents), worst_first(contents.snapshot.findings)
    files = _files(groups)
    names = files.keys() | contents.plan.impact.keys()
    names |= {place.split("/", 1)[0] for one in nodes for place in (one.before, one.after) if "/" in place}
    sites = [
        SiteReport(
            site=site,
            risk=_risk(contents, site, findings),
            impact=contents.plan.impact.get(site),
            nodes=tuple(one for one in nodes if site in {place.split("/", 1)[0] for place in (one.before, one.after)}),
            racks=(),
            files=files.get(site, {}),
            findings=tuple(one for one in findings if one.subject.split("/", 1)[0] == site),
            energy=None,
        )
        for site in sorted(names)
    ]
    return _report(contents, checks, trust, sites, groups, zone=None, world=World(racks={}))


def _report(
    contents: Contents,
    checks: Sequence[Check],
    trust: AuditTrust,
    sites: Sequence[SiteReport],
    groups: tuple[DiffGroup, ...],
    *,
    zone: ZoneFacts | None,
    world: World,
) -> Report:
    """The report of any bundle: sites by risk, with what every bundle has."""
    return Report(
        contents=contents,
        checks=tuple(checks),
        sites=tuple(sorted(sites, key=lambda one: (RISKS.index(one.risk), one.site))),
        findings=worst_first(contents.snapshot.findings),
        groups=groups,
        own=owned_told(contents),
        trust=trust,
        zone=zone,
        world=world,
        policies=_policies(contents),
        validators=validated_in(contents.texts).judged,
        rollouts=rollouts_of(contents),
    )


def _wanted(contents: Contents, again: Again) -> tuple[Occupant, ...]:
    places = {name: parse_place(text)[0] for name, text in contents.plan.places.items()}
    empty = World(racks=again.facts.world.racks)
    return change_world(empty, contents.demand, places, stack=contents.plan.stack_id, standing=()).occupants


def _files(groups: Sequence[DiffGroup]) -> dict[str, dict[DiffKind, int]]:
    """How many files are added, changed and removed, by site."""
    found: dict[str, dict[DiffKind, int]] = {}
    for group in groups:
        for member in group.members:
            counts = found.setdefault(_site_of(member.path), {})
            counts[group.sample.kind] = counts.get(group.sample.kind, 0) + 1
    return {site: dict(sorted(counts.items())) for site, counts in found.items()}


def _site_of(path: str) -> str:
    """The site of a rendered file, such as ``nodes/<site>/...`` or ``sites/<site>/...``."""
    parts = path.split("/")
    is_rendered = len(parts) > 2 and parts[0] in {root.partition("/")[0] for root in ROOTS.values()}  # noqa: PLR2004
    return parts[1] if is_rendered else ""


def _nodes(site: str, own: Sequence[Occupant], wanted: Sequence[Occupant]) -> Iterator[NodeChange]:
    before, after = ({item.name: item for item in items} for items in (own, wanted))
    for name in sorted(before.keys() | after.keys()):
        one, two = before.get(name), after.get(name)
        if site in {item.rack.split("/", 1)[0] for item in (one, two) if item is not None} and _text(one) != _text(two):
            yield NodeChange(name=name, before=_text(one) or "new", after=_text(two) or "gone")


def _text(item: Occupant | None) -> str:
    if item is None:
        return ""
    rear = " rear" if item.face == "rear" and not item.is_full_depth else ""
    return f"{item.rack} U{item.position}{rear}, {item.u_height} U, {item.draw.allocated_w:,} W"


def _risk(contents: Contents, site: str, findings: Sequence[Finding]) -> str:
    mine = [one for one in findings if one.subject.split("/", 1)[0] == site]
    if any(one.level == "approval" or one.waiver for one in mine):
        return "high"
    return "normal" if site in contents.plan.impact or contents.plan.risk != "low" else "low"


def _limit(contents: Contents) -> float | None:
    limit = contents.zone.limit("design-pue")
    return None if limit is None else float(limit.value)


def _policies(contents: Contents) -> dict[str, str]:
    plan = contents.plan
    found = policies_for(contents.zone, risk=plan.risk, party=plan.party, stack_id=plan.stack_id)
    return {
        name: f"{policy.title}: {', '.join(f'{count} of {group}' for group, count in sorted(policy.needs.items()))}, "
        f"good for {policy.valid_hours} h"
        for name, policy in found.items()
    }


def _energy(
    contents: Contents, facts: Mapping[str, str], site: str, measured: Mapping[str, Any] | None, limit: float | None
) -> EnergySection | None:
    if measured is None or limit is None:
        return None
    meters = meters_of(site_in(facts, site))
    readings: dict[str, list[Reading]] = {}
    trusts: dict[str, set[str]] = {}
    for name, text in sorted(facts.items()):
        if name.startswith(f"readings/{site}/"):
            meter = name.split("/")[2]
            for trust, reading in readings_in(text):
                readings.setdefault(meter, []).append(reading)
                trusts.setdefault(meter, set()).add(trust)
    hours = hours_in(facts, site)
    known = {name: [*readings[name], *map(as_reading, hours.get(name, ()))] for name in meters if name in readings}
    known = {name: sorted(items, key=lambda item: item.time_us) for name, items in known.items()}
    months = []
    for start, end in _months(datetime.fromisoformat(contents.snapshot.at)):
        figure = evaluate(meters, known, start_us=_us(start), end_us=_us(end), limit=Fraction(str(limit)))
        is_known = figure.coverage > 0 and not any(doubt.decides for doubt in figure.doubts)
        ratio = figure.ratio if is_known else None
        months.append(
            Month(
                name=f"{start:%Y-%m}",
                ratio=None if ratio is None else float(ratio),
                told=ratio_text(ratio),
                coverage=float(figure.coverage),
            )
        )
    registers = tuple(
        (name, len(items), _day(items[0]), _day(items[-1]), ", ".join(sorted(trusts[name])))
        for name, items in sorted(readings.items())
    )
    return EnergySection(site=site, limit=limit, measured=measured, months=tuple(months), registers=registers)


def _months(at: datetime) -> list[tuple[datetime, datetime]]:
    """The last full months before a moment, in UTC."""
    end = at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found = []
    for _ in range(_MONTHS):
        start = (end - timedelta(days=1)).replace(day=1)
        found.append((start, end))
        end = start
    return found[::-1]


def _us(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _day(reading: Reading) -> str:
    return (_EPOCH + timedelta(microseconds=reading.time_us)).date().isoformat()

"""Waivers, and breaches as found: which findings they cover, and which of them have nothing to cover."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from zonewright.model.rule_pack import AsFound, Waiver
from zonewright.model.zone import Zone
from zonewright.rules.finding import Finding, Participant


def with_waivers(findings: Iterable[Finding], zone: Zone, on: str) -> tuple[Finding, ...]:
    """The findings, each with the waiver that covers it on a day, in their order.

    Args:
        findings: what the rules found.
        zone: the administrator's file.
        on: the day, as ``2026-07-01``.
    """
    return tuple(replace(finding, waiver=_cover(finding, zone, on)) for finding in findings)


def _cover(finding: Finding, zone: Zone, on: str) -> str | None:
    waived = (name for name, waiver in sorted(zone.waivers.items()) if _covers(waiver, finding, on))
    found = (name for name, one in sorted(zone.as_found.items()) if _was_found(one, finding))
    return next(waived, None) or next(found, None)


def _was_found(one: AsFound, finding: Finding) -> bool:
    """Whether a breach is one that was there when the estate was taken over, and has not grown."""
    return one.rule == finding.rule and finding.subject in one.subjects and finding.excess <= one.excess


def _covers(waiver: Waiver, finding: Finding, on: str) -> bool:
    return (
        waiver.rule == finding.rule
        and not finding.is_undecided  # nobody knows what would be tolerated
        and finding.subject in waiver.subjects
        and waiver.valid_from <= on <= waiver.valid_until
        and finding.excess <= waiver.max_excess
    )


def idle_waivers(findings: Iterable[Finding], zone: Zone, on: str) -> Iterator[Finding]:
    """A finding for each waiver that covers nothing: it is over, or nothing is as it says; also of breaches as found.

    Args:
        findings: all findings of the whole zone, with their waivers.
        zone: the administrator's file.
        on: the day, as ``2026-07-01``.
    """
    used = {finding.waiver for finding in findings}
    for name, waiver in sorted(zone.waivers.items()):
        if name in used:
            continue
        is_over = not waiver.valid_from <= on <= waiver.valid_until
        at = f"{waiver.rule} at {', '.join(waiver.subjects)}"
        why = (
            f"is valid from {waiver.valid_from} to {waiver.valid_until}, not on {on}"
            if is_over
            else f"covers nothing: there is no finding of {at} within its max_excess of {waiver.max_excess:,}"
        )
        yield Finding(
            rule="waiver-use",
            level="advisory" if is_over else "mandatory",
            subject=name,
            where=f"waivers.{name}",
            message=f"waiver {name} {why}",
            participants=(Participant(party="zone", name=name),),
            fix="delete it, or correct its subjects, its days or its max_excess",
            reference="zonewright, explanation: rules and waivers",
        )
    for name, one in sorted(zone.as_found.items()):
        if name not in used:
            yield Finding(
                rule="waiver-use",
                level="advisory",
                subject=name,
                where=f"as_found.{name}",
                message=f"as_found {name} covers nothing: no finding of {one.rule} within {one.excess:,}",
                participants=(Participant(party="zone", name=name),),
                fix="delete it: what was found is put right, or has grown",
                reference="zonewright, explanation: rules and waivers",
            )

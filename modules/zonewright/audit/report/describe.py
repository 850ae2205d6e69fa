"""A plan in a few lines, for the people who sign it."""

import textwrap
from collections.abc import Iterator, Mapping

from zonewright.audit.diff.differences import kinds
from zonewright.audit.evidence.contents import Contents, places_before
from zonewright.ledger.protocol.admission_messages import Impact
from zonewright.ledger.protocol.change import parse_place
from zonewright.ledger.protocol.change_messages import ChangeRecord

_SHOWN = 12


def impact_text(item: Impact) -> str:
    """What a change does to one site."""
    capacity = ratio = ""
    if item.capacity_kw or item.capacity_units:
        capacity = f"; capacity {item.capacity_kw:+,.1f} kW, {item.capacity_units:+,} U"
    if item.ratio_after is not None and item.ratio_after != item.ratio_before:
        before = item.ratio_before or "no load"
        ratio = f", energy ratio of the next twelve months {before} -> {item.ratio_after}"
    return f"{item.kw:+,.1f} kW, {item.units:+,} U{capacity}{ratio}"


def plan_lines(contents: Contents, *, columns: int) -> Iterator[str]:
    """The plan as people read it before they sign.

    Args:
        contents: the bundle.
        columns: where to wrap.
    """
    plan = contents.plan
    lane = ", emergency" if plan.emergency else ""
    yield f"plan {plan.digest()[7:19]} of {plan.party}, stack {plan.stack_id}"
    after = "" if plan.follows is None else f", follows step {plan.follows} of the stack"
    yield f"  risk {plan.risk}{lane}, planned {plan.planned_at[:19]}{after}"
    if plan.reason:
        yield from textwrap.wrap(f"reason: {plan.reason}", columns, initial_indent="  ", subsequent_indent="    ")
    for site, item in plan.impact.items():
        yield f"  {site}: {impact_text(item)}"
    yield from _places(contents)
    yield f"  files: {files_text(contents)}"
    told = [f"to be accepted: [{one.rule}] {one.message}" for one in plan.accepts]
    told += [f"waived by {one.waiver}: [{one.rule}] {one.message}" for one in contents.snapshot.findings if one.waiver]
    for text in told:
        yield from textwrap.wrap(text, columns, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)


def places_after(contents: Contents) -> dict[str, str]:
    """Where they will be."""
    return {name: str(parse_place(text)[0]) for name, text in contents.plan.places.items()}


def _places(contents: Contents) -> Iterator[str]:
    before, after = places_before(contents), places_after(contents)
    lines = [
        f"{name}: {before.get(name, 'new')} -> {after.get(name, 'gone')}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
    yield f"  nodes: {len(after):,}; new, moved or gone: {len(lines):,}" if lines else "  nodes: none moved"
    for line in lines[:_SHOWN]:
        yield f"    {line}"
    if len(lines) > _SHOWN:
        yield f"    and {len(lines) - _SHOWN:,} more"


def files_text(contents: Contents) -> str:
    """How many files are new, changed or removed."""
    counts = kinds(*contents.changed())
    return ", ".join(f"{count:,} {kind}" for kind, count in counts.items()) or "no change"


def record_line(record: ChangeRecord, names: Mapping[str, str]) -> str:
    """One change of the population in one line.

    Args:
        record: the change.
        names: names of stacks by id, where they are known.
    """
    name = record.plan[7:19] or record.change_digest[7:19] or "-"
    when = record.decided_at or record.planned_at
    stack = names.get(record.stack_id, record.stack_id)
    lane = " emergency" if record.emergency else ""
    who = record.author or record.party
    return f"{when[:16]:<17}{record.state:<10}{record.risk or '-':<7} {name:<13}{who:<14}{stack}{lane}"

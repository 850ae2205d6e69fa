"""What an adoption has to say, as a page: what became of each device, what was left out, and what is assumed."""

from collections.abc import Iterator, Sequence

from zonewright.estate.adopting import Adopted
from zonewright.estate.work import Note
from zonewright.model.assumption import Assumptions

_FATES = {
    "node": "nodes of clusters",
    "baseline": "equipment in racks that is in no stack (baseline)",
    "in a device bay": "in a device bay of another one",
    "of no rack unit": "of no rack unit",
    "not standing": "without a place, planned, or in store",
    "left out": "left out, see the faults",
}


def page(adopted: Adopted, source: str, breaches: Sequence[str], faults: Sequence[str]) -> str:
    """The page as Markdown; the same estate gives the same page.

    Args:
        adopted: what was made.
        source: where it was read from.
        breaches: findings that it has, as lines.
        faults: sentences on objects that could not be read.
    """
    total = sum(adopted.fates.values())
    lines = [
        "# What was taken over",
        "",
        f"From {source}. Each of the {total:,} devices is in one line:",
        "",
        "| devices | are |",
        "|---|---|",
        *(f"| {adopted.fates[fate]:,} | {text} |" for fate, text in _FATES.items() if adopted.fates.get(fate)),
        "",
        *_notes("Faults: correct them in the inventory", [one for one in adopted.notes if one.is_fault]),
        *_unread(faults),
        *_breaches(breaches),
        *_assumed(adopted.assumptions),
        *_notes("What to know", [one for one in adopted.notes if not one.is_fault]),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _notes(title: str, notes: Sequence[Note]) -> Iterator[str]:
    if notes:
        yield from (f"## {title}", "")
        kind = ""
        for one in notes:
            if one.kind != kind:
                yield from (("", f"### {one.kind}", "") if kind else (f"### {one.kind}", ""))
                kind = one.kind
            yield f"- {one.subject}: {one.text}"
        yield ""


def _unread(faults: Sequence[str]) -> Iterator[str]:
    if faults:
        yield from ("## Objects that could not be read", "")
        yield from (f"- {one}" for one in faults)
        yield ""


def _breaches(breaches: Sequence[str]) -> Iterator[str]:
    if breaches:
        yield from ("## What breaks a rule already", "")
        yield "It may stay as it was found. `as_found` and `waivers` of `zone.yaml` say how much; more is refused."
        yield ""
        yield from (f"- {one}" for one in breaches)
        yield ""


def _assumed(assumptions: Assumptions) -> Iterator[str]:
    rows = [(name, entry) for name in Assumptions.model_fields if (entry := getattr(assumptions, name)).open]
    if rows:
        yield from ("## What is assumed", "")
        yield "`assumptions.yaml` names each. Write what you find out into `known`, and adopt again."
        yield from ("", "| assumption | counts for | default |", "|---|---|---|")
        yield from (f"| {name} | {len(entry.open):,} | {entry.default} |" for name, entry in rows)
        yield ""

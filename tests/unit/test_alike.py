"""Equal findings of one cause are told once, with how many there are and the first names; others stay apart."""

from dataclasses import replace
from typing import Any

from zonewright.provider.refusal import refusal_text
from zonewright.rules.alike import alike
from zonewright.rules.finding import ANOTHER_PARTY, Finding, Participant


def missing_rack(number: int, **fields: Any) -> Finding:
    """A node in a rack that nobody has declared."""
    name = f"web-{number:03}"
    given: dict[str, Any] = {
        "rule": "rack-exists",
        "level": "mandatory",
        "subject": "dc1/a/01/99",
        "where": f"tenant.yaml:{number}",
        "message": f"{name} would stand in rack dc1/a/01/99, which no facility operator has declared",
        "participants": (Participant(party="tenant-a", name=name),),
        "fix": "choose a rack that exists (site/room/row/rack)",
    }
    return Finding(**{**given, **fields})


def test_two_hundred_nodes_in_one_missing_rack_are_one_finding() -> None:
    """The one that is left stands where the first does, counts the others and names the first."""
    found = [missing_rack(number) for number in range(1, 201)]
    (told,) = alike(found)
    assert told.where == "tenant.yaml:1"
    assert told.message == (
        "web-001 would stand in rack dc1/a/01/99, which no facility operator has declared; the same for 199 others: "
        "web-002, web-003, web-004, web-005 and 195 more"
    )
    assert len(told.participants) == 200
    text = refusal_text(found, stack="a")
    assert text.startswith("1 finding; nothing was claimed or created:")
    assert "more: zonewright check" not in text


def test_what_another_party_has_is_counted_and_not_named() -> None:
    """Findings whose names are hidden from the reader are one, and the count is all that is told of the others."""
    hidden = (Participant(party=ANOTHER_PARTY, name=""),)
    one = missing_rack(1, subject="dc1 to dc2", message="there is no path from dc1 to dc2", participants=hidden)
    (told,) = alike([one] * 40)
    assert told.message == "there is no path from dc1 to dc2; the same for 39 others"
    assert told.participants == hidden


def test_findings_that_say_something_else_stay_apart() -> None:
    """Another rack, figure, level or waiver is another finding, and the order of the first ones is kept."""
    one = missing_rack(1)
    others = [
        missing_rack(2, subject="dc1/a/01/98", message="web-002 would stand in rack dc1/a/01/98, which is closed"),
        replace(missing_rack(3), excess=2),
        replace(missing_rack(4), level="advisory"),
        replace(missing_rack(5), waiver="for-a-week"),
    ]
    assert alike([one, *others]) == (one, *others)
    assert [item.where for item in alike([*others, one, missing_rack(6)])] == [
        *(item.where for item in others),
        one.where,
    ]

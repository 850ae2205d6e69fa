"""Equal findings of one cause are told once, with how many there are and the first names; others stay apart."""

from dataclasses import replace
from typing import Any

from zonewright.cli.output import findings_text
from zonewright.provider.refusal import refusal_text
from zonewright.rules.alike import alike, is_consequence
from zonewright.rules.finding import ANOTHER_PARTY, NOTHING_MORE, Finding, Participant


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


def test_what_only_follows_from_another_finding_is_marked_and_told_last() -> None:
    """What goes away with another fix, or once all nodes have a place, is a consequence; causes come before it."""
    cause = missing_rack(1, rule="unit-overlap", message="web-001 would take U1")
    follows = missing_rack(2, rule="feed-failover", message="feed B", fix=f"{NOTHING_MORE}once web-001 moves", excess=9)
    homeless = missing_rack(3, rule="placement", subject="web-003", message="web-003 has no place")
    thin = missing_rack(4, rule="spread", subject="web", message="cluster web stands in 1 rack")
    others = replace(thin, participants=(Participant(party="tenant-b", name="web-001"),))
    found = [follows, thin, others, homeless, cause]
    assert [is_consequence(one, found) for one in found] == [True, True, False, False, False]
    assert not is_consequence(thin, [thin, cause])
    text = findings_text([follows, thin, homeless, cause], columns=100)
    assert text.index("unit-overlap") < text.index("mandatory feed-failover, a consequence\n")
    assert text.endswith("4 findings refuse the change, 2 of them only consequences of others")
    refusal = refusal_text(found, stack="a")
    assert refusal.index("[unit-overlap]") < refusal.index("[feed-failover, a consequence]")

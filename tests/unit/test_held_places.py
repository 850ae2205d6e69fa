"""Reservations for minutes as older versions wrote them, and as they are written now."""

import json

import pytest

from zonewright.ledger.deciding.zone_facts import _taken_by
from zonewright.ledger.store.held import HeldPlaces, _for_minutes
from zonewright.model.network import Link
from zonewright.model.world import LinkFacts

HOLDS = {"web-001": {"rack": "dc1/a/01/01", "addresses": {"v4": "10.0.0.2/24"}}}
NAMES = [["site", "dc1"]]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (f'{{"holds":{json.dumps(HOLDS)},"names":{json.dumps(NAMES)},"proposal":{{"seats":{{}}}}}}', NAMES),
        (f'{{"holds":{json.dumps(HOLDS)},"proposal":{{"names":[]}}}}', ()),
        (json.dumps({"proposal": {"holds": {}}, "names": NAMES, "holds": HOLDS}), NAMES),
        (json.dumps({"holds": HOLDS}), ()),
    ],
)
def test_what_a_reservation_holds_is_read_without_its_answer(text: str, names: object) -> None:
    """Its places and names, in whatever order and form they stand; one of an older version has no names."""
    assert _for_minutes(text) == (HOLDS, names)


def test_a_link_that_leaves_the_cores_of_another_has_a_bore_held() -> None:
    """It names the ducts of the one that it ran in, and has no bore of them: what it will take is kept for it."""
    inside = Link(a="dc1", b="dc2", ducts=("d-1",), cores_of=("l-1",), cores=60)
    alone = inside.model_copy(update={"cores_of": ()})
    who = {"stack_id": "stack", "party": "carrier", "expires_at": ""}
    for had, wanted, ducts in ((inside, alone, [("d-1",)]), (alone, alone, []), (inside, inside, [])):
        held = HeldPlaces(**who, claims={}, names=[("link", "l-2")], links={"l-2": wanted})
        taken = _taken_by(held, {("stack", "l-2"): LinkFacts(owner="carrier", link=had)})
        assert [one.link.ducts for _, one in taken] == ducts

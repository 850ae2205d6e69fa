"""Reservations for minutes as older versions wrote them, and as they are written now."""

import json

import pytest

from zonewright.ledger.store.held import _for_minutes

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

"""A finding is recorded with its sentences. A version that words them otherwise still verifies what was recorded.

``tests/fixtures/older-words`` is the evidence of an admitted change that went over the limit of a site. It was recorded
before the messages were rewritten, under the same version number, and is never made again.
"""

import json
import lzma
from functools import cache
from typing import Any

import pytest

from support.second_opinion import verified
from support.zone_project import REPOSITORY
from zonewright.audit.evidence.archive import unpack
from zonewright.audit.evidence.bundle import with_manifest
from zonewright.audit.evidence.checks import Check
from zonewright.model.canonical import canonical_json

RECORD = REPOSITORY / "tests" / "fixtures" / "older-words" / "change.tar.xz"

pytestmark = pytest.mark.slow

PLANNED, ADMITTED = "rules when it was planned", "rules when it was admitted"


@cache
def recorded() -> dict[str, bytes]:
    """The files of the record."""
    return unpack(lzma.decompress(RECORD.read_bytes()))


def checks(files: dict[str, bytes]) -> dict[str, Check]:
    """The checks of a bundle by name."""
    return {check.name: check for check in verified(files)}


def edited(**fields: Any) -> dict[str, bytes]:
    """The record with other fields in the finding of its plan, and with a manifest that fits."""
    snapshot = json.loads(recorded()["snapshot.json"])
    snapshot["findings"][0] |= fields
    return with_manifest({**recorded(), "snapshot.json": canonical_json(snapshot).encode()})


def test_older_words_are_not_checked_and_nothing_is_wrong() -> None:
    """Where only the words of a finding are older, its rule is not-checked and named, and every other check holds."""
    found = checks(recorded())
    assert [check.line() for check in found.values() if check.verdict == "wrong"] == []
    for name in (PLANNED, ADMITTED):
        assert found[name].verdict == "not-checked"
        assert "1 finding with the recorded figures; the words at pue-gate of qp-dc1 differ" in found[name].detail


@pytest.mark.parametrize(("field", "value"), [("rule", "feed-failover"), ("subject", "qp-dc2"), ("value", 1)])
def test_another_meaning_is_wrong(field: str, value: object) -> None:
    """A finding with another rule, subject or figure than the rules give is wrong and named, whatever its words."""
    found = checks(edited(**{field: value}))[PLANNED]
    assert found.verdict == "wrong"
    assert "recorded, but not found again: " in found.detail


def test_changed_words_are_found_by_what_was_signed() -> None:
    """Words that somebody changes in a record are not those of the plan that its author signed."""
    found = checks(edited(message="all is well", fix="do nothing"))
    assert found[PLANNED].verdict == "not-checked"
    assert (found["plan"].verdict, found["plan"].detail) == (
        "wrong",
        "snapshot.json differs from the file that the plan names",
    )

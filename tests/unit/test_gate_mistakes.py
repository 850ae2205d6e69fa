"""A year of a random site with a mistake, by the store and the figure that the gate reads: never within."""

import random
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support import random_sites
from support.live import site_of
from support.random_sites import LIMIT, MISTAKES, RandomSite, drawn_site, plain, read_twice
from support.soak import is_full, seeded
from support.zone_project import ZONE
from zonewright.ledger.deciding.measuring import load_history
from zonewright.ledger.protocol.change_messages import SNAPSHOT_FORM
from zonewright.ledger.store.database import Database
from zonewright.model import Zone
from zonewright.model.world import ZoneFacts
from zonewright.pue import MeterSpec, Reading
from zonewright.telemetry import ConflictError, Store
from zonewright.telemetry.figures import Terms, measured
from zonewright.telemetry.site_meters import all_meters_of

YEAR = 366
BEGIN = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp()) * 10**6
NOW = datetime.fromtimestamp(BEGIN / 10**6 + YEAR * 86_400, UTC)
TERMS = Terms(limit=LIMIT, trusted=frozenset({"imported"}), max_age_days=7)


@pytest.fixture(name="_year", autouse=True)
def _year(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random sites have a year of days."""
    monkeypatch.setattr(random_sites, "DAYS", YEAR)


def trailing(path: Path, meters: dict[str, MeterSpec], readings: dict[str, list[Reading]], terms: Terms = TERMS) -> str:
    """What the gate reads of a site's twelve months; what the store refuses at all is no figure."""
    path.unlink(missing_ok=True)
    store, site = Store(path, create=True), site_of(meters)
    moved = {
        name: [
            Reading(None if one.start_us is None else one.start_us + BEGIN, one.time_us + BEGIN, one.value, one.line)
            for one in items
        ]
        for name, items in readings.items()
    }
    try:
        store.append("dc1", all_meters_of(site), moved, trust="imported")
    except ConflictError:
        return "refused"
    found = measured(store, "dc1", site, now=NOW, terms=terms, model=None)
    assert found is not None
    return found.trailing


def site_of_seed(seed: int) -> tuple[RandomSite, random.Random]:
    """A site beyond the limit, and more chance for its mistake."""
    chance = random.Random(seed)
    return drawn_site(chance), chance


@pytest.mark.soak
def test_no_mistake_passes_the_gate(tmp_path: Path) -> None:
    """Of random sites beyond the limit, each with one mistake, none is within: 1,000 in a soak, else four.

    (``test_pue_mistakes`` has 10,000 without a store.)
    """
    first = seeded("gate mistakes").randrange(10**9)
    within = []
    for seed in range(first, first + (1_000 if is_full() else 4)):
        site, chance = site_of_seed(seed)
        mistake = chance.choice(MISTAKES)
        meters, readings = mistake(site, chance)
        if trailing(tmp_path / "t.db", dict(meters), readings) == "within":
            within.append(f"seed {seed}, {mistake.__name__}")
    assert within == []


def test_the_same_site_is_a_breach_without_a_mistake(tmp_path: Path) -> None:
    """So that the other test shows something."""
    site, _ = site_of_seed(7)
    assert trailing(tmp_path / "t.db", dict(site.meters), plain(site)) == "breach"


def test_a_record_is_judged_as_the_version_did_that_made_it(tmp_path: Path) -> None:
    """Up to snapshots of form 3 a meter that is read twice was believed: their figures are the same again."""
    site, chance = site_of_seed(4)
    meters, readings = read_twice(site, chance)
    facts, said = ZoneFacts(zone=Zone.model_validate(ZONE)), dict[int, str]()
    with closing(Database(tmp_path / "l.db", create=True, lock_wait_s=5)) as database, database.reading() as connection:
        for form in (3, SNAPSHOT_FORM):
            history = load_history(connection, facts, ("dc1",), NOW, form=form)
            terms = replace(TERMS, doubts_alike=history.doubts_alike)
            said[form] = trailing(tmp_path / "t.db", dict(meters), readings, terms)
    assert said == {3: "within", 4: "undetermined"}

"""A month of a zone on the real engine: nobody planned these days, and everything holds after each of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.soak import is_full, rounds, seeded
from support.zone_month import PARTIES, Month, month_zone
from support.zone_project import SmallZone
from zonewright import engine as engine_room

pytestmark = [pytest.mark.engine, pytest.mark.soak]


@pytest.fixture(name="month")
def _month(engine: engine_room.Engine, tmp_path: Path) -> Iterator[Month]:
    zone = SmallZone(folder=tmp_path, engine=engine, zone=month_zone()).create()
    parties = tuple(PARTIES) if is_full() else ("operator", "tenant-a", "tenant-b")  # each goes up and ends: 4 calls
    month = Month(zone=zone, chance=seeded("a month"), parties=parties)
    yield month
    for process in month.zone.processes():
        process.kill()


@pytest.mark.timeout(36_000)
def test_whatever_a_zone_does_in_a_month_states_ledger_and_journal_agree(month: Month) -> None:
    """Changes, previews, kills, lost and older states, imports, rushes and restores by its parties break nothing."""
    month.begin()
    for _ in rounds("a month", 1_000, least=2):
        month.step()
    month.end()

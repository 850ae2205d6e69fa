"""A month of a zone on the real engine: nobody planned these days, and everything holds after each of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.soak import rounds, seeded
from support.zone_month import Month, month_zone
from support.zone_project import SmallZone
from zonewright import engine as engine_room

pytestmark = [pytest.mark.engine, pytest.mark.soak]


@pytest.fixture(name="month")
def _month(engine: engine_room.Engine, tmp_path: Path) -> Iterator[Month]:
    month = Month(zone=SmallZone(folder=tmp_path, engine=engine, zone=month_zone()).create(), chance=seeded("a month"))
    yield month
    for process in month.zone.processes():
        process.kill()


@pytest.mark.timeout(36_000)
def test_whatever_a_zone_does_in_a_month_states_ledger_and_journal_agree(month: Month) -> None:
    """Changes, previews, kills, lost and older states, imports, rushes and restores by six parties break nothing."""
    month.begin()
    for _ in rounds("a month", 1_000, least=2):
        month.step()
    month.end()

"""Which reservations a decision reads."""

from contextlib import closing
from pathlib import Path

from zonewright.ledger.store.database import Database
from zonewright.ledger.store.held import all_held
from zonewright.ledger.store.tables import lasting, reservation
from zonewright.model.canonical import canonical_json

LATER = "2026-07-01T00:00:00.000000+00:00"


def test_of_other_sites_only_names_and_what_is_for_days_are_read(tmp_path: Path) -> None:
    """Who decides at a site gets what is reserved there, names, and all that is for days; the rest is not read."""
    rows = [
        {
            "stack_id": stack,
            "party": "tenant-a",
            "demand_digest": "",
            "proposal": canonical_json({"holds": {}, "names": names, "proposal": {}}),
            "sites": canonical_json(sites),
            "expires_at": LATER,
        }
        for stack, sites, names in (
            ("here", ["dc1", "dc2"], []),
            ("elsewhere", ["dc10", "edge-1"], []),
            ("brings", ["dc3", "names"], [["site", "dc3"]]),
        )
    ]
    days = {"party": "tenant-a", "wants": "", "holds": "{}", "names": "[]", "why": "", "since": LATER}
    with closing(Database(tmp_path / "l.db", create=True, lock_wait_s=5)) as database, database.writing() as connection:
        connection.execute(reservation.insert(), rows)
        connection.execute(lasting.insert().values(stack_id="days", expires_at=LATER, **days))
        assert [one.stack_id for one in all_held(connection, but="", sites={"dc1"})] == ["brings", "days", "here"]
        assert [one.stack_id for one in all_held(connection, but="here", sites=())] == ["brings", "days"]
        assert len(all_held(connection, but="")) == 4

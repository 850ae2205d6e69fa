"""When what a district has runs out, as the ledger and the command line tell it."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.ledger_party import ZONE_FILE, Party
from support.zone_project import cluster, facility
from zonewright.cli import main
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.errors import LedgerMisuseError
from zonewright.ledger.protocol.exhaustion_messages import ExhaustionRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.store.clock import stamp
from zonewright.ledger.store.database import Database
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone
from zonewright.server.metrics import districts_page, metrics_page

NOW = datetime.now(UTC)
DISTRICT = {"title": "North", "connection_capacity_kw": 60, "energy_quota_mwh": 300, "land_ha": 12.5}
QUOTA = {"district": "north", "sizes": ["large"], "it_kw": 8, "units": 60}
LEASED = {
    "site": "dc1",
    "racks": ["a/01/03..04"],
    "it_kw": 20,
    "leases": [
        {
            "party": "tenant-b",
            "begins": f"{NOW + timedelta(days=100):%Y-%m-%d}",
            "ends": f"{NOW + timedelta(days=999):%Y-%m-%d}",
        }
    ],
}


@pytest.fixture(name="ledger")
def _ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Four racks of 10 kW, 20 nodes of 200 W of a year ago, and 5 of each of the last three quarters."""
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    zone = Zone.model_validate(
        {**ZONE_FILE.model_dump(mode="json"), "districts": {"north": DISTRICT}, "quotas": {"some": QUOTA}}
    )
    with LedgerClient(url, create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=zone))
        operator, tenant = (Party(client, f"stack-of-{one}", one, zone=zone) for one in ("operator", "tenant-a"))
        site = {**facility(4)["sites"]["dc1"], "land_ha": 5, "overhead": {"plant_kw": 2, "slope": 0.25}}
        operator.enrol()
        operator.admit(operator.propose(operator.demand(sites={"dc1": site})))
        for name, _ in operator.states():
            operator.confirm(name, kind="row" if "/" in name else "site")
        tenant.enrol()
        tenant.admit(tenant.propose(tenant.demand(clusters={"web": cluster(35)})))
        for name, _ in tenant.states():
            tenant.confirm(name)
        offered = operator.demand(
            sites={"dc1": site}, offers={"cage": LEASED, "rest": {"site": "dc1", "racks": ["a/01/01..02"]}}
        )
        operator.admit(operator.propose(offered))
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection, connection:
        for ago, low, high in ((365, 1, 20), (270, 21, 25), (180, 26, 30), (90, 31, 35)):
            connection.execute(
                "update claim set active_since = ? where cast(substr(name, -3) as integer) between ? and ?",
                (stamp(NOW - timedelta(days=ago)), low, high),
            )
    return url


@pytest.mark.tampers
def test_what_a_district_has_left(ledger: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Racks, grants with overhead, quotas and land, each with use, growth of three lumps, and its days."""
    assert main(["ledger", "forecast", "north", "--ledger", ledger, "--format", "json"]) == 0
    found = {one["resource"]: one for one in json.loads(capsys.readouterr().out)["resources"]}
    assert list(found) == [
        "built it_kw",
        "built units",
        "connection_capacity_kw",
        "energy_quota_mwh",
        "quota some it_kw",
        "quota some units",
        "land_ha",
    ]
    racks = found["built it_kw"]
    assert (racks["used"], racks["limit"], racks["promised"]) == (7, 40, 20)
    assert (racks["days_known"], racks["growth_a_year"]) == (365, pytest.approx(3))
    assert racks["days_left"] == pytest.approx(33 / 3 * 365, abs=1)
    assert racks["days_least"] < racks["days_left"]
    assert racks["days_most"] is None
    assert racks["day_latest"] == ""
    grid = found["connection_capacity_kw"]
    assert (grid["used"], grid["growth_a_year"]) == (pytest.approx(7 * 1.25 + 2), pytest.approx(3.75))
    assert found["energy_quota_mwh"]["used"] == pytest.approx((7 * 1.25 + 2) * 8.76)
    assert (found["quota some units"]["used"], found["quota some units"]["growth_a_year"]) == (35, pytest.approx(15))
    assert found["quota some it_kw"]["days_left"] == pytest.approx(1 / 3 * 365, abs=1)
    assert (found["land_ha"]["used"], found["land_ha"]["limit"], found["land_ha"]["days_known"]) == (5, 12.5, 0)
    assert main(["ledger", "forecast", "--within", "60", "--ledger", ledger]) == 1, "the quota may be gone by then"
    text = capsys.readouterr().out
    assert "  built it_kw                      7 of 40 kW, +3 kW a year (" in text
    assert ", 20 kW by leases that begin later\n    runs out 20" in text
    assert "    no trend: less than 90 days of history\n" in text
    assert main(["ledger", "forecast", "--within", "0", "--ledger", ledger]) == 3, "land has no trend"
    assert capsys.readouterr().err == "not decided, because no trend is known yet: land_ha of north\n"
    assert main(["ledger", "forecast", "--within", "-1", "--ledger", ledger]) == 2
    with closing(Database(Path(ledger.removeprefix("sqlite:///")), lock_wait_s=5)) as database:
        page, of_sites = districts_page(database, NOW), metrics_page(database, None, NOW)
    assert 'zonewright_district_resource_used_ratio{district="north",resource="built it_kw"} 0.175\n' in page
    days = f'{{bound="trend",district="north",resource="built it_kw"}} {racks["days_left"]}.0\n'
    assert f"zonewright_district_exhaustion_days{days}" in page
    assert of_sites == ""


@pytest.mark.tampers
def test_a_district_that_is_not_there(ledger: str) -> None:
    """A name that no district has is told with those that there are."""
    with (
        LedgerClient(ledger) as client,
        pytest.raises(LedgerMisuseError, match=r"something to run out \(north\), got 'x'"),
    ):
        client.call(verbs.EXHAUSTION, ExhaustionRequest(districts=["x"]))

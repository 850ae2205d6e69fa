"""``zonewright reserve``: what its how-to page says, and who sees what of it."""

import json
import re
import shlex
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from support.ledger_party import ZONE_FILE, Party, bring_up_racks
from support.served_ledger import OTHER, OWN, Served, served_ledger
from support.zone_project import REPOSITORY, ZONE, cluster
from zonewright.cli import main
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.journal_messages import HistoryRequest
from zonewright.ledger.protocol.reservation_messages import (
    FreeRequest,
    RackWish,
    ReservationRecord,
    ReservationsRequest,
    ReserveRequest,
)
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.protocol.who_messages import WhoRequest
from zonewright.ledger.transport.client import LedgerClient

PAGE = REPOSITORY / "docs" / "how-to" / "reserve-places.md"
URL = "sqlite:///ledger.db"


@pytest.fixture(name="checkout")
def _checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a ledger of four racks, and the stack of a tenant."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Pulumi.yaml").write_text("name: zone\nruntime: python\nmain: stacks\nstackConfigDir: stacks\n")
    (tmp_path / "zone").mkdir()
    (tmp_path / "stacks").mkdir()
    (tmp_path / "zone" / "zone.yaml").write_text(yaml.safe_dump(dict(ZONE)))
    declare(tmp_path, cluster(2))
    settings = {
        "zone:declaration": "zone/tenant-tenant-a.yaml",
        "zone:ledger": URL,
        "zone:stackId": "tenant-a-0123456789",
    }
    (tmp_path / "stacks" / "Pulumi.tenant-a.yaml").write_text(yaml.safe_dump({"config": settings}))
    with LedgerClient(URL, root=tmp_path, create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        bring_up_racks(client, 4)
    return tmp_path


def declare(checkout: Path, web: dict[str, object]) -> None:
    """Write the tenant's file."""
    text = yaml.safe_dump({"owner": "tenant-a", "clusters": {"web": web}})
    (checkout / "zone" / "tenant-tenant-a.yaml").write_text(text)


@pytest.mark.usefixtures("checkout")
def test_the_commands_of_the_page_work(capsys: pytest.CaptureFixture[str]) -> None:
    """Each command of the page is carried out in its order, and says what was done."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    said = []
    for line in "".join(blocks).splitlines():
        assert main(shlex.split(line)[1:]) == 0, line
        said.append(capsys.readouterr().out)
    assert re.fullmatch(r"reserved until \S+Z: 2 U and 0\.4 kW in 1 rack\n", said[0])
    assert re.fullmatch(r"reserved until \S+Z: 84 U and 8\.0 kW in 2 racks\n", said[1])
    listed = (
        r"dc1: 84 U and 8\.0 kW in whole racks dc1/a/01/01, dc1/a/01/02, until \S+Z, tenant-a, stack \S+: the tender"
    )
    assert re.match(listed, said[2])
    assert re.fullmatch(r"reserved until \S+Z\n", said[3])
    assert said[4] == "stack tenant-a-0123456789 has nothing reserved any more\n"
    assert main(["reserve", "list", "--stack", "tenant-a"]) == 0
    assert capsys.readouterr().out == "nothing is reserved for days\n"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["--stack", "tenant-a", "--for", "1d"], "expected --why; nothing was reserved"),
        (["--stack", "tenant-a", "--for", "1d", "--why", "x", "--kw", "3"], "--kw, --site and --room need --racks"),
        (
            ["--stack", "tenant-a", "--for", "1d", "--why", "x", "--racks", "2", "--site", "dc1", "--kw", "500"],
            "expected 1 to 1000 racks with up to 200 kW each, got 2 with 500 kW",
        ),
    ],
)
@pytest.mark.usefixtures("checkout")
def test_misuse_is_a_sentence(given: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is missing or too much is named, and nothing was asked of the ledger."""
    assert main(["reserve", *given]) == 2
    assert sentence in capsys.readouterr().err


def test_a_demand_that_does_not_fit_is_refused_with_findings(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 1, and the sentence says that nothing was reserved."""
    declare(checkout, cluster(500))
    assert main(["reserve", "--stack", "tenant-a", "--for", "1d", "--why", "x"]) == 1
    assert "nothing was reserved" in capsys.readouterr().err


def _reserve(served: Served) -> None:
    wish = RackWish(site="dc1", racks=1, watts=3_300)
    request = ReserveRequest(stack_id=OWN, party="tenant-a", days=30, why="a secret reason", racks=wish)
    served.local.call(verbs.RESERVE, request)


def test_others_see_the_site_and_the_end_only(tmp_path: Path) -> None:
    """A tenant learns nothing else of another's; the operator learns whose it is, an auditor all."""
    with served_ledger(tmp_path, ZONE_FILE) as served:
        _reserve(served)
        (own,) = _listed(served, "tenant-a", "tenant")
        assert (own.why, own.watts, own.stack_id) == ("a secret reason", 3_300, OWN)
        (foreign,) = _listed(served, "tenant-b", "tenant")
        assert foreign.model_dump(exclude_defaults=True) == {"site": "dc1", "until": own.until}
        (operators,) = _listed(served, "operator", "facility-operator")
        assert (operators.party, operators.watts, operators.why, operators.stack_id) == ("tenant-a", 3_300, "", "")
        other = Party(served.client(served.grant("b2", "tenant-b", "tenant")), "another-stack-0001", "tenant-b")
        with pytest.raises(LedgerRefusedError, match="may not call free for what is not its own"):
            other.client.call(verbs.FREE, FreeRequest(stack_id=OWN, why="x"))
        rack = WhoRequest(subject=own.racks[0])
        around = other.client.call(verbs.WHO, rack)
        assert around.reserved_until == [own.until]
        assert "tenant-a" not in around.model_dump_json()
        (seen,) = [one for one in served.local.call(verbs.WHO, rack).found if one.kind == "reservation"]
        assert (seen.party, seen.state, seen.until) == ("tenant-a", "reserved", own.until)
        said = other.propose(other.demand(clusters={"db": cluster(1, places={"001": _place(own.racks[0])})}))
        assert f"is reserved until {own.until[:16]}Z" in said.findings[0].message
        assert not re.search(r"tenant-a|secret reason|3,?300", said.model_dump_json())


def test_a_name_or_an_address_that_is_reserved_tells_others_nothing(tmp_path: Path) -> None:
    """Whether a name or an address is reserved stays as untold as whether it is claimed; a place tells its end."""
    with served_ledger(tmp_path, ZONE_FILE) as served:
        demand = Party(served.local, "stack-of-a-plan", "tenant-a").demand(clusters={"soon": cluster(1)})
        request = ReserveRequest(stack_id="stack-of-a-plan", party="tenant-a", days=30, why="x", demand=demand)
        served.local.call(verbs.RESERVE, request)
        (seen,) = served.local.call(verbs.WHO, WhoRequest(subject="soon-001")).found
        with sqlite3.connect(served.path) as database:
            ((holds,),) = database.execute("SELECT holds FROM lasting")
        address = str(json.loads(holds)["soon-001"]["addresses"]["v4"]).partition("/")[0]
        other = served.client(served.grant("b2", "tenant-b", "tenant"))
        for subject, nobodys in (("soon-001", "soon-002"), (address, "10.80.9.9")):
            answer = other.call(verbs.WHO, WhoRequest(subject=subject))
            assert answer == other.call(verbs.WHO, WhoRequest(subject=nobodys)), subject
        rack = WhoRequest(subject=seen.place.partition(" ")[0])
        assert other.call(verbs.WHO, rack).reserved_until == [seen.until]


def test_the_entry_of_an_end_names_nobody(tmp_path: Path) -> None:
    """What ends by the clock was asked for by nobody: whose call noticed it is not told to the reservation's party."""
    with served_ledger(tmp_path, ZONE_FILE) as served:
        mine = served.client(served.grant("runner-a", "tenant-a", "tenant"))
        wish = RackWish(site="dc1", racks=1, watts=3_300)
        request = ReserveRequest(stack_id=OWN, party="tenant-a", days=1, why="x", racks=wish)
        mine.call(verbs.RESERVE, request)
        served.now[0] += timedelta(days=2)
        other = served.party(served.grant("runner-b", "tenant-b", "tenant"), "tenant-b", OTHER)
        other.propose(other.demand(clusters={"web": cluster(2)}))
        entries = mine.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries
        by = {one.kind: one.payload.get("by") for one in entries if one.kind.startswith("reserv")}
        assert by == {"reserved": "runner-a", "reservation-ended": None}


def _place(rack: str) -> dict[str, object]:
    return {"rack": rack, "position": 1}


def _listed(served: Served, party: str, role: str) -> list[ReservationRecord]:
    client = served.client(served.grant(f"reader-{party}", party, role))
    return list(client.call(verbs.RESERVATIONS, ReservationsRequest()).reservations)

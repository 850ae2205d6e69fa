"""Sites, rows and ducts that get another name: what stands on them or names them follows, and names stay owned."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from support.ledger_party import Party
from support.live import batch, sample_of, site_of
from support.zone_project import ZONE, cluster, facility
from zonewright.ledger import LedgerRefusedError, LedgerUnavailableError
from zonewright.ledger.deciding.site_claims import claimed_sums, site_claims
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import EvaluateRequest, Proposal, StandingRequest
from zonewright.ledger.protocol.holding_messages import ConfirmRequest, HoldingRequest, ReleaseRequest
from zonewright.ledger.protocol.journal_messages import HistoryRequest
from zonewright.ledger.protocol.stack_messages import InitRequest, ReportRequest
from zonewright.ledger.store.database import Database
from zonewright.ledger.transport.client import LedgerClient
from zonewright.ledger.verbs import decided_admissions, renaming
from zonewright.ledger.verbs.renaming import ends_a_use
from zonewright.model import Zone
from zonewright.pue.meters import MeterSpec
from zonewright.pue.readings import Reading
from zonewright.server.metrics import metrics_page
from zonewright.telemetry import Store
from zonewright.telemetry.home import StoreFaultError
from zonewright.telemetry.renaming import stored_as
from zonewright.telemetry.samples import Samples, samples_path
from zonewright.telemetry.tables import readings_file

_PARTIES = {
    **ZONE["parties"],
    "operator": {"title": "Operator", "roles": ["facility-operator", "network-operator"]},
    "operator-2": {"title": "Second", "roles": ["facility-operator", "network-operator"]},
    "carrier": {"title": "Carrier", "roles": ["network-operator"]},
}
ZONE_FILE = Zone.model_validate({**ZONE, "parties": _PARTIES})
LINK = {"a": "dc1", "b": "dc2", "ducts": ["d-0"], "cores": 96, "power_panels": ["dc1/pa"]}
NEED = {"far": {"to": "dc2", "max_one_way_us": 1_000}}


def _site(number: int, rows: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    site = facility(2)["sites"]["dc1"]
    pools = {"v4": {"prefix": f"10.{number}.0.0/24", "gateway": f"10.{number}.0.1"}}
    found = {**site, **more, "address_pools": pools, "name_servers": []}
    row = site["rooms"]["a"]["rows"]["01"]
    if rows is not None:
        found["rooms"] = {"a": {"rows": {name: {**row, **extra} for name, extra in rows.items()}}}
    return found


def _duct(a: str = "dc1", **more: Any) -> dict[str, Any]:
    route = {"crs": "WGS84", "points": [[31.0, 120.8], [31.0, 120.9]]}
    return {"route": route, "length_m": 10_000, "bores": 8, "a": a, "b": "dc2", **more}


BEFORE: dict[str, Any] = {"sites": {"dc1": _site(1), "dc2": _site(2)}, "ducts": {"d-0": _duct()}}
AFTER: dict[str, Any] = {
    "sites": {"hall": _site(1, {"07": {"was": "01"}}, was="dc1"), "dc2": _site(2)},
    "ducts": {"d-9": _duct("hall", was="d-0")},
}


@dataclass
class Small:
    """Two sites and a duct of one operator; a tenant and a carrier who name them."""

    client: LedgerClient
    operator: Party
    tenant: Party
    carrier: Party

    def party(self, name: str) -> Party:
        """A stack of another party."""
        return Party(self.client, f"stack-of-{name}", name, zone=ZONE_FILE)

    def rename(self) -> Proposal:
        """The operator's `up` with the new names; gives what was proposed for it."""
        proposal = self.operator.propose(self.operator.demand(**AFTER))
        self.operator.bring_up(**AFTER)
        return proposal

    def held(self, party: Party) -> dict[str, tuple[str, dict[str, Any]]]:
        """State and data of all that a stack holds, by name."""
        report = self.client.call(verbs.REPORT, ReportRequest(stack_id=party.stack_id))
        return {item.name: (item.state, item.data) for item in report.holdings}


TENANT: dict[str, Any] = {
    "clusters": {"web": cluster(2, places={"001": {"rack": "dc1/a/01/02", "position": 9}}, connections=NEED)}
}
CARRIER: dict[str, Any] = {"links": {"l-1": LINK}}


@contextmanager
def _zone(url: str) -> Iterator[Small]:
    with LedgerClient(url, create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        names = ("operator", "tenant-a", "carrier")
        small = Small(client, *(Party(client, f"stack-of-{name}", name, zone=ZONE_FILE) for name in names))
        small.operator.bring_up(**BEFORE)
        small.carrier.bring_up(**CARRIER)
        small.tenant.bring_up(**TENANT)
        yield small


@pytest.fixture(name="small")
def _small(tmp_path: Path) -> Iterator[Small]:
    with _zone(f"sqlite:///{tmp_path / 'ledger.db'}") as small:
        yield small


def _told(proposal: Proposal) -> list[tuple[str, str, str]]:
    return [(one.rule, one.level, one.subject) for one in proposal.findings]


def test_all_that_stands_on_it_or_names_it_follows(small: Small) -> None:
    """A site, a row of it and a duct are renamed in one change: nodes, addresses, links and connections stay."""
    nodes, assets = small.held(small.tenant), small.held(small.operator)
    proposal = small.rename()
    assert (_told(proposal), proposal.renamed) == (
        [],
        {"hall": "dc1", "hall/a/07": "dc1/a/01", "ducts/d-9": "ducts/d-0"},
    )
    now = small.held(small.operator)
    assert {name: state for name, (state, _) in now.items()} == dict.fromkeys(
        ("dc2", "dc2/a/01", "hall", "hall/a/07", "ducts/d-9"), "active"
    )
    assert now["hall/a/07"][1]["digest"] == assets["dc1/a/01"][1]["digest"]
    for name, (state, data) in small.held(small.tenant).items():
        rack = nodes[name][1]["rack"].replace("dc1/a/01", "hall/a/07")
        assert (state, {**data, "digest": ""}) == ("active", {**nodes[name][1], "rack": rack, "digest": ""})
    link = small.held(small.carrier)["links/l-1"][1]["link"]
    assert (link["a"], link["ducts"], link["power_panels"]) == ("hall", ["d-9"], ["hall/pa"])
    for party in (small.tenant, small.carrier):
        held = small.client.call(verbs.REPORT, ReportRequest(stack_id=party.stack_id)).admission_id or ""
        standing = small.client.call(verbs.STANDING, StandingRequest(stack_id=party.stack_id, admission_id=held))
        assert (standing.current, standing.drifted) == (True, []), "nobody has changed what was admitted"
    entry = [one for one in small.client.call(verbs.HISTORY, HistoryRequest()).entries if one.kind == "admitted"][-1]
    assert entry.payload["renamed"] == {"dc1": "hall", "hall/a/01": "hall/a/07", "ducts/d-0": "ducts/d-9"}


def test_an_old_name_is_good_until_no_declaration_uses_it(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unchanged files of others are admitted and told the new names; when the last has them, the old ones are free."""
    small.rename()
    alone: list[bool] = []

    def noted(*given: Any) -> Any:
        alone.append(told := ends_a_use(*given))
        return told

    monkeypatch.setattr(decided_admissions, "ends_a_use", noted)
    seats = {name: data["rack"] for name, (_, data) in small.held(small.tenant).items()}
    proposal = small.tenant.propose(small.tenant.demand(**TENANT))
    assert {name: seat.rack for name, seat in proposal.seats.items()} == seats
    assert _told(proposal) == [("former-name", "advisory", name) for name in ("dc1", "hall/a/01")]
    assert proposal.former == {"dc1": "hall", "hall/a/01": "hall/a/07"}
    small.tenant.admit(proposal)
    small.carrier.bring_up(**CARRIER)
    stranger = small.party("operator-2")
    stranger.enrol()
    wants = {"sites": {"dc1": _site(3)}, "ducts": {"d-0": _duct("dc2", b="hall")}}
    taken = stranger.propose(stranger.demand(**wants))
    assert {one.subject for one in taken.findings if one.rule == "former-name" and one.refuses} == {"dc1", "ducts/d-0"}
    place = {"001": {"rack": "hall/a/07/02", "position": 9}}
    small.tenant.bring_up(clusters={"web": cluster(2, places=place, connections=NEED) | {"site": "hall"}})
    assert {name: data["rack"] for name, (_, data) in small.held(small.tenant).items()} == seats
    still = stranger.propose(stranger.demand(**wants))
    assert {one.subject for one in still.findings if one.rule == "former-name"} == {"dc1", "ducts/d-0"}
    small.carrier.bring_up(links={"l-1": {**LINK, "a": "hall", "ducts": ["d-9"], "power_panels": ["hall/pa"]}})
    assert [one for one in stranger.propose(stranger.demand(**wants)).findings if one.refuses] == []
    assert alone == [False, False, True, True], (
        "who goes on using an old name, or never did, keeps nobody out of the zone"
    )
    # Without `was`, and with it, nothing changes any more.
    for file in (AFTER, {**AFTER, "sites": {"hall": _site(1, {"07": {}}), "dc2": _site(2)}}):
        small.operator.bring_up(**file)
        assert {state for state, _ in small.held(small.operator).values()} == {"active"}


def test_a_rename_takes_nobodys_name(small: Small) -> None:
    """Whoever was first has the name, in both orders; another stack's asset is not followed; nothing is half done."""
    other = small.party("operator-2")
    other.bring_up(ducts={"d-9": _duct("dc2", b="dc1")})
    before = small.held(small.operator)
    with pytest.raises(LedgerRefusedError) as refused:
        small.operator.bring_up(**AFTER)
    assert ("name-owner", "d-9") in {(one.rule, one.subject) for one in refused.value.findings}
    assert small.held(small.operator) == before
    proposal = other.propose(
        other.demand(ducts={"d-9": _duct("dc2", b="dc1"), "mine": _duct("dc2", b="dc1", was="d-0")})
    )
    assert ("former-name", "advisory", "ducts/mine") in _told(proposal)
    assert small.held(small.operator) == before
    # The other order: the name was free when it was taken by a rename, so the later one is refused.
    other.bring_up(ducts={"d-8": _duct("dc2", b="dc1", was="d-9")})
    small.rename()
    late = other.propose(other.demand(ducts={"d-9": _duct("dc2", b="hall", was="d-8")}))
    assert ("name-owner", "mandatory", "d-9") in _told(late)


def test_two_assets_do_not_become_one_and_a_rename_goes_back(small: Small) -> None:
    """A row that was another one beside it is refused; a rename that is taken back is one more rename."""
    both = {"sites": {"dc1": _site(1, {"01": {}, "02": {}}), "dc2": _site(2)}, "ducts": BEFORE["ducts"]}
    small.operator.bring_up(**both)
    one = {**both, "sites": {"dc1": _site(1, {"02": {"was": "01"}}), "dc2": _site(2)}}
    told = _told(small.operator.propose(small.operator.demand(**one)))
    assert ("former-name", "mandatory", "dc1/a/02") in told
    small.operator.bring_up(**BEFORE)
    seats = {name: data["rack"] for name, (_, data) in small.held(small.tenant).items()}
    small.rename()
    back = {
        "sites": {"dc1": _site(1, {"01": {"was": "07"}}, was="hall"), "dc2": _site(2)},
        "ducts": {"d-0": _duct(was="d-9")},
    }
    small.operator.bring_up(**back)
    assert {name: data["rack"] for name, (_, data) in small.held(small.tenant).items()} == seats
    assert small.tenant.propose(small.tenant.demand(**TENANT)).findings == []


def test_nothing_takes_a_name_whose_asset_is_not_gone(small: Small) -> None:
    """A late delete by a generation of before frees nothing of the renamed site: the rename waits until it is done."""
    small.operator.bring_up(**{**BEFORE, "sites": {**BEFORE["sites"], "hall": _site(3)}})
    small.operator.bring_up(**BEFORE)  # and its deletes did not come
    wants = {"sites": {"hall": _site(1, was="dc1"), "dc2": _site(2)}, "ducts": {"d-0": _duct("hall")}}
    told = _told(small.operator.propose(small.operator.demand(**wants)))
    assert ("former-name", "mandatory", "hall") in told
    with pytest.raises(LedgerRefusedError):
        small.operator.bring_up(**wants)
    for name in ("hall/a/01", "hall"):
        assert small.operator.release(name, 1, small.operator.kind_of(name))
    small.operator.bring_up(**wants)
    assert {data["rack"] for _, data in small.held(small.tenant).values()} == {"hall/a/01/02"}


def test_a_proposal_from_before_a_rename_is_told_so(small: Small) -> None:
    """Places that were proposed under names of before are refused by the new name, and the next preview has them."""
    wants = {"clusters": {"web": cluster(3, connections=NEED)}}
    stale = small.tenant.propose(small.tenant.demand(**wants))
    small.rename()
    with pytest.raises(LedgerRefusedError, match="rack dc1/a/01/02 of this proposal is called hall/a/07/02 now"):
        small.tenant.admit(stale)
    small.tenant.bring_up(**wants)
    assert [state for state, _ in small.held(small.tenant).values()] == ["active"] * 3
    # What was asked a moment ago and is asked again has the present names, also where nothing new was reserved.
    small.tenant.propose(small.tenant.demand(**wants))
    small.carrier.propose(small.carrier.demand(**CARRIER))
    rows = {"hall": _site(1, {"08": {"was": "07"}}), "dc2": _site(2)}
    small.operator.bring_up(sites=rows, ducts={"d-8": _duct("hall", was="d-9")})
    seats = small.tenant.propose(small.tenant.demand(**wants)).seats
    assert {seat.rack for seat in seats.values()} == {"hall/a/08/02"}
    assert small.carrier.propose(small.carrier.demand(**CARRIER)).former["ducts/d-0"] == "ducts/d-8"


def test_a_late_delete_by_the_old_name_frees_nothing_that_is_used(small: Small) -> None:
    """A state that has not learnt a new name cannot release a site under the old one while others stand in it."""
    client, operator = small.client, small.operator
    held = HoldingRequest(stack_id=operator.stack_id, kind="site", name="dc1")
    site = client.call(verbs.READ, held).holding
    assert site is not None
    own = {"stack_id": operator.stack_id, "kind": "site", "name": "dc1"}
    client.call(verbs.CONFIRM, ConfirmRequest(**own, generation=site.generation, holder="0123456789abcdef"))
    small.rename()
    with pytest.raises(LedgerRefusedError, match="hall"):
        client.call(verbs.RELEASE, ReleaseRequest(**own, generation=site.generation + 1, holder="0123456789abcdef"))
    assert small.held(operator)["hall"][0] == "active"


def test_a_question_about_a_rename_changes_nothing(small: Small) -> None:
    """Proposals without reservation and evaluations see the new names, and the tables stay as they were."""
    before = [small.held(one) for one in (small.operator, small.tenant, small.carrier)]
    proposal = small.operator.propose(small.operator.demand(**AFTER), reserve=False)
    evaluation = small.client.call(
        verbs.EVALUATE,
        EvaluateRequest(
            stack_id=small.operator.stack_id,
            party="operator",
            lineage="lineage-1",
            demand_digest=proposal.demand_digest,
            seats={},
            addresses={},
        ),
    )
    assert (evaluation.findings, evaluation.renamed) == ([], proposal.renamed)
    assert [small.held(one) for one in (small.operator, small.tenant, small.carrier)] == before


@pytest.mark.tampers
def test_a_question_about_a_rename_is_not_remembered(small: Small, tmp_path: Path) -> None:
    """What a process reads first while names are tried is not what a site has after that: no claim is ever lost."""
    demand = small.operator.demand(**AFTER)
    database = Database(tmp_path / "ledger.db", lock_wait_s=5)

    def told(connection: Connection) -> tuple[list[tuple[str, int]], int]:
        rows = site_claims(connection, {"dc1"})["dc1"].rows
        return [(one.room, one.draw_w) for one in claimed_sums(connection)], len(rows)

    with database.writing() as connection:
        with renaming.renamed_for_now(connection, small.operator.stack_id, demand):
            assert told(connection) == ([("hall/a", 400)], 0)
        assert told(connection) == ([("dc1/a", 400)], 2)
        renaming.rename_assets(connection, renaming.pending(connection, small.operator.stack_id, demand).steps)
        assert told(connection) == ([("hall/a", 400)], 0)
    database.close()


def _stopped(*_: object) -> None:
    raise StoreFaultError("the disk is full")


def test_readings_follow_their_site(small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are found under the old id until they have moved; where that is cut off, the next admission does it."""
    store = Store(tmp_path / "ledger.telemetry.db", create=True)
    meters = {"main": MeterSpec(role="total", kind="register")}
    store.append("dc1", meters, {"main": [Reading(None, 0, 5, 1), Reading(None, 1_000_000, 6, 2)]}, trust="imported")

    with monkeypatch.context() as patched:
        patched.setattr(renaming, "move_readings", _stopped)
        small.rename()
    home = readings_file(tmp_path / "ledger.telemetry.db")
    assert (stored_as(home, "hall", "dc1"), list(store.last("dc1"))) == ("dc1", ["main"])
    small.operator.bring_up(**AFTER)
    assert (stored_as(home, "hall", "dc1"), list(store.last("hall")), store.last("dc1")) == ("hall", ["main"], {})


def test_live_readings_go_on_where_they_were(small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What agents send after a rename waits until the older readings have moved: a meter has one history."""
    meters = {"main": MeterSpec(role="total", kind="register"), "it": MeterSpec(role="it", kind="register")}
    metered = site_of(meters).model_dump(mode="json", include={"hosts", "meters", "boundary"}, exclude_defaults=True)
    small.operator.bring_up(**{**BEFORE, "sites": {"dc1": _site(1, **metered), "dc2": _site(2)}})
    samples, store = Samples(samples_path(tmp_path / "ledger.db")), Store(tmp_path / "ledger.telemetry.db", create=True)

    def deliver(minute: int) -> None:
        time_us = (1_760_000_000 + minute * 60) * 1_000_000
        some = [sample_of(name, one, Reading(None, time_us, minute + 5, 1)) for name, one in meters.items()]
        samples.append(batch(minute + 1, some), time_us * 1_000)

    deliver(0)
    small.tenant.propose(small.tenant.demand(**TENANT))
    assert sorted(store.last("dc1")) == ["it", "main"]
    wants = {**AFTER, "sites": {"hall": _site(1, {"07": {"was": "01"}}, was="dc1", **metered), "dc2": _site(2)}}
    with monkeypatch.context() as patched:
        patched.setattr(renaming, "move_readings", _stopped)
        small.operator.bring_up(**wants)
        deliver(1)
        with pytest.raises(LedgerUnavailableError, match="readings of hall, renamed lately, cannot be moved"):
            small.tenant.propose(small.tenant.demand(**TENANT))
        database = Database(tmp_path / "ledger.db", lock_wait_s=5)
        page = metrics_page(database, readings_file(tmp_path / "ledger.telemetry.db"), datetime.now(UTC))
        database.close()
        assert "zonewright_site_meter_timestamp_seconds{" in page
        assert 'site="hall"' in page, "figures are found where they are"
    small.tenant.propose(small.tenant.demand(**TENANT))
    with readings_file(tmp_path / "ledger.telemetry.db").opened() as connection:
        rows = connection.execute(
            "select m.site, m.name, count(*) from meter m join reading r on r.meter = m.id "
            "group by m.site, m.name order by m.name"
        ).fetchall()
    assert rows == [("hall", "it", 2), ("hall", "main", 2)]


def test_readings_of_two_sites_do_not_become_one(small: Small, tmp_path: Path) -> None:
    """A site gets no id under which readings of an earlier one are kept; nothing is renamed."""
    store = Store(tmp_path / "ledger.telemetry.db", create=True)
    meters = {"main": MeterSpec(role="total", kind="register")}
    for site, first in (("dc1", 5), ("hall", 50)):
        store.append(site, meters, {"main": [Reading(None, 0, first, 1)]}, trust="imported")
    for ask in (
        lambda: small.operator.propose(small.operator.demand(**AFTER)),
        lambda: small.operator.bring_up(**AFTER),
    ):
        with pytest.raises(LedgerRefusedError, match="has readings of another site of that name"):
            ask()
    assert "dc1" in small.held(small.operator)

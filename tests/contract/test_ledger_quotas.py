"""Quotas of districts and parties: claims and reservations count, at all sites, in the transaction that admits."""

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.ledger_party import Party
from support.served_ledger import served_ledger
from support.zone_project import REPOSITORY, ZONE, cluster, facility
from zonewright.audit.evidence import gathering, replay
from zonewright.audit.evidence.fetching import fetch
from zonewright.audit.evidence.replay import judge_again
from zonewright.cli import main
from zonewright.declare.load import load_zone
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.deciding import measuring
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.change_messages import Snapshot
from zonewright.ledger.protocol.reservation_messages import RackWish, ReserveRequest
from zonewright.ledger.protocol.stack_messages import InitRequest, ReportRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone
from zonewright.rules.finding import Finding

NOW = datetime(2026, 11, 30, tzinfo=UTC)
QUOTAS = {
    "ours": {"party": "tenant-a", "it_kw": 1, "units": 8},
    "north": {"district": "north", "it_kw": 2, "energy_mwh": 100},
}
ZONE_FILE = Zone.model_validate({**ZONE, "quotas": QUOTAS})
_DC1 = facility(4)["sites"]["dc1"]
_POOL = {"v4": {"prefix": "10.81.0.0/20", "gateway": "10.81.0.1"}}
SITES = {"dc1": _DC1, "dc2": {**_DC1, "title": "Data centre 2", "address_pools": _POOL}}


def away(count: int) -> dict[str, Any]:
    """A cluster at the other site."""
    return {**cluster(count), "site": "dc2"}


@pytest.fixture(name="client")
def _client(tmp_path: Path) -> Iterator[LedgerClient]:
    with LedgerClient(f"sqlite:///{tmp_path / 'ledger.db'}", create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        Party(client, "stack-of-operator", "operator", zone=ZONE_FILE).bring_up(sites=SITES)
        yield client


def stack(client: LedgerClient, party: str, number: int = 1) -> Party:
    """One of a party's stacks."""
    return Party(client, f"stack-{number:02}-of-{party}", party, zone=ZONE_FILE)


def reserve(mine: Party, **wanted: Any) -> None:
    """Reserve for thirty days."""
    request = ReserveRequest(stack_id=mine.stack_id, party=mine.party, days=30, why="soon", **wanted)
    mine.client.call(verbs.RESERVE, request)


def told(findings: list[Finding]) -> list[tuple[str, int]]:
    """Subject and excess of those that refuse."""
    return [(one.subject, one.excess) for one in findings if one.refuses]


def test_a_party_s_stacks_and_sites_count_together(client: LedgerClient) -> None:
    """What one stack has at one site counts for another stack at another site; others have a quota of their own."""
    stack(client, "tenant-a").bring_up(clusters={"web": cluster(4)})
    second = stack(client, "tenant-a", 2)
    assert told(second.propose(second.demand(clusters={"db": away(1)}), reserve=False).findings) == []
    over = second.propose(second.demand(clusters={"db": away(5)}), reserve=False)
    assert told(over.findings) == [("quota ours it_kw", 800), ("quota ours units", 1)]
    assert "800 W too much" in over.findings[0].message
    other = stack(client, "tenant-b")
    assert told(other.propose(other.demand(clusters={"db": away(6)}), reserve=False).findings) == []


def test_what_is_scarce_goes_to_those_who_have_little_of_it(client: LedgerClient) -> None:
    """Beyond its part a quota is shared equally: who has more keeps it and takes no more, who has less goes first."""
    scarce = {"north": {"district": "north", "it_kw": 2, "scarce_from": 0.5}}
    zone = Zone.model_validate({**ZONE, "quotas": scarce})
    client.call(verbs.INIT, InitRequest(zone=zone))
    first, second = (Party(client, f"stack-of-{name}", name, zone=zone) for name in ("tenant-a", "tenant-b"))
    first.bring_up(clusters={"web": cluster(7)})
    second.bring_up(clusters={"db": cluster(1)})
    for count, findings in ((8, [("quota north it_kw of tenant-a", 600)]), (7, []), (6, [])):
        offer = first.propose(first.demand(clusters={"web": cluster(count)}), reserve=False)
        assert told(offer.findings) == findings
    second.bring_up(clusters={"db": cluster(3)})
    assert told(second.propose(second.demand(clusters={"db": cluster(4)}), reserve=False).findings) == [
        ("quota north it_kw", 200)
    ]


def test_reservations_count_and_a_converted_one_counts_once(client: LedgerClient) -> None:
    """What is reserved is not there for another change; the change that it is for is admitted within the quota."""
    mine = stack(client, "tenant-a")
    demand = mine.demand(clusters={"web": cluster(5)})
    reserve(mine, demand=demand)
    second = stack(client, "tenant-a", 2)
    assert told(second.propose(second.demand(clusters={"db": away(1)}), reserve=False).findings) == [
        ("quota ours it_kw", 200)
    ]
    mine.enrol()
    mine.admit(mine.propose(demand))
    with pytest.raises(LedgerRefusedError) as caught:
        reserve(second, racks=RackWish(site="dc2", racks=1, watts=100))
    assert {one.subject for one in caught.value.findings} == {"quota ours it_kw", "quota ours units"}


def test_reserving_again_does_not_count_twice(client: LedgerClient) -> None:
    """A reservation that takes the place of the stack's own is judged without it."""
    mine = stack(client, "tenant-a")
    reserve(mine, demand=mine.demand(clusters={"web": cluster(5)}))
    reserve(mine, demand=mine.demand(clusters={"web": cluster(4), "db": away(1)}))


def test_the_transaction_that_admits_counts(client: LedgerClient) -> None:
    """Two proposals fit one by one; the second admission is refused by what the first has taken elsewhere."""
    first, second = stack(client, "tenant-a"), stack(client, "tenant-a", 2)
    proposals = []
    for one, wants in ((first, cluster(3)), (second, away(3))):
        one.enrol()
        proposals.append(one.propose(one.demand(clusters={"web": wants}), reserve=False))
    first.admit(proposals[0])
    with pytest.raises(LedgerRefusedError) as caught:
        second.admit(proposals[1])
    assert told(list(caught.value.findings)) == [("quota ours it_kw", 200)]


def test_a_quota_that_is_exceeded_already_does_not_hinder_what_adds_nothing(client: LedgerClient) -> None:
    """After the administrator has lowered a quota, a party may go on and take less, and may not take more."""
    mine = stack(client, "tenant-a")
    mine.bring_up(clusters={"web": cluster(5)})
    lower = Zone.model_validate({**ZONE, "quotas": {"ours": {"party": "tenant-a", "it_kw": 0.5}}})
    client.call(verbs.INIT, InitRequest(zone=lower))
    mine.zone = lower
    for count, refused in ((5, []), (4, []), (6, [("quota ours it_kw", 700)])):
        proposal = mine.propose(mine.demand(clusters={"web": cluster(count)}), reserve=False)
        assert told(proposal.findings) == refused, count


def test_what_leaves_counts_until_it_is_deleted(client: LedgerClient) -> None:
    """Neither renames nor a second stack get past a quota by what is still there; a move counts a node once."""
    mine, second = stack(client, "tenant-a"), stack(client, "tenant-a", 2)
    mine.bring_up(clusters={"web": cluster(5)})
    for own in ({"db": cluster(5)}, {"web": cluster(4), "db": cluster(2)}):
        proposal = mine.propose(mine.demand(clusters=own), reserve=False)
        assert told(proposal.findings)[0][0] == "quota ours it_kw", own
    place = {"001": {"rack": "dc1/a/01/04", "position": 9}}
    mine.bring_up(clusters={"web": cluster(5, places=place)})
    assert mine.states().count(("web-001", "releasing")) == 1
    mine.bring_up(clusters={"web": cluster(4, places=place)})
    late = second.demand(clusters={"db": away(1)})
    assert told(second.propose(late, reserve=False).findings) == [("quota ours it_kw", 200)]
    report = client.call(verbs.REPORT, ReportRequest(stack_id=mine.stack_id))
    (gone,) = [one for one in report.holdings if one.name == "web-005"]
    mine.release(gone.name, gone.generation)
    assert told(second.propose(late, reserve=False).findings) == []


def test_the_page_s_quotas_are_those_that_the_check_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the how-to page writes is valid, and its commands do what they say."""
    page = (REPOSITORY / "docs" / "how-to" / "set-quotas.md").read_text(encoding="utf-8")
    first, second, third, districts = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    zone = {**ZONE, **yaml.safe_load(districts)}
    text = first + "".join(one.removeprefix("quotas:\n") for one in (second, third))
    (commands,) = re.findall(r"```sh\n(.*?)```", page, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "zone").mkdir()
    (tmp_path / "zone" / "zone.yaml").write_text(f"{yaml.safe_dump(zone)}\n{text}")
    (tmp_path / "zone" / "facility-operator.yaml").write_text(yaml.safe_dump(facility(4)))
    for line in commands.splitlines():
        assert main(shlex.split(line)[1:]) == 0, capsys.readouterr()
    wrong = text.replace("district: north", "district: nroth", 1).replace("party: tenant-a", "party: nobody")
    (tmp_path / "zone" / "zone.yaml").write_text(f"{yaml.safe_dump(zone)}\n{wrong}")
    said = [str(problem) for problem in load_zone(tmp_path / "zone").problems]
    assert any("quotas.north.district: an unknown district" in one for one in said)
    assert any("quotas.small-tenant.party: an unknown party" in one for one in said)


def test_an_auditor_judges_quotas_again(client: LedgerClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The facts of a decision hold what the quotas rest on at sites that are not touched.

    That is claims, also those that leave, and reservations.
    """
    elsewhere = stack(client, "tenant-a")
    elsewhere.bring_up(clusters={"web": cluster(3)})
    elsewhere.bring_up(clusters={"web": cluster(2, places={"001": {"rack": "dc1/a/01/04", "position": 9}})})
    assert [name for name, state in elsewhere.states() if state == "releasing"] == ["web-001", "web-003"]
    reserve(stack(client, "tenant-a", 3), demand=stack(client, "tenant-a").demand(clusters={"later": cluster(1)}))
    reserve(stack(client, "tenant-b"), racks=RackWish(site="dc1", racks=1, watts=500))
    mine = stack(client, "tenant-a", 2)
    demand = mine.demand(clusters={"db": away(6)})
    made = gathering.material(
        client,
        stack_id=mine.stack_id,
        demand=demand,
        proposal=mine.propose(demand, reserve=False),
        rendered={},
        inputs={},
    )
    taken = fetch(client, {made.snapshot.digest})
    snapshot = Snapshot.model_validate_json(taken[made.snapshot.digest])
    texts = fetch(client, set(snapshot.files.values()))
    plan = made.plan(reason="test", emergency=False, planned_at=snapshot.at)
    facts = {name: texts[digest] for name, digest in snapshot.files.items()}
    again = judge_again(snapshot, facts, plan, demand.canonical())
    expected = {("quota ours it_kw", 1000), ("quota ours units", 2), ("quota north it_kw", 500)}
    assert set(told(again.findings)) == expected
    assert again.findings == snapshot.findings
    assert snapshot.format == measuring.NEWEST_FORM, "what is decided now is judged by all that is known"
    asked = list[int]()

    def ask(*_args: object, form: int, **_more: object) -> None:
        asked.append(form)
        raise ArithmeticError

    monkeypatch.setattr(replay, "review_change", ask)
    for form in (2, 3, 4):
        with pytest.raises(ArithmeticError):
            judge_again(snapshot.model_copy(update={"format": form}), facts, plan, demand.canonical())
    assert asked == [2, 3, 4], "what was decided before by what its version knew"


def test_what_each_form_knew_of_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to form 2 no load model is fitted, and up to form 3 meters are not compared with each other."""
    monkeypatch.setattr(measuring, "_fresh_claims", lambda *_: {})
    monkeypatch.setattr(measuring, "_opened_rooms", lambda *_: {})
    nothing: Any = None
    known = [measuring.load_history(nothing, nothing, (), NOW, form=form) for form in (2, 3, 4)]
    assert [(one.opened is None, one.compares) for one in known] == [(True, False), (False, False), (False, True)]


def test_a_tenant_is_told_what_is_missing_of_its_own_wish(tmp_path: Path) -> None:
    """Of a district's quota a tenant of a service hears what is too much, in steps, and no sum of others."""
    quotas = {"north": {"district": "north", "it_kw": 1.05}}
    with served_ledger(tmp_path, Zone.model_validate({**ZONE, "quotas": quotas})) as served:
        mine = served.party(served.grant("runner-a", "tenant-a", "tenant"))
        (finding,) = mine.propose(mine.demand(clusters={"web": cluster(4)}), reserve=False).findings
        assert (finding.value, finding.limit, finding.excess) == (None, None, 200)
        assert finding.message.startswith(
            "its quota has no room for this beside what others have in it: up to 200 W too much"
        )
        assert "racks" not in finding.fix, "others do not help"
        assert "free a reservation that is not needed" in finding.fix
        assert "tenant-b" not in str(finding)
        scarce = {"north": {"district": "north", "it_kw": 2, "scarce_from": 0.1}}
        served.local.call(verbs.INIT, InitRequest(zone=(zone := Zone.model_validate({**ZONE, "quotas": scarce}))))
        mine.zone = zone
        (finding,) = mine.propose(mine.demand(clusters={"web": cluster(6)}), reserve=False).findings
        assert (finding.value, finding.limit, finding.excess) == (None, None, 200)
        assert finding.message.startswith(
            "its quota is scarce, and this is more than an equal share of it: up to 200 W"
        )
        assert "those who have less than their share go first" in finding.fix
        assert "tenant-b" not in str(finding)

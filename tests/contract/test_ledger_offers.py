"""An operator's offers close the rest of its site: decided in the transaction that admits, and kept by placement."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.ledger_party import ZONE_FILE, Party
from support.served_ledger import served_ledger
from support.zone_project import REPOSITORY, ZONE, cluster, facility
from zonewright.cli import main
from zonewright.declare.load import load_zone
from zonewright.ledger import LedgerError, LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import Proposal, ProposeRequest
from zonewright.ledger.protocol.capacity_messages import CapacityRequest, FitRequest
from zonewright.ledger.protocol.reservation_messages import RackWish, ReserveRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone
from zonewright.model.asset import DuctAsset, LinkAsset, SiteAsset
from zonewright.model.demand import Demand
from zonewright.model.network import Duct, Link
from zonewright.model.offer import Offer

ROW = "dc1/a/01"
OFFERS: dict[str, Any] = {
    "shelf": {"site": "dc1", "racks": ["a/01/02"], "units": "11..20", "it_kw": 1, "price_class": "standard"},
    "whole": {"site": "dc1", "racks": ["a/01/03..04"], "parties": ["tenant-b"]},
}


@pytest.fixture(name="client")
def _client(tmp_path: Path) -> Iterator[LedgerClient]:
    with LedgerClient(f"sqlite:///{tmp_path / 'ledger.db'}", create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        yield client


def operate(client: LedgerClient, **offers: Any) -> Party:
    """The operator's stack with four racks, and what it offers."""
    operator = Party(client, "stack-of-operator", "operator")
    sites = facility(4)["sites"]
    operator.enrol()
    operator.admit(operator.propose(operator.demand(sites=sites, offers=offers)))
    for name, state in operator.states():
        if state == "admitted":
            operator.confirm(name, kind="row" if "/" in name else "site")
    return operator


def racks(proposal: Proposal) -> dict[str, tuple[str, int]]:
    """Where the nodes of a proposal stand."""
    return {name: (seat.rack.removeprefix(f"{ROW}/"), seat.position) for name, seat in proposal.seats.items()}


def test_automatic_places_are_chosen_within_the_offers(client: LedgerClient) -> None:
    """Each party's nodes go where it is offered something, and the units of an offer are kept."""
    operate(client, **OFFERS)
    mine, other = Party(client, "stack-of-tenant-a", "tenant-a"), Party(client, "stack-of-tenant-b", "tenant-b")
    found = mine.propose(mine.demand(clusters={"web": cluster(2)}))
    assert racks(found) == {"web-001": ("02", 11), "web-002": ("02", 12)}
    assert found.findings == []
    taken = other.propose(other.demand(clusters={"db": cluster(90)}))
    assert {rack for rack, _ in racks(taken).values()} == {"02", "03", "04"}
    assert [one.rule for one in taken.findings] == ["placement"], (
        "84 U in two racks, and three nodes' power on the shelf"
    )
    assert len(taken.seats) == 84 + 3, "84 U in two racks, and what two reserved nodes leave of the shelf"


def test_what_is_missing_is_told_as_ones_own_wish(client: LedgerClient) -> None:
    """A refusal for units or watts of an offer says what is missing, and nothing of who has the rest."""
    operate(client, shelf=OFFERS["shelf"])
    other = Party(client, "stack-of-tenant-b", "tenant-b")
    other.bring_up(clusters={"db": cluster(2, node_type="two-u")})
    mine = Party(client, "stack-of-tenant-a", "tenant-a")
    (finding,) = mine.propose(mine.demand(clusters={"web": cluster(3)})).findings
    assert "web-003 has no place: none of 1 rack in site dc1 can take it" in finding.message
    assert "short of offered power in 1" in finding.message
    assert "3 racks there are not open for it" in finding.message
    assert "short of up to 200 W of the power that is offered with it" in finding.message
    assert "tenant-b" not in str(finding)
    chosen = {"001": {"rack": f"{ROW}/01", "position": 1}}
    (finding,) = mine.propose(mine.demand(clusters={"web": cluster(1, places=chosen)})).findings
    assert (finding.rule, finding.excess) == ("offered-place", 1)


def test_the_transaction_that_admits_decides(client: LedgerClient) -> None:
    """An offer that came after the proposal closes the place; the admission is refused, and nothing is claimed."""
    operate(client)
    mine = Party(client, "stack-of-tenant-a", "tenant-a")
    mine.enrol()
    proposal = mine.propose(mine.demand(clusters={"web": cluster(1)}))
    assert racks(proposal) == {"web-001": ("01", 1)}
    operate(client, **OFFERS)
    with pytest.raises(LedgerRefusedError) as caught:
        mine.admit(proposal)
    assert [one.rule for one in caught.value.findings] == ["offered-place"]
    assert mine.states() == []


def test_what_leaves_counts_in_its_offer_until_it_is_deleted(client: LedgerClient) -> None:
    """A rename gets no more of an offer's power than there is, placed automatically or not; a move counts once."""
    operate(client, shelf=OFFERS["shelf"])
    mine = Party(client, "stack-of-tenant-a", "tenant-a")
    mine.bring_up(clusters={"web": cluster(4)})
    found = mine.propose(mine.demand(clusters={"db": cluster(2)}), reserve=False)
    assert len(found.seats) == 1, "four that leave, and one more, are 1 kW"
    chosen = {f"00{n}": {"rack": f"{ROW}/02", "position": n + 15} for n in (1, 2)}
    found = mine.propose(mine.demand(clusters={"db": cluster(2, places=chosen)}), reserve=False)
    assert [(one.rule, one.excess) for one in found.findings] == [("offered-power", 200)]
    moved = mine.propose(mine.demand(clusters={"web": cluster(5, places=chosen)}), reserve=False)
    assert (len(moved.seats), moved.findings) == (5, [])


def test_the_page_s_offers_are_those_that_the_check_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the how-to page writes is valid, and its command finds nothing wrong with it."""
    page = (REPOSITORY / "docs" / "how-to" / "offer-racks.md").read_text(encoding="utf-8")
    texts = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "zone").mkdir()
    (tmp_path / "zone" / "zone.yaml").write_text(yaml.safe_dump(ZONE))
    owner = yaml.safe_dump(facility(4))
    (command, _) = re.findall(r"```sh\n(.*?)```", page, flags=re.DOTALL)[0].splitlines()
    for text in texts:
        (tmp_path / "zone" / "facility-operator.yaml").write_text(f"{owner}\n{text}")
        assert main(shlex.split(command)[1:]) == 0, capsys.readouterr()
    assert len(texts) == 2, "parties, and leases"


@pytest.mark.parametrize(
    ("offer", "sentence"),
    [
        ({"site": "dc2"}, "offers.one.site: an unknown site of its own"),
        ({"site": "dc1", "racks": ["a/01/09"]}, "offers.one.racks.0: an offer of racks that are not there"),
        ({"site": "dc1", "racks": ["a/01/03..99"]}, "offers.one.racks.0: an offer of racks that are not there"),
        ({"site": "dc1", "racks": ["a/01..09"]}, "there is no row a/02"),
        ({"site": "dc1", "racks": ["zz"]}, "there is no room zz"),
        ({"site": "dc1", "racks": ["a/1/2/3"]}, "offers.one.racks.0: racks that cannot be read"),
        ({"site": "dc1", "racks": ["a/01/01"], "units": "43..50"}, "offers.one.units: an offer of units above the top"),
        ({"site": "dc1", "racks": ["a/01/01"], "units": "40..43"}, "expected units up to 42, as rack dc1/a/01/01 has"),
        ({"site": "dc1", "parties": ["nobody"]}, "offers.one.parties.0: an unknown party"),
        ({"site": "dc1", "racks": ["a/01/04"], "units": "20..30"}, "rack units that two offers have"),
        ({"site": "dc1", "units": "30..20"}, "units 30..20 end below where they begin"),
        ({"site": "dc1", "bores": 2}, "bores belong to an offer with 'ducts'"),
        ({"site": "dc1", "cores": 2}, "cores belong to an offer with 'links'"),
        ({"links": ["l9"]}, "offers.one.links.0: an unknown link of its own"),
        ({"racks": ["a"]}, "expected 'site' for an offer of racks, 'ducts'"),
        ({"ducts": ["d9"]}, "offers.one.ducts.0: an unknown duct of its own"),
        ({"site": "dc1", "it_kw": True}, "offers.one.it_kw: "),
        ({"site": "dc1", "it_kw": float("nan")}, "offers.one.it_kw: "),
        (
            {"site": "dc1", "racks": [f"a/{prefix}0001..{prefix}4000" for prefix in "pqr"]},
            "offers: too many ids in offers: expected at most 10,000",
        ),
    ],
)
def test_an_offer_that_makes_no_sense_is_told(tmp_path: Path, offer: dict[str, Any], sentence: str) -> None:
    """Each mistake in an offer is a problem at its place, with what was expected."""
    (tmp_path / "zone.yaml").write_text(yaml.safe_dump(ZONE))
    offers = {"one": offer, "two": {"site": "dc1", "racks": ["a/01/04"], "units": "30..42"}}
    (tmp_path / "facility-operator.yaml").write_text(yaml.safe_dump({**facility(4), "offers": offers}))
    said = [str(problem) for problem in load_zone(tmp_path).problems]
    assert any(sentence in one for one in said), said


@pytest.mark.parametrize(
    ("offers", "sentence"),
    [
        ({"one": {"site": "dc1", "racks": ["zz/99"]}}, "offers.one.racks.0: an offer of racks that are not there"),
        ({"one": {"site": "dc1", "racks": ["a/01/03..99"]}}, "there is no rack a/01/05"),
        ({"one": {"site": "dc1", "racks": ["a/b/c/d/e"]}}, "offers.one.racks.0: racks that cannot be read"),
        ({"one": {"site": "dc1", "units": "43..50"}}, "offers.one.units: an offer of units above the top of a rack"),
        ({"one": {"site": "dc-of-others"}}, "an offer that stands with 'dc1' is of another site, duct or link"),
        ({"one": {"ducts": ["d9"], "bores": 3}}, "an offer that stands with 'dc1' is of another site, duct or link"),
        ({"one": {"site": "dc1", "parties": ["nobody"]}}, "the registered zone has no party 'nobody'"),
        (
            {"one": {"site": "dc1", "units": "1..20"}, "two": {"site": "dc1", "racks": ["a/01/02"], "units": "20..21"}},
            "got U20 of dc1/a/01/02 and perhaps more, which 'one' has too",
        ),
        (
            {"one": {"site": "dc1", "racks": [f"a/{prefix}0001..{prefix}4000" for prefix in "pqr"]}},
            "expected at most 10,000 ids of one owner, got 12,004",
        ),
    ],
)
def test_the_ledger_refuses_an_offer_that_makes_no_sense(
    client: LedgerClient, offers: dict[str, Any], sentence: str
) -> None:
    """A demand that no check has seen is judged where it is decided on; nothing is admitted."""
    operator = operate(client)
    sound = operator.demand(sites=facility(4)["sites"])
    site = sound.assets["dc1"]
    assert isinstance(site, SiteAsset)
    nonsense = {name: Offer.model_validate(offer) for name, offer in offers.items()}
    assets = {**sound.assets, "dc1": site.model_copy(update={"offers": nonsense})}
    asked = ProposeRequest.model_construct(
        stack_id=operator.stack_id,
        party="operator",
        demand=sound.model_copy(update={"assets": assets}),  # without the checks of a well-meaning client
        reserve=False,
    )
    with pytest.raises(LedgerError, match=re.escape(sentence)):
        client.call(verbs.PROPOSE, asked)


def test_a_duct_s_bores_bound_what_is_offered_of_it() -> None:
    """An offer of more bores than the duct has is no demand."""
    route = {"crs": "WGS84", "points": [[31.0, 120.8], [31.0, 120.9]]}
    duct = Duct.model_validate({"route": route, "length_m": 10_000, "bores": 8})

    def offered(bores: int) -> Demand:
        asset = DuctAsset(duct=duct, offers={"one": Offer(ducts=("d1",), bores=bores)})
        return Demand(zone="z", zone_digest="", party="carrier", assets={"ducts/d1": asset})

    assert offered(8).assets
    with pytest.raises(ValueError, match="an offer of more bores than a duct has: expected at most 8"):
        offered(9)


def test_a_link_s_cores_bound_what_is_offered_of_it() -> None:
    """An offer of more cores than the link has is no demand."""
    link = Link(a="dc1", b="dc2", ducts=("d1",), cores=24)
    asset = LinkAsset(link=link, offers={"one": Offer(links=("l1",), cores=25)})
    with pytest.raises(ValueError, match="an offer of more cores than a link has: expected at most 24"):
        Demand(zone="z", zone_digest="", party="carrier", assets={"links/l1": asset})


def test_what_stands_outside_stays_and_is_no_reason_to_refuse(client: LedgerClient) -> None:
    """The operator may close what tenants stand in; their nodes stay, more go into offers, and others may leave."""
    operate(client)
    mine = Party(client, "stack-of-tenant-a", "tenant-a")
    mine.bring_up(clusters={"web": cluster(3)})
    operate(client, **OFFERS)
    proposal = mine.propose(mine.demand(clusters={"web": cluster(4)}))
    assert racks(proposal) == {f"web-00{n}": ("01", n) for n in (1, 2, 3)} | {"web-004": ("02", 11)}
    mine.admit(proposal)
    mine.confirm("web-004")
    fewer = mine.propose(mine.demand(clusters={"web": cluster(4, without=["002"])}))
    mine.admit(fewer)


def test_an_operator_without_offers_is_open_as_before(client: LedgerClient) -> None:
    """A site without offers takes everybody, and its assets are written as before there were offers."""
    operate(client)
    mine = Party(client, "stack-of-tenant-a", "tenant-a")
    assert mine.propose(mine.demand(clusters={"web": cluster(160)})).findings == []
    demand = Party(client, "stack-of-operator", "operator").demand(sites=facility(4)["sites"])
    assert "offers" not in demand.canonical()


def test_reservations_count_in_an_offer_and_keep_to_it(client: LedgerClient) -> None:
    """Power that is reserved in an offer is not there for others; whole racks are reserved where they are offered."""
    operate(client, **OFFERS)
    mine, other = Party(client, "stack-of-tenant-a", "tenant-a"), Party(client, "stack-of-tenant-b", "tenant-b")
    demand = mine.demand(clusters={"web": cluster(4)})
    request = ReserveRequest(stack_id=mine.stack_id, party="tenant-a", days=30, why="soon", demand=demand)
    client.call(verbs.RESERVE, request)
    found = other.propose(other.demand(clusters={"db": cluster(90)}))
    assert len(found.seats) == 84 + 1, "200 W of 1 kW are left on the shelf"
    wish = RackWish(site="dc1", racks=2, watts=8_000)
    held = client.call(
        verbs.RESERVE, ReserveRequest(stack_id=other.stack_id, party="tenant-b", days=30, why="soon", racks=wish)
    )
    assert held.racks == [f"{ROW}/03", f"{ROW}/04"]
    with pytest.raises(LedgerRefusedError, match="nothing was reserved"):
        client.call(
            verbs.RESERVE, ReserveRequest(stack_id=mine.stack_id, party="tenant-a", days=30, why="soon", racks=wish)
        )


def test_free_is_what_is_offered_to_the_reader(tmp_path: Path) -> None:
    """A tenant of a service is told the capacity of its offers; an auditor that of the site."""
    parties = {**ZONE["parties"], "office": {"title": "Zone", "roles": ["zone-administrator", "auditor"]}}
    with served_ledger(tmp_path, Zone.model_validate({**ZONE, "parties": parties})) as served:
        offer = {"one": {"site": "dc1", "racks": ["a/01/02"], "units": "1..10", "parties": ["tenant-b"]}}
        operator = Party(served.local, "stack-of-operator", "operator", zone=served.zone)
        operator.admit(operator.propose(operator.demand(sites=facility(2)["sites"], offers=offer)))
        free = {}
        for party, role in (("tenant-a", "tenant"), ("tenant-b", "tenant"), ("office", "auditor")):
            client = served.client(served.grant(f"reader-{party}", party, role))
            free[party] = client.call(verbs.CAPACITY, CapacityRequest()).sites["dc1"].free_u
            answer = client.call(verbs.FIT, FitRequest(watts=100, units=1))
            assert [room.room for room in answer.rooms] == ([] if party == "tenant-a" else ["dc1/a"])
            assert answer.party == ("" if party == "office" else party)
            wanted = FitRequest(watts=100, units=1, party="tenant-a")
            if party == "tenant-b":
                with pytest.raises(LedgerRefusedError, match="may not call fit for what is not its own"):
                    client.call(verbs.FIT, wanted)
            else:
                assert client.call(verbs.FIT, wanted).rooms == []
        assert free == {"tenant-a": 0, "tenant-b": 10, "office": 80}


def test_what_is_told_as_free_is_what_offers_leave(tmp_path: Path) -> None:
    """Fit and capacity count units and watts of what is offered to the reader, less what is used of it."""
    with served_ledger(tmp_path, ZONE_FILE) as served:
        offer = {"one": {"site": "dc1", "racks": ["a/01/01..02"], "units": "40..42", "it_kw": 0.5}}
        operator = Party(served.local, "stack-of-operator", "operator", zone=served.zone)
        operator.admit(operator.propose(operator.demand(sites=facility(2)["sites"], offers=offer)))
        for left_w, left_u in ((500, 6), (300, 5)):
            client = served.client(served.grant(f"reader-{left_w}", "tenant-b", "tenant"))
            free = client.call(verbs.CAPACITY, CapacityRequest()).sites["dc1"]
            assert (free.free_kw, free.free_u) == (left_w / 1000, left_u)
            for watts, units, missing in (
                (left_w, 3, (0, 0)),
                (left_w + 1, 3, (1, 0)),
                (left_w, left_u, (0, 0)),
                (left_w, left_u + 1, (0, 1)),
            ):
                (room,) = client.call(verbs.FIT, FitRequest(watts=watts, units=units)).rooms
                assert (room.free_w, room.free_units) == (left_w, left_u)
                assert (room.missing_w, room.missing_units) == missing
            if left_w > 300:
                mine = served.party(served.grant("runner-a", "tenant-a", "tenant"), stack_id="stack-in-an-offer")
                mine.bring_up(clusters={"shelf": cluster(1)})

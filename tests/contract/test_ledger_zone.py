"""What one party's change does to the zone as a whole: judged against what others hold, for its own part only."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from support.ledger_party import Party
from support.zone_project import ZONE, cluster, facility
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import Impact
from zonewright.ledger.protocol.capacity_messages import ExplainRequest, FitRequest
from zonewright.ledger.protocol.journal_messages import HistoryRequest, SeenRequest
from zonewright.ledger.protocol.offer_messages import OffersRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.protocol.who_messages import WhoRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone

PACK: dict[str, Any] = {"title": "Pack", "valid_from": "2026-01-01", "valid_until": "2026-12-31"}
PARTIES = {
    **ZONE["parties"],
    "operator-2": {"title": "Second", "roles": ["facility-operator"]},
    "carrier": {"title": "Carrier", "roles": ["network-operator"]},
    "carrier-2": {"title": "Second carrier", "roles": ["network-operator"]},
}
ROUTE = {"crs": "WGS84", "points": [[31.0, 120.8], [31.0, 120.9]]}
DUCT = {"route": ROUTE, "length_m": 10_000, "bores": 8, "a": "dc1", "b": "dc2"}


def zone_file(limits: dict[str, float] | None = None, north: dict[str, Any] | None = None, **more: Any) -> Zone:
    """The small zone with a rule pack and quotas of its district."""
    pack = {**PACK, "limits": {name: {"value": value, "source": "test"} for name, value in (limits or {}).items()}}
    districts = {"north": {"title": "North", **(north or {})}}
    fields = {"parties": PARTIES, "districts": districts, "rule_packs": {"pack": pack}, "rule_pack": "pack"}
    return Zone.model_validate({**ZONE, **fields, **more})


def sites(name: str = "dc1", racks: int = 1, **more: Any) -> dict[str, Any]:
    """One site with racks of 10,000 W each, and an overhead of a tenth."""
    site = {**facility(racks)["sites"]["dc1"], "overhead": {"slope": 0.1}, **more}
    pools = {"v4": {"prefix": f"10.8{name[-1]}.0.0/20", "gateway": f"10.8{name[-1]}.0.1"}}
    return {name: {**site, "address_pools": pools}}


@dataclass
class Ledger:
    """A ledger with a clock, and the file of its zone."""

    client: LedgerClient
    zone: Zone
    now: list[datetime]

    def party(self, name: str) -> Party:
        """A stack of a party."""
        return Party(self.client, f"stack-of-{name}", name, zone=self.zone)

    def register(self, zone: Zone) -> None:
        """The administrator registers another file."""
        self.zone = zone
        self.client.call(verbs.INIT, InitRequest(zone=zone))


@pytest.fixture(name="ledger")
def _ledger(tmp_path: Path) -> Iterator[Ledger]:
    now = [datetime(2026, 11, 24, tzinfo=UTC)]
    with LedgerClient(f"sqlite:///{tmp_path / 'l.db'}", create=True, clock=lambda: now[0]) as client:
        ledger = Ledger(client, zone_file(), now)
        ledger.register(ledger.zone)
        yield ledger


def rules(party: Party, **fields: Any) -> list[str]:
    """Rules that refuse a declaration of a party."""
    proposal = party.propose(party.demand(**fields), reserve=False)
    refusing = [item for item in proposal.findings if item.refuses]
    return [item.rule for item in refusing]


def test_a_file_with_faults_is_registered_by_nobody(ledger: Ledger) -> None:
    """Past every check of files too: limits that cannot be and code that is none are told, all of them, once."""
    rule = {"title": "T", "file": "rules/one.py", "of": "zone", "fix": "none", "source": "test"}
    pack = {**PACK, "limits": {"design-pue": {"value": 0.9, "source": "test"}}, "rules": {"one": rule}}
    faulty = zone_file(rule_packs={"pack": pack}, rule_pack="pakc")
    before = ledger.client.call(verbs.HISTORY, HistoryRequest()).entries
    with pytest.raises(LedgerRefusedError) as refused:
        ledger.register(faulty)
    assert str(refused.value).splitlines() == [
        "the zone's file has 3 faults; nothing was registered:",
        "zone.yaml: rule_pack: an unknown rule pack: expected pack, got 'pakc'; did you mean 'pack'?",
        (
            "zone.yaml: rule_packs.pack.limits.design-pue.value: a limit that cannot be: expected a number from 1 to "
            "10, got 0.9; correct it"
        ),
        (
            "zone.yaml: rule_packs.pack.rules.one.file: a rule without its function: expected a function "
            "check(facts, limit), got rules/one.py with no function; add it; see docs/how-to/write-a-rule.md."
        ).removesuffix("."),
    ]
    assert ledger.client.call(verbs.HISTORY, HistoryRequest()).entries == before
    over = {**PACK, "valid_from": "2020-01-01", "valid_until": "2021-12-31"}
    with pytest.raises(LedgerRefusedError, match=r"valid_until: a rule pack that has expired: expected 20\d\d-"):
        ledger.register(zone_file(rule_packs={"pack": over}, rule_pack="pack"))
    wider = {**PACK, "extends": "pack", "trusted": ["signed", "authenticated", "imported"]}
    ledger.register(zone_file(rule_packs={"pack": PACK, "wider": wider}))  # the first pack does not say whom it trusts


def test_a_file_that_was_registered_with_faults_stays_in_force_until_it_is_mended(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ledgers of before have such files: stacks go on by them, and the next file has no fault at all."""
    with monkeypatch.context() as before:
        before.setattr("zonewright.ledger.verbs.enrolments._require_faultless", lambda _file, _on: None)
        ledger.register(zone_file({"design-pue": 0.9}))
    registered = ledger.zone
    for count in (1, 2):
        ledger.party("operator").bring_up(sites=sites("dc1", racks=count))
    assert not ledger.client.call(verbs.INIT, InitRequest(zone=registered)).changed
    with pytest.raises(LedgerRefusedError, match="the zone's file has 1 fault; nothing was registered"):
        ledger.register(zone_file({"design-pue": 0.9}, north={"land_ha": 100}))
    ledger.zone = registered
    ledger.party("operator").bring_up(sites=sites("dc1", racks=3))
    ledger.register(zone_file({"design-pue": 2}))
    ledger.party("operator").bring_up(sites=sites("dc1", racks=4))


def test_the_second_of_two_changes_at_different_sites_is_refused(ledger: Ledger) -> None:
    """Two sites of a district, each within the grid's capacity by itself: only the first to be admitted gets it."""
    ledger.register(zone_file(north={"connection_capacity_kw": 15}))
    first, second = ledger.party("operator"), ledger.party("operator-2")
    first.enrol()
    second.enrol()
    one = first.propose(first.demand(sites=sites("dc1")))
    two = second.propose(second.demand(sites=sites("dc2")))
    assert not one.findings
    assert not two.findings
    first.admit(one)
    with pytest.raises(LedgerRefusedError) as refused:
        second.admit(two)
    (finding,) = refused.value.findings
    assert (finding.rule, finding.value, finding.limit, finding.excess) == ("connection-capacity", 22, 15, 7)


def test_a_breach_of_others_is_not_the_tenants(ledger: Ledger) -> None:
    """When the capacity is lowered under what stands, the operator is told; a tenant is neither told nor refused."""
    operator = ledger.party("operator")
    operator.bring_up(sites=sites())
    ledger.register(zone_file(north={"connection_capacity_kw": 5}))
    tenant = ledger.party("tenant-a")
    proposal = tenant.propose(tenant.demand(clusters={"web": cluster(1)}), reserve=False)
    assert proposal.findings == []
    operator.zone = ledger.zone
    same = operator.propose(operator.demand(sites=sites()), reserve=False)
    assert [(item.rule, item.level) for item in same.findings] == [("connection-capacity", "advisory")]
    assert rules(operator, sites=sites(racks=2)) == ["connection-capacity"]


def test_energy_is_counted_over_all_claims(ledger: Ledger) -> None:
    """The quota that two tenants share refuses the one that comes second, with the sum of both."""
    ledger.register(zone_file(north={"energy_quota_mwh": 5}))
    ledger.party("operator").bring_up(sites=sites())
    ledger.party("tenant-a").bring_up(clusters={"web": cluster(2)})
    second = ledger.party("tenant-b")
    assert rules(second, clusters={"web": cluster(1, node_type="two-u")}) == ["energy-quota"]
    (finding,) = second.propose(second.demand(clusters={"w": cluster(1, node_type="two-u")}), reserve=False).findings
    assert finding.value == 7  # (2 x 200 + 300) W x 1.1 x 8,760 h, rounded up


def test_utilisation_refuses_growth_and_nothing_else(ledger: Ledger) -> None:
    """Under the limit a site may come in and a tenant may leave, but a room is not added to what is not filled."""
    ledger.register(zone_file({"zone-utilization": 0.65}))
    operator, tenant = ledger.party("operator"), ledger.party("tenant-a")
    operator.bring_up(sites=sites())
    tenant.bring_up(clusters={"web": cluster(3)})
    assert rules(operator, sites=sites(racks=2)) == ["zone-utilization"]
    assert rules(operator, sites=sites()) == []
    assert rules(tenant, clusters={"web": cluster(1)}) == []
    assert rules(ledger.party("operator-2"), sites=sites("dc2")) == []


def network(duct: str, link: str, **more: Any) -> dict[str, Any]:
    """A duct and a link from dc1 to dc2 through it."""
    return {"ducts": {duct: DUCT}, "links": {link: {"a": "dc1", "b": "dc2", "ducts": [duct], "cores": 96}, **more}}


def test_a_link_needs_its_sites_and_holds_its_ducts(ledger: Ledger) -> None:
    """No link before its sites; and neither its duct nor its site goes while another party's link needs them."""
    first, second = ledger.party("carrier"), ledger.party("carrier-2")
    assert rules(first, **network("d-1", "l-1")) == ["link-route", "link-route"]
    operators = ledger.party("operator"), ledger.party("operator-2")
    operators[0].bring_up(sites=sites("dc1"))
    operators[1].bring_up(sites=sites("dc2"))
    first.bring_up(**network("d-1", "l-1"))
    second.bring_up(links={"l-2": {"a": "dc1", "b": "dc2", "ducts": ["d-1"], "cores": 48}})
    assert sorted(second.states()) == [("links/l-2", "active")]
    (held,) = first.propose(first.demand(), reserve=False).findings
    assert held.message == "link l-2 runs through duct d-1, which is being removed"
    assert held.fix == "keep d-1 until the operator of the link has changed the link: ask for that first"
    (held,) = operators[0].propose(operators[0].demand(), reserve=False).findings[:1]
    assert held.message == "link l-1 needs site dc1, which is being removed"
    assert held.fix.startswith("keep dc1 until the operator of the link")
    for party, what in ((first, "ducts/d-1"), (operators[0], "dc1")):
        with pytest.raises(LedgerRefusedError, match=f"of other parties needs? .*{what} of this stack"):
            party.client.call(verbs.GUARD_DESTROY, SeenRequest(stack_id=party.stack_id))
    second.client.call(verbs.GUARD_DESTROY, SeenRequest(stack_id=second.stack_id))


def test_a_destroy_is_refused_with_all_that_stands_on_it(ledger: Ledger) -> None:
    """Claims and links of others are told in one sentence, counted and with the own racks and names; not whose."""
    operators = ledger.party("operator"), ledger.party("operator-2")
    operators[0].bring_up(sites=sites("dc1", racks=2))
    operators[1].bring_up(sites=sites("dc2"))
    ledger.party("carrier").bring_up(**network("d-1", "l-1"))
    ledger.party("tenant-a").bring_up(clusters={"web": cluster(3)})
    places = {"001": {"rack": "dc1/a/01/02", "position": 9}}
    ledger.party("tenant-b").bring_up(clusters={"db": cluster(1, places=places)})
    for _ in range(2):
        with pytest.raises(LedgerRefusedError) as refused:
            operators[0].client.call(verbs.GUARD_DESTROY, SeenRequest(stack_id=operators[0].stack_id))
        assert refused.value.sentence == (
            "4 claims of other parties stand in 2 racks of this stack (dc1/a/01/01 and dc1/a/01/02), and 1 link of "
            "other parties needs dc1 of this stack; nothing was deleted; ask their owners to move out and to remove "
            "the links first"
        )
    with pytest.raises(LedgerRefusedError, match=r"^1 link of other parties needs dc2 of this stack; .* to remove the"):
        operators[1].client.call(verbs.GUARD_DESTROY, SeenRequest(stack_id=operators[1].stack_id))


def test_the_last_bore_is_given_once(ledger: Ledger) -> None:
    """Of two carriers that propose a link through the last bore, the second to be admitted is refused."""
    ledger.party("operator").bring_up(sites=sites("dc1"))
    ledger.party("operator-2").bring_up(sites=sites("dc2"))
    first, second = ledger.party("carrier"), ledger.party("carrier-2")
    first.bring_up(ducts={"d-1": {**DUCT, "bores": 1}})
    link = {"a": "dc1", "b": "dc2", "ducts": ["d-1"], "cores": 96}
    second.enrol()
    two = second.propose(second.demand(links={"l-2": link}))
    first.bring_up(ducts={"d-1": {**DUCT, "bores": 1}}, links={"l-1": link})
    with pytest.raises(LedgerRefusedError) as refused:
        second.admit(two)
    assert [finding.rule for finding in refused.value.findings] == ["duct-bores"]


def test_the_last_offered_cores_are_given_once(ledger: Ledger) -> None:
    """Of two links in the cores of another, the second to be admitted is refused; and that link stays for the first."""
    ledger.party("operator").bring_up(sites=sites("dc1"))
    ledger.party("operator-2").bring_up(sites=sites("dc2"))
    first, second = ledger.party("carrier"), ledger.party("carrier-2")
    link = {"a": "dc1", "b": "dc2", "ducts": ["d-1"], "cores": 96}
    offers = {"dark": {"links": ["l-1"], "cores": 12, "parties": ["carrier-2"]}}
    ducts = {"d-1": {**DUCT, "bores": 1, "is_shared": False}}
    first.bring_up(ducts=ducts, links={"l-1": link}, offers=offers)
    inside = {**link, "cores": 8, "cores_of": ["l-1"]}
    third = Party(second.client, "another-stack-of-carrier-2", "carrier-2", zone=ledger.zone)
    third.enrol()
    late = third.propose(third.demand(links={"l-3": inside}))
    leased = {"a": "dc1", "b": "dc2", "route": "unknown", "delay_us": 60, "cores": 4}
    second.bring_up(links={"l-2": inside, "l-4": leased})
    with pytest.raises(LedgerRefusedError) as refused:
        third.admit(late)
    assert [finding.rule for finding in refused.value.findings] == ["offered-cores"]
    (shown,) = second.client.call(verbs.OFFERS, OffersRequest()).offers
    uses = [(shown.offer, use.party, use.links, use.cores) for use in shown.uses]
    assert uses == [("links/l-1/offers/dark", "carrier-2", 1, 8)]
    inside_it = [(one.name, one.party) for one in first.client.call(verbs.WHO, WhoRequest(subject="l-1")).found]
    assert inside_it == [("links/l-1", "carrier"), ("links/l-2", "carrier-2")]
    (finding,) = first.propose(first.demand(ducts=ducts, links={}), reserve=False).findings
    assert (finding.rule, "keep l-1 until" in str(finding.fix)) == ("link-route", True)
    with pytest.raises(LedgerRefusedError, match=r"1 link of other parties needs d-1 and l-1|links/l-1 of this stack"):
        first.client.call(verbs.GUARD_DESTROY, SeenRequest(stack_id=first.stack_id))


def test_a_connection_binds_the_network(ledger: Ledger) -> None:
    """A link that a tenant's connection needs is not taken out; the carrier is told what to keep, and not for whom."""
    ledger.party("operator").bring_up(sites=sites("dc1"))
    ledger.party("operator-2").bring_up(sites=sites("dc2"))
    tenant, carrier = ledger.party("tenant-a"), ledger.party("carrier")
    secret = cluster(1, connections={"mirror": {"to": "dc2", "max_one_way_us": 100}})
    assert rules(tenant, clusters={"secret": secret}) == ["latency-budget"]
    carrier.bring_up(**network("d-1", "l-1"))
    tenant.bring_up(clusters={"secret": secret})
    (finding,) = carrier.propose(carrier.demand(ducts={"d-1": DUCT}, links={}), reserve=False).findings
    assert (finding.rule, finding.subject) == ("latency-budget", "dc1 to dc2")
    assert finding.fix.startswith("keep a path of active links between them until the tenant has changed")
    assert not {"secret", "tenant-a", "mirror"} & set(str(finding).replace("'", " ").split())
    longer = {**DUCT, "length_m": 30_000}
    assert rules(carrier, ducts={"d-1": longer}, links=network("d-1", "l-1")["links"]) == ["latency-budget"]


def test_claims_keep_others_at_their_distance(ledger: Ledger) -> None:
    """What a claim says of its level and its exclusive rack holds against the next stack, without naming it."""
    ledger.register(zone_file({"separated-protection-level": 3}))
    ledger.party("operator").bring_up(sites=sites(racks=3))
    first, second = ledger.party("tenant-a"), ledger.party("tenant-b")
    place = {"001": {"rack": "dc1/a/01/01", "position": 1}}
    first.bring_up(clusters={"high": cluster(1, protection_level=3, places=place)})
    third = ledger.party("tenant-c")
    alone = {"001": {"rack": "dc1/a/01/02", "position": 1}}
    third.bring_up(clusters={"alone": cluster(1, exclusive="rack", places=alone)})
    chosen = {number: {"rack": f"dc1/a/01/0{number[-1]}", "position": 9} for number in ("001", "002")}
    assert sorted(rules(second, clusters={"web": cluster(2, places=chosen)})) == ["class-separation", "exclusive"]
    proposal = second.propose(second.demand(clusters={"web": cluster(2)}), reserve=False)
    assert {seat.rack for seat in proposal.seats.values()} == {"dc1/a/01/03"}
    assert proposal.findings == []


def test_a_waiver_covers_on_its_days_only(ledger: Ledger) -> None:
    """A waiver of the registered file lets a change through until its last day, and the finding stays visible."""
    waiver = {
        "rule": "feed-diversity",
        "subjects": ["dc1"],
        "reason": "test",
        "owner": "operator",
        "approver": "tenant-a",
        "valid_from": "2026-11-01",
        "valid_until": "2026-11-30",
        "max_excess": 1,
    }
    ledger.register(zone_file(waivers={"w-1": waiver}))
    operator = ledger.party("operator")
    one = {"pa": {"substation": "s"}, "pb": {"substation": "s"}}
    demand = operator.demand(sites=sites(power_panels=one))
    operator.enrol()
    proposal = operator.propose(demand)
    assert [(item.rule, item.waiver) for item in proposal.findings] == [("feed-diversity", "w-1")]
    ledger.now[0] = datetime(2026, 11, 30, 23, tzinfo=UTC)
    proposal = operator.propose(demand)
    first = operator.admit(proposal)
    operator.settle(first)
    ledger.now[0] = datetime(2026, 12, 1, tzinfo=UTC)
    with pytest.raises(LedgerRefusedError, match="1 finding; nothing was claimed"):
        operator.admit(proposal)


def test_a_rule_pack_that_is_over_admits_nothing(ledger: Ledger) -> None:
    """From the day after a pack's last day the ledger refuses, and says who must do what."""
    tenant = ledger.party("tenant-a")
    tenant.propose(tenant.demand(clusters={"web": cluster(1)}), reserve=False)
    ledger.now[0] = datetime(2027, 1, 1, tzinfo=UTC)
    with pytest.raises(
        LedgerRefusedError, match=("is valid from 2026-01-01 to 2026-12-31, not on 2027-01-01")
    ) as refused:
        tenant.propose(tenant.demand(clusters={"web": cluster(1)}), reserve=False)
    assert refused.value.code == "rule-pack-not-in-force"


def test_fit_and_explain_tell_no_names(ledger: Ledger) -> None:
    """Where something fits and why a node stands somewhere is told without naming what others have."""
    ledger.party("operator").bring_up(sites=sites(racks=2))
    ledger.party("tenant-a").bring_up(clusters={"hidden": cluster(30)})
    answer = ledger.client.call(verbs.FIT, FitRequest(watts=15_000, units=10))
    assert [(room.room, room.racks, room.free_w) for room in answer.rooms] == [("dc1/a", 0, 14_000)]
    tenant = ledger.party("tenant-b")
    demand = tenant.demand(clusters={"web": cluster(2, node_type="two-u")})
    request = ExplainRequest(stack_id=tenant.stack_id, party="tenant-b", demand=demand, node="web-002")
    explained = ledger.client.call(verbs.EXPLAIN, request).explanation
    assert explained is not None
    assert explained.node == "web-002"
    assert explained.place.startswith("dc1/a/01/")
    assert sum(item.racks for item in explained.alternatives) == 1
    assert "hidden" not in str(explained)
    unknown = request.model_copy(update={"node": "web-003"})
    assert ledger.client.call(verbs.EXPLAIN, unknown).explanation is None


def large(plant_kw: float, slope: float) -> dict[str, Any]:
    """A large data centre: rooms of 4,000 and 3,600 kW by design, the second one with 400 kW of its own."""
    site = sites(racks=40, overhead={"plant_kw": plant_kw, "slope": slope})["dc1"]
    feeds = {name: {"power_panel": panel, "rated_w": 125_000} for name, panel in (("A", "pa"), ("B", "pb"))}
    full = {"b": {"racks": "01..30", "position": 30, "u_height": 10, "allocated_draw": 96_000}}
    rows = {"01": {"racks": 40, "feeds": feeds, "baseline": full}}
    new = {"01": {"racks": 36, "feeds": feeds}}
    rooms = {"a": {"rows": rows}, "b": {"fixed_kw": 400, "rows": new}}
    return {"dc1": {**site, "commissioned": "2026-01-01", "rooms": rooms}}


@pytest.mark.parametrize(
    ("plant_kw", "room", "found"),
    [
        (500, "a", []),
        (500, "b", ["fill-before-open", "pue-gate"]),  # the fixed part of the second room
        (700, "a", ["pue-gate"]),  # better, but beyond the limit: needs an approval
    ],
)
def test_the_gate_decides_in_every_proposal(ledger: Ledger, plant_kw: float, room: str, found: list[str]) -> None:
    """A tenant's kilowatts are judged by what they do to the site's energy ratio, room by room, with numbers."""
    ledger.register(zone_file({"design-pue": 1.25}))
    operator = ledger.party("operator")
    operator.bring_up(sites=large(plant_kw, 0.05))
    tenant = ledger.party("tenant-a")
    declared = {"clusters": {"web": cluster(10, rooms=[room])}}
    assert sorted(rules(tenant, **declared)) == found
    findings = tenant.propose(tenant.demand(**declared), reserve=False).findings
    gate = [item for item in findings if item.rule == "pue-gate"]
    assert [item.level for item in gate] == ([] if not gate else ["approval" if room == "a" else "mandatory"])
    assert all("+2.0 kW" in item.message and "declared" in item.message for item in gate)


def test_a_removal_passes_the_gate(ledger: Ledger) -> None:
    """A tenant may leave a site that is beyond the limit, although the ratio rises with it."""
    ledger.register(zone_file())
    ledger.party("operator").bring_up(sites=large(700, 0.05))
    tenant = ledger.party("tenant-a")
    tenant.bring_up(clusters={"web": cluster(10, rooms=["a"])})
    ledger.register(zone_file({"design-pue": 1.25}))
    tenant.zone = ledger.zone
    assert rules(tenant, clusters={"web": cluster(4, rooms=["a"])}) == []
    assert rules(tenant, clusters={"web": cluster(12, rooms=["a"])}) == ["pue-gate"]


def test_a_proposal_says_what_it_does_to_each_site(ledger: Ledger) -> None:
    """Kilowatts, rack units and energy ratio with and without the change, for growth, removal and no change."""
    ledger.register(zone_file({"design-pue": 1.25}))
    ledger.party("operator").bring_up(sites=large(500, 0.05))
    tenant = ledger.party("tenant-a")
    tenant.bring_up(clusters={"web": cluster(10, rooms=["a"])})

    def impact(**fields: Any) -> dict[str, Impact]:
        return tenant.propose(tenant.demand(**fields), reserve=False).impact

    assert impact(clusters={"web": cluster(10, rooms=["a"])}) == {}
    grown = impact(clusters={"web": cluster(12, rooms=["a"]), "db": cluster(1, node_type="two-u", rooms=["a"])})["dc1"]
    assert (grown.kw, grown.units) == (0.7, 4)
    # 500 kW of plant and 0.05 at 2,882 kW and 2,882.7 kW.
    assert (grown.ratio_before, grown.ratio_after) == ("1.22350", "1.22345")
    gone = impact(clusters={})["dc1"]
    assert (gone.kw, gone.units) == (-2.0, -10)

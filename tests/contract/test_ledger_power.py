"""What stands on feeds, racks and rows is asked before they go, and what has failed is told to those it concerns."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from support.ledger_party import Party
from support.zone_project import ZONE, cluster, facility
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import Proposal
from zonewright.ledger.protocol.journal_messages import SeenRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone
from zonewright.rules.finding import Finding

ROW = "dc1/a/01"
ZONE_FILE = Zone.model_validate(
    ZONE
    | {
        "parties": ZONE["parties"]
        | {
            "tenant-a": {"title": "A", "roles": ["tenant"], "contact": "ops@a.example"},
            "tenant-b": {"title": "B", "roles": ["tenant"], "contact": "ops@b.example"},
        }
    }
)
FEED_A, FEED_B = ({"power_panel": panel, "rated_w": 12_500} for panel in ("pa", "pb"))


@pytest.fixture(name="client")
def _client(tmp_path: Path) -> Iterator[LedgerClient]:
    with LedgerClient(f"sqlite:///{tmp_path / 'ledger.db'}", create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        yield client


@pytest.fixture(name="operator")
def _operator(client: LedgerClient) -> Party:
    """The operator, with a row of two racks that have two feeds each."""
    operator = Party(client, "stack-of-operator", "operator", zone=ZONE_FILE)
    operator.bring_up(sites=sites())
    return operator


@pytest.fixture(name="tenant")
def _tenant(client: LedgerClient, operator: Party) -> Party:
    """A tenant with six nodes of two supplies in that row."""
    assert operator.party == "operator"
    tenant = Party(client, "stack-of-tenant-a", "tenant-a", zone=ZONE_FILE)
    tenant.bring_up(clusters=web())
    return tenant


def sites(**row: Any) -> dict[str, Any]:
    """The site, with fields of its row changed; a field that is None goes."""
    found: dict[str, Any] = deepcopy(facility(2)["sites"])
    rows = found["dc1"]["rooms"]["a"]["rows"]
    rows["01"] = {name: value for name, value in (rows["01"] | row).items() if value is not None}
    return found


def web(count: int = 6, **more: Any) -> dict[str, Any]:
    """The tenant's cluster, of which each node stands in rack 01."""
    places = {f"{number:03}": {"rack": f"{ROW}/01", "position": number} for number in range(1, count + 1)}
    return {"web": cluster(count, places=places, **more)}


def of_rule(proposal: Proposal, rule: str) -> list[Finding]:
    """The findings of a rule."""
    return [one for one in proposal.findings if one.rule == rule]


def up(party: Party, **fields: Any) -> Proposal:
    """An update of a stack that is enrolled: what was proposed and then admitted and confirmed."""
    proposal = party.propose(party.demand(**fields))
    party.bring_up(**fields)
    return proposal


GOING: dict[str, tuple[dict[str, Any], str]] = {
    "feed": ({"feeds": {"A": FEED_A}}, "feed-kept"),
    "rating": ({"feeds": {"A": FEED_A, "B": FEED_B | {"rated_w": 1_000}}}, "feed-failover"),
    "rack": ({"racks": 1, "failed_racks": ""}, ""),
    "failed feed": ({"feeds": {"A": FEED_A, "B": FEED_B | {"status": "failed"}}}, ""),
    "failed row": ({"status": "failed"}, ""),
    "failed rack": ({"failed_racks": "01"}, ""),
}


@pytest.mark.usefixtures("tenant")
@pytest.mark.parametrize("what", GOING)
def test_what_stands_on_it_is_asked(operator: Party, what: str) -> None:
    """Taking a feed or watts from under claims is refused with their contact; a failure, or an empty rack, is not."""
    row, rule = GOING[what]
    demand = operator.demand(sites=sites(**row))
    preview = operator.propose(demand, reserve=False)
    against = [one for one in preview.findings if one.refuses]
    assert [one.rule for one in against] == ([rule] if rule else [])
    if rule:
        assert against[0].fix.endswith("those concerned: ops@a.example")
        assert "web" not in str(against[0])
        with pytest.raises(LedgerRefusedError) as caught:
            operator.admit(preview)
        assert [one.rule for one in caught.value.findings] == [rule]
    else:
        operator.bring_up(sites=sites(**row))


@pytest.mark.usefixtures("tenant")
def test_a_destroy_under_claims_says_whom_to_ask(operator: Party) -> None:
    """The refusal ends with the contacts of those who stand there, and with nobody else's, and without names."""
    with pytest.raises(LedgerRefusedError) as caught:
        operator.client.call(verbs.GUARD_DESTROY, SeenRequest(stack_id=operator.stack_id))
    assert caught.value.sentence.endswith("; nothing was deleted; ask their owners to move out first: ops@a.example")
    assert "web" not in caught.value.sentence


def test_the_last_rack_under_claims_stays(client: LedgerClient, operator: Party) -> None:
    """A rack that goes from under a node of another party is refused, with how to reach that party."""
    tenant = Party(client, "stack-of-tenant-b", "tenant-b", zone=ZONE_FILE)
    tenant.bring_up(clusters={"db": cluster(1, places={"001": {"rack": f"{ROW}/02", "position": 1}})})
    preview = operator.propose(operator.demand(sites=sites(racks=1)), reserve=False)
    assert [(one.rule, one.level) for one in preview.findings] == [("rack-exists", "mandatory")]
    assert preview.findings[0].fix.endswith("those concerned: ops@b.example")


def test_who_hangs_on_a_failed_feed_is_told(operator: Party, tenant: Party) -> None:
    """A failed feed is admitted although nodes go down: both parties are told, and the tenant may add none there."""
    both = {"one-u": ZONE["node_types"]["one-u"] | {"power_supplies_required": 2}}
    zone = Zone.model_validate(ZONE_FILE.model_dump() | {"node_types": {**ZONE["node_types"], **both}})
    operator.client.call(verbs.INIT, InitRequest(zone=zone))
    operator.zone = tenant.zone = zone
    tenant.bring_up(clusters=web())
    failed = sites(feeds={"A": FEED_A, "B": FEED_B | {"status": "failed"}})
    told = of_rule(up(operator, sites=failed), "feed-failed")
    assert [(one.level, one.value, [item.party for item in one.participants]) for one in told] == [
        ("advisory", 6, ["another party"])
    ]
    same = tenant.propose(tenant.demand(clusters=web()), reserve=False)
    assert [(one.level, one.value) for one in of_rule(same, "feed-failed")] == [("advisory", 6)]
    assert not any(one.refuses for one in same.findings)
    more = of_rule(tenant.propose(tenant.demand(clusters=web(7)), reserve=False), "feed-failed")
    assert [(one.level, one.value) for one in more] == [("no-worse", 7)]
    fewer = tenant.propose(tenant.demand(clusters=web(5)), reserve=False)
    assert not any(one.refuses for one in fewer.findings)


DERATED: dict[str, dict[str, Any]] = {
    "feed": {"feeds": {"A": FEED_A | {"derated_to": 0.1}, "B": FEED_B}},
    "rack": {"feeds": {"A": FEED_A, "B": FEED_B}, "derated_racks": {"01": 0.1}},
}


@pytest.mark.parametrize("less", DERATED.values(), ids=DERATED.keys())
def test_what_is_derated_is_said_and_takes_no_more(operator: Party, tenant: Party, less: dict[str, Any]) -> None:
    """A derated feed or rack is admitted under nodes that are too much for it; they stay, and none comes there."""
    tenant.bring_up(clusters=web())
    told = up(operator, sites=sites(**less))
    assert {(one.rule, one.level) for one in told.findings if one.value} >= {("feed-failover", "advisory")}
    same = tenant.propose(tenant.demand(clusters=web()), reserve=False)
    assert not any(one.refuses for one in same.findings)
    (beneath,) = of_rule(same, "changed-beneath")
    says = ("feed A has 1,000 W, was 10,000 W", "derated racks 01 at 0.1, were none")
    assert any(text in beneath.message for text in says)
    more = tenant.propose(tenant.demand(clusters=web(7)), reserve=False)
    assert {one.level for one in more.findings if one.refuses} == {"no-worse"}


def test_what_is_broken_already_may_not_grow(operator: Party, tenant: Party) -> None:
    """With A failed and B too small for what moved to it, an operator's change goes on, but no smaller B does."""
    small = {"A": FEED_A, "B": FEED_B | {"rated_w": 1_500}}
    up(operator, sites=sites(feeds=small))
    tenant.zone = operator.zone
    failed = {**small, "A": FEED_A | {"status": "failed"}}
    up(operator, sites=sites(feeds=failed))
    waits = operator.propose(operator.demand(sites=sites(feeds=failed, max_weight_kg=1_100)), reserve=False)
    assert not any(one.refuses for one in waits.findings)
    smaller = {**failed, "B": FEED_B | {"rated_w": 1_400}}
    worse = operator.propose(operator.demand(sites=sites(feeds=smaller)), reserve=False)
    assert [(one.rule, one.level, one.excess) for one in worse.findings if one.refuses] == [
        ("feed-capacity", "no-worse", 80)
    ]


def test_what_comes_while_a_feed_has_failed_lets_it_work_again(operator: Party, client: LedgerClient) -> None:
    """A rack is not filled with what its other feed cannot carry after the repair, which is then admitted."""
    kinds = {
        "single": ZONE["node_types"]["one-u"] | {"maximum_draw": 500, "power_supplies": 1},
        "large": ZONE["node_types"]["one-u"] | {"maximum_draw": 500, "allocated_draw": 500},
    }
    zone = Zone.model_validate(ZONE_FILE.model_dump() | {"node_types": {**ZONE["node_types"], **kinds}})
    client.call(verbs.INIT, InitRequest(zone=zone))
    operator.zone = zone
    small = {name: feed | {"rated_w": 1_250} for name, feed in (("A", FEED_A), ("B", FEED_B))}
    up(operator, sites=sites(feeds=small))
    there = Party(client, "stack-of-tenant-b", "tenant-b", zone=zone)
    there.bring_up(clusters={"one": cluster(1, node_type="single", places={"001": {"rack": f"{ROW}/01"}})})
    up(operator, sites=sites(feeds=small | {"A": small["A"] | {"status": "failed"}}))
    tenant = Party(client, "stack-of-tenant-a", "tenant-a", zone=zone)
    places = {f"{number:03}": {"rack": f"{ROW}/01"} for number in (1, 2)}
    chosen = tenant.propose(
        tenant.demand(clusters={"web": cluster(2, node_type="large", places=places)}), reserve=False
    )
    assert refusing(chosen) == [("feed-failover", "no-worse", f"{ROW}/01", 200)]
    tenant.bring_up(clusters={"web": cluster(3, node_type="large")})
    seats = tenant.propose(tenant.demand(clusters={"web": cluster(3, node_type="large")}), reserve=False).seats
    assert sorted(seat.rack for seat in seats.values()) == [f"{ROW}/01", f"{ROW}/02", f"{ROW}/02"]
    assert not refusing(up(operator, sites=sites(feeds=small)))


def test_the_next_preview_says_what_changed(operator: Party, tenant: Party) -> None:
    """A tenant's unchanged declaration is told what has become of its row, until its next admission."""
    assert tenant.propose(tenant.demand(clusters=web()), reserve=False).findings == []
    up(operator, sites=sites(feeds={"A": FEED_A | {"rated_w": 10_000}, "B": FEED_B | {"status": "failed"}}))
    (told,) = of_rule(tenant.propose(tenant.demand(clusters=web()), reserve=False), "changed-beneath")
    assert (told.level, told.subject, told.value) == ("advisory", ROW, 6)
    assert told.message.endswith("feed A has 8,000 W, was 10,000 W; feed B has failed")
    tenant.bring_up(clusters=web(5))
    assert not of_rule(tenant.propose(tenant.demand(clusters=web(5)), reserve=False), "changed-beneath")


def test_dual_power_is_chosen_and_kept(client: LedgerClient) -> None:
    """Automatic places pass over a rack with one feed, a chosen one is refused, and others are only advised."""
    found = sites()
    rows = found["dc1"]["rooms"]["a"]["rows"]
    rows["02"] = rows["01"] | {"feeds": {"A": FEED_A | {"rated_w": 600}}}
    operator = Party(client, "stack-of-operator", "operator", zone=ZONE_FILE)
    operator.bring_up(sites=found)
    tenant = Party(client, "stack-of-tenant-a", "tenant-a", zone=ZONE_FILE)
    taken = tenant.propose(tenant.demand(clusters={"web": cluster(1)}), reserve=False)
    assert [seat.rack for seat in taken.seats.values()] == ["dc1/a/02/01"], "the tightest"
    assert [(one.rule, one.level) for one in taken.findings] == [("single-loss", "advisory")]
    dual = tenant.propose(tenant.demand(clusters={"web": cluster(1, power="dual")}), reserve=False)
    assert [seat.rack for seat in dual.seats.values()] == [f"{ROW}/01"]
    assert dual.findings == []
    places = {"001": {"rack": "dc1/a/02/01"}}
    chosen = tenant.propose(tenant.demand(clusters={"web": cluster(1, power="dual", places=places)}), reserve=False)
    assert [(one.rule, one.level) for one in chosen.findings] == [("dual-power", "mandatory")]
    none = tenant.propose(tenant.demand(clusters={"web": cluster(90, power="dual")}), reserve=False)
    assert "dual power" in next(one.message for one in none.findings if one.rule == "placement")


def test_a_failure_moves_no_node(operator: Party, tenant: Party) -> None:
    """A node of dual power stays where a feed fails under it, and is told; a new one goes elsewhere."""
    dual = {"web": cluster(6, power="dual")}
    tenant.bring_up(clusters=dual)
    before = tenant.propose(tenant.demand(clusters=dual), reserve=False).seats
    up(operator, sites=sites(feeds={"A": FEED_A, "B": FEED_B | {"status": "failed"}}))
    after = tenant.propose(tenant.demand(clusters=dual), reserve=False)
    assert after.seats == before
    assert sorted((one.rule, one.level) for one in after.findings) == [
        ("changed-beneath", "advisory"),
        ("dual-power", "advisory"),
    ]


CHAIN: dict[str, Any] = {
    "ups-a": {"kind": "ups", "rated_kw": 2},
    "ups-b": {"kind": "ups", "rated_kw": 2},
}
PANELS = {
    "pa": {"substation": "sub-1", "supplied_by": ["ups-a"]},
    "pb": {"substation": "sub-2", "supplied_by": ["ups-b"]},
}


def chained(**ups_b: Any) -> dict[str, Any]:
    """The site with two UPS of 2 kW behind its panels, one of them changed."""
    found = sites()
    found["dc1"]["power_panels"] = PANELS
    found["dc1"]["power"] = CHAIN | {"ups-b": CHAIN["ups-b"] | ups_b}
    return found


def refusing(proposal: Proposal) -> list[tuple[str, str, str, int]]:
    """What refuses a change: rule, level, subject and excess."""
    return [(one.rule, one.level, one.subject, one.excess) for one in proposal.findings if one.refuses]


def test_a_chain_is_judged_in_the_transaction(operator: Party, tenant: Party) -> None:
    """An element is not derated under load, may fail, and takes no more than is left of the other one meanwhile."""
    up(operator, sites=chained())
    derated = operator.propose(operator.demand(sites=chained(rated_kw=1)), reserve=False)
    assert refusing(derated) == [("supply-capacity", "no-worse", "dc1/ups-b", 200)]
    assert not refusing(operator.propose(operator.demand(sites=chained(rated_kw=1.2)), reserve=False))
    over = tenant.propose(tenant.demand(clusters=web(11)), reserve=False)
    assert [one[2:] for one in refusing(over)] == [("dc1/ups-a", 200), ("dc1/ups-b", 200)]
    told = next(one for one in over.findings if one.refuses)
    assert (told.value, told.limit) == (2_200, 2_000), "whoever has the file of the ledger sees all"
    up(operator, sites=chained(status="failed"))
    again = tenant.propose(tenant.demand(clusters=web()), reserve=False)
    assert not refusing(again)
    assert [(one.rule, one.value) for one in again.findings] == [("single-loss", 6)]
    worse = chained(status="failed")
    worse["dc1"]["power"]["ups-a"] = CHAIN["ups-a"] | {"rated_kw": 1}
    assert refusing(operator.propose(operator.demand(sites=worse), reserve=False)) == [
        ("supply-capacity", "no-worse", "dc1/ups-a", 200)
    ]


def test_an_old_breach_of_a_chain_is_told_and_refuses_nothing(operator: Party, tenant: Party) -> None:
    """A chain that is declared too small is advice for its operator; a node more of a tenant is refused."""
    small = chained(rated_kw=1)
    small["dc1"]["power"]["ups-a"] = CHAIN["ups-a"] | {"rated_kw": 1}
    told = of_rule(up(operator, sites=small), "supply-capacity")
    assert [(one.level, one.subject, one.excess) for one in told] == [
        ("advisory", "dc1/ups-a", 200),
        ("advisory", "dc1/ups-b", 200),
    ]
    assert not refusing(operator.propose(operator.demand(sites=small), reserve=False))
    assert not tenant.propose(tenant.demand(clusters=web()), reserve=False).findings
    more = refusing(tenant.propose(tenant.demand(clusters=web(7)), reserve=False))
    assert more == [("supply-capacity", "no-worse", f"dc1/ups-{one}", 400) for one in "ab"]
    assert not refusing(tenant.propose(tenant.demand(clusters=web(5)), reserve=False))


LEGS = {"L1": "01..14", "L2": "15..28", "L3": "29..42"}


def test_what_is_told_for_the_first_time_under_nodes_refuses_nothing(operator: Party, tenant: Party) -> None:
    """Phases and a breaker that were always too small may be declared, and grow by no node; then they bind."""
    small = {name: feed | {"rated_w": 1_800} for name, feed in (("A", FEED_A), ("B", FEED_B))}
    up(operator, sites=sites(feeds=small))

    def wired(rated_kw: int, legs: dict[str, str]) -> dict[str, Any]:
        found = sites(
            feeds={name: feed | {"legs": legs, "breaker": f"br-{name.lower()}"} for name, feed in small.items()}
        )
        breaker = {"kind": "breaker", "rated_kw": rated_kw}
        found["dc1"]["power"] = {f"br-{one}": breaker | {"supplied_by": [f"p{one}"]} for one in "ab"}
        return found

    told = up(operator, sites=wired(1, LEGS)).findings
    over = [(one.rule, one.level, one.excess) for one in told if one.rule in {"phase-load", "supply-capacity"}]
    assert over == [("phase-load", "advisory", 720)] * 2 + [("supply-capacity", "advisory", 200)] * 2
    assert not refusing(tenant.propose(tenant.demand(clusters=web(5)), reserve=False))
    assert {one[0] for one in refusing(tenant.propose(tenant.demand(clusters=web(7)), reserve=False))} == {
        "phase-load",
        "supply-capacity",
    }
    fewer = LEGS | {"L1": "01..05"}
    assert not refusing(operator.propose(operator.demand(sites=wired(1, fewer)), reserve=False))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"failed_racks": "x y"}, "expected ids or ranges"),
        ({"feeds": {"A": FEED_A | {"legs": {"L1": "999999999999999999"}}}}, "rack units"),
        ({"feeds": {"A": FEED_A | {"legs": {"L1": "1..9999,10000..19999"}}}}, "rack units"),
        ({"feeds": {"A": FEED_A | {"legs": {"L1": "40..43"}}}}, "rack units from 1 to 42"),
    ],
)
def test_what_cannot_be_read_is_no_demand(client: LedgerClient, row: dict[str, Any], said: str) -> None:
    """Racks and units that a text does not name are refused in a sentence, whoever asks, and cost nothing."""
    operator = Party(client, "stack-of-operator", "operator", zone=ZONE_FILE)
    with pytest.raises(ValueError, match=said):
        operator.demand(sites=sites(**row))


def test_a_supply_is_bounded(client: LedgerClient) -> None:
    """A site with more elements than are judged one by one is refused."""
    operator = Party(client, "stack-of-operator", "operator", zone=ZONE_FILE)
    found = sites()
    found["dc1"]["power"] = {f"e{number}": {"kind": "ups"} for number in range(999)}
    with pytest.raises(ValueError, match="at most 1,000 elements"):
        operator.demand(sites=found)
    del found["dc1"]["power"]["e0"]
    operator.demand(sites=found)


def test_a_row_fails_with_what_draws_no_power_in_it(operator: Party, client: LedgerClient) -> None:
    """A shelf without power supplies stands in a row that fails, and is not down; nobody else's change stops."""
    none = dict.fromkeys(("maximum_draw", "allocated_draw", "power_supplies", "power_supplies_required"), 0)
    kinds = {**ZONE["node_types"], "shelf": ZONE["node_types"]["one-u"] | none}
    zone = Zone.model_validate(ZONE_FILE.model_dump() | {"node_types": kinds})
    client.call(verbs.INIT, InitRequest(zone=zone))
    operator.zone = zone
    tenant = Party(client, "stack-of-tenant-a", "tenant-a", zone=zone)
    shelf = {"kvm": cluster(1, node_type="shelf", places={"001": {"rack": f"{ROW}/01", "position": 9}})}
    tenant.bring_up(clusters=shelf)
    assert up(operator, sites=sites(status="failed")).findings == []
    again = tenant.propose(tenant.demand(clusters=shelf), reserve=False)
    assert [(one.rule, one.level) for one in again.findings] == [("changed-beneath", "advisory")]
    up(operator, sites=sites())

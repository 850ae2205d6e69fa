"""What is wrong with a route, a ring or a new duct is said in the same words at every door, and refused there."""

import json
from collections.abc import Iterable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.ledger_party import Party
from support.zone_project import ZONE, cluster, facility
from zonewright.changes.loading import load_owner
from zonewright.cli import main
from zonewright.declare.load import load_zone
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import EvaluateRequest, ProposeRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Declaration, Zone
from zonewright.model.demand import demand_of
from zonewright.rules import Finding

CARRIER = {"title": "Carrier", "roles": ["network-operator"]}
PARTIES = {**ZONE["parties"], "carrier": CARRIER, "carrier-2": CARRIER}
PLACES = {"dc1": (31.0, 120.8), "dc2": (31.0, 120.9), "dc3": (31.0, 120.95)}
PACK = {
    "title": "Pack",
    "valid_from": "2026-01-01",
    "valid_until": "2035-12-31",
    "limits": {"duct-reuse-distance-m": {"value": 50, "source": "test"}},
}


def duct(*points: tuple[float, float], **more: Any) -> dict[str, Any]:
    """A duct with room, as long as it must be."""
    route = {"crs": "WGS84", "points": [list(point) for point in points]}
    return {"route": route, "length_m": 20_000, "bores": 8, **more}


DC1, DC2, DC3, HALF = PLACES["dc1"], PLACES["dc2"], PLACES["dc3"], (31.0, 120.85)
L1 = {"a": "dc1", "b": "dc2", "ducts": ["d-1"], "cores": 4}
LEASED = {"a": "dc1", "b": "dc2", "route": "unknown", "delay_us": 60, "cores": 4}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A folder that one party's file makes wrong.

    Attributes:
        network: the carrier's file.
        rule: what is told.
        zone: fields of ``zone.yaml``.
        clusters: of the tenant.
        acting: whose change is refused.
    """

    network: dict[str, Any]
    rule: str
    zone: dict[str, Any]
    clusters: dict[str, Any]
    acting: str = "carrier"


def _case(rule: str, network: dict[str, Any], **more: Any) -> Case:
    return Case(**{"network": network, "rule": rule, "zone": {}, "clusters": {}, **more})


MIRROR = {"web": cluster(1, connections={"mirror": {"to": "dc2", "max_one_way_us": 500, "disjoint_paths": 2}})}
CASES = {
    "a duct that is elsewhere": _case(
        "link-route", {"ducts": {"d-1": duct((40.0, 100.0), (40.0, 100.1))}, "links": {"l-1": L1}}
    ),
    "ducts that do not touch": _case(
        "link-route",
        {
            "ducts": {"d-1": duct(DC1, HALF), "d-2": duct((31.0, 120.86), DC2)},
            "links": {"l-1": {**L1, "ducts": ["d-1", "d-2"]}},
        },
    ),
    "a ring that is a line": _case(
        "ring-closed",
        {
            "ducts": {"d-1": duct(DC1, DC2), "d-2": duct(DC2, DC3)},
            "links": {"l-1": L1, "l-2": {**L1, "a": "dc2", "b": "dc3", "ducts": ["d-2"]}},
        },
        zone={"rings": {"north": {"links": ["l-1", "l-2"]}}},
    ),
    "a leased circuit in a ring": _case(
        "srlg-disjoint",
        {"ducts": {"d-1": duct(DC1, DC2)}, "links": {"l-1": L1, "l-9": LEASED}},
        zone={"rings": {"north": {"links": ["l-1", "l-9"]}}},
    ),
    "a leased circuit under a tenant": _case(
        "srlg-disjoint",
        {"ducts": {"d-1": duct(DC1, DC2)}, "links": {"l-1": L1, "l-9": LEASED}},
        clusters=MIRROR,
        acting="tenant-a",
    ),
    "no delay stated": _case(
        "latency-budget",
        {"links": {"l-9": {name: value for name, value in LEASED.items() if name != "delay_us"}}},
        clusters={"web": cluster(1, connections={"mirror": {"to": "dc2", "max_one_way_us": 500}})},
        acting="tenant-a",
    ),
    "a new duct beside a chain": _case(
        "reuse-first",
        {
            "ducts": {
                "d-1": duct(DC1, (31.0, 120.83)),
                "d-2": duct((31.0, 120.83), (31.0, 120.86)),
                "d-3": duct((31.0001, 120.8), (31.0001, 120.9), status="planned"),
            }
        },
        zone={"rule_packs": {"pack": PACK}, "rule_pack": "pack"},
    ),
}


def sites(**moved: tuple[float, float]) -> dict[str, Any]:
    """Three sites with one rack each, in their places unless they are elsewhere."""
    here = facility(1)["sites"]["dc1"]
    return {
        name: {**here, "location": {"crs": "WGS84", "latitude": at[0], "longitude": at[1]}, "address_pools": {}}
        for name, at in {**PLACES, **moved}.items()
    }


def write(folder: Path, case: Case) -> Declaration:
    """The folder of a case; gives what it declares."""
    files = {
        "zone": {**ZONE, "parties": PARTIES, **case.zone},
        "facility-operator": {"owner": "operator", "sites": sites()},
        "network-carrier": {"owner": "carrier", **case.network},
        "tenant-tenant-a": {"owner": "tenant-a", "clusters": case.clusters},
    }
    folder.mkdir()
    for name, data in files.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    loaded = load_zone(folder)
    assert loaded.declaration is not None, loaded.problems
    return loaded.declaration


def said(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """What refuses, with all that people are told of it."""
    told: list[dict[str, Any]] = json.loads(json.dumps([one.to_data() for one in findings if one.refuses]))
    return told


def command(*arguments: str) -> tuple[int, str]:
    """Run the command line; gives its exit code and all that it printed."""
    text = StringIO()
    with redirect_stdout(text), redirect_stderr(text):
        code = main(list(arguments))
    return code, text.getvalue()


@pytest.fixture(name="client")
def _client(tmp_path: Path) -> Iterator[LedgerClient]:
    with LedgerClient(f"sqlite:///{tmp_path / 'l.db'}", create=True) as client:
        yield client


@pytest.mark.parametrize("name", CASES)
def test_every_door_says_the_same(name: str, client: LedgerClient, tmp_path: Path) -> None:
    """Check of the folder, proposal, evaluation, admission and load of a ledger give one finding, word for word."""
    case, folder = CASES[name], tmp_path / "zone"
    declaration = write(folder, case)
    code, text = command("check", str(folder), "--format", "json")
    expected = said([Finding.from_data(one) for one in json.loads(text)["findings"]])
    assert code == 1
    assert [one["rule"] for one in expected] == [case.rule]

    client.call(verbs.INIT, InitRequest(zone=declaration.zone))
    for owner in ("operator", "carrier"):
        if owner != case.acting:
            load_owner(client, declaration, owner)
    stack = party(client, case.acting, declaration.zone)
    stack.enrol()
    proposal = client.call(
        verbs.PROPOSE,
        ProposeRequest(
            stack_id=stack.stack_id,
            party=stack.party,
            demand=demand_of(declaration, case.acting),
            sources=declaration.sources_of(case.acting),
            reserve=True,
        ),
    )
    assert said(proposal.findings) == expected
    asked = EvaluateRequest(
        stack_id=stack.stack_id,
        party=stack.party,
        lineage=stack.lineage,
        demand_digest=proposal.demand_digest,
        seats=proposal.seats,
        addresses=proposal.addresses,
    )
    assert said(client.call(verbs.EVALUATE, asked).findings) == expected
    with pytest.raises(LedgerRefusedError) as refused:
        stack.admit(proposal)
    assert said(refused.value.findings) == expected
    with pytest.raises(LedgerRefusedError) as refused:
        load_owner(client, declaration, case.acting)
    assert said(refused.value.findings) == expected
    code, text = command("ledger", "load", str(folder), "--ledger", f"sqlite:///{tmp_path / 'other.db'}")
    assert code == 1
    assert " ".join(expected[0]["message"].split()) in " ".join(text.split())


def zone_with(limits: dict[str, float]) -> Zone:
    """The zone with limits of its pack."""
    named = {name: {"value": value, "source": "test"} for name, value in limits.items()}
    pack = {**PACK, "limits": named}
    return Zone.model_validate({**ZONE, "parties": PARTIES, "rule_packs": {"pack": pack}, "rule_pack": "pack"})


def party(client: LedgerClient, name: str, zone: Zone) -> Party:
    """A stack of a party."""
    return Party(client, f"stack-of-{name}", name, zone=zone)


def test_a_gap_that_was_there_before_stands_and_hides_nothing(client: LedgerClient) -> None:
    """An estate from before the rule goes on; a further breach of the same link is refused all the same."""
    loose = zone_with({"route-joint-distance-m": 100_000})
    client.call(verbs.INIT, InitRequest(zone=loose))
    party(client, "operator", loose).bring_up(sites=sites())
    party(client, "carrier-2", loose).bring_up(ducts={"d-1": duct(DC1, HALF)})
    party(client, "carrier", loose).bring_up(links={"l-1": L1})
    now = zone_with({})
    client.call(verbs.INIT, InitRequest(zone=now))
    carrier, other = party(client, "carrier", now), party(client, "carrier-2", now)
    more = {"l-1": L1, "l-2": {**L1, "ducts": ["d-2"]}}
    proposal = carrier.propose(carrier.demand(links=more, ducts={"d-2": duct(DC1, DC2)}), reserve=False)
    assert [(one.rule, one.level) for one in proposal.findings] == [("link-route", "advisory")]
    worse = carrier.propose(carrier.demand(links={**more, "l-2": L1}), reserve=False)
    assert [(one.subject, one.level) for one in worse.findings if one.refuses] == [("l-2", "no-worse")]
    gone = other.propose(other.demand(ducts={}), reserve=False)
    assert "link l-1 runs through duct d-1, which is being removed" in [
        one.message for one in gone.findings if one.refuses
    ]


def test_a_site_that_moves_away_in_between_is_seen_by_the_admission(client: LedgerClient) -> None:
    """What was proposed as good is refused when the site is elsewhere by the time of the admission; nothing is left."""
    zone = zone_with({})
    client.call(verbs.INIT, InitRequest(zone=zone))
    operator, carrier = party(client, "operator", zone), party(client, "carrier", zone)
    operator.bring_up(sites=sites())
    carrier.enrol()
    proposal = carrier.propose(carrier.demand(ducts={"d-1": duct(DC1, DC2)}, links={"l-1": L1}))
    assert proposal.findings == []
    operator.bring_up(sites=sites(dc2=(31.0, 120.91)))
    with pytest.raises(LedgerRefusedError) as refused:
        carrier.admit(proposal)
    (finding,) = refused.value.findings
    assert finding.message.startswith("link l-1 does not join its ends: from duct d-1 to site dc2 are 955 m")
    assert carrier.states() == []


def test_no_link_is_taken_out_of_a_ring_that_closes(client: LedgerClient) -> None:
    """While a ring is built, nobody is refused; once it closes, whoever takes a link out or bends it open is."""
    ring = {"rings": {"north": {"links": ["l-1", "l-2"]}}}
    zone = Zone.model_validate({**ZONE, "parties": PARTIES, **ring})
    client.call(verbs.INIT, InitRequest(zone=zone))
    party(client, "operator", zone).bring_up(sites=sites())
    first, second = party(client, "carrier", zone), party(client, "carrier-2", zone)
    ways = {"d-1": duct(DC1, DC2)}
    first.enrol()
    proposal = first.propose(first.demand(ducts=ways, links={"l-1": L1}))
    assert [(one.rule, one.level) for one in proposal.findings] == [("ring-closed", "advisory")]
    first.bring_up(ducts=ways, links={"l-1": L1})
    second.bring_up(ducts={"d-2": duct(DC2, DC1)}, links={"l-2": {**L1, "ducts": ["d-2"]}})
    gone = second.propose(second.demand(ducts={"d-2": duct(DC2, DC1)}), reserve=False)
    assert [(one.rule, one.level, one.value) for one in gone.findings] == [("ring-closed", "no-worse", 2)]
    bent = {"ducts": {"d-2": duct(DC1, DC3)}, "links": {"l-2": {**L1, "b": "dc3", "ducts": ["d-2"]}}}
    assert [one.rule for one in second.propose(second.demand(**bent), reserve=False).findings] == ["ring-closed"]

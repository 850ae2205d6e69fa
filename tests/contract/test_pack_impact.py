"""A rule pack is tried on what a ledger holds before it is in force; only what is registered runs."""

from pathlib import Path

import pytest

from support.ledger_party import Party
from support.own_rule_code import COUNTS, own_pack
from support.served_ledger import served_ledger
from support.zone_project import ZONE, cluster, facility
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.pack_messages import PackImpactRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone
from zonewright.model.rule_pack import Limit, LimitName, RulePack


def test_only_a_registered_pack_is_tried(tmp_path: Path) -> None:
    """It finds what is admitted, node by node and cluster by cluster; a pack that nobody registered is no answer."""
    packs = {
        "racks": own_pack(limit=1),
        "clusters": own_pack(of="cluster", code=COUNTS["cluster"], limit=1),
        "wide": own_pack(limit=40),
    }
    zone = Zone.model_validate(ZONE).model_copy(update={"rule_packs": packs, "rule_pack": "wide"})
    with served_ledger(tmp_path, zone) as served:
        auditor = served.client(served.grant("reviewer", "operator", "authority"))
        for pack, subject in (("racks", "dc1/a/01/01"), ("clusters", "web")):
            answer = auditor.call(verbs.PACK_IMPACT, PackImpactRequest(pack=pack))
            assert not [one for one in answer.now if one.rule == "own/counted"]
            found = [one for one in answer.then if one.rule == "own/counted"]
            assert subject in {one.subject for one in found}
            assert {one.limit for one in found} == {1}
        with pytest.raises(LedgerRefusedError, match=r"expected a rule pack .* \(clusters, racks, wide\), got 'other'"):
            auditor.call(verbs.PACK_IMPACT, PackImpactRequest(pack="other"))
        tenant = served.client(served.grant("runner-a", "tenant-a", "tenant"))
        with pytest.raises(LedgerRefusedError, match="may not call pack-impact"):
            tenant.call(verbs.PACK_IMPACT, PackImpactRequest(pack="racks"))


def test_a_pack_is_tried_on_what_connections_are_promised(tmp_path: Path) -> None:
    """What tenants are promised on links counts: with half of the capacity as the limit, a link carries too much."""
    limits: dict[LimitName, Limit] = {"link-load-percent": Limit(value=50, source="agreement")}
    half = RulePack(title="Half", valid_from="2026-01-01", valid_until="2035-12-31", limits=limits)
    roles = {"title": "Operator", "roles": ["facility-operator", "network-operator"]}
    parties = {**ZONE["parties"], "operator": roles}
    zone = Zone.model_validate({**ZONE, "parties": parties}).model_copy(update={"rule_packs": {"half": half}})
    site = facility(2)["sites"]["dc1"]
    pools = {"v4": {"prefix": "10.2.0.0/24", "gateway": "10.2.0.1"}}
    route = {"crs": "WGS84", "points": [[31.0, 120.8], [31.0, 120.9]]}
    link = {"a": "dc1", "b": "dc2", "ducts": ["d-0"], "cores": 96, "power_panels": ["dc1/pa"], "capacity_mbps": 100}
    need = {"far": {"to": "dc2", "max_one_way_us": 1_000, "bandwidth_mbps": 80}}
    with LedgerClient(f"sqlite:///{tmp_path / 'ledger.db'}", create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=zone))
        Party(client, "stack-of-operator", "operator", zone=zone).bring_up(
            sites={"dc1": site, "dc2": {**site, "address_pools": pools, "name_servers": []}},
            ducts={"d-0": {"route": route, "length_m": 10_000, "bores": 8, "a": "dc1", "b": "dc2"}},
            links={"l-1": link},
        )
        tenant = Party(client, "stack-of-tenant-a", "tenant-a", zone=zone)
        tenant.bring_up(clusters={"web": cluster(1, connections=need)})
        answer = client.call(verbs.PACK_IMPACT, PackImpactRequest(pack="half"))
    rule = "bandwidth-after-failure"
    assert [one for one in answer.now if one.rule == rule] == []
    assert [(one.value, one.limit) for one in answer.then if one.rule == rule and one.subject == "l-1"] == [(80, 50)]

"""A rule pack is tried on what a ledger holds before it is in force; only what is registered runs."""

from pathlib import Path

import pytest

from support.own_rule_code import COUNTS, own_pack
from support.served_ledger import served_ledger
from support.zone_project import ZONE
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.pack_messages import PackImpactRequest
from zonewright.model import Zone


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

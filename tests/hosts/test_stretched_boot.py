"""A VLAN of two sites is one network of layer 2, by real FRR and by frames, over a site that has no part in it."""

from dataclasses import replace
from pathlib import Path

import pytest

from support.booted_zone import BootedZone, booted, require_programs
from support.network_hosts import require_hosts, until
from support.zone_contexts import STRETCHED_ZONE, contexts_of_folder
from zonewright.render import SiteContext, render_all
from zonewright.render.network.paths import paths_of
from zonewright.render.network.reachability import network_findings

pytestmark = pytest.mark.slow
WEB, REPLICA, APP = "node web-001", "node replica-001", "node app-001"


def answered(zone: BootedZone, source: str, address: str, *, within_s: float, more: int = 0) -> bool:
    """Whether a host is answered, to packets with so many bytes more."""
    pinger = zone.hosts[source].pinger(address)
    try:
        number = iter(range(1, 10_000))
        return until(lambda: pinger.send(next(number), more) or bool(pinger.answers()), within_s=within_s)  # type: ignore[func-returns-value]
    finally:
        pinger.close()


def test_a_vlan_of_two_sites_is_one_network_of_layer_2(tmp_path: Path) -> None:
    """Frames get from node to node through VXLAN, whole packets too; other tenants stay out, and so does who says more.

    What another site says of the network is not believed where it does not say the same of tenant and prefixes.
    """
    require_hosts()
    require_programs()
    contexts = contexts_of_folder(STRETCHED_ZONE)
    files = render_all(contexts)
    assert network_findings(contexts, files) == ()
    paths = paths_of(contexts, files)
    with booted(contexts, files, tmp_path, with_servers=False) as zone:
        for router in zone.routers:
            assert until(lambda router=router: zone.established(router), within_s=60)  # type: ignore[misc]
        for version in (0, 1):
            there = zone.addresses[REPLICA][version]
            assert paths.reaches(zone.addresses[WEB][version], there, "icmp")
            assert answered(zone, WEB, there, within_s=20), zone.vtysh("one", "show bgp l2vpn evpn")
            link = zone.hosts[REPLICA].run("ip", "-br", "link", "show", "uplink").split()[2]
            assert link in zone.hosts[WEB].run("ip", "neighbour", "show", there), "it was reached by a router"
        assert answered(zone, WEB, zone.addresses[REPLICA][0], within_s=5, more=1454)
        assert "10.79.254.3" in zone.vtysh("one", "show evpn vni 10130")
        assert "10130" not in zone.vtysh("between", "show evpn vni")
        assert not answered(zone, APP, zone.addresses[REPLICA][0], within_s=0.7)
        assert not paths.reaches(zone.addresses[APP][0], zone.addresses[REPLICA][0], "icmp")

    unbelieved = [
        replace(one, stretched=replace(one.stretched, peers=()))
        if isinstance(one, SiteContext) and one.name == "one"
        else one
        for one in contexts
    ]
    other = tmp_path / "other"
    other.mkdir()
    with booted(unbelieved, render_all(unbelieved), other, with_servers=False) as zone:
        assert until(lambda: all(zone.established(router) for router in zone.routers), within_s=60)
        assert until(lambda: "10.79.254.1" in zone.vtysh("two", "show evpn vni 10130"), within_s=20)
        assert "10.79.254.3" not in zone.vtysh("one", "show evpn vni 10130")
        assert not answered(zone, WEB, zone.addresses[REPLICA][0], within_s=0.7)

"""netplan: the committed files are what is rendered, and netplan itself takes them."""

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
import yaml

from support.golden import compare_golden, golden
from support.validators import installed_validator, validator_of
from zonewright.model import NodeType, Site
from zonewright.model.surroundings import Surroundings
from zonewright.render import NodeContext, RenderError, node_context, render_all
from zonewright.render.contexts.node_links import node_links
from zonewright.render.contexts.node_view import fellows_of, site_view
from zonewright.render.formats.netplan import NETPLAN
from zonewright.render.validators.native import NativeValidator

POOLS: dict[str, dict[str, str | int]] = {
    "v4": {"prefix": "10.80.16.0/20", "gateway": "10.80.16.1"},
    "v6": {"prefix": "2001:db8:1::/48", "gateway": "2001:db8:1::1"},
    "b-store": {"prefix": "10.91.0.0/24", "gateway": "10.91.0.1", "role": "storage", "vlan": "s"},
    "a-store": {"prefix": "10.90.0.0/24", "gateway": "10.90.0.1", "role": "storage", "vlan": "s", "mtu": 9000},
}
ADDRESSES = {"v4": "10.80.16.5/20", "v6": "2001:db8:1::5/48", "a-store": "10.90.0.5/24", "b-store": "10.91.0.5/24"}


def node_type(*ports: dict[str, str], **more: object) -> NodeType:
    """A server model with some ports."""
    document = {
        "manufacturer": "m",
        "model": "m",
        "u_height": 1,
        "weight_kg": 1,
        "maximum_draw": 1,
        "allocated_draw": 1,
    }
    return NodeType.model_validate({**document, "interfaces": ports, **more})


def context(
    pools: tuple[str, ...],
    *,
    name: str = "core-001",
    name_servers: tuple[str, ...] = (),
    of_type: NodeType | None = None,
    mac_addresses: dict[str, str] | None = None,
) -> NodeContext:
    """The context of one node with addresses from some pools."""
    document: dict[str, Any] = {
        "title": "Data centre",
        "district": "north",
        "name_servers": list(name_servers),
        "vlans": {"s": {"vid": 300}},
        "address_pools": {pool: POOLS[pool] for pool in pools},
    }
    addresses = {pool: ADDRESSES[pool] for pool in pools}
    view = site_view(
        site_id="dc1",
        site=Site.model_validate(document),
        party="tenant-a",
        fellows=fellows_of([addresses]),
        around=Surroundings(),
    )
    return node_context(
        name=name,
        view=view,
        rack="dc1/a/01/07",
        position=3,
        addresses=addresses,
        power_max_w=800,
        node_type=of_type,
        mac_addresses=mac_addresses,
    )


DATA = ({"name": "eno1"}, {"name": "eno2"})
STORAGE = ({"name": "ens1f0", "role": "storage", "lag": "no"}, {"name": "ens1f1", "role": "storage", "lag": "no"})
LACP = {"name": "uplink", "mode": "802.3ad"}
BMC = {"name": "enx0", "role": "bmc"}


CASES = {
    "dual-stack": context(("v4", "v6"), name_servers=("10.80.16.2", "2001:db8:1::2")),
    "v4-only": context(("v4",), name_servers=("10.80.16.2",)),
    "v6-only": context(("v6",), name_servers=("2001:db8:1::2",)),
    "no-name-servers": context(("v4", "v6")),
    "no-pools": context(()),
    "name-like-a-number": context(("v4",), name="0x1f"),
    "named-ports": context(("v4", "v6"), of_type=node_type(*DATA)),
    "storage-ports": context(
        ("a-store", "v4", "v6"),
        of_type=node_type(
            *DATA, *STORAGE, BMC, bonds=[{"name": "uplink", "mode": "802.3ad"}, {"name": "no", "primary": "ens1f1"}]
        ),
        mac_addresses={"eno1": "52:54:00:00:00:01", "ens1f0": "52:54:00:00:00:02"},
    ),
    "storage-in-a-vlan": context(("b-store", "v4"), of_type=node_type(*DATA, BMC)),
}


def text_of(made: NodeContext) -> str:
    """The netplan file of a node."""
    return render_all([made])[f"nodes/dc1/{made.name}/{NETPLAN.files[0].path}"]


@pytest.mark.parametrize("case", CASES)
def test_rendered_files_are_the_committed_ones(case: str) -> None:
    """Each case renders to its golden file, byte for byte."""
    compare_golden(f"netplan/{case}.yaml", text_of(CASES[case]))


@pytest.fixture(name="netplan")
def _netplan() -> NativeValidator:
    return installed_validator(NETPLAN)


@pytest.mark.parametrize("case", CASES)
def test_netplan_takes_each_file(netplan: NativeValidator, case: str) -> None:
    """The real netplan generates from each golden file without complaint."""
    text = golden(f"netplan/{case}.yaml")
    verdict = netplan.validate({"etc/netplan/50-zonewright.yaml": text})
    assert (verdict.status, verdict.detail) == ("pass", "")


@pytest.mark.parametrize(("right", "wrong"), [("addresses:", "adresses:"), ("10.80.16.5/20", "10.80.16.555/20")])
def test_netplan_refuses_a_broken_file(netplan: NativeValidator, right: str, wrong: str) -> None:
    """An unknown key and a bad address are failures, with netplan's own words."""
    text = text_of(CASES["v4-only"]).replace(right, wrong, 1)
    verdict = netplan.validate({"etc/netplan/50-zonewright.yaml": text})
    assert verdict.status == "fail", verdict.detail
    assert verdict.detail


def test_a_vlan_that_the_ports_have_untagged_is_not_tagged_too() -> None:
    """Where a tenant's data and storage are in one VLAN and on the same ports, both addresses are on the bond."""
    pools = {key: POOLS[key] | {"vlan": "s"} for key in ("v4", "b-store")}
    site = Site.model_validate({"title": "x", "district": "n", "vlans": {"s": {"vid": 300}}, "address_pools": pools})
    links = node_links(site, {key: str(ADDRESSES[key]) for key in pools}, (), node_type(*DATA), {})
    assert [one.addresses for one in links.bonds] == [("10.91.0.5/24", "10.80.16.5/20")]
    assert links.vlans == ()


def test_two_vlans_on_ports_of_their_own_are_refused() -> None:
    """Ports for storage have one VLAN untagged; two tagged ones are for types without such ports."""
    pools = {"v4": POOLS["v4"], "b-store": POOLS["b-store"], "a-store": POOLS["a-store"] | {"vlan": "t", "mtu": 1500}}
    vlans = {"s": {"vid": 300}, "t": {"vid": 301}}
    site = Site.model_validate({"title": "x", "district": "n", "vlans": vlans, "address_pools": pools})
    addresses = {key: ADDRESSES[key] for key in pools}
    assert [one.vid for one in node_links(site, addresses, (), node_type(*DATA), {}).vlans] == [300, 301]
    with pytest.raises(RenderError, match="pools a-store and b-store on the ports for storage"):
        node_links(site, addresses, (), node_type(*DATA, *STORAGE), {})


def test_a_vlan_beside_large_packets_keeps_the_usual_size() -> None:
    """A tagged VLAN says its own size where the bond's is larger: Linux would give it that of the bond."""
    pools = {"v4": POOLS["v4"] | {"mtu": 9000}, "b-store": POOLS["b-store"]}
    site = Site.model_validate({"title": "x", "district": "n", "vlans": {"s": {"vid": 300}}, "address_pools": pools})
    links = node_links(site, {key: ADDRESSES[key] for key in pools}, (), node_type(*DATA), {})
    assert [(one.name, one.mtu) for one in links.bonds] == [("uplink", 9000)]
    assert [(one.name, one.mtu) for one in links.vlans] == [("uplink.300", 1500)]


def test_a_vlan_on_ports_that_are_too_small_is_refused() -> None:
    """Large packets of storage need ports of their own, or a network for data that takes them too."""
    with pytest.raises(RenderError, match="VLAN 300 with an mtu of 9000 on ports whose own network has 1500"):
        context(("a-store", "v4"), of_type=node_type(*DATA))


@pytest.mark.parametrize(
    ("ports", "bonds", "said"),
    [
        (DATA, [{"name": "other"}], "bond other has no port"),
        (DATA, [{"name": "uplink", "primary": "eno9"}], "primary eno9 of bond uplink is none of its ports, eno1, eno2"),
        (DATA, [LACP | {"primary": "eno1"}], "all ports are in use; leave it out"),
        (DATA, [LACP, LACP], "two bonds of one name"),
        ((*DATA, STORAGE[0], STORAGE[1] | {"lag": "x"}), [], "ports with the role storage have different lags"),
        ((*DATA, STORAGE[0] | {"lag": "uplink"}), [], "ports of two roles in bond uplink"),
        ((*DATA, {"name": "ens1f0", "role": "storage", "lag": "ens1f0"}), [], "bond ens1f0 has the name of a port"),
        ((*DATA, STORAGE[0] | {"lag": "storage-of-rows"}), [], None),
        ((*DATA, STORAGE[0] | {"lag": "storage-of-a-row"}), [], "a name longer than 15 characters"),
        ((BMC,), [], "no interface that a node can use"),
    ],
)
def test_bonds_that_cannot_be_are_refused(
    ports: tuple[dict[str, str], ...], bonds: list[dict[str, str]], said: str | None
) -> None:
    """A bond of nothing, a primary that is elsewhere or of no use, a name twice, and ports of two roles in one."""
    with pytest.raises(ValueError, match=said) if said else nullcontext():
        node_type(*ports, bonds=bonds)


def test_an_absent_validator_is_not_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the program the verdict is not-run, and says what to install."""
    monkeypatch.setenv("PATH", "/nowhere")
    verdict = validator_of(NETPLAN).validate({"etc/netplan/x.yaml": "network: {}\n"})
    assert verdict.status == "not-run"
    assert "netplan.io" in verdict.detail


def test_both_default_routes_stand_in_the_file() -> None:
    """Each IP version has one default route, by the gateway of its pool."""
    bond = yaml.safe_load(text_of(CASES["dual-stack"]))["network"]["bonds"]["uplink"]
    assert bond["routes"] == [{"to": "default", "via": "10.80.16.1"}, {"to": "default", "via": "2001:db8:1::1"}]


@pytest.mark.parametrize("value", ["a\nb", "a\x00b", "a\u2028b", "a\u0085b", "a\u202eb", "\ud800", None, True, 1.5])
def test_a_value_that_could_break_a_line_is_refused(value: object) -> None:
    """Control and format characters, and what is no text, never get into a file; the sentence says where."""
    bad = replace(CASES["dual-stack"], name_servers=(value,))  # type: ignore[arg-type]
    with pytest.raises(RenderError) as caught:
        render_all([bad])
    assert "node.name_servers[0]" in str(caught.value)
    assert "netplan/node.yaml.j2:" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "", "UPPER", "a\n"])
def test_a_name_can_not_lead_to_another_folder(name: str) -> None:
    """A node's name that is no identifier is refused before a path is made of it."""
    with pytest.raises(RenderError):
        render_all([replace(CASES["v4-only"], name=name)])

"""Templates in parts: what is kept from one node to the next is only what the next one has as well."""

from dataclasses import fields, replace
from typing import Any

import pytest

from zonewright.render.contexts.node_context import NodeContext, PoolAddress
from zonewright.render.contexts.node_links import BondInUse, PortInUse, TaggedVlan
from zonewright.render.contexts.related import HomeSite, Neighbour, NodeModel, NodePlace
from zonewright.render.formats import FORMATS
from zonewright.render.sandbox.templates import LoadedTemplate, load

ADDRESS = PoolAddress(pool="v4", address="10.0.0.5/24", gateway="10.0.0.1", version=4)
BOND = BondInUse(
    name="uplink",
    role="data",
    mode="active-backup",
    ports=("eno1",),
    primary="eno1",
    mtu=0,
    vid=0,
    addresses=("10.0.0.5/24",),
    routes=("10.0.0.1",),
    own_ways=(),
)
NETWORKS = {"fellows": "10.0.0.5-10.0.0.9", "zone": "10.0.0.0/16", "management": "10.9.0.0/24"}
NODE = NodeContext(
    name="web-001",
    party="tenant-a",
    site="dc1",
    rack="dc1/a/01/07",
    position=3,
    addresses=(ADDRESS,),
    routes=(ADDRESS,),
    gateways_v4=("10.0.0.1",),
    gateways_v6=("2001:db8::1",),
    uplinks=("eno1",),
    ports=(PortInUse(name="eno1", mac_address="", mtu=0),),
    bonds=(BOND,),
    vlans=(TaggedVlan(name="uplink.7", parent="uplink", vid=7, mtu=0, addresses=("10.0.7.5/24",), own_ways=()),),
    name_servers=("10.0.0.2",),
    search_domain="tenant-a.dc1.internal",
    time_servers=("10.0.0.3",),
    **{f"{name}_v4": (text,) for name, text in NETWORKS.items()},
    **{f"{name}_v6": ("2001:db8::/64",) for name in NETWORKS},
    servers_v4=("10.0.0.2",),
    servers_v6=("2001:db8::2",),
    service_v4=("10.0.0.4",),
    service_v6=("2001:db8::4",),
    service_url="https://service.zone.internal/v1/metrics",
    service_port=443,
    power_max_w=700,
    cluster="web",
    home=HomeSite(name="dc1", title="DC 1", kind="data-centre", district="east", time_zone="UTC"),
    place=NodePlace(room="a", row="01", rack="07", position=3, top=3),
    type=NodeModel(manufacturer="m", model="m", u_height=1, power_supplies=2),
    neighbours=(Neighbour(name="web-003", position=4),),
)
OTHER_TEXTS = {"name": "web-002", "site": "dc2", "rack": "dc1/a/01/08", "service_url": "https://another.internal/"}
TEMPLATES = {
    file.template: load(one, file) for one in FORMATS if one.subject == "node" for file in one.files if not file.each
}


def altered(node: NodeContext, name: str) -> NodeContext:
    """The same node with another value of one field."""
    value: Any = getattr(node, name)
    changed: Any = () if isinstance(value, tuple) else OTHER_TEXTS.get(name, "other.internal")
    if isinstance(value, int):
        changed = value + 1
    return replace(node, **{name: changed})


def anew(template: LoadedTemplate, node: NodeContext) -> str:
    """The text where nothing was kept."""
    for part in template.parts:
        part.last = None
    return template.text({"node": node})


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_node_after_another_has_its_own_text(name: str) -> None:
    """Whichever field differs, a node's text after another node's is what it is alone; and most parts are kept."""
    template = TEMPLATES[name]
    for field in fields(NodeContext):
        other = altered(NODE, field.name)
        alone = anew(template, other)
        first = anew(template, NODE)
        assert template.text({"node": other}) == alone, field.name
        assert template.text({"node": NODE}) == first, field.name
    assert any(part.look is not None and part.last is not None for part in template.parts)

"""Whatever text a value holds: it comes back from the file exactly, or nothing is rendered."""

import unicodedata
from dataclasses import replace

import yaml
from hypothesis import given
from hypothesis import strategies as st

from zonewright.model import Site
from zonewright.render import RenderError, node_context, render_nodes

_SITE = Site.model_validate(
    {
        "title": "x",
        "district": "d",
        "name_servers": ["10.0.0.2"],
        "address_pools": {"v4": {"prefix": "10.0.0.0/24", "gateway": "10.0.0.1"}},
    }
)
_NODE = node_context(
    name="n-001", site_id="dc1", site=_SITE, rack="dc1/a/01/01", position=1, addresses={"v4": "10.0.0.5/24"}
)
_LINES = next(iter(render_nodes([_NODE]).values())).count("\n")
_NEVER = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(server=st.text(), domain=st.text(), rack=st.text())
def test_every_value_comes_back_or_is_refused(server: str, domain: str, rack: str) -> None:
    """YAML reads back exactly the declared values, on an unchanged number of lines."""
    context = replace(_NODE, name_servers=(server,), search_domain=domain, rack=rack)
    try:
        text = next(iter(render_nodes([context]).values()))
    except RenderError:
        assert any(not character.isprintable() for character in server + domain + rack)
        return
    assert not any(unicodedata.category(character) in _NEVER for character in server + domain + rack)
    assert len(text.splitlines()) == text.count("\n") == _LINES
    names = yaml.safe_load(text)["network"]["bonds"]["uplink"]["nameservers"]
    assert names == {"search": [domain], "addresses": [server]}

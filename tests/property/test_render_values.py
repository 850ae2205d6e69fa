"""Whatever text a value holds: it comes back from the file exactly, or nothing is rendered."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from support.reference_sites import reference_sites
from zonewright.model import Site
from zonewright.model.surroundings import Surroundings
from zonewright.render import RenderError, SiteContext, node_context, render_all
from zonewright.render.contexts.node_view import fellows_of, site_view
from zonewright.render.contexts.site_limits import FeedLimit, MeterPoint
from zonewright.render.formats.format import AnyContext
from zonewright.render.formats.frr import FRR
from zonewright.render.formats.netplan import NETPLAN
from zonewright.render.formats.prometheus import PROMETHEUS

_SITE = Site.model_validate(
    {
        "title": "x",
        "district": "d",
        "name_servers": ["10.0.0.2"],
        "address_pools": {"v4": {"prefix": "10.0.0.0/24", "gateway": "10.0.0.1"}},
    }
)
_ADDRESSES = {"v4": "10.0.0.5/24"}
_NODE = node_context(
    name="n-001",
    view=site_view(
        site_id="dc1", site=_SITE, party="tenant-a", fellows=fellows_of([_ADDRESSES]), around=Surroundings()
    ),
    rack="dc1/a/01/01",
    position=1,
    addresses=_ADDRESSES,
    power_max_w=800,
)
_NETPLAN = f"nodes/dc1/n-001/{NETPLAN.files[0].path}"
_NEVER = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:/_-]*")


@cache
def _lines() -> int:
    """How many lines the file has, whatever the values are."""
    return render_all([_NODE])[_NETPLAN].count("\n")


def _site(district: str, meter: str, point: str, racks: str, feed: str) -> SiteContext:
    """A site of the reference zone with other texts in it."""
    return replace(
        reference_sites()["wj-edge-lili"],
        district=district,
        service_target=point,
        meters=(MeterPoint(name=meter, point=point),),
        feeds=(FeedLimit(feed=feed, limit_w=4000, racks=racks),),
        failovers=(),
    )


@cache
def _plain() -> Mapping[str, str]:
    """The files of a site with plain texts."""
    return render_all([_site("d", "m", "p", "r", "A")])


def _never(*texts: str) -> bool:
    return any(unicodedata.category(character) in _NEVER for text in texts for character in text)


@given(server=st.text(), domain=st.text(), rack=st.text())
def test_every_value_comes_back_or_is_refused(server: str, domain: str, rack: str) -> None:
    """YAML reads back exactly the declared values, on an unchanged number of lines."""
    context = replace(_NODE, name_servers=(server,), search_domain=domain, rack=rack)
    try:
        text = render_all([context])[_NETPLAN]
    except RenderError:
        assert any(not character.isprintable() for character in server + domain + rack)
        return
    assert not _never(server, domain, rack)
    assert len(text.splitlines()) == text.count("\n") == _lines()
    names = yaml.safe_load(text)["network"]["bonds"]["uplink"]["nameservers"]
    assert names == {"search": [domain], "addresses": [server]}


def _expanded(text: str) -> str:
    """What Go's templates make of a label that holds nothing but text and quoted braces."""
    return text.replace('{{ "{{" }}', "{{")


def _strings_of(expression: str) -> list[str]:
    """The strings of a PromQL expression, without their escapes."""
    found = re.findall(r'"((?:[^"\\]|\\.)*)"', expression)
    return [re.sub(r"\\(.)", r"\1", text) for text in found]


_TEXT = st.text() | st.text(alphabet='{}"\\$ab%#:- |\n')


@given(district=_TEXT, meter=_TEXT, point=_TEXT, racks=_TEXT, feed=_TEXT)
def test_prometheus_reads_back_every_value(district: str, meter: str, point: str, racks: str, feed: str) -> None:
    """YAML, PromQL and the templates of labels each give exactly the declared values, on as many lines."""
    values = (district, meter, point, racks, feed)
    try:
        files = render_all([_site(*values)])
    except RenderError:
        assert any(not character.isprintable() for text in values for character in text)
        return
    assert not _never(*values)
    for file in PROMETHEUS.files:
        text = files[f"sites/wj-edge-lili/{file.path}"]
        assert len(text.splitlines()) == text.count("\n") == _plain()[f"sites/wj-edge-lili/{file.path}"].count("\n")
    scrape = yaml.safe_load(files["sites/wj-edge-lili/etc/prometheus/prometheus.yml"])["scrape_configs"][0]
    assert scrape["static_configs"] == [{"targets": [point], "labels": {"site": "wj-edge-lili", "district": district}}]
    groups = yaml.safe_load(files["sites/wj-edge-lili/etc/prometheus/rules/zonewright.yml"])["groups"]
    rules = {item.get("alert", item.get("record")): item for group in groups for item in group["rules"]}
    missing, over = rules["MeterMissing"], rules["FeedPowerOverLimit"]
    assert (_expanded(missing["labels"]["meter"]), _expanded(missing["labels"]["point"])) == (meter, point)
    assert _strings_of(missing["expr"]) == ["wj-edge-lili", meter] * 2
    assert (_expanded(over["labels"]["feed"]), _expanded(over["labels"]["district"])) == (feed, district)
    assert _strings_of(over["expr"]) == ["wj-edge-lili", feed, racks]
    assert rules["site:hw_host_power_watts:sum"]["labels"]["district"] == district


@given(link=_TEXT, peer=_TEXT, risks=_TEXT, address=_TEXT)
def test_frr_takes_words_only(link: str, peer: str, risks: str, address: str) -> None:
    """A command gets single words exactly as declared, a comment stays on its line; all else is refused."""
    plain = reference_sites()["wj-edge-lili"]
    first = replace(plain.interfaces[0], link=link, peer=peer, risks=risks, v4=address)
    try:
        files = render_all([replace(plain, interfaces=(first, *plain.interfaces[1:]))])
    except RenderError:
        bad = any(not character.isprintable() for character in link + peer + risks + address)
        assert bad or not all(_WORD.fullmatch(text) for text in (link, peer, *([address] if address else [])))
        return
    path = f"sites/wj-edge-lili/{FRR.files[0].path}"
    text, before = files[path], _plain()[path]
    assert not _never(link, peer, risks, address)
    assert text.count("\n") == len(text.splitlines()) == before.count("\n") - (not address)
    assert f" description {link} to {peer}\n" in text
    assert not address or f" ip address {address}\n" in text
    assert f"it goes down with: {risks}.\n" in text


@given(value=st.text(min_size=1).filter(_never))
def test_no_format_lets_a_line_break_through(value: str) -> None:
    """A control or format character in any text that a template prints is refused, whatever the format."""
    contexts: list[AnyContext] = [replace(_NODE, rack=value), replace(reference_sites()["wj-dc1"], district=value)]
    router = reference_sites()["wj-dc1"]
    contexts.append(replace(router, router_id=value))
    contexts.append(replace(router, sessions=(replace(router.sessions[0], neighbor=value),)))
    contexts.append(replace(router, networks_v4=(value,)))
    for context in contexts:
        with pytest.raises(RenderError) as caught:
            render_all([context])
        assert "\n" not in str(caught.value)

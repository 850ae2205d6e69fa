"""Every format: its own reader finds exactly the declared values in the file, or nothing is rendered."""

import json
import re
import tomllib
import unicodedata
from dataclasses import fields, is_dataclass, replace
from functools import cache
from html.parser import HTMLParser
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from support.reference_nodes import reference_groups, reference_nodes
from support.reference_sites import edge_site, reference_sites
from support.zone_contexts import small_sites
from zonewright.render import NodeContext, RenderError, SiteContext, render_all
from zonewright.render.contexts.labels import LabelFeed
from zonewright.render.contexts.site_names import Alias
from zonewright.render.formats import FORMATS
from zonewright.render.formats.format import AnyContext, subject_of
from zonewright.render.sandbox.templates import load

NEVER = {"Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"}
TEXT = (
    st.text() | st.text(alphabet="{}\"'\\$<>&;%#:-/ |\n\r\t\0") | st.from_regex(r"[a-z0-9.:/-]{1,20}", fullmatch=True)
)


@cache
def node() -> NodeContext:
    """A node with time servers; not made when tests are collected, which each process of a run does."""
    return next(one for one in reference_nodes() if one.time_servers)


def rendered(context: AnyContext) -> dict[str, str] | None:
    """Files by the last part of their path, or None where the values are refused in one sentence."""
    try:
        files = render_all([context])
    except RenderError as error:
        if "\n" in str(error):
            raise
        return None
    for text in files.values():
        assert len(text.splitlines()) == text.count("\n")
        assert not any(unicodedata.category(one) in NEVER for one in text.replace("\n", "").replace("\t", ""))
    return {path.rsplit("/", 1)[1]: text for path, text in files.items()}


@given(server=TEXT)
def test_chrony_reads_back_its_servers(server: str) -> None:
    """A server is exactly the declared address."""
    files = rendered(replace(node(), time_servers=(server,)))
    if files is not None:
        assert re.findall(r"^server (\S+) iburst$", files["chrony.conf"], re.MULTILINE) == [server]


@given(own=TEXT, management=TEXT, service=TEXT, party=TEXT)
def test_nftables_reads_back_its_sets(own: str, management: str, service: str, party: str) -> None:
    """Each set has exactly the declared element."""
    plain = rendered(node())
    assert plain is not None
    made = replace(node(), fellows_v4=(own,), management_v4=(management,), service_v4=(service,), party=party)
    files = rendered(made)
    if files is None:
        return
    found = dict(re.findall(r"set (\w+) \{[^}]*?elements = \{\n(.*?),\n\t\t\}", files["nftables.conf"], re.DOTALL))
    assert [found[name].strip() for name in ("own_v4", "management_v4", "service_v4")] == [own, management, service]
    assert f"# All nodes of {party} that" in files["nftables.conf"]


@given(url=TEXT, rack=TEXT)
def test_toml_reads_back_the_settings(url: str, rack: str) -> None:
    """TOML gives exactly the declared text."""
    files = rendered(replace(node(), service_url=url, rack=rack))
    if files is not None:
        assert tomllib.loads(files["agent.toml"])["url"] == url


@given(pool=TEXT, prefix=TEXT, first=TEXT, gateway=TEXT, domain=TEXT)
def test_kea_reads_back_its_networks(pool: str, prefix: str, first: str, gateway: str, domain: str) -> None:
    """JSON without its comments gives exactly the declared values."""
    lease = replace(edge_site().leases[0], pool=pool, prefix=prefix, first=first, gateway=gateway)
    files = rendered(replace(edge_site(), leases=(lease,), domain=domain))
    if files is None:
        return
    lines = [line for line in files["kea-dhcp4.conf"].splitlines() if not line.lstrip().startswith("//")]
    (subnet,) = json.loads("\n".join(lines))["Dhcp4"]["subnet4"]
    assert (subnet["subnet"], subnet["option-data"][0]["data"]) == (prefix, gateway)
    assert subnet["pools"] == [{"pool": f"{first} - {lease.last}"}]


@given(name=TEXT, address=TEXT, target=TEXT, alias=TEXT)
def test_zone_files_read_back_names(name: str, address: str, target: str, alias: str) -> None:
    """A zone has exactly the declared names, addresses and ways back, one on each line."""
    zone = edge_site().reverse_zones[0]
    zone = replace(zone, pointers=(replace(zone.pointers[0], target=target),))
    record = replace(edge_site().names[0], name=name, address=address)
    other = Alias(name=alias, target="ns1")
    files = rendered(replace(edge_site(), names=(record,), aliases=(other,), reverse_zones=(zone,)))
    if files is None:
        return
    lines = [line.split(" ") for line in files["site.zone"].splitlines() if not line.startswith((";", "$", "@"))]
    assert lines == [[name, "IN", record.kind, address], [alias, "IN", "CNAME", other.target]] or name == "@"
    assert f" IN PTR {target}\n" in files[f"{zone.key}.zone"]


@given(name=TEXT, address=TEXT, client=TEXT, domain=TEXT)
def test_a_groups_zone_reads_back(name: str, address: str, client: str, domain: str) -> None:
    """A party's zone and view have exactly the declared names, addresses and clients."""
    record = replace(reference_groups()[0].records[0], name=name, address=address)
    files = rendered(replace(reference_groups()[0], records=(record,), clients=(client,), domain=domain))
    if files is None:
        return
    assert f"\n{name} IN {record.kind} {address}\n" in files["forward.zone"]
    view = files[f"{reference_groups()[0].name}.conf"]
    assert re.findall(r"match-clients \{\n\t\t(\S+);\n", view) == [client]
    assert f'zone "{domain}" {{' in view


class _Texts(HTMLParser):
    """The texts of a page, and its elements."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.tags = "", 0

    def handle_data(self, data: str) -> None:
        """Keep it."""
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count it; none of ours comes from a value."""
        self.tags += 1 + len(attrs) + 0 * len(tag)


@given(title=TEXT, room=TEXT, panel=TEXT)
def test_labels_read_back(title: str, room: str, panel: str) -> None:
    """HTML has exactly the declared texts, and not one element more."""
    feed = LabelFeed(name="A", available_w=1, power_panel=panel)
    row = replace(edge_site().label_rows[0], room=room, feeds=(feed,), racks=("01",))
    files = rendered(replace(edge_site(), title=title, label_rows=(row,)))
    if files is None:
        return
    page, plain = _Texts(), _Texts()
    page.feed(files["rack-labels.html"])
    assert f"{title}: rack labels of" in page.text
    assert f"feed A: 1 W, {panel}" in page.text
    assert f"{room}, row" in page.text
    other = rendered(
        replace(edge_site(), title="t", label_rows=(replace(row, room="r", feeds=(replace(feed, power_panel="p"),)),))
    )
    assert other is not None
    plain.feed(other["rack-labels.html"])
    assert page.tags == plain.tags


def printed(context: AnyContext) -> list[str]:
    """Paths of the texts that templates print of a context, such as ``site.peers[].v4[]``."""
    subject = subject_of(context)
    own = [item for item in FORMATS if item.applies_to(context)]
    paths = {use.path for item in own for file in item.files for use in load(item, file).expressions}
    return sorted(path for path in paths if path.startswith(f"{subject}."))  # not those of loops


def with_value(value: object, parts: list[str], text: str) -> Any:
    """The same data with a text at a path; raises LookupError where there is no such place or no text."""
    if not parts:
        if not isinstance(value, str):
            raise LookupError
        return text
    name, *rest = parts
    if name == "[]":
        if not isinstance(value, tuple) or not value:
            raise LookupError
        return (with_value(value[0], rest, text), *value[1:])
    assert is_dataclass(value)
    assert name in {field.name for field in fields(value)}
    return replace(value, **{name: with_value(getattr(value, name), rest, text)})  # type: ignore[type-var]


@given(st.data())
def test_no_place_of_any_format_lets_a_control_character_through(data: st.DataObject) -> None:
    """Whatever text of whatever context: with a control or format character it is refused, or in no file at all."""
    contexts: list[AnyContext] = [
        node(),
        reference_groups()[0],
        edge_site(),
        *small_sites()[:1],
        reference_sites()["wj-dc1"],
    ]
    context = data.draw(st.sampled_from(contexts))
    path = data.draw(st.sampled_from(printed(context)))
    text = data.draw(st.text(min_size=1).filter(lambda one: any(unicodedata.category(c) in NEVER for c in one)))
    parts = [part for step in path.split(".")[1:] for part in (step.replace("[]", ".[]")).split(".")]
    try:
        made = with_value(context, parts, text)
    except LookupError:
        assume(False)  # noqa: FBT003 - hypothesis' form
    files = rendered(made)
    if files is not None:  # a template only looks at it, and rendered() has found no such character in any file
        has_no_pair = isinstance(context, SiteContext) and not context.dhcp.peers
        looked_at = {"kind", "management_vrf", "mode", "role", "status", "uefi_file", "vrf"}
        is_uplink = path == "node.bonds[].name"  # the bond for data has its name in the template
        assert path.rsplit(".", 1)[1] in looked_at or is_uplink or (path.startswith("site.dhcp.") and has_no_pair)
